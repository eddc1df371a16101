// The transactions of a delivery, from MAIL to the reply to the end of the message.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "mail/address.h"
#include "smtp/client_state.h"

namespace postern::smtp {
namespace {

/// Whether the text has no control characters, which could end a command. Parsed addresses never
/// have them.
bool fit_for_command(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool fit_for_parameter(std::string_view text) {
  return fit_for_command(text) && text.find(' ') == std::string_view::npos;
}

std::string path(std::string_view address, bool smtputf8) {
  if (smtputf8) return std::string(address);
  return ascii_address(address).value_or(std::string(address));
}

}  // namespace

std::optional<std::string> ascii_address(std::string_view address) {
  if (is_ascii(address)) return std::string(address);
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || !is_ascii(address.substr(0, at))) return std::nullopt;
  const auto domain = mail::Domain::parse(address.substr(at + 1));
  if (!domain) return std::nullopt;
  return std::string(address.substr(0, at + 1)) + domain->text();
}

void ClientSession::State::begin_delivery() {
  waiting.clear();
  for (std::size_t i = 0; i < message->recipients.size(); ++i) waiting.push_back(i);
  rounds = 0;
  bare = false;
  done.dsn_offered = offers.dsn;
  if (fits_host()) begin_transaction();
}

/// Checks the features that the message needs: relay rules of RFC 1870 §6, RFC 6152 §3,
/// RFC 6531 §3.5 and RFC 8689 §4.2.1. False: no recipient is left.
bool ClientSession::State::fits_host() {
  const OutboundMessage& m = *message;
  const auto refuse = [&](const RecipientResult& result) {
    done.mail_answered = true;
    fail(result, true);
    return false;
  };
  if (!fit_for_command(m.reverse_path) || !fit_for_parameter(m.envid) ||
      !fit_for_parameter(m.ret)) {
    return refuse(own_result({4, 3, 0}, "an envelope that cannot be sent", false));
  }
  if (offers.size_limit > 0 && m.size > offers.size_limit) {
    return refuse(own_result(
        {5, 3, 4}, fmt::format("{} octets, the host takes {}", m.size, offers.size_limit), false));
  }
  if (requires_tls() && (!tls || options.tls < TlsLevel::verify)) {
    return refuse(lacking_result(7, 10, "REQUIRETLS needs verified TLS"));
  }
  if (requires_tls() && !offers.requiretls) {
    return refuse(lacking_result(7, 30, "the host does not offer REQUIRETLS"));
  }
  const bool utf8_header = m.smtputf8 && m.header_8bit;
  if (utf8_header && !offers.smtputf8 && !options.send_utf8_headers) {
    return refuse(lacking_result(6, 9, "UTF-8 header fields, the host does not offer SMTPUTF8"));
  }
  const bool eightbit = m.body_8bit || (m.header_8bit && !options.send_utf8_headers);
  if (eightbit && !offers.eightbit && !options.send_8bit) {
    return refuse(lacking_result(6, 3, "8-bit octets, the host does not offer 8BITMIME"));
  }
  if (!offers.smtputf8 && !ascii_address(m.reverse_path)) {
    return refuse(lacking_result(6, 7, "a UTF-8 sender, the host does not offer SMTPUTF8"));
  }
  std::erase_if(waiting, [&](std::size_t i) {
    const OutboundRecipient& r = m.recipients[i];
    if (!fit_for_command(r.address) || !fit_for_parameter(r.notify) ||
        !fit_for_parameter(r.orcpt)) {
      results[i] = own_result({4, 3, 0}, "an envelope that cannot be sent", false);
    } else if (!offers.smtputf8 && !ascii_address(r.address)) {
      results[i] = lacking_result(6, 7, "a UTF-8 recipient, the host does not offer SMTPUTF8");
    }
    return results[i].klass != ResultClass::none;
  });
  if (!waiting.empty()) return true;
  done.mail_answered = true;
  close(true);
  return false;
}

void ClientSession::State::begin_transaction() {
  std::size_t count = waiting.size();
  if (offers.recipients_limit > 0) {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, offers.recipients_limit));
  }
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
  current.assign(waiting.begin(), end);
  waiting.erase(waiting.begin(), end);
  put_off.clear();
  accepted.clear();
  next_recipient = 0;
  mail_sent = mail_taken = mail_refused = data_sent = full = delivered = false;
  end_sent = end_written = false;
  smtputf8 = !ascii_address(message->reverse_path) ||
             (message->smtputf8 && message->header_8bit && offers.smtputf8) ||
             std::any_of(current.begin(), current.end(), [&](std::size_t i) {
               return !ascii_address(message->recipients[i].address);
             });
  chunked = options.chunking && tls && offers.chunking;
  ++transactions;
  phase = Phase::transaction;
  if (dirty) {
    out += "RSET\r\n";
    pending.push_back({Asked::reset});
    dirty = false;
  }
  pump();
}

