#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/version.h"
#include "cli/answer_test.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/made_pages.h"
#include "cli/mdoc.h"
#include "config/diagnostic.h"
#include "config/dnssec_report.h"
#include "config/schema.h"
#include "dialect/restrictions/rules.h"
#include "dialect/webhook/fields.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

Arguments good(const std::vector<std::string>& words) {
  const auto parsed = parse_command_line(words);
  const auto* error = std::get_if<UsageError>(&parsed);
  EXPECT_FALSE(error) << error->message;
  return std::get<Arguments>(parsed);
}

std::string refused(const std::vector<std::string>& words) {
  const auto parsed = parse_command_line(words);
  return std::holds_alternative<UsageError>(parsed) ? std::get<UsageError>(parsed).message
                                                    : "accepted";
}

template <class Run>
Answer run_with(Run run, const std::vector<std::string>& words, const std::string& input = "") {
  return answer_of(run, good(words), input);
}

TEST(CommandLine, options_come_before_and_behind_with_or_without_equals) {
  const Arguments arguments =
      good({"--json", "serve", "--smtp", "127.0.0.1:25", "--api=127.0.0.1:80"});
  EXPECT_EQ(arguments.command->name, "serve");
  EXPECT_TRUE(arguments.has("--json"));
  EXPECT_EQ(arguments.value("--smtp"), "127.0.0.1:25");
  EXPECT_EQ(arguments.value("--api"), "127.0.0.1:80");
  EXPECT_FALSE(arguments.value("--data-dir"));
}

TEST(CommandLine, repeated_options_keep_every_value) {
  const Arguments arguments =
      good({"explain", "--to", "a@example.com", "--to", "b@example.com", "--from", ""});
  EXPECT_EQ(arguments.values("--to").size(), 2u);
  EXPECT_EQ(arguments.value("--to"), "b@example.com");
  EXPECT_EQ(arguments.value("--from"), "");
}

TEST(CommandLine, a_dash_is_a_word_and_two_end_the_options) {
  EXPECT_EQ(good({"check", "--config", "-"}).value("--config"), "-");
  EXPECT_EQ(good({"help", "--", "--strange"}).words, std::vector<std::string>{"--strange"});
}

TEST(CommandLine, mistakes_name_the_nearest) {
  EXPECT_EQ(refused({"serv"}), "unknown command `serv`; did you mean `serve`?");
  EXPECT_EQ(refused({"serve", "--confg", "x"}),
            "unknown option `--confg` of `postern serve`; did you mean `--config`?");
  EXPECT_EQ(refused({"xyzzy"}), "unknown command `xyzzy`");
  EXPECT_EQ(refused({"--smtp", "x", "serve"}), "option `--smtp` must come after its command");
  EXPECT_EQ(refused({"serve", "--config"}), "option `--config` needs a value: --config FILE");
  EXPECT_EQ(refused({"serve", "--json=yes"}), "option `--json` takes no value");
  EXPECT_EQ(refused({"serve", "now"}), "`now` is one word too many for `postern serve`");
  const auto file = parse_command_line({"check", "postern.toml"});
  EXPECT_EQ(std::get<UsageError>(file).hint, "`postern check --config postern.toml`");
  EXPECT_EQ(refused({"\x1b[2J"}), "unknown command `\\x1b[2J`");
}

TEST(CommandLine, a_script_for_a_shell_is_no_json) {
  EXPECT_EQ(help_on("completion")->find("--json"), std::string::npos);
  EXPECT_NE(help_on("version")->find("--json"), std::string::npos);
}

TEST(CommandLine, a_command_may_have_two_words) {
  const Arguments arguments = good({"--json", "dkim", "--quiet", "verify", "m.eml"});
  EXPECT_EQ(arguments.command->name, "dkim verify");
  EXPECT_EQ(arguments.words, std::vector<std::string>{"m.eml"});
  EXPECT_EQ(good({"dkim", "verify", "--help"}).words, std::vector<std::string>{"dkim verify"});
  EXPECT_EQ(good({"dkim", "--help"}).words, std::vector<std::string>{"dkim"});
  EXPECT_EQ(good({"help", "dkim", "verify"}).command->name, "help");
  const auto alone = parse_command_line({"dkim"});
  ASSERT_TRUE(std::holds_alternative<NoCommand>(alone));
  EXPECT_EQ(std::get<NoCommand>(alone).family, find_family("dkim"));
}

