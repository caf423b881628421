#include "push/server_access.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>

#include <tidings/app/server_proof.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

constexpr Millis kNow = 1'795'687'200'000;
constexpr Millis kMinute = 60'000;

class ServerAccessTest : public ::testing::Test {
 protected:
  ServerAccessTest() {
    EXPECT_TRUE(ReplaceFile(folder_.File("control"), R"({"port":4711,"pid":12})"));
    EXPECT_TRUE(ReplaceFile(folder_.File("tidings.lock"), "12\n"));
  }
  ~ServerAccessTest() override {
    if (lock_ >= 0) close(lock_);
  }
  void Hold() {
    lock_ = open(folder_.File("tidings.lock").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(flock(lock_, LOCK_EX | LOCK_NB), 0);
  }
  Result<ControlAddress> Access() { return ServerAccess(folder_.path(), kNow); }

  TempFolder folder_;
  int lock_ = -1;
};

TEST_F(ServerAccessTest, WhatAKilledServerLeftNamesNoServer) {
  const auto left = Access();
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code(), ErrorCode::kUnavailable);
  Hold();
  EXPECT_TRUE(Access());
}

TEST_F(ServerAccessTest, ThePortIsThatOfWhoHoldsTheStore) {
  Hold();
  ASSERT_EQ(pwrite(lock_, "13\n", 3, 0), 3);
  EXPECT_FALSE(Access()) << "another has the store, and has named no port yet";
  ASSERT_EQ(ftruncate(lock_, 0), 0);
  EXPECT_TRUE(Access()) << "there was no room for its name";
}

TEST_F(ServerAccessTest, TheRightIsForAMinute) {
  Hold();
  const auto access = Access();
  ASSERT_TRUE(access);
  EXPECT_EQ(access->url, "http://127.0.0.1:4711");
  EXPECT_TRUE(access->keys->Verify(access->token, kNow));
  EXPECT_FALSE(access->keys->Verify(access->token, kNow + kMinute + auth::kLeeway + 1'000));
}

TEST_F(ServerAccessTest, OnlyTheFoldersSecretProvesAndOnlyTheQuestion) {
  Hold();
  const auto access = Access();
  ASSERT_TRUE(access);
  auth::Grant grant;
  grant.sub = kServerProof + access->nonce;
  EXPECT_TRUE(access->Proves(*access->keys->Sign(grant, kNow), kNow));
  const auto strangers = auth::KeySet::Make({.secret = {}, .jwks_file = {}, .internal_secret = std::string(40, 's')});
  EXPECT_FALSE(access->Proves(*(*strangers)->Sign(grant, kNow), kNow));
  grant.sub = kServerProof + Access()->nonce;
  EXPECT_FALSE(access->Proves(*access->keys->Sign(grant, kNow), kNow));
  EXPECT_FALSE(access->Proves("", kNow));
  EXPECT_FALSE(access->Proves(access->token, kNow));
}

}  // namespace
}  // namespace tidings::app
