#include "policy/answers.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "mail/hostname.h"
#include "policy/dns_list.h"
#include "policy/evidence.h"
#include "policy/questions/servers.h"

namespace postern::policy {

Answers::Answers(const Evidence& evidence) : Answers(evidence.dns, evidence.in_shadow) {}

Replies::Replies(const Evidence& evidence) : Replies(evidence.consulted, evidence.in_shadow) {}

const dns::Answer* Answers::find(std::string_view name, dns::Type type) {
  const auto known = std::find_if(records_.begin(), records_.end(), [&](const DnsRecord& one) {
    return sees(one) && one.question.type == type && iequals(one.question.name, name);
  });
  if (known != records_.end()) return &known->answer;
  if (!wanted_) wanted_ = dns::Question{.name = lower(name), .type = type};
  return nullptr;
}

std::size_t Answers::count() const {
  const auto seen =
      std::ranges::count_if(records_, [this](const DnsRecord& one) { return sees(one); });
  return static_cast<std::size_t>(seen);
}

const Consultation* Replies::find(std::string_view service, std::string_view request) {
  if (const Consultation* known = known_.find(service, request, in_shadow_)) return known;
  if (!wanted_) wanted_ = {.service = std::string(service), .request = std::string(request)};
  return nullptr;
}

namespace {

using Status = ClientName::Status;
constexpr std::size_t max_names = 10;  ///< PTR records looked at, as RFC 7208 §4.6.4 has it

dns::Type address_type(const IpAddress& address) {
  return address.is_v4() ? dns::Type::a : dns::Type::aaaa;
}

/// `zone`: what follows the octets; at most 16 characters.
std::string reversed(const IpAddress& address, std::string_view zone = {}) {
  char name[80];
  char* end = name;
  const std::string_view octets = address.octets();
  for (std::size_t i = octets.size(); i-- > 0;) {
    const auto octet = static_cast<unsigned char>(octets[i]);
    if (address.is_v4()) {
      end = std::to_chars(end, std::end(name), octet).ptr;
      *end++ = '.';
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    *end++ = digits[octet & 15];
    *end++ = '.';
    *end++ = digits[octet >> 4];
    *end++ = '.';
  }
  return {name, zone.copy(end, 16) + end};
}

}  // namespace

std::string reverse_name(const IpAddress& address) {
  return reversed(address, address.is_v4() ? "in-addr.arpa" : "ip6.arpa");
}

ClientName client_name(const IpAddress& client, Answers& answers) {
  if (!client.is_known()) return {.status = Status::none};
  const dns::Answer* names = answers.find(reverse_name(client), dns::Type::ptr);
  if (names == nullptr) return {};
  if (names->trouble()) return {.status = Status::trouble};
  if (names->status != dns::Status::found || names->records.empty()) {
    return {.status = Status::none};
  }
  ClientName result{.status = Status::none};
  const std::size_t count = std::min(names->records.size(), max_names);
  for (std::size_t i = 0; i < count; ++i) {
    // Whoever owns the address writes the record: 192.0.2.0/24 is no name, but a key of tables.
    if (!mail::is_hostname(names->records[i])) continue;
    if (result.status == Status::none) {
      result = {.status = Status::unverified, .reverse_name = names->records[i]};
    }
    const dns::Answer* addresses = answers.find(names->records[i], address_type(client));
    if (addresses == nullptr) return {};
    if (addresses->trouble()) result.status = Status::trouble;
    for (const std::string& text : addresses->records) {
      const auto address = IpAddress::parse(text);
      if (!address || *address != client) continue;
      result.status = Status::verified;
      result.name = result.reverse_name = names->records[i];
      return result;
    }
  }
  return result;
}

MailDomain mail_domain(std::string_view domain, Answers& answers) {
  using Found = questions::Servers::Status;
  const questions::Servers hosts = questions::mail_hosts(domain, answers);
  if (hosts.status == Found::waiting) return MailDomain::waiting;
  if (hosts.status == Found::found) return MailDomain::exists;
  if (hosts.status == Found::null_mx) return MailDomain::null_mx;
  // A name that has an address exists, even if the question for MX records failed; as in Postfix.
  bool trouble = hosts.status == Found::trouble;
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    const dns::Answer* answer = answers.find(domain, type);
    if (answer == nullptr) return MailDomain::waiting;
    if (answer->status == dns::Status::found && !answer->records.empty()) return MailDomain::exists;
    trouble |= answer->trouble();
  }
  return trouble ? MailDomain::trouble : MailDomain::missing;
}

Result<DnsList> DnsList::parse(std::string_view text) {
  DnsList list;
  list.text_ = std::string(text);
  const std::size_t equals = text.find('=');
  list.zone_ = lower(text.substr(0, equals));
  const auto bad = [&](std::string what) -> Result<DnsList> {
    return fail(Fault::malformed, "DNS list \"" + printable(text, 128) + "\": " + what);
  };
  if (!list.zone_.empty() && list.zone_.back() == '.') list.zone_.pop_back();
  const bool name = std::all_of(list.zone_.begin(), list.zone_.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
  if (list.zone_.empty() || !name) return bad("the zone is not a domain name");
  if (equals == std::string_view::npos) return list;

  std::string_view rest = text.substr(equals + 1);
  const auto number = [&rest]() -> std::optional<std::uint8_t> {
    std::size_t digits = 0;
    while (digits < rest.size() && digits < 4 && is_digit(rest[digits])) ++digits;
    const auto value = parse_number(rest.substr(0, digits));
    if (!value || *value > 255) return std::nullopt;
    rest.remove_prefix(digits);
    return static_cast<std::uint8_t>(*value);
  };
  const auto range = [&]() -> std::optional<Range> {
    const auto first = number();
    if (!first) return std::nullopt;
    if (!rest.starts_with("..")) return Range{*first, *first};
    rest.remove_prefix(2);
    const auto last = number();
    if (!last || *last < *first) return std::nullopt;
    return Range{*first, *last};
  };
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (!rest.starts_with('.'))
        return bad("a filter is four numbers or [lists], separated by dots");
      rest.remove_prefix(1);
    }
    std::vector<Range> ranges;
    const bool bracket = rest.starts_with('[');
    if (bracket) rest.remove_prefix(1);
    for (;;) {
      const auto one = range();
      if (!one) return bad("a filter's numbers go from 0 to 255, ranges as [2..11]");
      ranges.push_back(*one);
      if (!bracket || !rest.starts_with(';')) break;
      rest.remove_prefix(1);
    }
    if (bracket) {
      if (!rest.starts_with(']')) return bad("a [list] is not closed");
      rest.remove_prefix(1);
    } else if (ranges[0].first != ranges[0].last) {
      return bad("a range must be in brackets, as in [2..11]");
    }
    list.filter_.push_back(std::move(ranges));
  }
  if (!rest.empty()) return bad("there is text after the filter");
  return list;
}

