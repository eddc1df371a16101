#include "replay/replay.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/layer.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "dns/recorded_resolver.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::replay {
namespace {

using namespace postern::policy::testing;
using policy::Decision;
using policy::Evidence;
using policy::Mode;
using policy::Stage;
using policy::Trace;
using Settings = std::map<std::string, std::string, std::less<>>;

std::shared_ptr<const policy::Layer> lists(Settings settings) {
  settings.emplace("mynetworks", "192.0.2.0/24");
  settings.emplace("relay_domains", "example.org");
  const dialect::restrictions::Loaded loaded = dialect::restrictions::load(
      dialect::restrictions::Parameters(std::move(settings), "mx.example.net"),
      dialect::restrictions::file_sources(), dialect::restrictions::Errors::defer);
  EXPECT_TRUE(loaded.compiled.policy);
  return std::make_shared<dialect::restrictions::RestrictionsLayer>(loaded.compiled.policy,
                                                                    loaded.definition);
}

/// The layers of a gateway, with lists or without.
policy::Engine engine(std::optional<Settings> settings, Mode mode = Mode::enforce,
                      std::uint64_t received = 100) {
  std::vector<policy::LayerEntry> layers;
  if (settings) layers.push_back({lists(*settings), mode});
  layers.push_back({std::make_shared<dialect::webhook::WebhookLayer>(100)});
  layers.push_back({policy::gateway_layer({.received_fields = received})});
  return policy::Engine(std::move(layers));
}

/// Answers every DNS question with "no such name", and every table of another program with REJECT.
class NoSuchName final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, Evidence& evidence) override {
    evidence.rate_tokens = 5;
    co_return;
  }
  Task<void> ask(dns::Question question, Evidence& evidence) override {
    evidence.dns.push_back(
        {std::move(question), dns::Answer{.status = dns::Status::nx_domain, .records = {}}});
    co_return;
  }
  Task<void> consult(policy::Consultation question, Evidence& evidence) override {
    question.answer = "found REJECT";
    evidence.consulted.push_back(std::move(question));
    co_return;
  }
};

struct Sent {
  std::string client = "192.0.2.7";
  std::vector<policy::Recipient> recipients = {to("b", "example.org")};
  std::optional<policy::MessageFacts> message = policy::MessageFacts{.received_fields = 2};

  static policy::Recipient to(std::string local, std::string domain) {
    return {.address = address(std::move(local), std::move(domain)), .route = {}};
  }
};

/// A transaction as the gateway records it, written and read again.
Trace recorded(const policy::Engine& engine, const Sent& sent) {
  NoSuchName gatherer;
  Evidence evidence = from_client(sent.client);
  Trace trace;
  trace.id = "01HX0000000000000000000000";
  const auto decide = [&](Stage stage) {
    if (!engine.speaks_at(stage)) return true;
    Decision decision = run(engine.decide(stage, evidence, gatherer));
    const bool accepted = !policy::refused(decision);
    trace.note(std::move(decision));
    return accepted;
  };
  const auto play = [&] {
    for (const Stage stage : {Stage::connect, Stage::helo, Stage::mail}) {
      if (!decide(stage)) return;
    }
    for (const policy::Recipient& one : sent.recipients) {
      evidence.consider(one);
      if (decide(Stage::rcpt)) evidence.recipients.push_back(*evidence.candidate);
    }
    evidence.candidate.reset();
    if (evidence.recipients.empty() || !sent.message || !decide(Stage::data)) return;
    evidence.message = sent.message;
    evidence.dkim.emplace();
    decide(Stage::message);
  };
  play();
  trace.evidence = std::move(evidence);
  const auto kept = policy::definitions_of(trace);
  const auto read = policy::read_record(
      policy::write_record(trace),
      replay_source([&](const std::string& id, std::uint64_t version) -> Result<std::string> {
        for (const policy::Definition& one : kept) {
          if (one.id == id && one.version == version) return one.text;
        }
        return fail(Fault::not_found, id);
      }));
  EXPECT_TRUE(read) << read.error().message;
  return *read;
}

std::vector<Replayed> under(policy::Engine draft, const Trace& trace) {
  const Draft made{std::move(draft), {}};
  return run(replay(trace, made));
}

/// "rcpt same, message newly_refused"
std::string summary(const std::vector<Replayed>& found) {
  static constexpr const char* words[] = {"same", "newly refused", "newly accepted", "changed",
                                          "undecidable"};
  std::string out;
  for (const Replayed& one : found) {
    out += (out.empty() ? "" : ", ") + std::string(policy::to_string(one.stage)) + " " +
           words[static_cast<std::size_t>(one.change)];
  }
  return out;
}

