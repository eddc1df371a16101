#include "config/config.h"
#include "prove/relay_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/temporary_folder_test.h"
#include "cli/help.h"
#include "config/password_file.h"
#include "config/restart.h"
#include "config/schema.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LoadOptions many_files() {
  LoadOptions out;
  out.open_files = 1'000'000;
  out.machine_name = "localhost";
  return out;
}

ConfigResult parse(std::string_view text) {
  return parse_config(text, "postern.toml", many_files());
}

std::vector<std::string> codes(const ConfigResult& result) {
  std::vector<std::string> out;
  for (const Diagnostic& diagnostic : result.diagnostics.list()) out.push_back(diagnostic.code);
  return out;
}

const std::string source_dir = POSTERN_SOURCE_DIR;

/// A value of the key that is not its default.
std::string another_value(const Key& key) {
  switch (key.kind) {
    case Kind::name:
      return "\"another\"";
    case Kind::domain:
      return "\"other.example.com\"";
    case Kind::file:
    case Kind::secret:
    case Kind::folder:
      return "\"/nonexistent\"";
    case Kind::flag:
      return key.preset == "true" ? "false" : "true";
    case Kind::count:
    case Kind::size:
      return std::to_string(key.least + 1);
    case Kind::duration:
      return fmt::format("\"{}ms\"", key.least + 1);
    case Kind::durations:
      return "[\"7s\"]";
    case Kind::networks:
      return "[\"192.0.2.0/24\"]";
    case Kind::address:
      return "\"[::1]:4321\"";
    case Kind::servers:
      return "[\"192.0.2.53\"]";
    case Kind::ports:
      return "[81]";
    case Kind::names:
      return "[\"acc_1\"]";
    case Kind::domains:
      return "[\"mx.example.net\"]";
    case Kind::texts:
      return "[\"[192.0.2.1]\"]";
    case Kind::text:
      return "\"gateway\"";
    case Kind::host:
      return "\"192.0.2.1\"";
    case Kind::smtp_hosts:
      return "[\"192.0.2.1\"]";
    case Kind::url:
      return "\"https://mail.example.com\"";
    case Kind::choice:
      return fmt::format("\"{}\"", key.preset == fmt::format("\"{}\"", key.choices[1])
                                       ? key.choices[0]
                                       : key.choices[1]);
  }
  return "";
}

std::string file_with(const Key& key, std::string_view value) {
  return fmt::format("{}\n{} = {}\n", section_header(key.section), key.name, value);
}

/// The first section of each list.
Row first_row(const Config& config) {
  Row row;
  if (!config.listeners.empty()) row.listener = config.listeners[0];
  if (!config.routes.empty()) row.route = config.routes[0];
  if (!config.egress.empty()) row.egress = config.egress[0];
  if (!config.auth.sources.empty()) row.source = config.auth.sources[0];
  if (!config.vsl.virtual_domains.empty()) row.virtual_domain = config.vsl.virtual_domains[0];
  return row;
}

TEST(Config, every_default_that_is_printed_is_the_default_of_the_struct) {
  for (const Key& key : config_keys()) {
    Config defaults;
    Row row;
    LoadOptions bare = many_files();
    bare.read_files = false;
    ConfigResult result = parse_config(file_with(key, key.preset), "x", bare);
    ASSERT_TRUE(result.ok()) << result.diagnostics.render();
    Row read = first_row(result.config);
    EXPECT_TRUE(same_value(key.slot(defaults, row), key.slot(result.config, read)))
        << key.section << "." << key.name;
  }
}

TEST(Config, every_key_reaches_a_member_of_its_own) {
  for (const Key& key : config_keys()) {
    LoadOptions bare = many_files();
    bare.read_files = false;
    ConfigResult result = parse_config(file_with(key, another_value(key)), "x", bare);
    for (const Key& each : config_keys()) {
      Config defaults;
      Row row;
      Row read = first_row(result.config);
      const bool is_same = same_value(each.slot(defaults, row), each.slot(result.config, read));
      EXPECT_EQ(is_same, &each != &key) << file_with(key, another_value(key)) << each.name << "\n"
                                        << result.diagnostics.render();
    }
  }
}

// A reload reported `reload.ok` but ignored them, among them `webhooks.allow_http = false`.
TEST(Config, keys_that_wait_for_the_next_start_are_named) {
  Config running = parse("").config;
  Config read = parse(
                    "[webhooks]\nallow_http = true\n[api]\nsignup = \"closed\"\n"
                    "table_folders = [\"/etc/postern\"]\n[limits]\nmemory = \"1 GiB\"\n"
                    "recipients = 7\n[timeouts]\nwrite = \"9s\"\n")
                    .config;
  EXPECT_THAT(keys_that_wait(running, read),
              ::testing::ElementsAre("limits.memory", "webhooks.allow_http", "api.signup"));
  EXPECT_THAT(keys_that_wait(running, running), ::testing::ElementsAre());
}

TEST(Config, the_example_file_is_made_from_the_table) {
  EXPECT_TRUE(tests::read_file(source_dir + "/config/postern.example.toml") == example_config())
      << "postern config example > config/postern.example.toml";
}

TEST(Config, the_manual_page_is_made_from_the_table) {
  EXPECT_TRUE(tests::read_file(source_dir + "/docs/configuration.md") == config_manual())
      << "POSTERN_WRITE_DOCS=1 config_test writes it";
}

TEST(Config, every_line_of_the_example_can_be_uncommented_alone_and_all_together) {
  std::istringstream example(example_config());
  std::vector<std::string> lines;
  for (std::string line; std::getline(example, line);) lines.push_back(line);
  const std::regex key_line(R"(# ([a-z_0-9]+ = .*))");
  std::string all;
  std::size_t keys = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (!std::regex_match(lines[i], match, key_line)) {
      all += lines[i] + "\n";
      continue;
    }
    ++keys;
    all += match[1].str() + "\n";
    std::string one;
    for (std::size_t j = 0; j < lines.size(); ++j)
      one += (i == j ? match[1].str() : lines[j]) + "\n";
    const ConfigResult result = parse(one);
    EXPECT_TRUE(result.ok()) << lines[i] << "\n" << result.diagnostics.render();
    EXPECT_EQ(result.diagnostics.warnings(), 0u) << lines[i];
  }
  EXPECT_EQ(keys, config_keys().size());
  EXPECT_TRUE(parse(all).ok()) << parse(all).diagnostics.render();
  EXPECT_TRUE(parse(all).diagnostics.empty());
}

