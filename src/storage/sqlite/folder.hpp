// The store's folder: made, locked, synced.
#pragma once

#include <functional>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::sqlite {

// Holds the folder for this process until it is dropped.
class Folder {
 public:
  // Makes the folder (0700) if it is missing and takes its lock. The file `tidings.lock` names the holder's pid.
  static Result<Folder> Take(const std::string& path);

  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&&) = delete;
  ~Folder();

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  Folder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

// Makes the folder (0700) if it is missing; its entry is synced then.
Status MakeFolder(const std::string& path);
// Has the names in a folder survive a crash. Returns 0 or an errno value.
int SyncFolder(const std::string& path);
// Has a file's contents survive a crash. Returns 0 or an errno value.
int SyncFile(const std::string& path);

}  // namespace tidings::sqlite
