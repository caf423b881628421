// The whole store read and checked.
#pragma once

#include <string>
#include <vector>

#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/storage/sqlite/readers.hpp>

namespace tidings::sqlite {

// See SqliteEventStore::CheckIntegrity. Throws StoreFailure where reading itself fails otherwise than by damage.
std::vector<std::string> FindDamage(Readers& readers, const SqliteEventStore::Progress& progress);

}  // namespace tidings::sqlite