TEST(Config, the_sources_of_the_manual_are_good) {
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials", 1);
  const std::string text = tests::read_file(source_dir + "/docs/auth.md");
  const std::regex block("```toml\n(\\[\\[?auth[^`]*)```");
  std::set<std::string_view> kinds;
  for (std::sregex_iterator one(text.begin(), text.end(), block), end; one != end; ++one) {
    LoadOptions bare = many_files();
    bare.read_files = false;
    const ConfigResult result = parse_config((*one)[1].str(), "docs/auth.md", bare);
    EXPECT_TRUE(result.ok()) << result.diagnostics.render();
    for (const gateway::AuthSource& source : result.config.auth.sources)
      kinds.insert(gateway::to_string(source.kind));
  }
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(kinds.size(), 9u);
}

TEST(Config, sources_keep_their_order_and_say_what_they_lack) {
  const ConfigResult result = parse(
      "[auth]\npolicies = false\n[[auth.source]]\nkind = \"dovecot\"\nfile = \"/run/a\"\n"
      "[[auth.source]]\nkind = \"sqlite\"\nfile = \"u.db\"\nquery = \"SELECT :user\"\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  EXPECT_FALSE(result.config.auth.policies);
  ASSERT_EQ(result.config.auth.sources.size(), 2u);
  EXPECT_EQ(result.config.auth.sources[0].kind, gateway::AuthSource::Kind::dovecot);
  EXPECT_EQ(result.config.auth.sources[1].query, "SELECT :user");
  const ConfigResult lacking = parse(
      "[[auth.source]]\nkind = \"static\"\nusers = [\n  \"ann:hunter2\"]\n"
      "[[auth.source]]\nkind = \"ldap\"\n[[auth.sorce]]\nkind = \"ldap\"\n");
  const std::string said = lacking.diagnostics.render();
  EXPECT_EQ(codes(lacking), (std::vector<std::string>{"C060", "C060", "C060", "C012"})) << said;
  EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
}

TEST(Config, an_empty_file_is_one_listener_on_loopback) {
  const ConfigResult result = default_config(many_files());
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  ASSERT_EQ(result.config.listeners.size(), 1u);
  EXPECT_EQ(result.config.listeners[0].address.to_string(), "127.0.0.1:2525");
  EXPECT_EQ(result.config.api.base_url(), "http://127.0.0.1:8025");
  EXPECT_TRUE(result.config.limits.exempt_networks.contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(result.config.limits.exempt_networks.contains(*IpAddress::parse("127.9.9.9")));
}

TEST(Config, the_machine_gives_the_host_name_when_the_file_does_not) {
  LoadOptions named = many_files();
  named.machine_name = "gw.example.com";
  EXPECT_EQ(default_config(named).config.server.hostname, "gw.example.com");
  EXPECT_EQ(
      parse_config("[server]\nhostname = \"MX.Example.com\"", "x", named).config.server.hostname,
      "mx.example.com");
  EXPECT_FALSE(default_config({}).config.server.hostname.empty());
}

TEST(Config, several_listeners_keep_their_order) {
  const ConfigResult result = parse(
      "[[listener]]\nname = \"mx\"\naddress = \"0.0.0.0:25\"\n"
      "[[listener]]\nname = \"submissions\"\naddress = \"[2001:db8::1]:465\"\ntls = "
      "\"implicit\"\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  ASSERT_EQ(result.config.listeners.size(), 2u);
  EXPECT_EQ(result.config.listeners[0].name, "mx");
  EXPECT_EQ(result.config.listeners[1].tls, gateway::ListenerTls::implicit);
  EXPECT_EQ(result.config.listeners[1].address.to_string(), "[2001:db8::1]:465");
}

TEST(Config, a_misspelt_key_is_shown_with_its_place_and_the_nearest) {
  const ConfigResult result = parse("[server]\n[limits]\nmesage_size = \"1 MiB\"\n");
  EXPECT_EQ(result.diagnostics.render(),
            "error[C012]: unknown key `mesage_size`\n"
            " --> postern.toml:3:1\n"
            "  |\n"
            "3 | mesage_size = \"1 MiB\"\n"
            "  | ^^^^^^^^^^^ did you mean `message_size`?\n"
            "  = what to do: rename the key, or see `postern help C012`\n");
}

TEST(Config, a_key_in_the_wrong_section_is_told_where_it_belongs) {
  const ConfigResult result = parse("hostname = \"a.example.com\"\n[server]\nsessions = 5\n");
  ASSERT_EQ(codes(result), (std::vector<std::string>{"C012", "C012"}));
  EXPECT_EQ(result.diagnostics.list()[0].label, "it belongs in `[server]`");
  EXPECT_EQ(result.diagnostics.list()[1].label, "it belongs in `[limits]`");
}

TEST(Config, all_mistakes_are_found_at_once_in_the_order_of_the_file) {
  const ConfigResult result = parse(
      "[limits]\nrecipients = \"many\"\nmessage_size = \"25 MB\"\nsessions = 0\nbogus = 1\n"
      "exempt_networks = [\"10.0.0.0/99\", \"10.1.2.3/8\", 5]\nbare_newline = \"rejcet\"\n"
      "[timeouts]\ncommand = \"5 minutes\"\nwrite = 30\n[[listener]]\naddress = \"localhost:25\"\n"
      "[nonsense]\n");
  EXPECT_EQ(codes(result),
            (std::vector<std::string>{"C013", "C015", "C016", "C012", "C018", "C018", "C013",
                                      "C017", "C014", "C013", "C019", "C011"}))
      << result.diagnostics.render();
}

TEST(Config, a_bad_network_says_what_is_bad_and_what_would_be_good) {
  const ConfigResult result =
      parse("[limits]\nexempt_networks = [\"10.0.0.0/99\", \"10.1.2.3/8\"]\n");
  ASSERT_EQ(result.diagnostics.list().size(), 2u);
  EXPECT_THAT(result.diagnostics.list()[0].message,
              HasSubstr("prefix length 99 exceeds 32 for IPv4"));
  EXPECT_THAT(result.diagnostics.list()[1].message, HasSubstr("did you mean `10.0.0.0/8`"));
  EXPECT_EQ(result.diagnostics.list()[1].line, 2u);
  EXPECT_EQ(result.diagnostics.list()[1].column, 35u);
  EXPECT_EQ(result.diagnostics.list()[1].end_column, 47u);
}

TEST(Config, what_is_not_toml_is_told_where) {
  const ConfigResult result = parse("[server]\nhostname = mail.example.com\n");
  ASSERT_EQ(codes(result), std::vector<std::string>{"C001"});
  EXPECT_EQ(result.diagnostics.list()[0].line, 2u);
  EXPECT_EQ(result.diagnostics.list()[0].source_line, "hostname = mail.example.com");
}

TEST(Config, text_without_quotes_is_told_to_have_some) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"hostname = mail.example.com", "put it in quotes: `hostname = \"mail.example.com\"`"},
      {"hostname = on # here", "put it in quotes: `hostname = \"on\"`"},
      {"address = 192.0.2.1", "put it in quotes: `address = \"192.0.2.1\"`"},
      {"data_dir = /var/lib/postern", "put it in quotes: `data_dir = \"/var/lib/postern\"`"},
      {"command = 5m", "put it in quotes: `command = \"5m\"`"},
      {"message_size = 10 MiB", "put it in quotes: `message_size = \"10 MiB\"`"},
      {"password = xyzzy", "put the value in quotes"},
      {"hostname = \"mail.example.com", "end the text with a quote"},
      {"names = [a.example, b.example]", "put each text in quotes: `names = [\"a\", \"b\"]`"},
      {"names = [\n  a.example,\n]", "put each text in quotes"},
      {"hostname \"mail.example.com\"", "correct this line"},
      {"hostname = {", "correct this line"},
  };
  for (const auto& [line, hint] : cases) {
    const ConfigResult result = parse("[server]\n" + std::string(line) + "\nthreads = 1\n");
    ASSERT_EQ(codes(result), std::vector<std::string>{"C001"}) << line;
    EXPECT_THAT(result.diagnostics.list()[0].hint, testing::StartsWith(std::string(hint))) << line;
  }
}