const Settings open_to_networks = {
    {"smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination"}};

TEST(Replay, the_engine_that_recorded_it_changes_nothing) {
  for (const std::optional<Settings>& settings : {std::optional<Settings>(), {open_to_networks}}) {
    for (const char* client : {"192.0.2.7", "198.51.100.1"}) {
      const Sent sent{.client = client,
                      .recipients = {Sent::to("b", "example.org"), Sent::to("b", "example.com"),
                                     Sent::to("b", "example.org"), recipient_of(a_webhook("a"))}};
      for (const Replayed& one : under(engine(settings), recorded(engine(settings), sent))) {
        EXPECT_EQ(one.change, Change::same) << one.recorded << " / " << one.draft;
      }
    }
  }
}

TEST(Replay, what_verifiers_said_of_credentials_is_no_answer_of_layers) {
  Trace trace = recorded(engine(open_to_networks), {});
  const auto draft = [] {
    return engine(
        Settings{{"smtpd_relay_restrictions", "reject_unauth_destination"},
                 {"smtpd_client_restrictions", "check_sender_access inline:{example.com=REJECT}"}});
  };
  const std::string without = summary(under(draft(), trace));
  EXPECT_NE(without.find("newly refused"), std::string::npos) << without;
  Decision refused{.stage = Stage::auth};
  refused.reply = {.code = 535, .enhanced = {5, 7, 8}, .text = "authentication failed"};
  Decision accepted{.stage = Stage::auth};
  accepted.reply.code = 0;
  trace.evidence.session.auth = policy::Authentication{"scott", "PLAIN", {}};
  trace.decisions.insert(trace.decisions.begin(), {refused, accepted});
  EXPECT_EQ(summary(under(draft(), trace)), without);
}

TEST(Replay, a_recipient_that_is_newly_refused_is_counted_once) {
  const Trace trace = recorded(engine(open_to_networks), {});
  const auto found =
      under(engine(Settings{{"smtpd_relay_restrictions", "reject_unauth_destination"},
                            {"smtpd_client_restrictions",
                             "check_sender_access inline:{example.com="
                             "REJECT}"}}),
            trace);
  ASSERT_EQ(summary(found), "rcpt newly refused");
  EXPECT_EQ(found[0].recipient, "b@example.org");
  EXPECT_EQ(found[0].recorded, "accepted");
  EXPECT_TRUE(found[0].draft.starts_with("554 5.7.1 ")) << found[0].draft;
  ASSERT_TRUE(found[0].draft_rule);
  EXPECT_EQ(found[0].draft_rule->layer, "restrictions");
  EXPECT_EQ(found[0].draft_rule->check, "check_sender_access");
  EXPECT_NE(found[0].draft_rule->origin, "");
  EXPECT_FALSE(found[0].recorded_rule);
}

TEST(Replay, of_two_recipients_the_other_goes_on) {
  const Sent sent{.recipients = {Sent::to("b", "example.com"), Sent::to("b", "example.org")}};
  const Trace trace = recorded(engine(open_to_networks), sent);
  const auto found =
      under(engine(Settings{{"smtpd_relay_restrictions", "reject_unauth_destination"}}), trace);
  EXPECT_EQ(summary(found), "rcpt newly refused, rcpt same, message same");
}

TEST(Replay, a_living_resolver_answers_what_the_record_lacks) {
  const Trace trace = recorded(engine(open_to_networks), {});
  Settings listed = open_to_networks;
  listed["smtpd_client_restrictions"] = "reject_rbl_client bl.example.net";
  const Draft draft{engine(listed), {}};
  const dns::Question question{.name = "7.2.0.192.bl.example.net", .type = dns::Type::a};
  dns::RecordedResolver lists_it(
      {{question, {.status = dns::Status::found, .records = {"127.0.0.2"}}}});
  dns::RecordedResolver knows_nothing(std::vector<std::pair<dns::Question, dns::Answer>>{});
  EXPECT_EQ(summary(run(replay(trace, draft, &knows_nothing))), "rcpt same, message same");
  const auto found = run(replay(trace, draft, &lists_it));
  ASSERT_EQ(summary(found), "rcpt newly refused");
  EXPECT_EQ(found[0].draft_reply.code, 554);
  EXPECT_NE(found[0].draft_detail, "");
}

