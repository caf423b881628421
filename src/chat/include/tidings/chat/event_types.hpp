// All types of the log's events.
#pragma once

#include <array>

#include <tidings/chat/types.hpp>

namespace tidings::chat {

inline constexpr std::array kEventTypes{
    event_type::kRoomCreated,    event_type::kRoomUpdated,    event_type::kRoomDeleted,
    event_type::kMemberJoined,   event_type::kMemberLeft,     event_type::kMemberUpdated,
    event_type::kMessageCreated, event_type::kMessageUpdated, event_type::kMessageDeleted,
};

}  // namespace tidings::chat
