#include "dialect/restrictions/layer.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "dialect/restrictions/remarks.h"
#include "dialect/webhook/layer.h"
#include "policy/deferral.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "policy/questions/offered.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::dialect::restrictions {
namespace {

using namespace postern::policy::testing;
using policy::Decision;
using policy::Engine;
using policy::Evidence;
using policy::Mode;
using policy::Route;
using policy::Stage;

using Settings = std::map<std::string, std::string, std::less<>>;

Loaded loaded(Settings settings) {
  settings.emplace("compatibility_level", "3.6");
  settings.emplace("mynetworks", "10.0.0.0/8");
  settings.emplace("mydestination", "");
  settings.emplace("relay_domains", "relay.example");
  return load(Parameters(settings, "mx.example.net"), file_sources(), Errors::refuse);
}

Engine engine(Settings settings, Mode mode = Mode::enforce) {
  const Loaded made = loaded(std::move(settings));
  for (const Diagnostic& one : made.compiled.diagnostics) {
    if (one.severity == Diagnostic::Severity::error) ADD_FAILURE() << one.message;
  }
  return Engine({{std::make_shared<RestrictionsLayer>(made.compiled.policy, made.definition), mode},
                 {std::make_shared<webhook::WebhookLayer>()},
                 {policy::gateway_layer()}});
}

/// Answers DNS questions from a list, other names do not exist; policy servers answer `action`.
class Outside final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, Evidence&) override { co_return; }
  Task<void> ask(dns::Question question, Evidence& evidence) override {
    ++asked;
    dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
    const auto found = zone.find(question.name + " " + std::string(dns::to_string(question.type)));
    if (found != zone.end()) answer = {.status = dns::Status::found, .records = {found->second}};
    evidence.dns.push_back({std::move(question), std::move(answer)});
    co_return;
  }
  Task<void> consult(policy::Consultation question, Evidence& evidence) override {
    question.failed = !fails.empty();
    question.answer = question.failed ? fails : action;
    requests.push_back(question.request);
    services.push_back(question.service);
    evidence.consulted.push_back(std::move(question));
    co_return;
  }
  std::map<std::string, std::string> zone;
  std::string action = "DUNNO";
  std::string fails;  ///< why policy servers do not answer; empty: they do
  std::vector<std::string> requests;
  std::vector<std::string> services;  ///< the policy servers that were asked
  int asked = 0;
};

policy::Recipient to(std::string local, std::string domain) {
  return {.address = address(std::move(local), std::move(domain)), .route = {}};
}

struct Played {
  Evidence evidence;
  Decision decision;
  std::string reply;
};

Played rcpt(const Engine& judged, policy::Recipient recipient, policy::Gatherer& outside,
            std::string client = "192.0.2.7") {
  Played played{.evidence = from_client(client)};
  played.evidence.consider(std::move(recipient));
  played.decision = run(judged.decide(Stage::rcpt, played.evidence, outside));
  if (policy::refused(played.decision)) played.reply = played.decision.reply.to_string();
  return played;
}

TEST(RestrictionsLayer, what_no_list_refuses_gets_a_route) {
  const Engine lists = engine({});
  Outside outside;
  const Played ours = rcpt(lists, to("a", "relay.example"), outside);
  EXPECT_EQ(ours.reply, "");
  EXPECT_EQ(ours.evidence.candidate->route.kind, Route::Kind::relay);
  EXPECT_EQ(rcpt(lists, to("a", "sub.relay.example"), outside).reply, "");
  EXPECT_EQ(rcpt(lists, to("x", "foreign.example"), outside, "10.1.2.3").reply, "");
  const Played foreign = rcpt(lists, to("x", "foreign.example"), outside);
  EXPECT_EQ(foreign.reply, "454 4.7.1 <x@foreign.example>: Relay access denied");
  EXPECT_EQ(foreign.evidence.candidate->route.kind, Route::Kind::none);
  EXPECT_EQ(outside.asked, 0);
}

TEST(RestrictionsLayer, what_lists_in_shadow_look_up_does_not_change_a_reply) {
  Outside outside;
  outside.zone = {{"7.2.0.192.in-addr.arpa PTR", "mx.example.com"},
                  {"mx.example.com A", "192.0.2.7"}};
  const auto layer = [](std::string list) {
    const Loaded made = loaded({{"smtpd_client_restrictions", std::move(list)}});
    return std::make_shared<RestrictionsLayer>(made.compiled.policy, made.definition);
  };
  const Engine both(
      {{layer("reject_unknown_client_hostname, reject"), Mode::shadow}, {layer("reject")}});
  const Played played = rcpt(both, recipient_of(a_webhook("a")), outside);
  EXPECT_EQ(outside.asked, 2);
  EXPECT_EQ(played.reply, "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied");
}

TEST(RestrictionsLayer, a_webhook_is_a_destination_of_ours) {
  Outside outside;
  const Engine lists = engine({{"smtpd_recipient_restrictions", "reject_unauth_destination"}});
  const Played played = rcpt(lists, recipient_of(a_webhook("a")), outside);
  EXPECT_EQ(played.reply, "");
  EXPECT_EQ(played.evidence.candidate->route.kind, Route::Kind::webhook);
}

// A route leads to what the session would take as a host; what it would not take stays where it is.
TEST(RestrictionsLayer, a_route_leads_to_a_host) {
  const Engine lists =
      engine({{"mydestination", "ours.example"},
              {"smtpd_relay_restrictions",
               "check_recipient_access inline:{ {z.example = 551 z} {z.example. = OK} "
               "{.z.example = OK} {z..example = OK} {@ = OK} {u@ = OK} {* = OK} "
               "{-z.example = OK} {192.0.2.1 = OK} }, reject"}});
  for (const char* const host : {"z.example", "z.example."}) {
    Outside outside;
    const auto recipient = [&](const std::string& local) {
      return policy::Recipient{.address = address(local, "ours.example"), .route = {}};
    };
    EXPECT_THAT(rcpt(lists, recipient(std::string("u%") + host), outside).reply,
                testing::StartsWith("551"));
    for (const char* const none : {"u%.z.example", "u%z..example", "u%", "%", "u%*", "u%-z.example",
                                   "\"u%z.example>\"", "\"u%b@z.example\"@z..example"}) {
      EXPECT_THAT(rcpt(lists, recipient(none), outside).reply, testing::StartsWith("554")) << none;
    }
  }
}