TEST(Config, a_switch_where_a_word_belongs_is_told_the_word_that_fits) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[[listener]]\ntls = \"on\"", "`starttls` fits best"},
      {"[[listener]]\ntls = \"Yes\"", "`starttls` fits best"},
      {"[[listener]]\ntls = true", "`starttls` fits best"},
      {"[[listener]]\ntls = \"off\"", "`none` fits best"},
      {"[[listener]]\ntls = false", "`none` fits best"},
      {"[[listener]]\nproxy_protocol = \"on\"", "`required` fits best"},
      {"[[listener]]\nclient_certificate = \"off\"", "`no` fits best"},
      {"[[listener]]\nclient_certificate = \"yes\"", ""},
      {"[relay]\ntls = \"on\"", "`may` fits best"},
      {"[log]\nlevel = \"on\"", "`info` fits best"},
      {"[[listener]]\ntls = \"startls\"", "did you mean `starttls`?"},
      {"[[listener]]\ntls = \"zz\"", ""},
  };
  for (const auto& [text, label] : cases) {
    const ConfigResult result = parse(text);
    ASSERT_EQ(codes(result), std::vector<std::string>{"C017"}) << text;
    EXPECT_EQ(result.diagnostics.list()[0].label, label) << text;
    EXPECT_THAT(result.diagnostics.list()[0].hint, testing::StartsWith("write \"")) << text;
  }
  // No key suggests "off" for "on".
  for (const Key& key : config_keys()) {
    if (key.kind != Kind::choice) continue;
    const std::string header = is_list(key.section) ? fmt::format("[[{}]]", key.section)
                                                    : fmt::format("[{}]", key.section);
    for (const std::string_view on : {"on", "yes", "true"}) {
      const ConfigResult result = parse(fmt::format("{}\n{} = \"{}\"", header, key.name, on));
      for (const Diagnostic& one : result.diagnostics.list()) {
        if (one.code != "C017") continue;
        EXPECT_THAT(one.label, testing::Not(testing::HasSubstr("none"))) << key.name;
        EXPECT_THAT(one.label, testing::Not(testing::HasSubstr("off"))) << key.name;
      }
    }
  }
}

TEST(Config, what_ends_the_toml_parser_is_a_syntax_error_of_its_line) {
  const ConfigResult result = parse("[server]\nthreads = 1\n[{limits]\nsessions = 5\n");
  ASSERT_EQ(codes(result), std::vector<std::string>{"C001"});
  EXPECT_EQ(result.diagnostics.list()[0].line, 3u);
  EXPECT_EQ(result.diagnostics.list()[0].source_line, "[{limits]");
  for (const std::string_view text :
       {"\u00fc = 1", "[\u0370]", "x = \u3042", "7 \u0370x", "\xff"}) {
    EXPECT_EQ(codes(parse(text)), std::vector<std::string>{"C001"}) << text;
  }
}

TEST(Config, wrong_types_are_errors_everywhere) {
  for (const std::string_view text :
       {"server = 5", "listener = 5", "[listener]\nname = \"x\"", "listener = [1]",
        "[api]\nbehind_proxy = \"true\"", "[limits]\nrecipients = 1.5",
        "[dns]\nservers = \"192.0.2.1\"", "[webhooks]\nallow_ports = [\"80\"]", "[log]\nlevel = 3",
        "[server]\nhostname = 1979-05-27", "[server]\ndata_dir = []", "[server.data_dir]\nx = 1"}) {
    const ConfigResult result = parse(text);
    EXPECT_THAT(codes(result), testing::Contains("C013")) << text << "\n"
                                                          << result.diagnostics.render();
  }
}

