// The cost of one recipient in restriction lists: 30 rules, none of which decides, no DNS
// (docs/benchmarks.md).
//   restrictions_bench [evaluations in each of five attempts]
//   restrictions_bench settings    prints the lists, one parameter a line, for other programs
#include <cstdio>
#include <cstdlib>
#include <string>

#include "dialect/restrictions/evaluate.h"
#include "measure.h"
#include "policy/testing.h"

using namespace postern;
using namespace postern::dialect::restrictions;

namespace {

/// The thirty rules with which the peers were measured: 4 indexed tables, 3 patterns, one CIDR
/// table of 1000 networks; the others check syntax.
std::map<std::string, std::string, std::less<>> thirty_rules() {
  std::string networks;
  for (int i = 0; i < 1000; ++i) {
    networks +=
        " {" + std::to_string(20 + i / 250) + "." + std::to_string(i % 250) + ".0.0/16 REJECT}";
  }
  const std::string tables = "check_client_access cidr:{" + networks +
                             " }, "
                             "check_sender_access inline:{ {bad.example=REJECT} }, "
                             "check_recipient_access inline:{ {nobody@relay.example=REJECT} }, "
                             "check_helo_access inline:{ {evil.example=REJECT} }, "
                             "check_sender_access pcre:{ {/^bounce-[0-9]+@/ REJECT} }, "
                             "check_recipient_access pcre:{ {/^[0-9]{8,}@/ REJECT} }, "
                             "check_helo_access pcre:{ {/dsl|dyn|dial/ REJECT} }";
  return {{"mynetworks", "127.0.0.0/8, 10.0.0.0/8"},
          {"compatibility_level", "3.6"},
          {"relay_domains", "relay.example"},
          {"mydestination", ""},
          {"smtpd_helo_restrictions",
           "permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, "
           "check_helo_access inline:{ {spam.example=REJECT} }"},
          {"smtpd_sender_restrictions",
           "permit_mynetworks, permit_sasl_authenticated, reject_non_fqdn_sender, "
           "reject_unlisted_sender"},
          {"smtpd_relay_restrictions",
           "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"},
          {"smtpd_recipient_restrictions",
           "permit_mynetworks, permit_sasl_authenticated, reject_non_fqdn_sender, "
           "reject_non_fqdn_recipient, reject_unauth_destination, reject_unauth_pipelining, "
           "reject_multi_recipient_bounce, reject_invalid_helo_hostname, "
           "reject_non_fqdn_helo_hostname, reject_unlisted_recipient, defer_unauth_destination, "
           "warn_if_reject reject_non_fqdn_sender, " +
               tables}};
}

}  // namespace

int main(int count, char** words) {
  auto settings = thirty_rules();
  if (count > 1 && std::string_view(words[1]) == "settings") {
    for (const auto& [name, value] : settings)
      std::printf("%s = %s\n", name.c_str(), value.c_str());
    return 0;
  }
  // The client's name is not looked up: the CIDR table has only addresses.
  const Compiled compiled = compile(Parameters(settings, "mx.example.net"), file_sources());
  if (!compiled.policy) {
    for (const auto& one : compiled.diagnostics) std::fprintf(stderr, "%s\n", one.message.c_str());
    return 1;
  }
  policy::Evidence evidence = policy::testing::from_client("192.0.2.10");
  evidence.dns.push_back({{"10.2.0.192.in-addr.arpa", dns::Type::ptr},
                          {.status = dns::Status::nx_domain, .records = {}}});
  evidence.candidate = policy::Recipient{.address = {"user", "relay.example"}, .route = {}};
  std::size_t rules = 0;
  const int rounds = count > 1 ? std::atoi(words[1]) : 200'000;
  double best = 1e9;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double started = bench::thread_nanoseconds();
    for (int i = 0; i < rounds; ++i) {
      const Evaluated result = evaluate(*compiled.policy, evidence, policy::Stage::rcpt);
      if (!result.complete() || result.reply.code != 0) return 2;
      rules = result.marks.size();
    }
    best = std::min(best, (bench::thread_nanoseconds() - started) / rounds);
  }
  std::printf("%zu rules, none deciding: %.0f ns a recipient, %.1f ns a rule\n", rules, best,
              best / static_cast<double>(rules));
}