// A route in its tag leads nowhere: mail for the webhook is judged as what it is written to.
TEST(RestrictionsLayer, a_tag_of_a_webhook_is_no_route) {
  const Engine lists = engine({{"mydestination", "ours.example"},
                               {"recipient_delimiter", "+"},
                               {"smtpd_relay_restrictions",
                                "check_recipient_access inline:{ {open.example = OK} }, "
                                "reject_unauth_destination"},
                               {"smtpd_recipient_restrictions",
                                "check_recipient_access inline:{ {open.example = OK} "
                                "{v@ours.example = REJECT} }, permit"}});
  for (const char* const local : {"v+x", "v+x%open.example", "\"v+x@open.example\""}) {
    Outside outside;
    policy::Recipient recipient = recipient_of(a_webhook("a"));
    recipient.address = address(local, "ours.example");
    EXPECT_NE(rcpt(lists, recipient, outside).reply, "") << local;
    recipient.route = {};
    EXPECT_EQ(rcpt(lists, recipient, outside).reply.empty(), std::string(local) != "v+x") << local;
  }
}

// The check of senders behind the list, at MAIL, where there is no list.
TEST(RestrictionsLayer, unlisted_senders_are_refused_at_mail_without_a_list) {
  for (const char* const unlisted : {"yes", "no"}) {
    const Engine lists = engine({{"smtpd_delay_reject", "no"},
                                 {"mydestination", "local.example"},
                                 {"local_recipient_maps", "inline:{ {ann = x} }"},
                                 {"smtpd_reject_unlisted_sender", unlisted}});
    for (const char* const sender : {"ann", "bob"}) {
      Outside outside;
      Evidence evidence = from_client("192.0.2.7");
      evidence.reverse_path = address(sender, "local.example");
      const Decision decision = run(lists.decide(Stage::mail, evidence, outside));
      EXPECT_EQ(policy::refused(decision),
                std::string_view(unlisted) == "yes" && std::string_view(sender) == "bob")
          << unlisted << " " << sender;
    }
  }
}

TEST(RestrictionsLayer, a_definition_has_the_octets_of_tables) {
  const tests::TemporaryFolder folder;
  const std::string rows =
      "ann@relay.example 550 Gr\xfc\xdf"
      "e\n";  // in ISO 8859-1
  folder.write("rows", rows);
  const Loaded made = loaded(
      {{"smtpd_recipient_restrictions", "check_recipient_access hash:" + folder.file("rows")}});
  EXPECT_TRUE(is_utf8(made.definition));
  folder.write("rows", "");
  const auto again = loaded_from_definition(made.definition);
  ASSERT_TRUE(again) << again.error().message;
  const auto& rule = again->compiled.policy->list(ListKind::recipient).front();
  EXPECT_EQ(rule.table->lookup("ann@relay.example").value,
            "550 Gr\xfc\xdf"
            "e");
}

TEST(RestrictionsLayer, an_alias_file_names_local_recipients) {
  const tests::TemporaryFolder folder;
  folder.write("aliases", "ann: ann@elsewhere.example\n");
  Outside outside;
  const Engine lists = engine({{"mydestination", "local.example"},
                               {"alias_maps", "hash:" + folder.file("aliases")},
                               {"local_recipient_maps", "$alias_maps"}});
  EXPECT_EQ(rcpt(lists, to("ann", "local.example"), outside).reply, "");
  EXPECT_EQ(rcpt(lists, to("bob", "local.example"), outside).reply,
            "550 5.1.1 <bob@local.example>: Recipient address rejected: User unknown in local "
            "recipient table");
}

TEST(RestrictionsLayer, a_shadow_gives_no_route) {
  Outside outside;
  const Engine lists = engine({}, Mode::shadow);
  const Played played = rcpt(lists, to("a", "relay.example"), outside);
  EXPECT_EQ(played.reply, "550 5.7.1 relay not permitted to relay.example");
  ASSERT_FALSE(played.decision.steps.empty());
  EXPECT_FALSE(played.decision.steps[0].enforced);
  EXPECT_EQ(played.decision.steps[0].check, "permit_mynetworks");
}

TEST(RestrictionsLayer, one_message_has_one_kind_of_route) {
  Outside outside;
  const Engine lists = engine({});
  Evidence evidence = from_client("192.0.2.7");
  evidence.recipients.push_back(recipient_of(a_webhook("a")));
  evidence.consider(to("a", "relay.example"));
  const Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
  EXPECT_EQ(decision.reply.code, 452);
}

TEST(RestrictionsLayer, every_rule_leaves_a_step_that_says_why) {
  Outside outside;
  outside.zone["7.2.0.192.bl.example.net A"] = "127.0.0.2";
  const Engine lists = engine({{"smtpd_client_restrictions",
                                "permit_mynetworks, warn_if_reject reject, reject_rbl_client "
                                "bl.example.net"}});
  const Played played = rcpt(lists, to("a", "relay.example"), outside);
  EXPECT_EQ(played.reply.substr(0, 9), "554 5.7.1");
  std::vector<std::string> seen;
  for (const policy::Step& step : played.decision.steps) {
    seen.push_back(step.origin + " " + std::string(step.check) + ": " + step.verdict.detail);
  }
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0],
            "smtpd_client_restrictions:1 permit_mynetworks: the client is not in mynetworks");
  EXPECT_EQ(seen[1].substr(0, 64),
            "smtpd_client_restrictions:2 reject: would refuse, warn_if_reject");
  EXPECT_NE(seen[2].find("smtpd_client_restrictions:3 reject_rbl_client"), std::string::npos);
  EXPECT_EQ(outside.asked, 2) << "the address, then the reason";
}

// A rule that permits in the recipient list permits no relaying: the relay list has done that.
TEST(RestrictionsLayer, the_effect_names_the_rule_that_lets_a_recipient_be_relayed) {
  const std::string ok = "check_client_access inline:{192.0.2.7=OK}";
  const struct {
    std::string relay;
    std::string recipient;
    std::string domain;
    std::string client;
    std::string granted;
  } cases[] = {
      {ok + ", reject_unauth_destination", "check_recipient_access inline:{foreign.example=OK}",
       "foreign.example", "192.0.2.7", "smtpd_relay_restrictions:1 check_client_access: OK"},
      {"permit_mynetworks, reject_unauth_destination", "permit", "foreign.example", "10.1.2.3",
       "smtpd_relay_restrictions:1 permit_mynetworks: the client is in mynetworks"},
      {"permit_mynetworks, reject_unauth_destination", ok, "relay.example", "192.0.2.7",
       "smtpd_relay_restrictions:2 reject_unauth_destination: a destination of ours"},
      {"", "reject_unauth_destination, permit", "relay.example", "192.0.2.7",
       "smtpd_recipient_restrictions:1 reject_unauth_destination: a destination of ours"},
      {"", "permit_mynetworks, reject_unauth_destination", "foreign.example", "10.1.2.3",
       "smtpd_recipient_restrictions:1 permit_mynetworks: the client is in mynetworks"},
  };
  Outside outside;
  for (const auto& one : cases) {
    for (const char* relay_first : {"yes", "no"}) {
      const Engine lists = engine({{"smtpd_relay_restrictions", one.relay},
                                   {"smtpd_recipient_restrictions", one.recipient},
                                   {"smtpd_relay_before_recipient_restrictions", relay_first}});
      const Played played = rcpt(lists, to("x", one.domain), outside, one.client);
      std::string granted;
      for (const policy::EffectNote& note : played.decision.effects) {
        if (note.effect != "grant_relay") continue;
        granted += note.place + " " + std::string(note.check) + ": " + note.why;
      }
      EXPECT_EQ(granted, one.granted) << one.relay << " | " << one.recipient;
    }
  }
}

