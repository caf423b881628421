// The chat's tables in the file of a SqliteEventStore.
//
//   options.parts.push_back(sqlite::ChatSchema());
#pragma once

#include <string>

#include <tidings/storage/sqlite/event_store.hpp>

namespace tidings::sqlite {

// The tables of users, rooms and all else that the chat derives from the log or keeps beside it, step by step.
SchemaPart ChatSchema();

// The newest form of the tables that the log alone determines, for a file of their own: what is rebuilt to compare.
std::string DerivedSchema();

}  // namespace tidings::sqlite
