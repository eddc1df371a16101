// Values of PostgreSQL's binary format: what statements are given, and what rows hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pg_result;

namespace postern::net {

/// A parameter of a statement.
struct PgsqlValue {
  unsigned type = 0;                  ///< the OID of its type
  std::optional<std::string> octets;  ///< in binary format; nullopt: NULL
};

/// Wall-clock time, stored in microseconds (timestamptz).
using PgsqlTime = std::chrono::system_clock::time_point;

/// Values by type. `text` must be UTF-8 without NUL: the server refuses everything else, so octets
/// of foreign origin are `bytes`.
namespace pgsql {
PgsqlValue integer(std::int64_t value);                      ///< int8
PgsqlValue boolean(bool value);                              ///< bool
PgsqlValue text(std::string_view value);                     ///< text
PgsqlValue bytes(std::string_view value);                    ///< bytea
PgsqlValue uuid(std::string_view sixteen_octets);            ///< uuid
PgsqlValue time(PgsqlTime value);                            ///< timestamptz; max(): infinity
PgsqlValue integers(std::span<const std::int64_t> values);   ///< int8[]
PgsqlValue texts(std::span<const std::string> values);       ///< text[]
PgsqlValue blobs(std::span<const std::string_view> values);  ///< bytea[]
PgsqlValue uuids(std::span<const std::string> values);       ///< uuid[] of 16 octets each
PgsqlValue times(std::span<const PgsqlTime> values);         ///< timestamptz[]
/// The same with NULL for values that are not there.
PgsqlValue optional_blobs(std::span<const std::optional<std::string_view>> values);
}  // namespace pgsql

/// The result of one statement. Copies share the rows. Thread-safe for reading.
class PgsqlRows {
 public:
  PgsqlRows() = default;
  /// Takes over a result of libpq in binary format.
  explicit PgsqlRows(pg_result* result);

  std::size_t size() const;                         ///< number of rows
  std::uint64_t changed() const;                    ///< rows that INSERT, UPDATE or DELETE changed
  std::string_view command() const;                 ///< what was done, as in "COMMIT"
  bool is_null(std::size_t row, int column) const;  ///< whether it is NULL
  /// int2, int4, int8 or bool; 0 for NULL.
  std::int64_t integer(std::size_t row, int column) const;
  /// A number that is not 0.
  bool boolean(std::size_t row, int column) const { return integer(row, column) != 0; }
  /// The octets of text, bytea or uuid. Valid as long as a copy of the rows.
  std::string_view octets(std::size_t row, int column) const;
  /// As octets(), copied.
  std::string text(std::size_t row, int column) const { return std::string(octets(row, column)); }
  /// timestamptz; the epoch for NULL, max() for infinity.
  PgsqlTime time(std::size_t row, int column) const;

 private:
  std::shared_ptr<pg_result> result_;
};

}  // namespace postern::net
