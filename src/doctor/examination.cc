#include "doctor/examination.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>

#include "backup/kept.h"
#include "base/ip.h"
#include "base/json_members.h"
#include "base/text.h"
#include "base/time_text.h"
#include "base/version.h"
#include "config/descriptors.h"
#include "config/listener_certificate.h"
#include "dialect/restrictions/lint_report.h"
#include "doctor/configured.h"
#include "doctor/program.h"
#include "doctor/unit_checks.h"
#include "mailauth/names.h"
#include "prove/relay_proof.h"

namespace postern::doctor {

namespace {

namespace json = boost::json;
using postern::text_of;  // beside that of findings
constexpr std::string_view tlsa_form = "3 1 1 ";

std::string version_text(std::string_view number, std::string_view revision) {
  return fmt::format("{} ({})", number, revision);
}

std::chrono::seconds seconds_since(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - time);
}

}  // namespace

ServerFacts ask_server(const AskGateway& gateway, const std::string& directory) {
  ServerFacts facts;
  const auto answer = gateway("health", {});
  if (!answer) {
    facts.trouble = fmt::format("no gateway runs with the data directory {}", directory);
    facts.to_do = "systemctl start postern";
    return facts;
  }
  if (!*answer) {
    facts.trouble = answer->error().message;
    facts.denied = answer->error().fault == Fault::denied;
    facts.to_do =
        facts.denied ? "run the command as root or as the gateway's user" : "journalctl -u postern";
    return facts;
  }
  const json::object& said = **answer;
  facts.answers = true;
  facts.problems = texts_of(said, "problems");
  facts.version = version_text(text_of(said, "version"), text_of(said, "revision"));
  facts.sandbox = text_of(said, "sandbox");
  facts.descriptors = number_of(said, "descriptors");
  const auto id_of = [&said](std::string_view name) -> std::optional<std::uint32_t> {
    if (!said.if_contains(name)) return std::nullopt;
    return static_cast<std::uint32_t>(number_of(said, name));
  };
  facts.user = id_of("user");
  facts.data_owner = id_of("data_owner");
  facts.listeners = texts_of(said, "listeners");
  return facts;
}

Examination::Examination(app::ConfigResult loaded, Named named, Sources sources)
    : loaded_(std::move(loaded)), named_(std::move(named)), sources_(std::move(sources)) {
  std::string& hostname = loaded_.config.server.hostname;
  if (hostname.empty()) hostname = "localhost";
  facts_.hostname = mailauth::normalize_domain(hostname).value_or(lower(hostname));
  facts_.domains = named_.domains;
  facts_.addresses = named_.addresses.empty() ? public_addresses(config()) : named_.addresses;
  for (const app::EgressConfig& each : config().egress) {
    if (!each.ehlo.empty()) facts_.source_names.push_back(lower(each.ehlo));
  }
}

const ServerFacts& Examination::server() {
  if (!server_) server_ = ask_server(sources_.gateway, config().server.data_dir.string());
  return *server_;
}

const DirectoryFacts& Examination::directory() {
  if (!directory_) directory_ = look_at_directory(config().server.data_dir.string());
  return *directory_;
}

const std::vector<CertificateFile>& Examination::certificates() {
  if (certificates_) return *certificates_;
  std::vector<CertificateFile>& out = certificates_.emplace();
  for (const app::ListenerConfig& listener : config().listeners) {
    const app::CertificateSource source = source_of(listener, config().server.data_dir.string());
    const auto same = [&](const auto& one) { return one.file == source.certificate; };
    if (source.certificate.empty() || std::ranges::any_of(out, same)) continue;
    CertificateFile& one = out.emplace_back(
        look_at_certificate(source.certificate, config().server.hostname, source.origin));
    if (!one.trouble.empty() && server().answers) ask_about(one, listener.name);
  }
  for (const app::VslVirtual& one : config().vsl.virtual_domains) {
    if (one.domain.empty() || one.certificate.empty()) continue;
    out.push_back(look_at_certificate(one.certificate, one.domain, app::CertificateOrigin::files));
    out.back().of_virtual_domain = true;
  }
  return out;
}

