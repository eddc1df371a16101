#include "dialect/kumo/lib_secrets.h"

#include <cstdlib>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/hooks_test.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

struct LibSecrets : ::testing::Test {
  LibSecrets() {
    folder.write("policy/key.txt", "file-secret\n");
    folder.write("outside.txt", "outside");
    setenv("VAULT_ADDR", "http://vault.example:8200", 1);
    setenv("VAULT_TOKEN", "hvs.from-environment", 1);
  }
  ~LibSecrets() override {
    unsetenv("VAULT_ADDR");
    unsetenv("VAULT_TOKEN");
  }

  tests::TemporaryFolder folder;
  testing::Library library{{secrets_functions(), log_functions()},
                           {.directory = folder.file("policy"), .roots = {}}};
};

TEST_F(LibSecrets, files_and_inline_keys) {
  library.expect({
      {"result(kumo.secrets.load 'key.txt')", R"("file-secret\n")"},
      {"result(kumo.secrets.load {key_data = 'inline'})", R"("inline")"},
      {"result(kumo.secrets.load {})",
       "error: policy.lua:1: key source: a file's name, {key_data=...}, {vault_mount=..., "
       "vault_path=...} or {event_name=..., event_args={...}} expected"},
      {"kumo.secrets.load {key_data = 5}",
       "error: policy.lua:1: key source: key_data must be a string"},
      {"kumo.secrets.load {key_data = 'x', keydata = 'y'}",
       "error: policy.lua:1: key source: unknown field 'keydata'"},
      {"kumo.secrets.load {key_data = 'x', vault_mount = 'y'}",
       "error: policy.lua:1: key source: unknown field 'vault_mount'"},
      {"kumo.secrets.load {key_data = ''} result(kumo.secrets.load {key_data = ''})", R"("")"},
      {"kumo.secrets.load {vault_mount = '/', vault_path = 'x'}",
       "error: policy.lua:1: Vault: vault_mount is no name of a mount"},
      {"kumo.secrets.load {vault_mount = 1, vault_path = 'x'}",
       "error: policy.lua:1: key source: vault_mount must be a string"},
      {"kumo.secrets.load '../outside.txt'",
       "error: policy.lua:1: ../outside.txt is outside the folders that scripts may read "
       "(lua.read)"},
  });
  EXPECT_THAT(library.answer("kumo.secrets.load 'none.txt'"),
              ::testing::HasSubstr("cannot read none.txt"));
}

TEST_F(LibSecrets, are_left_out_of_logs_and_errors) {
  library.expect({
      {"local s = kumo.secrets.load 'key.txt' kumo.log_info('it is', 'file-secret') error(s)",
       "error: policy.lua:1: <redacted>"},
  });
  EXPECT_THAT(library.world.lines, ::testing::ElementsAre("info policy.lua:1 it is <redacted>"));
}

TEST_F(LibSecrets, what_the_policy_loaded_is_secret_in_every_hook) {
  library.answer("kept = kumo.secrets.load 'key.txt'");
  EXPECT_EQ(library.answer("error('it is ' .. kept)"), "error: policy.lua:1: it is <redacted>");
}

constexpr const char* ask =
    "result(kumo.secrets.load {vault_mount = 'secret', vault_path = "
    "'smtp-auth/scott'})";

TEST_F(LibSecrets, vault_is_asked_with_what_the_environment_says) {
  library.world.answers.push_back({200, R"({"data":{"data":{"key":"tiger"}}})"});
  EXPECT_EQ(library.answer(ask), R"("tiger")");
  ASSERT_EQ(library.world.questions.size(), 1u);
  EXPECT_EQ(library.world.questions[0].url,
            "http://vault.example:8200/v1/secret/data/smtp-auth/scott");
  EXPECT_EQ(library.world.questions[0].headers[0].second, "hvs.from-environment");

  setenv("VAULT_TOKEN", "hvs.changed", 1);
  library.world.answers.push_back({200, R"({"data":{"data":{"pw":"tiger2"}}})"});
  EXPECT_EQ(library.answer("result(kumo.secrets.load {vault_mount = 'kv', vault_path = 'a b', "
                           "vault_key = 'pw', vault_address = 'http://other.example/'})"),
            R"("tiger2")");
  EXPECT_EQ(library.world.questions[1].url, "http://other.example/v1/kv/data/a%20b");
  EXPECT_EQ(library.world.questions[1].headers[0].second, "hvs.changed");
}

