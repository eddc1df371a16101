#include "setup/configuration.h"

#include <string_view>

#include <fmt/format.h>

namespace postern::setup {

namespace {

/// A list of TOML strings. Answers contain no character that would have to be escaped.
std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
  }
  return "[" + out + "]";
}

struct Port {
  std::string_view name;
  unsigned number;
  std::string_view tls;  ///< empty: the default
};

/// A listener on each IP version: `[::]` of Linux would take both or one by a system setting.
std::string listener(const Port& port, const Answers& answers) {
  std::string out;
  for (const std::string_view address : {"0.0.0.0", "[::]"}) {
    out += fmt::format("\n[[listener]]\nname = \"{}{}\"\naddress = \"{}:{}\"\n", port.name,
                       address == "[::]" ? "-v6" : "", address, port.number);
    if (!port.tls.empty()) out += fmt::format("tls = \"{}\"\n", port.tls);
    if (answers.tls == Certificate::files) {
      out += fmt::format("certificate = \"{}\"\nkey = \"{}\"\n", answers.certificate_file,
                         answers.key_file);
    }
    if (answers.tls == Certificate::proxy) {
      out +=
          fmt::format("proxy_protocol = \"required\"\nproxy_from = {}\n", list_of(answers.proxies));
    }
  }
  return out;
}

/// Who signs in, and as whom they send.
std::string users_section(const Answers& answers) {
  return fmt::format(
      "\n# Who signs in: lines NAME:HASH, which `htpasswd -B` writes (package apache2-utils).\n"
      "[[auth.source]]\nkind = \"htpasswd\"\nfile = \"{}\"\n",
      answers.users_file);
}

std::string destination(const Answers& answers) {
  std::string names;
  for (const std::string& domain : answers.domains) names += (names.empty() ? "" : " ") + domain;
  std::string out =
      "\n# Mail is accepted for the domains below and for nobody else: unknown clients cannot "
      "send\n"
      "# through this gateway to other hosts. `postern check` proves it.\n"
      "[restrictions]\nmynetworks = \"\"\n"
      "mydestination = \"\"    # nor for the names of this machine\n";
  const std::string ours =
      fmt::format("permit_mynetworks, {}", answers.submission ? "permit_sasl_authenticated, " : "");
  out += fmt::format("relay = \"{}reject_unauth_destination, permit\"\n", ours);
  if (answers.submission) {
    out +=
        "# Clients that signed in send mail of the address that is their name, and of no other.\n"
        "sender = \"reject_authenticated_sender_login_mismatch, permit\"\n"
        "smtpd_sender_login_maps = \"pcre:{ {/^(.+)$$/ $$1} }\"\n";
  }
  if (answers.destination == Destination::relay) {
    out += fmt::format(
        "relay_domains = \"{}\"\n"
        "parent_domain_matches_subdomains = \"\"    # not the names below them\n"
        "# The next hop is asked whether a recipient exists. Until a probe has an answer, and for\n"
        "# unknown ones, the reply is 450; with 550, senders learn it at once.\n"
        "recipient = \"{}reject_unverified_recipient\"\n"
        "# unverified_recipient_reject_code = \"550\"\n"
        "\n[[route]]\nmatch = {}\nto = [\"{}\"]\n",
        names, ours, list_of(answers.domains), answers.relay);
    return out;
  }
  out += fmt::format(
      "\n# {}\n# Webhooks are made in the web pages or through the API; each has an address.\n"
      "[webhooks]\npublic_domain = \"{}\"\n",
      answers.destination == Destination::webhook
          ? "Mail goes to the webhook " + shown_webhook(answers.webhook)
          : std::string("Mail goes into the built-in inbox: a webhook whose target is \"inbox\"."),
      answers.domains.front());
  return out;
}

}  // namespace

std::string configuration(const Answers& answers) {
  std::string out =
      "# Written by `postern setup`. Every key: man postern.toml. After a change: postern check,\n"
      "# then systemctl reload postern.\n";
  out += fmt::format("[server]\nhostname = \"{}\"\ndata_dir = \"{}\"\n", answers.hostname,
                     answers.data_dir);
  if (answers.tls != Certificate::files) {
    out +=
        "\n# Without `certificate` and `key`, listeners use the certificate that `postern tls\n"
        "# install` put into the data directory, and a self-signed one until then.";
  }
  out += listener({"smtp", 25, ""}, answers);
  if (answers.submission) {
    out += "\n# Clients with an account: TLS from the first octet, or STARTTLS before anything.";
    out += listener({"submissions", 465, "implicit"}, answers);
    out += listener({"submission", 587, "required"}, answers);
  }
  if (answers.submission) out += users_section(answers);
  out += destination(answers);
  out += "\n[api]\naddress = \"127.0.0.1:8025\"\nsignup = \"closed\"    # accounts by invitation\n";
  return out;
}

}  // namespace postern::setup
