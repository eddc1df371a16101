// The cost of one recipient in restriction lists: 30 rules, none of which decides, no DNS; and
// smtpd_sender_login_maps of 1,000,000 keys (docs/benchmarks.md).
//   restrictions_bench [evaluations in each of five attempts [thirty|logins]]
//   restrictions_bench settings                  prints the lists, one parameter a line, for other
//   programs
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

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

/// The lists, or the end of the program.
Compiled compiled(const std::map<std::string, std::string, std::less<>>& settings,
                  const TableSources& sources) {
  // The client's name is not looked up: the CIDR table has only addresses.
  Compiled made = compile(Parameters(settings, "mx.example.net"), sources);
  for (const auto& one : made.diagnostics) std::fprintf(stderr, "%s\n", one.message.c_str());
  if (!made.policy) std::exit(1);
  return made;
}

policy::Evidence evidence_of_a_recipient() {
  policy::Evidence evidence = policy::testing::from_client("192.0.2.10");
  evidence.dns.push_back({{"10.2.0.192.in-addr.arpa", dns::Type::ptr},
                          {.status = dns::Status::nx_domain, .records = {}}});
  evidence.candidate = policy::Recipient{.address = {"user", "relay.example"}, .route = {}};
  return evidence;
}

/// The lowest of five attempts, in nanoseconds; `run` does `rounds`.
template <class Run>
double best_of_five(std::size_t rounds, const Run& run) {
  double best = 1e9;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double started = bench::thread_nanoseconds();
    run();
    const double took = bench::thread_nanoseconds() - started;
    best = std::min(best, took / static_cast<double>(rounds));
  }
  return best;
}

void thirty(std::size_t rounds) {
  const Compiled lists = compiled(thirty_rules(), file_sources());
  const policy::Evidence evidence = evidence_of_a_recipient();
  std::size_t rules = 0;
  const double best = best_of_five(rounds, [&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      const Evaluated result = evaluate(*lists.policy, evidence, policy::Stage::rcpt);
      if (!result.complete() || result.reply.code != 0) std::exit(2);
      rules = result.marks.size();
    }
  });
  std::printf("%zu rules, none deciding: %.0f ns a recipient, %.1f ns a rule\n", rules, best,
              best / static_cast<double>(rules));
}

/// Senders with a login each. The keys are asked for in another order than that of the rows.
void login_map(std::size_t rounds) {
  std::string text;
  std::vector<std::string> present;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < 1'000'000; ++i) {
    present.push_back(fmt::format("user{}@d{}.example.com", i, random() % 5000));
    text += present.back() + " ann\n";
  }
  std::shuffle(present.begin(), present.end(), random);
  bench::KeyList keys;
  for (std::size_t i = 0; i < 250'000; ++i) keys.add(present[i]);
  present = {};
  const TableSources sources{.read = [&](const std::string&) { return Result<std::string>(text); }};

  const auto table = open_table("texthash:/logins", sources);
  if (!table) std::exit(1);
  const double look_up = best_of_five(rounds, [&] {
    keys.each(rounds, [&](std::string_view key) {
      if ((*table)->lookup(key).value != "ann") std::exit(2);
    });
  });

  policy::Evidence evidence = evidence_of_a_recipient();
  evidence.session.auth = policy::Authentication{.username = "ann", .mechanism = "PLAIN"};
  const auto cost = [&](const char* rule) {
    const Compiled lists = compiled({{"compatibility_level", "3.6"},
                                     {"relay_domains", "relay.example"},
                                     {"mydestination", ""},
                                     {"smtpd_relay_restrictions", "reject_unauth_destination"},
                                     {"smtpd_sender_restrictions", rule},
                                     {"smtpd_sender_login_maps", "texthash:/logins"}},
                                    sources);
    return best_of_five(rounds, [&] {
      keys.each(rounds, [&](std::string_view key) {
        const std::size_t at = key.find('@');
        evidence.reverse_path =
            mail::Mailbox{std::string(key.substr(0, at)), std::string(key.substr(at + 1))};
        const Evaluated result = evaluate(*lists.policy, evidence, policy::Stage::rcpt);
        if (!result.complete() || result.reply.code != 0) std::exit(2);
      });
    });
  };
  const double with = cost("reject_sender_login_mismatch");
  const double without = cost("reject_non_fqdn_sender");
  std::printf(
      "smtpd_sender_login_maps of 1,000,000 keys: %.0f ns a look-up; "
      "reject_sender_login_mismatch: %.0f ns more than reject_non_fqdn_sender\n",
      look_up, with - without);
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string_view(words[1]) == "settings") {
    for (const auto& [name, value] : thirty_rules())
      std::printf("%s = %s\n", name.c_str(), value.c_str());
    return 0;
  }
  const std::size_t rounds = count > 1 ? std::strtoull(words[1], nullptr, 10) : 200'000;
  const std::string_view only = count > 2 ? words[2] : "";
  if (only != "logins") thirty(rounds);
  if (only != "thirty") login_map(rounds);
  return 0;
}
