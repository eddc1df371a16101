#include <filesystem>
#include <iterator>

#include "base/temporary_folder_test.h"
#include "dialect/vsl/app_files.h"
#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

namespace fs = std::filesystem;
using policy::Stage;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

using UtilityFunctions = testing::Functions;

TEST_F(UtilityFunctions, knows_its_domains) {
  expect({
      {"r(vsl.in_domain('x@DOE-family.com'), vsl.in_domain('doe-family.com.'), "
       "vsl.in_domain('Example.NET'), vsl.in_domain(vsl.make_object('fqdn', 'example.net')), "
       "vsl.in_domain(vsl.make_object('address', 'a@example.net')))",
       "true true true true true"},
      {"r(vsl.in_domain('sub.doe-family.com'), vsl.in_domain(''), vsl.in_domain('x@'), "
       "vsl.in_domain(vsl.make_object('identifier', 'example.net')), vsl.in_domain(4))",
       "false false false false false"},
  });
  evidence.reverse_path.reset();
  expect({{"r(vsl.in_domain(vsl.mail_from()))", "false"}});
}

TEST_F(UtilityFunctions, writes_lines_of_the_log) {
  answer(
      "vsl.log('error', 'e1') vsl.log('TRACE', 't1') vsl.log('loud', 'odd') "
      "vsl.log('info', vsl.make_object('address', 'a@b.example')) vsl.log('warn', 4) "
      "vsl.print('p') vsl.debug('d')");
  EXPECT_THAT(world.lines, ::testing::ElementsAre("error policy:1 e1", "debug policy:1 t1",
                                                  "warning policy:1 odd",
                                                  "info policy:1 a@b.example", "warning policy:1 4",
                                                  "info policy:1 p", "debug policy:1 \"d\""));
}

TEST_F(UtilityFunctions, knows_machine_and_time) {
  EXPECT_EQ(answer("r(vsl.hostname())"), "\"mx1.example\"");
  EXPECT_THAT(answer_twice("r(vsl.date())"), MatchesRegex("\"20..-..-..\""));
  EXPECT_THAT(answer_twice("r(vsl.time())"), MatchesRegex("\"..:..:..\""));
  EXPECT_EQ(answer_twice("r(vsl.user_exist('root'), vsl.user_exist('no such user'))"),
            "true false");
}

TEST_F(UtilityFunctions, asks_dns) {
  outside.records = {{"mx.example A", {"192.0.2.1"}},
                     {"mx.example AAAA", {"2001:db8::1"}},
                     {"7.100.51.198.in-addr.arpa PTR", {"mx.sender.example"}}};
  EXPECT_EQ(answer_twice("r(vsl.lookup('MX.example'))"), R"(["192.0.2.1", "2001:db8::1"])");
  EXPECT_EQ(answer_twice("r(vsl.lookup(vsl.make_object('fqdn', 'mx.example')))"),
            R"(["192.0.2.1", "2001:db8::1"])");
  EXPECT_EQ(answer_twice("r(vsl.rlookup('198.51.100.7'))"), R"(["mx.sender.example"])");
  expect({
      {"r(vsl.lookup('192.0.2.9'))", R"(["192.0.2.9"])"},
      {"vsl.lookup('none.example')", "error: no record found for 'none.example'"},
      {"vsl.lookup('trouble.example')", "error: DNS: trouble.example AAAA: server_failure"},
      {"vsl.lookup('a b')", "error: `a b` is no domain name"},
      {"vsl.rlookup('192.0.2.1')", "error: no PTR record for '192.0.2.1'"},
      {"vsl.rlookup('mx.example')",
       "error: invalid type conversion expected: `ip address`, but got: `mx.example`"},
      {"local ok, e = pcall(vsl.lookup, 'none.example') r(ok)", "false"},
  });
}

TEST_F(UtilityFunctions, takes_addresses_apart) {
  accept("jane");
  accept("jim", "[192.0.2.1]");
  at(Stage::message);
  expect({
      {"r(vsl.get_root_domain('mx.sub.example.co.uk'), vsl.get_root_domain('a@Mx.example.com'))",
       R"("example.co.uk" "example.com")"},
      {"r(vsl.get_root_domain(vsl.make_object('address', 'a@mx.example.com')))",
       R"("example.com")"},
      {"vsl.get_root_domain('')", "error: `` is no domain name"},
      {"r(vsl.get_local_part(vsl.mail_from()), vsl.get_domain(vsl.mail_from()))",
       R"("a" "sender.example")"},
      {"r(vsl.get_local_part('x@example.com'))", R"("x")"},
      {"vsl.get_domain('x')",
       "error: invalid type conversion expected: `address`, but got: `x`: no @ after the local "
       "part"},
      {"r(vsl.get_local_parts(vsl.rcpt_list()), vsl.get_domains(vsl.rcpt_list()))",
       R"([jane, jim] [doe-family.com, "[192.0.2.1]"])"},
      {"vsl.get_domains('x')", "error: an array of addresses expected"},
      {"r(vsl.new_address('A@Example.com'))", "A@example.com"},
      {"r(vsl.type_of(''), vsl.type_of(1), vsl.type_of(true), vsl.type_of(list()), "
       "vsl.type_of(vsl.new_address('a@example.com')), vsl.type_of(vsl.next()))",
       R"("string" "i64" "bool" "array" "address" "status")"},
  });
  evidence.reverse_path.reset();
  expect({{"r(vsl.get_local_part(vsl.mail_from()), vsl.get_domain(vsl.mail_from()))", R"("" "")"}});
}

