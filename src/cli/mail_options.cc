#include <chrono>
#include <ctime>
#include <ostream>

#include <fmt/format.h>

#include "base/text.h"
#include "base/time_text.h"
#include "cli/commands_store.h"
#include "cli/mail_text.h"
#include "config/input_file.h"
#include "mail/literal.h"

namespace postern::app {

std::string help_of(const Arguments& arguments) {
  return fmt::format("`postern {} --help`", arguments.command->name);
}

std::optional<UsageError> check_options(const Arguments& arguments,
                                        std::initializer_list<std::string_view> needed) {
  std::string missing;
  for (const std::string_view option : needed) {
    if (arguments.has(option)) continue;
    missing += missing.empty() ? "" : ", ";
    missing += option;
  }
  if (!missing.empty()) {
    return UsageError{fmt::format("`postern {}` needs {}", arguments.command->name, missing),
                      help_of(arguments)};
  }
  std::size_t dashes = 0;
  for (const std::string& word : arguments.words) dashes += word == "-" ? 1 : 0;
  for (const std::string_view option : {"--config", "--dns", "--key", "--message"}) {
    for (const std::string& value : arguments.values(option)) dashes += value == "-" ? 1 : 0;
  }
  if (dashes > 1) {
    return UsageError{"standard input can be read once", "name files instead of `-`"};
  }
  return std::nullopt;
}

tl::expected<std::string, int> read_message(const Arguments& arguments,
                                            const std::optional<std::string>& file,
                                            Streams& streams) {
  const bool json = arguments.has("--json");
  if (!file && streams.terminal) {
    return tl::unexpected(
        report_usage({"which message?", fmt::format("`postern {} FILE`, or `-` to type it",  //
                                                    arguments.command->name)},
                     json, streams));
  }
  const std::string name = file.value_or("-");
  const Result<std::string> text = read_input(name, streams.in);
  if (!text) {
    report(text.error().message, "name a message in a file, or pipe it in", json, streams);
    return tl::unexpected(to_int(exit_code_of(text.error().fault)));
  }
  if (text->empty()) {
    report((name == "-" ? "standard input" : name) + " is empty", "a message has a header at least",
           json, streams);
    return tl::unexpected(to_int(ExitCode::bad_data));
  }
  return *text;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  if (const auto seconds = parse_number(text); seconds && *seconds < (1ull << 40)) {
    return static_cast<std::int64_t>(*seconds);
  }
  const Result<Instant> time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(time->time_since_epoch()).count();
}

std::string time_text(std::int64_t time) {
  const auto instant = instant_at(time);
  return instant ? to_rfc3339(*instant, 0) : std::to_string(time);
}

tl::expected<std::int64_t, UsageError> now_for(const Arguments& arguments) {
  const auto text = arguments.value("--now");
  if (!text) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
  }
  if (const auto time = parse_time(*text)) return *time;
  return tl::unexpected(UsageError{fmt::format("--now: `{}` is not a time", printable(*text, 64)),
                                   "--now 2026-11-20T09:00:00Z, or seconds since 1970"});
}

tl::expected<Envelope, UsageError> read_envelope(const Arguments& arguments) {
  const auto refuse = [](std::string message, std::string hint) {
    return tl::unexpected(UsageError{std::move(message), std::move(hint)});
  };
  Envelope out;
  const std::string ip = arguments.value("--ip").value_or("");
  const Result<IpAddress> client = IpAddress::parse(ip);
  if (!client) return refuse("--ip: " + client.error().message, help_of(arguments));
  out.client = *client;
  out.helo = arguments.value("--helo").value_or(mail::literal_of(*client));
  std::string from = arguments.value("--from").value_or("");
  if (from == "<>") from.clear();
  if (from.empty()) {
    // RFC 7208 §2.4: postmaster at the HELO name is checked.
    if (arguments.has("--helo")) return out;
    return refuse("the null sender is judged by the name in HELO", "add --helo NAME");
  }
  if (from.find('@') == std::string::npos) from = "postmaster@" + from;
  Result<mail::Mailbox> sender = mail::parse_mailbox(from, mail::Utf8::allowed);
  if (!sender) {
    return refuse(fmt::format("--from {}: {}", printable(from, 300), sender.error().message),
                  "an address such as ann@example.org, without angle brackets");
  }
  out.sender = std::move(*sender);
  return out;
}

}  // namespace postern::app