TEST(Config, values_that_make_no_sense_are_errors) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[limits]\nsessions = -1", "C016"},
      {"[limits]\nsessions = 9223372036854775807", "C016"},
      {"[limits]\nmessage_size = \"99999999999 GiB\"", "C015"},
      {"[timeouts]\ncommand = \"\"", "C014"},
      {"[timeouts]\ncommand = \"-5s\"", "C014"},
      {"[timeouts]\ncommand = \"5\"", "C014"},
      {"[timeouts]\ncommand = \"99999999999999d\"", "C014"},
      {"[webhooks]\nallow_ports = [0]", "C016"},
      {"[webhooks]\nallow_ports = [65536]", "C016"},
      {"[server]\nhostname = \"\"", "C020"},
      {"[server]\nhostname = \"a..b\"", "C020"},
      {"[server]\nhostname = \"b\u00fccher.example\"", "C020"},
      {"[server]\ndata_dir = \"\"", "C020"},
      {"[[listener]]\nname = \"a b\"", "C020"},
      {"[cluster]\nnode = \"mx 1\"", "C020"},
      {"[[listener]]\naddress = \"127.0.0.1\"", "C019"},
      {"[[listener]]\naddress = \"127.0.0.1:\"", "C019"},
      {"[[listener]]\naddress = \"127.0.0.1:99999\"", "C019"},
      {"[[listener]]\naddress = \"::1:25\"", "C019"},
      {"[[listener]]\naddress = \"[::1\"", "C019"},
      {"[[listener]]\naddress = \"[::1]25\"", "C019"},
      {"[dns]\nservers = [\"dns.example.com\"]", "C019"},
      {"[api]\npublic_url = \"ftp://x\"", "C021"},
      {"[api]\npublic_url = \"https://x/path\"", "C021"},
      {"[api]\npublic_url = \"https://user@x\"", "C021"},
      {"[log]\nformat = \"JSON\"", "C017"},
  };
  for (const auto& [text, code] : cases) {
    const ConfigResult result = parse(text);
    EXPECT_EQ(codes(result), std::vector<std::string>{std::string(code)})
        << text << "\n"
        << result.diagnostics.render();
  }
}

TEST(Config, dns_servers_may_leave_out_the_port) {
  const ConfigResult result = parse(
      "[dns]\nservers = [\"192.0.2.53\", \"127.0.0.1:5353\", \"2001:db8::53\", \"[::1]:5353\"]");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  std::vector<std::string> texts;
  for (const Endpoint& server : result.config.dns.servers) texts.push_back(server.to_string());
  EXPECT_EQ(texts, (std::vector<std::string>{"192.0.2.53:53", "127.0.0.1:5353", "[2001:db8::53]:53",
                                             "[::1]:5353"}));
}

TEST(Config, files_of_the_clusters_database_must_be_there) {
  const std::string there = POSTERN_SOURCE_DIR "/tests/dnssec/anchor.key";
  const auto with = [](const std::string& keyword, const std::string& path) {
    return parse(
        fmt::format("[cluster]\ndatabase = \"host=pg1.example.org {}={}\"\n", keyword, path));
  };
  EXPECT_TRUE(with("sslrootcert", there).ok());
  for (const char* keyword : {"sslrootcert", "sslcert", "sslkey", "sslcrl"}) {
    const ConfigResult result = with(keyword, "/nonexistent/ca.crt");
    EXPECT_EQ(codes(result), std::vector<std::string>{"C062"});
    for (const char* told : {"/nonexistent/ca.crt", keyword, "No such file"}) {
      EXPECT_THAT(result.diagnostics.render(), HasSubstr(told));
    }
  }
  EXPECT_EQ(codes(parse("[cluster]\ndatabase = "
                        "\"postgresql://pg1.example.org/x?sslrootcert=/nonexistent\"\n")),
            std::vector<std::string>{"C062"});
  // Two things to put right are both said, each at its key.
  const ConfigResult both = parse(
      "[cluster]\ndatabase = \"host=pg1.example.org sslcert=/nonexistent\"\n"
      "password_file = \"/nonexistent/password\"\n");
  ASSERT_EQ(codes(both), (std::vector<std::string>{"C062", "C062"}));
  EXPECT_THAT(both.diagnostics.render(), HasSubstr("on one line"));
  const ConfigResult no_key = parse(
      "[cluster]\ndatabase = \"host=pg1.example.org\"\nseal_key_file = \"/nonexistent/key\"\n");
  ASSERT_EQ(codes(no_key), std::vector<std::string>{"C062"});
  EXPECT_THAT(parse("[cluster]\nnode = \"mx 3\"\n").diagnostics.render(),
              HasSubstr("node = \"mx1\""));
  EXPECT_THAT(no_key.diagnostics.render(),
              HasSubstr("`seal_key_file`: cannot read /nonexistent/key: No such file"));
}

TEST(Config, whose_a_file_is_that_may_not_be_read_is_said) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/password";
  std::ofstream(file) << "secret\n";
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  const uid_t own = ::geteuid();
  // Root may read all.
  if (own == 0) ASSERT_EQ(::seteuid(12345), 0);
  const uid_t reader = ::geteuid();
  const Result<Secret> read = password_in(file);
  if (own == 0) ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message,
              HasSubstr(fmt::format("Permission denied; it is of uid {} with mode 0, and this "
                                    "process is uid {}",
                                    own, reader)));
}