TEST(Replay, an_answer_that_dns_does_not_give_now_may_be_lacking) {
  struct Silent final : dns::Resolver {
    Task<dns::Answer> lookup(dns::Question, std::chrono::milliseconds) override {
      co_return dns::Answer{.status = dns::Status::timeout, .records = {}};
    }
  } silent;
  const Trace trace = recorded(engine(open_to_networks), {});
  Settings listed = open_to_networks;
  listed["smtpd_client_restrictions"] = "reject_rbl_client bl.example.net";
  const Draft draft{engine(listed), {}};
  const auto found = run(replay(trace, draft, &silent, nullptr, DnsTrouble::lacks));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].change, Change::undecidable);
  EXPECT_EQ(found[0].lack.kind, "DNS answers of type A");
}

TEST(Replay, what_is_newly_accepted_has_no_message_to_judge) {
  const Sent sent{.recipients = {Sent::to("b", "example.com")}};
  const Trace trace =
      recorded(engine(Settings{{"smtpd_relay_restrictions", "reject_unauth_destination"}}), sent);
  const auto found = under(engine(open_to_networks), trace);
  ASSERT_EQ(summary(found), "rcpt newly accepted, message undecidable");
  EXPECT_EQ(found[0].draft, "accepted");
  ASSERT_TRUE(found[0].recorded_rule);
  EXPECT_EQ(found[0].recorded_rule->check, "reject_unauth_destination");
  EXPECT_EQ(found[1].lack.kind, "what the client did not send");
}

TEST(Replay, a_relay_that_the_draft_does_not_grant_is_refused) {
  const auto found = under(engine(std::nullopt), recorded(engine(open_to_networks), {}));
  ASSERT_EQ(summary(found), "rcpt newly refused");
  EXPECT_EQ(found[0].draft_rule->check, "recipient_known");
}

TEST(Replay, another_reply_is_a_change) {
  const Sent sent{.client = "198.51.100.1", .recipients = {Sent::to("b", "example.com")}};
  const Trace trace = recorded(engine(open_to_networks), sent);
  Settings other = open_to_networks;
  other["smtpd_client_restrictions"] = "check_sender_access inline:{example.com=REJECT}";
  const auto found = under(engine(other), trace);
  ASSERT_EQ(summary(found), "rcpt changed");
  EXPECT_NE(found[0].recorded, found[0].draft);
  EXPECT_EQ(found[0].recorded_rule->check, "reject_unauth_destination");
  EXPECT_EQ(found[0].draft_rule->check, "check_sender_access");
}

TEST(Replay, held_mail_is_a_change_of_what_was_accepted) {
  Settings holding = open_to_networks;
  holding["smtpd_end_of_data_restrictions"] = "check_sender_access inline:{example.com=HOLD}";
  const Trace trace = recorded(engine(open_to_networks), {});
  const auto found = under(engine(holding), trace);
  ASSERT_EQ(summary(found), "rcpt same, message changed");
  EXPECT_EQ(found[1].recorded, "accepted");
  EXPECT_EQ(found[1].draft, "accepted, held");
  EXPECT_EQ(summary(under(engine(holding), recorded(engine(holding), {}))),
            "rcpt same, message same");
}

TEST(Replay, discarded_mail_is_a_change_too) {
  Settings discarding = open_to_networks;
  discarding["smtpd_client_restrictions"] = "check_sender_access inline:{example.com=DISCARD}";
  const Trace trace = recorded(engine(open_to_networks), {});
  const auto found = under(engine(discarding), trace);
  ASSERT_EQ(summary(found), "rcpt same, message changed");
  EXPECT_EQ(found[1].draft, "accepted, discarded");
  EXPECT_EQ(summary(under(engine(discarding), recorded(engine(discarding), {}))),
            "rcpt same, message same");
}

TEST(Replay, the_end_of_data_under_other_limits) {
  const Trace trace = recorded(engine(open_to_networks), {});
  const auto found = under(engine(open_to_networks, Mode::enforce, 1), trace);
  ASSERT_EQ(summary(found), "rcpt same, message newly refused");
  EXPECT_EQ(found[1].draft_rule->check, "received_loop");
  const Trace refused = recorded(engine(open_to_networks, Mode::enforce, 1), {});
  EXPECT_EQ(summary(under(engine(open_to_networks), refused)), "rcpt same, message newly accepted");
}

TEST(Replay, dns_answers_that_are_not_recorded_are_not_guessed) {
  Settings listed = open_to_networks;
  listed["smtpd_client_restrictions"] = "reject_rbl_client bl.example.net";
  const auto found = under(engine(listed), recorded(engine(open_to_networks), {}));
  ASSERT_EQ(summary(found), "rcpt undecidable, message undecidable");
  EXPECT_EQ(found[0].lack.kind, "DNS answers of type A");
  EXPECT_EQ(found[0].lack.example, "7.2.0.192.bl.example.net");
  EXPECT_EQ(found[1].lack.kind, "the outcome of an earlier recipient");
  // With the answer it is decided.
  EXPECT_EQ(summary(under(engine(listed), recorded(engine(listed), {}))),
            "rcpt same, message same");
}