TEST(CommandLine, mistakes_in_two_words_name_the_nearest) {
  EXPECT_EQ(refused({"dkmi"}), "unknown command `dkmi`; did you mean `dkim`?");
  EXPECT_EQ(refused({"dkim", "keygn"}),
            "unknown command `keygn` of `postern dkim`; did you mean `keygen`?");
  EXPECT_EQ(refused({"spf", "keygen"}), "unknown command `keygen` of `postern spf`");
  EXPECT_EQ(refused({"keygen"}), "unknown command `keygen`");
  EXPECT_EQ(refused({"dkim", "--domain", "example.com", "keygen"}),
            "option `--domain` must come after its command");
  EXPECT_EQ(refused({"dkim", "keygen", "--domian", "x"}),
            "unknown option `--domian` of `postern dkim keygen`; did you mean `--domain`?");
}

TEST(CommandLine, help_and_version_are_options_too) {
  EXPECT_EQ(good({"serve", "--help"}).command->name, "help");
  EXPECT_EQ(good({"serve", "-h"}).words, std::vector<std::string>{"serve"});
  EXPECT_EQ(good({"--help"}).words.size(), 0u);
  EXPECT_EQ(good({"--version"}).command->name, "version");
  EXPECT_TRUE(std::holds_alternative<NoCommand>(parse_command_line({})));
  EXPECT_TRUE(std::holds_alternative<NoCommand>(parse_command_line({"--json"})));
}

TEST(Help, the_short_help_fits_on_a_screen) {
  const auto lines = lines_of(short_help());
  EXPECT_LE(lines.size(), 32u);
  for (const std::string& line : lines) EXPECT_LE(display_width(line), 80u) << line;
}

TEST(Help, every_command_is_in_the_short_help_and_has_help_of_its_own) {
  for (const CommandSpec& command : commands()) {
    const FamilySpec* family = family_of(command);
    const std::string_view listed = family ? family->name : command.name;
    EXPECT_THAT(short_help(), HasSubstr("\n  " + std::string(listed) + " ")) << command.name;
    if (family) {
      EXPECT_THAT(family_help(*family), HasSubstr("\n  " + std::string(last_word(command)) + " "));
    }
    const auto text = help_on(command.name);
    ASSERT_TRUE(text);
    EXPECT_LT(text->find("Examples:"), text->find("Options:")) << command.name;
    EXPECT_LT(text->find("Options:"), text->find("Exit codes:")) << command.name;
    for (const OptionSpec& option : command.options) {
      EXPECT_THAT(*text, HasSubstr(std::string(option.name))) << command.name;
    }
    for (const std::string& line : lines_of(*text)) EXPECT_LE(display_width(line), 80u) << line;
    // As a shell reads it.
    std::string joined = *text;
    for (std::size_t at; (at = joined.find(" \\\n     ")) != std::string::npos;)
      joined.erase(at, 8);
    for (const ExampleSpec& example : command.examples) {
      EXPECT_THAT(joined, HasSubstr(fmt::format("  $ {}\n", example.line)));
    }
  }
}

TEST(Help, every_example_is_a_command_line_we_take) {
  for (const CommandSpec& command : commands()) {
    EXPECT_FALSE(command.examples.empty()) << command.name;
    for (const ExampleSpec& example : command.examples) {
      std::vector<std::string> words;
      for (const std::string_view word : split(example.line, ' ')) words.emplace_back(word);
      ASSERT_EQ(words.front(), "postern");
      words.erase(words.begin());
      // Redirections and pipes are done by the shell.
      for (const char* sign : {"|", ">", ">>", "<"}) {
        words.erase(std::find(words.begin(), words.end(), sign), words.end());
      }
      EXPECT_EQ(good(words).command, &command) << example.line;
    }
  }
}

TEST(Help, topics_and_codes_are_known) {
  for (const std::string_view subject : help_subjects()) {
    const auto text = help_on(subject);
    ASSERT_TRUE(text) << subject;
    if (subject == "configuration") continue;  // its rows are as wide as the longest default
    for (const std::string& line : lines_of(*text)) EXPECT_LE(display_width(line), 80u) << line;
  }
  EXPECT_FALSE(help_on("nonsense"));
  const std::string codes = *help_on("exit-codes");
  EXPECT_THAT(codes, HasSubstr("78  the configuration is wrong"));
  for (const CommandSpec& command : commands()) {
    for (const ExitCode code : command.exit_codes) {
      EXPECT_THAT(codes, HasSubstr(fmt::format("\n  {} ", to_int(code))));
    }
  }
  EXPECT_THAT(*help_on("c012"), HasSubstr("mesage_size"));
}

