// smtp_server_auth_plain: the values that a handler may return, and the login that results.
#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"
#include "policy/inquiry.h"
#include "policy/step.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = policy::AuthAnswer::Kind;

constexpr const char* password = "correct horse";

class Verifier : public testing::Hooks {
 protected:
  void load_handler(const std::string& body) {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta) " + body +
         " end)");
  }
  const policy::AuthAnswer& ask(std::string authz, std::string authn = "scott") {
    const KumoVerifier verifier(policy_);
    steps_.clear();
    attempt_ = {.mechanism = "PLAIN",
                .authz_id = std::move(authz),
                .authn_id = std::move(authn),
                .password = Secret(password)};
    policy::Inquiry inquiry(evidence_, *gatherer_, tape_);
    answer_ = script::testing::run(verifier.verify(attempt_, inquiry, steps_));
    EXPECT_EQ(steps_.size(), 1u);
    return answer_;
  }
  /// "accepted scott/scott", "refused", "unavailable 451 4.3.0 text".
  std::string word(std::string authz = "") {
    const policy::AuthAnswer& answer = ask(std::move(authz));
    std::string text = answer.kind == Kind::accepted  ? "accepted"
                       : answer.kind == Kind::refused ? "refused"
                       : answer.kind == Kind::unknown ? "unknown"
                                                      : "unavailable";
    if (answer.kind == Kind::accepted) {
      text += " " + answer.identity.username + "/" + answer.identity.authz_id;
    }
    if (answer.reply) text += " " + answer.reply->to_string();
    return text;
  }

  policy::AuthAttempt attempt_;
  policy::AuthAnswer answer_;
  std::vector<policy::Step> steps_;
};

TEST_F(Verifier, serves_what_has_a_password_and_a_handler) {
  load_handler("return true");
  const KumoVerifier with(policy_);
  EXPECT_TRUE(with.serves("PLAIN"));
  EXPECT_TRUE(with.serves("LOGIN"));
  EXPECT_FALSE(with.serves("OAUTHBEARER"));
  load("kumo.on('smtp_server_mail_from', function() end)");
  EXPECT_FALSE(KumoVerifier(policy_).serves("PLAIN"));
}

TEST_F(Verifier, the_handler_gets_names_and_password) {
  load_handler(
      "return authz == 'scott' and authc == 'scott' and password == 'correct horse' and "
      "conn_meta:get_meta 'authn_id' == nil and conn_meta:get_meta 'hostname' == 'mx.example.org'");
  EXPECT_EQ(word(), "accepted scott/scott") << "without an authz_id it is the authn_id";
}

TEST_F(Verifier, results_mean_what_they_say) {
  const struct {
    std::string body, authz, word;
  } cases[] = {
      {"return true", "", "accepted scott/scott"},
      {"return true", "scott", "accepted scott/scott"},
      {"return true", "boss", "refused"},  // docs/decisions/0033
      {"return false", "", "refused"},
      {"return nil", "", "refused"},
      {"", "", "refused"},
      {"return 1", "", "unavailable"},
      {"return 'true'", "", "unavailable"},
      {"return function() end", "", "unavailable"},
      {"return conn_meta", "", "unavailable"},
      {"return {}", "", "unavailable"},
      {"return { identities = {} }", "", "unavailable"},
      {"return { true }", "", "unavailable"},
      {"return nil, true", "", "refused"},
      {"return true, 'more'", "", "accepted scott/scott"},
      {"return false, true", "", "refused"},
      {"error('x')", "", "unavailable"},
      {"error({})", "", "unavailable"},
      {"local x = nil; return x.y", "", "unavailable"},
      {"kumo.reject(535, '5.7.8 no')", "", "refused 535 5.7.8 no"},
      {"kumo.reject(454, '4.7.0 later')", "", "unavailable 454 4.7.0 later"},
      {"kumo.reject(250, 'ok')", "", "unavailable"},
  };
  for (const auto& one : cases) {
    load_handler(one.body);
    EXPECT_EQ(word(one.authz), one.word) << one.body << " for " << one.authz;
  }
}

TEST_F(Verifier, a_handler_without_an_answer_is_warned_of) {
  const std::pair<std::string, bool> cases[] = {
      {"", true},
      {"return", true},
      {"return nil", true},
      {"return nil, 'why'", true},
      {"return false", false},
      {"return true", false},
      {"kumo.reject(535, '5.7.8 no')", false},
      {"error('x')", false},  // logged as an error instead
  };
  for (const auto& [body, warned] : cases) {
    load_handler(body);
    world_.lines.clear();
    ask("");
    const auto about = [](const std::string& line) {
      return line.starts_with("warning policy.lua:1 smtp_server_auth_plain: ") &&
             line.find("returned nothing") != std::string::npos;
    };
    EXPECT_EQ(std::count_if(world_.lines.begin(), world_.lines.end(), about), warned ? 1 : 0)
        << body;
    for (const std::string& line : world_.lines) EXPECT_THAT(line, Not(HasSubstr(password)));
  }
  load_handler("");
  tape_.playing = true;
  world_.lines.clear();
  ask("");
  EXPECT_TRUE(world_.lines.empty()) << "a decision that is made again is no login";
}

