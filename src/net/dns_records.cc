#include "net/dns_records.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unbound.h>

#include "base/ip.h"
#include "base/text.h"

namespace postern::net {
namespace {

/// Decodes a name in uncompressed wire form, as in libunbound's rdata (RFC 4034 §6.2), to lower
/// case without trailing dot.
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

/// Joins the strings of a TXT record without separator (RFC 7208 §3.3).
std::optional<std::string> joined_strings(std::string_view data) {
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
    case dns::Type::ns:
    case dns::Type::ptr:
      return name_of(data);
    case dns::Type::mx: {
      if (data.size() < 3) return std::nullopt;
      const std::optional<std::string> host = name_of(data.substr(2));
      if (!host) return std::nullopt;
      return fmt::format("{} {}", octet(data, 0) << 8 | octet(data, 1), *host);
    }
    case dns::Type::txt:
      return joined_strings(data);
    case dns::Type::tlsa:  // RFC 6698 §2.2
      if (data.size() < 4) return std::nullopt;
      return fmt::format("{} {} {} {}", octet(data, 0), octet(data, 1), octet(data, 2),
                         hex_encode(data.substr(3)));
    case dns::Type::caa: {  // RFC 8659 §4.1
      if (data.size() < 2) return std::nullopt;
      const std::size_t length = octet(data, 1);
      if (length == 0 || length > data.size() - 2) return std::nullopt;
      return fmt::format("{} {} {}", octet(data, 0), lower(data.substr(2, length)),
                         data.substr(2 + length));
    }
  }
  return std::nullopt;
}

std::string without_dot(const char* name) {
  std::string text = name == nullptr ? std::string() : lower(name);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

/// Reads a message from its start; reading past its end makes it bad.
class DnsMessage {
 public:
  explicit DnsMessage(std::string_view packet) : packet_(packet) {}

  unsigned number16() {
    const unsigned high = number8();
    return high << 8 | number8();
  }
  std::uint32_t number32() {
    const std::uint32_t high = number16();
    return high << 16 | number16();
  }
  void skip(std::size_t octets) {
    bad_ |= octets > packet_.size() - at_;
    if (!bad_) at_ += octets;
  }
  /// A name in wire form, decompressed (RFC 1035 §4.1.4).
  std::string name() {
    std::string wire;
    std::size_t at = at_;
    bool here = true;
    while (!bad_) {
      if (at >= packet_.size() || wire.size() > 255) break;
      const unsigned length = octet(packet_, at);
      if (length >= 0xc0) {
        if (at + 1 >= packet_.size()) break;
        const std::size_t target = (length & 0x3fu) << 8 | octet(packet_, at + 1);
        if (here) at_ = at + 2;
        here = false;
        if (target >= at) break;  // pointers go backwards only: no loop
        at = target;
        continue;
      }
      if (length > 63 || at + 1 + length > packet_.size()) break;
      wire += packet_.substr(at, length + 1);
      at += length + 1;
      if (length != 0) continue;
      if (here) at_ = at;
      return wire;
    }
    bad_ = true;
    return {};
  }
  /// The data of a record, with its names decompressed.
  std::string data(unsigned type) {
    const std::size_t length = number16();
    const std::size_t begin = at_;
    skip(length);
    if (bad_) return {};
    const auto names = [&](std::size_t before, std::size_t count) {
      const std::size_t end = std::exchange(at_, begin);
      std::string out;
      skip(before);
      if (!bad_) out = packet_.substr(begin, before);
      for (std::size_t i = 0; i < count; ++i) out += name();
      out += packet_.substr(std::min(at_, end), end - std::min(at_, end));
      bad_ |= at_ > end;
      at_ = end;
      return out;
    };
    if (type == type_of(dns::Type::mx)) return names(2, 1);
    if (type == type_of(dns::Type::cname) || type == type_of(dns::Type::ns) ||
        type == type_of(dns::Type::ptr)) {
      return names(0, 1);
    }
    if (type == soa) return names(0, 2);
    return std::string(packet_.substr(begin, length));
  }
  bool bad() const { return bad_; }

  static constexpr unsigned type_of(dns::Type type) { return static_cast<unsigned>(type); }
  static constexpr unsigned soa = 6;

 private:
  unsigned number8() {
    bad_ |= at_ >= packet_.size();
    return bad_ ? 0 : octet(packet_, at_++);
  }

  const std::string_view packet_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

struct Record {
  std::string name;
  unsigned type = 0;
  std::uint32_t ttl = 0;
  std::string data;
};

Record read_record(DnsMessage& message) {
  Record record;
  record.name = name_of(message.name()).value_or("");
  record.type = message.number16();
  message.number16();  // the class
  record.ttl = message.number32();
  if (record.ttl > 0x7fffffff) record.ttl = 0;  // RFC 2181 §8
  record.data = message.data(record.type);
  return record;
}

/// The number of records in the answer and authority sections; reads the counts and the questions.
std::pair<unsigned, unsigned> begin_records(DnsMessage& message) {
  const unsigned questions = message.number16();
  const unsigned answers = message.number16();
  const unsigned authorities = message.number16();
  message.number16();
  for (unsigned i = 0; i < questions && !message.bad(); ++i) {
    message.name();
    message.skip(4);
  }
  return {answers, authorities};
}

}  // namespace

std::string presentation_of(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '\\') out += c;
    out += c;
  }
  return out;
}

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

