// The rows of rooms and of their members.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::sqlite {

class RoomRows {
 public:
  explicit RoomRows(Database& database);

  std::optional<chat::RoomRow> Find(std::string_view id);
  std::optional<chat::RoomRow> Find(chat::RoomKey key);
  std::optional<chat::RoomKey> FindDirect(chat::UserKey low, chat::UserKey high);

  // Living rooms, newest activity first; the rooms' own rows are not read yet, so that long lists sort fast.
  std::vector<chat::RoomKey> KeysOf(chat::UserKey user, std::optional<chat::RoomCursor> after, std::size_t limit);
  std::vector<chat::RoomKey> PublicKeys(std::string_view part, std::optional<chat::RoomCursor> after,
                                        std::size_t limit);
  std::uint64_t CountOf(chat::UserKey user);

 private:
  Statement by_id_;
  Statement by_key_;
  Statement direct_;
  Statement keys_of_;
  Statement public_;
  Statement count_of_;
};

class RoomWrites {
 public:
  explicit RoomWrites(Database& database);
  void Put(const chat::RoomRow& room);

 private:
  Statement move_;
  Statement put_;
};

class MemberRows {
 public:
  explicit MemberRows(Database& database);

  std::optional<chat::MemberRow> Find(chat::RoomKey room, chat::UserKey user);
  std::vector<chat::MemberRow> Of(chat::RoomKey room);
  std::vector<std::pair<std::string, chat::MemberRow>> Named(chat::RoomKey room, chat::UserKey after,
                                                             std::size_t limit);
  // Ids of those who joined at `seq` or before.
  std::vector<std::string> At(chat::RoomKey room, chat::Seq seq);
  std::vector<chat::Watermark> SeenBy(chat::RoomKey room, chat::UserKey author, chat::Seq seq, chat::UserKey cursor,
                                      std::size_t limit);
  bool ShareRoom(chat::UserKey one, chat::UserKey other);

 private:
  Statement one_;
  Statement all_;
  Statement named_;
  Statement at_;
  Statement seen_by_;
  Statement room_from_;
};

class MemberWrites {
 public:
  explicit MemberWrites(Database& database);
  void Put(chat::RoomKey room, const chat::MemberRow& member);
  void Remove(chat::RoomKey room, chat::UserKey user);
  void SetRead(chat::RoomKey room, chat::UserKey user, chat::Seq read);

 private:
  Statement put_;
  Statement remove_;
  Statement set_read_;
};

}  // namespace tidings::sqlite
