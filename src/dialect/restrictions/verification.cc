#include "dialect/restrictions/verification.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::size_t changing_part = 8;  ///< characters

/// Letters and digits that all servers with the same configuration make of a span of time. They
/// are no secret: they only make addresses that were collected useless after a while.
std::string changing_part_of(const Verification& settings, std::int64_t span) {
  constexpr std::string_view letters = "BCDFGHJKLMNPQRSTVWXYZ0123456789";
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  };
  add(lower(settings.probe_local));
  add("@");
  add(settings.probe_domain);
  add(std::to_string(span));
  std::string part;
  for (std::size_t i = 0; i < changing_part; ++i) {
    part += letters[hash % letters.size()];
    hash = (hash / letters.size()) * 1099511628211ull + i;
  }
  return part;
}

std::int64_t span_of(const Verification& settings, std::chrono::system_clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()) /
         settings.sender_ttl;
}

bool changes(const Verification& settings) { return settings.sender_ttl.count() > 0; }

}  // namespace

std::string Verification::probe_sender(std::chrono::system_clock::time_point now) const {
  if (probe_local.empty()) return {};
  const std::string part = changes(*this) ? changing_part_of(*this, span_of(*this, now)) : "";
  return probe_local + part + "@" + probe_domain;
}

bool Verification::may_be_probe_sender(const mail::Mailbox& address) const {
  if (probe_local.empty() || !iequals(address.domain, probe_domain)) return false;
  const std::string local = address.unquoted_local_part();
  if (!changes(*this)) return iequals(local, probe_local);
  return local.size() == probe_local.size() + changing_part && istarts_with(local, probe_local);
}

bool Verification::is_probe_sender(const mail::Mailbox& address,
                                   std::chrono::system_clock::time_point now) const {
  if (!may_be_probe_sender(address)) return false;
  if (!changes(*this)) return true;
  const std::string part = address.unquoted_local_part().substr(probe_local.size());
  const std::int64_t span = span_of(*this, now);
  // An answer may come after the change, and clocks differ.
  for (const std::int64_t one : {span, span - 1, span + 1}) {
    if (iequals(part, changing_part_of(*this, one))) return true;
  }
  return false;
}

VerificationAnswer verification_answer(const policy::Consultation& answered) {
  using Kind = VerificationAnswer::Kind;
  if (answered.failed) return {Kind::failed, answered.answer};
  const std::string_view answer = answered.answer;
  const std::size_t blank = std::min(answer.find(' '), answer.size());
  const std::string_view word = answer.substr(0, blank);
  const Kind kind = word == "deliverable"     ? Kind::deliverable
                    : word == "undeliverable" ? Kind::undeliverable
                    : word == "deferred"      ? Kind::deferred
                                              : Kind::failed;
  return {kind, std::string(answer.substr(std::min(blank + 1, answer.size())))};
}

}  // namespace postern::dialect::restrictions
