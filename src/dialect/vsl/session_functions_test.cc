#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

using policy::Stage;
using ::testing::HasSubstr;
using ::testing::Not;

using SessionFunctions = testing::Functions;

TEST_F(SessionFunctions, a_connection_has_two_ends) {
  at(Stage::connect);
  evidence.session.server_ip = *IpAddress::parse("2001:db8::25");
  evidence.session.server_port = 587;
  evidence.session.connected = std::chrono::system_clock::from_time_t(1'700'000'000);
  expect({
      {"r(vsl.client_ip(), vsl.client_port(), vsl.client_address())",
       R"("203.0.113.9" 4711 "203.0.113.9:4711")"},
      {"r(vsl.server_ip(), vsl.server_port(), vsl.server_address())",
       R"("2001:db8::25" 587 "[2001:db8::25]:587")"},
      {"r(vsl.server_name(), vsl.connection_timestamp(), vsl.is_secured(), "
       "vsl.is_authenticated())",
       R"("doe-family.com" 1700000000 false false)"},
  });
  evidence.session.server_name = "example.net";
  evidence.session.tls.emplace();
  evidence.session.auth.emplace();
  expect({{"r(vsl.server_name(), vsl.is_secured(), vsl.is_authenticated())",
           R"("example.net" true true)"}});
}

TEST_F(SessionFunctions, a_tenants_login_authenticates_nobody) {
  evidence.session.auth.emplace().tenant = true;
  expect({{"r(vsl.is_authenticated())", "false"}});
}

TEST_F(SessionFunctions, what_is_not_known_yet_is_an_error_that_names_the_stage) {
  struct Case {
    std::string function;
    Stage last_without;
    std::string stage;
  };
  const Case cases[] = {
      {"helo", Stage::connect, "helo"},        {"mail_from", Stage::auth, "mail"},
      {"mail_timestamp", Stage::auth, "preq"}, {"message_id", Stage::auth, "preq"},
      {"rcpt", Stage::mail, "rcpt"},           {"auth", Stage::helo, "authenticate"},
      {"auth", Stage::mail, "authenticate"},
  };
  for (const Case& one : cases) {
    at(one.last_without);
    EXPECT_EQ(answer("vsl." + one.function + "()"),
              "error: the field: `" + one.function +
                  "` is not defined yet, it only is available from the `" + one.stage + "` stage");
  }
  at(Stage::connect);
  EXPECT_EQ(answer("r(vsl.rcpt_list())"), "[]");
  context.stage = Stage::mail;
  EXPECT_EQ(answer("r(vsl.mail_from(), vsl.helo())"), "a@sender.example \"mx.sender.example\"");
}

TEST_F(SessionFunctions, outside_of_rules_nothing_is_known) {
  script::Call call(world, {}, nullptr);
  EXPECT_EQ(run("vsl.client_ip()", call), "error: only available inside a rule or an action");
}

TEST_F(SessionFunctions, the_recipient_in_hand_is_the_last) {
  accept("jane");
  evidence.candidate = policy::Recipient{.address = {"jim", "doe-family.com"}, .route = {}};
  expect({{"r(vsl.rcpt(), vsl.rcpt_list())",
           "jim@doe-family.com [jane@doe-family.com, jim@doe-family.com]"}});
  evidence.candidate->address.local_part = "JANE";
  expect({{"r(vsl.rcpt(), vsl.rcpt_list())", "JANE@doe-family.com [JANE@doe-family.com]"}});
  at(Stage::message);
  evidence.candidate.reset();
  accept("jim");
  draft.added.push_back({"boss", "example.com"});
  expect({{"r(vsl.rcpt(), vsl.rcpt_list())",
           "jim@doe-family.com [jane@doe-family.com, jim@doe-family.com, boss@example.com]"}});
  draft.removed = {"jim@doe-family.com", "jane@doe-family.com"};
  expect({{"r(vsl.rcpt())", "boss@example.com"}});
  draft.added.clear();
  expect({{"vsl.rcpt()", "error: could not find rcpt: rules removed the last recipient"}});
}

TEST_F(SessionFunctions, the_null_sender_is_empty) {
  evidence.reverse_path.reset();
  expect({{"r(vsl.mail_from(), vsl.type_of(vsl.mail_from()))", "\"address\""}});
}

TEST_F(SessionFunctions, the_id_of_a_message_is_its_own) {
  EXPECT_EQ(answer("r(vsl.message_id())"), R"("01BX5ZZKBKACTAV9WEVGEMMVRZ")");
  draft.id.clear();
  EXPECT_EQ(answer("r(vsl.message_id())"), R"("01ARZ3NDEKTSV4RRFFQ69G5FAV")")
      << "the record is of an older version";
}

TEST_F(SessionFunctions, the_time_of_a_message_stays) {
  const std::string first = answer_twice("r(vsl.mail_timestamp())");
  EXPECT_GT(std::stoll(first), 1'700'000'000);
  draft.begun = std::chrono::system_clock::from_time_t(1'700'000'000);
  EXPECT_EQ(answer("r(vsl.mail_timestamp())"), "1700000000");
}

TEST_F(SessionFunctions, credentials_are_shown_to_rules_and_to_no_log) {
  at(Stage::auth);
  const policy::AuthAttempt attempt{
      .mechanism = "PLAIN", .authz_id = {}, .authn_id = "jane", .password = Secret("hunter22")};
  context.attempt = &attempt;
  EXPECT_EQ(answer("local a = vsl.auth() vsl.log('info', a) vsl.get_root_domain('hunter22 x')"),
            "error: `<redacted> x` is no domain name");
  ASSERT_EQ(world.lines.size(), 1u);
  EXPECT_THAT(world.lines[0], HasSubstr("jane"));
  EXPECT_THAT(world.lines[0], Not(HasSubstr("hunter22")));
}

TEST_F(SessionFunctions, the_accounts_are_asked) {
  at(Stage::auth);
  const policy::AuthAttempt attempt{
      .mechanism = "PLAIN", .authz_id = {}, .authn_id = "jane", .password = Secret("hunter22")};
  EXPECT_THAT(answer("vsl.authenticate()"), HasSubstr("`auth` is not defined yet"));
  context.attempt = &attempt;
  EXPECT_EQ(answer("vsl.authenticate()"), "error: no accounts are configured");
  using Kind = policy::AuthAnswer::Kind;
  Kind kind = Kind::accepted;
  context.authenticate = [&]() -> Task<policy::AuthAnswer> {
    co_return policy::AuthAnswer{.kind = kind, .detail = "the file is gone"};
  };
  EXPECT_EQ(answer("r(vsl.authenticate())"), "accept");
  for (const Kind no : {Kind::refused, Kind::unknown}) {
    kind = no;
    EXPECT_EQ(answer("r(vsl.authenticate())"), "deny");
  }
  kind = Kind::unavailable;
  EXPECT_EQ(answer("vsl.authenticate()"),
            "error: the credentials cannot be verified now: the file is gone");
}

}  // namespace
}  // namespace postern::dialect::vsl