TEST(Config, a_misspelt_word_of_the_connection_string_is_named_without_its_values) {
  const ConfigResult result =
      parse("[cluster]\ndatabase = \"postgresql://pg1.example.org/x?sslrootcrt=/etc/hunter2\"\n");
  ASSERT_EQ(codes(result), std::vector<std::string>{"C062"});
  EXPECT_THAT(result.diagnostics.render(), HasSubstr("sslrootcrt"));
  EXPECT_THAT(parse("[cluster]\ndatabase = \"host=pg1 sslrootcrt=hunter2\"\n").diagnostics.render(),
              HasSubstr("sslrootcrt"));
  for (const char* secret :
       {"host=pg1 password='hunter2", "host=pg1 hunter2 =x", "postgresql://u:hunter2@[pg1/x",
        "postgresql://u:hunter2@pg1/x?hunter2"}) {
    EXPECT_THAT(
        parse(fmt::format("[cluster]\ndatabase = \"{}\"\n", secret)).diagnostics.first_error(),
        ::testing::Not(HasSubstr("hunter2")))
        << secret;
  }
}

TEST(Config, dnssec_needs_what_it_works_with) {
  const std::string anchor = "trust_anchor = \"" POSTERN_SOURCE_DIR "/tests/dnssec/anchor.key\"\n";
  EXPECT_TRUE(parse("[dns]\ndnssec = \"validate\"\n" + anchor).ok());
  for (const char* file : {"/nonexistent", "/dev/null"}) {
    const ConfigResult result =
        parse(fmt::format("[dns]\ndnssec = \"validate\"\ntrust_anchor = \"{}\"\n", file));
    EXPECT_EQ(codes(result), std::vector<std::string>{"C061"});
    EXPECT_THAT(result.diagnostics.render(), HasSubstr(file));
  }
  EXPECT_TRUE(parse("[dns]\ntrust_anchor = \"/nonexistent\"\n").ok()) << "auto does without";
  EXPECT_TRUE(parse("[dns]\ndnssec = \"trust-ad\"\nservers = [\"127.0.0.1\"]\n").ok());
}

TEST(Config, proxy_protocol_needs_to_know_whom_to_believe) {
  EXPECT_EQ(codes(parse("[[listener]]\nproxy_protocol = \"required\"")),
            std::vector<std::string>{"C030"});
  EXPECT_TRUE(
      parse("[[listener]]\nproxy_protocol = \"required\"\nproxy_from = [\"192.0.2.1\"]").ok());
}

TEST(Config, an_api_outside_of_loopback_needs_a_tls_proxy) {
  const ConfigResult refused = parse("[api]\naddress = \"0.0.0.0:8025\"");
  ASSERT_EQ(codes(refused), std::vector<std::string>{"C033"});
  EXPECT_THAT(refused.diagnostics.list()[0].message, HasSubstr("in clear"));
  EXPECT_EQ(refused.diagnostics.list()[0].line, 2u);
  EXPECT_TRUE(parse("[api]\naddress = \"0.0.0.0:8025\"\nbehind_proxy = true").ok());
  EXPECT_TRUE(parse("[api]\naddress = \"[::1]:8025\"").ok());
}

TEST(Config, sessions_must_fit_into_the_open_files) {
  LoadOptions few = many_files();
  few.open_files = 4301;
  EXPECT_TRUE(parse_config("", "", few).ok());
  few.open_files = 4300;
  const ConfigResult refused = parse_config("", "", few);
  ASSERT_EQ(codes(refused), std::vector<std::string>{"C034"});
  EXPECT_THAT(
      refused.diagnostics.list()[0].message,
      HasSubstr(
          "1000 sessions, 1024 API connections and the queue's deliveries need 4301 open files"));
  EXPECT_THAT(refused.diagnostics.list()[0].hint, HasSubstr("ulimit -Hn 4301"));
  EXPECT_THAT(refused.diagnostics.list()[0].hint, HasSubstr("sessions = 999"));
}

TEST(Config, ten_thousand_sessions_fit_into_twenty_thousand_open_files) {
  LoadOptions usual = many_files();
  usual.open_files = 20'000;
  EXPECT_TRUE(parse_config("[limits]\nsessions = 10000", "", usual).ok());
}

TEST(Config, api_connections_count_among_the_open_files) {
  LoadOptions few = many_files();
  few.open_files = 4301;
  EXPECT_EQ(codes(parse_config("[api]\nconnections = 1025", "", few)),
            std::vector<std::string>{"C034"});
  few.open_files = 1000;
  const ConfigResult none = parse_config("", "", few);
  ASSERT_EQ(codes(none), std::vector<std::string>{"C034"});
  EXPECT_THAT(none.diagnostics.list()[0].hint,
              HasSubstr("fewer `connections` and `requests` below `[api]`"));
}

TEST(Config, the_api_has_more_connections_than_requests) {
  EXPECT_TRUE(parse("[api]\nconnections = 124\nrequests = 100").ok());
  EXPECT_EQ(codes(parse("[api]\nconnections = 123\nrequests = 100")),
            std::vector<std::string>{"C039"});
}