TEST(RestrictionsLayer, discard_takes_everything_unseen) {
  Outside outside;
  const Engine lists =
      engine({{"smtpd_sender_restrictions",
               "check_sender_access inline:{ {alerts@example.com = DISCARD loop} }"}});
  Evidence evidence = from_client("192.0.2.7");
  evidence.consider(to("x", "foreign.example"));
  EXPECT_FALSE(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))));
  EXPECT_EQ(evidence.discard, "loop");
}

// Measured: so it is in Postfix at every command before MAIL, whatever its list.
TEST(RestrictionsLayer, discard_passes_where_there_is_no_message) {
  Outside outside;
  const auto code = [&](const Settings& lists, Stage stage, Evidence evidence) {
    evidence.session.helo = "client.example.net";
    return run(engine(lists).decide(stage, evidence, outside)).reply.code;
  };
  const std::string discard = "check_client_access static:DISCARD, reject";
  Evidence session = from_client("192.0.2.7");
  EXPECT_EQ(code({{"smtpd_delay_reject", "no"}, {"smtpd_client_restrictions", discard}},
                 Stage::connect, session),
            554);
  EXPECT_EQ(code({{"smtpd_delay_reject", "no"}, {"smtpd_helo_restrictions", discard}}, Stage::helo,
                 session),
            554);
  Evidence vrfy = session;
  vrfy.candidate = to("a", "relay.example");
  vrfy.vrfy = Evidence::Vrfy::before_mail;
  Evidence etrn = session;
  etrn.etrn = "relay.example";
  for (const char* list : {"smtpd_client_restrictions", "smtpd_recipient_restrictions"}) {
    EXPECT_EQ(code({{list, discard}}, Stage::rcpt, vrfy), 554) << list;
  }
  for (const char* list : {"smtpd_client_restrictions", "smtpd_etrn_restrictions"}) {
    EXPECT_EQ(code({{list, discard}}, Stage::rcpt, etrn), 554) << list;
  }
  vrfy.vrfy = Evidence::Vrfy::in_transaction;
  EXPECT_NE(code({{"smtpd_client_restrictions", discard}}, Stage::rcpt, vrfy), 554);
}

TEST(RestrictionsLayer, an_etrn_command_has_no_recipient_that_a_discard_could_send_on) {
  Outside outside;
  const Engine lists = engine({{"smtpd_etrn_restrictions", "reject"}});
  Evidence evidence = from_client("192.0.2.7");
  evidence.discard = "loop";
  evidence.etrn = "example.org";
  EXPECT_FALSE(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))));
  EXPECT_FALSE(evidence.candidate);
}

/// The reply to VRFY of a@relay.example; "" if nothing refuses.
std::string vrfy(const Engine& lists, Evidence evidence, policy::Gatherer& outside) {
  evidence.candidate = to("a", "relay.example");
  const Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
  return policy::refused(decision) ? decision.reply.to_string() : "";
}

TEST(RestrictionsLayer, vrfy_in_front_of_mail_has_no_sender) {
  Outside outside;
  Evidence before = from_client("192.0.2.7"), within = before;
  before.vrfy = Evidence::Vrfy::before_mail;
  within.vrfy = Evidence::Vrfy::in_transaction;
  const std::string denied =
      "554 5.7.1 <alerts@example.com>: Sender address rejected: Access denied";
  for (const char* list : {"smtpd_sender_restrictions", "smtpd_recipient_restrictions"}) {
    const Engine lists = engine({{list, "check_sender_access static:REJECT"}});
    EXPECT_EQ(vrfy(lists, before, outside), "") << list;
    EXPECT_EQ(vrfy(lists, within, outside), denied) << list;
  }
  EXPECT_EQ(vrfy(engine({{"smtpd_sender_restrictions", "reject"}}), before, outside), "");
}

TEST(RestrictionsLayer, vrfy_in_front_of_mail_takes_reasons_to_defer_from_the_last_lists_alone) {
  Outside outside;
  Evidence before = from_client("192.0.2.7");
  before.session.helo = "client.example";
  before.vrfy = Evidence::Vrfy::before_mail;
  Evidence within = before;
  within.vrfy = Evidence::Vrfy::in_transaction;
  for (const char* delay : {"yes", "no"}) {
    for (const char* list : {"smtpd_client_restrictions", "smtpd_helo_restrictions"}) {
      const Engine lists = engine({{list, "defer_if_permit"}, {"smtpd_delay_reject", delay}});
      EXPECT_EQ(vrfy(lists, before, outside), "") << list;
      EXPECT_TRUE(vrfy(lists, within, outside).starts_with("450 4.7.0 ")) << list;
    }
  }
  const Engine last = engine({{"smtpd_recipient_restrictions", "defer_if_permit"}});
  EXPECT_TRUE(vrfy(last, before, outside).starts_with("450 4.7.0 "));
}

TEST(RestrictionsLayer, a_policy_server_is_told_of_vrfy) {
  Outside outside;
  Evidence before = from_client("192.0.2.7");
  before.vrfy = Evidence::Vrfy::before_mail;
  const Engine lists =
      engine({{"smtpd_recipient_restrictions", "check_policy_service inet:127.0.0.1:10023"}});
  EXPECT_EQ(vrfy(lists, before, outside), "");
  ASSERT_EQ(outside.requests.size(), 1u);
  EXPECT_NE(outside.requests[0].find("protocol_state=VRFY\n"), std::string::npos);
}

