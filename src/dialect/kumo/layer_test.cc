#include "dialect/kumo/layer.h"

#include <chrono>

#include <gmock/gmock.h>

#include "base/growth_test.h"
#include "base/patience_test.h"
#include "dialect/kumo/hooks_test.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::dialect::kumo {
namespace {

using policy::Stage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* local_problem = " 4.3.0 temporary local problem, try again later";

/// A world with a memory budget for scripts.
class ChargedWorld final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion, script::Clock::time_point) override {
    co_return fail(Fault::temporary, "nobody answers");
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    job();
    co_return Result<void>{};
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
  std::shared_ptr<MemoryBudget> memory() override { return budget; }

  const std::shared_ptr<MemoryBudget> budget = std::make_shared<MemoryBudget>(32u << 20);
};

class Layer : public testing::Hooks {
 protected:
  void load_charged(const std::string& text) {
    options_.text = text;
    auto loaded = LuaPolicy::load(options_, charged_);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    policy_ = *loaded;
    engine_ = std::make_unique<policy::Engine>(
        std::vector<policy::LayerEntry>{{std::make_shared<KumoLayer>(policy_)}});
  }
  void TearDown() override {
    evidence_ = {};
    engine_.reset();
    policy_.reset();
  }
  /// A handler with this body for each stage.
  static std::string everywhere(const std::string& body) {
    std::string text;
    for (const std::string_view event :
         {events::connected, events::ehlo, events::mail_from, events::rcpt_to, events::data}) {
      text += "kumo.on('" + std::string(event) + "', function(...) " + body + " end)\n";
    }
    return text;
  }
  ChargedWorld charged_;
  static constexpr Stage stages[] = {Stage::connect, Stage::helo, Stage::mail, Stage::rcpt,
                                     Stage::message};
  /// The replies of all stages.
  std::vector<std::string> replies() {
    std::vector<std::string> all;
    for (const Stage stage : stages) {
      evidence_.consider(
          {.address = {"anna", "example.net"}, .route = {.kind = policy::Route::Kind::relay}});
      all.push_back(verdict(stage));
    }
    return all;
  }
};

TEST_F(Layer, is_asked_where_a_handler_is) {
  load("kumo.on('smtp_server_mail_from', function() end)");
  EXPECT_TRUE(engine_->speaks_at(Stage::mail));
  EXPECT_FALSE(engine_->speaks_at(Stage::connect));
  EXPECT_FALSE(engine_->speaks_at(Stage::helo));
  EXPECT_FALSE(engine_->speaks_at(Stage::data));
}

TEST_F(Layer, connect_tells_where_from_and_may_turn_away) {
  load(
      "kumo.on('smtp_server_connection_accepted', function(c) "
      "kumo.log_info(c:get_meta 'received_from', c:get_meta 'received_via', c:get_meta 'hostname', "
      "c:get_meta 'x_listener', tostring(c:get_meta 'ehlo_domain')) "
      "kumo.reject(550, '5.7.1 not you') end)");
  evidence_.session.client_port = 4000;
  evidence_.session.helo.clear();
  EXPECT_EQ(verdict(Stage::connect), "550 5.7.1 not you");
  EXPECT_EQ(decision_.reply.after, smtp::After::close);
  EXPECT_THAT(said(), ElementsAre("203.0.113.10:4000 192.0.2.1:25 mx.example.org smtp nil"));
}

TEST_F(Layer, knows_the_certificate_and_the_proxy) {
  load(
      "kumo.on('smtp_server_mail_from', function(_, c) "
      "local names = c:get_meta 'tls_peer_subject_name' "
      "kumo.log_info(names and table.concat(names, ';') or 'none', "
      "tostring(c:get_meta 'orig_received_from'), tostring(c:get_meta 'orig_received_via')) end)");
  EXPECT_EQ(verdict(Stage::mail), "pass");
  policy::SessionFacts& session = evidence_.session;
  session.proxy_from = "192.0.2.9:4000";
  session.proxy_via = "192.0.2.1:25";
  session.tls.emplace();
  session.tls->client = policy::ClientCertificate{.name = "client.example"};
  EXPECT_EQ(verdict(Stage::mail), "pass");
  session.tls->client->trusted = true;
  EXPECT_EQ(verdict(Stage::mail), "pass");
  EXPECT_THAT(said(), ElementsAre("none nil nil", "none 192.0.2.9:4000 192.0.2.1:25",
                                  "CN=client.example 192.0.2.9:4000 192.0.2.1:25"));
}

