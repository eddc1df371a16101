// `postern route`: shows where mail for an address goes, without sending any.
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>
#include <random>

#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/json_text.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"
#include "config/relay_options.h"
#include "config/route_tables.h"
#include "mail/address.h"
#include "relay/attempt_plan.h"
#include "relay/destination.h"
#include "relay/lookup.h"
#include "relay/route_tables.h"
#include "serve/accepted_mail.h"
#include "serve/relay_report.h"

namespace postern::app {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_route_text = 300;
constexpr std::uint64_t most_attempts = 1000;

/// One address and what was found about it.
struct Inquiry {
  std::string address;
  std::string sender;  ///< as in the envelope; empty: the null sender
  relay::Recipient recipient;
  relay::Way way;
  relay::Routed routed;
  relay::Answers answers;
  std::vector<std::vector<relay::PlannedHost>> attempts;  ///< possible orders of hosts
  std::vector<IpAddress> without_source;  ///< addresses for whose family the pool has no source
};

/// Whether a source address of `pool` can reach `address`; without a pool the system chooses one.
bool has_source(const relay::EgressPool* pool, const IpAddress& address) {
  if (pool == nullptr || pool->fallback) return true;
  return std::any_of(pool->sources.begin(), pool->sources.end(), [&](const auto& source) {
    return (address.is_v4() ? source.v4 : source.v6).has_value();
  });
}

/// `enforce:mx1.example.org,*.example.net`
std::optional<relay::StsPolicy> read_policy(std::string_view text) {
  using Mode = relay::StsPolicy::Mode;
  const std::size_t colon = text.find(':');
  const std::string_view mode = text.substr(0, colon);
  relay::StsPolicy policy;
  if (mode == "enforce") {
    policy.mode = Mode::enforce;
  } else if (mode == "testing") {
    policy.mode = Mode::testing;
  } else if (mode != "none") {
    return std::nullopt;
  }
  if (colon == std::string_view::npos) return policy;
  for (const std::string_view name : split(text.substr(colon + 1), ','))
    policy.mx.emplace_back(name);
  return policy;
}

Task<void> find_way_into(const relay::RelayConfig* config, Inquiry* inquiry) {
  inquiry->way = co_await relay::find_way(*config, inquiry->recipient.local_part,
                                          inquiry->recipient.domain, inquiry->sender);
}

Task<void> look_up_into(const relay::RelayConfig* config, dns::Resolver* resolver,
                        std::chrono::milliseconds limit, Inquiry* inquiry) {
  if (!inquiry->way.trouble.empty()) {
    inquiry->routed = {.kind = relay::Routed::Kind::temporary,
                       .reply = {.code = 451, .enhanced = {4, 3, 0}, .text = inquiry->way.trouble},
                       .our_fault = true};
    co_return;
  }
  inquiry->routed = co_await relay::look_up(config->routing, *inquiry->way.route,
                                            inquiry->recipient, *resolver, limit, inquiry->answers);
}

/// The address, with or without its angle brackets; `postmaster` is the one at `hostname`
/// (RFC 5321 §4.5.1).
Result<mail::Mailbox> address_of(std::string_view text, std::string_view hostname) {
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  if (iequals(text, "postmaster")) return mail::Mailbox{std::string(text), std::string(hostname)};
  auto parsed = mail::parse_mailbox(text, mail::Utf8::allowed);
  const std::size_t literal = text.rfind("@[");
  if (parsed || literal == std::string_view::npos) return parsed;
  // An invalid address literal is refused by the route.
  auto known = mail::parse_mailbox(std::string(text.substr(0, literal)) + "@literal.invalid",
                                   mail::Utf8::allowed);
  if (known) known->domain = text.substr(literal + 1);
  return known;
}

/// Delivered on this machine, so that no host is looked up.
bool is_folder(const Inquiry& inquiry) {
  return inquiry.way.route->kind == relay::Route::Kind::maildir;
}

std::vector<policy::DnsRecord> records_of(const Inquiry& inquiry) {
  std::vector<policy::DnsRecord> out;
  for (const auto& [question, answer] : inquiry.answers)
    out.push_back({.question = question, .answer = answer});
  return out;
}

bool has_reply(const relay::Routed& routed) {
  return routed.kind == relay::Routed::Kind::temporary ||
         routed.kind == relay::Routed::Kind::permanent;
}

std::string_view result_name(relay::Routed::Kind kind) {
  switch (kind) {
    case relay::Routed::Kind::targets:
      return "targets";
    case relay::Routed::Kind::discard:
      return "discard";
    case relay::Routed::Kind::temporary:
      return "temporary";
    case relay::Routed::Kind::permanent:
      return "permanent";
  }
  return "";
}

const relay::Target& target_of(const Inquiry& inquiry, const relay::PlannedHost& host) {
  return inquiry.routed.groups[host.group][host.member];
}

json::array texts(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

json::array addresses_json(const std::vector<IpAddress>& list) {
  json::array out;
  for (const IpAddress& each : list) out.emplace_back(each.to_string());
  return out;
}

json::object target_json(const relay::Target& target, const relay::Way& way,
                         const relay::RouteSettings& settings) {
  json::object out{{"host", policy::octets_json(target.host)},
                   {"pref", target.preference},
                   {"port", target.port},
                   {"v6", addresses_json(target.v6)},
                   {"v4", addresses_json(target.v4)},
                   {"tls", relay::to_string(target.tls)},
                   {"names", texts(target.names)},
                   {"sni", nullptr}};
  if (target.sni) out["sni"] = *target.sni;
  if (!target.tlsa.empty()) out["tlsa"] = texts(target.tlsa);
  if (!settings.tlsa.empty() && way.owns(target)) out["pinned"] = texts(settings.tlsa);
  if (target.fallback) out["fallback"] = true;
  return out;
}

json::object inquiry_json(const Inquiry& inquiry, const relay::RelayConfig& config,
                          const std::optional<net::DnssecState>& dnssec) {
  const relay::Routed& routed = inquiry.routed;
  const relay::RouteSettings& settings = config.settings_of(*inquiry.way.route);
  json::object out{
      {"address", policy::octets_json(inquiry.address)},
      {"route", policy::or_null(settings.name)},
      {"to", texts(relay::to_texts(*inquiry.way.route))},
      {"sender", policy::octets_json(inquiry.sender)},
      {"destination",
       policy::octets_json(relay::destination_of(config, inquiry.recipient.local_part,
                                                 inquiry.recipient.domain, inquiry.sender))},
      {"result", is_folder(inquiry) ? "folder" : result_name(routed.kind)},
  };
  if (is_folder(inquiry)) out["folder"] = policy::octets_json(inquiry.way.route->path);
  if (has_reply(routed)) {
    out["code"] = routed.reply.code;
    out["enhanced"] = routed.reply.enhanced.to_string();
    out["text"] = policy::octets_json(routed.reply.text);
    out["our_fault"] = routed.our_fault;
  }
  json::array groups;
  for (const auto& group : routed.groups) {
    json::array members;
    for (const relay::Target& target : group)
      members.push_back(target_json(target, inquiry.way, settings));
    groups.push_back(std::move(members));
  }
  out["groups"] = std::move(groups);
  json::array skipped;
  for (const relay::Skipped& each : routed.skipped)
    skipped.push_back(json::object{{"host", policy::octets_json(each.host)},
                                   {"why", relay::to_string(each.why)}});
  for (const IpAddress& address : inquiry.without_source)
    skipped.push_back(json::object{{"host", address.to_string()}, {"why", "no_source"}});
  out["skipped"] = std::move(skipped);
  json::array attempts;
  for (const auto& plan : inquiry.attempts) {
    json::array hosts;
    for (const relay::PlannedHost& host : plan)
      hosts.push_back(json::object{{"host", policy::octets_json(target_of(inquiry, host).host)},
                                   {"addresses", addresses_json(host.addresses)}});
    attempts.push_back(std::move(hosts));
  }
  out["attempts"] = std::move(attempts);
  out["dns"] = answers_json(inquiry.answers);
  if (dnssec) out["dnssec"] = dnssec->text();
  return out;
}

std::string tls_text(const relay::Target& target, const relay::Way& way,
                     const relay::RouteSettings& settings) {
  if (!settings.tlsa.empty() && way.owns(target)) return "TLS dane, pinned by the route";
  std::string out = fmt::format("TLS {}", relay::to_string(target.tls));
  if (!target.names.empty()) out += fmt::format(" for {}", fmt::join(target.names, ", "));
  return out;
}

std::string_view reason(relay::Why why) {
  switch (why) {
    case relay::Why::bad_name:
      return "not a host name";
    case relay::Why::no_address:
      return "has no address";
    case relay::Why::dns_error:
      return "its address cannot be looked up";
    case relay::Why::dns_bogus:
      return "its addresses fail DNSSEC validation";
    case relay::Why::forbidden_address:
      return "only addresses that mail is not sent to";
    case relay::Why::self:
      return "is this gateway";
    case relay::Why::behind_self:
      return "its preference is not better than that of this gateway";
    case relay::Why::tlsa_lookup:
      return "its TLSA records cannot be looked up";
    case relay::Why::sts_mx:
      return "not named by the MTA-STS policy";
    case relay::Why::too_many:
      return "after too many others";
  }
  return "";
}

std::string inquiry_text(const Inquiry& inquiry, const relay::RelayConfig& config,
                         const std::optional<net::DnssecState>& dnssec) {
  const relay::Routed& routed = inquiry.routed;
  const relay::RouteSettings& settings = config.settings_of(*inquiry.way.route);
  std::string out = printable(inquiry.address, longest_route_text) + "\n";
  out += fact("route", settings.name.empty()
                           ? "no route matches: the domain's MX"
                           : fmt::format("{} to {}", printable(settings.name, longest_route_text),
                                         fmt::join(relay::to_texts(*inquiry.way.route), ", ")));
  if (settings.pool != nullptr) out += fact("from", "pool " + settings.pool->name);
  if (settings.login) out += fact("as", printable(settings.login->user, longest_route_text));
  if (is_folder(inquiry)) {
    out += fact("result", fmt::format("folder {}, delivered here",
                                      printable(inquiry.way.route->path, longest_route_text)));
  }
  if (routed.kind == relay::Routed::Kind::discard) out += fact("result", "discarded");
  if (has_reply(routed)) {
    out += fact("result",
                fmt::format("{} {} {}{}", routed.reply.code, routed.reply.enhanced.to_string(),
                            printable(routed.reply.text, longest_route_text),
                            routed.our_fault ? " (a fault of this gateway)" : ""));
  }
  std::size_t number = 0;
  for (const auto& plan : inquiry.attempts) {
    for (const relay::PlannedHost& host : plan) {
      const relay::Target& target = target_of(inquiry, host);
      std::vector<std::string> addresses;
      for (const IpAddress& each : host.addresses) addresses.push_back(each.to_string());
      out += fact(fmt::format("host {}", ++number),
                  fmt::format("{}, {} {}, port {}: {}", printable(target.host, longest_route_text),
                              target.fallback ? "fallback" : "preference", target.preference,
                              target.port, fmt::join(addresses, ", ")));
      out += fact("", tls_text(target, inquiry.way, settings));
    }
  }
  for (const relay::Skipped& each : routed.skipped)
    out += fact("left out",
                fmt::format("{}: {}", printable(each.host, longest_route_text), reason(each.why)));
  for (const IpAddress& address : inquiry.without_source)
    out += fact("left out", fmt::format("{}: the pool has no IPv{} address", address.to_string(),
                                        address.is_v4() ? 4 : 6));
  if (dnssec) out += fact("DNSSEC", dnssec->text());
  return out + dns_text(records_of(inquiry));
}

void draw_attempts(Inquiry& inquiry, const relay::RelayConfig& config, std::uint64_t count) {
  std::mt19937_64 engine{std::random_device{}()};
  const relay::Random random = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine);
  };
  if (inquiry.routed.kind != relay::Routed::Kind::targets) return;
  const relay::EgressPool* const pool = config.settings_of(*inquiry.way.route).pool.get();
  for (std::uint64_t i = 0; i < count; ++i) {
    auto plan = relay::plan_routed(inquiry.routed, config.limits, relay::Family::v6, random);
    for (relay::PlannedHost& host : plan) {
      std::erase_if(host.addresses, [&](const IpAddress& address) {
        const bool lost = !has_source(pool, address);
        if (lost && i == 0) inquiry.without_source.push_back(address);
        return lost;
      });
    }
    std::erase_if(plan, [](const relay::PlannedHost& host) { return host.addresses.empty(); });
    inquiry.attempts.push_back(std::move(plan));
  }
}

}  // namespace

