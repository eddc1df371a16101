#pragma once

#include <atomic>
#include <chrono>

namespace postern::net {

class Stream;

/// Deadlines of the connections of one event loop. Racing every read against a timer costs a
/// quarter more CPU and 3 KiB a connection; a list that is swept a few times a second costs
/// neither. Single-threaded.
class Deadlines {
 public:
  using Clock = std::chrono::steady_clock;

  /// A place in the list, inside the connection. Leaves the list when it goes.
  class Entry {
   public:
    Entry(Deadlines& list, Stream& stream);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void set(Clock::time_point at) { at_ = at; }
    /// As set(), after the stream was cancelled and rearmed.
    void restart(Clock::time_point at) {
      at_ = at;
      expired_ = false;
    }
    bool expired() const { return expired_; }
    /// The stream is cancelled once, soon after `over` has become true on whatever thread; null:
    /// nobody says so. `over` outlives the entry.
    void watch(const std::atomic<bool>* over) { over_ = over; }
    /// Whether a shutdown may cut in: waiting for a command, not amid a message.
    void set_idle(bool idle) { idle_ = idle; }

   private:
    friend class Deadlines;
    Deadlines& list_;
    Stream& stream_;
    Clock::time_point at_ = Clock::time_point::max();
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    const std::atomic<bool>* over_ = nullptr;
    bool expired_ = false;
    bool idle_ = false;
  };

  /// Cancels the streams whose time is over, or that are over as watch() says.
  void sweep(Clock::time_point now);
  /// Cancels the streams that wait idly; the rest finish first.
  void cancel_idle();
  void cancel_all();
  std::size_t size() const { return size_; }

 private:
  Entry* first_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace postern::net
