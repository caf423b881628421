// The log's own rows, as the chat's tables count them.
#pragma once

// The number that stands for the type in `events`; asked for in each statement, since a type is numbered when it first
// happens and that may be rolled back.
#define TIDINGS_MESSAGE_CREATED "(SELECT number FROM event_types WHERE name = 'message.created')"