TEST(Help, every_topic_is_named_where_one_looks) {
  const std::string help = *help_on("help");
  std::string words;  // without line breaks
  for (const std::string& line : lines_of(help)) words += line + " ";
  for (const char* topic :
       {"exit-codes", "configuration", "environment", "tracing", "keywords", "capabilities",
        "codes", "tables", "verification", "postfix", "differences", "guardrails", "ptest"}) {
    ASSERT_TRUE(help_on(topic)) << topic;
    EXPECT_THAT(words, HasSubstr(topic));
  }
  EXPECT_THAT(*help_on("codes"), HasSubstr("R110"));
  EXPECT_THAT(*help_on("codes"), HasSubstr("C012"));
  EXPECT_THAT(*help_on("tables"), HasSubstr("  cidr\n"));
  EXPECT_THAT(*help_on("verification"), HasSubstr("address_verify_poll_count"));
  // Every code that a topic sends to exists.
  static const std::regex code("postern help ([A-Z][0-9]{3})");
  for (const char* topic : {"differences", "postfix", "verification"}) {
    const std::string text = *help_on(topic);
    for (auto it = std::sregex_iterator(text.begin(), text.end(), code);
         it != std::sregex_iterator(); ++it) {
      EXPECT_TRUE(help_on((*it)[1].str())) << (*it)[1];
    }
  }
}

TEST(Help, words_of_smtp_of_the_configuration_and_of_lists_are_found) {
  for (const char* word : {"RCPT", "rcpt", "RCPT TO"}) {
    const auto text = help_on(word);
    ASSERT_TRUE(text) << word;
    EXPECT_THAT(*text, HasSubstr("smtp_server_rcpt_to")) << word;
  }
  for (const char* word :
       {"EHLO", "HELO", "AUTH", "MAIL", "DATA", "BDAT", "restrictions", "[queue]", "[[route]]",
        "message_size", "reject_rbl_client", "rbl", "VRFY"}) {
    const auto text = help_on(word);
    ASSERT_TRUE(text) << word;
    for (const std::string& line : lines_of(*text)) EXPECT_LE(display_width(line), 80u) << line;
  }
  EXPECT_THAT(*help_on("[limits]"), HasSubstr("[limits] message_size = "));
  EXPECT_THAT(*help_on("reject_rbl_client"), HasSubstr("DNS list"));
  EXPECT_THAT(*help_on("[auth]"), HasSubstr("[auth] policies = "));
  EXPECT_THAT(*help_on("VRFY"), HasSubstr("[limits] junk_commands = "));
  EXPECT_FALSE(help_on("x"));
  EXPECT_FALSE(help_on("[]"));
  EXPECT_FALSE(help_on(""));
}

TEST(Help, no_subject_hides_another) {
  const auto subjects = help_subjects();
  EXPECT_EQ(std::set(subjects.begin(), subjects.end()).size(), subjects.size());
  // Everything that --help names exists.
  const std::string help = short_help();
  const std::size_t at = help.rfind("postern help ");
  ASSERT_NE(at, std::string::npos);
  std::string names = help.substr(at + std::string_view("postern help ").size());
  names.erase(names.find('\n'));
  for (const std::string_view name : split(std::string_view(names), '|'))
    EXPECT_TRUE(help_on(name)) << name;
  const std::string text = *help_on("configuration");
  for (const char* word : {"postern config example", "[[route]]  (once for each)\n", "[queue]\n",
                           "64 KiB", "SIGHUP", "config.needs_restart"}) {
    EXPECT_THAT(text, HasSubstr(word));
  }
}

TEST(Help, completions_know_every_command_and_option) {
  for (const std::string_view shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell);
    ASSERT_TRUE(script);
    for (const CommandSpec& command : commands()) {
      EXPECT_THAT(*script, HasSubstr(std::string(last_word(command))));
      for (const OptionSpec& option : command.options) {
        EXPECT_THAT(*script, HasSubstr(std::string(option.name.substr(2)))) << shell;
      }
    }
  }
  EXPECT_FALSE(completion_script("csh"));
}