TEST_F(Layer, ehlo_may_offer_another_list) {
  load(
      "kumo.on('smtp_server_ehlo', function(domain, c, list) "
      "kumo.log_info(domain, list and #list or 'HELO') "
      "return list and { list[1], 'X-EXTRA' } end)");
  evidence_.session.script = std::make_shared<policy::ScriptSession>();
  evidence_.session.script->extensions = {"PIPELINING", "SIZE 100"};
  EXPECT_EQ(verdict(Stage::helo), "pass");
  EXPECT_THAT(*evidence_.session.script->offered, ElementsAre("PIPELINING", "X-EXTRA"));
  evidence_.session.script->offered.reset();
  evidence_.session.esmtp = false;
  EXPECT_EQ(verdict(Stage::helo), "pass");
  EXPECT_FALSE(evidence_.session.script->offered);
  EXPECT_THAT(said(), ElementsAre("mx.example.com 2", "mx.example.com HELO"));
}

// RFC 5321 §4.1.4: a refused name leaves the values of the connection as they were.
TEST_F(Layer, ehlo_that_is_refused_sets_no_value) {
  load_charged(
      "kumo.on('smtp_server_connection_accepted', function(c) c:set_meta('k', 'connect') end)\n"
      "kumo.on('smtp_server_ehlo', function(name, c) c:set_meta('k', ('x'):rep(1000000)) "
      "c:set_meta('x_new', name) if name ~= 'good.example' then kumo.reject(550, 'no') end end)");
  EXPECT_EQ(verdict(Stage::connect), "pass");
  const std::uint64_t once = charged_.budget->used();
  const auto greet = [&](const char* name) {
    policy::Evidence before = std::exchange(evidence_, evidence_.greeted(name, true));
    const std::string said = verdict(Stage::helo);
    if (said != "pass") evidence_ = std::move(before);
    return said;
  };
  EXPECT_EQ(greet("bad.example"), "550 no");
  EXPECT_EQ(evidence_.session.script->meta.at("k"), "connect");
  EXPECT_FALSE(evidence_.session.script->meta.contains("x_new"));
  EXPECT_LT(charged_.budget->used(), once + 500'000) << "what was set is given back";
  EXPECT_EQ(greet("good.example"), "pass");
  EXPECT_EQ(greet("bad.example"), "550 no");
  EXPECT_EQ(evidence_.session.script->meta.at("x_new"), "good.example");
  EXPECT_EQ(evidence_.session.script->greeted_as, "good.example");
  EXPECT_GT(charged_.budget->used(), once + 500'000);
}

TEST_F(Layer, ehlo_takes_lists_of_strings_alone) {
  for (const char* wrong : {"{ 1 }", "'PIPELINING'", "true", "{ a = 'b' }"}) {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_ehlo', function() return " + std::string(wrong) + " end)");
    EXPECT_EQ(verdict(Stage::helo), "451" + std::string(local_problem)) << wrong;
    EXPECT_FALSE(evidence_.session.script->offered);
  }
}

TEST_F(Layer, mail_hands_the_sender_over) {
  load(
      "kumo.on('smtp_server_mail_from', function(s, c) kumo.log_info(s.user, s.domain, s.email, "
      "tostring(s)) if s.email == '' then kumo.reject(451, 'no bounces') end end)");
  evidence_.reverse_path = mail::Mailbox{"\"a b\"", "example.com"};
  EXPECT_EQ(verdict(Stage::mail), "pass");
  evidence_.reverse_path.reset();
  EXPECT_EQ(verdict(Stage::mail), "451 no bounces");
  EXPECT_THAT(said(),
              ElementsAre("a b example.com \"a b\"@example.com \"a b\"@example.com", "   "));
}

TEST_F(Layer, relaying_needs_a_grant) {
  options_.relay_to = {"partner.example"};
  load("kumo.on('smtp_server_rcpt_to', function(r) kumo.log_info(r.email) end)");
  EXPECT_TRUE(has_route("anna", "Partner.EXAMPLE"));
  EXPECT_FALSE(has_route("anna", "elsewhere.example"));
  evidence_.session.client_ip = *IpAddress::parse("198.51.100.7");
  EXPECT_TRUE(has_route("anna", "elsewhere.example")) << "a relay host sends anywhere";
  EXPECT_THAT(said(), ElementsAre("anna@Partner.EXAMPLE", "anna@elsewhere.example"))
      << "the handler is not asked about what nobody takes";
}

TEST_F(Layer, listener_domains_grant_by_sender_and_recipient) {
  options_.relay_to = {"partner.example"};
  load(
      "kumo.on('get_listener_domain', function(domain, listener, c) "
      "kumo.log_info(domain, listener) "
      "if domain == 'open.example' then return kumo.make_listener_domain { relay_to = true } end "
      "if domain == 'office.example' then return kumo.make_listener_domain { relay_from = "
      "{'203.0.113.0/24'} } end end)");
  EXPECT_TRUE(has_route("anna", "open.example"));
  EXPECT_FALSE(has_route("anna", "partner.example")) << "with a handler it alone decides";
  EXPECT_THAT(said(), ElementsAre("example.com 192.0.2.1:25", "open.example 192.0.2.1:25",
                                  "example.com 192.0.2.1:25", "partner.example 192.0.2.1:25"));
  evidence_.reverse_path = mail::Mailbox{"boss", "OFFICE.example"};
  EXPECT_TRUE(has_route("anna", "partner.example"));
  evidence_.session.client_ip = *IpAddress::parse("192.0.2.9");
  EXPECT_FALSE(has_route("anna", "partner.example"));
}

TEST_F(Layer, a_grant_follows_the_identity) {
  load(
      "kumo.on('get_listener_domain', function(domain, listener, c) "
      "if c:get_meta 'authz_id' == 'scott' then return kumo.make_listener_domain { relay_to = true "
      "} end end)");
  EXPECT_FALSE(has_route("anna", "partner.example"));
  evidence_.session.auth = policy::Authentication{.username = "scott", .mechanism = "PLAIN"};
  EXPECT_TRUE(has_route("anna", "partner.example"));
  evidence_.session.auth.reset();
  EXPECT_FALSE(has_route("anna", "partner.example"));
}

TEST_F(Layer, a_failing_grant_is_a_temporary_refusal) {
  for (const char* body : {"return 5", "return { relay_too = true }", "error('x')"}) {
    load("kumo.on('get_listener_domain', function() " + std::string(body) + " end)");
    evidence_.session.script.reset();
    EXPECT_FALSE(has_route("anna", "partner.example")) << body;
    EXPECT_EQ(decision_.reply.code, 451) << body;
  }
}

TEST_F(Layer, data_sees_the_message_once) {
  load(
      "kumo.on('smtp_server_data', function(msg, c) kumo.log_info(#msg:recipient_list(), "
      "msg:sender().email, msg:get_first_named_header_value 'subject') "
      "msg:set_meta('x_seen', 1) end)");
  recipients({"anna", "bert"});
  receive("Subject: two\r\n words\r\n\r\ntext\r\n");
  EXPECT_EQ(verdict(Stage::message), "pass");
  EXPECT_THAT(said(), ElementsAre("2 alerts@example.com two words"));
  ASSERT_EQ(evidence_.copies.size(), 1u);
  EXPECT_EQ(evidence_.copies[0].meta.at("x_seen").as_int64(), 1);
  EXPECT_FALSE(evidence_.copies[0].header) << "what is only read stays as it came";
}

TEST_F(Layer, same_copies_stay_together) {
  load(
      "kumo.on('smtp_server_message_received', function(msg) "
      "msg:set_meta('x', 'y') msg:prepend_header('X-A', 'b') end)");
  recipients({"anna", "bert", "carl"});
  receive("Subject: x\r\n\r\ntext\r\n");
  EXPECT_EQ(verdict(Stage::message), "pass");
  ASSERT_EQ(evidence_.copies.size(), 1u);
  EXPECT_THAT(evidence_.copies[0].recipients, ElementsAre(0, 1, 2));
  EXPECT_EQ(*evidence_.copies[0].header, "X-A: b\r\nSubject: x\r\n\r\n");
}

// Each copy was once compared with all earlier ones, which took minutes here.
TEST_F(Layer, many_copies_that_differ_cost_no_more_each) {
  load(
      "kumo.on('smtp_server_message_received', function(msg) "
      "msg:set_meta('for', msg:recipient().user) "
      "if msg:recipient().user == 'u7' then msg:set_meta('for', 'u8') end end)");
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i) many.push_back("u" + std::to_string(i));
  recipients(many);
  receive("Subject: x\r\n\r\ntext\r\n");
  EXPECT_LT(tests::cpu_seconds([&] { EXPECT_EQ(verdict(Stage::message), "pass"); }), 20);
  ASSERT_EQ(evidence_.copies.size(), 2999u);
  EXPECT_THAT(evidence_.copies[7].recipients, ElementsAre(7, 8)) << "equal ones stay together";
}

TEST_F(Layer, values_of_a_connection_are_charged) {
  load_charged(
      "kumo.on('smtp_server_ehlo', function(name, c) c:set_meta('k', ('x'):rep(1000000)) end)\n"
      "kumo.on('smtp_server_mail_from', function(from, c) "
      "for i = 1, 1000 do c:set_meta('k' .. i, ('x'):rep(1000000)) end end)");
  EXPECT_EQ(verdict(Stage::helo), "pass");
  const std::uint64_t once = charged_.budget->used();
  EXPECT_GT(once, 1'000'000u);
  EXPECT_EQ(verdict(Stage::helo), "pass");
  EXPECT_LT(charged_.budget->used(), once + 500'000) << "a value in place of another";
  EXPECT_EQ(verdict(Stage::mail), "452 4.3.1 insufficient system storage");
  EXPECT_LE(evidence_.session.script->meta.size(), 34u);
  evidence_.session.script.reset();
  EXPECT_LT(charged_.budget->used(), 8u << 20) << "given back with the session";
}

// Values that a script removed once stayed charged to the budget of all sessions.
TEST_F(Layer, values_that_are_taken_out_are_given_back) {
  recipients({"anna"});
  receive("Subject: x\r\n\r\ntext\r\n");
  load_charged(
      "kumo.on('smtp_server_message_received', function(msg) for i = 1, 100 do "
      "msg:set_meta('k', ('x'):rep(1000000)) msg:set_meta('k', nil) end end)");
  EXPECT_EQ(verdict(Stage::message), "pass");
}

TEST_F(Layer, copies_are_charged_while_they_are_made) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("u" + std::to_string(i));
  recipients(many);
  receive("Subject: x\r\n\r\ntext\r\n");
  load_charged(
      "kumo.on('smtp_server_message_received', function(msg) "
      "msg:set_meta('k', ('x'):rep(1000000) .. tostring(msg:recipient())) end)");
  EXPECT_EQ(verdict(Stage::message), "452 4.3.1 insufficient system storage");
  evidence_.session.script.reset();  // it keeps the policy that it began with
  load_charged(
      "kumo.on('smtp_server_message_received', function(msg) "
      "msg:set_meta('k', ('x'):rep(1000000)) end)");
  EXPECT_EQ(verdict(Stage::message), "pass") << "one copy for all";
  EXPECT_EQ(evidence_.copies.size(), 1u);
}

TEST_F(Layer, different_copies_part) {
  const char* changes[] = {"msg:set_meta('x', 'y')", "msg:append_header('X-A', 'b')",
                           "msg:set_sender('c@example.com')", "msg:set_recipient('d@example.com')",
                           "msg:set_data('Subject: y\\n\\nother')"};
  for (const char* change : changes) {
    options_.relay_to = {"example.com"};
    load(
        "kumo.on('smtp_server_message_received', function(msg) "
        "if msg:recipient().user == 'bert' then " +
        std::string(change) + " end end)");
    recipients({"anna", "bert", "carl"});
    receive("Subject: x\r\n\r\ntext\r\n");
    evidence_.session.script.reset();
    EXPECT_EQ(verdict(Stage::message), "pass");
    ASSERT_EQ(evidence_.copies.size(), 2u) << change;
    EXPECT_THAT(evidence_.copies[0].recipients, ElementsAre(0, 2)) << change;
    EXPECT_THAT(evidence_.copies[1].recipients, ElementsAre(1)) << change;
  }
}

TEST_F(Layer, one_refusal_refuses_the_message) {
  load(
      "kumo.on('smtp_server_message_received', function(msg) "
      "kumo.log_info(msg:recipient().user) "
      "if msg:recipient().user == 'bert' then kumo.reject(550, '5.7.1 not for bert') end end)");
  recipients({"anna", "bert", "carl"});
  EXPECT_EQ(verdict(Stage::message), "550 5.7.1 not for bert");
  EXPECT_THAT(said(), ElementsAre("anna", "bert"));
}

TEST_F(Layer, errors_are_temporary_and_say_nothing) {
  load(everywhere("error('secret path /etc/x')"));
  recipients({"anna"});
  const std::string later = std::string("451") + local_problem;
  EXPECT_THAT(replies(),
              ElementsAre("421" + std::string(local_problem), later, later, later, later));
  EXPECT_THAT(decision_.steps.back().verdict.detail, HasSubstr("policy.lua:5: secret path"))
      << "the trace says why";
  EXPECT_EQ(decision_.steps.back().verdict.trouble, policy::Trouble::script);
  EXPECT_EQ(decision_.steps.back().origin, "policy.lua:5");
}

TEST_F(Layer, budgets_end_a_hook_and_not_the_next) {
  options_.limits = {.instructions = 200'000, .memory = 4u << 20, .time = tests::patience};
  for (const char* body :
       {"while true do end", "local t = {} while true do t[#t + 1] = 'x' end",
        "pcall(function() while true do end end) while true do end",
        "local s = 'x' while true do s = s .. s end", "return string.rep('x', 1 << 30)",
        "local function f() return f() end f()", "local function f() f() end f()"}) {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_mail_from', function(s) if s.user == 'bad' then " +
         std::string(body) + " end end)");
    evidence_.reverse_path = mail::Mailbox{"bad", "example.com"};
    EXPECT_EQ(verdict(Stage::mail), std::string("451") + local_problem) << body;
    evidence_.reverse_path = mail::Mailbox{"good", "example.com"};
    EXPECT_EQ(verdict(Stage::mail), "pass") << body;
  }
}

TEST_F(Layer, the_line_that_refuses_is_named) {
  load(
      "local function refuse()\n  kumo.reject(550, 'no')\nend\n"
      "kumo.on('smtp_server_mail_from', function()\n  refuse()\nend)");
  evidence_.reverse_path = mail::Mailbox{"anna", "example.com"};
  decide(Stage::mail);
  ASSERT_FALSE(decision_.steps.empty());
  EXPECT_EQ(decision_.steps.back().verdict.detail,
            "(\"anna@example.com\"): refused at policy.lua:2");
}

TEST_F(Layer, refusals_have_the_words_of_the_script) {
  const struct {
    std::string call, reply;
  } cases[] = {
      {"kumo.reject(550, '5.7.1 no')", "550 5.7.1 no"},
      {"kumo.reject(450, 'later')", "450 later"},
      {"kumo.reject(550, '4.7.1 other class')", "550 other class"},
      {"kumo.reject(550, '')", "550 5.7.1 refused by policy"},
      {"kumo.reject(451, '\\n \\n')", "451 4.7.1 try again later"},
      {"kumo.reject(550, 'a\\nb')", "550 a b"},
      {"kumo.reject(550, 'a\\r\\n250 ok')", "550 a 250 ok"},
      // The enhanced code is taken from any line and written once for each line.
      {"kumo.reject(550, '5.7.1\\nsecond line')", "550 5.7.1 second line"},
      {"kumo.reject(550, 'a\\n5.7.1 b')", "550 5.7.1 a b"},
      {"kumo.reject(550, '5.7.1 a\\r\\n5.7.1 b\\n5.7.2 c\\n5.7.1')", "550 5.7.1 a b c"},
      {"kumo.reject(550, '4.7.1 a\\n5.1.1 b')", "550 5.1.1 a b"},
      {"kumo.reject(550, 'see 5.7.1\\nand 5.7.2')", "550 see 5.7.1 and 5.7.2"},
      {"kumo.reject(550, '5.1.1\\n\\n')", "550 5.1.1 refused by policy"},
      {"kumo.reject(550, 'a\\0\\27[1mb')", "550 a  [1mb"},
      {"kumo.reject(250, 'ok')", std::string("451") + local_problem},
      {"kumo.reject(600, 'x')", std::string("451") + local_problem},
      {"kumo.reject('550', 'as text')", "550 as text"},
      {"kumo.reject('x', 'y')", std::string("451") + local_problem},
      {"kumo.reject(550)", std::string("451") + local_problem},
      {"pcall(kumo.reject, 550, 'caught')", "pass"},
      {"local ok, e = pcall(kumo.reject, 554, 'again') error(e)", "554 again"},
      {"kumo.disconnect(550, 'bye', 'Whenever')", std::string("451") + local_problem},
  };
  for (const auto& one : cases) {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_mail_from', function() " + one.call + " end)");
    decide(Stage::mail);
    std::string reply = policy::refused(decision_) ? decision_.reply.to_string() : "pass";
    EXPECT_EQ(reply, one.reply) << one.call;
  }
}

TEST_F(Layer, disconnecting_closes_as_asked) {
  const struct {
    std::string call;
    smtp::After after;
  } cases[] = {
      {"kumo.disconnect(550, 'bye')", smtp::After::close},
      {"kumo.disconnect(550, 'bye', 'ForceDisconnect')", smtp::After::close},
      {"kumo.disconnect(550, 'bye', 'FollowWith421')", smtp::After::close_with_421},
      {"kumo.disconnect(550, 'bye', 'If421')", smtp::After::go_on},
      {"kumo.reject(550, 'bye')", smtp::After::go_on},
  };
  for (const auto& one : cases) {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_mail_from', function() " + one.call + " end)");
    EXPECT_EQ(verdict(Stage::mail), "550 bye");
    EXPECT_EQ(decision_.reply.after, one.after) << one.call;
  }
}

TEST_F(Layer, a_session_keeps_the_policy_it_began_with) {
  load("kumo.on('smtp_server_mail_from', function() kumo.reject(550, 'old') end)");
  EXPECT_EQ(verdict(Stage::mail), "550 old");
  load("kumo.on('smtp_server_mail_from', function() kumo.reject(550, 'new') end)");
  EXPECT_EQ(verdict(Stage::mail), "550 old");
  evidence_.session.script.reset();
  EXPECT_EQ(verdict(Stage::mail), "550 new");
}

/// Asks everything that a hook can ask, at several stages and several times at one.
constexpr const char* asking = R"(
kumo.on('smtp_server_connection_accepted', function(c) c:set_meta('x_name', 'from connect') end)
kumo.on('smtp_server_mail_from', function(s, c)
  if kumo.spf.check_host(s.domain, c, s.email).disposition ~= 'pass' then kumo.reject(550, 'spf') end
  c:set_meta('x_mail', kumo.dns.lookup_txt('example.com')[1])
end)
kumo.on('get_listener_domain', function(domain, listener, c)
  if domain == 'partner.example' and kumo.dns.lookup_txt(domain)[1] == 'yes' then
    return kumo.make_listener_domain { relay_to = true }
  end
end)
kumo.on('smtp_server_data', function(msg, c)
  msg:set_meta('x_from', msg:to_header() and 'there' or msg:get_first_named_header_value 'From')
end)
kumo.on('smtp_server_message_received', function(msg, c)
  local subject = msg:get_first_named_header_value 'Subject'
  if msg:recipient().user == 'bert' then
    kumo.reject(550, table.concat({ subject, c:get_meta 'x_name', c:get_meta 'x_mail',
      msg:get_meta 'x_from', #msg:dkim_verify(), kumo.spf.check_msg(msg).disposition }, ', '))
  end
end)
)";

TEST_F(Layer, a_record_makes_the_same_decisions_again) {
  zone(R"({"example.com": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
           "partner.example": {"TXT": ["yes"]}})");
  load(asking);
  recipients({});
  policy::Trace trace;
  EXPECT_EQ(verdict(Stage::connect), "pass");
  trace.note(decision_);
  EXPECT_EQ(verdict(Stage::mail), "pass");
  trace.note(decision_);
  EXPECT_TRUE(has_route("anna", "partner.example"));
  trace.note(decision_);
  evidence_.candidate.reset();
  recipients({"anna", "bert"});
  receive("From: <a@example.com>\r\nSubject: hello\r\n\r\ntext\r\n");
  EXPECT_EQ(verdict(Stage::message),
            "550 hello, from connect, v=spf1 ip4:203.0.113.0/24 -all, <a@example.com>, 0, pass");
  trace.note(decision_);
  trace.evidence = evidence_;

  const auto again = script::testing::run(replay::rederive(trace));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  ASSERT_EQ(again->answers.size(), 4u);
  for (const replay::Rederived::Answer& one : again->answers) {
    EXPECT_TRUE(one.asked);
    EXPECT_THAT(one.differences, ElementsAre());
  }
}

/// Decides by the clock and by random numbers.
constexpr const char* by_chance = R"(
kumo.on('smtp_server_mail_from', function()
  local began, n = os.time(), 0
  while n < 20000 do n = n + os.time() // os.time() end
  local drawn = { math.random(), math.random(0), math.random(1000), math.random(-5, 5) }
  kumo.sleep(0.01)
  math.randomseed()
  drawn[5], drawn[6] = math.random(1 << 40), math.random(math.mininteger, math.maxinteger)
  math.randomseed(42)
  kumo.reject(550, table.concat({ began, os.date '!%c', os.date('!%c', 0), os.clock(),
    kumo.time.now().unix_timestamp_millis, kumo.uuid.new_v4().simple, math.random(100),
    table.concat(drawn, ' ') }, ', '))
end)
)";

TEST_F(Layer, a_record_has_the_clock_and_what_came_by_chance) {
  load(by_chance);
  policy::Trace trace;
  EXPECT_THAT(verdict(Stage::mail), HasSubstr("Thu Jan  1 00:00:00 1970"));
  EXPECT_LT(decision_.script.size(), 1000u) << "a clock that is asked again and again is one line";
  trace.note(decision_);
  trace.evidence = evidence_;
  const auto again = script::testing::run(replay::rederive(trace));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  ASSERT_EQ(again->answers.size(), 1u);
  EXPECT_THAT(again->answers.front().differences, ElementsAre());
}

// The numbers of a new Message-ID and a boundary are drawn inside of functions that are not run
// again.
TEST_F(Layer, a_record_has_no_draws_of_what_is_not_run_again) {
  load(R"(
kumo.on('smtp_server_message_received', function(msg)
  msg:check_fix_conformance('', 'MISSING_MESSAGE_ID_HEADER|MISSING_DATE_HEADER|MISSING_MIME_VERSION')
  local one = math.random(1 << 40)
  msg:check_fix_conformance('', 'MISSING_COLON_VALUE')
  kumo.reject(550, table.concat({ one, os.time(), math.random(1 << 40),
    msg:get_first_named_header_value 'Message-ID' }, ' '))
end))");
  recipients({"anna"});
  receive("From: <a@example.com>\r\n\r\ntext\r\n");
  policy::Trace trace;
  EXPECT_THAT(verdict(Stage::message), StartsWith("550 "));
  trace.note(decision_);
  trace.evidence = evidence_;
  const auto again = script::testing::run(replay::rederive(trace));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  ASSERT_EQ(again->answers.size(), 1u);
  EXPECT_TRUE(again->answers.front().asked);
  EXPECT_THAT(again->answers.front().differences, ElementsAre());
}

TEST_F(Layer, a_record_does_not_answer_another_question) {
  load("kumo.on('smtp_server_mail_from', function() kumo.dns.lookup_txt('example.com') end)");
  decide(Stage::mail);
  const std::string record = decision_.script;
  load(
      "kumo.on('smtp_server_mail_from', function() pcall(kumo.dns.lookup_txt, 'a.example') "
      "kumo.dns.lookup_addr('example.com') end)");
  evidence_.session.script.reset();
  tape_ = policy::Tape::of(record);
  const int asked = gatherer_->asked;
  EXPECT_EQ(verdict(Stage::mail), std::string("451") + local_problem);
  EXPECT_THAT(decision_.steps.back().verdict.detail, HasSubstr("the record has no answer"));
  EXPECT_EQ(gatherer_->asked, asked) << "nobody is asked";
}

}  // namespace
}  // namespace postern::dialect::kumo
