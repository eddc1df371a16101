#include "net/pgsql_values.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <libpq-fe.h>

namespace postern::net {
namespace {

// The OIDs of pg_type.dat, which never change.
constexpr unsigned bool_type = 16;
constexpr unsigned bytea_type = 17;
constexpr unsigned int8_type = 20;
constexpr unsigned text_type = 25;
constexpr unsigned timestamptz_type = 1184;
constexpr unsigned uuid_type = 2950;
constexpr unsigned text_array = 1009;
constexpr unsigned bytea_array = 1001;
constexpr unsigned int8_array = 1016;
constexpr unsigned timestamptz_array = 1185;
constexpr unsigned uuid_array = 2951;

/// timestamptz counts from 2000-01-01.
constexpr std::chrono::seconds epoch_of_postgres{946'684'800};

void put_number(std::string& out, std::uint64_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::string number(std::int64_t value) {
  std::string out;
  put_number(out, static_cast<std::uint64_t>(value), 8);
  return out;
}

std::int64_t microseconds(PgsqlTime value) {
  using std::chrono::microseconds;
  if (value == PgsqlTime::max()) return std::numeric_limits<std::int64_t>::max();  // infinity
  return std::chrono::duration_cast<microseconds>(value.time_since_epoch() - epoch_of_postgres)
      .count();
}

/// The binary format of an array of one dimension (src/include/utils/array.h of PostgreSQL: the
/// dimensions, whether there are NULLs, the type, length and lower bound, then the elements).
template <class Values, class Octets>
PgsqlValue array(unsigned type, unsigned element, const Values& values, Octets octets_of) {
  std::string out;
  put_number(out, values.empty() ? 0 : 1, 4);
  std::string elements;
  bool nulls = false;
  for (const auto& value : values) {
    const auto octets = octets_of(value);
    if (!octets) {
      nulls = true;
      put_number(elements, 0xffffffff, 4);
      continue;
    }
    put_number(elements, octets->size(), 4);
    elements += *octets;
  }
  put_number(out, nulls ? 1 : 0, 4);
  put_number(out, element, 4);
  if (!values.empty()) {
    put_number(out, values.size(), 4);
    put_number(out, 1, 4);
  }
  out += elements;
  return {type, std::move(out)};
}

}  // namespace

namespace pgsql {

PgsqlValue integer(std::int64_t value) { return {int8_type, number(value)}; }
PgsqlValue boolean(bool value) { return {bool_type, std::string(1, value ? '\1' : '\0')}; }
PgsqlValue text(std::string_view value) { return {text_type, std::string(value)}; }
PgsqlValue bytes(std::string_view value) { return {bytea_type, std::string(value)}; }
PgsqlValue uuid(std::string_view sixteen) { return {uuid_type, std::string(sixteen)}; }
PgsqlValue time(PgsqlTime value) { return {timestamptz_type, number(microseconds(value))}; }

PgsqlValue integers(std::span<const std::int64_t> values) {
  return array(int8_array, int8_type, values,
               [](std::int64_t value) { return std::optional(number(value)); });
}
PgsqlValue texts(std::span<const std::string> values) {
  return array(text_array, text_type, values,
               [](const std::string& value) { return std::optional<std::string_view>(value); });
}
PgsqlValue blobs(std::span<const std::string_view> values) {
  return array(bytea_array, bytea_type, values,
               [](std::string_view value) { return std::optional(value); });
}
PgsqlValue optional_blobs(std::span<const std::optional<std::string_view>> values) {
  return array(bytea_array, bytea_type, values,
               [](const std::optional<std::string_view>& value) { return value; });
}
PgsqlValue uuids(std::span<const std::string> values) {
  return array(uuid_array, uuid_type, values,
               [](const std::string& value) { return std::optional<std::string_view>(value); });
}
PgsqlValue times(std::span<const PgsqlTime> values) {
  return array(timestamptz_array, timestamptz_type, values,
               [](PgsqlTime value) { return std::optional(number(microseconds(value))); });
}

}  // namespace pgsql

PgsqlRows::PgsqlRows(pg_result* result)
    : result_(result, [](pg_result* owned) { PQclear(owned); }) {}

std::size_t PgsqlRows::size() const {
  return static_cast<std::size_t>(std::max(0, PQntuples(result_.get())));
}

std::uint64_t PgsqlRows::changed() const {
  const std::string_view said(result_ ? PQcmdTuples(result_.get()) : "");
  std::uint64_t count = 0;
  std::from_chars(said.data(), said.data() + said.size(), count);
  return count;
}

std::string_view PgsqlRows::command() const { return result_ ? PQcmdStatus(result_.get()) : ""; }

bool PgsqlRows::is_null(std::size_t row, int column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

std::string_view PgsqlRows::octets(std::size_t row, int column) const {
  const int at = static_cast<int>(row);
  return {PQgetvalue(result_.get(), at, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}

std::int64_t PgsqlRows::integer(std::size_t row, int column) const {
  const std::string_view stored = octets(row, column);
  if (stored.empty()) return 0;
  // Sign extension from the first octet; one octet is a bool.
  std::uint64_t value = stored.size() > 1 && (stored.front() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const char octet : stored) value = value << 8 | static_cast<unsigned char>(octet);
  return static_cast<std::int64_t>(value);
}

PgsqlTime PgsqlRows::time(std::size_t row, int column) const {
  if (is_null(row, column)) return {};
  if (integer(row, column) == std::numeric_limits<std::int64_t>::max()) return PgsqlTime::max();
  return PgsqlTime(epoch_of_postgres + std::chrono::microseconds(integer(row, column)));
}

}  // namespace postern::net
