// Restriction lists from a main.cf: what compiles is linted and evaluated, equal questions get
// equal answers, and lists that the prover calls closed do not let an unknown client send to a
// foreign destination.
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/remote_table.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::restrictions;
using fuzz::must;
using policy::Stage;

constexpr std::size_t most_questions = 40;

/// Evaluates the lists for an unknown client: no name exists, every service permits.
Evaluated ask(const ListPolicy& policy, policy::Evidence& evidence, Stage stage) {
  for (std::size_t i = 0;; ++i) {
    Evaluated result = evaluate(policy, evidence, stage);
    if (result.complete() || i == most_questions) return result;
    if (result.wanted_service) {
      const bool is_table = is_remote_table(result.wanted_service->service);
      result.wanted_service->answer = is_table ? "found OK" : "OK";
      evidence.consulted.push_back(std::move(*result.wanted_service));
    } else {
      dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
      evidence.dns.push_back({std::move(*result.wanted_dns), std::move(answer)});
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data),
                              std::min<std::size_t>(size, 4096));
  Diagnostics syntax;
  std::map<std::string, std::string, std::less<>> settings{{"mydestination", ""}};
  for (Setting& one : parse_main_cf(text, syntax)) {
    settings.insert_or_assign(std::move(one.name), std::move(one.value));
  }
  const TableSources no_files{.read = [](const std::string& path) -> Result<std::string> {
                                return fail(Fault::not_found, "no " + path);
                              },
                              .bad_rows = BadRows::skip};
  const Compiled compiled =
      compile(Parameters(settings, "mx.example.net"), no_files, Errors::defer);
  for (const Diagnostic& one : compiled.diagnostics) {
    must(!one.message.empty() && !one.code.empty(), "a diagnostic says something");
  }
  if (!compiled.policy) return 0;
  const LintReport report = lint(*compiled.policy, compiled.diagnostics);
  must(report.open_relay != OpenRelay::yes || !report.witness.empty(),
       "an open relay has a witness");

  policy::Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse("203.0.113.77");
  evidence.session.helo = "friend.example";
  evidence.session.esmtp = true;
  evidence.reverse_path = mail::Mailbox{"u", "sender.example"};
  evidence.candidate = policy::Recipient{.address = {"x", "foreign.example"}, .route = {}};
  const Match inside = compiled.policy->mynetworks.contains(evidence.session.client_ip, nullptr);
  if (inside != Match::no ||
      compiled.policy->is_own(evidence.session.client_ip, evidence.session.server_ip)) {
    return 0;
  }
  if (compiled.policy->domain_class("foreign.example") != DomainClass::foreign) return 0;
  const Evaluated first = ask(*compiled.policy, evidence, Stage::rcpt);
  const Evaluated again = evaluate(*compiled.policy, evidence, Stage::rcpt);
  must(first.reply.to_string() == again.reply.to_string(), "the same question, the same answer");
  if (!first.complete() || first.reply.code != 0 || first.discard) return 0;
  evidence.recipients.push_back(*evidence.candidate);
  evidence.candidate.reset();
  for (const Stage later :
       {Stage::connect, Stage::helo, Stage::mail, Stage::data, Stage::message}) {
    const Evaluated result = ask(*compiled.policy, evidence, later);
    if (!result.complete() || result.reply.code != 0 || result.discard) return 0;
  }
  // A domain that another program's table calls ours is ours.
  policy::Replies said(evidence.consulted);
  if (compiled.policy->domain_class("foreign.example", &said) != DomainClass::foreign) return 0;
  const std::string nameless;
  if (compiled.policy->mynetworks.contains(evidence.session.client_ip, &nameless, &said) !=
      Match::no) {
    return 0;
  }
  must(report.open_relay != OpenRelay::no, "closed lets no stranger through");
  return 0;
}