void Examination::ask_about(CertificateFile& certificate, const std::string& listener) {
  const auto answer = sources_.gateway("tls-status", json::object());
  if (!answer || !*answer) return;
  for (const json::object* one : objects_of(**answer, "listeners")) {
    const auto end = from_rfc3339(text_of(*one, "not_after"));
    if (text_of(*one, "listener") != listener || !end) continue;
    certificate.trouble.clear();
    certificate.told = true;
    certificate.matches = true;  // name and chain are not judged
    certificate.facts.not_after = std::chrono::floor<Instant::duration>(*end);
    certificate.facts.sha256 = text_of(*one, "sha256");
    certificate.facts.tlsa = text_of(*one, "tlsa");
    certificate.facts.names = texts_of(*one, "names");
  }
}

const DnsFacts& Examination::dns_facts() {
  if (!complete_) add_live_facts();
  complete_ = true;
  return facts_;
}

dns::Answer Examination::ask(const dns::Question& question) {
  constexpr int most_silences = 2;
  if (silences_ >= most_silences) return {.status = dns::Status::timeout, .records = {}};
  dns::Answer answer = sources_.dns(question);
  silences_ = answer.status == dns::Status::timeout ? silences_ + 1 : 0;
  return answer;
}

void Examination::add_live_facts() {
  if (server().answers) {
    const auto keys = sources_.gateway("dkim-keys", {{"domain", ""}});
    if (keys && *keys) {
      for (const json::object* key : objects_of(**keys, "keys")) {
        const json::value* signing = key->if_contains("signing");
        if (!signing || !signing->is_bool() || !signing->get_bool()) continue;
        facts_.dkim.push_back(
            {text_of(*key, "domain"), text_of(*key, "selector"), text_of(*key, "record")});
      }
    }
  }
  if (facts_.domains.empty()) {
    if (server().answers) {
      const auto domains = sources_.gateway("verified-domains", {});
      if (domains && *domains) facts_.domains = texts_of(**domains, "domains");
    }
    const auto configured = configured_domains(config());
    facts_.domains.insert(facts_.domains.end(), configured.begin(), configured.end());
    std::ranges::sort(facts_.domains);
    const auto twice = std::ranges::unique(facts_.domains);
    facts_.domains.erase(twice.begin(), twice.end());
  }
  for (const CertificateFile& each : certificates()) {
    const std::string& tlsa = each.facts.tlsa;
    if (each.of_virtual_domain) continue;  // not shown to clients that ask for the hostname
    if (tlsa.starts_with(tlsa_form)) facts_.key_digests.push_back(tlsa.substr(tlsa_form.size()));
  }
  if (named_.next_certificate.empty()) return;
  const std::string next = look_at_certificate(named_.next_certificate, config().server.hostname,
                                               app::CertificateOrigin::files)
                               .facts.tlsa;
  if (next.starts_with(tlsa_form)) facts_.next_digests.push_back(next.substr(tlsa_form.size()));
}

