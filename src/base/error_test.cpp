#include <tidings/base/error.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tidings {
namespace {

class Animal {
 public:
  virtual ~Animal() = default;
};
class Cat : public Animal {};

Result<std::unique_ptr<Cat>> Find(bool there) {
  if (!there) return Fail(ErrorCode::kNotFound, "no cat");
  return std::make_unique<Cat>();
}

TEST(Result, BecomesOneOfAWiderType) {
  const Result<std::unique_ptr<Animal>> found = Find(true);
  EXPECT_TRUE(found);
  const Result<std::unique_ptr<Animal>> missing = Find(false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  const Result<std::string> text = Result<const char*>("abc");
  EXPECT_EQ(*text, "abc");
}

// A bool can be made of any result: a copy must not be taken for that.
TEST(Result, OfABoolKeepsItsErrorWhereItIsCopied) {
  Result<bool> failed = Fail(ErrorCode::kInternal, "broken");
  const Result<bool> copy(failed);
  EXPECT_FALSE(copy);
  std::optional<Result<bool>> within;
  within.emplace(failed);
  EXPECT_FALSE(*within);
  failed = true;
  EXPECT_TRUE(failed && *failed);
}

TEST(Result, IsAStdExpectedToWhoWantsOne) {
  const std::expected<int, Error> plain = Result<int>(3);
  EXPECT_EQ(*plain, 3);
  const Result<int> back = plain;
  EXPECT_EQ(*back, 3);
  Status status = std::expected<void, Error>(Fail(ErrorCode::kConflict, "twice"));
  EXPECT_FALSE(status);
}

}  // namespace
}  // namespace tidings
