// Database and Statement: SQLite with owners. For what keeps its data in SQLite, never above it.
//
//   Statement insert(database, "INSERT INTO users (name, age) VALUES (?, ?)");
//   insert.Execute("ann", 41);
//   Statement older(database, "SELECT name FROM users WHERE age > ?");
//   for (auto rows = older.Query(40); rows.Next();) Use(rows.Text(0));
//
// Every failure is thrown as SqliteFailure (a StoreFailure): what runs on the store lets it pass.
// A Database and all that hangs on it belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/base/store_failure.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace tidings::sqlite {

class Database;

// What SQLite refused, with its extended result code (https://sqlite.org/rescode.html).
class SqliteFailure : public StoreFailure {
 public:
  enum class Cause {
    kFull,     // no room: SQLITE_FULL
    kBusy,     // another program holds the file
    kIo,       // a read, write or sync failed, or the file cannot be opened
    kDamaged,  // not a database, or not as it was written
    kBadRow,   // one event's checksum does not fit
    kMemory,   // no memory
    kDefect,   // a constraint, wrong SQL, misuse: a defect of the program
  };
  // The code of kBadRow, for which SQLite has none: SQLITE_CORRUPT with an extension of our own.
  static constexpr int kBadRowCode = 11 | 200 << 8;

  SqliteFailure(int code, std::string message);
  int code() const { return code_; }
  Cause cause() const;

 private:
  int code_;
};

// The rows of one query. Ends the query when it is dropped, so that no read transaction stays open.
// Texts and blobs are valid until the next call of Next().
class Rows {
 public:
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows();

  // Moves to the next row (at first to the first); false when there is none.
  bool Next();

  std::int64_t Int(int column) const;
  std::uint64_t Whole(int column) const { return static_cast<std::uint64_t>(Int(column)); }
  double Real(int column) const;
  std::string_view Text(int column) const;
  std::string_view Blob(int column) const;
  bool Null(int column) const;

 private:
  friend class Statement;
  Rows(Database& database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}
  Database& database_;
  sqlite3_stmt* handle_;
};

// A prepared statement; keep it, preparing costs more than running. One query of it at a time.
class Statement {
 public:
  // REQUIRES: the database outlives it.
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds the arguments to ?1, ?2, …: integers, bool, double, text (std::string_view and alike), Blob{bytes},
  // std::optional of these, nullptr. Texts and blobs are not copied, but for a std::string that is a temporary.
  // REQUIRES: they live until the last Next().
  template <class... Args>
  [[nodiscard]] Rows Query(Args&&... args) {
    Reset();
    int place = 0;
    (BindForQuery(++place, std::forward<Args>(args)), ...);
    return Rows(database_, handle_);
  }

  // Runs to the end. Returns the number of rows that it changed.
  template <class... Args>
  std::int64_t Execute(const Args&... args) {
    Reset();
    int place = 0;
    (Bind(++place, args), ...);
    return Run();
  }

  // The first column of the first row, as a number; nothing if there is no row or it is null.
  template <class... Args>
  std::optional<std::int64_t> Number(const Args&... args) {
    Rows rows = Query(args...);
    if (!rows.Next() || rows.Null(0)) return std::nullopt;
    return rows.Int(0);
  }

 private:
  void Reset();
  std::int64_t Run();
  void BindInt(int place, std::int64_t value);
  void BindReal(int place, double value);
  void BindText(int place, std::string_view value);
  void BindCopy(int place, std::string_view value);
  void BindBlob(int place, std::string_view value);
  void BindNull(int place);

  template <class T>
  void Bind(int place, const T& value);
  template <class T>
  void BindForQuery(int place, const T& value) {
    Bind(place, value);
  }
  // A temporary is gone before the first Next().
  void BindForQuery(int place, const std::string&& value) { BindCopy(place, value); }

  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

// Bytes that are no text.
class Blob {
 public:
  explicit Blob(std::string_view view) : bytes(view) {}
  std::string_view bytes;
};

// One connection.
class Database {
 public:
  enum class Mode {
    kWriter,  // makes the file if it is missing; automatic checkpoints are off, and none happens on close
    kReader,  // can read only: opened read-only, PRAGMA query_only, no checkpoint ever
    kSealed,  // a file that nobody writes and no other file belongs to (a backup): read-only, immutable
  };

  // `vfs` names a registered VFS, empty for the default one.
  Database(const std::string& path, Mode mode, const std::string& vfs = "");
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one or more statements without arguments; rows are dropped.
  void Execute(const std::string& sql);
  // The first column of the first row; nothing if there is no row.
  std::optional<std::string> Value(const std::string& sql);
  std::int64_t Number(const std::string& sql);

  // Whether a transaction is open, and whether it wrote.
  bool InTransaction() const;
  bool Wrote() const;
  // Rows changed by this connection so far.
  std::int64_t Changes() const;
  // Ends an open transaction, if any, dropping what it wrote. Does not throw.
  void Rollback() noexcept;

  // An object of one's own that lives as long as the connection, made as T(database) when first asked for: prepared
  // statements and caches. T is the key.
  template <class T>
  T& Slot() {
    static constexpr char kTag = 0;
    for (const auto& slot : slots_) {
      if (slot->tag == &kTag) return static_cast<Holder<T>&>(*slot).value;
    }
    slots_.push_back(std::make_unique<Holder<T>>(&kTag, *this));
    return static_cast<Holder<T>&>(*slots_.back()).value;
  }

  sqlite3* handle() { return handle_; }
  const std::string& path() const { return path_; }
  // Throws what the connection's last call failed with.
  [[noreturn]] void ThrowLast(int code);
  // The next close empties the log and removes it. REQUIRES: kWriter, and no other connection is open.
  void RemoveLogOnClose();

 private:
  struct AnySlot {
    explicit AnySlot(const void* key) : tag(key) {}
    virtual ~AnySlot() = default;
    const void* tag;
  };
  template <class T>
  struct Holder final : AnySlot {
    Holder(const void* key, Database& database) : AnySlot(key), value(database) {}
    T value;
  };

  std::string path_;
  sqlite3* handle_ = nullptr;
  std::vector<std::unique_ptr<AnySlot>> slots_;
};

template <class T>
void Statement::Bind(int place, const T& value) {
  if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::nullopt_t>) {
    BindNull(place);
  } else if constexpr (std::is_same_v<T, Blob>) {
    BindBlob(place, value.bytes);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    BindInt(place, static_cast<std::int64_t>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    BindReal(place, static_cast<double>(value));
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    BindText(place, value);
  } else if (value) {  // std::optional
    Bind(place, *value);
  } else {
    BindNull(place);
  }
}

}  // namespace tidings::sqlite
