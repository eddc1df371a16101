// A recorded login is judged again without its password, without the answers of stores, and without
// new lookups.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <thread>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/hooks_test.h"
#include "policy/inquiry.h"
#include "policy/record.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view right = "correct horse";

class LoginRecord : public testing::Hooks {
 protected:
  LoginRecord() {
    options_.path = folder_.file("policy.lua");
    put("create table auth (user text, pass text, pin integer, salt text, hash text, flag text);"
        "insert into auth values ('scott', 'correct horse', 471104711047, 'NaCl',"
        " '7d5f5b2a0e0f4f1f0a', 'active');");
  }

  void put(const std::string& sql) {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(folder_.file("auth.db").c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(raw);
  }
  void vault(const std::string& secret) {
    world_.answers.push_back(
        {.status = 200, .body = R"({"data":{"data":{"key":")" + secret + "\"}}}"});
  }
  /// Logs scott in and returns the word of the answer. trace_ has the record.
  std::string login(const std::string& text, std::string_view password = right) {
    evidence_.session.script.reset();
    load("local sqlite = require 'sqlite'\n" + text);
    return sign_in(password);
  }
  std::string sign_in(std::string_view password) {
    const policy::AuthAttempt attempt{.mechanism = "PLAIN",
                                      .authz_id = {},
                                      .authn_id = "scott",
                                      .password = Secret(std::string(password))};
    policy::Decision decision{.stage = policy::Stage::auth};
    decision.reply.code = 0;
    policy::Tape tape;
    policy::Inquiry inquiry(evidence_, *gatherer_, tape);
    const policy::AuthAnswer answer =
        script::testing::run(KumoVerifier(policy_).verify(attempt, inquiry, decision.steps));
    decision.login = std::move(tape.login);
    trace_ = policy::Trace{.id = "01JD9X3V5W6Y7Z8A9B0C1D2E3F"};
    trace_.note(std::move(decision));
    trace_.evidence = evidence_;
    using Kind = policy::AuthAnswer::Kind;
    if (answer.kind == Kind::accepted) return "accepted";
    return answer.kind == Kind::refused ? "refused" : "later";
  }
  static std::string hook(const std::string& body) {
    return "kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)\n" +
           body + "\nend)\n";
  }
  static std::string with_row(const std::string& body) {
    return hook(
        "local row = sqlite.open('auth.db'):execute('select * from auth where user = ?', "
        "authc)[1]\nlocal rows = sqlite.open('auth.db')\n" +
        body);
  }

  /// Writes and reads the record and judges it again: "same", or what differs.
  std::string again(const char* password = nullptr) {
    const std::string record = policy::write_record(trace_);
    const auto definitions = policy::definitions_of(trace_);
    kept_ = record;
    for (const policy::Definition& one : definitions) kept_ += one.text;
    const auto source = replay::definition_source(
        [&](const std::string& id, std::uint64_t version) -> Result<std::string> {
          for (const policy::Definition& one : definitions) {
            if (one.id == id && one.version == version) return one.text;
          }
          return fail(Fault::not_found, "no definition");
        });
    const Result<policy::Trace> read = policy::read_record(record, source);
    EXPECT_TRUE(read) << read.error().message;
    const Secret given(password != nullptr ? password : "");
    const auto found =
        script::testing::run(replay::rederive(*read, password != nullptr ? &given : nullptr));
    if (!found) return found.error().message;
    EXPECT_EQ(found->answers.size(), 1u);
    EXPECT_TRUE(found->answers[0].asked);
    EXPECT_TRUE(found->agrees());
    std::string text;
    for (const std::string& one : found->answers[0].differences) text += one;
    EXPECT_EQ(found->answers[0].hangs_on_withheld, !text.empty());
    return text.empty() ? "same" : text;
  }

  tests::TemporaryFolder folder_;
  policy::Trace trace_;
  std::string kept_;  ///< the text of a record and its definitions
};

const std::string from_vault =
    "kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. authc, "
    "vault_address = 'https://vault.example', vault_token = 'hvs.token-of-vault' }";