TEST(Help, completions_know_what_arguments_are) {
  std::string script = *completion_script("bash");
  const auto count = [&](std::string_view text) {
    std::size_t n = 0;
    for (auto at = script.find(text); at != std::string::npos; at = script.find(text, at + 1)) ++n;
    return n;
  };
  std::size_t files = 0;
  std::size_t messages = 0;
  for (const CommandSpec& command : commands()) {
    for (const std::string_view form : {"|-", "FILE.", " NEW ", "CERTIFICATE KEY"}) {
      if (command.usage.find(form) == std::string_view::npos) continue;
      ++files;
      break;
    }
    const FamilySpec* family = family_of(command);
    if (family && family->name == "queue" && command.usage.starts_with("ID")) ++messages;
  }
  EXPECT_EQ(count("argument=file"), files);
  EXPECT_EQ(count("argument=message"), messages);
  for (const std::string_view word : {" C012 ", " 550 ", " server.data_dir "}) {
    EXPECT_THAT(script, HasSubstr(std::string(word)));
  }
}

TEST(Help, bash_accepts_its_script) {
  const std::string quoted = *completion_script("bash");
  ASSERT_EQ(quoted.find("POSTERN_END"), std::string::npos);
  const std::string command = "bash <<'POSTERN_END'\n" + quoted +
                              "COMP_WORDS=(postern che); COMP_CWORD=1; _postern; [ "
                              "\"${COMPREPLY[*]}\" = check ] || exit 1\n"
                              "COMP_WORDS=(postern serve --sm); COMP_CWORD=2; _postern; [ "
                              "\"${COMPREPLY[*]}\" = --smtp ] || exit 1\n"
                              "COMP_WORDS=(postern dkim keyg); COMP_CWORD=2; _postern; [ "
                              "\"${COMPREPLY[*]}\" = keygen ] || exit 1\n"
                              "COMP_WORDS=(postern dkim keygen --b); COMP_CWORD=3; _postern; [ "
                              "\"${COMPREPLY[*]}\" = --bits ] || exit 1\n"
                              "POSTERN_END\n";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Manual, has_a_page_of_each_command_with_its_options_and_of_each_key) {
  EXPECT_THAT(run_with(run_help, {"help", "--man"}).out, HasSubstr("postern-serve.8\n"));
  EXPECT_EQ(manual_pages().size(), commands().size() + made_pages().size() + 3);
  EXPECT_THAT(run_with(run_help, {"help", "--man"}).out, HasSubstr("postern-doctor.8\n"));
  for (const CodePage& page : code_pages()) {
    EXPECT_THAT(*manual_page("postern-errors"), HasSubstr("\"\\&" + std::string(page.code) + ": "));
  }
  for (const std::string& file : manual_pages()) {
    const auto page = manual_page(file.substr(0, file.size() - 2));
    ASSERT_TRUE(page) << file;
    for (const std::string& line : lines_of(*page)) {
      EXPECT_FALSE(line.starts_with("'")) << file << ": " << line;
    }
  }
  for (const CommandSpec& command : commands()) {
    const Answer page = run_with(run_help, {"help", "--man", "--", std::string(command.name)});
    for (const OptionSpec& option : command.options) {
      std::string word(option.name);
      for (std::size_t at = 0; (at = word.find('-', at)) != std::string::npos; at += 2) {
        word.replace(at, 1, "\\-");
      }
      EXPECT_THAT(page.out, HasSubstr(word)) << command.name;
    }
  }
  for (const Key& key : config_keys()) {
    EXPECT_THAT(*manual_page("postern.toml"), HasSubstr("\"\\&" + std::string(key.name) + " = "));
  }
  EXPECT_FALSE(manual_page("xyzzy"));
  EXPECT_EQ(run_with(run_help, {"help", "--man", "xyzzy"}).code, 64);
}

