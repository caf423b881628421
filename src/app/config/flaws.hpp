// What texts of settings must look like. Each answers what is wrong, or null; an empty text stands for "none".
#pragma once

#include <string_view>

namespace tidings::app {

const char* FlawOfSecret(std::string_view text);
const char* FlawOfPassword(std::string_view text);
const char* FlawOfStore(std::string_view text);
const char* FlawOfAmqp(std::string_view text);
const char* FlawOfRedis(std::string_view text);
const char* FlawOfSubnet(std::string_view text);
const char* FlawOfOrigin(std::string_view text);
const char* FlawOfHttp(std::string_view text);
const char* FlawOfWorker(std::string_view text);
const char* FlawOfDuration(std::string_view text);
const char* FlawOfPath(std::string_view text);

}  // namespace tidings::app
