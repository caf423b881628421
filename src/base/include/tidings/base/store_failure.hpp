// StoreFailure: thrown where a store itself failed (no room, an I/O error, damage), through code that only uses it.
#pragma once

#include <utility>

#include <tidings/base/error.hpp>

namespace tidings {

// Whoever keeps the store catches it; what runs on the store lets it pass.
class StoreFailure {
 public:
  explicit StoreFailure(Error error) : error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace tidings
