#include "cli/help.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/schema.h"
#include "dialect/capabilities.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/table_types.h"
#include "smtp/codes.h"

namespace postern::app {

namespace {

constexpr std::size_t help_width = 80;

constexpr std::string_view group_verbs[][2] = {
    {"Run", "answer SMTP clients"},
    {"Write policy", "say what is accepted, and see why"},
    {"Operate", "operate a running gateway"},
    {"Set up", "make files, keys and accounts; try DNS records"},
    {"About", "more with postern help configuration|keywords|tracing|help"}};

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent, std::size_t begun) {
  std::string out;
  std::size_t column = begun > 0 ? begun : indent;
  if (begun == 0) out.append(indent, ' ');
  bool first = true;
  for (const std::string_view word : split(text, ' ')) {
    const std::size_t wide = display_width(word);
    if (!first && column + 1 + wide > help_width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += wide;
    first = false;
  }
  return out + '\n';
}

namespace {

std::string row(std::string_view left, std::string_view right, std::size_t indent) {
  std::string head = fmt::format("  {}", left);
  if (display_width(head) + 2 > indent) return head + '\n' + wrapped(right, indent);
  head.append(indent - display_width(head), ' ');
  return head + wrapped(right, indent, indent);
}

/// "  $ postern …", so that a shell takes it as it stands: lines that go on end in a backslash.
std::string command_line(std::string_view line) {
  constexpr std::size_t room = help_width - 2;  // for the backslash
  std::string out = "  $";
  std::size_t column = out.size();
  for (const std::string_view word : split(line, ' ')) {
    if (column + 1 + word.size() > room) {
      out += " \\\n     ";
      column = 5;
    }
    out += fmt::format(" {}", word);
    column += 1 + word.size();
  }
  return out + '\n';
}

std::string option_rows(std::span<const OptionSpec> options, std::string_view skipped = {}) {
  std::string out;
  for (const OptionSpec& option : options) {
    if (option.name == skipped) continue;
    const std::string left = option.usage();
    const std::string right = option.preset.empty()
                                  ? std::string(option.help)
                                  : fmt::format("{} (default: {})", option.help, option.preset);
    out += row(left, right, 22);
  }
  return out;
}

std::string exit_code_topic() {
  std::string out = "Exit codes, as in sysexits.h:\n\n";
  constexpr int codes = 256;  // that a process can return
  for (int code = 0; code < codes; ++code) {
    const std::string_view meaning = meaning_of(static_cast<ExitCode>(code));
    if (!meaning.empty()) out += row(std::to_string(code), meaning, 6);
  }
  return out +
         "\nA unit with RestartPreventExitStatus=64 77 78 stops restart loops on what only "
         "a\nhuman can fix.\n";
}

constexpr Variable variables[] = {
    {"POSTERN_CONFIG",
     "The configuration if --config is not given. Without both, commands read that of the service, "
     "/etc/postern/postern.toml, if it exists. serve, and the others if it does not exist, use "
     "embedded defaults."},
    {"NO_COLOR", "Any value: no colours (https://no-color.org)."},
    {"CREDENTIALS_DIRECTORY",
     "Where `key = \"credential:NAME\"` is looked for. systemd sets it for a unit with "
     "LoadCredential=."},
    {"JOURNAL_STREAM",
     "Set by systemd: `log.format = \"auto\"` then writes to the journal with its own protocol."},
    {"POSTERN_SANDBOX",
     "off: check, explain, plan, replay, test, import and the commands about SPF, DKIM and DMARC "
     "run without their sandbox."},
};

std::string environment_topic() {
  std::string out = "Environment variables:\n\n";
  for (const Variable& variable : variables) out += row(variable.name, variable.what, 26);
  return out;
}

constexpr std::string_view tracing_topic = R"(How to find out why a message was refused:

  1. Every refusal is one line in the log, event decision.refused or
     decision.deferred, with the reply, the rule and a trace id. What the
     session refused before any rule, for its form, is session.refused.
  2. `postern explain ID` shows that decision again: each stage, each rule that
     was asked, the evidence it saw, the reply and the time it took.
  3. `postern explain --message m.eml --from A --to B --client-ip IP` decides a
     message that was never sent, with the policies as they are now; with --dns
     FILE it uses only the DNS answers of the file.

Traces are kept in the data directory for `traces.keep` and up to
`traces.max_size`; recording one never delays a reply.
)";

constexpr std::string_view configuration_head =
    R"(The configuration is one TOML file, named with --config or POSTERN_CONFIG:

  postern config example > postern.toml    every key, with its default
  postern check --config postern.toml      every mistake, with line and column
  postern help C012                        what a code of a mistake means

Keys are below the name of their section. A section in single brackets occurs
once; one in double brackets, [[listener]], once for each listener, route and
so on. Every key has a default, and an unknown one is an error:

  [server]
  hostname = "mx.example.com"

  [[listener]]
  address = "0.0.0.0:25"

Text is in quotes. Durations: "250ms", "5s", "3m", "1h", "7d". Sizes:
"64 KiB", "25 MiB", or a number of octets. Lists: ["192.0.2.0/24"]. A secret may
be "credential:NAME" (postern help environment).

SIGHUP (systemctl reload postern) reads the file again. Decisions use it at
once, sessions from the next connection on. A file with a mistake changes
nothing (reload.failed in the log); keys that wait for the next start are named
there (config.needs_restart).
)";

std::string configuration_topic() {
  std::string out(configuration_head);
  std::string_view section;
  for (const Key& key : config_keys()) {
    if (key.section != section) {
      section = key.section;
      out += fmt::format("\n{}{}\n", section_header(section),
                         is_list(section) ? "  (once for each)" : "");
    }
    out += row(fmt::format("{} = {}", key.name, key.preset), key.comment, 36);
  }
  return out;
}

std::string keyword_topic() {
  std::string out = "The words of restriction lists (docs/restriction-keywords.md):\n\n";
  for (const auto& one : dialect::restrictions::keywords()) {
    out += fmt::format("  {}\n", one.name) + wrapped(one.help, 6);
  }
  return out;
}

std::string capability_topic() {
  std::string out = "What Postern has in place of the parts of other mail servers:\n\n";
  for (const auto& one : dialect::capabilities) {
    out += fmt::format("  {}: {}\n", one.name, one.has ? "yes" : "no") + wrapped(one.sentence, 6);
  }
  return out;
}

std::string code_topic() {
  std::string out =
      "Codes of errors, warnings and notes. `postern help CODE` has more, with a wrong\nand a "
      "right "
      "example; `postern help 550` is about a reply code.\n\n";
  for (const CodePage& page : code_pages()) out += row(page.code, page.title, 8);
  return out;
}

std::string table_topic() {
  std::string out =
      "Types of tables in restriction lists, written as TYPE:NAME\n(docs/restriction-keywords.md, "
      "Tables):\n\n";
  for (const auto& one : dialect::restrictions::table_types()) {
    out += fmt::format("  {}\n", one.name) + wrapped(one.help, 6);
  }
  return out;
}

constexpr std::string_view verification_topic =
    R"(Address verification (docs/restriction-lists.md, Address verification):

