// Counts of traces by outcome and reason, stored with the traces, so that charts count no rows.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "store/traces.h"

namespace postern::store {

/// Counts traces for the gateway, their accounts and their webhooks, in memory: those of a
/// transaction mostly end alike, and a count is written once for all of them. Not thread-safe.
class Tallies {
 public:
  /// An aborted one is not counted.
  void add(const TraceRow& row);
  /// Writes the counts since the last call, and forgets them, whether that succeeds or not. In the
  /// transaction of the traces' rows, at its end, and before counts are read or taken away in it.
  void write(Database& database);

 private:
  /// What traces have in common that are counted as one.
  struct Kind {
    std::int64_t slot = 0;
    std::string outcome;
    std::int64_t code = 0;
    std::string enhanced;
    std::string layer;
    std::string rule;
    std::optional<std::string> account_id;
    std::optional<std::string> webhook_id;
    auto operator<=>(const Kind&) const = default;
  };
  static void write(Database& database, const Kind& kind, std::int64_t n);

  std::map<Kind, std::int64_t> counts_;
};

/// Merges counts older than two days into hours, up to 4 hours per call, and deletes those older
/// than `keep`. Then, until the counts of accounts and webhooks fit `max_octets`, deletes the
/// oldest counts of the account that has most.
void tidy_tallies(Database& database, Time now, std::chrono::seconds keep,
                  std::uint64_t max_octets);

/// Deletes the counts of an account and its webhooks. Call it before its traces are deleted.
void forget_tallies(Database& database, const std::string& account_id);

}  // namespace postern::store
