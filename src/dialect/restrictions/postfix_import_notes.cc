// Notes about settings that a main.cf leaves to their defaults.
#include <algorithm>
#include <initializer_list>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::size_t most_domains = 10;  ///< that a note names

/// The domains that these parameters list and that have no [[route]].
struct HomelessDomains {
  std::string text;  ///< "one.example, the domains in hash:/etc/more"; "": none
  std::vector<std::string> names;
};
HomelessDomains domains_of(const Sending& sending,
                           std::initializer_list<std::string_view> parameters) {
  HomelessDomains out;
  std::set<std::string> seen;
  for (const std::string_view parameter : parameters) {
    const auto found = sending.homeless.find(parameter);
    if (found == sending.homeless.end()) continue;
    for (const Homeless& one : found->second) {
      if (!seen.insert(lower(one.text)).second) continue;
      if (!one.name.empty()) out.names.push_back(one.name);
      if (seen.size() > most_domains) continue;
      out.text += (out.text.empty() ? "" : ", ") + one.text;
    }
  }
  if (seen.size() > most_domains) {
    out.text += fmt::format(" and {} more", seen.size() - most_domains);
  }
  return out;
}

/// What Postfix does with mail that one of these parameters delivers: "gives it to
/// lmtp:unix:private/lmtp (mailbox_transport), which Postern does not do".
std::string local_delivery(const Parameters& parameters,
                           std::initializer_list<std::string_view> transports) {
  std::string out;
  for (const std::string_view name : transports) {
    const std::string to = parameters.is_set(name) ? parameters.text(name) : "";
    if (to.empty() || to == "virtual" || to == "local" || to.starts_with("local:")) continue;
    out += fmt::format("{}{} ({})", out.empty() ? "gives it to " : " or ", printable(to, 80), name);
  }
  return out.empty() ? "puts it into mailboxes, which Postern does not keep"
                     : out + ", which Postern does not do";
}

/// Notes on domains whose mail Postfix delivers itself; one if it does the same for both classes.
void local_domains(const Parameters& parameters, const Sending& sending,
                   std::vector<std::string>& out) {
  const auto say = [&](const HomelessDomains& domains, const std::string& delivery) {
    if (domains.text.empty()) return;
    out.push_back("mail for " + domains.text + ": Postfix " + delivery + "; add " +
                  wanted_route(domains.names) +
                  ", the server that has its mailboxes, or give each domain webhooks "
                  "(webhooks.public_domain), or remove it from mydestination and "
                  "virtual_mailbox_domains; until then the gateway accepts such mail and " +
                  sending.rest);
  };
  const auto domains = [&](std::initializer_list<std::string_view> names) {
    return domains_of(sending, names);
  };
  const std::string local = local_delivery(parameters, {"local_transport", "mailbox_transport"});
  const std::string hosted = local_delivery(parameters, {"virtual_transport"});
  if (local == hosted) return say(domains({"mydestination", "virtual_mailbox_domains"}), local);
  say(domains({"mydestination"}), local);
  say(domains({"virtual_mailbox_domains"}), hosted);
}

/// The defaults that apply because of the file's compatibility level.
std::string level_defaults(const Parameters& parameters) {
  std::string out;
  for (const std::string_view name : parameters_of_levels()) {
    // A mynetworks that is set needs no style, and without client certificates there is no digest.
    if (parameters.is_set(name)) continue;
    if (name == "smtpd_tls_fingerprint_digest" && !asks_for_certificates(parameters)) continue;
    if (name == "mynetworks_style" && parameters.is_set("mynetworks")) continue;
    const std::string value = parameters.raw(name);
    out +=
        fmt::format("{}{} = {}", out.empty() ? "" : "; ", name, value.empty() ? "(empty)" : value);
  }
  if (out.empty()) return out;
  out = fmt::format("defaults of compatibility_level {} that the file does not set: {}",
                    printable(parameters.level(), 20), out);
  const auto differs = [&](std::string_view name, std::string_view value) {
    return !parameters.is_set(name) && parameters.raw(name) == value;
  };
  if (differs("smtputf8_enable", "no")) out += ". Postern offers SMTPUTF8 all the same";
  return out;
}

