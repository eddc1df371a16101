// `postern doctor`: gathers facts and lets the room `doctor` judge them. It changes nothing.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "backup/kept.h"
#include "base/address_guard.h"
#include "base/text.h"
#include "base/time_text.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/live_data.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"
#include "cli/queue_access.h"
#include "config/descriptors.h"
#include "config/listener_certificate.h"
#include "config/relay_options.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint_report.h"
#include "dialect/restrictions/rules.h"
#include "doctor/dns_checks.h"
#include "doctor/gateway_checks.h"
#include "doctor/machine_checks.h"
#include "mailauth/names.h"
#include "prove/relay_proof.h"

namespace postern::app {

namespace {

namespace json = boost::json;
using doctor::Finding;
using doctor::Findings;
using doctor::Level;

std::uint64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  boost::system::error_code bad;
  const auto number = value ? value->to_number<std::uint64_t>(bad) : 0;
  return bad ? 0 : number;
}

std::string version_text(std::string_view number, std::string_view revision) {
  return fmt::format("{} ({})", number, revision);
}

doctor::ServerFacts ask_server(const LiveData& data) {
  doctor::ServerFacts facts;
  const auto answer = data.ask_gateway("health", {});
  if (!answer) {
    facts.trouble =
        fmt::format("no gateway runs with the data directory {}", data.directory().string());
    facts.to_do = "systemctl start postern";
    return facts;
  }
  if (!*answer) {
    facts.trouble = answer->error().message;
    facts.to_do = answer->error().fault == Fault::denied
                      ? "run the command as root or as the gateway's user"
                      : "journalctl -u postern";
    return facts;
  }
  const json::object& said = **answer;
  facts.answers = true;
  facts.problems = texts_of(said, "problems");
  facts.version = version_text(text_of(said, "version"), text_of(said, "revision"));
  facts.sandbox = text_of(said, "sandbox");
  facts.descriptors = number_of(said, "descriptors");
  if (said.if_contains("user")) facts.user = static_cast<std::uint32_t>(number_of(said, "user"));
  facts.listeners = texts_of(said, "listeners");
  return facts;
}

/// Addresses at which the gateway is seen: of proxies before it and of listeners, and those that it
/// sends from.
std::vector<IpAddress> public_addresses(const Config& config) {
  std::vector<IpAddress> all;
  for (const Endpoint& each : config.relay.proxy_addresses) all.push_back(each.address);
  bool v4 = false;
  bool v6 = false;
  for (const ListenerConfig& listener : config.listeners) {
    const IpAddress& address = listener.address.address;
    const bool any = is_wildcard(address);
    v4 = v4 || (any && address.is_v4());
    v6 = v6 || (any && !address.is_v4());
    if (!any && !address.is_loopback()) all.push_back(address);
  }
  if (all.empty()) {
    std::ranges::copy_if(machine_addresses(), std::back_inserter(all), [&](const IpAddress& one) {
      return (one.is_v4() ? v4 : v6) && reach_of(one) == Reach::global;
    });
  }
  for (const EgressConfig& egress : config.egress) {
    if (egress.v4) all.push_back(*egress.v4);
    if (egress.v6) all.push_back(*egress.v6);
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  return all;
}

/// Domains that the configuration receives mail for: those of webhooks, and the plain names of
/// restriction lists. The gateway's own name is not one: mail to postmaster needs no MX record.
std::vector<std::string> configured_domains(const Config& config) {
  std::vector<std::string> all;
  const std::string& webhooks = config.webhooks.public_domain;
  if (webhooks != WebhooksConfig().public_domain) all.push_back(lower(webhooks));
  const auto* lists = config.restrictions.loaded();
  if (lists == nullptr || lists->compiled.policy == nullptr) return all;
  const auto& policy = *lists->compiled.policy;
  for (const auto* domains : {&policy.relay_domains, &policy.mydestination,
                              &policy.virtual_alias_domains, &policy.virtual_mailbox_domains}) {
    for (const std::string& name : domains->names()) {
      const auto domain = mailauth::normalize_domain(name);
      const bool usual = domain && domain->find('.') != std::string::npos && !name.starts_with('.');
      if (!usual || domain->starts_with("localhost.")) continue;
      if (!iequals(*domain, config.server.hostname)) all.push_back(*domain);
    }
  }
  return all;
}

/// Zones of the DNS lists of addresses that the restriction lists ask.
std::vector<std::string> address_lists(const Config& config) {
  std::vector<std::string> zones;
  const auto* lists = config.restrictions.loaded();
  if (lists == nullptr || lists->compiled.policy == nullptr) return zones;
  const auto& policy = *lists->compiled.policy;
  const auto add = [&](const dialect::restrictions::List& rules) {
    for (const auto& rule : rules) {
      const bool of_addresses =
          rule.keyword != nullptr && rule.zone &&
          (rule.keyword->name == "reject_rbl_client" || rule.keyword->name == "reject_maps_rbl" ||
           rule.keyword->name == "permit_dnswl_client");
      if (of_addresses) zones.push_back(rule.zone->zone());
    }
  };
  for (const auto& rules : policy.lists) add(rules);
  for (const auto& [name, rules] : policy.classes) add(*rules);
  add(policy.maps_rbl);
  std::ranges::sort(zones);
  const auto twice = std::ranges::unique(zones);
  zones.erase(twice.begin(), twice.end());
  return zones;
}

/// All that checks look at. Facts are read when the first check needs them.
class Patient {
 public:
  Patient(const Arguments& arguments, Streams& streams)
      : arguments_(arguments), streams_(streams) {}

  /// An exit code ends the command.
  std::optional<int> open() {
    LoadOptions load = beside_service(arguments_);
    load.adjust = without_files(arguments_).adjust;
    loaded_ = load_named(arguments_, streams_, load, file_);
    for (const std::string& text : arguments_.values("--domain")) {
      const auto domain = mailauth::normalize_domain(text);
      if (!domain) return refuse(fmt::format("--domain: `{}` is no name", printable(text, 64)));
      facts_.domains.push_back(*domain);
    }
    for (const std::string& text : arguments_.values("--address")) {
      const auto address = IpAddress::parse(text);
      if (!address) return refuse("--address: " + address.error().message);
      facts_.addresses.push_back(*address);
    }
    if (config().server.hostname.empty()) loaded_.config.server.hostname = "localhost";
    facts_.hostname = mailauth::normalize_domain(config().server.hostname)
                          .value_or(lower(config().server.hostname));
    if (facts_.addresses.empty()) facts_.addresses = public_addresses(config());
    for (const EgressConfig& each : config().egress) {
      if (!each.ehlo.empty()) facts_.source_names.push_back(lower(each.ehlo));
    }
    return std::nullopt;
  }

  const Config& config() const { return loaded_.config; }
  const ConfigResult& loaded() const { return loaded_; }
  const std::string& file() const { return file_; }

  const doctor::ServerFacts& server() {
    if (!server_) server_ = ask_server(LiveData(config().server.data_dir));
    return *server_;
  }
  const doctor::DirectoryFacts& directory() {
    if (!directory_) directory_ = doctor::look_at_directory(config().server.data_dir.string());
    return *directory_;
  }
  const std::vector<doctor::CertificateFile>& certificates() {
    if (!certificates_) certificates_ = look_at_certificates();
    return *certificates_;
  }
  /// With domains, keys and digests.
  const doctor::DnsFacts& dns_facts() {
    if (!asked_) add_live_facts();
    asked_ = true;
    return facts_;
  }
  /// False: an error was printed, and code() is the exit code.
  bool open_dns() {
    if (dns_) return true;
    auto opened = MailDns::open(arguments_, config(), streams_);
    if (!opened) {
      code_ = opened.error();
      return false;
    }
    dns_ = std::move(*opened);
    return true;
  }
  MailDns& dns() { return *dns_; }
  int code() const { return code_; }
  /// After two questions without an answer, none is asked.
  dns::Answer ask(const dns::Question& question) {
    constexpr int most_silences = 2;
    dns::Answer answer{.status = dns::Status::timeout};
    if (silences_ >= most_silences) return answer;
    dns_->run(ask_into(question, answer));
    silences_ = answer.status == dns::Status::timeout ? silences_ + 1 : 0;
    return answer;
  }
  const Arguments& arguments() const { return arguments_; }

 private:
  int refuse(const std::string& message) const {
    return report_usage({message, help_of(arguments_)}, arguments_.has("--json"), streams_);
  }
  Task<void> ask_into(dns::Question question, dns::Answer& into) {
    into = co_await dns_->resolver().lookup(std::move(question), config().dns.timeout);
  }

  std::vector<doctor::CertificateFile> look_at_certificates() {
    std::vector<doctor::CertificateFile> out;
    for (const ListenerConfig& listener : config().listeners) {
      const CertificateSource source = source_of(listener, config().server.data_dir.string());
      const auto same = [&](const auto& one) { return one.file == source.certificate; };
      if (source.certificate.empty() || std::ranges::any_of(out, same)) continue;
      out.push_back(
          doctor::look_at_certificate(source.certificate, config().server.hostname, source.origin));
    }
    for (const VslVirtual& one : config().vsl.virtual_domains) {
      if (one.domain.empty() || one.certificate.empty()) continue;
      out.push_back(
          doctor::look_at_certificate(one.certificate, one.domain, CertificateOrigin::files));
      out.back().of_virtual_domain = true;
    }
    return out;
  }

  void add_live_facts() {
    const LiveData data(config().server.data_dir);
    if (server().answers) {
      const auto keys = data.ask_gateway("dkim-keys", {{"domain", ""}});
      const json::value* list = keys && *keys ? (*keys)->if_contains("keys") : nullptr;
      if (list != nullptr && list->is_array()) {
        for (const json::value& one : list->get_array()) {
          if (!one.is_object()) continue;
          const json::object& key = one.get_object();
          const json::value* signing = key.if_contains("signing");
          if (!signing || !signing->is_bool() || !signing->get_bool()) continue;
          facts_.dkim.push_back(
              {text_of(key, "domain"), text_of(key, "selector"), text_of(key, "record")});
        }
      }
    }
    if (facts_.domains.empty()) {
      if (server().answers) {
        const auto domains = data.ask_gateway("verified-domains", {});
        if (domains && *domains) facts_.domains = texts_of(**domains, "domains");
      }
      const auto configured = configured_domains(config());
      facts_.domains.insert(facts_.domains.end(), configured.begin(), configured.end());
      std::ranges::sort(facts_.domains);
      const auto twice = std::ranges::unique(facts_.domains);
      facts_.domains.erase(twice.begin(), twice.end());
    }
    for (const doctor::CertificateFile& each : certificates()) {
      constexpr std::string_view form = "3 1 1 ";
      const std::string& tlsa = each.facts.tlsa;
      if (each.of_virtual_domain) continue;  // not shown to clients that ask for the hostname
      if (tlsa.starts_with(form)) facts_.key_digests.push_back(tlsa.substr(form.size()));
    }
  }

  const Arguments& arguments_;
  Streams& streams_;
  std::string file_;
  ConfigResult loaded_;
  doctor::DnsFacts facts_;
  bool asked_ = false;
  std::optional<doctor::ServerFacts> server_;
  std::optional<doctor::DirectoryFacts> directory_;
  std::optional<std::vector<doctor::CertificateFile>> certificates_;
  std::unique_ptr<MailDns> dns_;
  int code_ = 0;
  int silences_ = 0;
};

Findings look_at_relay(Patient& patient) {
  if (!patient.loaded().ok()) return doctor::check_relay(std::nullopt, false);
  const auto& judged = patient.config().restrictions.judged;
  if (judged && judged->lint && judged->lint->open_relay == dialect::restrictions::OpenRelay::yes) {
    return doctor::check_relay("the restriction lists relay for unknown clients", true);
  }
  const auto witness = find_open_relay(patient.config());
  return doctor::check_relay(witness ? std::optional(witness->dialogue()) : std::nullopt, true);
}

Findings look_at_queue(Patient& patient) {
  doctor::QueueFacts facts;
  if (!patient.server().answers) {
    facts.trouble = "no gateway runs";
  } else if (auto queue = open_queue(patient.config().server.data_dir.string()); !queue) {
    facts.trouble = queue.error().message;
  } else if (const auto listed = (*queue)->destinations(); !listed) {
    facts.trouble = listed.error().message;
  } else if (const json::value* rows = listed->if_contains("data"); !rows || !rows->is_array()) {
    facts.trouble = "the gateway's answer has no list of destinations";
  } else {
    std::optional<std::chrono::system_clock::time_point> oldest;
    for (const json::value& each : rows->get_array()) {
      if (!each.is_object()) continue;
      const json::object& row = each.get_object();
      facts.dead += number_of(row, "dead");
      const std::uint64_t queued = number_of(row, "queued");
      facts.queued += queued;
      const auto since = from_rfc3339(text_of(row, "oldest_at"));
      if (queued > 0 && since && (!oldest || *since < *oldest)) oldest = *since;
    }
    if (oldest) {
      facts.age = std::chrono::duration_cast<std::chrono::seconds>(
          std::chrono::system_clock::now() - *oldest);
    }
  }
  return doctor::check_queue(
      facts, std::chrono::duration_cast<std::chrono::seconds>(patient.config().queue.delay_notice));
}

/// Why listeners do not take the files that are there; the gateway says so.
std::vector<std::string> refused_certificates(Patient& patient) {
  std::vector<std::string> out;
  if (!patient.server().answers) return out;
  const auto answer =
      LiveData(patient.config().server.data_dir).ask_gateway("tls-status", json::object());
  const json::value* listeners = answer && *answer ? (*answer)->if_contains("listeners") : nullptr;
  if (listeners == nullptr || !listeners->is_array()) return out;
  for (const json::value& one : listeners->get_array()) {
    if (!one.is_object()) continue;
    const std::string error = text_of(one.get_object(), "error");
    if (error.empty()) continue;
    out.push_back(fmt::format("{}: {}", text_of(one.get_object(), "listener"), error));
  }
  return out;
}

Findings look_at_backup(Patient& patient) {
  const auto made = backup::last_backup(patient.config().server.data_dir);
  if (!made) return doctor::check_backup(std::nullopt);
  return doctor::check_backup(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *made));
}

Findings look_at_ports(Patient& patient) {
  const doctor::ServerFacts& server = patient.server();
  std::vector<doctor::PortFacts> ports;
  const auto add = [&](const Endpoint& at) {
    if (!at.passed.empty() || at.port == 0) return;
    const std::string text = at.to_string();
    const bool ours = std::ranges::find(server.listeners, text) != server.listeners.end();
    const int error = server.answers ? 0 : doctor::bind_error(at.address.to_string(), at.port);
    ports.push_back({text, error, ours});
  };
  for (const ListenerConfig& listener : patient.config().listeners) add(listener.address);
  add(patient.config().api.address);
  if (ports.empty()) {
    return {
        {Level::note, "ports", "not looked at: the system or the service manager picks them", ""}};
  }
  return doctor::check_ports(ports, server.answers);
}

Findings look_at_outgoing(Patient& patient) {
  const std::string given = *patient.arguments().value("--outgoing");
  std::string host = given;
  std::uint16_t port = 25;
  if (const auto parts = split_port(given); parts && parts->port) {
    if (const auto number = parse_port(*parts->port)) port = *number;
    host = std::string(parts->host);
  }
  std::string address;
  if (const auto literal = IpAddress::from_text(host)) {
    address = literal->to_string();
  } else {
    for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
      const dns::Answer answer = patient.ask({lower(host), type});
      if (address.empty() && !answer.records.empty()) address = answer.records.front();
    }
  }
  return doctor::check_outgoing(address.empty() ? doctor::OutgoingFacts{.host = host}
                                                : doctor::try_outgoing(host, address, port));
}