// One page for each dialect, with every word of its reference.
TEST(Manual, has_a_page_of_each_dialect_with_all_its_words) {
  const auto page = [](std::string_view name) { return manual_page(name).value_or(""); };
  for (const auto& keyword : dialect::restrictions::keywords()) {
    EXPECT_THAT(page("postern-restrictions"), HasSubstr(fmt::format(".It \"\\&{}", keyword.name)));
  }
  EXPECT_THAT(page("postern-restrictions"), HasSubstr("\nLooks at: the recipient.\n"));
  EXPECT_THAT(page("postern-lua"), HasSubstr(".It \"\\&smtp_server_rcpt_to\""));
  EXPECT_THAT(page("postern-lua"), HasSubstr(".It \"\\&kumo.sleep(seconds: number)\""));
  EXPECT_THAT(page("postern-vsl"), HasSubstr(".It \"\\&client_ip() \\(-> string\""));
  for (const auto& field : dialect::webhook::field_texts()) {
    EXPECT_THAT(page("postern-webhook-policies"),
                HasSubstr(fmt::format(".It \"\\&{}\"", field.name)));
  }
  EXPECT_THAT(page("postern-reply-codes"), HasSubstr("Defined in: RFC 5321"));
  for (const MadePage& made : made_pages()) {
    EXPECT_THAT(page("postern"), HasSubstr(".Xr "));
    for (const std::string& line : lines_of(page(made.name))) {
      EXPECT_EQ(line.find(".md)"), line.npos) << made.name << ": " << line;
      EXPECT_FALSE(line.starts_with("Made from")) << made.name << ": " << line;
    }
  }
}

TEST(Manual, is_markdown_of_the_made_pages_in_words_of_mdoc) {
  EXPECT_EQ(
      mdoc_of_markdown("# Title\n\nWhat it is\nmade from.\n\nFirst. *Second* is\nhere.\n\n## A\n\n"
                       "Made from `x.cc`. See [this](page.md#x).\n\n"
                       "| word | a | b |\n|---|---|---|\n| `x\\|y` | one | |\n\n"
                       "* `f() \u2192 int`: Does\n  it.\n* `.g`: [[route]].\n"),
      "First.\nSecond is here.\n.Ss \"\\&A\"\nSee this.\n"
      ".Bl -tag -width Ds\n.It \"\\&x|y\"\nA: one.\n.El\n"
      ".Bl -tag -width Ds\n.It \"\\&f() \\(-> int\"\nDoes it.\n"
      ".It \"\\&\\&.g\"\n[[route]].\n.El\n");
}

TEST(Commands, check_says_ok_and_what_would_run) {
  const Answer answer = run_with(
      run_check, {"check", "--config", "-"},
      "[server]\nhostname = \"mx.example.com\"\n[dns]\ndnssec = \"off\"\n[relay]\ndane = false\n");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out,
            "<stdin>: ok: 1 listener (smtp 127.0.0.1:2525 STARTTLS), API 127.0.0.1:8025, data in "
            "./postern-data, DNSSEC off: `dns.dnssec` says so\n");
  EXPECT_EQ(answer.err, "");
}

TEST(Commands, check_names_each_listener_once_with_its_tls) {
  const std::string quiet = "[dns]\ndnssec = \"off\"\n[relay]\ndane = false\n";
  const Key* tls = find_key("listener", "tls");
  ASSERT_TRUE(tls);
  const std::map<std::string_view, std::string_view> words{{"starttls", "STARTTLS"},
                                                           {"implicit", "implicit TLS"},
                                                           {"none", "no TLS"},
                                                           {"required", "STARTTLS required"}};
  for (const std::string_view choice : tls->choices) {
    ASSERT_TRUE(words.contains(choice)) << choice;
    const Answer answer = run_with(run_check, {"check", "--config", "-"},
                                   fmt::format("{}[[listener]]\ntls = \"{}\"\n", quiet, choice));
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_THAT(answer.out, HasSubstr(fmt::format("1 listener (smtp 127.0.0.1:2525 {}), API",
                                                  words.at(choice))));
  }
  const Answer named =
      run_with(run_check, {"check", "--config", "-"},
               quiet + "[[listener]]\nname = \"a\"\naddress = \"127.0.0.1:2526\"\n");
  EXPECT_THAT(named.out, HasSubstr("(a 127.0.0.1:2526 STARTTLS)"));
}

TEST(Commands, check_warns_where_dane_protects_no_mail) {
  const std::string off = "[dns]\ndnssec = \"off\"\n";
  const Answer answer = run_with(run_check, {"check", "--config", "-"}, off);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("warning: DANE protects no mail, though `relay.dane` is true: "
                                    "DNSSEC is off: `dns.dnssec` says so"));
  const Answer json = run_with(run_check, {"check", "--json", "--config", "-"}, off);
  EXPECT_EQ(boost::json::parse(json.out).at("dnssec"), "off: `dns.dnssec` says so");
  EXPECT_THAT(std::string(boost::json::parse(json.out).at("dane").as_string()),
              HasSubstr("relay.dane"));
  EXPECT_EQ(boost::json::parse(json.out).at("warnings"), 1);
  EXPECT_THAT(answer.out, HasSubstr("<stdin>: ok with 1 warning: "));
}

