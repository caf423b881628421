#include "jwks.hpp"

#include <algorithm>
#include <optional>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>

namespace tidings::auth {

namespace {

constexpr std::size_t kMaxKeyId = 256;

Result<std::string> Binary(const json::object& key, std::string_view member) {
  const auto text = json::RequiredText(key, member);
  if (!text) return std::unexpected(text.error());
  auto bytes = Base64UrlDecode(*text);
  if (!bytes) return Fail(ErrorCode::kInvalid, "\"" + std::string(member) + "\" is not base64url");
  return *std::move(bytes);
}

Status CheckAlgorithm(const json::object& key, std::string_view kind, Algorithm algorithm) {
  const auto named = json::OptionalText(key, "alg");
  if (!named) return std::unexpected(named.error());
  if (*named && **named != Name(algorithm)) {
    return Fail(ErrorCode::kInvalid,
                "\"alg\" of a key of kind " + std::string(kind) + " must be " + std::string(Name(algorithm)));
  }
  return {};
}

// A key that says what it is for must be for verifying.
Status CheckPurpose(const json::object& key) {
  const json::value* const operations = key.if_contains("key_ops");
  if (operations == nullptr) return {};
  const auto list = json::TextList(key, "key_ops", 16);
  if (!list) return std::unexpected(list.error());
  if (std::ranges::find(*list, "verify") == list->end() && std::ranges::find(*list, "sign") == list->end()) {
    return Fail(ErrorCode::kInvalid, "\"key_ops\" does not hold \"verify\"");
  }
  return {};
}

Result<Key> ReadEd25519(const json::object& key, std::string id) {
  const auto curve = json::RequiredText(key, "crv");
  if (!curve) return std::unexpected(curve.error());
  if (*curve != "Ed25519") return Fail(ErrorCode::kInvalid, "\"crv\" must be Ed25519");
  if (auto fits = CheckAlgorithm(key, "OKP", Algorithm::kEdDsa); !fits) return std::unexpected(fits.error());
  const auto x = Binary(key, "x");
  return x ? Key::Ed25519(std::move(id), *x) : std::unexpected(x.error());
}

Result<Key> ReadRsa(const json::object& key, std::string id) {
  if (auto fits = CheckAlgorithm(key, "RSA", Algorithm::kRs256); !fits) return std::unexpected(fits.error());
  const auto n = Binary(key, "n");
  if (!n) return std::unexpected(n.error());
  const auto e = Binary(key, "e");
  return e ? Key::Rs256(std::move(id), *n, *e) : std::unexpected(e.error());
}

Result<Key> ReadSecret(const json::object& key, std::string id) {
  if (auto fits = CheckAlgorithm(key, "oct", Algorithm::kHs256); !fits) return std::unexpected(fits.error());
  const auto k = Binary(key, "k");
  return k ? Key::Hs256(std::move(id), *k) : std::unexpected(k.error());
}

Result<std::string> ReadKeyId(const json::object& key) {
  const auto id = json::OptionalText(key, "kid");
  if (!id) return std::unexpected(id.error());
  if (!*id) return std::string();
  if ((*id)->empty() || (*id)->size() > kMaxKeyId) {
    return Fail(ErrorCode::kInvalid, "\"kid\" must have 1 to 256 bytes");
  }
  if (**id == kInternalKeyId) return Fail(ErrorCode::kInvalid, "this \"kid\" is reserved for the server's own key");
  return **id;
}

// Nothing for a key that is for encryption.
Result<std::optional<Key>> ReadKey(const json::object& key) {
  const auto use = json::OptionalText(key, "use");
  if (!use) return std::unexpected(use.error());
  if (*use && **use == "enc") return std::optional<Key>();
  if (*use && **use != "sig") return Fail(ErrorCode::kInvalid, "\"use\" must be sig or enc");
  if (auto fits = CheckPurpose(key); !fits) return std::unexpected(fits.error());
  auto id = ReadKeyId(key);
  if (!id) return std::unexpected(id.error());
  const auto kind = json::RequiredText(key, "kty");
  if (!kind) return std::unexpected(kind.error());
  if (*kind != "OKP" && *kind != "RSA" && *kind != "oct") {
    return Fail(ErrorCode::kInvalid, "\"kty\" must be OKP (Ed25519), RSA or oct");
  }
  auto read = *kind == "OKP"   ? ReadEd25519(key, *std::move(id))
              : *kind == "RSA" ? ReadRsa(key, *std::move(id))
                               : ReadSecret(key, *std::move(id));
  if (!read) return std::unexpected(read.error());
  return std::optional<Key>(*std::move(read));
}

std::string Place(std::size_t index, const json::value& key) {
  std::string place = "keys[" + std::to_string(index) + "]";
  const json::object* const object = key.if_object();
  const json::value* const id = object == nullptr ? nullptr : object->if_contains("kid");
  if (id != nullptr && id->is_string() && id->get_string().size() <= kMaxKeyId) {
    place += " (kid " + json::Quote(id->get_string()) + ")";
  }
  return place;
}

Error Invalid(const Error& error) { return Error(ErrorCode::kInvalid, error.message()); }

}  // namespace

Result<std::vector<Key>> ReadJwks(std::string_view json) {
  const auto parsed = json::Parse(json);
  if (!parsed) return std::unexpected(Invalid(parsed.error()));
  const json::object* const set = parsed->if_object();
  const json::value* const list = set == nullptr ? nullptr : set->if_contains("keys");
  if (list == nullptr || !list->is_array()) {
    return Fail(ErrorCode::kInvalid, "a key set is an object with an array \"keys\"");
  }
  std::vector<Key> keys;
  for (std::size_t i = 0; i < list->get_array().size(); ++i) {
    const json::value& item = list->get_array()[i];
    if (!item.is_object()) return Fail(ErrorCode::kInvalid, Place(i, item) + ": a key is an object");
    auto key = ReadKey(item.get_object());
    if (!key) return std::unexpected(Invalid(key.error()).Within(Place(i, item)));
    if (!*key) continue;
    if (std::ranges::any_of(keys, [&](const Key& other) { return other.id() == (*key)->id(); })) {
      return Fail(ErrorCode::kInvalid, Place(i, item) + ": another key has the same \"kid\", or neither has one");
    }
    keys.push_back(**std::move(key));
  }
  if (keys.empty()) return Fail(ErrorCode::kInvalid, "the set holds no key for signatures");
  return keys;
}

}  // namespace tidings::auth
