#include "relay/report_parts.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/shown.h"
#include "base/text.h"
#include "base/time_text.h"
#include "smtp/xtext.h"

namespace postern::relay {
namespace {

constexpr std::size_t max_foreign = 1020;     // 1023 with "..."
constexpr std::size_t max_report_line = 900;  // of the 998 of RFC 5322 §2.1.1
constexpr std::size_t text_width = 76;
constexpr std::size_t max_name = 255;
constexpr std::size_t max_subject_address = 60;

/// Removes a line from the front: up to the last blank within `width` octets; a longer word is cut
/// only at max_report_line.
std::string_view take_line(std::string_view& text, std::size_t width) {
  std::size_t length = text.size();
  if (length > width) {
    length = text.rfind(' ', width);
    if (length == std::string_view::npos || length == 0) {
      length = std::min({text.find(' ', width), text.size(), max_report_line});
    }
  }
  const std::string_view line = text.substr(0, length);
  text.remove_prefix(length);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return line;
}

/// Adds a field of ours; the value has no line ends. Folds only when necessary (RFC 5322 §2.2.3),
/// because many programs that read reports do not unfold.
void add_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += take_line(value, max_report_line - name.size());
  while (!value.empty()) {
    out += "\r\n ";
    out += take_line(value, max_report_line);
  }
  out += "\r\n";
}

void add_lines(std::string& out, std::string_view indent, std::string_view text) {
  while (!text.empty()) {
    out += indent;
    out += take_line(text, text_width - indent.size());
    out += "\r\n";
  }
}

/// UTF-8 that displays as written remains; anything else is escaped.
std::string utf8_text(std::string_view text) {
  return shown(text) == text ? std::string(text) : printable(text, max_foreign);
}

/// Decodes xtext (RFC 3461 §4); the given text when it is malformed.
std::string decoded(std::string_view xtext) {
  const auto text = smtp::decode_xtext(xtext);
  return one_line(text ? *text : xtext);
}

/// `utf-8;` addresses in the form of RFC 6533 §3; others decoded.
std::string original_recipient(const ReportForm& form, std::string_view orcpt) {
  const std::size_t semicolon = std::min(orcpt.find(';'), orcpt.size());
  const std::string type = one_line(orcpt.substr(0, semicolon));
  const std::string_view address = orcpt.substr(std::min(semicolon + 1, orcpt.size()));
  if (is_ascii(address)) return type + "; " + decoded(address);
  return type + "; " + (form.utf8 ? utf8_text(address) : utf8_addr_xtext(address));
}

std::string final_recipient(const ReportForm& form, std::string_view address) {
  if (is_ascii(address)) return "rfc822; " + one_line(address);
  return "utf-8; " + (form.utf8 ? utf8_text(address) : utf8_addr_xtext(address));
}

/// The status code; its class must suit the action (RFC 3463 §2).
std::string status_of(ReportKind kind, const ReportedRecipient& recipient) {
  const bool refused = recipient.klass == smtp::ResultClass::permanent;
  switch (kind) {
    case ReportKind::failed:
      if (!refused) return "4.4.7";  // RFC 3463 §3.5: delivery time expired
      return recipient.enhanced.klass == 5 ? recipient.enhanced.to_string() : "5.0.0";
    case ReportKind::delayed:
      return recipient.enhanced.klass == 4 ? recipient.enhanced.to_string() : "4.0.0";
    case ReportKind::relayed:
    case ReportKind::delivered:
      break;
  }
  return "2.0.0";
}

std::string own_client(const ReportOccasion& occasion) {
  std::string text = "dns; " + printable(occasion.helo, max_name);
  if (!occasion.client_address.empty()) {
    text += fmt::format(" ([{}])", printable(occasion.client_address, max_name));
  }
  return text;
}

std::string recipient_group(const ReportForm& form, const ReportedRecipient& recipient) {
  const ReportKind kind = form.occasion.kind;
  std::string out = "\r\n";
  if (!recipient.orcpt.empty()) {
    add_field(out, "Original-Recipient", original_recipient(form, recipient.orcpt));
  }
  add_field(out, "Final-Recipient", final_recipient(form, recipient.address));
  add_field(out, "Action", word_of(kind));
  add_field(out, "Status", status_of(kind, recipient));
  if (kind != ReportKind::delivered) {
    if (!recipient.remote.empty()) {
      add_field(out, "Remote-MTA", "dns; " + printable(recipient.remote, max_name));
    }
    if (!recipient.reply.empty()) {
      add_field(out, "Diagnostic-Code", "smtp; " + one_line(recipient.reply));
    } else if (!recipient.finding.empty()) {
      add_field(out, "Diagnostic-Code", "x-postern; " + one_line(recipient.finding));
    }
  }
  add_field(out, "Last-Attempt-Date", rfc5322_date(recipient.last_attempt));
  if (!form.occasion.log_id.empty()) {
    add_field(out, "Final-Log-ID", printable(form.occasion.log_id, max_name));
  }
  if (kind == ReportKind::delayed) {
    add_field(out, "Will-Retry-Until", rfc5322_date(form.occasion.retry_until));
  }
  return out;
}

/// The text for people.
std::string first_words(const ReportForm& form) {
  const std::string sent = "Your message of " + rfc5322_date(form.occasion.arrival);
  switch (form.occasion.kind) {
    case ReportKind::failed:
      return sent +
             " could not be delivered to the following recipients. It will not be tried again.";
    case ReportKind::delayed:
      return sent +
             " has not been delivered to the following recipients yet. It will be tried until " +
             rfc5322_date(form.occasion.retry_until) + ". You do not have to do anything.";
    case ReportKind::relayed:
      return sent +
             " was passed on for the following recipients, to a mail system that does not confirm "
             "delivery. You may not hear of it again.";
    case ReportKind::delivered:
      return sent + " was delivered to the following recipients.";
  }
  return sent;
}

std::string reason(ReportKind kind, const ReportedRecipient& recipient) {
  if (kind == ReportKind::relayed || kind == ReportKind::delivered) return {};
  std::string text;
  if (kind == ReportKind::failed && recipient.klass != smtp::ResultClass::permanent) {
    text = "was tried for too long; at last: ";
  }
  if (recipient.reply.empty()) return text + one_line(recipient.finding);
  const std::string host =
      recipient.remote.empty() ? "the other mail system" : printable(recipient.remote, max_name);
  return text + host + " said: " + one_line(recipient.reply);
}

std::string subject(const ReportForm& form) {
  const ReportKind kind = form.occasion.kind;
  std::string text = kind == ReportKind::failed    ? "Undelivered: "
                     : kind == ReportKind::delayed ? "Delayed: "
                                                   : "Delivered: ";
  const std::string& address = form.recipients.front()->address;
  const bool shown =
      form.recipients.size() == 1 && is_ascii(address) && address.size() <= max_subject_address;
  if (shown) return text + "message to " + one_line(address);
  return text + fmt::format("message to {} recipient{}", form.recipients.size(),
                            form.recipients.size() == 1 ? "" : "s");
}

void begin_part(std::string& out, const ReportForm& form, std::string_view type,
                std::string_view encoding) {
  out += "\r\n--" + form.boundary + "\r\n";
  add_field(out, "Content-Type", type);
  if (encoding != "7bit") add_field(out, "Content-Transfer-Encoding", encoding);
  out += "\r\n";
}

/// Appends one UTF-8 character as `\x{NN}`.
void add_code_point(std::string& out, std::string_view octets) {
  auto lead = static_cast<unsigned char>(octets[0]);
  char32_t point = octets.size() == 1 ? lead : lead & (0x7fu >> octets.size());
  for (const char c : octets.substr(1))
    point = (point << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  out += fmt::format("\\x{{{:02X}}}", static_cast<std::uint32_t>(point));
}

}  // namespace

std::string one_line(std::string_view foreign) {
  std::string text;
  for (const char c : trim(foreign)) {
    if (c == '\r') continue;  // alone it is not a line end
    text += c == '\n' || c == '\t' ? ' ' : c;
  }
  return printable(text, max_foreign);
}

std::string utf8_addr_xtext(std::string_view address) {
  if (!is_utf8(address)) return printable(address, max_foreign);
  std::string out;
  for (std::size_t i = 0; i < address.size();) {
    const char c = address[i];
    if (is_printable_ascii(c) && std::string_view(" +=\\").find(c) == std::string_view::npos) {
      out += c;
      ++i;
      continue;
    }
    const auto lead = static_cast<unsigned char>(c);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    add_code_point(out, address.substr(i, length));
    i += length;
  }
  return out;
}

std::string report_header(const ReportForm& form) {
  const std::string& host = form.settings.hostname;
  std::string out;
  add_field(out, "From", fmt::format("Mail Delivery System <{}@{}>", form.settings.author, host));
  add_field(out, "To", "<" + utf8_text(form.occasion.reverse_path) + ">");
  add_field(out, "Subject", subject(form));
  add_field(out, "Date", rfc5322_date(form.now));
  add_field(out, "Message-ID", fmt::format("<{}@{}>", form.unique, host));
  add_field(out, "MIME-Version", "1.0");
  add_field(out, "Auto-Submitted", "auto-replied");  // RFC 3834 §5.2
  if (!form.original.message_id.empty()) {
    add_field(out, "In-Reply-To", form.original.message_id);
    add_field(out, "References", form.original.message_id);
  }
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"" +
         form.boundary + "\"\r\n";
  return out;
}

std::string text_part(const ReportForm& form) {
  std::string text;
  add_lines(text, "", "This is the mail system at " + form.settings.hostname + ".");
  text += "\r\n";
  add_lines(text, "", first_words(form));
  for (const ReportedRecipient* recipient : form.recipients) {
    text += "\r\n";
    add_lines(text, "", "<" + utf8_text(recipient->address) + ">");
    add_lines(text, "    ", reason(form.occasion.kind, *recipient));
  }
  text += "\r\n";
  add_lines(text, "",
            form.whole ? "What follows is a report for programs, and the message itself."
                       : "What follows is a report for programs, and the header of the message.");
  const bool ascii = is_ascii(text);
  const std::string_view encoding = ascii ? "7bit" : form.utf8 ? "8bit" : "base64";
  std::string out;
  begin_part(out, form, ascii ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
             encoding);
  return out + (encoding == "base64" ? base64_lines(text) : text);
}

std::string status_part(const ReportForm& form) {
  const ReportOccasion& occasion = form.occasion;
  std::string fields;
  add_field(fields, "Reporting-MTA", "dns; " + form.settings.hostname);
  if (!occasion.envid.empty()) add_field(fields, "Original-Envelope-Id", decoded(occasion.envid));
  if (occasion.client != ClientStanding::stranger && !occasion.helo.empty()) {
    add_field(fields, "Received-From-MTA", own_client(occasion));
  }
  add_field(fields, "Arrival-Date", rfc5322_date(occasion.arrival));
  for (const ReportedRecipient* recipient : form.recipients) {
    fields += recipient_group(form, *recipient);
  }
  std::string out;
  begin_part(out, form, form.global ? "message/global-delivery-status" : "message/delivery-status",
             is_ascii(fields) ? "7bit" : "8bit");
  return out + fields;
}

std::string returned_part_header(const ReportForm& form) {
  const std::string_view type = form.global
                                    ? form.whole ? "message/global" : "message/global-headers"
                                : form.whole ? "message/rfc822"
                                             : "text/rfc822-headers";
  std::string out;
  begin_part(out, form, type, form.encoding);
  return out;
}

}  // namespace postern::relay