bool DnsList::counts(const dns::Answer& answer) const {
  return std::any_of(answer.records.begin(), answer.records.end(), [&](const std::string& text) {
    const auto address = IpAddress::parse(text);
    if (!address || !address->is_v4()) return false;
    for (std::size_t i = 0; i < filter_.size(); ++i) {
      const auto octet = static_cast<unsigned char>(address->octets()[i]);
      const bool in = std::any_of(filter_[i].begin(), filter_[i].end(), [octet](const Range& one) {
        return octet >= one.first && octet <= one.last;
      });
      if (!in) return false;
    }
    return true;
  });
}

DnsList::Listing DnsList::ask(const std::string& name, Answers& answers) const {
  const dns::Answer* answer = answers.find(name, dns::Type::a);
  if (answer == nullptr) return {};
  if (answer->trouble()) return {.status = Status::trouble, .reason = {}};
  if (answer->status != dns::Status::found || !counts(*answer)) {
    return {.status = Status::not_listed, .reason = {}};
  }
  const dns::Answer* text = answers.find(name, dns::Type::txt);
  if (text == nullptr) return {};
  Listing listing{.status = Status::listed, .reason = {}};
  for (const std::string& one : text->records) {
    if (!listing.reason.empty()) listing.reason += " / ";
    listing.reason += printable(one, 255);
  }
  return listing;
}

DnsList::Listing DnsList::look_up(const IpAddress& address, Answers& answers) const {
  if (!address.is_known()) return {.status = Status::not_listed, .reason = {}};
  return ask(reversed(address) + zone_, answers);
}

DnsList::Listing DnsList::look_up(std::string_view domain, Answers& answers) const {
  return ask(std::string(domain) + "." + zone_, answers);
}

}  // namespace postern::policy
