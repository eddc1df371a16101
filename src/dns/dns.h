// DNS questions and answers as values, and the interface of whoever answers them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace postern::dns {

enum class Type : std::uint16_t {
  a = 1,
  cname = 5,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  tlsa = 52
};
std::string_view to_string(Type type);
/// The type of that name, in any case.
std::optional<Type> parse_type(std::string_view text);

struct Question {
  std::string name;  ///< A-labels, without trailing dot
  Type type = Type::a;
  auto operator<=>(const Question&) const = default;
};

/// `no_data` and `nx_domain` are answers; the rest is trouble and decides nothing.
enum class Status { found, no_data, nx_domain, server_failure, timeout, bogus };
std::string_view to_string(Status status);
std::optional<Status> parse_status(std::string_view text);

struct Answer {
  Status status = Status::server_failure;
  /// One string a record. A/AAAA: text form; TXT: the strings joined, octets as received;
  /// MX: "preference host"; PTR, CNAME: the name, lower case, no trailing dot.
  std::vector<std::string> records;
  bool secure = false;  ///< DNSSEC-validated (RFC 4035 §4.3)
  std::chrono::seconds ttl{0};
  /// Where aliases led: the name that owns the records, lower case, no trailing dot. Empty when it
  /// is the name asked for.
  std::string canonical_name = {};

  bool trouble() const {
    return status != Status::found && status != Status::no_data && status != Status::nx_domain;
  }
  bool operator==(const Answer&) const = default;
};

}  // namespace postern::dns
