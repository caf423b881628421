#include <tidings/auth/secret_file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>
#include <vector>

#include <tidings/base/id.hpp>

namespace tidings::auth {
namespace {

namespace fs = std::filesystem;

class SecretFile : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  const fs::path folder_ = fs::temp_directory_path() / ("secret-" + RandomToken(12));
  const fs::path file_ = folder_ / "secret";
};

TEST_F(SecretFile, IsMadeOnceAndReadAfterwards) {
  const auto first = ReadOrCreateSecret(file_);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->size(), 43U);
  EXPECT_EQ(ReadOrCreateSecret(file_).value(), *first);
  struct stat status{};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // no draft left
  EXPECT_NE(ReadOrCreateSecret(folder_ / "other").value(), *first);
}

TEST_F(SecretFile, IsTheSameForAllWhoMakeItAtOnce) {
  std::vector<std::string> secrets(8);
  {
    std::vector<std::jthread> makers;
    for (std::string& secret : secrets)
      makers.emplace_back([&] { secret = ReadOrCreateSecret(file_).value_or("failed"); });
  }
  for (const std::string& secret : secrets) EXPECT_EQ(secret, secrets[0]);
  EXPECT_EQ(secrets[0].size(), 43U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(SecretFile, IsNeverReplaced) {
  for (const char* damaged : {"", "short\n", "!23456789012345678901234567890123456789012\n"}) {
    std::ofstream(file_, std::ios::trunc) << damaged;
    const auto read = ReadOrCreateSecret(file_);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message(), ::testing::HasSubstr(file_.string()));
    std::string kept;
    std::getline(std::ifstream(file_), kept);
    EXPECT_EQ(kept + (*damaged ? "\n" : ""), damaged);
  }
}

TEST_F(SecretFile, SaysWhereItCannotBeMade) {
  const auto made = ReadOrCreateSecret(folder_ / "missing" / "secret");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), ::testing::HasSubstr("missing/secret: cannot be made"));
  EXPECT_FALSE(ReadOrCreateSecret(folder_));
}

TEST_F(SecretFile, IsUsedThoughOthersMayReadIt) {
  const std::string secret = ReadOrCreateSecret(file_).value();
  fs::permissions(file_, fs::perms(0644));
  EXPECT_EQ(ReadOrCreateSecret(file_).value(), secret);
}

}  // namespace
}  // namespace tidings::auth