dns::Answer answer_of(std::string_view packet, const dns::Question& question) {
  constexpr unsigned truncated = 0x0200;
  constexpr unsigned authentic = 0x0020;
  constexpr unsigned nx_domain = 3;
  constexpr std::size_t most_aliases = 16;
  dns::Answer answer;
  DnsMessage message(packet);
  message.number16();  // the identifier
  const unsigned flags = message.number16();
  const auto [answers, authorities] = begin_records(message);
  std::vector<Record> records;
  for (unsigned i = 0; i < answers && !message.bad(); ++i) records.push_back(read_record(message));
  std::optional<std::uint32_t> negative;  // RFC 2308 §5: the lesser of the SOA's TTL and MINIMUM
  for (unsigned i = 0; i < authorities && !message.bad(); ++i) {
    const Record record = read_record(message);
    if (record.type != DnsMessage::soa || record.data.size() < 4) continue;
    DnsMessage minimum(std::string_view(record.data).substr(record.data.size() - 4));
    negative = std::min(record.ttl, minimum.number32());
  }
  const unsigned rcode = flags & 0xf;
  if (message.bad() || (flags & truncated) != 0 || (rcode != 0 && rcode != nx_domain))
    return answer;

  std::uint32_t ttl = UINT32_MAX;
  const std::string asked = without_dot(question.name.c_str());
  std::string name = asked;
  for (std::size_t alias = 0; alias < most_aliases; ++alias) {
    const auto next = std::find_if(records.begin(), records.end(), [&](const Record& record) {
      return record.name == name && record.type == DnsMessage::type_of(dns::Type::cname);
    });
    if (next == records.end() || question.type == dns::Type::cname) break;
    name = name_of(next->data).value_or("");
    ttl = std::min(ttl, next->ttl);
  }
  if (name != asked) answer.canonical_name = name;
  for (const Record& record : records) {
    if (record.name != name || record.type != DnsMessage::type_of(question.type)) continue;
    std::optional<std::string> text = record_of(question.type, record.data);
    if (!text) continue;
    answer.records.push_back(std::move(*text));
    ttl = std::min(ttl, record.ttl);
  }
  if (answer.records.empty()) ttl = std::min(ttl, negative.value_or(0));
  answer.ttl = std::chrono::seconds(ttl);
  answer.secure = (flags & authentic) != 0;
  answer.status = rcode == nx_domain       ? dns::Status::nx_domain
                  : answer.records.empty() ? dns::Status::no_data
                                           : dns::Status::found;
  if (answer.status == dns::Status::nx_domain) answer.records.clear();
  return answer;
}

bool has_record(std::string_view packet, unsigned type) {
  DnsMessage message(packet);
  message.skip(4);  // the identifier and the flags
  const auto [answers, authorities] = begin_records(message);
  for (unsigned i = 0; i < answers + authorities && !message.bad(); ++i) {
    const Record record = read_record(message);
    if (!message.bad() && record.type == type) return true;
  }
  return false;
}

}  // namespace postern::net
