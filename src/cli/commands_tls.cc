#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "cli/mail_text.h"
#include "config/input_file.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// Octets of a certificate with its chain, or of a key.
constexpr std::size_t largest_pem = std::size_t{1} << 20;

std::int64_t days_of(const json::object& certificate) {
  const json::value* value = certificate.if_contains("days_left");
  return value && value->is_int64() ? value->get_int64() : 0;
}

/// Asks the running gateway. After an error, which is printed, the value is the exit code.
tl::expected<json::object, int> ask(std::string_view question, const json::object& given,
                                    const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  const auto directory = running_directory(arguments, streams);
  if (!directory) return tl::unexpected(to_int(ExitCode::config));
  auto answer = LiveData(*directory).ask_gateway(question, given);
  if (!answer) {
    report(fmt::format("no gateway runs with the data directory {}", directory->string()),
           "start it, or name its directory with --data-dir DIR", as_json, streams);
    return tl::unexpected(to_int(ExitCode::unavailable));
  }
  if (!*answer) {
    report(answer->error().message,
           answer->error().fault == Fault::malformed ? "the old certificate remains in use" : "",
           as_json, streams);
    return tl::unexpected(to_int(exit_code_of(answer->error().fault)));
  }
  return std::move(**answer);
}

void show_warnings(const json::object& answer, Streams& streams) {
  const json::value* warnings = answer.if_contains("warnings");
  if (warnings == nullptr || !warnings->is_array()) return;
  for (const json::value& one : warnings->get_array()) {
    if (!one.is_object()) continue;
    streams.err << fmt::format("warning: {}\n  = what to do: {}\n",
                               text_of(one.get_object(), "message"),
                               text_of(one.get_object(), "hint"));
  }
}

void show(const json::object& one, Streams& streams) {
  const std::string listener = text_of(one, "listener");
  if (text_of(one, "source") == "none") {
    streams.out << fmt::format("{} on {}: no TLS\n", listener, text_of(one, "address"));
    return;
  }
  const std::string file = text_of(one, "file");
  streams.out << fmt::format("{} on {}: {}{}\n", listener, text_of(one, "address"),
                             text_of(one, "source"), file.empty() ? "" : ", " + file);
  streams.out << fmt::format("  names    {}\n", fmt::join(texts_of(one, "names"), ", "));
  streams.out << fmt::format("  issuer   {}\n", text_of(one, "issuer"));
  streams.out << fmt::format("  ends     {}, {} days left\n", text_of(one, "not_after"),
                             days_of(one));
  streams.out << fmt::format("  TLSA     {}\n", text_of(one, "tlsa"));
  if (const std::string error = text_of(one, "error"); !error.empty()) {
    streams.out << fmt::format("  error    {}\n", error);
  }
}

}  // namespace

int run_tls_install(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (arguments.words.size() != 2) {
    return report_usage({"name the certificate file and the key file", help_of(arguments)}, as_json,
                        streams);
  }
  json::object given{{"if_named", arguments.has("--if-named")}, {"called", arguments.words[0]}};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto text = read_input(arguments.words[i], streams.in, largest_pem);
    if (!text) {
      report(text.error().message, "", as_json, streams);
      return to_int(exit_code_of(text.error().fault));
    }
    given[i == 0 ? "certificate" : "key"] = *text;
  }
  const auto answer = ask("tls-install", given, arguments, streams);
  if (!answer) return answer.error();
  if (as_json) {
    streams.out << json_text(*answer) << '\n';
    return to_int(ExitCode::ok);
  }
  const json::value* installed = answer->if_contains("installed");
  if (installed == nullptr || !installed->is_bool() || !installed->get_bool()) {
    if (!arguments.has("--quiet")) {
      streams.out << "not installed: the certificate is not for the gateway's host name\n";
    }
    return to_int(ExitCode::ok);
  }
  show_warnings(*answer, streams);
  if (arguments.has("--quiet")) return to_int(ExitCode::ok);
  const json::value* certificate = answer->if_contains("certificate");
  const json::object none;
  const json::object& facts =
      certificate && certificate->is_object() ? certificate->get_object() : none;
  streams.out << fmt::format("new sessions of {} get the certificate of {}, valid until {}\n",
                             fmt::join(texts_of(*answer, "listeners"), ", "),
                             fmt::join(texts_of(facts, "names"), ", "),
                             text_of(facts, "not_after"));
  return to_int(ExitCode::ok);
}

int run_tls_status(const Arguments& arguments, Streams& streams) {
  const auto answer = ask("tls-status", {}, arguments, streams);
  if (!answer) return answer.error();
  if (arguments.has("--json")) {
    streams.out << json_text(*answer) << '\n';
    return to_int(ExitCode::ok);
  }
  const json::value* listeners = answer->if_contains("listeners");
  if (listeners == nullptr || !listeners->is_array()) return to_int(ExitCode::ok);
  for (const json::value& one : listeners->get_array()) {
    if (one.is_object()) show(one.get_object(), streams);
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
