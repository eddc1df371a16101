// How the gateways of a cluster share the events that a limit allows in a window: which events need
// no question, and what is asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/pgsql_session.h"

namespace postern::cluster {

/// Smaller limits are counted exactly: each event is asked for, and waits.
inline constexpr std::uint64_t exact_below = 50;

/// The part of one gateway. Windows are aligned to the clock of the database, and begin at another
/// time for each key. Of a limit of M, each of N gateways admits M / 10N events a key and window by
/// itself; the rest is a stock in the database, of which M / 50 are drawn at a time, ahead of need.
/// Until the answer a gateway owes as much at most. So a window admits at most M + N * M / 50
/// events, and while demand lasts at least M - (N - 1) * (M / 10N + M / 25). No lock, no thread.
class WindowShares {
 public:
  /// Milliseconds of the database's clock since 1970.
  using Time = std::int64_t;
  /// A limit of a key.
  struct Limit {
    std::string kind;         ///< of the events
    std::string key;          ///< octets
    std::uint64_t most = 0;   ///< events in a window; not 0
    std::int64_t window = 0;  ///< milliseconds
  };
  /// `wait`: drawn() says it.
  enum class Verdict { yes, no, wait };
  /// What to ask the database for.
  struct Draw {
    std::string kind;          ///< of the events
    std::string key;           ///< octets
    Time ends = 0;             ///< of the window
    std::int64_t block = 0;    ///< events wanted
    std::int64_t stock = 0;    ///< events that all gateways may draw in this window
    std::int64_t waiting = 0;  ///< events that wait for the answer
  };

  /// A window that all gateways together have used up, as the database has it.
  struct Full {
    std::string kind;        ///< of the events
    std::string key;         ///< octets
    Time ends = 0;           ///< of the window
    std::int64_t stock = 0;  ///< what there was to draw
  };

  /// At most so many keys are kept.
  explicit WindowShares(std::size_t max_keys = 100'000) : max_keys_(max_keys) {}

  /// Judges one event. `nodes`: gateways that are known; `away`: the database cannot be asked, so
  /// that this gateway admits its share of the limit.
  Verdict take(const Limit& limit, Time now, std::int64_t nodes, bool away);
  /// When the window of this time ends.
  static Time end_of(const Limit& limit, Time now);
  /// The draws that are due, at most so many, ordered by kind and key.
  std::vector<Draw> due(std::size_t limit);
  /// The answer to a draw: so many events are granted.
  void drawn(const Draw& draw, std::int64_t granted);
  /// There was none: those who wait are judged by this gateway's share. Returns how many of them
  /// it admits.
  std::int64_t failed(const Draw& draw);
  /// Replaces what is known of full windows.
  void know(std::vector<Full> full);
  /// Whether this gateway knows that take() would not admit an event.
  bool used_up(const Limit& limit, Time now, std::int64_t nodes) const;
  /// Whether draws are due.
  bool wants() const { return !asking_.empty(); }
  /// Keys in memory.
  std::size_t size() const { return states_.size(); }

 private:
  struct State {
    std::uint64_t most = 0;
    std::int64_t window = 0;
    std::int64_t nodes = 1;
    Time ends = 0;
    std::int64_t credit = 0, grant = 0, debt = 0;
    std::int64_t waiting = 0;  ///< events of an exact limit that nobody has asked for yet
    std::int64_t used = 0;     ///< events admitted
    bool asked = false, empty = false, queued = false;
  };
  State& state_of(const Limit& limit, Time now, std::int64_t nodes);
  bool is_full(const std::string& name, const State& state) const;
  void sweep(Time now);
  static std::int64_t block_of(const State& state);
  static std::int64_t share_of(const State& state);
  static std::int64_t stock_of(const State& state);
  static State fresh(const Limit& limit, Time now, std::int64_t nodes);

  const std::size_t max_keys_;
  std::unordered_map<std::string, State> states_;
  std::vector<std::string> asking_;  ///< keys of states that are queued
  std::unordered_map<std::string, std::pair<Time, std::int64_t>> full_;  ///< end and stock, by key
};

/// The statement that asks for the full windows of these kinds, and what its answer says.
net::PgsqlStatement full_statement(std::span<const std::string> kinds);
std::vector<WindowShares::Full> full_in(const net::PgsqlRows& rows);

/// The statement that makes these draws, and its answer: a row of kind, key and granted events for
/// each that got some.
net::PgsqlStatement draw_statement(std::span<const WindowShares::Draw> draws);

}  // namespace postern::cluster
