// The Maildir of mail to <postmaster>: anybody may send there (RFC 5321 §4.5.1), so it has a bound.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace postern::app {

/// What a Maildir holds, in octets. Measured by others and now and then; in between what was
/// accepted is added. Safe from any thread.
class PostmasterBox {
 public:
  using Clock = std::chrono::steady_clock;
  /// Runs measure() soon, on a thread that may wait for the disk.
  using Later = std::function<void()>;

  /// `limit` in octets.
  PostmasterBox(std::string path, std::uint64_t limit) : path_(std::move(path)), limit_(limit) {}

  const std::string& path() const { return path_; }
  /// Whether it holds its limit. Calls `later` where it was not measured for `every`; the answer
  /// does not wait for that.
  bool is_full(const Later& later, Clock::time_point now = Clock::now());
  /// So much more is on its way there.
  void add(std::uint64_t octets);
  /// Adds up the files of new/ and cur/. Blocks on the disk.
  void measure();

  static constexpr std::chrono::seconds every{10};

 private:
  const std::string path_;
  const std::uint64_t limit_;
  std::mutex mutex_;  ///< guards the rest
  std::uint64_t held_ = 0;
  Clock::time_point measured_{};
};

}  // namespace postern::app