/// The domain classes whose recipients are not listed: any recipient gets a 250, and is bounced if
/// the next host refuses it.
std::string unlisted_recipients(const Parameters& parameters) {
  struct Class {
    std::string_view domains;
    std::string_view recipients;
  };
  static constexpr Class classes[] = {{"mydestination", "local_recipient_maps"},
                                      {"virtual_mailbox_domains", "virtual_mailbox_maps"},
                                      {"relay_domains", "relay_recipient_maps"}};
  std::string missing;
  for (const Class& one : classes) {
    // If it is not set, mydestination is the host's own names.
    const bool by_default = one.domains == "mydestination" && !parameters.is_set(one.domains);
    if (!by_default && parameters.text(one.domains).empty()) continue;
    if (parameters.is_set(one.recipients) && !parameters.text(one.recipients).empty()) continue;
    missing +=
        fmt::format("{}{} (for {})", missing.empty() ? "" : ", ", one.recipients, one.domains);
  }
  std::string out;
  if (!missing.empty()) {
    out = fmt::format(
        "no list of recipients in {}: Postern accepts mail for any recipient of these domains, and "
        "mail for one that does not exist bounces later, often to a forged sender. Set each of "
        "them "
        "to a table that has a row for each recipient. ",
        missing);
  }
  if (!parameters.is_set("local_recipient_maps")) {
    out +=
        "Where local_recipient_maps is not set, Postfix takes the accounts of the machine "
        "(unix:passwd.byname) and $alias_maps; for the same here set local_recipient_maps = "
        "unix:passwd.byname $alias_maps";
  }
  return std::string(trim(out));
}

/// Settings whose default differs in newer versions of Postfix, whatever the level.
void newer_defaults(const Parameters& parameters, std::vector<std::string>& out) {
  if (!parameters.is_set("smtpd_forbid_bare_newline")) {
    out.emplace_back(
        "smtpd_forbid_bare_newline is not set: Postfix before 3.9 accepts lines that end in a bare "
        "LF, Postfix 3.9 and later repairs them; Postern refuses them (limits.bare_newline)");
  }
  if (!parameters.is_set("smtpd_forbid_unauth_pipelining")) {
    out.emplace_back(
        "smtpd_forbid_unauth_pipelining is not set: Postfix 3.9 and later refuses clients that do "
        "not wait for replies; Postern does so with listener.reject_unauth_pipelining = true");
  }
}

}  // namespace

bool is_stand_in(std::string_view domain, const Parameters& parameters) {
  if (parameters.is_set("myhostname")) return false;
  return domain == no_hostname || domain == "localhost.invalid";
}

std::string wanted_route(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + std::min(names.size(), most_domains));
  std::string list = shown.empty() ? "[\"DOMAIN\"]" : toml_list(shown);
  if (shown.size() < names.size()) list.insert(list.size() - 1, ", ...");
  return fmt::format("[[route]] match = {} to = [\"HOST\"]", list);
}

