#include "serve/postmaster_box.h"

#include <filesystem>

namespace postern::app {

bool PostmasterBox::is_full(const Later& later, Clock::time_point now) {
  bool full = false;
  bool stale = false;
  {
    const std::lock_guard lock(mutex_);
    full = held_ >= limit_;
    stale = measured_ == Clock::time_point() || now - measured_ >= every;
    if (stale) measured_ = now;
  }
  if (stale) later();
  return full;
}

void PostmasterBox::add(std::uint64_t octets) {
  const std::lock_guard lock(mutex_);
  held_ += octets;
}

void PostmasterBox::measure() {
  std::uint64_t octets = 0;
  for (const char* folder : {"/new", "/cur"}) {
    // Files may be removed meanwhile, or the directory may not exist yet.
    std::error_code unreadable;
    std::filesystem::directory_iterator files(path_ + folder, unreadable);
    while (!unreadable && files != std::filesystem::directory_iterator()) {
      std::error_code gone;
      const std::uintmax_t size = files->file_size(gone);
      if (!gone) octets += size;
      files.increment(unreadable);
    }
  }
  const std::lock_guard lock(mutex_);
  held_ = octets;
}

}  // namespace postern::app
