#include "relay/report.h"

#include <algorithm>

#include "base/domain_below.h"
#include "base/text.h"
#include "relay/report_parts.h"

namespace postern::relay {
namespace {

bool is_about(ReportKind kind, const ReportedRecipient& recipient) {
  switch (kind) {
    case ReportKind::failed:
      return recipient.expired || recipient.klass == smtp::ResultClass::permanent;
    case ReportKind::delayed:
      return !recipient.expired && recipient.klass == smtp::ResultClass::temporary;
    case ReportKind::relayed:
    case ReportKind::delivered:
      return recipient.klass == smtp::ResultClass::delivered;
  }
  return false;
}

/// RFC 3461 §4.1. Without NOTIFY, as if FAILURE and DELAY were requested.
bool is_wanted(ReportKind kind, std::string_view notify) {
  const bool success = kind == ReportKind::relayed || kind == ReportKind::delivered;
  if (notify.empty()) return !success;
  const std::string_view wanted = success                       ? "SUCCESS"
                                  : kind == ReportKind::delayed ? "DELAY"
                                                                : "FAILURE";
  const auto words = split(notify, ',');
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return iequals(word, wanted); });
}

bool is_own_bounce_address(std::string_view path, const ReportSettings& settings) {
  return iequals(path, settings.author + "@" + settings.hostname) ||
         iequals(path, "mailer-daemon@" + settings.hostname);
}

std::string domain_of(std::string_view path) {
  const std::size_t at = path.rfind('@');
  return at == std::string_view::npos ? std::string() : lower(path.substr(at + 1));
}

/// Whether a signature of `signer` authenticates `domain`: `signer` is the domain or an ancestor.
bool vouches(std::string_view signer, std::string_view domain) {
  if (signer.find('.') == std::string_view::npos) return false;
  return domain_below(domain, signer);
}

/// Whether a report could reach a third party whose address was forged.
bool is_backscatter(const ReportOccasion& occasion) {
  if (occasion.client != ClientStanding::stranger || occasion.spf_pass) return false;
  const std::string domain = domain_of(occasion.reverse_path);
  return std::none_of(occasion.dkim_domains.begin(), occasion.dkim_domains.end(),
                      [&](const std::string& signer) { return vouches(lower(signer), domain); });
}

bool is_too_often(const ReportOccasion& occasion) {
  const std::size_t to_domain = occasion.client == ClientStanding::stranger
                                    ? max_reports_to_domain
                                    : max_reports_to_domain_own;
  return occasion.sent_to_address >= max_reports_to_address || occasion.sent_to_domain >= to_domain;
}

/// The recipients that the report covers, or why there is no report.
struct Selection {
  std::vector<const ReportedRecipient*> recipients;
  std::optional<Suppression> why;
};

Selection select(const ReportOccasion& occasion, const Original& original,
                 const ReportSettings& settings) {
  Selection selection;
  auto& left = selection.recipients;
  const auto keep = [&](Suppression why, const auto& is_kept) {
    std::erase_if(left, [&](const ReportedRecipient* one) { return !is_kept(*one); });
    if (left.empty() && !selection.why) selection.why = why;
  };
  const auto stop_if = [&](Suppression why, bool holds) {
    if (holds && !selection.why) selection.why = why;
  };
  const bool stranger = occasion.client == ClientStanding::stranger;
  for (const ReportedRecipient& one : occasion.recipients) {
    if (is_about(occasion.kind, one)) left.push_back(&one);
  }
  stop_if(Suppression::null_sender, occasion.reverse_path.empty());
  stop_if(Suppression::own_bounce_address, is_own_bounce_address(occasion.reverse_path, settings));
  keep(Suppression::notify, [&](const auto& one) { return is_wanted(occasion.kind, one.notify); });
  // Failures of automatic mail are reported: RFC 3834 §2 restricts responses, while RFC 5321 §6.1
  // requires failure reports.
  stop_if(Suppression::automatic, original.automatic && occasion.kind != ReportKind::failed);
  keep(Suppression::already_sent, [&](const auto& one) {
    return occasion.kind != ReportKind::delayed || !one.delay_notice_sent;
  });
  keep(Suppression::next_hop_reports,
       [&](const auto& one) { return occasion.kind != ReportKind::relayed || !one.next_hop_dsn; });
  stop_if(Suppression::sender_domain, occasion.sender_takes_no_mail);
  stop_if(Suppression::backscatter, is_backscatter(occasion));
  keep(Suppression::content_verdict,
       [&](const auto& one) { return !stranger || !one.content_verdict; });
  stop_if(Suppression::rate, is_too_often(occasion));
  return selection;
}

