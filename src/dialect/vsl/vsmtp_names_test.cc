#include "dialect/vsl/vsmtp_names.h"

#include <set>

#include "dialect/vsl/lint.h"
#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {
namespace {

using Texts = std::map<std::string, std::string>;

/// The mistakes of the load, else those of the lint; empty: there are none.
std::string checked(const std::string& text, Texts others = {}) {
  others["main.vsl"] = text;
  const auto files = std::make_shared<const Texts>(std::move(others));
  const auto sources = load_sources("main.vsl", read_given(files));
  const std::vector<Mistake> all =
      sources ? lint(*sources, signature_of, function_names()) : sources.error();
  std::string lines;
  for (const Mistake& one : all) {
    lines += one.to_string() + (one.hint.empty() ? "" : " (" + one.hint + ")") + "\n";
  }
  return lines;
}

TEST(VsmtpNames, lead_to_functions_and_objects_that_there_are) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::string_view module;
  for (const OtherName& one : other_names()) {
    EXPECT_TRUE(seen.emplace(one.module, one.name).second) << one.module << "::" << one.name;
    EXPECT_GE(one.module, module) << "not sorted";
    module = one.module;
    if (one.here.empty()) {
      EXPECT_FALSE(one.instead.empty()) << one.name;
    } else if (one.module == "net" || one.module == "code") {
      EXPECT_TRUE(predefined_objects().contains(one.here)) << one.here;
    } else {
      EXPECT_NE(signature_of(one.here).function, nullptr) << one.here;
    }
  }
}

TEST(VsmtpNames, of_version_2_mean_what_there_is) {
  for (const char* body : {
           "if ctx::client_ip() in net::non_routable() { state::next() } else { "
           "state::deny(code::c554_7_1()) }",
           "let a = address(\"a@example.org\"); envelop::add_rcpt(a); "
           "transport::forward(a, ip4(\"192.0.2.1\")); state::next()",
           "msg::rm_header(\"X\"); msg::get_header_untouched(identifier(\"Y\")); "
           "envelop::rw_rcpt(\"a@example.org\", \"b@example.org\"); state::accept()",
           "log(\"info\", `${utils::hostname()} ${time::date()} ${time::now()}`); "
           "state::deny(code(550, \"5.7.1\", \"no\"))",
           "for key in dkim::get_private_keys(\"example.org\") { dkim::sign(\"s\", key, "
           "[\"From\"], \"simple/relaxed\") } state::next()",
           "dkim::sign(#{ selector: \"s\", sdid: \"example.org\" }); dmarc::check()",
           "spf::check_raw(); spf::check(#{ header: \"spf\", policy: \"soft\" })",
           "spf::check(\"both\")",
           "if cfg::server.domain == \"x\" { dns::rlookup(ctx().client_ip) } "
           "if msg().has_header(\"X\") { print(ctx().mail_from.domain) } "
           "for i in get_private_keys(srv(), \"x\") { print(i) } state::next()",
       }) {
    EXPECT_EQ(checked("#{ preq: [ rule \"r\" || { " + std::string(body) + " } ] }"), "") << body;
  }
}

TEST(VsmtpNames, of_modules_that_a_policy_has_are_its_own) {
  EXPECT_EQ(checked("import \"state\" as state; fn address(a) { a } "
                    "#{ mail: [ rule \"r\" || { address(state::mine()) } ] }",
                    {{"state.vsl", "fn mine() { next() }"}}),
            "");
  EXPECT_EQ(checked("import \"state\" as state; #{ mail: [ rule \"r\" || state::deny() ] }",
                    {{"state.vsl", "fn mine() { next() }"}}),
            "main.vsl:1:49: the module `state` has no function `deny` (docs/vsl-api.md has all "
            "functions)\n");
}

TEST(VsmtpNames, that_are_not_carried_are_mistakes_with_a_way_out) {
  const struct {
    std::string text;
    std::string wanted;
  } cases[] = {
      {"dkim::store(1);",
       "main.vsl:1:1: `dkim::store()` of vSMTP is not carried (`dkim::verify()` returns the "
       "result, and the second call returns that of the first)\n"},
      {"let home = env(\"HOME\");",
       "main.vsl:1:12: `env()` of vSMTP is not carried (rules do not see the environment: write "
       "the value into the script)\n"},
      {"state::denny();", "main.vsl:1:1: `state::denny()` is not carried (did you mean `deny`?)\n"},
      {"msg::zip();",
       "main.vsl:1:1: `msg::zip()` is not carried (docs/vsl-api.md has all names of vSMTP's "
       "modules)\n"},
      {"print(ctx());",
       "main.vsl:1:7: `ctx()` is no value of its own in Postern (functions need no `ctx()`: "
       "write `client_ip()`, `mail_from()`)\n"},
      {"print(msg());",
       "main.vsl:1:7: `msg()` is no value of its own in Postern (functions need no `msg()`: "
       "write `mail()`)\n"},
      {"ctx().mail_form;",
       "main.vsl:1:7: `ctx()` has no `mail_form` (did you mean `mail_from`?)\n"},
      {"cmd::build(#{ command: \"x\" });",
       "main.vsl:1:1: a service has a name: `cmd::build()` alone makes none (write `const NAME = "
       "...` before it, at the top of the file)\n"},
      {"import \"plugins/libvsmtp_plugin_redis\" as db; const d = db::connect(#{});",
       "main.vsl:1:8: the plugin `redis` of vSMTP is not carried (keep the data in a `db:sqlite` "
       "or `db:csv` service, or ask a `db:mysql` one)\n"},
      {"fn on_config(config) { config.server.name = \"x\"; config }",
       "main.vsl:1:1: `on_config` configures vSMTP 2; Postern is configured by postern.toml (name "
       "the file of the rules as vsl.policy; for the settings see docs/vsl.md, \"Moving\")\n"},
      {"spf::check(#{ headers: \"spf\" });",
       "main.vsl:1:15: `check_spf` has no option `headers` (it has `header` and `policy`)\n"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(checked(one.text + " #{ mail: [ rule \"r\" || next() ] }"), one.wanted) << one.text;
  }
}

TEST(VsmtpNames, make_objects_and_services) {
  EXPECT_EQ(testing::value_of("[ip4(\"192.0.2.1\"), code(550, \"5.7.1\", \"no\")]"),
            "[192.0.2.1, 550 5.7.1 no]");
  testing::Player player;
  EXPECT_EQ(player.load({{"main.vsl",
                          "import \"plugins/libvsmtp_plugin_csv\" as store;\n"
                          "export const one = cmd::build(#{ command: \"x\" });\n"
                          "const two = store::connect(#{ connector: \"x.csv\" });\n"
                          "const three = cmd(#{ command: \"y\" });\n"
                          "#{ mail: [ rule \"t\" || { show(one.run()); show(two.get(1)); "
                          "show(three.run()); next() } ] }"}}),
            "");
  EXPECT_NE(player.run().find("two db:csv"), std::string::npos) << player.run();
}

}  // namespace
}  // namespace postern::dialect::vsl