TEST(RestrictionsLayer, a_deferral_names_the_rule_that_raised_it) {
  Outside outside;
  const auto raiser = [&](Settings settings, const std::string& ended) {
    const Played played = rcpt(engine(std::move(settings)), to("a", "relay.example"), outside);
    EXPECT_TRUE(played.decision.reply.temporary()) << played.reply;
    const policy::Step* step = policy::refusing_step(played.decision);
    if (step == nullptr) return std::string();
    EXPECT_EQ(step->check, ended);
    const auto raised = policy::raised_by(step->verdict);
    return raised ? std::string(raised->check) + " " + std::string(raised->origin) : "";
  };
  const std::string end = "end_of_lists";
  EXPECT_EQ(raiser({{"smtpd_recipient_restrictions", "defer_if_permit, defer_if_permit"}}, end),
            "defer_if_permit smtpd_recipient_restrictions:1");
  EXPECT_EQ(raiser({{"smtpd_delay_reject", "no"},
                    {"smtpd_client_restrictions", "permit_mynetworks, defer_if_permit"},
                    {"smtpd_recipient_restrictions", "defer_if_permit"}},
                   end),
            "defer_if_permit smtpd_client_restrictions:2");
  EXPECT_EQ(
      raiser({{"smtpd_sender_restrictions", "check_sender_access static:DEFER_IF_PERMIT"}}, end),
      "check_sender_access smtpd_sender_restrictions:1");
  EXPECT_EQ(raiser({{"smtpd_recipient_restrictions", "defer_if_reject, reject"}}, "reject"),
            "defer_if_reject smtpd_recipient_restrictions:1");
  EXPECT_EQ(raiser({{"smtpd_recipient_restrictions", "defer"}}, "defer"), "");
}

// As measured: Postfix has no instance before it accepted MAIL, nor at VRFY before MAIL and at
// ETRN.
TEST(RestrictionsLayer, an_instance_is_that_of_the_message) {
  const auto told = [](const std::string& list, Stage stage, const auto& change) {
    Outside outside;
    const Engine lists =
        engine({{"smtpd_delay_reject", "no"}, {list, "check_policy_service inet:127.0.0.1:10023"}});
    Evidence evidence = from_client("192.0.2.7");
    evidence.session.id = "SESSION";
    if (stage >= Stage::mail) evidence.message_id = "MESSAGE";
    if (stage == Stage::rcpt) evidence.consider(to("a", "relay.example"));
    change(evidence);
    run(lists.decide(stage, evidence, outside));
    const std::string request = outside.requests.empty() ? "" : outside.requests.back();
    const std::size_t at = request.find("\ninstance=") + 1;
    return request.substr(at, request.find('\n', at) - at);
  };
  const auto as_it_is = [](Evidence&) {};
  EXPECT_EQ(told("smtpd_client_restrictions", Stage::connect, as_it_is), "instance=");
  EXPECT_EQ(told("smtpd_helo_restrictions", Stage::helo, as_it_is), "instance=");
  EXPECT_EQ(told("smtpd_sender_restrictions", Stage::mail, as_it_is), "instance=");
  EXPECT_EQ(told("smtpd_recipient_restrictions", Stage::rcpt, as_it_is), "instance=MESSAGE");
  EXPECT_EQ(told("smtpd_data_restrictions", Stage::data, as_it_is), "instance=MESSAGE");
  EXPECT_EQ(told("smtpd_recipient_restrictions", Stage::rcpt,
                 [](Evidence& one) { one.vrfy = Evidence::Vrfy::before_mail; }),
            "instance=");
  EXPECT_EQ(told("smtpd_etrn_restrictions", Stage::rcpt,
                 [](Evidence& one) { one.etrn = "relay.example"; }),
            "instance=");
}

TEST(RestrictionsLayer, a_client_that_says_no_helo_meets_no_helo_list) {
  Outside outside;
  const Engine lists = engine({{"smtpd_helo_restrictions", "reject"}});
  for (const std::string helo : {"", "client.example"}) {
    Evidence evidence = from_client("192.0.2.7");
    evidence.session.helo = helo;
    evidence.candidate = to("a", "relay.example");
    EXPECT_EQ(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))), !helo.empty());
  }
}

TEST(RestrictionsLayer, questions_that_all_dialects_offer_are_keywords) {
  for (const auto& one : policy::questions::offered) {
    const std::string word = "reject_unless_" + std::string(one.name);
    EXPECT_NE(find_keyword(word), nullptr) << word;
    EXPECT_TRUE(loaded({{"smtpd_recipient_restrictions", word}}).compiled.policy) << word;
  }
  EXPECT_FALSE(loaded({{"smtpd_recipient_restrictions", "reject_unless_no_such"}}).compiled.policy);
  Outside outside;
  const Engine lists =
      engine({{"smtpd_helo_restrictions", "reject_unless_helo_literal_is_client"}});
  const auto reply = [&](const std::string& helo) {
    Evidence evidence = from_client("192.0.2.7");
    evidence.session.helo = helo;
    evidence.candidate = to("a", "relay.example");
    const Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
    return policy::refused(decision) ? decision.reply.to_string() : "";
  };
  EXPECT_EQ(reply(""), "");
  EXPECT_EQ(reply("mx.example.org"), "");
  EXPECT_EQ(reply("[192.0.2.7]"), "");
  EXPECT_EQ(reply("[192.0.2.9]"),
            "550 5.7.1 <[192.0.2.9]>: Helo command rejected: the address literal in HELO is not "
            "the client's address");
}

TEST(RestrictionsLayer, an_offered_question_does_not_see_what_came_later) {
  Outside outside;
  const Engine lists = engine(
      {{"smtpd_delay_reject", "no"},
       {"smtpd_client_restrictions", "reject_unless_helo_literal_is_client, defer_if_permit"}});
  Evidence evidence = from_client("192.0.2.7");
  evidence.session.helo = "[192.0.2.9]";
  evidence.candidate = to("a", "relay.example");
  const Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
  EXPECT_EQ(decision.reply.code, 450) << decision.reply.to_string();
}

// As measured: such clients appear as IPv4.
TEST(RestrictionsLayer, a_mapped_network_in_mynetworks_holds_no_client) {
  Outside outside;
  for (const std::string networks : {"[::ffff:192.0.2.0]/120", "192.0.2.0/24"}) {
    const Engine lists = engine(
        {{"mynetworks", networks}, {"smtpd_client_restrictions", "permit_mynetworks, reject"}});
    EXPECT_EQ(rcpt(lists, to("a", "relay.example"), outside).reply.empty(), networks[0] != '[');
  }
}

TEST(RestrictionsLayer, without_look_ups_every_client_is_unknown) {
  Outside outside;
  outside.zone["7.2.0.192.in-addr.arpa PTR"] = "mail.client.example";
  outside.zone["mail.client.example A"] = "192.0.2.7";
  for (const char* rule : {"reject_unknown_client_hostname", "check_client_access static:REJECT",
                           "reject_unknown_reverse_client_hostname"}) {
    const Engine lists =
        engine({{"smtpd_client_restrictions", rule}, {"smtpd_peername_lookup", "no"}});
    EXPECT_NE(rcpt(lists, to("a", "relay.example"), outside).reply, "") << rule;
  }
  EXPECT_EQ(outside.asked, 0);
}