/// RFC 3461 §6.2. Only the header is returned for REQUIRETLS (RFC 8689 §5), and when the form of
/// the text requires it.
bool is_returned_whole(const ReportOccasion& occasion, const Original& original, bool global) {
  if (occasion.kind != ReportKind::failed || occasion.requiretls) return false;
  const bool asked = iequals(occasion.ret, "FULL") ||
                     (occasion.ret.empty() && original.size <= max_returned_unasked);
  // message/rfc822 cannot be encoded (RFC 2046 §5.2.1), so the original must be suitable unchanged.
  return asked && (global || (original.header.plain && original.body.plain));
}

/// Whether the report contains text beyond ASCII (RFC 6533 §4).
bool is_global(const ReportOccasion& occasion, const Original& original,
               const std::vector<const ReportedRecipient*>& recipients) {
  if (!is_ascii(occasion.reverse_path)) return true;
  if (occasion.smtputf8 && original.header.eight_bit) return true;
  return std::any_of(recipients.begin(), recipients.end(), [](const ReportedRecipient* one) {
    return !is_ascii(one->address) || !is_ascii(one->orcpt);
  });
}

}  // namespace

std::string_view word_of(Suppression why) {
  switch (why) {
    case Suppression::null_sender:
      return "null-sender";
    case Suppression::own_bounce_address:
      return "own-bounce-address";
    case Suppression::notify:
      return "notify";
    case Suppression::automatic:
      return "automatic";
    case Suppression::already_sent:
      return "already-sent";
    case Suppression::next_hop_reports:
      return "next-hop-reports";
    case Suppression::sender_domain:
      return "sender-domain";
    case Suppression::backscatter:
      return "backscatter";
    case Suppression::content_verdict:
      return "content-verdict";
    case Suppression::rate:
      return "rate";
  }
  return "";
}

std::string_view word_of(ReportKind kind) {
  switch (kind) {
    case ReportKind::failed:
      return "failed";
    case ReportKind::delayed:
      return "delayed";
    case ReportKind::relayed:
      return "relayed";
    case ReportKind::delivered:
      return "delivered";
  }
  return "";
}

std::optional<Suppression> suppressed(const ReportOccasion& occasion, const Original& original,
                                      const ReportSettings& settings) {
  return select(occasion, original, settings).why;
}

Report make_report(const ReportOccasion& occasion, const Original& original,
                   const ReportSettings& settings, std::chrono::system_clock::time_point now,
                   std::string_view unique) {
  const Selection selection = select(occasion, original, settings);
  ReportForm form{.occasion = occasion,
                  .recipients = selection.recipients,
                  .original = original,
                  .settings = settings,
                  .now = now,
                  .unique = unique.substr(0, max_unique)};
  form.global = is_global(occasion, original, selection.recipients);
  form.utf8 = form.global && (settings.hop_smtputf8 || !is_ascii(occasion.reverse_path));
  form.whole = is_returned_whole(occasion, original, form.global);
  const bool plain = original.header.plain && (!form.whole || original.body.plain);
  const bool eight_bit = original.header.eight_bit || (form.whole && original.body.eight_bit);
  const bool passes = !eight_bit || !form.global || form.utf8;
  form.encoding = !plain || !passes ? "base64" : eight_bit ? "8bit" : "7bit";
  // Only the original could contain a line that ends a part, but its sender could not predict both
  // halves of the boundary.
  form.boundary = std::string(form.unique) + "_" + original.digest;

  Report report{.recipient = occasion.reverse_path,
                .requiretls = occasion.requiretls,
                .smtputf8 = form.utf8,
                .eight_bit = form.utf8 || form.encoding == "8bit"};
  report.head = report_header(form);
  report.head += text_part(form);
  report.head += status_part(form);
  report.head += returned_part_header(form);
  report.returned = {.size = form.whole ? original.size : original.header_size,
                     .base64 = form.encoding == "base64"};
  report.tail = "\r\n--" + form.boundary + "--\r\n";
  return report;
}

std::string report_text(const Report& report, std::string_view original) {
  std::string out = report.head;
  ReturnedWriter writer(report.returned);
  writer.feed(original, out);
  writer.finish(out);
  return out + report.tail;
}

}  // namespace postern::relay
