#include <algorithm>

#include "cli/cli.h"
#include "cli/cli_table_cluster.h"
#include "cli/cli_table_doctor.h"
#include "cli/cli_table_import.h"
#include "cli/cli_table_mail.h"
#include "cli/cli_table_plan.h"
#include "cli/cli_table_ptest.h"
#include "cli/cli_table_queue.h"
#include "cli/cli_table_replay.h"
#include "cli/cli_table_setup.h"
#include "cli/cli_table_tls.h"

namespace postern::app {

namespace {

constexpr OptionSpec common[] = {
    {"--config", "FILE", "the configuration; - is standard input",
     "$POSTERN_CONFIG, else /etc/postern/postern.toml if it exists, else embedded defaults"},
    {"--json", "", "print one JSON object, or one on each line", ""},
    {"--quiet", "", "print only errors", ""},
    {"--no-color", "", "no colours, as with NO_COLOR set", ""},
    {"--help", "", "this help", ""},
};

constexpr ExampleSpec serve_examples[] = {
    {"postern serve", "on 127.0.0.1:2525 and 127.0.0.1:8025, data in ./postern-data"},
    {"postern serve --config postern.toml", "with the settings of the file"},
    {"postern serve --smtp 127.0.0.1:2526 --api 127.0.0.1:8026",
     "when the default ports are in use"},
};
constexpr OptionSpec serve_options[] = {
    {"--config", "FILE", "the configuration; - is standard input",
     "$POSTERN_CONFIG, else embedded defaults"},
    {"--data-dir", "DIR", "databases, generated certificate, temporary bodies", "./postern-data"},
    {"--smtp", "ADDR:PORT", "address of the first listener", "127.0.0.1:2525"},
    {"--api", "ADDR:PORT", "address of the API and /metrics", "127.0.0.1:8025"},
};
constexpr ExitCode serve_exits[] = {ExitCode::ok,    ExitCode::usage,     ExitCode::unavailable,
                                    ExitCode::bug,   ExitCode::os,        ExitCode::cannot_create,
                                    ExitCode::io,    ExitCode::try_again, ExitCode::no_permission,
                                    ExitCode::config};

constexpr ExampleSpec reload_examples[] = {
    {"postern reload --data-dir /var/lib/postern",
     "and wait until the new configuration is in force"},
    {"postern reload --config postern.toml --json", "for scripts: what was found, as one object"},
};
constexpr OptionSpec reload_options[] = {
    {"--data-dir", "DIR", "of the running gateway; the configuration is not read for it then",
     "./postern-data"},
    {"--lists-of-file", "",
     "the restriction lists of the file come into force, also over lists that were set through the "
     "API",
     ""},
};
constexpr ExitCode reload_exits[] = {ExitCode::ok, ExitCode::usage,     ExitCode::unavailable,
                                     ExitCode::io, ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec backup_examples[] = {
    {"postern backup --config postern.toml /var/backups",
     "a new file in that directory, named by host and time; the gateway goes on"},
    {"postern backup - --without-traces | age -r age1... > postern.tar.zst.age",
     "encrypted on its way"},
};
constexpr OptionSpec backup_options[] = {
    {"--without-traces", "", "without the recorded decisions, the largest database of many", ""},
    {"--config-only", "", "accounts, policies, webhooks and keys alone: no mail and no logs", ""},
    {"--keep", "N", "with a directory: delete the oldest backups of this host beyond N", "all"},
    data_dir_option,
};
constexpr ExitCode backup_exits[] = {
    ExitCode::ok, ExitCode::usage,     ExitCode::no_input, ExitCode::cannot_create,
    ExitCode::io, ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec restore_examples[] = {
    {"postern restore --verify-only backup.tar.zst", "whether it is whole; nothing is changed"},
    {"postern restore --data-dir /var/lib/postern --replace backup.tar.zst",
     "what is there is moved aside"},
    {"postern restore - < backup.tar.zst", "or behind a pipe that decrypts"},
};
constexpr OptionSpec restore_options[] = {
    {"--verify-only", "", "read all of it, and change nothing", ""},
    {"--replace", "", "move a data directory that is not empty aside", ""},
    {"--queue", "FATE",
     "mail that waited: hold it, release it (it is sent, perhaps again) or drop it", "hold"},
    data_dir_option,
};
constexpr ExitCode restore_exits[] = {
    ExitCode::ok,        ExitCode::usage,         ExitCode::bad_data,
    ExitCode::no_input,  ExitCode::cannot_create, ExitCode::io,
    ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec check_examples[] = {
    {"postern check --config postern.toml", "every mistake at once, each with line and column"},
    {"postern check --config - --json < postern.toml", "for editors and scripts"},
    {"postern check --config postern.toml --credentials certs:/etc/postern/credentials",
     "outside of the service that LoadCredential= gives its certificates and keys"},
    {"postern check --against running --config postern.toml",
     "and what it would change of what the gateway enforces"},
};
constexpr OptionSpec check_command_options[] = {
    {"--against", "OLD", "if it loads, compare it with OLD, as `postern plan OLD NEW`", ""},
    {"--allow", "WORDS", "with --against: exit 0 for these answers, as for `postern plan`", "-"},
    {"--budget", "TIME[,NODES]",
     "how much CPU time the proofs of the guardrails may take, and how many nodes of diagrams",
     "10s,4M"},
    {"--strict", "", "warnings count as errors, for the exit code too", ""},
    {"--credentials", "[ID:]PATH",
     "where the files of `credential:NAME` are, written as LoadCredential= of the unit has it, or "
     "a directory that has them by their names; may be repeated",
     "$CREDENTIALS_DIRECTORY; without it they are not looked at"},
};
constexpr ExitCode check_exits[] = {ExitCode::ok,          ExitCode::no,    ExitCode::differs,
                                    ExitCode::not_proved,  ExitCode::usage, ExitCode::no_input,
                                    ExitCode::unavailable, ExitCode::config};

constexpr ExampleSpec explain_examples[] = {
    {"postern explain 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "a recorded decision, by the id in the log"},
    {"postern explain --message m.eml --from a@example.com --to b@in.example.net "
     "--client-ip 192.0.2.10",
     "what would happen to this message"},
    {"postern explain 01JD9X3V5W6Y7Z8A9B0C1D2E3F --password-stdin < password.txt",
     "a login that a Lua policy judged; passwords are not recorded, so give it again"},
};
constexpr OptionSpec explain_options[] = {
    {"--message", "FILE", "the message; - is standard input", "no message stage"},
    {"--from", "ADDRESS", "reverse-path of the envelope; without it, and with \"\", the null one",
     ""},
    {"--to", "ADDRESS", "forward-path of the envelope; may be repeated", ""},
    {"--client-ip", "IP", "address of the client", "127.0.0.1"},
    {"--helo", "NAME", "name of the client in HELO or EHLO", "the client's address"},
    {"--listener", "NAME", "the listener that the client connects to, as it decides",
     "the first, whatever it says of TLS"},
    {"--tls", "", "as if the session were encrypted", ""},
    {"--auth", "NAME", "as if NAME had authenticated, after STARTTLS", ""},
    {"--no-tls", "", "with --auth: without STARTTLS", ""},
    {"--dns", "FILE", "DNS answers, a zone or JSON; no server is asked", "the resolvers"},
    {"--answer", "SERVICE=ANSWER",
     "what another program answers, such as cmd:/usr/bin/true=0; may be repeated", ""},
    {"--password-stdin", "",
     "with ID: the password of its login, a line of standard input, for a Lua handler that checks "
     "it",
     ""},
    {"--data-dir", "DIR", "where the gateway keeps its databases", "./postern-data"},
    {"--as-test", "", "print a test that expects this decision, for `postern test`", ""},
    {"--with-message", "", "with --as-test: the text of the message, not only what was found in it",
     ""},
    {"--redact", "", "with --as-test: replace local parts of addresses and the login name", ""},
    {"--exit-code", "", "exit 1 when the decision is a refusal", ""},
};
constexpr ExitCode explain_exits[] = {ExitCode::ok,       ExitCode::no,       ExitCode::usage,
                                      ExitCode::bad_data, ExitCode::no_input, ExitCode::try_again,
                                      ExitCode::config};

constexpr ExampleSpec inbox_examples[] = {
    {"postern inbox", "the last messages of every inbox"},
    {"postern inbox invoices@in.example.net --follow", "the last messages, then new ones"},
};
constexpr OptionSpec inbox_options[] = {
    {"--follow", "", "wait for more, until Ctrl-C", ""},
    {"--limit", "N", "how many of the last messages", "20"},
    {"--data-dir", "DIR", "where the gateway keeps its databases", "./postern-data"},
};
constexpr ExitCode inbox_exits[] = {ExitCode::ok, ExitCode::usage,     ExitCode::no_input,
                                    ExitCode::io, ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec config_examples[] = {
    {"postern config example > postern.toml", "every key with its default, to start from"},
};
constexpr ExitCode plain_exits[] = {ExitCode::ok, ExitCode::usage};

constexpr ExampleSpec passwd_examples[] = {
    {"postern passwd owner@example.com", "asks for the password twice"},
    {"postern passwd owner@example.com < password.txt", "reads its first line"},
    {"postern passwd --create second@example.com < password.txt", "a further account"},
    {"postern passwd --reset-link owner@example.com", "for a forgotten password"},
    {"postern passwd --owner-link", "while there is no account: the one that operates the gateway"},
};
constexpr OptionSpec passwd_options[] = {
    {"--create", "", "make the account if it does not exist, without asking on the terminal", ""},
    {"--reset-link", "", "print a link to set a new password; it works once, for an hour", ""},
    {"--owner-link", "",
     "without EMAIL, while there is no account: print a link that makes the first one; it works "
     "once, for 15 minutes",
     ""},
    {"--revoke-tokens", "", "revoke the account's API tokens too", ""},
    {"--data-dir", "DIR", "where the gateway keeps its databases", "./postern-data"},
};
constexpr ExitCode passwd_exits[] = {ExitCode::ok,        ExitCode::no,       ExitCode::usage,
                                     ExitCode::bad_data,  ExitCode::no_input, ExitCode::io,
                                     ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec completion_examples[] = {
    {"postern completion bash > /etc/bash_completion.d/postern", "for all users of this machine"},
    {"postern completion fish > ~/.config/fish/completions/postern.fish", "for your user only"},
};

constexpr ExampleSpec help_examples[] = {
    {"postern help serve", "the same as postern serve --help"},
    {"postern help C012", "what an error means, with a wrong and a right example"},
    {"postern help 550", "when Postern gives this reply code"},
    {"postern help RCPT", "what decides about this command of SMTP"},
    {"postern help --man serve", "a manual page, in mdoc"},
};
constexpr OptionSpec help_options[] = {
    {"--man", "",
     "print the manual page of a command or of postern.toml; without a name, list them", ""},
};

constexpr ExampleSpec version_examples[] = {
    {"postern version --json", "version, revision, compiler, suite, a digest of the parts"},
    {"postern version --sbom", "also the libraries inside and beside the program"},
};
constexpr OptionSpec version_options[] = {
    {"--sbom", "", "list the parts that are compiled in, and the shared libraries it loads", ""},
};

constexpr CommandSpec main_table[] = {
    {"serve", "Run", "run the gateway",
     "Runs the gateway until it is stopped. If no configuration is named it uses embedded defaults "
     "and loopback only. SIGHUP (systemctl reload postern) reads configuration, policies, tables "
     "and "
     "renewed certificates again; open sessions keep their limits and certificates.",
     "[--config FILE] [--data-dir DIR] [--smtp ADDR:PORT] [--api ADDR:PORT]", 0, serve_examples,
     serve_options, serve_exits, "postern check, postern reload, postern help configuration"},
    {"reload", "Operate", "read the configuration again, and say what came of it",
     "Makes the running gateway read its configuration, policies, tables and certificates again, "
     "and waits. 0: the new configuration is in force, and keys that need a restart are named. 78: "
     "it has the mistakes that are printed, "
     "and the old one remains in use. SIGHUP does the same without an answer.",
     "[--data-dir DIR] [--lists-of-file] [--json]", 0, reload_examples, reload_options,
     reload_exits, "postern check, postern serve"},
    {"backup", "Operate", "all data in one file, while the gateway runs",
     "Writes one compressed archive: accounts, policies, keys, logs, and the queue with every "
     "message that was accepted before. It contains secrets. DIR: a new file there; -: standard "
     "output.",
     "FILE|DIR|- [--without-traces | --config-only] [--keep N] [--json]", 1, backup_examples,
     backup_options, backup_exits, "postern restore"},
    {"restore", "Operate", "a data directory from a backup, all or nothing",
     "Reads a backup, verifies every checksum and database, and puts it in place of the data "
     "directory. The gateway must not run. Mail that waited is held, as it may have been delivered "
     "since.",
     "FILE|- [--replace] [--queue FATE] [--verify-only] [--json]", 1, restore_examples,
     restore_options, restore_exits, "postern backup, postern queue release"},
    {"check", "Write policy", "load the configuration, say what is wrong",
     "Loads the configuration as serve would, without starting anything, and prints every mistake "
     "in it. Also says whether the restriction lists are an open relay: with a proof that they are "
     "not, or with a dialogue that relays.",
     "[--config FILE] [--against OLD] [--strict] [--budget TIME] [--credentials [ID:]PATH] "
     "[--json]",
     0, check_examples, check_command_options, check_exits,
     "postern help configuration, postern help C012"},
    {"explain", "Write policy", "why a message was, or would be, refused",
     "Shows a decision step by step: each stage, rule, the evidence it saw and the reply. With ID "
     "it shows a recorded decision. With --to it decides a message that was never sent, by the "
     "policies as they are now: no mail is sent or kept, and scripts write no files and run no "
     "programs; policy services, tables of other programs and HTTP servers of Lua hooks are asked.",
     "ID [--password-stdin] | --from ADDRESS --to ADDRESS [--message FILE] [--client-ip IP] "
     "[OPTIONS]",
     1, explain_examples, explain_options, explain_exits, "postern help tracing"},
    {"inbox", "Operate", "show what the built-in inbox received",
     "Shows the messages that webhooks with the target \"inbox\" received. Each webhook says how "
     "much its inbox keeps (inbox_max_messages, inbox_max_octets, inbox_keep_days). A full inbox "
     "refuses mail with 452, and this command says so.",
     "[ADDRESS|WEBHOOK_ID] [--follow] [--json]", 1, inbox_examples, inbox_options, inbox_exits,
     "postern explain"},
    {"config",
     "Set up",
     "print an example configuration",
     "Prints a configuration file with every key, its default and what it does.",
     "example",
     1,
     config_examples,
     {},
     plain_exits,
     "postern check, postern help configuration"},
    {"passwd", "Set up", "set an account's password",
     "Sets the password of an account, or makes the account with --create. With --reset-link or "
     "--owner-link it changes no account and prints a link instead.",
     "EMAIL [--create] [--reset-link] [--data-dir DIR] [--revoke-tokens] | --owner-link "
     "[--data-dir DIR]",
     1, passwd_examples, passwd_options, passwd_exits, "postern serve"},
    {"completion",
     "Set up",
     "completions for bash, zsh and fish",
     "Prints a completion script for a shell.",
     "bash|zsh|fish",
     1,
     completion_examples,
     {},
     plain_exits,
     "postern help"},
    {"help", "About", "a command, a topic, a code or a word",
     "Explains a command, a topic (exit-codes, configuration, environment, tracing, keywords, "
     "capabilities, codes, tables, verification, postfix, differences, guardrails, ptest), an "
     "error code (C012), a "
     "reply code (550, 5.7.1), a command of SMTP (RCPT), or "
     "lists the configuration keys and the keywords of restriction lists that contain a word.",
     "[COMMAND|TOPIC|CODE|WORD] | --man [NAME]", 2, help_examples, help_options, plain_exits,
     "postern --help"},
    {"version", "About", "version and build", "Prints version, revision and compiler.",
     "[--sbom] [--json]", 0, version_examples, version_options, plain_exits, ""},
};

}  // namespace

std::span<const CommandSpec> commands() {
  static const std::vector<CommandSpec> all = [] {
    std::vector<CommandSpec> out(std::begin(main_table), std::end(main_table));
    const auto doctor = doctor_commands();
    out.insert(out.end(), doctor.begin(), doctor.end());
    const auto setup = setup_commands();
    out.insert(out.end(), setup.begin(), setup.end());
    const auto mail = mail_commands();
    out.insert(out.end(), mail.begin(), mail.end());
    const auto import = import_commands();
    out.insert(out.end(), import.begin(), import.end());
    const auto cluster = cluster_commands();
    out.insert(out.end(), cluster.begin(), cluster.end());
    const auto tls = tls_commands();
    out.insert(out.end(), tls.begin(), tls.end());
    const auto queue = queue_commands();
    out.insert(out.end(), queue.begin(), queue.end());
    const auto plan = plan_commands();
    out.insert(out.end(), plan.begin(), plan.end());
    const auto replay = replay_commands();
    out.insert(out.end(), replay.begin(), replay.end());
    const auto ptest = ptest_commands();
    out.insert(out.end(), ptest.begin(), ptest.end());
    return out;
  }();
  return all;
}

std::span<const FamilySpec> families() {
  static const std::vector<FamilySpec> all = [] {
    const auto mail = mail_families();
    std::vector<FamilySpec> out(mail.begin(), mail.end());
    const auto import = import_families();
    out.insert(out.end(), import.begin(), import.end());
    const auto cluster = cluster_families();
    out.insert(out.end(), cluster.begin(), cluster.end());
    const auto tls = tls_families();
    out.insert(out.end(), tls.begin(), tls.end());
    const auto queue = queue_families();
    out.insert(out.end(), queue.begin(), queue.end());
    return out;
  }();
  return all;
}

std::string OptionSpec::usage() const {
  std::string out(name);
  if (takes_word()) out += ' ';
  return out.append(value);
}

std::span<const OptionSpec> common_options() { return common; }

std::vector<OptionSpec> options_of(const CommandSpec& command) {
  std::vector<OptionSpec> out(command.options.begin(), command.options.end());
  for (const OptionSpec& option : common) {
    if (std::ranges::find(command.options, option.name, &OptionSpec::name) ==
        command.options.end()) {
      out.push_back(option);
    }
  }
  return out;
}

const CommandSpec* find_command(std::string_view name) {
  for (const CommandSpec& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const FamilySpec* find_family(std::string_view name) {
  for (const FamilySpec& family : families()) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

const FamilySpec* family_of(const CommandSpec& command) {
  const std::size_t blank = command.name.find(' ');
  return blank == std::string_view::npos ? nullptr : find_family(command.name.substr(0, blank));
}

std::string_view last_word(const CommandSpec& command) {
  const std::size_t blank = command.name.find(' ');
  return blank == std::string_view::npos ? command.name : command.name.substr(blank + 1);
}

}  // namespace postern::app
