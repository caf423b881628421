#include <tidings/storage/chat/compare_tables.hpp>

#include <array>
#include <compare>
#include <optional>
#include <span>
#include <string_view>

namespace tidings::sqlite {

namespace {

enum class Kind { kNumber, kText, kBytes };

struct Column {
  const char* name;
  Kind kind = Kind::kNumber;
};

struct Table {
  const char* name;
  std::size_t keys;  // the first columns, by which rows are ordered and told apart
  std::vector<Column> columns;
};

const std::vector<Table>& DerivedTables() {
  static const std::vector<Table> tables{
      {"rooms",
       1,
       {{"key"},
        {"head"},
        {"members"},
        {"kind"},
        {"created_at"},
        {"updated_at"},
        {"deleted_at"},
        {"last_at"},
        {"last_seq"},
        {"creator"},
        {"pair_low"},
        {"pair_high"},
        {"id", Kind::kText},
        {"name", Kind::kText},
        {"creator_id", Kind::kText},
        {"last_id", Kind::kText},
        {"last_sender", Kind::kText},
        {"last_type", Kind::kText},
        {"last_value", Kind::kText}}},
      {"members", 2, {{"room"}, {"user"}, {"role"}, {"joined_at"}, {"joined"}}},
      {"message_state", 2, {{"room"}, {"seq"}, {"last_event"}, {"record", Kind::kBytes}}},
      {"sends", 2, {{"sender"}, {"client_id", Kind::kText}, {"position"}}},
      {"mentions", 3, {{"user"}, {"room"}, {"seq"}, {"author"}}},
      {"reactions", 5, {{"room"}, {"seq"}, {"emoji", Kind::kText}, {"place"}, {"user"}, {"user_id", Kind::kText}}},
      {"replies", 3, {{"room"}, {"parent"}, {"reply"}}},
      {"counts", 4, {{"room"}, {"author"}, {"level"}, {"block"}, {"n"}}},
      {"message_blocks", 2, {{"room"}, {"block"}, {"created", Kind::kBytes}}},
  };
  return tables;
}

std::string Select(const Table& table, const std::string& schema) {
  std::string columns;
  std::string keys;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    columns += (i == 0 ? "" : ", ") + std::string(table.columns[i].name);
    if (i < table.keys) keys += (i == 0 ? "" : ", ") + std::string(table.columns[i].name);
  }
  return "SELECT " + columns + " FROM " + schema + "." + table.name + " ORDER BY " + keys;
}

std::strong_ordering CompareColumn(const Rows& a, const Rows& b, int column, Kind kind) {
  if (a.Null(column) || b.Null(column)) return b.Null(column) <=> a.Null(column);  // null before all else
  if (kind == Kind::kNumber) return a.Int(column) <=> b.Int(column);
  if (kind == Kind::kText) return a.Text(column) <=> b.Text(column);
  return a.Blob(column) <=> b.Blob(column);
}

std::strong_ordering CompareKeys(const Table& table, const Rows& a, const Rows& b) {
  for (std::size_t i = 0; i < table.keys; ++i) {
    const auto order = CompareColumn(a, b, static_cast<int>(i), table.columns[i].kind);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::string NumberOrNull(const Rows& rows, int column) {
  return rows.Null(column) ? "nothing" : std::to_string(rows.Int(column));
}

class Comparison {
 public:
  Comparison(const TablesAt& kept, const TablesAt& derived, const CompareProgress& progress)
      : kept_(kept), derived_(derived), progress_(progress) {}

  std::vector<std::string> Run() {
    for (const Table& table : DerivedTables()) {
      if (!Full()) Compare(table);
    }
    return std::move(findings_);
  }

 private:
  void Compare(const Table& table) {
    Statement kept_rows(kept_.database, Select(table, kept_.schema));
    Statement derived_rows(derived_.database, Select(table, derived_.schema));
    Rows kept = kept_rows.Query();
    Rows derived = derived_rows.Query();
    bool more_kept = kept.Next();
    bool more_derived = derived.Next();
    while ((more_kept || more_derived) && !Full()) {
      Count(table);
      const auto order = !more_kept      ? std::strong_ordering::greater
                         : !more_derived ? std::strong_ordering::less
                                         : CompareKeys(table, kept, derived);
      if (order < 0) findings_.push_back(NameOf(table, kept) + " is kept, but does not follow from the log");
      if (order > 0 && !MayCome(table, derived)) {
        findings_.push_back(NameOf(table, derived) + " follows from the log, but is missing");
      }
      if (order == 0) CompareRest(table, kept, derived);
      if (order <= 0) more_kept = kept.Next();
      if (order >= 0) more_derived = derived.Next();
    }
  }

  // Rows of sends past the mark may come later.
  bool MayCome(const Table& table, const Rows& derived) {
    if (std::string_view(table.name) != "sends") return false;
    if (!sends_mark_) sends_mark_ = kept_.database.Number("SELECT position FROM " + kept_.schema + ".sends_mark");
    return derived.Int(2) > *sends_mark_;
  }

  void CompareRest(const Table& table, const Rows& kept, const Rows& derived) {
    for (std::size_t i = table.keys; i < table.columns.size() && !Full(); ++i) {
      const Column& column = table.columns[i];
      const int place = static_cast<int>(i);
      if (CompareColumn(kept, derived, place, column.kind) == 0) continue;
      std::string finding = NameOf(table, kept) + ": " + column.name + " is not what follows from the log";
      if (column.kind == Kind::kNumber) {
        finding += " (" + NumberOrNull(kept, place) + ", should be " + NumberOrNull(derived, place) + ")";
      }
      findings_.push_back(std::move(finding));
    }
  }

  std::string NameOf(const Table& table, const Rows& rows) {
    std::string name = table.name;
    for (std::size_t i = 0; i < table.keys; ++i) {
      const Column& column = table.columns[i];
      const int place = static_cast<int>(i);
      name += std::string(i == 0 ? " (" : ", ") + column.name + " ";
      name += column.kind == Kind::kNumber ? std::to_string(rows.Int(place)) : std::string(rows.Text(place));
    }
    return name + ")";
  }

  void Count(const Table& table) {
    if (++rows_ % 10'000 == 0 && progress_) progress_(table.name, rows_);
  }

  bool Full() const { return findings_.size() >= kMostFindings; }

  const TablesAt& kept_;
  const TablesAt& derived_;
  const CompareProgress& progress_;
  std::optional<std::int64_t> sends_mark_;
  std::uint64_t rows_ = 0;
  std::vector<std::string> findings_;
};

// A query for rows that should not be, and the finding that each gives: % stands for the columns, in order.
struct Bound {
  const char* sql;
  const char* finding;
};

constexpr std::array kBounds{
    Bound{"SELECT position FROM $.sends_mark WHERE position > (SELECT coalesce(max(position), 0) FROM $.events)",
          "sends_mark: it stands at %, beyond the log"},
    Bound{"SELECT members.room, user FROM $.members LEFT JOIN $.rooms ON key = members.room WHERE key IS NULL",
          "members (room %, user %): there is no such room"},
    Bound{"SELECT room, user, read, head FROM $.members JOIN $.rooms ON key = room WHERE read > head",
          "members (room %, user %): the read position % lies beyond the room's head %"},
    Bound{
        "SELECT room, user, joined, head FROM $.members JOIN $.rooms ON key = room WHERE joined NOT BETWEEN 1 AND head",
        "members (room %, user %): joined at %, which is not between 1 and the room's head %"},
    Bound{"SELECT room, user FROM $.members LEFT JOIN $.users ON key = user WHERE key IS NULL",
          "members (room %, user %): there is no such user"},
    Bound{"SELECT user FROM $.sessions LEFT JOIN $.users ON key = user WHERE key IS NULL",
          "sessions: there is no user %"},
    Bound{"SELECT user, begin FROM $.sessions WHERE begin > (SELECT coalesce(max(position), 0) FROM $.events)",
          "sessions: one of user % begins at %, beyond the log"},
    Bound{"SELECT room, after, head FROM $.session_rooms JOIN $.rooms ON key = room WHERE after > head",
          "session_rooms: one of room % stands at %, beyond the room's head %"},
    Bound{"SELECT room, $.session_rooms.number, $.joins_mark.number FROM $.session_rooms JOIN $.joins_mark "
          "WHERE $.session_rooms.number > $.joins_mark.number",
          "session_rooms: one of room % has the join number %, above the last one, %"},
    Bound{"SELECT position FROM $.checkpoints WHERE position > (SELECT coalesce(max(position), 0) FROM $.events)",
          "checkpoints: one stands at %, beyond the log"},
};

std::string WithSchema(std::string sql, const std::string& schema) {
  for (std::size_t at = sql.find('$'); at != std::string::npos; at = sql.find('$', at)) sql.replace(at, 1, schema);
  return sql;
}

std::string Fill(std::string_view finding, const Rows& rows) {
  std::string filled;
  int column = 0;
  for (const char c : finding) {
    if (c == '%') {
      filled += NumberOrNull(rows, column++);
    } else {
      filled += c;
    }
  }
  return filled;
}

}  // namespace

std::vector<std::string> CompareTables(const TablesAt& kept, const TablesAt& derived, const CompareProgress& progress) {
  return Comparison(kept, derived, progress).Run();
}

std::vector<std::string> CheckBounds(const TablesAt& kept) {
  std::vector<std::string> findings;
  for (const Bound& bound : kBounds) {
    Statement wrong(kept.database, WithSchema(bound.sql, kept.schema));
    for (Rows rows = wrong.Query(); rows.Next() && findings.size() < kMostFindings;) {
      findings.push_back(Fill(bound.finding, rows));
    }
  }
  return findings;
}

}  // namespace tidings::sqlite