TEST(Config, keys_that_another_key_makes_idle_are_named) {
  const auto said = [](const std::string& text) {
    const ConfigResult result = parse(text);
    std::vector<std::string> out;
    for (const Diagnostic& one : result.diagnostics.list()) {
      EXPECT_EQ(one.severity, Severity::warning) << one.message;
      out.push_back(one.code + " " + one.message);
    }
    return out;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(said("[[auth.source]]\nusers = [\"a:b\"]\n"),
              ElementsAre("C036 `users` has no effect: the source has no `kind`"));
  EXPECT_THAT(said("[[auth.source]]\nkind = \"sqlite\"\nfile = \"u.db\"\nquery = \"SELECT 1\"\n"
                   "dn = \"%s\"\nscope = \"mail\"\n"),
              ElementsAre("C036 `dn` has no effect with kind \"sqlite\"",
                          "C036 `scope` has no effect with kind \"sqlite\""));
  EXPECT_THAT(said("[lua]\nrelay_to = [\"example.org\"]\n"),
              ElementsAre("C036 `relay_to` has no effect without `policy`"));
  EXPECT_THAT(said("[[egress]]\npool = \"a\"\nv4 = \"192.0.2.25\"\n"
                   "[[egress]]\npool = \"a\"\nv4 = \"192.0.2.26\"\n"),
              ElementsAre("C036 no route sends from the pool `a`"));
  EXPECT_THAT(said("[api]\noperators = [\"acc_1\", \"nobody\"]\n"),
              ElementsAre("C036 `nobody` is not the id of an account"));
  EXPECT_THAT(said("[api]\ntable_folders = [\"/nonexistent/tables\"]\n"),
              ElementsAre("C036 the folder /nonexistent/tables does not exist: no file in it can "
                          "be named"));
}

TEST(Config, trusted_proxies_are_named_and_needed) {
  EXPECT_EQ(codes(parse("[api]\ntrusted_proxies = [\"10.0.0.1/32\"]")),
            std::vector<std::string>{"C036"});
  const std::string behind =
      "[api]\nbehind_proxy = true\npublic_url = \"https://mail.example.com\"\n";
  EXPECT_EQ(codes(parse(behind + "trusted_proxies = [\"0.0.0.0/0\"]")),
            std::vector<std::string>{"C037"});
  const ConfigResult result = parse(behind + "trusted_proxies = [\"10.0.0.0/8\"]");
  EXPECT_TRUE(result.diagnostics.list().empty());
  EXPECT_TRUE(result.config.api.trusted_proxies.contains(*IpAddress::parse("10.1.2.3")));
  EXPECT_FALSE(result.config.api.trusted_proxies.contains(*IpAddress::parse("127.0.0.1")));
}

TEST(Config, behind_a_proxy_links_need_its_address) {
  const ConfigResult result = parse("[api]\nbehind_proxy = true");
  EXPECT_TRUE(result.ok()) << "a warning";
  ASSERT_EQ(codes(result), std::vector<std::string>{"C040"});
  EXPECT_THAT(result.diagnostics.list()[0].message,
              HasSubstr("links to attachments and invitations begin with http://127.0.0.1:8025"));
  EXPECT_THAT(result.diagnostics.list()[0].hint, HasSubstr("public_url = "));
}

TEST(Config, a_secret_that_others_can_read_is_a_warning) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.file("password");
  std::ofstream(file) << "secret\n";
  const std::string route =
      "[[route]]\nmatch = [\"example.com\"]\nto = [\"[192.0.2.1]\"]\ntls = "
      "\"verify\"\nauth_user = \"u\"\nauth_password = \"" +
      file + "\"\n";
  const auto found = [&](std::filesystem::perms mode) {
    std::filesystem::permissions(file, mode);
    const ConfigResult result = parse_config(route, "postern.toml", many_files());
    std::vector<std::string> lines;
    for (const Diagnostic& one : result.diagnostics.list()) {
      if (one.code == "C041") lines.push_back(on_one_line(one));
    }
    return lines;
  };
  using std::filesystem::perms;
  const auto lines = found(perms::owner_read | perms::others_read);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], ::testing::AllOf(HasSubstr("postern.toml:6:1"), HasSubstr("can read"),
                                         Not(HasSubstr("secret"))));
  EXPECT_TRUE(found(perms::owner_read | perms::group_read).empty());
}

TEST(Config, addresses_and_names_are_used_once) {
  EXPECT_EQ(codes(parse("[[listener]]\n[[listener]]\nname = \"b\"\naddress = \"127.0.0.1:2525\"")),
            std::vector<std::string>{"C032"});
  EXPECT_EQ(codes(parse("[[listener]]\naddress = \"127.0.0.1:8025\"")),
            std::vector<std::string>{"C032"});
  EXPECT_EQ(codes(parse("[[listener]]\n[[listener]]\naddress = \"127.0.0.1:2526\"")),
            std::vector<std::string>{"C035"});
  EXPECT_TRUE(
      parse("[[listener]]\naddress = \"127.0.0.1:0\"\n[api]\naddress = \"127.0.0.1:0\"").ok());
}

TEST(Config, what_has_no_effect_or_trusts_everybody_is_a_warning) {
  const ConfigResult result = parse(
      "[[listener]]\nproxy_from = [\"0.0.0.0/0\"]\nxclient_from = [\"::/0\"]\n[limits]\nrecipients "
      "= 5\n"
      "soft_errors = 30\n");
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.diagnostics.warnings(), 5u) << result.diagnostics.render();
}

TEST(Config, networks_that_hold_strangers_open_the_relay_however_they_are_cut) {
  const std::tuple<std::string, std::string, std::string> grants[] = {
      {"lua", "relay_hosts", "L003"}, {"vsl", "relay_networks", "V004"}};
  for (const auto& [section, key, code] : grants) {
    const auto with = [&](const std::string& networks, const std::string& more = "") {
      return parse("[" + section + "]\n" + key + " = [" + networks + "]\n" + more);
    };
    for (const char* networks :
         {R"("0.0.0.0/1", "128.0.0.0/1")", R"("0.0.0.0/0")", R"("::/1", "8000::/1")",
          R"("::ffff:0:0/96")", R"("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2")"}) {
      const ConfigResult open = with(networks);
      EXPECT_THAT(codes(open), testing::Contains(code)) << networks;
      EXPECT_THAT(open.diagnostics.render(), HasSubstr("RCPT TO:<victim@foreign.example>"));
      EXPECT_THAT(codes(with(networks, "i_know_this_is_an_open_relay = true\n")),
                  testing::Not(testing::Contains(code)));
    }
    EXPECT_THAT(codes(with(R"("10.0.0.0/8", "203.0.0.0/12", "fc00::/7")")),
                testing::Not(testing::Contains(code)));
  }
}