  [restrictions]
  recipient = "reject_unauth_destination, reject_unverified_recipient"

reject_unverified_recipient and reject_unverified_sender ask a mail host whether
it takes mail for the address, with MAIL and RCPT and no message. The host is
the one that mail would go to: by [[route]], else by MX.

  deliverable     the rule passes
  undeliverable   450, or unverified_recipient_reject_code (550)
  not known yet   450, or unverified_recipient_defer_code

A command waits address_verify_poll_count times address_verify_poll_delay for a
result; the probe goes on, and a later command finds its result. Results are
kept in verify.db of the data directory (address_verify_map = "": in memory).

A probe comes from address_verify_sender. It is a connection of its route: where
route.max_connections is reached, it waits.

What was found, and what is remembered:

  postern explain ID               the result is in the steps of a decision
  postern explain --from A --to B  uses what is remembered, sends no probe
  address.verified                 in the log: each answer of a host
)";

constexpr std::string_view differences_topic =
    R"(What a Postfix user will find different (docs/postfix-differences.md has all):

  mailboxes    None: mail for mydestination and virtual_mailbox_domains needs a
               [[route]] or webhooks (postern help R138).
  rewriting    Addresses are not rewritten: virtual_alias_maps, alias_maps and
               the like say which recipients exist, and nothing else.
  tables       hash:, btree:, lmdb: and dbm: are read from the source file;
               postmap is not needed, a reload is (postern help tables).
  actions      REDIRECT, FILTER, BCC and PREPEND do nothing (postern help R013).
  listeners    All have the same lists; check_listener_access chooses others, as
               -o in master.cf does.
  mistakes     A misspelt keyword, a bad network and a table that cannot be read
               are errors at the start; Postfix answers 451 when it gets there.
  open relays  `postern check` proves that lists relay for nobody else, and
               Postern does not start with lists that do (postern help R110).
  addresses    Comments, blanks and nested brackets in paths are refused.
  milters      None is called. SPF, DKIM, DMARC and ARC are built in.
  VRFY         252 where disable_vrfy_command is set.
  headers      Bcc and Return-Path of passed-on mail stay.
)";

