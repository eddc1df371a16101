#include "net/dns_records.h"

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unbound.h>

#include "base/ip.h"
#include "base/text.h"

namespace postern::net {
namespace {

/// A name in wire form without compression, as libunbound hands rdata over (RFC 4034 §6.2); lower
/// case, no trailing dot.
std::optional<std::string> name_of(std::string_view wire) {
  std::string name;
  while (!wire.empty()) {
    const std::size_t length = static_cast<unsigned char>(wire.front());
    if (length == 0) return name;
    if (length > 63 || length + 1 > wire.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    name += lower(wire.substr(1, length));
    wire.remove_prefix(length + 1);
  }
  return std::nullopt;
}

/// The strings of a TXT record joined without a separator (RFC 7208 §3.3).
std::optional<std::string> text_of(std::string_view data) {
  std::string text;
  while (!data.empty()) {
    const std::size_t length = static_cast<unsigned char>(data.front());
    if (length + 1 > data.size()) return std::nullopt;
    text += data.substr(1, length);
    data.remove_prefix(length + 1);
  }
  return text;
}

unsigned octet(std::string_view data, std::size_t at) {
  return static_cast<unsigned char>(data[at]);
}

std::optional<std::string> record_of(dns::Type type, std::string_view data) {
  switch (type) {
    case dns::Type::a:
      if (data.size() != 4) return std::nullopt;
      return IpAddress::v4(octet(data, 0) << 24 | octet(data, 1) << 16 | octet(data, 2) << 8 |
                           octet(data, 3))
          .to_string();
    case dns::Type::aaaa: {
      std::array<std::uint8_t, 16> octets;
      if (data.size() != octets.size()) return std::nullopt;
      std::memcpy(octets.data(), data.data(), octets.size());
      return IpAddress::v6(octets).to_string();
    }
    case dns::Type::cname:
    case dns::Type::ptr:
      return name_of(data);
    case dns::Type::mx: {
      if (data.size() < 3) return std::nullopt;
      const std::optional<std::string> host = name_of(data.substr(2));
      if (!host) return std::nullopt;
      return fmt::format("{} {}", octet(data, 0) << 8 | octet(data, 1), *host);
    }
    case dns::Type::txt:
      return text_of(data);
    case dns::Type::tlsa:  // RFC 6698 §2.2
      if (data.size() < 4) return std::nullopt;
      return fmt::format("{} {} {} {}", octet(data, 0), octet(data, 1), octet(data, 2),
                         hex_encode(data.substr(3)));
  }
  return std::nullopt;
}

std::string without_dot(const char* name) {
  std::string text = name == nullptr ? std::string() : lower(name);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

dns::Answer answer_of(const ub_result& result, const dns::Question& question) {
  dns::Answer answer;
  answer.ttl = std::chrono::seconds(result.ttl);
  if (result.bogus != 0) {
    answer.status = dns::Status::bogus;
    return answer;
  }
  answer.secure = result.secure != 0;
  answer.canonical_name = without_dot(result.canonname);
  if (answer.canonical_name == without_dot(question.name.c_str())) answer.canonical_name.clear();
  if (result.nxdomain != 0) {
    answer.status = dns::Status::nx_domain;
    return answer;
  }
  constexpr int no_error = 0;
  if (result.rcode != no_error) {
    answer.status = dns::Status::server_failure;
    return answer;
  }
  if (result.havedata != 0) {
    for (std::size_t i = 0; result.data[i] != nullptr; ++i) {
      const std::string_view data(result.data[i], static_cast<std::size_t>(result.len[i]));
      if (std::optional<std::string> record = record_of(question.type, data))
        answer.records.push_back(std::move(*record));
    }
  }
  answer.status = answer.records.empty() ? dns::Status::no_data : dns::Status::found;
  return answer;
}

}  // namespace postern::net
