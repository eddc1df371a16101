// Shared by the files of PgsqlSpool.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/ulid.h"
#include "spool/pgsql_spool.h"
#include "store/database.h"

namespace postern::spool {

namespace pg = net::pgsql;

/// Octets in a row of `part`.
inline constexpr std::size_t part_octets = 256 << 10;
static_assert(part_octets % BodyReader::piece == 0);
/// To the millisecond.
inline store::Time time_of(const net::PgsqlRows& rows, std::size_t row, int column) {
  return std::chrono::floor<store::Time::duration>(rows.time(row, column));
}
/// What is too large for a bigint becomes its largest.
inline net::PgsqlValue number(std::uint64_t value) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return pg::integer(static_cast<std::int64_t>(std::min(value, most)));
}

/// Bits of a Sequence for the number within a part; the number of the part stands above them.
inline constexpr int sequence_bits = 42;

inline Sequence sequence_of(std::int64_t part, std::int64_t number) {
  return part << sequence_bits | number;
}
inline std::int64_t part_of(Sequence sequence) { return sequence >> sequence_bits; }
inline std::int64_t number_of(Sequence sequence) {
  return sequence & ((std::int64_t{1} << sequence_bits) - 1);
}

/// Bits of `flags` of a message.
inline constexpr std::int64_t flag_header_8bit = 1;
inline constexpr std::int64_t flag_body_8bit = 2;
inline constexpr std::int64_t flag_smtputf8 = 4;
inline constexpr std::int64_t flag_require_tls = 8;

/// A message that is being put.
struct PgsqlSpool::Put {
  std::string id;  ///< 16 octets
  Envelope envelope;
  Body body;
  std::string digest;
};

/// The messages of one put().
struct PgsqlSpool::Batch {
  std::vector<Put> puts;
  std::uint64_t octets = 0;
  std::optional<cluster::Numbers> numbers;  ///< one for each message
  bool in_doubt = false;                    ///< a commit may have stored it, or still store it
  std::optional<std::int64_t> slot;         ///< its mark in `put_mark`, of the first of a commit
  std::int64_t first_mark = 0;              ///< of its transactions in that slot
  Done<std::vector<MessageId>> done;
};

/// Time limit for the answers of a commit, which waits for a standby.
inline constexpr std::chrono::seconds commit_limit{15};

/// A write that waits for a standby, for a transaction that may find its work done: what an earlier
/// commit wrote is on the standby when this one is.
inline net::PgsqlStatement waits(const cluster::Node& node) {
  return {.sql = "UPDATE node SET beat = beat WHERE boot = $1", .values = {pg::uuid(node.boot())}};
}

/// A claim(). Those of a transaction are one statement, unless they name a recipient twice.
struct PgsqlSpool::Claiming {
  std::vector<RecipientKey> keys;
  net::PgsqlTime begins, ends;
  std::vector<Claim> claims;  ///< those that it got, by key
  Done<std::vector<Claim>> done;
};

/// A settle(). Those of a transaction are made together.
struct PgsqlSpool::Settling {
  std::vector<Settlement> settlements;
  Time ended;  ///< when the attempts were over
  Done<void> done;
};

/// Any other change of stored messages.
struct PgsqlSpool::Change {
  /// Its statements, which are sent together with others'.
  std::vector<net::PgsqlStatement> statements;
  /// Takes over their results; its error is the change's alone.
  std::function<Result<void>(std::span<const net::PgsqlRows>)> read;
  /// For a change that decides by what it reads: run in the same transaction instead. It changes
  /// nothing when its error is its own.
  std::function<tl::expected<Result<void>, net::PgsqlFailure>(net::PgsqlSession&)> converse;
  Result<void> result;
  Done<void> done;
};

}  // namespace postern::spool