constexpr std::string_view postfix_topic = R"(Moving from Postfix (docs/postfix.md):

  postern import postfix /etc/postfix/main.cf --out postern.toml
  postern check --config postern.toml
  postern explain --config postern.toml --client-ip 192.0.2.9 --from A --to B

  postconf -n           postern check; postern config example
  postmap -q            postern explain shows the row that a rule found
  postqueue -p, mailq   postern queue list
  postqueue -f          postern queue retry --all --state queued
  postsuper -d, -h, -H  postern queue drop, hold, release
  postfix check         postern check; postern doctor
  postfix reload        postern reload
  sendmail -bv          postern route ADDRESS
  /var/log/mail.log     the journal, or standard error (docs/logs.md)

More: postern help differences|keywords|tables|verification|codes
)";

constexpr std::string_view guardrail_topic =
    R"(Guardrails: sentences that no edit may break (docs/guardrails.md):

  [guardrails]
  networks.inside = "10.0.0.0/8"
  inside_only = "never accept where client not in @inside and rcpt is foreign"

  SENTENCE   never|always  accept|refuse|discard|hold  [where CONDITION]

  client     [not] in NETWORKS, @SET, mynetworks; listed in "ZONE"
  client_name [not] in DOMAINS  (the verified name)
  helo       = none | NAME; in DOMAINS; listed in "ZONE"
  auth       = none | any | "NAME"
  tls        = yes | no
  from       = null | ADDRESS; in DOMAINS; listed in "ZONE"
  rcpt       is ours | relay | foreign; = ADDRESS; in DOMAINS
  spf, dkim, dmarc = RESULT; dkim in DOMAINS; dmarc_policy = POLICY
  header_from in DOMAINS
  size       > OCTETS

Terms are put together with and, or, not and parentheses. example.com is the
domain itself, *.example.com what is below it. A table in place of the text has
rule, enforce = "warn" and public = true.

They are proved by check, plan, serve, a reload, and before edits over the API:
one that is broken, or not proved, refuses the edit (postern help G002, G003).
)";

constexpr std::string_view ptest_topic =
    R"(Tests of policies, for `postern test` (docs/policy-tests.md):

  config = "postern.toml"      relative to this file; --config wins
  [dns]                        answers for all tests
  "example.org" = { MX = [[10, "mx.example.org"]] }
  [webhook."in@example.net"]   policy = "NAME"
  [policy.NAME]                fields of a webhook policy

  [[test]]
  name = "a listed client is refused"
  client = "192.0.2.7"
  helo, auth, tls, early, listener      what the client says and does
  from = "a@example.org"                "" is the null reverse-path
  rcpt = "ann@example.com"              or a list
  message, message_text, evidence       the message, or what it is worth
  dns."7.2.0.192.bl.example.net" = { A = ["127.0.0.2"] }
  answers."inet:127.0.0.1:10023" = "DUNNO"
  expect.verdict = "refused"            taken, refused, held, discarded
  expect.code = 554                     stage, code, enhanced, text, layer,
                                        rule, at, route, trace

A recorded decision becomes a test with `postern explain ID --as-test`, what
`postern plan` finds with --as-test FILE.
)";

struct Topic {
  std::string_view name;
  std::string (*text)();
};
constexpr Topic topics[] = {
    {"exit-codes", exit_code_topic},
    {"configuration", configuration_topic},
    {"environment", environment_topic},
    {"tracing", [] { return std::string(tracing_topic); }},
    {"keywords", keyword_topic},
    {"capabilities", capability_topic},
    {"codes", code_topic},
    {"tables", table_topic},
    {"verification", [] { return std::string(verification_topic); }},
    {"postfix", [] { return std::string(postfix_topic); }},
    {"guardrails", [] { return std::string(guardrail_topic); }},
    {"ptest", [] { return std::string(ptest_topic); }},
    {"differences", [] { return std::string(differences_topic); }},
};

std::string code_text(const CodePage& page) {
  const std::string text =
      fmt::format("{}: {}\n\n{}", page.code, page.title, wrapped(page.text, 0));
  // A mistake that is not in the configuration file has no example.
  if (page.wrong.empty()) return text;
  return fmt::format("{}\nWrong:\n\n{}\nRight:\n\n{}", text, page.wrong, page.right);
}

}  // namespace

std::span<const Variable> environment_variables() { return variables; }