Findings look_at_dnssec(Patient& patient) {
  const auto& state = patient.dns().dnssec();
  return doctor::check_dnssec(state ? std::optional(state->text()) : std::nullopt,
                              state && state->proves());
}

template <Findings (*judge)(const doctor::DnsFacts&, const doctor::Ask&)>
Findings look_at_dns(Patient& patient) {
  return judge(patient.dns_facts(),
               [&](const dns::Question& question) { return patient.ask(question); });
}

/// A check: facts in, findings out.
struct Check {
  std::string_view name;
  bool network;  ///< asks DNS or another host
  Findings (*look)(Patient&);
};

constexpr Check checks[] = {
    {"config", false,
     [](Patient& p) { return doctor::check_configuration(p.loaded().diagnostics, p.file()); }},
    {"relay", false, look_at_relay},
    {"data-dir", false,
     [](Patient& p) { return doctor::check_data_directory(p.directory(), p.server().user); }},
    {"wal", false, [](Patient& p) { return doctor::check_wal(p.directory()); }},
    {"disk", false,
     [](Patient& p) {
       return doctor::check_disk(doctor::look_at_disk(p.config().server.data_dir.string()));
     }},
    {"clock", false, [](Patient&) { return doctor::check_clock(doctor::clock_is_kept()); }},
    {"journal", false,
     [](Patient&) {
       std::error_code none;
       return doctor::check_journal(std::filesystem::exists("/var/log/journal", none),
                                    std::filesystem::exists("/run/log/journal", none));
     }},
    {"certificate", false,
     [](Patient& p) {
       return doctor::check_certificates(
           p.certificates(), refused_certificates(p),
           std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
     }},
    {"ports", false, look_at_ports},
    {"server", false, [](Patient& p) { return doctor::check_server(p.server()); }},
    {"version", false,
     [](Patient& p) {
       const Version own = current_version();
       return doctor::check_version(p.server(), version_text(own.number, own.revision));
     }},
    {"sandbox", false,
     [](Patient& p) {
       return doctor::check_sandbox(p.server(), p.config().server.sandbox == SandboxMode::off);
     }},
    {"descriptors", false,
     [](Patient& p) {
       return doctor::check_descriptors(p.server().descriptors,
                                        least_descriptors(p.config(), p.config().limits.sessions),
                                        wanted_descriptors(p.config()));
     }},
    {"queue", false, look_at_queue},
    {"backup", false, look_at_backup},
    {"dnssec", true, look_at_dnssec},
    {"address", true, look_at_dns<doctor::check_addresses>},
    {"ptr", true, look_at_dns<doctor::check_reverse>},
    {"mx", true, look_at_dns<doctor::check_mx>},
    {"spf", true, look_at_dns<doctor::check_spf>},
    {"dkim", true, look_at_dns<doctor::check_dkim>},
    {"dmarc", true, look_at_dns<doctor::check_dmarc>},
    {"mta-sts", true, look_at_dns<doctor::check_mta_sts>},
    {"tls-rpt", true, look_at_dns<doctor::check_tls_reports>},
    {"tlsa", true, look_at_dns<doctor::check_tlsa>},
    {"dns-lists", true,
     [](Patient& p) {
       return doctor::check_dns_lists(address_lists(p.config()),
                                      [&](const dns::Question& one) { return p.ask(one); });
     }},
    {"outgoing", true, look_at_outgoing},
};

std::vector<std::string_view> check_names() {
  std::vector<std::string_view> names;
  for (const Check& check : checks) names.push_back(check.name);
  return names;
}

/// Why the options are wrong.
std::optional<UsageError> refuse_options(const Arguments& arguments) {
  const auto names = check_names();
  for (const std::string& given : arguments.values("--check")) {
    if (std::ranges::find(names, given) != names.end()) continue;
    const auto near = nearest(given, names);
    return UsageError{fmt::format("there is no check `{}`{}", printable(given, 64),
                                  near ? fmt::format("; did you mean `{}`?", *near) : ""),
                      fmt::format("the checks are {}", fmt::join(names, ", "))};
  }
  if (arguments.has("--offline") && arguments.has("--outgoing")) {
    return UsageError{"--outgoing needs the network, and --offline forbids it", help_of(arguments)};
  }
  const auto chosen = arguments.values("--check");
  if (std::ranges::find(chosen, "outgoing") != chosen.end() && !arguments.has("--outgoing")) {
    return UsageError{"the check `outgoing` needs --outgoing HOST", help_of(arguments)};
  }
  return std::nullopt;
}

bool wanted(const Check& check, const Arguments& arguments) {
  if (check.network && arguments.has("--offline")) return false;
  if (check.name == "outgoing") return arguments.has("--outgoing");
  const auto chosen = arguments.values("--check");
  return chosen.empty() || std::ranges::find(chosen, check.name) != chosen.end();
}

void print(const Findings& findings, const Arguments& arguments, Streams& streams) {
  if (arguments.has("--json")) {
    streams.out << doctor::json_of(findings);
    return;
  }
  Findings shown;
  std::ranges::copy_if(findings, std::back_inserter(shown), [&](const Finding& one) {
    return one.level == Level::fail || !arguments.has("--quiet");
  });
  streams.out << doctor::text_of(shown);
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
  const Findings findings = doctor::check_server(ask_server(LiveData(directory)));
  print(findings, arguments, streams);
  return to_int(doctor::exit_code_of(findings));
}

}  // namespace

int run_doctor(const Arguments& arguments, Streams& streams) {
  if (const auto error = refuse_options(arguments)) {
    return report_usage(*error, arguments.has("--json"), streams);
  }
  if (arguments.has("--ready")) return run_ready(arguments, streams);
  Patient patient(arguments, streams);
  if (const auto code = patient.open()) return *code;
  Findings findings;
  for (const Check& check : checks) {
    if (!wanted(check, arguments)) continue;
    if (check.network && !patient.open_dns()) return patient.code();
    Findings found = check.look(patient);
    findings.insert(findings.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
  }
  print(findings, arguments, streams);
  return to_int(doctor::exit_code_of(findings));
}

}  // namespace postern::app
