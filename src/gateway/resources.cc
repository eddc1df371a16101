#include "gateway/resources.h"

#include <algorithm>
#include <utility>

#include <sys/statvfs.h>

#include "telemetry/log.h"

namespace postern::gateway {

namespace {

std::string_view words_of(Resources::Shortage shortage) {
  using Shortage = Resources::Shortage;
  switch (shortage) {
    case Shortage::none:
      return "there is enough memory, disk and open files again";
    case Shortage::memory:
      return "four fifths of limits.memory are in use: new messages are deferred";
    case Shortage::disk:
      return "the disk is almost full: new messages are deferred";
    case Shortage::descriptors:
      break;
  }
  return "the limit of open files has room for few more messages: new ones are deferred; raise "
         "LimitNOFILE in the unit";
}

}  // namespace

Resources::Resources(MemoryBudget& memory, std::string directory, std::uint64_t work)
    : memory_(memory), directory_(std::move(directory)), work_(work) {}

std::uint64_t Resources::disk_floor(std::uint64_t disk_size) {
  return std::min<std::uint64_t>(256ull << 20, disk_size / 20);
}

Resources::Shortage Resources::hindrance(const IpAddress& client) {
  const Shortage now = shortage();
  if (now == Shortage::memory) refusals_.fetch_add(1, std::memory_order_relaxed);
  // Logged only on a change: a client that keeps memory low must not fill the log.
  if (said_.exchange(now, std::memory_order_relaxed) != now) {
    (now == Shortage::none ? telemetry::log::info("store.error")
                           : telemetry::log::error("store.error"))
        .msg(words_of(now));
  }
  if (now == Shortage::memory || now == Shortage::disk) return now;
  return work_.has_room(client) ? Shortage::none : Shortage::descriptors;
}

Resources::Shortage Resources::shortage() {
  if (memory_.low()) return Shortage::memory;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                               std::chrono::steady_clock::now().time_since_epoch())
                               .count();
  if (looked_.exchange(now, std::memory_order_relaxed) != now) {
    struct statvfs disk{};
    if (::statvfs(directory_.c_str(), &disk) == 0) {
      disk_low_ = disk.f_bavail * disk.f_frsize < disk_floor(disk.f_blocks * disk.f_frsize);
    }
  }
  if (disk_low_.load(std::memory_order_relaxed)) return Shortage::disk;
  return work_.low() ? Shortage::descriptors : Shortage::none;
}

}  // namespace postern::gateway
