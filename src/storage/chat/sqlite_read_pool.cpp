#include <tidings/storage/chat/sqlite_reader.hpp>

namespace tidings::sqlite {

bool SqliteReadPool::Read(std::move_only_function<void(chat::Reader&)> work,
                          std::move_only_function<void(const Error&)> failed) {
  return readers_.Read([work = std::move(work), failed = std::move(failed)](Database& database) mutable {
    try {
      work(database.Slot<SqliteReader>());
    } catch (const eventing::StoreFailure& failure) {
      failed(failure.error());
    } catch (const std::exception& failure) {
      failed(Error(ErrorCode::kInternal, std::string("the read failed: ") + failure.what()));
    }
  });
}

}  // namespace tidings::sqlite
