#include <filesystem>
#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/terminal.h"
#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/key_input.h"
#include "cli/mail_text.h"
#include "config/input_file.h"
#include "mailauth/dkim/sign.h"

namespace postern::app {

namespace {

namespace dkim = mailauth::dkim;

/// The value of the c= tag (RFC 6376 §3.5).
tl::expected<dkim::Forms, UsageError> read_forms(const Arguments& arguments) {
  const std::string text = arguments.value("--canonicalization").value_or("relaxed/relaxed");
  if (const auto forms = dkim::parse_forms(text)) return *forms;
  return tl::unexpected(UsageError{
      fmt::format("--canonicalization: `{}` is not a pair of forms", printable(text, 64)),
      "relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple"});
}

tl::expected<dkim::SignOptions, UsageError> read_sign_options(const Arguments& arguments) {
  dkim::SignOptions out{.domain = arguments.value("--domain").value_or("")};
  const auto forms = read_forms(arguments);
  if (!forms) return tl::unexpected(forms.error());
  out.forms = *forms;
  const auto now = now_for(arguments);
  if (!now) return tl::unexpected(now.error());
  out.signed_at = *now;
  if (const auto text = arguments.value("--expires")) {
    const auto duration = parse_duration(*text);
    const auto seconds =
        duration ? std::chrono::duration_cast<std::chrono::seconds>(*duration).count() : 0;
    if (seconds <= 0) {
      return tl::unexpected(UsageError{
          "--expires: " + (duration ? "the time must be longer than 0s" : duration.error().message),
          "--expires 7d"});
    }
    out.expires_at = *now + seconds;
  }
  return out;
}

/// Fields end in CRLF; LF if the message uses LF.
std::string like_message(const std::string& field, const std::string& message) {
  const std::size_t line_end = message.find('\n');
  if (line_end == std::string::npos || (line_end > 0 && message[line_end - 1] == '\r')) {
    return field;
  }
  std::string out;
  for (const char c : field) {
    if (c != '\r') out += c;
  }
  return out;
}

}  // namespace

int run_dkim_sign(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  if (const auto error = check_options(arguments, {"--key", "--domain", "--selector"})) {
    return report_usage(*error, json, streams);
  }
  const std::vector<std::string> files = arguments.values("--key");
  const std::vector<std::string> selectors = arguments.values("--selector");
  if (files.size() != selectors.size()) {
    return report_usage(
        {fmt::format("{} --key and {} --selector", files.size(), selectors.size()),
         "each key needs its own selector: --key A --selector a --key B --selector b"},
        json, streams);
  }
  const auto options = read_sign_options(arguments);
  if (!options) return report_usage(options.error(), json, streams);
  std::vector<dkim::SigningKey> keys;
  for (const std::string& file : files) {
    auto key = read_key(file, arguments, streams);
    if (!key) return key.error();
    keys.push_back(std::move(*key));
  }
  std::vector<dkim::KeyAndSelector> pairs;
  pairs.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) pairs.push_back({&keys[i], selectors[i]});
  const std::optional<std::string> file =
      arguments.words.empty() ? std::nullopt : std::optional(arguments.words.front());
  const auto message = read_message(arguments, file, streams);
  if (!message) return message.error();
  const Result<std::string> field = dkim::sign_message(pairs, *options, with_crlf(*message));
  if (!field) {
    report("cannot sign: " + field.error().message, help_of(arguments), json, streams);
    return to_int(ExitCode::bad_data);
  }
  const std::string written = like_message(*field, *message);
  bool written_all = true;
  if (json) {
    streams.out << json_text(boost::json::object{{"field", *field}}) << '\n';
  } else {
    // Octets of a message, not terminal text: an escaped CR would break the signature.
    written_all = write_octets(streams.out, written) &&
                  (arguments.has("--header-only") || write_octets(streams.out, *message));
  }
  streams.out.flush();
  if (streams.out && written_all) return to_int(ExitCode::ok);
  report("cannot write the message", "is the disk full, or the reader gone?", json, streams);
  return to_int(ExitCode::io);
}

}  // namespace postern::app