TEST(Replay, a_policy_server_that_was_not_asked_is_not_guessed) {
  Settings asking = open_to_networks;
  asking["smtpd_recipient_restrictions"] = "check_policy_service inet:127.0.0.1:10023";
  Settings naming = open_to_networks;  // so that the question contains the client's name
  naming["smtpd_client_restrictions"] = "check_client_access inline:{nobody.example.com=OK}";
  const auto found = under(engine(asking), recorded(engine(naming), {}));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].change, Change::undecidable);
  EXPECT_EQ(found[0].lack.kind, "answers of the policy server inet:127.0.0.1:10023");
}

TEST(Replay, a_table_of_another_program_that_was_not_asked_is_not_guessed) {
  Settings asking = open_to_networks;
  asking["smtpd_recipient_restrictions"] = "check_recipient_access tcp:127.0.0.1:7777";
  const auto found = under(engine(asking), recorded(engine(open_to_networks), {}));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].change, Change::undecidable);
  EXPECT_EQ(found[0].lack.kind, "answers of the table tcp:127.0.0.1:7777");
  EXPECT_EQ(found[0].lack.example, "b@example.org");
  // A shadow layer has asked, and the record has its answer.
  const auto known = under(engine(asking), recorded(engine(asking, Mode::shadow), {}));
  ASSERT_FALSE(known.empty());
  EXPECT_EQ(known[0].draft.substr(0, 9), "554 5.7.1");
}

TEST(Replay, dns_answers_that_a_shadow_layer_got_are_in_the_record) {
  const Settings listed = {{"smtpd_client_restrictions", "reject_rbl_client bl.example.net"}};
  const Sent sent{.recipients = {recipient_of(a_webhook("a"))}};
  const auto unknown = under(engine(listed), recorded(engine(std::nullopt), sent));
  ASSERT_FALSE(unknown.empty());
  EXPECT_EQ(unknown[0].change, Change::undecidable);
  EXPECT_EQ(summary(under(engine(listed), recorded(engine(listed, Mode::shadow), sent))),
            "rcpt same, message same");
}

TEST(Replay, an_undecided_recipient_leaves_others_be) {
  Settings listed = open_to_networks;
  listed["smtpd_recipient_restrictions"] =
      "check_recipient_access inline:{c@example.org=OK}, reject_rbl_client bl.example.net";
  const Sent sent{.recipients = {Sent::to("b", "example.org"), Sent::to("c", "example.org")}};
  const auto found = under(engine(listed), recorded(engine(open_to_networks), sent));
  EXPECT_EQ(summary(found), "rcpt undecidable, rcpt same, message same");
}

TEST(Replay, any_of_several_undecided_recipients_may_have_come_first) {
  Settings listed = open_to_networks;
  listed["smtpd_recipient_restrictions"] =
      "check_recipient_access inline:{c@hooks.example.net=OK}, reject_rbl_client bl.example.net";
  const auto hook = a_webhook("a");
  policy::Recipient third = recipient_of(hook);
  third.address.local_part = "c";
  // The second recipient belongs to another webhook: 452, unless the first is refused.
  const Sent sent{.recipients = {recipient_of(hook), recipient_of(a_webhook("b")), third}};
  const Trace trace = recorded(engine(open_to_networks), sent);
  const auto found = under(engine(listed), trace);
  ASSERT_EQ(summary(found),
            "rcpt undecidable, rcpt undecidable, rcpt undecidable, message undecidable");
  EXPECT_EQ(found[2].lack.kind, "the outcome of an earlier recipient");
}

TEST(Replay, shadow_layers_of_the_draft_change_nothing) {
  const Settings shadowed = {
      {"smtpd_client_restrictions", "reject_rbl_client bl.example.net, reject"}};
  const Sent sent{.recipients = {recipient_of(a_webhook("a"))}};
  const Trace trace = recorded(engine(std::nullopt), sent);
  EXPECT_EQ(summary(under(engine(shadowed, Mode::shadow), trace)), "rcpt same, message same");
}

TEST(Replay, shadow_layers_of_the_record_refused_nobody) {
  const Settings shadowed = {{"smtpd_client_restrictions", "reject"}};
  const Sent sent{.recipients = {recipient_of(a_webhook("a"))}};
  const Trace trace = recorded(engine(shadowed, Mode::shadow), sent);
  const auto found = under(engine(shadowed), trace);
  ASSERT_EQ(summary(found), "rcpt newly refused");
  EXPECT_EQ(found[0].draft_rule->check, "reject");
}

