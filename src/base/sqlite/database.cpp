#include <tidings/base/sqlite/database.hpp>

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace tidings::sqlite {

namespace {

SqliteFailure::Cause CauseOf(int code) {
  using Cause = SqliteFailure::Cause;
  switch (code) {
    case SqliteFailure::kBadRowCode: return Cause::kBadRow;
    case SQLITE_IOERR_NOMEM: return Cause::kMemory;
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA: return Cause::kDamaged;
    default: break;
  }
  switch (code & 0xff) {
    case SQLITE_FULL: return Cause::kFull;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Cause::kBusy;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL: return Cause::kIo;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Cause::kDamaged;
    case SQLITE_NOMEM: return Cause::kMemory;
    default: return Cause::kDefect;
  }
}

Error AsError(int code, std::string message) {
  const bool full = CauseOf(code) == SqliteFailure::Cause::kFull;
  return Error(full ? ErrorCode::kStorageFull : ErrorCode::kInternal, std::move(message));
}

// What a URI file name may hold as it is.
std::string Escape(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '%') {
      out += "%25";
    } else if (c == '?') {
      out += "%3f";
    } else if (c == '#') {
      out += "%23";
    } else {
      out += c;
    }
  }
  return out;
}

// A text or blob that SQLite has not got: it is null or empty, or there was no memory for it.
std::string_view Nothing(Database& database) {
  const int code = sqlite3_errcode(database.handle());
  if ((code & 0xff) == SQLITE_NOMEM) database.ThrowLast(code);
  return {};
}

}  // namespace

SqliteFailure::SqliteFailure(int code, std::string message)
    : StoreFailure(AsError(code, std::move(message))), code_(code) {}

SqliteFailure::Cause SqliteFailure::cause() const { return CauseOf(code_); }

Rows::~Rows() { sqlite3_reset(handle_); }

bool Rows::Next() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_.ThrowLast(code);
}

std::int64_t Rows::Int(int column) const { return sqlite3_column_int64(handle_, column); }
double Rows::Real(int column) const { return sqlite3_column_double(handle_, column); }
bool Rows::Null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

std::string_view Rows::Text(int column) const {
  const auto* text = sqlite3_column_text(handle_, column);
  if (text == nullptr) return Nothing(database_);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string_view Rows::Blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  if (bytes == nullptr) return Nothing(database_);
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (code != SQLITE_OK) database.ThrowLast(code);
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::Reset() { sqlite3_reset(handle_); }

std::int64_t Statement::Run() {
  const std::int64_t before = database_.Changes();
  int code = sqlite3_step(handle_);
  while (code == SQLITE_ROW) code = sqlite3_step(handle_);
  if (code != SQLITE_DONE) {
    // The message is made first: resetting may change it.
    try {
      database_.ThrowLast(code);
    } catch (...) {
      sqlite3_reset(handle_);
      throw;
    }
  }
  sqlite3_reset(handle_);
  return database_.Changes() - before;
}

void Statement::BindInt(int place, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(handle_, place, value); code != SQLITE_OK) database_.ThrowLast(code);
}

void Statement::BindReal(int place, double value) {
  if (const int code = sqlite3_bind_double(handle_, place, value); code != SQLITE_OK) database_.ThrowLast(code);
}

void Statement::BindText(int place, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  const int code = sqlite3_bind_text64(handle_, place, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.ThrowLast(code);
}

void Statement::BindCopy(int place, std::string_view value) {
  // SQLITE_TRANSIENT, without its cast.
  constexpr auto kFree = [](void* bytes) { sqlite3_free(bytes); };
  auto* copy = static_cast<char*>(sqlite3_malloc64(value.size() + 1));
  if (copy == nullptr) throw SqliteFailure(SQLITE_NOMEM, "out of memory");
  std::memcpy(copy, value.data(), value.size());
  const int code = sqlite3_bind_text64(handle_, place, copy, value.size(), kFree, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.ThrowLast(code);
}

void Statement::BindBlob(int place, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  const int code = sqlite3_bind_blob64(handle_, place, bytes, value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) database_.ThrowLast(code);
}

void Statement::BindNull(int place) {
  if (const int code = sqlite3_bind_null(handle_, place); code != SQLITE_OK) database_.ThrowLast(code);
}

Database::Database(const std::string& path, Mode mode, const std::string& vfs) : path_(path) {
  // A connection is used by one thread at a time, so it needs no mutex of its own.
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  flags |= mode == Mode::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const std::string uri = "file:" + Escape(path) + (mode == Mode::kSealed ? "?immutable=1" : "");
  const int code = sqlite3_open_v2(uri.c_str(), &handle_, flags, vfs.empty() ? nullptr : vfs.c_str());
  try {
    if (code != SQLITE_OK) ThrowLast(code);
    sqlite3_busy_timeout(handle_, 5'000);
    for (const int setting : {SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_TRUSTED_SCHEMA}) {
      sqlite3_db_config(handle_, setting, 0, nullptr);
    }
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_wal_autocheckpoint(handle_, 0);
    sqlite3_extended_result_codes(handle_, 1);
    Execute("PRAGMA cell_size_check=ON");
    if (mode != Mode::kWriter) Execute("PRAGMA query_only=ON");
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

Database::~Database() {
  while (!slots_.empty()) slots_.pop_back();
  sqlite3_close_v2(handle_);
}

void Database::Execute(const std::string& sql) {
  if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) {
    ThrowLast(code);
  }
}

std::optional<std::string> Database::Value(const std::string& sql) {
  Statement statement(*this, sql);
  Rows rows = statement.Query();
  if (!rows.Next()) return std::nullopt;
  return std::string(rows.Text(0));
}

std::int64_t Database::Number(const std::string& sql) {
  Statement statement(*this, sql);
  return statement.Number().value_or(0);
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }
bool Database::Wrote() const { return sqlite3_txn_state(handle_, "main") == SQLITE_TXN_WRITE; }
std::int64_t Database::Changes() const { return sqlite3_total_changes64(handle_); }

void Database::Rollback() noexcept {
  if (InTransaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Database::ThrowLast(int code) {
  if (handle_ == nullptr) throw SqliteFailure(SQLITE_NOMEM, path_ + ": out of memory");
  std::string message = path_ + ": " + sqlite3_errmsg(handle_);
  const int primary = code & 0xff;
  if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) {
    const int cause = sqlite3_system_errno(handle_);
    if (cause != 0) message += std::string(": ") + std::strerror(cause);
    // A quota is a disk that is full; SQLite takes only ENOSPC for one.
    if (code == SQLITE_IOERR_WRITE && cause == EDQUOT) code = SQLITE_FULL;
  }
  message += " (SQLite code " + std::to_string(code) + ")";
  throw SqliteFailure(code, std::move(message));
}

void Database::RemoveLogOnClose() { sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr); }

}  // namespace tidings::sqlite
