// DNS questions and answers as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace postern::dns {

/// The record types that Postern queries, with their numbers (RFC 1035 §3.2.2, RFC 3596 §2.1,
/// RFC 6698 §7.1, RFC 8659 §4.1).
enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  tlsa = 52,
  caa = 257
};
/// The name: "A", "MX", ...; "?" for another type.
std::string_view to_string(Type type);
/// The type of that name, in either case; nullopt: another type.
std::optional<Type> parse_type(std::string_view text);

/// A query.
struct Question {
  std::string name;  ///< A-labels, without trailing dot
  Type type = Type::a;
  auto operator<=>(const Question&) const = default;
};

/// The outcome of a query. `found`, `no_data` and `nx_domain` are answers; the others are failures,
/// from which nothing may be concluded. `bogus`: DNSSEC validation failed.
enum class Status { found, no_data, nx_domain, server_failure, timeout, bogus };
/// The enumerator's name.
std::string_view to_string(Status status);
/// The inverse; nullopt: another name.
std::optional<Status> parse_status(std::string_view text);

/// The result of a query.
struct Answer {
  Status status = Status::server_failure;
  /// One string per record. A, AAAA: text form. TXT: the strings joined, octets as received (RFC
  /// 7208 §3.3). MX: "preference host". PTR, CNAME, NS: the name, lower case, without trailing dot.
  /// TLSA: three numbers and hexadecimal data. CAA: flags, tag in lower case, value: `0 issue
  /// ca.example`.
  std::vector<std::string> records;
  bool secure = false;          ///< DNSSEC-validated (RFC 4035 §4.3)
  std::chrono::seconds ttl{0};  ///< remaining; 0: do not cache
  /// The owner of the records after following CNAMEs, lower case, without trailing dot; empty: the
  /// queried name.
  std::string canonical_name = {};

  /// Whether the query failed.
  bool trouble() const {
    return status != Status::found && status != Status::no_data && status != Status::nx_domain;
  }
  bool operator==(const Answer&) const = default;
};

}  // namespace postern::dns