TEST_F(LibSecrets, not_found_is_told_from_trouble) {
  const struct {
    int status;
    const char* body;
    bool not_found;
  } cases[] = {
      {404, "{}", true},
      {200, R"({"data":{"data":null}})", true},
      {200, R"({"data":{"data":{"other":"x"}}})", true},
      {403, "{}", false},
      {503, "sealed", false},
      {200, "<html>", false},
  };
  for (const auto& c : cases) {
    library.world.answers.push_back({c.status, c.body});
    EXPECT_THAT(library.answer(ask), ::testing::StartsWith("error: ")) << c.body;
    const auto* thrown = dynamic_cast<const NotFound*>(library.raised->thrown.get());
    EXPECT_EQ(thrown != nullptr, c.not_found) << c.status << c.body;
    for (const char* hidden : {"hvs.", "smtp-auth", "scott"}) {
      EXPECT_THAT(library.raised->message, ::testing::Not(::testing::HasSubstr(hidden)));
    }
  }
  const std::size_t asked = library.world.questions.size();
  library.answer("kumo.secrets.load {vault_mount = 'secret', vault_path = 'smtp-auth/../root'}");
  EXPECT_NE(dynamic_cast<const NotFound*>(library.raised->thrown.get()), nullptr);
  EXPECT_EQ(library.world.questions.size(), asked);
}

TEST_F(LibSecrets, a_missing_environment_is_trouble) {
  unsetenv("VAULT_TOKEN");
  library.expect({{ask,
                   "error: policy.lua:1: Vault: there is neither vault_token nor VAULT_TOKEN in "
                   "the environment"}});
  unsetenv("VAULT_ADDR");
  library.expect({{ask,
                   "error: policy.lua:1: Vault: there is neither vault_address nor VAULT_ADDR in "
                   "the environment"},
                  {"kumo.secrets.load {vault_path = 'x'}",
                   "error: policy.lua:1: key source: vault_mount and vault_path belong together"}});
  EXPECT_TRUE(library.world.questions.empty());
}

// Only a policy has kumo.on(), so these tests load whole policies.
struct KeyHandler : testing::Hooks {
  /// The reply of a hook at MAIL that refuses with the value of `expression`.
  std::string of(const std::string& handler, const std::string& expression) {
    evidence_.session.script.reset();
    load("kumo.on('key', " + handler + ")\nkumo.on('smtp_server_mail_from', function()\n" +
         "local well, what = pcall(function() return " + expression + " end)\n" +
         "kumo.reject(550, tostring(what)) end)");
    return verdict(policy::Stage::mail);
  }
};

TEST_F(KeyHandler, its_result_is_the_secret) {
  const std::string load = "kumo.secrets.load {event_name = 'key', event_args = {'a', 2}}";
  const std::pair<std::string, std::string> cases[] = {
      {"function(a, b) return a .. b end", "a2"},
      {"function(a, b) kumo.sleep(0.001) return a .. b end", "a2"},
      {"function(...) return tostring(select('#', ...)) end", "2"},
      {"function() end", "policy.lua:3: key source: the handler did not return a string"},
      {"function() return 5 end", "policy.lua:3: key source: the handler did not return a string"},
      {"function() error 'no' end", "policy.lua:1: no"},
  };
  for (const auto& [handler, wanted] : cases) {
    EXPECT_EQ(of(handler, load), "550 " + wanted) << handler;
  }
}

TEST_F(KeyHandler, sources_are_checked) {
  const std::pair<const char*, const char*> cases[] = {
      {"{event_name = 'key'}", "none"},
      {"{event_name = 'key', event_args = {}}", "none"},
      {"{event_name = 'key', event_args = {a = 1}}", "key source: event_args must be a list"},
      {"{event_name = 'key', event_args = 'a'}", "key source: event_args must be a list"},
      {"{event_name = 'other'}", "key source: no handler of `other`"},
      {"{event_name = 5}", "key source: event_name must be a string"},
      {"{event_name = 'key', args = {}}", "key source: unknown field 'args'"},
      {"{event_name = 'key', key_data = 'x'}", "key source: unknown field 'event_name'"},
  };
  for (const auto& [source, wanted] : cases) {
    const std::string got =
        of("function() return 'none' end", "kumo.secrets.load" + std::string(source));
    EXPECT_THAT(got, ::testing::HasSubstr(wanted)) << source;
  }
}

TEST_F(KeyHandler, is_one_of_digests_too_and_never_logged) {
  EXPECT_EQ(of("function(name) return name .. ' of HMAC' end",
               "kumo.digest.hmac_sha256({event_name = 'key', event_args = {'key'}}, 'a', 1) == "
               "kumo.digest.hmac_sha256({key_data = 'key of HMAC'}, 'a1')"),
            "550 true");
  of("function() return 'very-secret' end",
     "kumo.log_info(kumo.secrets.load {event_name = 'key'})");
  EXPECT_THAT(said(), ::testing::Contains("<redacted>"));
}

}  // namespace
}  // namespace postern::dialect::kumo
