#include "serve/adapters.h"

#include <ctime>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time_text.h"
#include "base/ulid.h"
#include "policy/webhook.h"

namespace postern::app {

namespace {

/// A field value on one line: input must not begin another field.
std::string one_line(std::string_view value) {
  std::string line(value);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

std::string base64_lines(std::string_view bytes) {
  const std::string encoded = base64_encode(bytes);
  std::string lines;
  for (std::size_t at = 0; at < encoded.size(); at += 76) {
    lines += encoded.substr(at, 76) + "\r\n";
  }
  return lines;
}

std::string text_part(std::string_view subtype, std::string_view text) {
  return fmt::format(
      "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
      subtype, base64_lines(text));
}

}  // namespace

std::string simulated_message(const admin::SimulationRequest& request, const std::string& from,
                              const std::string& to, std::string_view id_domain) {
  std::string message = fmt::format(
      "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMIME-Version: 1.0\r\n", one_line(from),
      one_line(to), one_line(request.subject.value_or("Simulated message")),
      rfc5322_date(std::chrono::system_clock::now()));
  message += fmt::format("Message-ID: <{}@{}>\r\n", new_ulid(), id_domain);
  for (const auto& [name, values] : request.headers) {
    for (const std::string& value : values) {
      message += fmt::format("{}: {}\r\n", one_line(name), one_line(value));
    }
  }
  const std::string text =
      request.text.value_or(request.html ? "" : "This message was made by a simulation.\n");
  if (!request.html) return message + text_part("plain", text);
  if (text.empty()) return message + text_part("html", *request.html);
  const std::string boundary = new_ulid();
  return message +
         fmt::format(
             "Content-Type: multipart/alternative; boundary={0}\r\n\r\n--{0}\r\n{1}--{0}\r\n"
             "{2}--{0}--\r\n",
             boundary, text_part("plain", text), text_part("html", *request.html));
}

Task<Result<admin::SimulationResult>> SimulatorPort::simulate(admin::SimulationRequest request) {
  const auto webhook = directory_.webhook(request.webhook_id);
  if (!webhook) co_return fail(Fault::not_found, "the webhook is not loaded");
  const std::string from = request.from.value_or("simulation@example.com");
  policy::Evidence evidence;
  if (const auto mailbox = mail::parse_mailbox(from, mail::Utf8::allowed)) {
    evidence.reverse_path = *mailbox;
  }
  policy::Recipient recipient;
  if (const auto mailbox = mail::parse_mailbox(webhook->address, mail::Utf8::allowed)) {
    recipient.address = *mailbox;
  }
  recipient.route = {
      .kind = policy::Route::Kind::webhook, .webhook = webhook, .policy = {}, .tag = {}};
  evidence.recipients.push_back(std::move(recipient));

  spool::Body body(temporary_directory_);
  const std::string message = simulated_message(request, from, webhook->address);
  if (Result<void> kept = body.append(message); !kept) co_return tl::unexpected(kept.error());
  const auto started = std::chrono::steady_clock::now();
  const deliver::DeliveryOutcome outcome =
      co_await delivery_.simulate(webhook, evidence, body, std::chrono::system_clock::now());
  const auto took = std::chrono::steady_clock::now() - started;
  co_return admin::SimulationResult{
      .http_status = outcome.http_status,
      .duration_ms = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(took).count()),
      .error = outcome.error,
      .log_id = outcome.log_id};
}

}  // namespace postern::app
