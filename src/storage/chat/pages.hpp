// Pages of numbered things.
#pragma once

#include <vector>

#include <tidings/chat/reader.hpp>

#include "numbers.hpp"

namespace tidings::sqlite {

struct NumberPage {
  std::vector<chat::Seq> numbers;  // ascending
  bool has_before = false;
  bool has_after = false;
};

NumberPage PageOf(Numbers& numbers, const chat::PageQuery& query);

}  // namespace tidings::sqlite
