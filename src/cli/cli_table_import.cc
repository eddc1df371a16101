#include "cli/cli_table_import.h"

namespace postern::app {

namespace {

constexpr FamilySpec import_family_table[] = {
    {"import", "convert the configuration of another server",
     "Converts the configuration of another mail server into one of Postern."},
};

constexpr ExampleSpec postfix_examples[] = {
    {"postern import postfix /etc/postfix/main.cf --out postern.toml",
     "writes the file, reports on every parameter"},
    {"postern import postfix - --quiet < main.cf", "the configuration alone, on standard output"},
    {"postern import postfix main.cf --json", "report and configuration, for scripts"},
};
constexpr ExampleSpec vsmtp_examples[] = {
    {"postern import vsmtp /etc/vsmtp/vsmtp.toml --out postern.toml",
     "writes the file, reports on every key"},
    {"postern import vsmtp - --quiet < vsmtp.toml", "the configuration alone, on standard output"},
};
constexpr OptionSpec import_options[] = {
    {"--out", "FILE", "where the configuration goes; never overwritten", "standard output"},
};
constexpr ExitCode postfix_exits[] = {ExitCode::ok,       ExitCode::no,
                                      ExitCode::usage,    ExitCode::bad_data,
                                      ExitCode::no_input, ExitCode::cannot_create,
                                      ExitCode::io};

constexpr ExitCode vsmtp_exits[] = {ExitCode::ok,       ExitCode::usage,         ExitCode::bad_data,
                                    ExitCode::no_input, ExitCode::cannot_create, ExitCode::io};

constexpr CommandSpec import_table[] = {
    {"import postfix", "Set up", "a main.cf becomes a postern.toml and a report",
     "Turns a Postfix configuration into one of Postern. A report on standard error says of each "
     "parameter whether it is carried, carried with a change, not supported, or has no meaning "
     "here. The output of `postconf -n` is read as well.",
     "[main.cf|-] [--out FILE]", 1, postfix_examples, import_options, postfix_exits,
     "postern check"},
    {"import vsmtp", "Set up", "a vsmtp.toml becomes a postern.toml and a report",
     "Turns a vSMTP configuration into one of Postern. A report on standard error says of each key "
     "whether it is carried, carried with a change, not supported, or has no meaning here. The "
     "rules stay as they are: vsl.policy names them.",
     "[vsmtp.toml|-] [--out FILE]", 1, vsmtp_examples, import_options, vsmtp_exits,
     "postern check"},
};

}  // namespace

std::span<const CommandSpec> import_commands() { return import_table; }
std::span<const FamilySpec> import_families() { return import_family_table; }

}  // namespace postern::app
