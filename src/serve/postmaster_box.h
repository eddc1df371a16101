// The Maildir of mail to <postmaster>. Any client may send there (RFC 5321 §4.5.1), so its size is
// limited.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace postern::app {

/// The octets in a Maildir: measured from time to time, plus what was accepted since. Thread-safe.
class PostmasterBox {
 public:
  /// The clock of measurements.
  using Clock = std::chrono::steady_clock;
  /// Runs measure() soon on a thread that may block.
  using Later = std::function<void()>;

  /// `path`: of the Maildir; `limit` in octets.
  PostmasterBox(std::string path, std::uint64_t limit) : path_(std::move(path)), limit_(limit) {}

  /// The Maildir.
  const std::string& path() const { return path_; }
  /// Whether the limit is reached. Calls `later` if the last measurement is older than `every`,
  /// without waiting for it.
  bool is_full(const Later& later, Clock::time_point now = Clock::now());
  /// Counts octets that are being delivered there.
  void add(std::uint64_t octets);
  /// Adds up the files in new/ and cur/. Blocks on the disk.
  void measure();

  /// Interval of measurements.
  static constexpr std::chrono::seconds every{10};

 private:
  const std::string path_;
  const std::uint64_t limit_;
  std::mutex mutex_;  ///< guards the next members
  std::uint64_t held_ = 0;
  Clock::time_point measured_{};
};

}  // namespace postern::app