TEST(Commands, with_strict_a_warning_about_dane_counts_as_an_error) {
  const std::string off = "[dns]\ndnssec = \"off\"\n";
  const Answer strict = run_with(run_check, {"check", "--strict", "--config", "-"}, off);
  EXPECT_EQ(strict.code, 78);
  EXPECT_THAT(strict.err, HasSubstr("warning: DANE protects no mail"));
  EXPECT_THAT(strict.err, HasSubstr("<stdin>: 0 errors, 1 warning"));
  EXPECT_EQ(run_with(run_check, {"check", "--strict", "--quiet", "--config", "-"}, off).code, 78);
  const Answer json = run_with(run_check, {"check", "--strict", "--json", "--config", "-"}, off);
  EXPECT_EQ(json.code, 78);
  EXPECT_EQ(boost::json::parse(json.out).at("ok"), false);
  EXPECT_EQ(boost::json::parse(json.out).at("errors"), 0);
  EXPECT_EQ(boost::json::parse(json.out).at("warnings"), 1);
  EXPECT_TRUE(boost::json::parse(json.out).as_object().contains("dane"));
}

TEST(Commands, check_finds_credentials_or_says_that_they_were_not_looked_at) {
  const std::string text =
      "[dns]\ndnssec = \"off\"\n[relay]\ndane = false\n[[listener]]\n"
      "certificate = \"credential:certs_c.pem\"\nkey = \"credential:certs_k.pem\"\n";
  ::unsetenv("CREDENTIALS_DIRECTORY");
  const Answer note = run_with(run_check, {"check", "--strict", "--config", "-"}, text);
  EXPECT_EQ(note.code, 0) << note.err;
  EXPECT_THAT(note.err, HasSubstr("note[T001]"));
  EXPECT_THAT(note.err, HasSubstr("--credentials ID:PATH"));
  const Answer given =
      run_with(run_check, {"check", "--credentials", "certs:/nonexistent", "--config", "-"}, text);
  EXPECT_EQ(given.code, 78);
  EXPECT_THAT(given.err, HasSubstr("/nonexistent/c.pem"));
  EXPECT_THAT(given.err, HasSubstr("/nonexistent/k.pem"));
}

TEST(Dnssec, is_told_without_the_resolvers_own_words) {
  net::DnssecState state{.kind = net::DnssecState::Kind::off,
                         .trouble = "the servers pass no DNSSEC records",
                         .words = "validation failure <x. DS IN>: no DNSKEY (of .)"};
  EXPECT_EQ(state.brief(), "off: the servers pass no DNSSEC records");
  EXPECT_EQ(state.text(),
            "off: the servers pass no DNSSEC records (validation failure <x. DS IN>: no DNSKEY "
            "(of .))");
  EXPECT_THAT(*dane_warning({}, state), HasSubstr("DNSSEC is off: the servers pass no DNSSEC "
                                                  "records; set it up (docs/relay.md, DNSSEC)"));
  state = {.kind = net::DnssecState::Kind::validating,
           .trouble = {},
           .doubt = "what the servers say of the root fails validation",
           .words = "signature expired"};
  EXPECT_EQ(state.brief(),
            "validating; the last probe: what the servers say of the root fails validation")
      << "of a doubt, too";
}

TEST(Commands, beside_check_warnings_are_one_line) {
  const std::string warns = "[limits]\nrecipients = 5\n";
  const auto said = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"queue", "list", "--config", "-"};
    words.insert(words.end(), more.begin(), more.end());
    return run_with(
               [](const Arguments& arguments, Streams& streams) {
                 return load_for(arguments, streams, without_files(arguments)) ? 0 : 78;
               },
               words, warns)
        .err;
  };
  EXPECT_EQ(said({}), "1 warning in <stdin>: `postern check` shows it\n");
  EXPECT_EQ(said({"--json"}), "");
}

TEST(Commands, check_prints_every_mistake_and_exits_78) {
  const Answer answer =
      run_with(run_check, {"check", "--config", "-"}, "[limits]\nsesions = 5\nrecipients = 5\n");
  EXPECT_EQ(answer.code, 78);
  EXPECT_THAT(answer.err, HasSubstr("error[C012]: unknown key `sesions`"));
  EXPECT_THAT(answer.err, HasSubstr("warning[C038]"));
  EXPECT_THAT(answer.err, HasSubstr("<stdin>: 1 error, 1 warning\n"));
  EXPECT_EQ(answer.out, "");
}