namespace {

Findings look_at_relay(Examination& from) {
  if (!from.loaded().ok()) return check_relay(std::nullopt, false);
  const auto& judged = from.config().restrictions.judged;
  if (judged && judged->lint && judged->lint->open_relay == dialect::restrictions::OpenRelay::yes) {
    return check_relay("the restriction lists relay for unknown clients", true);
  }
  const auto witness = app::find_open_relay(from.config());
  return check_relay(witness ? std::optional(witness->dialogue()) : std::nullopt, true);
}

Findings look_at_queue(Examination& from) {
  QueueFacts facts;
  if (!from.server().answers) {
    facts.trouble = "no gateway runs";
  } else if (const auto listed = from.sources().destinations(); !listed) {
    facts.trouble = listed.error().message;
  } else if (const json::value* rows = listed->if_contains("data"); !rows || !rows->is_array()) {
    facts.trouble = "the gateway's answer has no list of destinations";
  } else {
    std::optional<std::chrono::system_clock::time_point> oldest;
    for (const json::object* row : objects_of(*listed, "data")) {
      facts.dead += number_of(*row, "dead");
      const std::uint64_t queued = number_of(*row, "queued");
      facts.queued += queued;
      const auto since = from_rfc3339(text_of(*row, "oldest_at"));
      if (queued > 0 && since && (!oldest || *since < *oldest)) oldest = *since;
    }
    if (oldest) facts.age = seconds_since(*oldest);
  }
  return check_queue(
      facts, std::chrono::duration_cast<std::chrono::seconds>(from.config().queue.delay_notice));
}

/// Why listeners do not take the files that are there; the gateway says so.
std::vector<std::string> refused_certificates(Examination& from) {
  std::vector<std::string> out;
  if (!from.server().answers) return out;
  const auto answer = from.sources().gateway("tls-status", json::object());
  if (!answer || !*answer) return out;
  for (const json::object* one : objects_of(**answer, "listeners")) {
    const std::string error = text_of(*one, "error");
    if (!error.empty()) out.push_back(fmt::format("{}: {}", text_of(*one, "listener"), error));
  }
  return out;
}

Findings look_at_integrity(Examination& from) {
  IntegrityFacts facts{.databases = from.sources().databases()};
  if (!from.server().answers) {
    facts.trouble = "no gateway runs; `postern queue verify` reads them";
  } else if (const auto verified = from.sources().verification(); !verified) {
    facts.trouble = verified.error().message;
  } else {
    facts.messages = number_of(*verified, "messages");
    for (const json::object* one : objects_of(*verified, "findings")) {
      const std::string message = text_of(*one, "message");
      facts.wrong.push_back((message.empty() ? "the queue" : message) + ": " +
                            text_of(*one, "what"));
    }
  }
  return check_integrity(facts);
}

Findings look_at_incoming(Examination& from) {
  std::vector<ConnectFacts> addresses;
  for (const IpAddress& one : from.dns_facts().addresses) {
    addresses.push_back(try_outgoing(one.to_string(), one.to_string(), 25));
  }
  return check_incoming(addresses, from.config().server.hostname);
}

Findings look_at_certificates(Examination& from) {
  Findings found = check_certificates(
      from.certificates(), refused_certificates(from),
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
  const Findings more =
      check_renewed(from.certificates(), look_at_renewed(from.config().server.hostname));
  found.insert(found.end(), more.begin(), more.end());
  return found;
}

Findings look_at_backup(Examination& from) {
  if (!from.config().cluster.database.empty()) {
    return {
        finding(Level::note, "backup",
                "not looked at: the queue and the accounts are in the cluster's database, which "
                "has its own backup",
                "`postern cluster doctor` looks at that database (docs/cluster.md)")};
  }
  const auto made = backup::last_backup(from.config().server.data_dir);
  return check_backup(made ? std::optional(seconds_since(*made)) : std::nullopt);
}

Findings look_at_journal(Examination&) {
  std::error_code none;
  return check_journal(std::filesystem::exists("/var/log/journal", none),
                       std::filesystem::exists("/run/log/journal", none));
}

Findings look_at_ports(Examination& from) {
  const ServerFacts& server = from.server();
  std::vector<PortFacts> ports;
  const auto add = [&](const app::Endpoint& at) {
    if (!at.passed.empty() || at.port == 0) return;
    const std::string text = at.to_string();
    const bool ours = std::ranges::find(server.listeners, text) != server.listeners.end();
    const int error = server.answers ? 0 : bind_error(at.address.to_string(), at.port);
    // What listens may be the gateway, which this user cannot ask.
    ports.push_back({text, error == EADDRINUSE && server.denied ? EACCES : error, ours});
  };
  for (const app::ListenerConfig& listener : from.config().listeners) add(listener.address);
  add(from.config().api.address);
  if (ports.empty()) {
    return {finding(Level::note, "ports",
                    "not looked at: the system or the service manager picks them")};
  }
  return check_ports(ports, server.answers);
}

Findings look_at_outgoing(Examination& from) {
  const std::string& given = from.named().outgoing;
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
      const dns::Answer answer = from.ask({lower(host), type});
      if (address.empty() && !answer.records.empty()) address = answer.records.front();
    }
  }
  return check_outgoing(address.empty() ? ConnectFacts{.host = host}
                                        : try_outgoing(host, address, port));
}

