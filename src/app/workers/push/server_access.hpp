// ServerAccess: where the server of a data folder takes commands, and the right to give them. Who can read the folder's secret has
// it; see docs/operations.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

class ControlAddress {
 public:
  std::string url;    // http://127.0.0.1:PORT
  std::string token;  // for a minute
  std::string nonce;  // of one question
  std::shared_ptr<const auth::KeySet> keys;

  // Whether this is the server's proof for the question with the nonce; see server_proof.hpp.
  bool Proves(std::string_view proof, Millis now) const;
};

// kUnavailable: no server runs on the folder, as far as its files and the store's lock tell.
Result<ControlAddress> ServerAccess(const std::filesystem::path& data, Millis now);

}  // namespace tidings::app