TEST(Replay, a_draft_may_speak_earlier) {
  Settings early = open_to_networks;
  early["smtpd_delay_reject"] = "no";
  early["smtpd_sender_restrictions"] = "check_sender_access inline:{example.com=REJECT}";
  const Trace accepted = recorded(engine(open_to_networks), {});
  EXPECT_EQ(summary(under(engine(early), accepted)), "mail newly refused");
  // Refused in both cases, but earlier and with another reply.
  const Sent sent{.client = "198.51.100.1", .recipients = {Sent::to("b", "example.com")}};
  const auto moved = under(engine(early), recorded(engine(open_to_networks), sent));
  ASSERT_EQ(summary(moved), "mail changed");
  EXPECT_EQ(moved[0].recorded_rule->check, "reject_unauth_destination");
  // In the opposite case, the commands after the refusal are not in the record.
  const Trace refused = recorded(engine(early), {});
  const auto opened = under(engine(open_to_networks), refused);
  EXPECT_EQ(summary(opened), "mail newly accepted, rcpt undecidable");
}

TEST(Replay, the_data_command) {
  Settings strict = open_to_networks;
  strict["smtpd_data_restrictions"] = "check_sender_access inline:{example.com=REJECT}";
  EXPECT_EQ(summary(under(engine(strict), recorded(engine(open_to_networks), {}))),
            "rcpt same, data newly refused");
  EXPECT_EQ(summary(under(engine(open_to_networks), recorded(engine(strict), {}))),
            "rcpt same, data newly accepted, message undecidable");
}

TEST(Replay, a_rate_limit_that_was_not_looked_at_is_not_guessed) {
  auto hook = a_webhook("a");
  hook->rate_limit_per_minute = 10;
  const Sent sent{.recipients = {recipient_of(hook)}};
  const Settings closed = {{"smtpd_client_restrictions", "reject"}};
  const auto found = under(engine(std::nullopt), recorded(engine(closed), sent));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].lack.kind, "the level of a rate limit");
  EXPECT_EQ(summary(under(engine(std::nullopt), recorded(engine(std::nullopt), sent))),
            "rcpt same, message same");
}

TEST(Replay, spf_comes_from_the_record_or_from_its_answers) {
  dialect::webhook::PolicyFields fields;
  fields.require_spf = true;
  const auto owner = dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields, {});
  const Sent sent{.recipients = {recipient_of(a_webhook("a"), owner)}};
  // The layer that would have asked for SPF was not in force.
  Trace trace = recorded(engine(std::nullopt), {.recipients = {recipient_of(a_webhook("a"))}});
  trace.evidence.recipients[0].route.policy = owner;
  trace.decisions[0].candidate->route.policy = owner;
  const auto lacking = under(engine(std::nullopt), trace);
  ASSERT_EQ(summary(lacking), "rcpt same, message undecidable");
  EXPECT_EQ(lacking[1].lack.kind, "DNS answers of type TXT");
  EXPECT_EQ(lacking[1].lack.example, "example.com");
  Trace answered = trace;
  answered.evidence.dns.push_back({{"example.com", dns::Type::txt},
                                   {.status = dns::Status::found, .records = {"v=spf1 -all"}}});
  EXPECT_EQ(summary(under(engine(std::nullopt), answered)), "rcpt same, message newly refused");
  Trace known = trace;
  known.evidence.spf =
      mailauth::spf::Result{.status = mailauth::spf::Status::pass, .domain = "example.com"};
  EXPECT_EQ(summary(under(engine(std::nullopt), known)), "rcpt same, message same");
}

TEST(Replay, recipients_that_were_not_kept_are_counted_apart) {
  Trace trace = recorded(engine(open_to_networks), {});
  trace.omitted = 2;
  EXPECT_EQ(summary(under(engine(open_to_networks), trace)),
            "rcpt same, rcpt undecidable, rcpt undecidable, message same");
}

TEST(ReplaySource, compiles_a_policy_once) {
  int asked = 0;
  const auto source = replay_source([&](const std::string&, std::uint64_t) -> Result<std::string> {
    ++asked;
    dialect::webhook::PolicyFields fields;
    fields.name = "strict";
    return dialect::webhook::compile("pol_1", "acc_1", 7, 2, fields)->definition;
  });
  const auto first = source.policy("pol_1", 7);
  const auto second = source.policy("pol_1", 7);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(asked, 1);
  EXPECT_NE(*first, *second);  // each record fills in its own credentials
}

}  // namespace
}  // namespace postern::replay