// Grants of a script, which no key shows: the production engine is asked about them.
TEST(Config, a_policy_that_relays_for_anybody_is_found_with_a_dialogue) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("policy.lua");
  const auto with = [&](const std::string& text, const std::string& more = "") {
    std::ofstream(path) << text;
    return parse("[lua]\npolicy = \"" + path + "\"\n" + more);
  };
  const auto handler = [](const std::string& body) {
    return "kumo.on('get_listener_domain', function(domain, listener, conn_meta) " + body +
           " end)\n";
  };
  const std::string open[] = {
      handler("return { relay_to = true }"),
      handler("if domain ~= 'example.com' then return { relay_to = true } end"),
      handler("if domain == 'stranger.example' then return { relay_from = { '0.0.0.0/1' } } end "
              "return { relay_to = domain ~= '' }"),
  };
  const auto warning = [](const ConfigResult& result) {
    EXPECT_TRUE(result.ok()) << result.diagnostics.render();
    const auto found = open_relay_warning(result.config);
    return found ? found->code + " " + found->message : std::string();
  };
  for (const std::string& text : open) {
    EXPECT_THAT(warning(with(text)), testing::StartsWith("L003 the policy lets unknown clients"));
    EXPECT_THAT(warning(with(text)), HasSubstr("RCPT TO:<victim@foreign.example>"));
    EXPECT_EQ(warning(with(text, "i_know_this_is_an_open_relay = true\n")), "");
  }
  const std::string closed[] = {
      handler("return { relay_to = domain == 'example.com' }"),
      handler("return { relay_from = { '10.0.0.0/8' } }"),
      handler("if conn_meta:get_meta('authn_id') then return { relay_to = true } end"),
      // Only reports are accepted, and the plain message of the test is not one.
      handler("return { log_oob = true, log_arf = true }"),
      // A later hook refuses clients without authentication.
      handler("return { relay_to = true }") +
          "kumo.on('smtp_server_mail_from', function(sender, conn_meta) "
          "if not conn_meta:get_meta('authn_id') then kumo.reject(550, 'no') end end)\n",
  };
  for (const std::string& text : closed) EXPECT_EQ(warning(with(text)), "") << text;
  // The lists refuse what the script would grant: all layers decide together.
  EXPECT_EQ(warning(with(open[0], "[restrictions]\nrelay = \"permit_mynetworks, reject\"\n")), "");
  // A shadow layer refuses no client.
  EXPECT_NE(warning(with(open[0],
                         "[restrictions]\nmode = \"shadow\"\n"
                         "relay = \"permit_mynetworks, reject\"\n")),
            "");
}

TEST(Config, command_line_values_are_checked_with_the_file) {
  LoadOptions adjusted = many_files();
  adjusted.adjust = [](Config& config) { config.api.address = *Endpoint::parse("192.0.2.1:80"); };
  EXPECT_EQ(codes(parse_config("", "", adjusted)), std::vector<std::string>{"C033"});
}

TEST(Config, files_that_cannot_be_read_are_named) {
  EXPECT_EQ(codes(load_config("/nonexistent/postern.toml")), std::vector<std::string>{"C002"});
  const ConfigResult directory = load_config("/tmp");
  ASSERT_EQ(codes(directory), std::vector<std::string>{"C002"});
  EXPECT_THAT(directory.diagnostics.render(), HasSubstr("--> /tmp\n"));
  const tests::TemporaryFolder folder;
  const std::string path = folder.write("a.toml", "[server]\nhostname = \"mx.example.com\"\n");
  EXPECT_EQ(load_config(path, many_files()).config.server.hostname, "mx.example.com");
  folder.write("a.toml", std::string((1u << 20) + 1, '#'));
  EXPECT_EQ(codes(load_config(path, many_files())), std::vector<std::string>{"C002"});
}

TEST(Config, secrets_in_a_misspelt_key_are_not_repeated) {
  const std::string text = parse("[api]\nadmin_password = \"hunter2\"\n").diagnostics.render();
  EXPECT_THAT(text, HasSubstr("admin_password = ..."));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST(Config, every_error_code_has_a_page_whose_examples_are_true) {
  for (const CodePage& page : code_pages()) {
    if (!page.wrong.empty()) {
      EXPECT_THAT(codes(parse(page.wrong)), testing::Contains(std::string(page.code))) << page.code;
    }
    LoadOptions few = many_files();
    few.open_files = 10'000;
    const ConfigResult right = parse_config(page.right, "x", few);
    for (const Diagnostic& one : right.diagnostics.list()) {
      // An example of a key of [lua] names no existing policy.
      EXPECT_TRUE(page.code.starts_with('L') && one.code == "C036") << page.code << "\n"
                                                                    << right.diagnostics.render();
    }
  }
}

TEST(Config, every_code_in_the_sources_has_a_page) {
  const std::regex code("\"([CLT][0-9]{3})\"");
  for (const auto& entry : std::filesystem::directory_iterator(source_dir + "/src/config")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".cc" || name.ends_with("_test.cc")) continue;
    const std::string text = tests::read_file(entry.path());
    for (auto it = std::sregex_iterator(text.begin(), text.end(), code);
         it != std::sregex_iterator(); ++it) {
      EXPECT_TRUE(help_on((*it)[1].str())) << (*it)[1] << " in " << name;
    }
  }
}