/// Queues what may be sent now: everything with PIPELINING (RFC 2920 §3.1), otherwise one command.
void ClientSession::State::pump() {
  const std::size_t window = offers.pipelining ? pipelined_recipients + 3 : 1;
  while (pending.size() < window && !mail_refused) {
    if (!mail_sent) {
      out += mail_command();
      mail_sent = true;
      pending.push_back({Asked::mail});
    } else if (next_recipient < current.size() && !full) {
      const std::size_t recipient = current[next_recipient++];
      out += rcpt_command(recipient);
      pending.push_back({Asked::rcpt, recipient});
    } else if (data_may_go()) {
      data_sent = true;
      if (chunked) return begin_text();
      out += "DATA\r\n";
      pending.push_back({Asked::data});
    } else {
      break;
    }
  }
  if (pending.empty()) finish_transaction();
}

/// DATA may be sent ahead of a bounded number of RCPT replies. BDAT may not: its octets cannot be
/// taken back.
bool ClientSession::State::data_may_go() const {
  if (data_sent || message->probe) return false;
  if (!chunked && offers.pipelining && current.size() <= pipelined_recipients && !pending.empty()) {
    return true;
  }
  return pending.empty() && !accepted.empty();
}

std::string ClientSession::State::mail_command() {
  const OutboundMessage& m = *message;
  std::string line = "MAIL FROM:<" + path(m.reverse_path, smtputf8) + ">";
  std::string optional;
  if (offers.size && !m.probe) optional += fmt::format(" SIZE={}", m.size);
  if ((m.header_8bit || m.body_8bit) && offers.eightbit) optional += " BODY=8BITMIME";
  if (offers.dsn && !m.ret.empty()) optional += " RET=" + m.ret;
  if (offers.dsn && !m.envid.empty()) optional += " ENVID=" + m.envid;
  if (!bare) line += optional;
  if (optional.empty()) bare = true;  // 555 cannot refer to a parameter
  if (smtputf8) line += " SMTPUTF8";
  if (m.requiretls && offers.requiretls && tls && options.tls >= TlsLevel::verify) {
    line += " REQUIRETLS";
  }
  return line + "\r\n";
}

std::string ClientSession::State::rcpt_command(std::size_t recipient) const {
  const OutboundRecipient& r = message->recipients[recipient];
  std::string line = "RCPT TO:<" + path(r.address, smtputf8) + ">";
  if (offers.dsn && !r.notify.empty()) line += " NOTIFY=" + r.notify;
  if (offers.dsn && !r.orcpt.empty()) line += " ORCPT=" + r.orcpt;
  return line + "\r\n";
}

void ClientSession::State::on_transaction(const ServerReply& reply) {
  const Expected asked = pending.front();
  if (asked.what == Asked::end_of_data && !end_written) return on_early_reply(reply);
  pending.pop_front();
  switch (asked.what) {
    case Asked::reset:
    case Asked::lone_dot:
      break;
    case Asked::mail:
      on_mail(reply);
      break;
    case Asked::rcpt:
      if (!mail_refused) on_rcpt(reply, asked.recipient);
      break;
    case Asked::data:
      on_data(reply);
      break;
    case Asked::end_of_data:
      on_end_of_data(reply);
      break;
  }
  if (phase == Phase::transaction) pump();
}

