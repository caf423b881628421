// JsonCodec: types as JSON, by Boost.Describe or by Boost.JSON's tag_invoke.
//
//   BOOST_DESCRIBE_STRUCT(OrderPlaced, (), (order_id, email))
//
// A described type's members are read by name, those of described types inside it too. What the type does not know is
// skipped, so that a newer sender may add members; what it lacks is an error, unless it is a std::optional.
#pragma once

#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::messaging {
namespace detail {

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

// Throws std::exception where the value does not fit.
template <class T>
T FromJson(const boost::json::value& value) {
  if constexpr (Described<T>) {
    const boost::json::object& object = value.as_object();
    T read{};
    using Members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(read.*member.pointer)>;
      const boost::json::value* const found = object.if_contains(member.name);
      if (found != nullptr) {
        read.*member.pointer = FromJson<Member>(*found);
      } else if constexpr (!kIsOptional<Member>) {
        throw std::invalid_argument(std::string("it has no ") + member.name);
      }
    });
    return read;
  } else if constexpr (kIsOptional<T>) {
    if (value.is_null()) return std::nullopt;
    return FromJson<typename T::value_type>(value);
  } else if constexpr (kIsVector<T>) {
    T read;
    for (const boost::json::value& each : value.as_array()) read.push_back(FromJson<typename T::value_type>(each));
    return read;
  } else {
    return boost::json::value_to<T>(value);
  }
}

template <class T>
boost::json::value ToJson(const T& value) {
  if constexpr (Described<T>) {
    boost::json::object object;
    using Members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(value.*member.pointer)>;
      if constexpr (kIsOptional<Member>) {
        if (!(value.*member.pointer)) return;
      }
      object.emplace(member.name, ToJson(value.*member.pointer));
    });
    return object;
  } else if constexpr (kIsOptional<T>) {
    return value ? ToJson(*value) : boost::json::value(nullptr);
  } else if constexpr (kIsVector<T>) {
    boost::json::array array;
    for (const auto& each : value) array.push_back(ToJson<typename T::value_type>(each));
    return array;
  } else {
    return boost::json::value_from(value);
  }
}

}  // namespace detail

template <class E>
class JsonCodec {
 public:
  static constexpr std::string_view kContentType = "application/json";
  std::string Encode(const E& event) const { return json::serialize(detail::ToJson(event)); }
  Result<E> Decode(std::string_view body) const {
    const auto value = json::Parse(body);
    if (!value) return std::unexpected(value.error());
    try {
      return detail::FromJson<E>(*value);
    } catch (const std::exception& error) {
      return Fail(ErrorCode::kMalformed, std::string("the body does not fit its type: ") + error.what());
    }
  }
};

}  // namespace tidings::messaging
