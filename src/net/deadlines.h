#pragma once

#include <chrono>

namespace postern::net {

class Stream;

/// The deadlines of the connections of one event loop. A timer for every read costs a quarter more
/// CPU and 3 KiB per connection; a list that is swept a few times per second costs neither. For one
/// thread.
class Deadlines {
 public:
  /// The clock of all deadlines.
  using Clock = std::chrono::steady_clock;

  /// A connection's entry in the list; removes itself on destruction.
  class Entry {
   public:
    /// Borrows both; without a deadline at first.
    Entry(Deadlines& list, Stream& stream);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    /// Sets the deadline.
    void set(Clock::time_point at) { at_ = at; }
    /// As set(), after the stream was cancelled and rearmed.
    void restart(Clock::time_point at) {
      at_ = at;
      expired_ = false;
    }
    /// Whether the stream was cancelled by this list.
    bool expired() const { return expired_; }
    /// Whether a shutdown may cut in: waiting for a command, not amid a message.
    void set_idle(bool idle) { idle_ = idle; }

   private:
    friend class Deadlines;
    Deadlines& list_;
    Stream& stream_;
    Clock::time_point at_ = Clock::time_point::max();
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    bool expired_ = false;
    bool idle_ = false;
  };

  /// How often sweep() is to be called.
  static constexpr std::chrono::milliseconds interval{250};

  /// Cancels the streams whose time is over. Tells who watches their waits what time has passed: an
  /// interval at most, so that nobody waited while the thread stood still.
  void sweep(Clock::time_point now);
  /// Cancels the idle streams; the others may finish.
  void cancel_idle();
  /// Cancels all streams.
  void cancel_all();
  /// Number of entries.
  std::size_t size() const { return size_; }

 private:
  Entry* first_ = nullptr;
  std::size_t size_ = 0;
  Clock::time_point swept_;
};

}  // namespace postern::net