void ClientSession::State::on_mail(const ServerReply& reply) {
  if (reply.intermediate()) return protocol_error("a 3xx reply to MAIL");
  done.mail_answered = true;
  if (reply.positive()) {
    mail_taken = dirty = true;
    return;
  }
  mail_refused = true;
  if (reply.code == 555 && !bare) {
    bare_next = true;
    return;
  }
  waiting.insert(waiting.end(), current.begin(), current.end());
  for (const std::size_t i : std::exchange(waiting, {})) {
    results[i] = result_of(reply, class_of(reply), reply.temporary());
  }
}

void ClientSession::State::on_rcpt(const ServerReply& reply, std::size_t recipient) {
  if (reply.intermediate()) return protocol_error("a 3xx reply to RCPT");
  if (reply.positive() && message->probe) {
    results[recipient] = result_of(reply, ResultClass::delivered, false);
    return;
  }
  if (reply.positive()) {
    accepted.push_back(recipient);
    return;
  }
  // RFC 5321 §4.5.3.1.10: too many recipients is 452, or 552 from old servers. X.2.2 is a full
  // mailbox instead.
  const EnhancedCode enhanced = reply.enhanced();
  const bool many = reply.code == 452 || (reply.temporary() && enhanced == EnhancedCode{4, 5, 3}) ||
                    (reply.code == 552 &&
                     (!reply.has_enhanced() || (enhanced.subject == 5 && enhanced.detail == 3)));
  if (many && !accepted.empty()) {
    full = true;
    put_off.push_back(recipient);
    results[recipient] = result_of(reply, ResultClass::temporary, true);
    return;
  }
  results[recipient] = result_of(reply, class_of(reply), reply.temporary());
}

void ClientSession::State::on_data(const ServerReply& reply) {
  if (accepted.empty()) {
    // RFC 2920 §3.1: a server that replies 354 although it accepted no recipient gets an empty
    // message.
    if (!reply.intermediate()) return;
    out += ".\r\n";
    pending.push_back({Asked::lone_dot});
    dirty = false;
    return;
  }
  if (reply.code == 354) return begin_text();
  if (!reply.temporary() && !reply.permanent())
    return protocol_error("neither 354 nor a refusal to DATA");
  settle_accepted(result_of(reply, class_of(reply), reply.temporary()));
}

void ClientSession::State::settle_accepted(const RecipientResult& result) {
  for (const std::size_t i : std::exchange(accepted, {})) results[i] = result;
}

void ClientSession::State::begin_text() {
  offset = 0;
  line_start = true;
  last_octet = '\n';
  if (chunked) out += fmt::format("BDAT {} LAST\r\n", message->size);
  phase = Phase::text;
  if (message->size == 0) end_text();
}

/// Stuffs dots (RFC 5321 §4.5.2). A message with a bare CR or LF is not sent: a server behind the
/// next hop could take it for the end of data.
void ClientSession::State::add_text(std::string_view octets) {
  octets = octets.substr(
      0, static_cast<std::size_t>(std::min<std::uint64_t>(message->size - offset, octets.size())));
  offset += octets.size();
  out.reserve(out.size() + octets.size() + octets.size() / 32);
  bool sound = last_octet != '\r' || octets.front() == '\n';
  while (!octets.empty()) {
    const std::size_t lf = octets.find('\n');
    const std::string_view line = octets.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    octets.remove_prefix(line.size());
    if (line_start && line.front() == '.' && !chunked) out += '.';
    out += line;
    const bool ends = lf != std::string_view::npos;
    std::string_view inside = line.substr(0, line.size() - (ends ? 1 : 0));
    const char before = inside.empty() ? last_octet : inside.back();
    if (ends && before != '\r') sound = false;
    if (!inside.empty() && inside.back() == '\r') inside.remove_suffix(1);
    if (inside.find('\r') != std::string_view::npos) sound = false;
    last_octet = line.back();
    line_start = ends;
  }
  const bool complete = offset == message->size;
  if (!sound || (complete && last_octet == '\r')) {
    return fail(own_result({4, 3, 0}, "the message holds a bare CR or LF", false), false);
  }
  if (complete) end_text();
}