std::string_view meaning_of(ExitCode code) {
  switch (code) {
    case ExitCode::ok:
      return "done";
    case ExitCode::no:
      return "a negative result: a check or a test failed, a message is refused, a replay differs, "
             "a "
             "plan is not what --allow names";
    case ExitCode::differs:
      return "two versions of a configuration differ";
    case ExitCode::not_proved:
      return "whether anything differs is not proved: it could not be decided";
    case ExitCode::usage:
      return "the command line is wrong";
    case ExitCode::bad_data:
      return "a message, trace or other input is malformed";
    case ExitCode::no_input:
      return "a file, decision or address that was named does not exist";
    case ExitCode::unavailable:
      return "a service is not available: server not running, address not there yet";
    case ExitCode::bug:
      return "a fault of Postern itself; please report it";
    case ExitCode::os:
      return "the system refused: no file descriptors, no threads";
    case ExitCode::cannot_create:
      return "a file or directory cannot be made";
    case ExitCode::io:
      return "reading or writing failed: disk full, damaged database";
    case ExitCode::try_again:
      return "try again: a locked database, DNS trouble";
    case ExitCode::no_permission:
      return "not permitted";
    case ExitCode::config:
      return "the configuration is wrong, or asks for a port that is taken";
  }
  return "";
}

std::string short_help() {
  std::string out =
      "Postern: an SMTP gateway whose acceptance policy is yours, and explained.\n"
      "usage: postern COMMAND [--config FILE] [--json] [--quiet] [--no-color] [--help]\n";
  for (const auto& [group, verb] : group_verbs) {
    out += fmt::format("{}: {}\n", group, verb);
    const FamilySpec* last = nullptr;
    for (const CommandSpec& command : commands()) {
      if (command.group != group) continue;
      const FamilySpec* family = family_of(command);
      if (!family) out += row(command.name, command.summary, 14);
      if (family && family != last) out += row(family->name, family->summary, 14);
      last = family;
    }
  }
  return out;
}

std::string command_help(const CommandSpec& command) {
  std::string out = wrapped(command.purpose, 0);
  const std::string usage = fmt::format("usage: postern {} ", command.name);
  out += "\n" + usage + wrapped(command.usage, usage.size(), usage.size());
  out += "\nExamples:\n";
  for (const ExampleSpec& example : command.examples) {
    out += command_line(example.line) + wrapped(example.what, 6);
  }
  out += "\nOptions:\n" +
         option_rows(options_of(command), command.name == "completion" ? "--json" : "");
  out += "\nExit codes:\n";
  for (const ExitCode code : command.exit_codes) {
    out += row(std::to_string(to_int(code)), meaning_of(code), 6);
  }
  if (!command.see_also.empty()) out += fmt::format("\nSee also: {}\n", command.see_also);
  return out;
}

std::string family_help(const FamilySpec& family) {
  std::string out = wrapped(family.purpose, 0);
  out += fmt::format("\nusage: postern {} COMMAND [OPTIONS]\n\nCommands:\n", family.name);
  for (const CommandSpec& command : commands()) {
    if (family_of(command) == &family) out += row(last_word(command), command.summary, 16);
  }
  out += "\nExamples:\n";
  for (const CommandSpec& command : commands()) {
    if (family_of(command) != &family) continue;
    const ExampleSpec& example = command.examples.front();
    out += command_line(example.line) + wrapped(example.what, 6);
  }
  return out + fmt::format("\nMore: postern help {} COMMAND\n", family.name);
}

namespace {

/// `550`, `5.7.23` or `550 5.7.23`.
std::optional<std::string> reply_text(std::string_view subject) {
  std::string out;
  for (const smtp::CodeMeaning& one : smtp::known_codes()) {
    const std::string code = std::to_string(one.code);
    const std::string enhanced = one.enhanced.present() ? one.enhanced.to_string() : "";
    const std::string both = enhanced.empty() ? code : code + " " + enhanced;
    if (subject != code && subject != both && (enhanced.empty() || subject != enhanced)) continue;
    out += fmt::format("{:<11} {} ({})\n", both, one.meaning, one.source);
  }
  if (out.empty()) return std::nullopt;
  return out + "\nWhy a message got it: postern explain ID\n";
}

}  // namespace

std::optional<std::string> help_on(std::string_view subject) {
  if (const CommandSpec* command = find_command(subject)) return command_help(*command);
  if (const FamilySpec* family = find_family(subject)) return family_help(*family);
  for (const Topic& topic : topics) {
    if (subject == topic.name) return topic.text();
  }
  for (const CodePage& page : code_pages()) {
    if (iequals(page.code, subject)) return code_text(page);
  }
  if (auto replies = reply_text(subject)) return replies;
  return help_on_word(subject);
}

std::vector<std::string_view> help_subjects() {
  std::vector<std::string_view> out;
  for (const Topic& topic : topics) out.push_back(topic.name);
  for (const CommandSpec& command : commands()) out.push_back(command.name);
  for (const FamilySpec& family : families()) out.push_back(family.name);
  for (const CodePage& page : code_pages()) out.push_back(page.code);
  return out;
}

}  // namespace postern::app