Findings look_at_dnssec(Examination& from) {
  const auto& state = from.sources().dnssec;
  return check_dnssec(state ? std::optional(state->text()) : std::nullopt,
                      state && state->proves());
}

template <Findings (*judge)(const DnsFacts&, const Ask&)>
Findings look_at_dns(Examination& from) {
  return judge(from.dns_facts(), [&](const dns::Question& question) { return from.ask(question); });
}

constexpr Check all_checks[] = {
    {"config", false, false,
     [](Examination& e) { return check_configuration(e.loaded().diagnostics, e.named().file); }},
    {"relay", false, false, look_at_relay},
    {"data-dir", false, false,
     [](Examination& e) {
       DirectoryFacts facts = e.directory();
       facts.mapped_owner = e.server().data_owner;
       return check_data_directory(facts, e.server().user);
     }},
    {"wal", false, false, [](Examination& e) { return check_wal(e.directory()); }},
    {"disk", false, false,
     [](Examination& e) { return check_disk(look_at_disk(e.config().server.data_dir.string())); }},
    {"clock", false, false, [](Examination&) { return check_clock(clock_is_kept()); }},
    {"journal", false, false, look_at_journal},
    {"certificate", false, false, look_at_certificates},
    {"unit", false, false, [](Examination&) { return check_unit(look_at_unit(run_program)); }},
    {"ports", false, false, look_at_ports},
    {"server", false, false, [](Examination& e) { return check_server(e.server()); }},
    {"version", false, false,
     [](Examination& e) {
       const Version own = current_version();
       return check_version(e.server(), version_text(own.number, own.revision));
     }},
    {"sandbox", false, false,
     [](Examination& e) {
       return check_sandbox(e.server(), {.off = e.config().server.sandbox == app::SandboxMode::off,
                                         .programs = !e.config().vsl.allow_commands.empty()});
     }},
    {"descriptors", false, false,
     [](Examination& e) {
       return check_descriptors(e.server().descriptors,
                                least_descriptors(e.config(), e.config().limits.sessions),
                                wanted_descriptors(e.config()));
     }},
    {"queue", false, false, look_at_queue},
    {"backup", false, false, look_at_backup},
    {"dnssec", true, false, look_at_dnssec},
    {"address", true, false, look_at_dns<check_addresses>},
    {"ptr", true, false, look_at_dns<check_reverse>},
    {"mx", true, false, look_at_dns<check_mx>},
    {"spf", true, false, look_at_dns<check_spf>},
    {"dkim", true, false, look_at_dns<check_dkim>},
    {"dmarc", true, false, look_at_dns<check_dmarc>},
    {"mta-sts", true, false,
     [](Examination& e) {
       return check_mta_sts(
           e.dns_facts(), [&](const dns::Question& one) { return e.ask(one); }, e.sources().fetch);
     }},
    {"tls-rpt", true, false, look_at_dns<check_tls_reports>},
    {"tlsa", true, false, look_at_dns<check_tlsa>},
    {"caa", true, false, look_at_dns<check_caa>},
    {"dns-lists", true, false,
     [](Examination& e) {
       return check_dns_lists(address_lists(e.config()),
                              [&](const dns::Question& one) { return e.ask(one); });
     }},
    {"integrity", false, true, look_at_integrity},
    {"incoming", true, true, look_at_incoming},
    {"outgoing", true, true, look_at_outgoing},
};

}  // namespace

std::span<const Check> checks() { return all_checks; }

Findings examine(Examination& from, const std::vector<std::string_view>& names) {
  Findings findings;
  for (const Check& check : all_checks) {
    if (std::ranges::find(names, check.name) == names.end()) continue;
    Findings found = check.look(from);
    findings.insert(findings.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
  }
  return findings;
}

}  // namespace postern::doctor