void ClientSession::State::end_text() {
  if (!chunked) out += line_start ? ".\r\n" : "\r\n.\r\n";
  end_sent = true;
  phase = Phase::transaction;
  pending.push_back({Asked::end_of_data});
}

/// A reply during the transfer. A negative one is final; a positive one is invalid, because the
/// message is incomplete.
void ClientSession::State::on_early_reply(const ServerReply& reply) {
  if (!reply.temporary() && !reply.permanent()) {
    return fail(own_result({4, 5, 0}, "a reply before the message was sent", true), false);
  }
  settle_accepted(result_of(reply, class_of(reply), reply.temporary() && reply.code != 421));
  fail(own_result({4, 4, 2}, "the host refused the message while it was sent", true), false);
}

void ClientSession::State::on_end_of_data(const ServerReply& reply) {
  if (reply.intermediate()) return protocol_error("a 3xx reply to the end of the message");
  end_sent = end_written = false;
  dirty = false;
  delivered = reply.positive();
  settle_accepted(result_of(reply, class_of(reply), reply.temporary() && reply.code != 421));
  if (reply.code == 421) fail(result_of(reply, ResultClass::temporary, false), false);
}

void ClientSession::State::finish_transaction() {
  if (message->probe && dirty) {  // RFC 5321 §4.1.1.5; its reply leads here again
    out += "RSET\r\n";
    pending.push_back({Asked::reset});
    dirty = false;
    return;
  }
  if (bare_next) {
    bare_next = false;
    bare = true;
    waiting.insert(waiting.begin(), current.begin(), current.end());
  } else {
    // Recipients for which no RCPT was sent, because the host had too many already.
    const auto unasked = current.begin() + static_cast<std::ptrdiff_t>(next_recipient);
    if (full) waiting.insert(waiting.begin(), unasked, current.end());
    if (delivered && rounds < put_off_rounds && !put_off.empty()) {
      ++rounds;
      for (const std::size_t i : put_off) results[i] = {};
      waiting.insert(waiting.begin(), put_off.begin(), put_off.end());
    }
  }
  const bool limit = transactions >= max_transactions ||
                     (offers.mails_limit > 0 && transactions >= offers.mails_limit);
  if (!waiting.empty() && !limit) return begin_transaction();
  if (limit) {
    done.same_host = !waiting.empty();
    return fail(own_result({4, 5, 3}, "no more messages on this connection", true), true);
  }
  if (message->probe) return close(true);
  keep_to_this_host();
  phase = Phase::idle;
  done.reusable = true;
  done.dsn_offered = offers.dsn;
}

/// If the host accepted the message for some recipients, the deferred ones wait for the next
/// attempt: no other host gets a copy of a message that the first still delivers.
void ClientSession::State::keep_to_this_host() {
  const bool served = std::any_of(results.begin(), results.end(), [](const RecipientResult& r) {
    return r.klass == ResultClass::delivered;
  });
  for (RecipientResult& result : results) {
    if (served && !result.lacking && !done.same_host) result.next_host = false;
  }
}

void ClientSession::State::on_lost(std::string_view text) {
  const bool in_tls_begin =
      phase == Phase::starttls || phase == Phase::handshake || (phase == Phase::ehlo && tls);
  if (in_tls_begin && requires_tls()) return fail(lacking_result(7, 10, text), false);
  if (in_tls_begin) {
    done.retry_without_tls = options.tls == TlsLevel::may;
    const std::uint16_t subject = options.tls >= TlsLevel::encrypt ? 7 : 4;
    return fail(
        own_result({4, subject, static_cast<std::uint16_t>(subject == 7 ? 5 : 2)}, text, true),
        false);
  }
  done.chunking_failed = chunked && (phase == Phase::text || end_sent);
  RecipientResult result = own_result({4, 4, 2}, text, !end_written);
  result.uncertain = end_written;
  fail(result, false);
}

}  // namespace postern::smtp