TEST_F(LoginRecord, a_refusal_that_repeats_the_password_shows_it_to_the_client_alone) {
  EXPECT_EQ(login(hook("kumo.reject(535, '5.7.8 not ' .. password .. ', '"
                       " .. kumo.encode.base64_encode(password) .. '!')")),
            "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, HasSubstr("not <redacted>, <redacted>!"));
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
  EXPECT_THAT(kept_, Not(HasSubstr("Y29ycmVjdCBob3JzZQ==")));
}

TEST_F(LoginRecord, comes_out_the_same_without_password_and_stores) {
  const struct {
    std::string body, password, word;
  } cases[] = {
      {"return row.pass == password", "correct horse", "accepted"},
      {"return row.pass == password", "wrong horse", "refused"},
      {"return tostring(row.pin) == password", "471104711047", "accepted"},
      {"return tostring(row.pin) == password", "4712", "refused"},
      {"return row.pin == tonumber(password)", "471104711047", "accepted"},
      {"return kumo.digest.sha256(password .. row.salt).hex == "
       "kumo.digest.sha256('correct horse' .. row.salt).hex",
       "correct horse", "accepted"},
      {"return kumo.digest.sha256(password) == kumo.digest.sha256(row.pass)", "correct horse",
       "accepted"},
      {"return kumo.digest.sha256(password) == kumo.digest.sha256(row.pass)", "x", "refused"},
      {"return kumo.digest.hmac_sha256({ key_data = row.salt }, password).base64 == "
       "kumo.digest.hmac_sha256({ key_data = row.salt }, row.pass).base64",
       "correct horse", "accepted"},
      {"return kumo.encode.base64_encode(password) == kumo.encode.base64_encode(row.pass)",
       "correct horse", "accepted"},
      {"return kumo.crypto.constant_time_eq(password, row.pass)", "correct horse", "accepted"},
      {"return kumo.crypto.verify_password(password, row.hash)", "correct horse", "refused"},
      {"return kumo.string.trim(row.pass .. '\\n') == password", "correct horse", "accepted"},
      {"return rows:execute('select count(*) from auth where user = ? and pass = ?', authc, "
       "password)[1] == 1",
       "correct horse", "accepted"},
      {"return rows:execute('select user from auth where user = ? and pass = ?', authc, "
       "password)[1] == authc",
       "correct horse", "accepted"},
      {"local found = {} for _, name in ipairs(rows:execute('select pass from auth')) do "
       "found[name] = true end return found[password]",
       "correct horse", "accepted"},
      {"if row.pass ~= password then kumo.reject(535, '5.7.8 try again, ' .. authc) end return "
       "true",
       "x", "refused"},
      {"if kumo.string.split('a@b', '@')[2] ~= 'b' then error('no') end "
       "if kumo.digest.sha1('a').hex:sub(1, 2) ~= '86' then error('no') end "
       "return row.pass == password",
       "correct horse", "accepted"},
      {"if os.time() < 1000 then error('early') end return row.pass == password", "correct horse",
       "accepted"},
      {"if conn_meta:get_meta('hostname') ~= 'mx.example.org' then return false end "
       "return row.pass == password",
       "correct horse", "accepted"},
      {"return { identities = { { identity = authc, context = 'SmtpAuthPlainAuthentication' } } }",
       "x", "accepted"},
      {"error('no ' .. row.pass .. ' and ' .. password)", "another", "later"},
      {"while true do end", "x", "later"},
      {"return rows:execute('select nothing')", "x", "later"},
  };
  for (const auto& one : cases) {
    options_.limits.instructions = 200'000;
    EXPECT_EQ(login(with_row(one.body), one.password), one.word) << one.body;
    std::filesystem::rename(folder_.file("auth.db"), folder_.file("away.db"));
    EXPECT_EQ(again(), "same") << one.body;
    std::filesystem::rename(folder_.file("away.db"), folder_.file("auth.db"));
    if (one.password != "x")
      EXPECT_THAT(trace_.decisions[0].login->script, Not(HasSubstr(one.password)));
    if (one.body.find("correct") == std::string::npos) {
      EXPECT_THAT(kept_, Not(HasSubstr("correct horse"))) << one.body;
    }
    for (const char* secret : {"471104711047", "NaCl", "7d5f5b2a", "Y29ycmVj"}) {
      EXPECT_THAT(kept_, Not(HasSubstr(secret))) << one.body;
    }
  }
}

TEST_F(LoginRecord, what_looks_into_the_password_needs_it) {
  const struct {
    std::string body, password, word, without, with, with_another;
  } cases[] = {
      {"return ({ scott = 'tiger' })[authc] == password", "tiger", "accepted", "differs", "same",
       "differs"},
      {"return ({ scott = 'tiger' })[authc] == password", "lion", "refused", "same", "same",
       "same"},
      {"return #password == 5", "tiger", "accepted", "differs", "same", "differs"},
      {"return password:match '^t.g' ~= nil", "tiger", "accepted", "differs", "same", "differs"},
      {"return password == 'x' .. row.pass", "xcorrect horse", "accepted", "differs", "differs",
       "differs"},
      {"return row.flag == 'active'", "x", "accepted", "differs", "differs", "differs"},
      {"return kumo.string.starts_with(password, 'ti')", "tiger", "accepted", "same", "same",
       "same"},
  };
  const auto word = [](const std::string& said) {
    return said == "same" ? said : std::string("differs");
  };
  for (const auto& one : cases) {
    EXPECT_EQ(login(with_row(one.body), one.password), one.word) << one.body;
    EXPECT_EQ(word(again()), one.without) << one.body;
    EXPECT_EQ(word(again(one.password.c_str())), one.with) << one.body;
    EXPECT_EQ(word(again("another")), one.with_another) << one.body;
  }
}

TEST_F(LoginRecord, vault_is_not_asked_again) {
  const std::string text = hook("return password == " + from_vault);
  vault("correct horse");
  EXPECT_EQ(login(text), "accepted");
  EXPECT_EQ(again(), "same");
  vault("correct horse");
  EXPECT_EQ(login(text, "wrong horse"), "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(again("wrong horse"), "same");
  vault("four");
  EXPECT_EQ(login(text, "wrong horse"), "refused");
  EXPECT_EQ(again("four"), "same") << "what Vault said is a stranger, whatever is given";
  world_.answers.push_back({.status = 404, .body = R"({"errors":[]})"});
  EXPECT_EQ(login(text), "refused");
  EXPECT_EQ(again(), "same") << "no such secret";
  world_.answers.push_back({.status = 503, .body = "{}"});
  EXPECT_EQ(login(text), "later");
  EXPECT_EQ(again(), "same") << "Vault is sealed";
  EXPECT_EQ(login(text), "later");
  EXPECT_EQ(again(), "same") << "Vault is not there";
  EXPECT_EQ(world_.questions.size(), 6u) << "asked once for each login";
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
}

TEST_F(LoginRecord, what_is_remembered_is_withheld_alike) {
  const std::string text =
      "local secret = kumo.memoize(function(authc) return " + from_vault +
      " end, { name = 'secret', ttl = '5 minutes', capacity = 10 })\n" +
      hook("return kumo.crypto.constant_time_eq(password, secret(authc))") +
      "kumo.on('smtp_server_mail_from', function()\n"
      "  if secret('scott') ~= 'x' then kumo.reject(550, 'no ' .. #secret('scott')) end\nend)\n";
  vault("correct horse");
  EXPECT_EQ(login(text), "accepted");
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
  EXPECT_EQ(sign_in(right), "accepted") << "remembered";
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
  EXPECT_EQ(sign_in("wrong"), "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(verdict(policy::Stage::mail), "550 no 13");
  EXPECT_THAT(decision_.script, Not(HasSubstr("correct horse"))) << "in another hook's record";
  // An unknown name is refused like a wrong password; an outage is a temporary failure.
  world_.answers.push_back({.status = 404, .body = R"({"errors":[]})"});
  EXPECT_EQ(login(text), "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(login(text), "later");
  EXPECT_EQ(again(), "same");
}

TEST_F(LoginRecord, secrets_that_the_policy_loads_are_known_by_their_place) {
  const std::string text =
      "local keys = { kumo.secrets.load { key_data = 'one' .. '-key' },\n"
      "  kumo.secrets.load { key_data = 'two' .. '-key' },\n"
      "  kumo.secrets.load { key_data = 'one' .. '-key' } }\n" +
      hook("return keys[1] == keys[3] and password == keys[2]");
  EXPECT_EQ(login(text, "two-key"), "accepted");
  EXPECT_EQ(trace_.decisions[0].login->password, "<loaded 2>");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(login(text, "one-key"), "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(login(text, "other"), "refused");
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, Not(HasSubstr("two-key")));
}

TEST_F(LoginRecord, what_the_policy_drew_while_it_loaded) {
  const std::string text =
      "local drawn = { math.random(0), os.time(), os.clock(), kumo.uuid.new_v4().simple }\n"
      "kumo.sleep(0.01)\n" +
      hook("kumo.reject(535, table.concat(drawn, ' ') .. ' ' .. (password == 'x' and 1 or 2))");
  options_.states = 2;
  EXPECT_EQ(login(text), "refused");
  EXPECT_EQ(again(), "same");
  const std::string said = trace_.decisions[0].steps[0].verdict.reply.text;
  std::thread([&] { EXPECT_EQ(sign_in(right), "refused"); }).join();
  EXPECT_EQ(trace_.decisions[0].steps[0].verdict.reply.text, said) << "in every state the same";
  EXPECT_EQ(login(text), "refused");
  EXPECT_NE(trace_.decisions[0].steps[0].verdict.reply.text, said) << "loaded anew";
}

TEST_F(LoginRecord, files_that_a_hook_reads) {
  const std::string users = folder_.write("users.json", R"({"scott": {"pass": "correct horse"}})");
  const std::string text =
      hook("return kumo.serde.json_load('" + users + "')[authc].pass == password");
  EXPECT_EQ(login(text), "accepted");
  std::filesystem::remove(users);
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
  EXPECT_EQ(login(text), "later");
  EXPECT_EQ(again(), "same") << "the file is not there";
}

TEST_F(LoginRecord, what_a_handler_puts_into_the_connection) {
  const std::string text =
      hook(
          "conn_meta:set_meta('x_pass', 'my ' .. password) conn_meta:set_meta('x_name', authc) "
          "return true") +
      "kumo.on('smtp_server_mail_from', function(sender, conn_meta)\n"
      "  kumo.reject(550, conn_meta:get_meta('x_name') .. #conn_meta:get_meta('x_pass'))\nend)\n"
      "kumo.on('smtp_server_ehlo', function(name, conn_meta) "
      "conn_meta:set_meta('x_pass', 'gone') end)\n";
  EXPECT_EQ(login(text), "accepted");
  EXPECT_EQ(again(), "same");
  EXPECT_THAT(kept_, Not(HasSubstr("correct horse")));
  EXPECT_EQ(verdict(policy::Stage::mail), "550 scott16");
  EXPECT_THAT(decision_.script, HasSubstr("x_name"));
  EXPECT_THAT(decision_.script, Not(HasSubstr("correct horse")));
  receive("Subject: hello\r\n\r\ntext\r\n");
  recipients({"anna"});
  decide(policy::Stage::message);
  for (const policy::ScriptCopy& copy : evidence_.copies) {
    EXPECT_EQ(copy.meta.at("x_pass"), "my <redacted>");
    EXPECT_EQ(copy.meta.at("x_name"), "scott");
  }
  EXPECT_EQ(verdict(policy::Stage::helo), "pass");
  decide(policy::Stage::mail);
  EXPECT_THAT(decision_.script, HasSubstr("gone")) << "it is no secret any more";
}

TEST_F(LoginRecord, time_that_runs_out) {
  options_.limits.time = std::chrono::milliseconds(50);
  EXPECT_EQ(login(hook("while true do kumo.sleep(0.01) end")), "later");
  EXPECT_EQ(again(), "same");
  EXPECT_EQ(login(hook("while true do end")), "later");
  EXPECT_EQ(again(), "same");
}

TEST_F(LoginRecord, more_than_a_record_holds) {
  EXPECT_EQ(login(hook("for i = 1, 10000 do local s = kumo.encode.hex_encode(password .. i) end "
                       "return #kumo.encode.hex_encode(password) == 26")),
            "accepted");
  EXPECT_THAT(again(), HasSubstr("the record has no answer of hex_encode"));
  EXPECT_LT(trace_.decisions[0].login->script.size(), 512 * 1024u);
}

// Each answer is compared with all earlier ones: the work is charged, and the budget limits it.
TEST_F(LoginRecord, many_strangers_do_not_make_a_login_slow) {
  EXPECT_EQ(
      login(hook(
          "local all = {} for i = 1, 1900 do all[i] = kumo.encode.hex_encode(password .. i) end "
          "for i = 1, 100000 do kumo.encode.hex_encode('x' .. i) end return true")),
      "later")
      << "its budget ends it";
  EXPECT_EQ(login(hook("for i = 1, 3000 do kumo.encode.hex_encode(password .. i) end return true")),
            "accepted");
}

TEST_F(LoginRecord, the_policy_of_then_judges) {
  EXPECT_EQ(login(hook("return true")), "accepted");
  const policy::Trace then = trace_;
  EXPECT_EQ(login(hook("return false")), "refused");
  trace_ = then;
  EXPECT_EQ(again(), "same");
  // A changed record is detected.
  trace_.decisions[0].steps[0].verdict.detail =
      "(\"scott\", \"scott\", password): returned AuthInfo";
  EXPECT_THAT(again(), HasSubstr("derived lua smtp_server_auth_plain: pass_on"));
}

TEST_F(LoginRecord, logins_of_older_records_are_not_made_again) {
  EXPECT_EQ(login(hook("return true")), "accepted");
  trace_.decisions[0].login.reset();
  const auto found = script::testing::run(replay::rederive(trace_));
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->answers[0].asked);
}

}  // namespace
}  // namespace postern::dialect::kumo