TEST(RestrictionsLayer, a_policy_server_is_asked_once_a_recipient) {
  Outside outside;
  outside.action = "550 5.1.1 nope";
  const Engine lists =
      engine({{"smtpd_recipient_restrictions", "check_policy_service inet:127.0.0.1:10023"}});
  EXPECT_EQ(rcpt(lists, to("a", "relay.example"), outside).reply,
            "550 5.1.1 <a@relay.example>: Recipient address rejected: nope");
  ASSERT_EQ(outside.requests.size(), 1u);
  for (const char* line :
       {"request=smtpd_access_policy\n", "protocol_state=RCPT\n", "client_address=192.0.2.7\n",
        "recipient=a@relay.example\n", "\nqueue_id=\n", "\ncompatibility_level=3.6\n",
        "\nmail_version=3.11.0\n"}) {
    EXPECT_NE(outside.requests[0].find(line), std::string::npos) << line;
  }
  EXPECT_TRUE(outside.requests[0].ends_with("\n\n"));
}

TEST(RestrictionsLayer, a_policy_server_has_attributes_of_its_own) {
  Outside outside;
  outside.fails = "inet:127.0.0.1:10023: Connection refused";
  const auto asked = [&](const std::string& service, Settings more = {}) {
    more.emplace("smtpd_recipient_restrictions", "check_policy_service " + service);
    return rcpt(engine(std::move(more)), to("a", "relay.example"), outside);
  };
  const std::string lost =
      "451 4.3.5 <a@relay.example>: Recipient address rejected: Server configuration problem";
  EXPECT_EQ(asked("inet:127.0.0.1:10023").reply, lost);
  EXPECT_EQ(asked("{ inet:127.0.0.1:10023, timeout=2s, max_idle=3s }").reply, lost);
  const Played let = asked("{ inet:127.0.0.1:10023, timeout=2s, default_action=DUNNO }");
  EXPECT_EQ(let.reply, "");
  EXPECT_TRUE(std::ranges::any_of(let.decision.steps, [](const policy::Step& step) {
    return step.verdict.detail.find("Connection refused") != std::string::npos;
  }));
  EXPECT_EQ(asked("{inet:127.0.0.1:10023 { default_action = 450 4.7.1 later, please }}").reply,
            "450 4.7.1 <a@relay.example>: Recipient address rejected: later, please");
  outside.fails.clear();
  outside.requests.clear();
  asked("{ inet:127.0.0.1:10023, policy_context=submission }");
  asked("inet:127.0.0.1:10023", {{"smtpd_policy_service_policy_context", "all"}});
  ASSERT_EQ(outside.requests.size(), 2u);
  EXPECT_NE(outside.requests[0].find("\npolicy_context=submission\n"), std::string::npos);
  EXPECT_NE(outside.requests[1].find("\npolicy_context=all\n"), std::string::npos);
  EXPECT_NE(outside.requests[1].find("\nserver_address="), std::string::npos);
  EXPECT_NE(outside.requests[1].find("\nserver_port="), std::string::npos);
}

TEST(RestrictionsLayer, what_is_not_carried_out_is_said) {
  const tests::TemporaryFolder folder;
  const std::string table = folder.write("access",
                                         "# comment\na@x.example OK\n"
                                         "b@x.example redirect c@x.example\n"
                                         "d@x.example REDIRECT e@x.example\n"
                                         "f@x.example PREPEND X-A: b\ng@x.example WARN look\n");
  const auto said = [](const std::string& tables) {
    std::string all;
    const Loaded made = loaded({{"smtpd_recipient_restrictions", tables}});
    for (const Diagnostic& one : made.compiled.diagnostics) {
      all += one.code + " " + one.message + "\n";
    }
    return all;
  };
  EXPECT_EQ(said("check_recipient_access hash:" + table),
            "R013 hash:" + table + " line 5 (f@x.example): PREPEND is not carried out\nR013 hash:" +
                table + " line 3 (b@x.example): REDIRECT is not carried out, nor 1 more like it\n");
  EXPECT_EQ(said("check_recipient_access inline:{{a@x.example = OK}, {b@x.example = BCC c}}"),
            "R013 inline:{{a@x.example = OK}, {b@x.example = BCC c}} row 2 (b@x.example): BCC is "
            "not carried out\n");
  EXPECT_EQ(said("check_client_access cidr:{ {192.0.2.0/24 OK}, {10.0.0.0/8 FILTER x:y} }"),
            "R013 cidr:{ {192.0.2.0/24 OK}, {10.0.0.0/8 FILTER x:y} } line 2 (10.0.0.0): FILTER is "
            "not carried out\n");
  EXPECT_EQ(said("check_recipient_access regexp:{ {/./ WARN x} }"), "");
}

TEST(RestrictionsLayer, a_row_with_a_mistake_is_named) {
  const tests::TemporaryFolder folder;
  const std::string table = folder.write("access", "a@x.example OK\n\nb@x.example PERMIT_ME\n");
  const Loaded made =
      loaded({{"smtpd_recipient_restrictions", "check_recipient_access hash:" + table}});
  ASSERT_EQ(made.compiled.diagnostics.size(), 1u);
  EXPECT_EQ(made.compiled.diagnostics[0].message,
            "hash:" + table + " line 3 (b@x.example): unknown keyword PERMIT_ME in a table");
}

TEST(RestrictionsLayer, steps_have_the_key_that_was_found) {
  Outside outside;
  const auto keys = [&](const std::string& rules) {
    const Played played =
        rcpt(engine({{"smtpd_recipient_restrictions", rules},
                     {"smtpd_restriction_classes", "inner"},
                     {"inner", "check_recipient_access inline:{ a@relay.example=DUNNO }, permit"}}),
             to("a", "relay.example"), outside);
    std::string all;
    for (const policy::Step& step : played.decision.steps) {
      if (step.layer == "restrictions") all += std::string(step.check) + "=" + step.key + " ";
    }
    return all;
  };
  const std::string table = "check_recipient_access inline:{ ";
  const auto around = [](const std::string& steps) {
    return "permit_mynetworks= permit_sasl_authenticated= defer_unauth_destination= " + steps +
           "one_webhook_a_message= ";
  };
  EXPECT_EQ(keys(table + "relay.example=OK }"), around("check_recipient_access=relay.example "));
  EXPECT_EQ(keys(table + "other.example=OK }, permit"), around("check_recipient_access= permit= "));
  EXPECT_EQ(keys(table + "relay.example=DUNNO }, " + table + "a@=OK }"),
            around("check_recipient_access=relay.example check_recipient_access=a@ "));
  EXPECT_EQ(keys("check_client_access cidr:{ {0.0.0.0/0 OK} }"),
            around("check_client_access=192.0.2.7 "));
  // The rules of a class stand in front of the row that named it.
  EXPECT_EQ(keys(table + "relay.example=inner }"),
            around("check_recipient_access=a@relay.example permit= restriction_class= "
                   "check_recipient_access=relay.example "));
}

