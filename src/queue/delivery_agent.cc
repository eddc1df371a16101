#include "queue/delivery_agent.h"

#include <utility>

namespace postern::queue {

Text::Text(spool::Spool& spool, spool::MessageId id, spool::BodyReader reader)
    : spool_(spool), id_(std::move(id)), reader_(std::move(reader)), size_(reader_->size()) {}

void Text::release() {
  piece_ = {};
  start_ = 0;
  reader_.reset();
}

void Text::rewind() {
  release();
  trouble_.reset();
  Result<spool::BodyReader> again = spool_.body(id_);
  if (again) {
    reader_.emplace(std::move(*again));
  } else {
    trouble_ = again.error();
  }
}

std::string_view Text::read(std::uint64_t offset, std::size_t room) {
  if (damaged()) return {};
  if (Result<void> may = spool_.may_deliver(); !may) {
    release();
    trouble_ = may.error();
    return {};
  }
  if (offset < start_ || !reader_) rewind();
  while (!trouble_ && offset >= start_ + piece_.size()) {
    start_ += piece_.size();
    const Result<std::string_view> next = reader_->next();
    if (!next) {
      trouble_ = next.error();
      release();  // the position in the body is unknown
    } else if (next->empty()) {
      piece_ = {};
      return {};
    } else {
      piece_ = *next;
    }
  }
  if (trouble_) return {};
  return piece_.substr(static_cast<std::size_t>(offset - start_), room);
}

}  // namespace postern::queue