int run_route(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  if (arguments.words.empty()) {
    return report_usage({"for which address?", "postern route ann@example.org"}, json, streams);
  }
  std::optional<relay::StsPolicy> sts;
  if (const auto given = arguments.value("--sts")) {
    sts = read_policy(*given);
    if (!sts) {
      return report_usage({"--sts: not a policy", "--sts enforce:mx.example.org,*.example.net"},
                          json, streams);
    }
  }
  const auto attempts = parse_number(arguments.value("--attempts").value_or("1"));
  if (!attempts || *attempts > most_attempts) {
    return report_usage({"--attempts: a number up to 1000", help_of(arguments)}, json, streams);
  }
  for (const std::string& address : arguments.words) {
    const auto parsed = address_of(address, {});
    if (parsed) continue;
    return report_usage(
        {fmt::format("{} is not an address: {}", printable(address, longest_route_text),
                     parsed.error().message),
         "postern route ann@example.org"},
        json, streams);
  }
  std::string sender(arguments.value("--sender").value_or("<>"));
  if (sender.starts_with('<') && sender.ends_with('>'))
    sender = sender.substr(1, sender.size() - 2);
  if (!sender.empty() && !mail::parse_mailbox(sender, mail::Utf8::allowed)) {
    return report_usage({"--sender: not an address", "--sender ann@example.org, or --sender '<>'"},
                        json, streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  // No connection is made: certificates and passwords are not needed.
  relay::RelayConfig relay = read_relay(*config, RelayFiles::none, [](RelayComplaint) {});
  net::WorkPool table_pool(1, 8, "table");
  relay.tables = std::make_shared<RouteTables>(
      open_route_tables(*config, [](std::size_t, const std::string&) {}), table_pool);
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();

  ExitCode code = ExitCode::ok;
  for (const std::string& address : arguments.words) {
    Inquiry inquiry{.address = address, .sender = sender};
    const mail::Mailbox to = relay::qualified(address_of(address, config->server.hostname).value(),
                                              relay, config->server.hostname);
    inquiry.recipient = {.local_part = to.local_part, .domain = to.domain};
    (*dns)->run(find_way_into(&relay, &inquiry));
    const auto domain = mail::Domain::parse(inquiry.recipient.domain);
    const auto of = relay::policy_domain(*inquiry.way.route, inquiry.recipient);
    if (of && domain && *of == domain->text()) inquiry.recipient.sts = sts;
    if (!is_folder(inquiry))
      (*dns)->run(look_up_into(&relay, &(*dns)->resolver(), config->dns.timeout, &inquiry));
    draw_attempts(inquiry, relay, *attempts);
    if (json) {
      streams.out << json_text(inquiry_json(inquiry, relay, (*dns)->dnssec())) << '\n';
    } else if (!arguments.has("--quiet")) {
      streams.out << inquiry_text(inquiry, relay, (*dns)->dnssec());
    }
    note_silence(records_of(inquiry), arguments, streams);
    if (inquiry.routed.kind == relay::Routed::Kind::permanent) code = ExitCode::no;
    if (inquiry.routed.kind == relay::Routed::Kind::temporary && code == ExitCode::ok)
      code = ExitCode::try_again;
  }
  return to_int(code);
}

}  // namespace postern::app