TEST(RestrictionsLayer, remarks_are_found_in_steps) {
  Outside outside;
  const auto remark = [&](const std::string& rules) {
    const Played played =
        rcpt(engine({{"smtpd_recipient_restrictions", rules}}), to("a", "relay.example"), outside);
    EXPECT_EQ(played.reply, "");
    std::string all;
    for (const policy::Step& step : played.decision.steps) {
      if (const auto one = remark_of(step.verdict.detail)) {
        all += std::to_string(static_cast<int>(one->kind)) + " " + std::string(one->text) + "\n";
      }
    }
    return all;
  };
  EXPECT_EQ(remark("warn_if_reject reject"),
            "0 <a@relay.example>: Recipient address rejected: Access denied\n");
  EXPECT_EQ(remark("check_recipient_access static:{warn look here}"), "1 look here\n");
  EXPECT_EQ(remark("check_recipient_access static:INFO"), "2 \n");
  EXPECT_EQ(remark("check_recipient_access static:{REDIRECT b@x.example}"),
            "3 REDIRECT b@x.example\n");
  EXPECT_EQ(remark("check_recipient_access static:DUNNO, permit"), "");
  outside.fails = "Connection refused";
  EXPECT_EQ(remark("check_policy_service { inet:127.0.0.1:1, default_action=DUNNO }"),
            "4 Connection refused\n");
  outside.fails.clear();
  outside.action = "PREPEND X: y";
  EXPECT_EQ(remark("check_policy_service inet:127.0.0.1:1"), "3 PREPEND X: y\n");
}

TEST(RestrictionsLayer, sockets_of_policy_servers_stand_in_the_queue_directory) {
  Outside outside;
  const auto asked = [&](Settings settings) {
    settings.emplace("smtpd_recipient_restrictions", "check_policy_service unix:private/greylist");
    rcpt(engine(std::move(settings)), to("a", "relay.example"), outside);
    return outside.services.back();
  };
  EXPECT_EQ(asked({}), "unix:/var/spool/postfix/private/greylist");
  EXPECT_EQ(asked({{"queue_directory", "/spool"}}), "unix:/spool/private/greylist");
}

TEST(RestrictionsLayer, what_a_policy_server_lacks_is_said_at_load) {
  const auto said = [](const std::string& service) {
    const Loaded made =
        loaded({{"smtpd_recipient_restrictions", "check_policy_service " + service}});
    std::string all;
    for (const Diagnostic& one : made.compiled.diagnostics) {
      all += one.code + " " + one.message + "\n";
    }
    return all;
  };
  EXPECT_EQ(said("{ inet:127.0.0.1:1, max_ttl=5s, request_limit=3 }"), "");
  EXPECT_EQ(said("{ inet:127.0.0.1:1, timeout=2s, try_limit=1 }"),
            "R013 inet:127.0.0.1:1: timeout, try_limit not carried out\n");
  EXPECT_EQ(said("{ inet:127.0.0.1:1, defaultaction=DUNNO }"),
            "R003 inet:127.0.0.1:1: a policy service has no `defaultaction`\n");
  EXPECT_EQ(said("{ inet:127.0.0.1:1, timeout = 2s }"),
            "R003 inet:127.0.0.1:1: `timeout` is not name=value\n");
  EXPECT_EQ(said("{ }"), "R003 braces without a server\n");
  EXPECT_EQ(said("{ inet:127.0.0.1:1, default_action=NEVER_MIND }"),
            "R003 default_action of inet:127.0.0.1:1: unknown keyword NEVER_MIND in a table\n");
}

TEST(RestrictionsLayer, a_file_is_read_once_whatever_names_it) {
  tests::TemporaryFolder folder;
  const std::string table = "hash:" + folder.write("access", "example.com REJECT\n");
  std::map<std::string, int> reads;
  TableSources sources = file_sources();
  sources.read = [&reads, read = sources.read](const std::string& path) {
    ++reads[path];
    return read(path);
  };
  const std::string names = folder.write("names", "a.example\n");
  const Settings settings{
      {"compatibility_level", "3.6"},
      {"mydestination", names},
      {"mynetworks", "10.0.0.0/8"},
      {"relay_domains", names + ", " + table},
      {"smtpd_sender_restrictions",
       "check_sender_access " + table + ", check_client_access " + table},
      {"smtpd_recipient_restrictions", "check_recipient_access " + table + ", check_helo_access " +
                                           table + ", check_sender_access unionmap:{" + table +
                                           "}, reject_unauth_destination"}};
  const Loaded made = load(Parameters(settings, "mx.example.net"), sources, Errors::refuse);
  ASSERT_TRUE(made.compiled.policy);
  EXPECT_EQ(reads, (std::map<std::string, int>{{folder.file("access"), 1}, {names, 1}}));
  const List& list = made.compiled.policy->list(ListKind::sender);
  EXPECT_EQ(list[0].table, list[1].table) << "one table in memory";
}

Engine deferring(Settings settings) {
  settings.emplace("compatibility_level", "3.6");
  settings.emplace("mydestination", "local.example");
  settings.emplace("relay_domains", "relay.example");
  settings.emplace("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination");
  const Loaded made = load(Parameters(settings), file_sources(), Errors::defer);
  if (!made.compiled.policy) ADD_FAILURE() << "does not compile";
  return Engine(
      {{std::make_shared<RestrictionsLayer>(made.compiled.policy, made.definition), Mode::enforce},
       {policy::gateway_layer()}});
}

std::string code_and_status(const std::string& reply) { return reply.substr(0, 9); }

TEST(RestrictionsLayer, a_list_that_is_not_delayed_refuses_at_its_own_command_alone) {
  Outside outside;
  for (const char* list : {"smtpd_client_restrictions", "smtpd_helo_restrictions"}) {
    const Engine lists = engine({{"smtpd_delay_reject", "no"},
                                 {list,
                                  "reject_unauth_pipelining, permit_sasl_authenticated, "
                                  "defer_if_permit"},
                                 {"smtpd_sasl_auth_enable", "yes"}});
    Evidence evidence = from_client("192.0.2.7");
    evidence.consider(to("a", "relay.example"));
    const auto said = [&] { return run(lists.decide(Stage::rcpt, evidence, outside)).reply; };
    EXPECT_EQ(code_and_status(said().to_string()), "450 4.7.0") << list;
    // What the session becomes later does not count for this list.
    evidence.session.early_talker = true;
    EXPECT_EQ(code_and_status(said().to_string()), "450 4.7.0") << list;
    evidence.session.auth.emplace().username = "ann";
    EXPECT_EQ(code_and_status(said().to_string()), "450 4.7.0") << list;
  }
}

