#include "net/deadlines.h"

#include <algorithm>

#include "net/stream.h"

namespace postern::net {

Deadlines::Entry::Entry(Deadlines& list, Stream& stream)
    : list_(list), stream_(stream), next_(list.first_) {
  if (next_ != nullptr) next_->previous_ = this;
  list_.first_ = this;
  ++list_.size_;
}

Deadlines::Entry::~Entry() {
  (previous_ != nullptr ? previous_->next_ : list_.first_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  --list_.size_;
}

void Deadlines::sweep(Clock::time_point now) {
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(
      std::min<Clock::duration>(now - swept_, interval));
  swept_ = now;
  for (Entry* entry = first_; entry != nullptr; entry = entry->next_) {
    PeerWaits* const waits = entry->stream_.watched_by();
    if (waits != nullptr && !waits->pass(passed)) {
      entry->stream_.cancel();
      continue;
    }
    if (entry->at_ > now || entry->expired_) continue;
    entry->expired_ = true;
    entry->stream_.cancel();
  }
}

void Deadlines::cancel_idle() {
  for (Entry* entry = first_; entry != nullptr; entry = entry->next_) {
    if (entry->idle_) entry->stream_.cancel();
  }
}

void Deadlines::cancel_all() {
  for (Entry* entry = first_; entry != nullptr; entry = entry->next_) entry->stream_.cancel();
}

}  // namespace postern::net