TEST(Commands, check_answers_in_json) {
  const Answer bad =
      run_with(run_check, {"check", "--json", "--config", "-"}, "[limits]\nsesions = 5\n");
  EXPECT_EQ(bad.code, 78);
  const std::size_t end = bad.out.find('\n');
  EXPECT_EQ(boost::json::parse(bad.out.substr(0, end)).at("line").to_number<int>(), 2);
  EXPECT_EQ(boost::json::parse(bad.out.substr(end + 1)).at("ok"), false);
  const Answer fine = run_with(run_check, {"check", "--json", "--config", "-"}, "");
  EXPECT_EQ(fine.code, 0);
  EXPECT_EQ(boost::json::parse(fine.out).at("ok"), true);
}

TEST(Commands, quiet_says_nothing_but_errors) {
  const Answer fine =
      run_with(run_check, {"check", "--quiet", "--config", "-"}, "[limits]\nrecipients = 5\n");
  EXPECT_EQ(fine.code, 0);
  EXPECT_EQ(fine.out + fine.err, "");
  EXPECT_NE(run_with(run_check, {"check", "--quiet", "--config", "-"}, "x = 1\n").err, "");
}

TEST(Commands, the_environment_may_name_the_configuration) {
  setenv("POSTERN_CONFIG", "/nonexistent/postern.toml", 1);
  const Answer answer = run_with(run_check, {"check"});
  unsetenv("POSTERN_CONFIG");
  EXPECT_EQ(answer.code, 78);
  EXPECT_THAT(answer.err, HasSubstr("/nonexistent/postern.toml"));
  EXPECT_EQ(run_with(run_check, {"check"}).code, 0);
}

TEST(Commands, the_printed_example_is_a_good_configuration) {
  const Answer example = run_with(run_config, {"config", "example"});
  EXPECT_EQ(example.code, 0);
  EXPECT_EQ(run_with(run_check, {"check", "--config", "-"}, example.out).code, 0);
  EXPECT_EQ(run_with(run_config, {"config"}).code, 64);
}

TEST(Commands, help_completion_and_version) {
  EXPECT_THAT(run_with(run_help, {"help"}).out, HasSubstr("usage: postern COMMAND"));
  EXPECT_THAT(run_with(run_help, {"help", "dkim"}).out, HasSubstr("usage: postern dkim COMMAND"));
  EXPECT_EQ(run_with(run_help, {"help", "dkim", "keygen"}).out,
            run_with(run_help, {"dkim", "keygen", "--help"}).out);
  const Answer unknown = run_with(run_help, {"help", "enviroment"});
  EXPECT_EQ(unknown.code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean `environment`?"));
  EXPECT_EQ(run_with(run_completion, {"completion"}).code, 64);
  EXPECT_EQ(run_with(run_completion, {"completion", "fish"}).code, 0);
  const auto version = boost::json::parse(run_with(run_version, {"version", "--json"}).out);
  EXPECT_EQ(version.at("version").as_string(), current_version().number);
  EXPECT_THAT(std::string(version.at("suite").as_string()), testing::MatchesRegex("[a-z]+"));
  EXPECT_THAT(std::string(version.at("sbom_sha256").as_string()),
              testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_THAT(run_with(run_version, {"version"}).out,
              HasSubstr(fmt::format("postern {} (", current_version().number)));
  const auto bill = boost::json::parse(run_with(run_version, {"version", "--sbom", "--json"}).out);
  ASSERT_GE(bill.at("compiled_in").as_array().size(), 11U);
  for (const auto& part : bill.at("compiled_in").as_array()) {
    EXPECT_NE(part.at("version"), "unknown") << part.at("name");
  }
  EXPECT_THAT(run_with(run_version, {"version", "--sbom"}).out,
              AllOf(HasSubstr("compiled in  preact "), HasSubstr("loaded       libssl.so.")));
}

TEST(Commands, usage_errors_can_be_json) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  EXPECT_EQ(report_usage({"m", "h"}, true, streams), 64);
  EXPECT_EQ(boost::json::parse(err.str()).at("hint"), "h");
}

}  // namespace
}  // namespace postern::app