TEST(ConfigValues, durations_are_whole_numbers_with_units) {
  using std::chrono::milliseconds;
  EXPECT_EQ(*parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(*parse_duration("0s"), milliseconds(0));
  EXPECT_EQ(*parse_duration("3 m"), milliseconds(180'000));
  EXPECT_EQ(*parse_duration("7d"), milliseconds(604'800'000));
  EXPECT_THAT(parse_duration("30").error().message, HasSubstr("write `30s`"));
  for (const std::string_view bad :
       {"", "s", "1.5s", "5 S", "5sec", "-1s", "1h30m", "18446744073709551616s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_EQ(duration_text(milliseconds(90'000)), "90s");
  EXPECT_EQ(duration_text(milliseconds(0)), "0s");
  EXPECT_EQ(duration_text(milliseconds(1500)), "1500ms");
}

TEST(ConfigValues, sizes_are_octets_or_binary_units) {
  EXPECT_EQ(*parse_size("0"), 0u);
  EXPECT_EQ(*parse_size("64 KiB"), 65536u);
  EXPECT_EQ(*parse_size("25MiB"), 26214400u);
  EXPECT_THAT(parse_size("25 MB").error().message, HasSubstr("did you mean `25 MiB`"));
  EXPECT_THAT(parse_size("25m").error().message, HasSubstr("did you mean `25 MiB`"));
  for (const std::string_view bad : {"", "KiB", "1.5 MiB", "-1", "1 TiB", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
  EXPECT_EQ(size_text(65536), "64 KiB");
  EXPECT_EQ(size_text(1000), "1000");
}

/// Not a check: `POSTERN_WRITE_DOCS=1 config_test` writes the generated pages.
class WriteDocs : public testing::Environment {
  void SetUp() override {
    if (!std::getenv("POSTERN_WRITE_DOCS")) return;
    std::ofstream(source_dir + "/config/postern.example.toml") << example_config();
    std::ofstream(source_dir + "/docs/configuration.md") << config_manual();
  }
};
[[maybe_unused]] auto* const write_docs = testing::AddGlobalTestEnvironment(new WriteDocs);

/// All errors of a policy: "V001 2:8 message; hint".
std::vector<std::string> wrong_with(const std::string& section, const std::string& file,
                                    const std::string& text) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.write(file, text);
  const ConfigResult result = parse(fmt::format("[{}]\npolicy = \"{}\"\n", section, path));
  std::vector<std::string> all;
  for (const Diagnostic& one : result.diagnostics.list()) {
    if (one.severity != Severity::error) continue;
    all.push_back(fmt::format("{} {}:{} {}; {}", one.code, one.line, one.column, one.message,
                              section == "vsl" ? one.hint : ""));
  }
  return all;
}

TEST(Config, misspelt_names_of_a_vsl_policy_are_errors_all_at_once) {
  EXPECT_EQ(
      wrong_with("vsl", "main.vsl",
                 "#{\n"
                 "  conect: [ rule \"a\" || next() ],\n"
                 "  mail: [ rule \"b\" || { acept() } ],\n"
                 "  rcpt: [ rule \"c\" || if clent_ip() == \"\" { next() } else { deny() } ],\n"
                 "}\n"),
      (std::vector<std::string>{
          "V001 2:3 there is no stage `conect`; did you mean `connect`?",
          "V001 3:25 no function `acept` is defined; did you mean `accept`?",
          "V001 4:26 no function `clent_ip` is defined; did you mean `client_ip`?"}));
  // A word without a similar name may be in a rule that is never reached.
  EXPECT_EQ(wrong_with("vsl", "main.vsl", "#{ mail: [ rule \"x\" || check_spf(allowed_hosts) ] }"),
            std::vector<std::string>{});
}

TEST(Config, mistakes_of_syntax_in_several_rules_are_said_at_once) {
  EXPECT_EQ(wrong_with("vsl", "main.vsl",
                       "#{\n"
                       "  connect: [ rule \"a\" || next( ],\n"
                       "  mail: [ ruel \"b\" || next() ],\n"
                       "  rcpt: [ rule \"c\" || next(), action \"d\" |  ],\n"
                       "}\n"
                       "object o file \"list\";\n"
                       "fn f( { 1 }\n"),
            (std::vector<std::string>{
                "V001 2:32 a value is expected, not `]`; see `postern help V001`",
                "V001 3:11 a rule cannot begin with `ruel`; did you mean `rule`?",
                "V001 4:45 the name of a parameter is expected, not `]`; see `postern help V001`",
                "V001 7:7 the name of a parameter is expected, not `{`; see `postern help V001`"}));
}

TEST(Config, all_mistakes_of_a_lua_policy_that_does_not_load_are_said_at_once) {
  EXPECT_EQ(wrong_with("lua", "policy.lua",
                       "local kumo = require 'kumo'\n"
                       "local db = require 'sqllite'\n"
                       "local store = require 'redis'\n"
                       "kumo.on('smtp_server_ehlo', function() tostrin(1) end)\n"),
            (std::vector<std::string>{
                "L001 2:12 there is no module `sqllite`; did you mean `sqlite`?; ",
                "L001 3:15 the module `redis` is not carried: count with `kumo.make_throttle`, "
                "keep data in `sqlite`, or ask by HTTP; ",
                "L001 4:40 nothing defines the function `tostrin`; did you mean `tostring`?; "}));
  EXPECT_EQ(wrong_with("lua", "policy.lua", "error 'no'\nlocal function f() tostrin(1) end\n"),
            (std::vector<std::string>{
                "L001 1:1 no; ",
                "L001 2:20 nothing defines the function `tostrin`; did you mean `tostring`?; "}));
}

TEST(Config, a_listener_may_be_a_socket_that_systemd_opens) {
  LoadOptions options;
  options.open_files = 100'000;
  const auto load = [&](const std::string& text) { return parse_config(text, "x", options); };
  const ConfigResult one = load("[[listener]]\naddress = \"systemd:smtp\"\n");
  ASSERT_TRUE(one.ok()) << one.diagnostics.render();
  EXPECT_EQ(one.config.listeners[0].address.passed, "smtp");
  EXPECT_EQ(one.config.listeners[0].address.to_string(), "systemd:smtp");
  EXPECT_FALSE(load("[[listener]]\naddress = \"systemd:\"\n").ok());
  EXPECT_FALSE(load("[[listener]]\naddress = \"systemd:a:b\"\n").ok());
  EXPECT_TRUE(load("[api]\naddress = \"systemd:api\"\n").ok());
  EXPECT_FALSE(load("[api]\naddress = \"systemd:\"\n").ok());
  const ConfigResult twice = load(
      "[[listener]]\nname = \"a\"\naddress = \"systemd:smtp\"\n"
      "[[listener]]\nname = \"b\"\naddress = \"systemd:smtp\"\n");
  ASSERT_EQ(twice.diagnostics.errors(), 1u);
  EXPECT_EQ(twice.diagnostics.list().front().code, "C032");
}

}  // namespace
}  // namespace postern::app