std::vector<std::string> import_notes(const Parameters& parameters, const Sending& sending,
                                      bool has_indexed) {
  std::vector<std::string> out;
  if (!parameters.is_set("compatibility_level")) {
    std::string note = "compatibility_level is not set: as in Postfix, level 0 applies";
    if (!parameters.is_set("smtpd_relay_restrictions")) {
      note +=
          ", and the relay list is empty: unless the recipient list refuses mail to be relayed, "
          "Postfix does not start; review the lists, then set compatibility_level = \"3.6\"";
    }
    out.push_back(std::move(note));
  }
  if (std::string note = level_defaults(parameters); !note.empty()) out.push_back(std::move(note));
  if (!parameters.is_set("mynetworks")) {
    out.push_back(
        "mynetworks is not set: Postfix takes the networks of the machine's interfaces, Postern "
        "only loopback; set mynetworks to the networks that may send mail anywhere");
  }
  if (std::string note = unlisted_recipients(parameters); !note.empty()) {
    out.push_back(std::move(note));
  }
  if (!parameters.is_set("smtpd_client_connection_rate_limit")) {
    out.push_back(
        "smtpd_client_connection_rate_limit is not set: Postfix then has no limit; Postern accepts "
        "30 new sessions a minute from one address (limits.new_sessions_per_minute). Name your own "
        "servers in limits.exempt_networks, which has no limit");
  }
  if (!parameters.is_set("smtpd_sasl_auth_enable")) {
    out.push_back(
        "smtpd_sasl_auth_enable is not set: Postfix then offers no AUTH, so the result has "
        "smtpd_sasl_auth_enable = \"no\"; remove that line if clients shall log in");
  }
  if (parameters.flag("smtpd_sasl_auth_enable").value_or(false) &&
      !parameters.is_set("smtpd_tls_auth_only")) {
    out.push_back(
        "smtpd_tls_auth_only is not set: Postfix then lets clients log in without TLS, and so does "
        "the result where TLS is not required (listener.auth_without_tls = true); remove that line "
        "unless old clients need it");
  }
  newer_defaults(parameters, out);
  if (!parameters.is_set("message_size_limit")) {
    out.push_back(
        "message_size_limit is not set: Postfix then accepts messages of 10240000 octets, Postern "
        "of 25 MiB (limits.message_size)");
  }
  local_domains(parameters, sending, out);
  if (const HomelessDomains aliased = domains_of(sending, {"virtual_alias_domains"});
      !aliased.text.empty()) {
    out.push_back("mail for " + aliased.text +
                  ": addresses are not rewritten, so it is passed on unchanged; add " +
                  wanted_route(aliased.names) +
                  ", a server that rewrites it, or give each domain webhooks, or remove it from "
                  "virtual_alias_domains; until then the gateway accepts such mail and " +
                  sending.rest);
  }
  if (const HomelessDomains relayed = domains_of(sending, {"relay_domains"});
      !relayed.text.empty()) {
    out.push_back("mail for " + relayed.text +
                  ": goes to the MX hosts of its domain, as in Postfix; where these are this "
                  "gateway, it is lost: add " +
                  wanted_route(relayed.names) +
                  ", the server that has its mailboxes, or to = [\"mx\"] if the MX hosts are "
                  "others");
  }
  if (!parameters.is_set("bounce_queue_lifetime")) {
    out.push_back(
        "bounce_queue_lifetime is not set: Postfix then keeps delivery reports in its queue for 5 "
        "days, Postern for 2 days (queue.expire_null_path)");
  }
  if (!parameters.is_set("delay_warning_time")) {
    out.push_back(
        "delay_warning_time is not set: Postfix then reports no delay, Postern reports one to the "
        "sender after 4 hours (queue.delay_notice)");
  }
  const std::string drops = "message_drop_headers";
  if (!parameters.is_set(drops) || !trim(parameters.text(drops)).empty())
    out.push_back(
        "header fields: Postfix drops Bcc, Resent-Bcc, Content-Length and Return-Path of mail that "
        "it accepts (message_drop_headers); Postern passes them on: if a mail program leaves a Bcc "
        "field in a message, recipients see it");
  out.push_back(
      "8-bit mail for a host without 8BITMIME: Postfix converts it to 7 bits, Postern returns it "
      "to its sender (5.6.3); route.eightbit changes that");
  if (has_indexed) {
    out.push_back(
        "hash:, btree:, lmdb: and dbm: tables: Postern reads the source files at the paths that "
        "main.cf names, not the .db files; postmap is not needed");
  }
  return out;
}

}  // namespace postern::dialect::restrictions
