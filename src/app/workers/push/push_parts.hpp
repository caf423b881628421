// How the users of a push are cut into requests. A request's number is part of its idempotency key, and the gateway may have
// done what it did not answer: so a number stands for the same users at every try, but for those who are not to be told any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tidings::app {

class PushPart {
 public:
  std::uint64_t part = 0;
  std::vector<std::string> users;
  bool told = false;
};

class PushCut {
 public:
  std::vector<PushPart> requests;  // to be made, none of them empty
  std::vector<PushPart> fresh;     // those of them that were not known; to be kept before they are made
};

// `known`: what was cut at former tries, with all its users. `away`: who is to be told now; those among them who were in no request
// so far get new ones, of `most` users.
PushCut CutPush(const std::vector<PushPart>& known, const std::vector<std::string>& away, std::size_t most);

}  // namespace tidings::app
