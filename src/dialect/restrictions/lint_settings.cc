// Networks that contain the Internet, destinations that are not one's own, and other ways to relay.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/strangers.h"
#include "base/text.h"
#include "dialect/restrictions/lint_checks.h"
#include "mail/hostname.h"
#include "mailauth/names.h"

namespace postern::dialect::restrictions {

namespace {

using Severity = Finding::Severity;

class SettingsChecker {
 public:
  SettingsChecker(const ListPolicy& policy, const mailauth::SuffixList& suffixes,
                  std::vector<Finding>& findings)
      : policy_(policy), suffixes_(suffixes), findings_(findings) {}

  void run() {
    check_networks();
    check_suffixes();
    check_classes();
    check_prober();
    if (policy_.allow_untrusted_routing) {
      say(Severity::warning, "R125", "allow_untrusted_routing",
          "addresses with a route of the sender's own (user%elsewhere@ours) count as ours",
          "write no: the servers after this one may follow the route");
    }
    if (policy_.soft_bounce) {
      say(Severity::warning, "R134", "soft_bounce",
          "every refusal is a temporary one: clients come back for days",
          "use soft_bounce for tests only");
    }
  }

 private:
  void say(Severity severity, std::string code, std::string parameter, std::string message,
           std::string hint, std::string word = {}) {
    findings_.push_back({severity, std::move(code), std::move(parameter), std::nullopt,
                         std::move(message), std::move(hint), std::move(word)});
  }

  void check_networks() {
    const auto written = policy_.mynetworks.written();
    const auto wide = [](const Cidr& network) { return stranger_in({&network, 1}).has_value(); };
    const bool one_is_wide = std::any_of(written.begin(), written.end(), [&](const auto& one) {
      return !one.negated && wide(one.network);
    });
    if (!one_is_wide && stranger_in(policy_.mynetworks.claims())) {
      say(Severity::warning, "R120", "mynetworks",
          "the networks together hold a large part of the Internet: unknown clients are inside "
          "and may send anywhere",
          "name your own networks, for example 192.0.2.0/24");
    }
    std::map<Cidr, std::size_t> let_in;  // the first of equal ones
    for (std::size_t i = 0; i < written.size(); ++i) {
      const Cidr& network = written[i].network;
      if (!written[i].negated) {
        let_in.emplace(network, i);
        if (!wide(network)) continue;
        say(Severity::warning, "R120", "mynetworks",
            fmt::format("{} holds {}: unknown clients are inside and may send anywhere",
                        network.to_string(),
                        network.prefix() == 0 ? "every address" : "a large part of the Internet"),
            "name your own networks, for example 192.0.2.0/24", network.to_string());
        continue;
      }
      std::size_t container = i;
      for (int prefix = 0; prefix <= network.prefix(); ++prefix) {
        const auto found = let_in.find(Cidr(network.network(), prefix));
        if (found != let_in.end()) container = std::min(container, found->second);
      }
      if (container == i) continue;
      say(Severity::warning, "R121", "mynetworks",
          fmt::format("!{} comes too late: {} before it already includes it", network.to_string(),
                      written[container].network.to_string()),
          "put the exception first", "!" + network.to_string());
    }
  }

  void check_suffixes() {
    for (const std::string& name : policy_.relay_domains.names()) {
      const std::string_view bare = bare_name(name);
      if (bare == "localhost" || !mail::is_hostname(bare)) continue;
      if (!suffixes_.is_registry_suffix(bare)) continue;
      const bool top = bare.find('.') == std::string_view::npos;
      say(Severity::warning, "R122", "relay_domains",
          fmt::format("{} is {}: mail to every domain registered below it is relayed for any "
                      "client",
                      printable(name, 200), top ? "a top-level name" : "a public suffix"),
          "name the domains themselves", name);
    }
  }
  /// ".example.net" means the names below it.
  static std::string_view bare_name(std::string_view name) {
    return name.substr(name.starts_with('.') ? 1 : 0);
  }

  void check_classes() {
    const std::pair<const char*, const Domains*> classes[] = {
        {"mydestination", &policy_.mydestination},
        {"virtual_alias_domains", &policy_.virtual_alias_domains},
        {"virtual_mailbox_domains", &policy_.virtual_mailbox_domains},
        {"relay_domains", &policy_.relay_domains}};
    std::map<std::string, std::string> first;
    for (const auto& [parameter, domains] : classes) {
      for (const std::string& name : domains->names()) {
        if (!mail::is_hostname(bare_name(name))) {
          say(Severity::warning, "R123", parameter,
              fmt::format("{} is not a domain name: it matches nothing", printable(name, 200)),
              "commas or blanks separate domains; # does not begin a comment within a value", name);
          continue;
        }
        if (name.starts_with('.') && !domains->takes_dotted()) {
          say(Severity::warning, "R123", parameter,
              fmt::format("{} matches nothing: {} takes no name for all names below it",
                          printable(name, 200), parameter),
              "write each domain, or a table in which all names below it are found", name);
          continue;
        }
        const auto [other, is_new] = first.emplace(name, parameter);
        // Postfix's old default: relay_domains = $mydestination.
        const bool usual = other->second == "mydestination" && parameter == relay_domains;
        if (is_new || usual || other->second == parameter) continue;
        say(Severity::warning, "R124", parameter,
            fmt::format("{} is in {} too, which takes precedence", printable(name, 200),
                        other->second),
            "name each domain in one of them", name);
      }
    }
  }

  void check_prober() {
    const Verification& verification = policy_.verification;
    const std::string& domain = verification.probe_domain;
    if (domain.empty() || domain == policy_.myorigin) return;
    const DomainClass known = policy_.domain_class(domain);
    if (known == DomainClass::unknown || known == DomainClass::local) return;
    say(Severity::warning, "R129", "address_verify_sender",
        fmt::format("mail to {}@{} is accepted and not delivered, although the domain is not one "
                    "of this server's",
                    printable(verification.probe_local, 64), printable(domain, 200)),
        "name an address in a domain of mydestination");
  }

  static constexpr std::string_view relay_domains = "relay_domains";

  const ListPolicy& policy_;
  const mailauth::SuffixList& suffixes_;
  std::vector<Finding>& findings_;
};

}  // namespace

void check_settings(const ListPolicy& policy, const mailauth::SuffixList& suffixes,
                    std::vector<Finding>& findings) {
  SettingsChecker(policy, suffixes, findings).run();
}

}  // namespace postern::dialect::restrictions
