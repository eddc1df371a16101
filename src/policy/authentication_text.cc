#include "policy/authentication_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::policy {

namespace spf = mailauth::spf;
namespace dkim = mailauth::dkim;
namespace dmarc = mailauth::dmarc;
namespace arc = mailauth::arc;

namespace {}  // namespace

std::string describe(const spf::Result& result) {
  std::string text =
      fmt::format("SPF {} for {}", spf::to_string(result.status),
                  result.domain.empty() ? "no domain" : printable(result.domain, longest_shown));
  if (!result.mechanism.empty()) text += " by " + printable(result.mechanism, longest_shown);
  if (!result.record_domain.empty() && result.record_domain != result.domain) {
    text += " of " + printable(result.record_domain, longest_shown);
  }
  if (!result.reason.empty()) text += ": " + printable(result.reason, longest_shown);
  return text;
}

std::string describe(const dkim::SignatureResult& one) {
  std::string text =
      fmt::format("{} {}/{}", dkim::to_text(one.reported()),
                  one.signature.domain.empty() ? "(no domain)" : one.signature.domain,
                  one.signature.selector.empty() ? "(no selector)" : one.signature.selector);
  if (one.status != dkim::Status::pass) return text + ": " + std::string(dkim::to_text(one.reason));
  if (one.acceptable) return text;
  return text + (one.testing               ? ": the key is for tests only (t=y)"
                 : one.unsigned_octets > 0 ? ": body octets are left unsigned (l=)"
                 : one.uncovered_field     ? ": a field was added that is not signed"
                 : one.from_future         ? ": signed in the future"
                 : one.header_ambiguous    ? ": the header has lines that are no fields"
                                           : ": not exactly one From field");
}

std::string describe(const dkim::Results& results) {
  if (results.header_too_long) return "the header is too long to be looked at";
  if (results.signatures.empty()) return "no DKIM signature";
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(results.signatures.size(), most); ++i) {
    text += (i == 0 ? "" : "; ") + describe(results.signatures[i]);
  }
  if (results.signatures.size() > most) {
    text += fmt::format("; and {} more", results.signatures.size() - most);
  }
  return printable(text, 6 * longest_shown);
}

std::string describe(const dmarc::Result& result) {
  std::string text =
      fmt::format("DMARC {} for {}", dmarc::to_string(result.status),
                  result.from_domain.empty() ? "no author domain"
                                             : printable(result.from_domain, longest_shown));
  if (result.record) {
    text += fmt::format(", policy {} of {}", dmarc::to_string(result.policy),
                        printable(result.record_domain, longest_shown));
  }
  if (!result.reason.empty()) text += ": " + printable(result.reason, longest_shown);
  return text;
}

std::string describe(const arc::Verdict& verdict) {
  std::string text = fmt::format("ARC {}", arc::to_text(verdict.status));
  if (verdict.status == arc::Status::none) return text;
  text += fmt::format(", {} {}", verdict.instance, verdict.instance == 1 ? "set" : "sets");
  if (!verdict.sealers.empty()) {
    text += ", last sealed by " + printable(verdict.sealers.back(), longest_shown);
  }
  if (verdict.trouble.reason != arc::Reason::ok) {
    text += ": " + std::string(arc::to_text(verdict.trouble.reason));
  }
  return text;
}

}  // namespace postern::policy