// Anyone who signs up can create credentials with any name.
TEST(RestrictionsLayer, a_tenants_login_is_none_to_the_lists) {
  Outside outside;
  const Engine lists = engine({{"smtpd_relay_restrictions", "permit_sasl_authenticated, reject"},
                               {"smtpd_sasl_auth_enable", "yes"}});
  Evidence evidence = from_client("192.0.2.7");
  evidence.consider(to("a", "relay.example"));
  evidence.session.auth.emplace().username = "ann";
  EXPECT_FALSE(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))));
  evidence.session.auth->tenant = true;
  EXPECT_TRUE(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))));
}

TEST(RestrictionsLayer, an_address_at_helo_may_end_in_a_dot) {
  Outside outside;
  const Engine lists = engine({{"smtpd_helo_restrictions", "reject_invalid_helo_hostname"}});
  const std::pair<const char*, bool> cases[] = {
      {"198.18.4.9.", true}, {"a.", true},   {"2001:db8::1.", true}, {"[198.18.4.9].", false},
      {"1.2.3.", false},     {"a..", false}, {".", false},           {"198.18.4.9..", false}};
  for (const auto& [name, passes] : cases) {
    Evidence evidence = from_client("192.0.2.7");
    evidence.session.helo = name;
    evidence.consider(to("a", "relay.example"));
    EXPECT_EQ(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))), !passes) << name;
  }
}

TEST(RestrictionsLayer, a_bad_network_is_met_by_clients_of_its_family) {
  Outside outside;
  const auto said = [&](const std::string& networks, const std::string& client) {
    const Engine lists = deferring({{"mynetworks", networks}});
    return code_and_status(rcpt(lists, to("x", "foreign.example"), outside, client).reply);
  };
  EXPECT_EQ(said("[2001:db8::1]/36", "192.0.2.7"), "554 5.7.1");
  EXPECT_EQ(said("[2001:db8::1]/36", "2001:db8:9::7"), "451 4.3.0");
  EXPECT_EQ(said("198.18.4.0/33", "2001:db8:9::7"), "554 5.7.1");
  EXPECT_EQ(said("198.18.4.0/33", "192.0.2.7"), "451 4.3.0");
  EXPECT_EQ(said("2001:db8::/32", "192.0.2.7"), "451 4.3.0") << "a table, to Postfix";
  EXPECT_EQ(said("192.0.2.7, 198.18.4.0/33", "192.0.2.7"), "") << "a match in front";
}

TEST(RestrictionsLayer, what_cannot_be_read_is_trouble_where_it_is_needed) {
  Outside outside;
  const auto said = [&](Settings settings, policy::Recipient recipient) {
    const Played played = rcpt(deferring(std::move(settings)), std::move(recipient), outside);
    EXPECT_EQ(played.decision.steps.back().verdict.trouble == policy::Trouble::lookup,
              policy::refused(played.decision));
    return code_and_status(played.reply);
  };
  const Settings networks{{"mynetworks", "/nonexistent"}};
  EXPECT_EQ(said(networks, to("x", "foreign.example")), "451 4.3.0");
  EXPECT_EQ(said({{"mynetworks", "192.0.2.7, /nonexistent"}}, to("x", "foreign.example")), "");
  EXPECT_EQ(said({{"relay_domains", "/nonexistent"}}, to("x", "foreign.example")), "451 4.3.0");
  EXPECT_EQ(said({{"relay_domains", "/nonexistent"}}, to("x", "local.example")), "");
  EXPECT_EQ(said({{"local_recipient_maps", "hash:/nonexistent"}}, to("x", "local.example")),
            "451 4.3.0");
  EXPECT_EQ(said({{"local_recipient_maps", "hash:/nonexistent"}}, to("x", "relay.example")), "");
  EXPECT_EQ(said({{"relay_recipient_maps", "hash:/nonexistent"}}, to("x", "relay.example")),
            "451 4.3.0");
  EXPECT_EQ(
      said({{"local_recipient_maps", "inline:{x=1}, hash:/nonexistent"}}, to("x", "local.example")),
      "451 4.3.0")
      << "the first key of the second table comes before the second key of the first";
}

TEST(RestrictionsLayer, warn_if_reject_covers_tables_that_fail) {
  Outside outside;
  for (const char* table : {"fail:x", "hash:/nonexistent"}) {
    const std::string check = "check_sender_access " + std::string(table);
    EXPECT_EQ(
        rcpt(deferring({{"smtpd_sender_restrictions", check}}), to("a", "relay.example"), outside)
            .reply,
        "451 4.3.5 <alerts@example.com>: Sender address rejected: Server configuration error")
        << table;
    const Played warned =
        rcpt(deferring({{"smtpd_sender_restrictions", "warn_if_reject " + check}}),
             to("a", "relay.example"), outside);
    EXPECT_EQ(warned.reply, "") << table;
    ASSERT_FALSE(warned.decision.steps.empty());
    EXPECT_NE(warned.decision.steps[0].verdict.detail.find("would refuse"), std::string::npos);
  }
}

TEST(RestrictionsLayer, literals_of_the_machines_addresses_are_local) {
  Outside outside;
  const auto said = [&](const std::string& interfaces, const std::string& literal) {
    const Engine lists = engine({{"inet_interfaces", interfaces},
                                 {"smtpd_relay_restrictions", "reject_unauth_destination"}});
    Evidence evidence = from_client("192.0.2.7");
    evidence.session.server_ip = *IpAddress::parse("192.0.2.1");
    evidence.consider(to("a", literal));
    return !policy::refused(run(lists.decide(Stage::rcpt, evidence, outside)));
  };
  EXPECT_TRUE(said("all", "[192.0.2.1]")) << "the address that the client has connected to";
  EXPECT_TRUE(said("all", "[127.0.0.1]"));
  EXPECT_TRUE(said("all", "[IPv6:::1]"));
  EXPECT_FALSE(said("all", "[127.0.0.2]"));
  EXPECT_FALSE(said("all", "[192.0.2.2]"));
  EXPECT_TRUE(said("192.0.2.2", "[192.0.2.2]"));
  EXPECT_FALSE(said("192.0.2.2", "[192.0.2.1]"));
  EXPECT_FALSE(said("192.0.2.2", "[127.0.0.1]"));
  EXPECT_TRUE(said("loopback-only", "[127.0.0.1]"));
}

