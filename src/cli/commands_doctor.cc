// `postern doctor`: reads arguments, and prints what the room `doctor` finds.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/doctor_sources.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"
#include "doctor/examination.h"
#include "mailauth/names.h"

namespace postern::app {

namespace {

using doctor::Check;
using doctor::Finding;
using doctor::Findings;
using doctor::Level;

/// Whether --check names it; without a name, all but those on demand.
bool is_wanted(const Check& check, const Arguments& arguments) {
  if (check.network && arguments.has("--offline")) return false;
  if (check.name == "outgoing" && arguments.has("--outgoing")) return true;
  const auto chosen = arguments.values("--check");
  if (chosen.empty()) return !check.on_demand;
  return std::ranges::find(chosen, check.name) != chosen.end();
}

/// Why the options are wrong.
std::optional<UsageError> refuse_options(const Arguments& arguments) {
  std::vector<std::string_view> names;
  for (const Check& check : doctor::checks()) names.push_back(check.name);
  const auto chosen = arguments.values("--check");
  for (const std::string& given : chosen) {
    if (std::ranges::find(names, given) != names.end()) continue;
    const auto near = nearest(given, names);
    return UsageError{fmt::format("there is no check `{}`{}", printable(given, 64),
                                  near ? fmt::format("; did you mean `{}`?", *near) : ""),
                      fmt::format("the checks are {}", fmt::join(names, ", "))};
  }
  if (arguments.has("--offline") && arguments.has("--outgoing")) {
    return UsageError{"--outgoing needs the network, and --offline forbids it", help_of(arguments)};
  }
  if (std::ranges::find(chosen, "outgoing") != chosen.end() && !arguments.has("--outgoing")) {
    return UsageError{"the check `outgoing` needs --outgoing HOST", help_of(arguments)};
  }
  return std::nullopt;
}

/// What the options name.
tl::expected<doctor::Named, UsageError> read_doctor_options(const Arguments& arguments) {
  doctor::Named named;
  const auto refuse = [&](std::string message) {
    return tl::unexpected(UsageError{std::move(message), help_of(arguments)});
  };
  for (const std::string& text : arguments.values("--domain")) {
    const auto domain = mailauth::normalize_domain(text);
    if (!domain) return refuse(fmt::format("--domain: `{}` is no name", printable(text, 64)));
    named.domains.push_back(*domain);
  }
  for (const std::string& text : arguments.values("--address")) {
    const auto address = IpAddress::parse(text);
    if (!address) return refuse("--address: " + address.error().message);
    named.addresses.push_back(*address);
  }
  named.outgoing = arguments.value("--outgoing").value_or("");
  named.next_certificate = arguments.value("--next-certificate").value_or("");
  if (named.next_certificate.empty()) return named;
  const auto next =
      doctor::look_at_certificate(named.next_certificate, "", CertificateOrigin::files);
  if (next.trouble.empty()) return named;
  return refuse(fmt::format("--next-certificate: {} {}", next.file, next.trouble));
}

int print_findings(const Findings& findings, const Arguments& arguments, Streams& streams) {
  if (arguments.has("--json")) {
    streams.out << doctor::json_of(findings);
  } else {
    Findings shown;
    std::ranges::copy_if(findings, std::back_inserter(shown), [&](const Finding& one) {
      return one.level == Level::fail || !arguments.has("--quiet");
    });
    streams.out << doctor::text_of(shown);
  }
  return to_int(doctor::exit_code_of(findings));
}

/// `--ready`. With --data-dir no configuration is read.
int run_ready(const Arguments& arguments, Streams& streams) {
  std::filesystem::path directory;
  if (const auto given = arguments.value("--data-dir")) {
    directory = *given;
  } else {
    const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
    if (!config) return to_int(ExitCode::unavailable);
    directory = config->server.data_dir;
  }
  const auto gateway = doctor_sources(directory, nullptr, {}).gateway;
  return print_findings(doctor::check_server(doctor::ask_server(gateway, directory.string())),
                        arguments, streams);
}

}  // namespace

int run_doctor(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  if (const auto error = refuse_options(arguments)) return report_usage(*error, json, streams);
  if (arguments.has("--ready")) return run_ready(arguments, streams);
  LoadOptions load = beside_service(arguments);
  load.adjust = without_files(arguments).adjust;
  std::string file;
  ConfigResult loaded = load_named(arguments, streams, load, file);
  auto named = read_doctor_options(arguments);
  if (!named) return report_usage(named.error(), json, streams);
  say_which_config(arguments, streams, file);
  named->file = std::move(file);

  std::vector<std::string_view> names;
  bool network = false;
  for (const Check& check : doctor::checks()) {
    if (!is_wanted(check, arguments)) continue;
    names.push_back(check.name);
    network = network || check.network;
  }
  std::unique_ptr<MailDns> dns;
  if (network) {
    auto opened = MailDns::open(arguments, loaded.config, streams);
    if (!opened) return opened.error();
    dns = std::move(*opened);
  }
  const Config& config = loaded.config;
  doctor::Sources sources = doctor_sources(config.server.data_dir, dns.get(), config.dns.timeout);
  doctor::Examination examination(std::move(loaded), std::move(*named), std::move(sources));
  return print_findings(doctor::examine(examination, names), arguments, streams);
}

}  // namespace postern::app
