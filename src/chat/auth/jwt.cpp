#include <tidings/auth/jwt.hpp>

#include <utility>
#include <vector>

#include <tidings/base/bytes.hpp>
#include <tidings/base/guarded.hpp>
#include <tidings/base/json.hpp>

#include "jwks.hpp"
#include "key.hpp"
#include "key_file.hpp"
#include "token.hpp"
#include "user_text.hpp"

namespace tidings::auth {

namespace {

// All keys at one time; never changed once it is made.
class Keys {
 public:
  std::optional<Key> shared;
  std::vector<Key> listed;  // of the file
  std::optional<Key> internal;

  const Key* Find(std::string_view id) const {
    if (internal && id == kInternalKeyId) return &*internal;
    for (const Key& key : listed) {
      if (!id.empty() && key.id() == id) return &key;
    }
    return nullptr;
  }

  // The key of a token that names none.
  const Key* Default() const {
    if (shared) return &*shared;
    if (listed.size() == 1) return &listed.front();
    for (const Key& key : listed) {
      if (key.id().empty()) return &key;
    }
    return listed.empty() && internal ? &*internal : nullptr;
  }

  bool HasOutside() const { return shared.has_value() || !listed.empty(); }
};

struct Loaded {
  std::shared_ptr<const Keys> keys;
  FileStamp stamp;
};

Result<Loaded> Load(const KeySources& sources) {
  Keys keys;
  Loaded loaded;
  if (!sources.secret.empty()) {
    auto key = Key::Hs256("", sources.secret);
    if (!key) return std::unexpected(key.error().Within("the JWT secret"));
    keys.shared = *std::move(key);
  }
  if (!sources.internal_secret.empty()) {
    auto key = Key::Hs256(std::string(kInternalKeyId), sources.internal_secret);
    if (!key) return std::unexpected(key.error().Within("the server's own secret"));
    keys.internal = *std::move(key);
  }
  if (!sources.jwks_file.empty()) {
    const std::string where = "the JWKS file " + sources.jwks_file.string();
    auto file = ReadKeyFile(sources.jwks_file);
    if (!file) return std::unexpected(file.error().Within(where));
    auto listed = ReadJwks(file->text);
    if (!listed) return std::unexpected(listed.error().Within(where));
    for (const Key& key : *listed) {
      if (keys.shared && key.id().empty()) {
        return Fail(ErrorCode::kInvalid, where + ": beside a JWT secret, every key needs a \"kid\"");
      }
    }
    keys.listed = *std::move(listed);
    loaded.stamp = file->stamp;
  }
  loaded.keys = std::make_shared<const Keys>(std::move(keys));
  return loaded;
}

constexpr std::string_view kInternalHeader = R"({"alg":"HS256","kid":"tidings","typ":"JWT"})";
constexpr std::string_view kSharedHeader = R"({"alg":"HS256","typ":"JWT"})";

}  // namespace

class KeySet::State {
 public:
  State(KeySources from, Loaded loaded)
      : sources(std::move(from)), keys(std::in_place, std::move(loaded.keys)), seen(std::in_place, loaded.stamp) {}

  std::shared_ptr<const Keys> Now() { return *keys.Lock(); }

  const KeySources sources;
  Guarded<std::shared_ptr<const Keys>> keys;
  Guarded<FileStamp> seen;  // of the file when it was last read, whether its keys were good or bad
};

KeySet::KeySet(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeySet::~KeySet() = default;

Result<std::unique_ptr<KeySet>> KeySet::Make(KeySources sources) {
  auto loaded = Load(sources);
  if (!loaded) return std::unexpected(loaded.error());
  return std::unique_ptr<KeySet>(new KeySet(std::make_unique<State>(std::move(sources), *std::move(loaded))));
}

Result<Claims> KeySet::Verify(std::string_view token, Millis now, const Expectation& expected) const {
  const auto parts = Take(token);
  if (!parts) return std::unexpected(parts.error());
  const auto keys = state_->Now();
  const Key* const key = parts->key_id ? keys->Find(*parts->key_id) : keys->Default();
  if (key == nullptr) {
    return Fail(ErrorCode::kUnauthorized, parts->key_id ? "the token is refused: this server has no key of its \"kid\""
                                                        : "the token is refused: its header must name a key (\"kid\")");
  }
  if (parts->algorithm != Name(key->algorithm())) {
    return Fail(ErrorCode::kUnauthorized,
                "the token is refused: its \"alg\" is not that of its key, " + std::string(Name(key->algorithm())));
  }
  if (!key->Verify(parts->signed_text, parts->signature)) {
    return Fail(ErrorCode::kUnauthorized, "the token is refused: its signature is not that of its key");
  }
  const bool internal = keys->internal && key == &*keys->internal;
  auto claims = ReadClaims(parts->payload, now, internal ? nullptr : &expected);
  if (claims) claims->key_id = key->id();
  return claims;
}

Result<std::string> KeySet::Sign(const Grant& grant, Millis now, Signer signer) const {
  const auto keys = state_->Now();
  const std::optional<Key>& key = signer == Signer::kInternal ? keys->internal : keys->shared;
  if (!key) return Fail(ErrorCode::kInvalid, "there is no key to sign this token with");
  if (!IsUserId(grant.sub)) {
    return Fail(ErrorCode::kInvalid, "a user id has 1 to 128 characters and no control characters");
  }
  if (!IsUtf8(grant.name) || !IsUtf8(grant.issuer) || !IsUtf8(grant.audience)) {
    return Fail(ErrorCode::kInvalid, "the token's name, issuer and audience must be UTF-8");
  }
  if (now < 0 || grant.ttl.count() < 1 || grant.ttl > std::chrono::years(100)) {
    return Fail(ErrorCode::kInvalid, "a token is good for 1 second to 100 years");
  }
  std::string payload;
  json::ObjectWriter writer(payload);
  writer.Text("sub", grant.sub);
  if (!grant.name.empty()) writer.Text("name", CleanName(grant.name));
  if (grant.admin) writer.Text("scope", "admin");
  if (!grant.issuer.empty()) writer.Text("iss", grant.issuer);
  if (!grant.audience.empty()) writer.Text("aud", grant.audience);
  const auto seconds = static_cast<std::uint64_t>(now / 1000);
  writer.Number("iat", seconds).Number("exp", seconds + static_cast<std::uint64_t>(grant.ttl.count())).End();

  std::string token = Base64UrlEncode(signer == Signer::kInternal ? kInternalHeader : kSharedHeader);
  token += '.';
  token += Base64UrlEncode(payload);
  const std::string code = key->Sign(token);
  token += '.';
  token += Base64UrlEncode(code);
  if (code.empty() || token.size() > kMaxTokenBytes) {
    return Fail(ErrorCode::kInvalid, "the token cannot be made: it would be longer than 8 KiB");
  }
  return token;
}

Result<bool> KeySet::Reload() {
  if (state_->sources.jwks_file.empty()) return false;
  auto seen = state_->seen.Lock();
  const FileStamp stamp = StampOf(state_->sources.jwks_file);
  if (stamp == *seen) return false;
  *seen = stamp;
  auto loaded = Load(state_->sources);
  if (!loaded) return std::unexpected(loaded.error());
  *seen = loaded->stamp;
  *state_->keys.Lock() = std::move(loaded->keys);
  return true;
}

bool KeySet::HasOutsideKeys() const { return state_->Now()->HasOutside(); }

}  // namespace tidings::auth