TEST_F(UtilityFunctions, shows_the_configuration) {
  site.toml_server = {{"domain", "doe-family.com"}, {"port", 25}, {"list", {1, "a", nullptr}}};
  expect({
      {"r(vsl.toml('server'))",
       R"(#{"domain": "doe-family.com", "list": [1, "a", ()], "port": 25})"},
      {"r(vsl.toml('app'))", "#{}"},
      {"vsl.toml('other')", "error: `toml::other` is not defined"},
  });
}

struct VslFiles : UtilityFunctions {
  VslFiles() {
    site.app_directory = root.file("app");
    fs::create_directory(site.app_directory);
    outside.text = "Subject: x\r\n\r\nbody\r\n";
    accept("jane");
    at(Stage::message);
  }
  std::string text_of(const std::string& name) const {
    return tests::read_file(root.file("app/" + name));
  }
  tests::TemporaryFolder root;
};

TEST_F(VslFiles, messages_are_written) {
  EXPECT_EQ(answer("vsl.append_header('X', 'y') vsl.write('a/b') vsl.write('a/b')"), "");
  const std::string message = "Subject: x\r\nX: y\r\n\r\nbody\r\n";
  EXPECT_EQ(text_of("a/b/01BX5ZZKBKACTAV9WEVGEMMVRZ.eml"), message);
  EXPECT_EQ(text_of("a/b/01BX5ZZKBKACTAV9WEVGEMMVRZ-2.eml"), message);
  EXPECT_EQ(answer("vsl.dump('.')"), "");
  const json::value dumped = json::parse(text_of("01BX5ZZKBKACTAV9WEVGEMMVRZ.json"));
  EXPECT_EQ(dumped.at("rcpt"), json::array{"jane@doe-family.com"});
  EXPECT_EQ(dumped.at("mail_from"), "a@sender.example");
  EXPECT_EQ(dumped.at("message"), json::value(message));
}

TEST_F(VslFiles, before_the_message_its_header_is_written) {
  at(Stage::mail);
  EXPECT_EQ(answer("vsl.prepend_header('X', 'y') vsl.write('early')"), "");
  EXPECT_EQ(text_of("early/01BX5ZZKBKACTAV9WEVGEMMVRZ.eml"), "X: y\r\n\r\n");
  at(Stage::helo);
  EXPECT_THAT(answer("vsl.write('early')"), HasSubstr("only is available from the `mail` stage"));
}

TEST_F(VslFiles, a_decision_that_is_made_again_writes_nothing) {
  EXPECT_EQ(answer_twice("vsl.write('once') r(true)"), "true");
  EXPECT_EQ(std::distance(fs::directory_iterator(root.file("app/once")), fs::directory_iterator()),
            1);
}

TEST_F(VslFiles, a_simulation_writes_nothing_and_says_so) {
  world.simulated = true;
  script::Call call(world, {}, &context);
  EXPECT_EQ(run("vsl.write('a') vsl.dump('b') r(true)", call), "true");
  EXPECT_TRUE(fs::is_empty(root.file("app")));
  EXPECT_THAT(script::words_of(call.spent()),
              HasSubstr("not done in a simulation: write a file into a, write a file into b"));
}

TEST_F(VslFiles, nothing_is_written_elsewhere) {
  fs::create_directory(root.file("other"));
  fs::create_directory_symlink(root.file("other"), root.file("app/link"));
  EXPECT_EQ(answer("vsl.write('../other')"), "error: `../other` is not below the app directory");
  EXPECT_EQ(answer("vsl.write('a/../../other')"),
            "error: `a/../../other` is not below the app directory");
  EXPECT_EQ(answer("vsl.dump('/tmp')"), "error: `/tmp` is not below the app directory");
  EXPECT_EQ(answer("vsl.dump('a\\0b')"), "error: `a\\x00b` is not below the app directory");
  EXPECT_THAT(answer("vsl.write('link')"), HasSubstr("error: cannot write "));
  EXPECT_THAT(answer("vsl.write('link/x')"), HasSubstr("error: cannot write "));
  EXPECT_TRUE(fs::is_empty(root.file("other")));
  site.app_directory.clear();
  EXPECT_EQ(answer("vsl.write('a')"), "error: no folder is configured for files: set vsl.app_dir");
  site.app_directory = root.file("missing");
  EXPECT_THAT(answer("vsl.write('a')"), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace postern::dialect::vsl
