// What operators do from the command line, on a data folder. Each command works on the store itself, or, where a server
// runs on the folder, through that server. Outcomes for people go to `out`; progress goes to standard error, where that
// is a terminal. An error is one line that says what is wrong and what to do.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <tidings/app/config.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

// Reads everything, derives all that the log determines a second time and compares it row by row; the rest is checked
// against its bounds. Writes each finding. An error too if there are any. A running server is verified by a backup that
// it makes and that is removed afterwards.
Status Verify(const Config& config, std::ostream& out);

// Copies the store into a folder that has none.
Status Backup(const Config& config, const std::string& folder, std::ostream& out);

// Writes the whole store as JSON Lines; docs/export.md describes them. "-" is standard output. A file that exists is
// kConflict, or, if told so, replaced when the export is whole.
Status Export(const Config& config, const std::string& file, std::ostream& out, bool replace = false);
// Reads what Export wrote into an empty store: all of it in one commit, or nothing.
Status Import(const Config& config, const std::string& file, std::ostream& out);

struct NewUser {
  std::string id;        // of an application's user; empty for an account
  std::string name;
  std::string username;  // of an account that logs in here; its id is made by the store
  std::string password;
};
Status AddUser(const Config& config, const NewUser& user, std::ostream& out);
// A line for each user: id, name, and what else there is to say, separated by tabs.
Status ListUsers(const Config& config, std::ostream& out);
// Ends the user's rights (their sockets and tokens too), or gives them back.
Status SuspendUser(const Config& config, const std::string& id, bool suspended, std::ostream& out);

// What is asked of queues and dead letters; see queue_desk.hpp for the request.
struct QueueOrder {
  json::object request;
  std::string transport;    // an address, see queue_session.hpp; empty: the queues embedded in the store
  bool json_lines = false;  // the answer as JSON Lines
};
Status AskQueues(const Config& config, const QueueOrder& order, std::ostream& out);

// Moves queues to another transport, without losing a message. `from` is an address, or "sqlite" for the queues of the store
// ("embedded" means the same): by the server where one runs on the folder, else by this process. Ends when nothing is left, or,
// if it follows, by SIGINT or SIGTERM.
struct BridgeOrder {
  std::string from;
  std::string to;
  std::vector<std::string> queues;  // empty: all that are known
  bool follow = false;              // goes on until it is told to end
};
Status RunBridge(const Config& config, const BridgeOrder& order, std::ostream& out);

}  // namespace tidings::app