TEST_F(Verifier, auth_info_names_who_it_is_and_may_act_for) {
  const std::string plain = "context = 'SmtpAuthPlainAuthentication'";
  const std::string acting = "context = 'SmtpAuthPlainAuthorization'";
  const struct {
    std::string info, authz, word;
  } cases[] = {
      {"{ identities = { { identity = 'u1', " + plain + " } } }", "", "accepted u1/u1"},
      {"{ identities = { { identity = 'u1', " + plain + " }, { identity = 'boss', " + acting +
           " } } }",
       "boss", "accepted u1/boss"},
      {"{ identities = { { identity = 'u1', " + plain + " }, { identity = 'boss', " + acting +
           " } } }",
       "chief", "refused"},
      {"{ identities = { { identity = 'a', " + acting + " }, { identity = 'u1', " + plain +
           " }, { identity = 'b', " + acting + " } } }",
       "b", "accepted u1/b"},
      {"{ identities = { { identity = 'a', " + acting + " }, { identity = 'b', " + acting +
           " } } }",
       "", "accepted a/a"},
      {"{ identities = { { identity = 'u1', " + plain +
           " }, { identity = 'boss', context = 'GenericAuth' } } }",
       "boss", "refused"},
      {"{ identities = { { identity = 'u1', " + plain + " }, { identity = '', " + acting + " } } }",
       "", "unavailable"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, groups = 'a' }", "", "unavailable"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, groups = { a = true } }", "",
       "unavailable"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, groups = {} }", "",
       "accepted u1/u1"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, peer_address = '2001:db8::1' }", "",
       "accepted u1/u1"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, peer_address = 'here' }", "",
       "unavailable"},
      {"{ identities = { { identity = 'key', context = 'GenericAuth' } } }", "",
       "accepted key/key"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, groups = { 'a', 'b' } }", "",
       "accepted u1/u1"},
      {"{ identities = { { identity = 'u1', context = 'Nonsense' } } }", "", "unavailable"},
      {"{ identities = { { identity = '', " + plain + " } } }", "", "unavailable"},
      {"{ identities = { { identity = 5, " + plain + " } } }", "", "unavailable"},
      {"{ identities = { 'u1' } }", "", "unavailable"},
      {"{ identities = 'u1' }", "", "unavailable"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, groups = { 1 } }", "",
       "unavailable"},
      {"{ identities = { { identity = 'u1', " + plain + " } }, grups = { 'a' } }", "",
       "accepted u1/u1"},
  };
  for (const auto& one : cases) {
    load_handler("return " + one.info);
    EXPECT_EQ(word(one.authz), one.word) << one.info << " for " << one.authz;
  }
  load_handler("return { identities = { { identity = 'u1', " + plain +
               " } }, groups = { 'a', 'b' } }");
  EXPECT_THAT(ask("").identity.groups, ElementsAre("a", "b"));
  load_handler("return { identities = { { identity = 'u1', " + plain + " } }, grups = { 'a' } }");
  EXPECT_TRUE(ask("").identity.groups.empty());
  EXPECT_THAT(steps_[0].verdict.detail, HasSubstr("whose field 'grups' is not known here"));
}

TEST_F(Verifier, who_is_in_no_store_is_refused_and_an_outage_is_not) {
  const std::string body =
      "return password == kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. "
      "authc, vault_address = 'http://127.0.0.1:8200', vault_token = 'hvs.token' }";
  load_handler(body);
  const auto answer = [&](int status, std::string text) {
    world_.answers = {{.status = status, .body = std::move(text)}};
    return word();
  };
  EXPECT_EQ(answer(200, R"({"data":{"data":{"key":"correct horse"}}})"), "accepted scott/scott");
  EXPECT_EQ(answer(200, R"({"data":{"data":{"key":"wrong"}}})"), "refused");
  EXPECT_EQ(answer(404, "{}"), "refused");
  EXPECT_EQ(answer(503, "{}"), "unavailable");
  EXPECT_EQ(answer(403, "{}"), "unavailable");
  world_.answers.clear();
  EXPECT_EQ(word(), "unavailable") << "nobody answers";
}

TEST_F(Verifier, no_step_record_or_log_has_the_password) {
  for (const char* body :
       {"error('wrong: ' .. password)", "kumo.log_info('it was', password) return true",
        "return password", "kumo.reject(535, '5.7.8 ' .. password)", "print(password) return false",
        "conn_meta:set_meta('x', password) return { identities = password }",
        "kumo.log_error({ p = password }) error({ password })"}) {
    load_handler(body);
    world_.lines.clear();
    ask("", "scott");
    for (const std::string& line : world_.lines) EXPECT_THAT(line, Not(HasSubstr(password)));
    EXPECT_THAT(answer_.detail, Not(HasSubstr(password))) << body;
    EXPECT_THAT(steps_[0].verdict.detail, Not(HasSubstr(password))) << body;
    EXPECT_THAT(steps_[0].verdict.detail, HasSubstr("(\"scott\", \"scott\", password)"));
    EXPECT_EQ(tape_.record, "") << body;
  }
}

TEST_F(Verifier, a_runaway_is_unavailable) {
  options_.limits.instructions = 100'000;
  load_handler("while true do end");
  EXPECT_EQ(word(), "unavailable");
  load_handler("while true do pcall(error, 'x') end");
  EXPECT_EQ(word(), "unavailable");
}

}  // namespace
}  // namespace postern::dialect::kumo