TEST(RestrictionsLayer, postmaster_alone_is_local_at_the_end_of_data_too) {
  Outside outside;
  const Engine lists = engine({{"smtpd_data_restrictions", "reject_unauth_destination"},
                               {"smtpd_end_of_data_restrictions", "reject_unauth_destination"},
                               {"myorigin", "elsewhere.example"}});
  Evidence evidence = from_client("192.0.2.7");
  evidence.consider(to("PostMaster", ""));
  EXPECT_FALSE(policy::refused(run(lists.decide(Stage::rcpt, evidence, outside))));
  evidence.recipients.push_back(*evidence.candidate);
  evidence.candidate.reset();
  for (const Stage stage : {Stage::data, Stage::message}) {
    EXPECT_FALSE(policy::refused(run(lists.decide(stage, evidence, outside))));
  }
}

TEST(RestrictionsLayer, lists_judge_a_postmaster_with_a_route) {
  Outside outside;
  const Engine lists = engine({{"smtpd_relay_restrictions", "reject_unauth_destination"},
                               {"mydestination", "mx.example.net"}});
  for (const std::string local : {"postmaster", "PostMaster", "\"postmaster\""}) {
    EXPECT_EQ(rcpt(lists, to(local, ""), outside).reply, "") << local;
  }
  for (const std::string local : {"postmaster%foreign.example", "foreign.example!postmaster",
                                  "\"postmaster@foreign.example\""}) {
    const Played played = rcpt(lists, to(local, ""), outside);
    EXPECT_EQ(played.reply, "554 5.7.1 <" + local + ">: Relay access denied");
    EXPECT_EQ(played.evidence.candidate->route.kind, Route::Kind::none) << local;
  }
}

TEST(RestrictionsLayer, the_queue_is_run_for_fast_flush_domains_alone) {
  Outside outside;
  const auto said = [&](const Engine& lists, const std::string& domain) {
    Evidence evidence = from_client("192.0.2.7");
    evidence.etrn = domain;
    const Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
    return policy::refused(decision) ? decision.reply.to_string() : "";
  };
  EXPECT_EQ(said(engine({}), "relay.example"), "");
  EXPECT_EQ(said(engine({}), "sub.relay.example"), "");
  EXPECT_EQ(said(engine({}), "foreign.example"), "459 foreign.example: service unavailable");
  EXPECT_EQ(said(engine({{"smtpd_etrn_restrictions", "check_etrn_access static:DISCARD"}}),
                 "foreign.example"),
            "459 foreign.example: service unavailable");
  EXPECT_EQ(said(engine({{"fast_flush_domains", "a.example"}}), "relay.example"),
            "459 relay.example: service unavailable");
  EXPECT_EQ(said(engine({{"smtpd_etrn_restrictions", "reject"}}), "foreign.example").substr(0, 9),
            "554 5.7.1");
  EXPECT_EQ(said(deferring({{"fast_flush_domains", "/nonexistent"}}), "a.example").substr(0, 3),
            "458");
}

TEST(RestrictionsLayer, a_recorded_decision_is_made_again_offline) {
  Outside outside;
  outside.zone["7.2.0.192.bl.example.net A"] = "127.0.0.2";
  outside.action = "DUNNO";
  const Engine lists =
      engine({{"smtpd_restriction_classes", "strict"},
              {"strict", "check_policy_service inet:127.0.0.1:10023, reject_non_fqdn_sender"},
              {"smtpd_recipient_restrictions",
               "strict, check_recipient_access inline:{ {ok@relay.example = OK} }, "
               "reject_rbl_client bl.example.net"}});
  policy::Trace trace;
  trace.id = "01HX0000000000000000000000";
  trace.outcome = "rejected";
  Evidence evidence = from_client("192.0.2.7");
  for (const char* local : {"ok", "bad"}) {
    evidence.consider(to(local, "relay.example"));
    Decision decision = run(lists.decide(Stage::rcpt, evidence, outside));
    EXPECT_EQ(policy::refused(decision), std::string(local) == "bad");
    if (!policy::refused(decision)) {
      decision.candidate = evidence.candidate;
      evidence.recipients.push_back(*evidence.candidate);
    }
    trace.note(std::move(decision));
  }
  evidence.candidate.reset();
  trace.evidence = evidence;
  const auto kept = policy::definitions_of(trace);
  const auto source = replay::definition_source(
      [&](const std::string& id, std::uint64_t version) -> Result<std::string> {
        for (const policy::Definition& one : kept) {
          if (one.id == id && one.version == version) return one.text;
        }
        return fail(Fault::not_found, id);
      });
  const auto read = policy::read_record(policy::write_record(trace), source);
  ASSERT_TRUE(read) << read.error().message;
  const auto again = run(replay::rederive(*read));
  ASSERT_TRUE(again) << again.error().message;
  for (const auto& answer : again->answers) {
    EXPECT_TRUE(answer.asked);
    for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
  }
}

TEST(RestrictionsLayer, a_large_table_that_has_changed_since_is_named) {
  const tests::TemporaryFolder folder;
  std::string large;
  for (int i = 0; i < 6000; ++i) large += "domain" + std::to_string(i) + ".example OK\n";
  folder.write("large", large);
  folder.write("small", "one.example OK\n");
  const Loaded made = loaded(
      {{"smtpd_sender_restrictions", "check_sender_access hash:" + folder.file("large") +
                                         ", check_sender_access hash:" + folder.file("small")}});
  const auto changed = [&] { return loaded_from_definition(made.definition).value().changed; };
  EXPECT_TRUE(changed().empty());
  folder.write("small", "other.example OK\n");
  EXPECT_TRUE(changed().empty()) << "its text is in the definition";
  folder.write("large", large + "newspam.example REJECT\n");
  EXPECT_EQ(changed(), std::set{folder.file("large")});
  std::filesystem::remove(folder.file("large"));
  EXPECT_EQ(changed(), std::set{folder.file("large")});
  EXPECT_FALSE(loaded_from_definition("no JSON"));
}

TEST(SaslOfLists, is_switched_off_only_in_writing) {
  const auto offers = [](Settings settings) {
    settings.emplace("compatibility_level", "3.6");
    settings.emplace("mydestination", "example.net");
    settings.emplace("local_recipient_maps", "");
    return compile(Parameters(std::move(settings)), {}, Errors::defer).draft->sasl;
  };
  EXPECT_TRUE(offers({}));
  EXPECT_TRUE(offers({{"smtpd_sasl_auth_enable", "yes"}}));
  EXPECT_FALSE(offers({{"smtpd_sasl_auth_enable", "no"}}));
}

}  // namespace
}  // namespace postern::dialect::restrictions
