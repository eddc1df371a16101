#include "app/cli_table_import.h"

namespace postern::app {

namespace {

constexpr FamilySpec family_table[] = {
    {"import", "make a configuration out of another server's",
     "Takes over the configuration of another mail server."},
};

constexpr ExampleSpec postfix_examples[] = {
    {"postern import postfix /etc/postfix/main.cf --out postern.toml",
     "writes the file, reports on every parameter"},
    {"postern import postfix - --quiet < main.cf", "the configuration alone, on standard output"},
    {"postern import postfix main.cf --json", "report and configuration, for scripts"},
};
constexpr OptionSpec postfix_options[] = {
    {"--out", "FILE", "where the configuration goes; never overwritten", "standard output"},
};
constexpr ExitCode postfix_exits[] = {ExitCode::ok,       ExitCode::no,
                                      ExitCode::usage,    ExitCode::bad_data,
                                      ExitCode::no_input, ExitCode::cannot_create,
                                      ExitCode::io};

constexpr CommandSpec table[] = {
    {"import postfix", "Set up", "a main.cf becomes a postern.toml and a report",
     "Turns a Postfix configuration into one of Postern. A report on standard error says of each "
     "parameter whether it is carried, carried with a change, not supported, or has no meaning "
     "here. The output of `postconf -n` is read as well.",
     "[main.cf|-] [--out FILE]", 1, postfix_examples, postfix_options, postfix_exits,
     "postern check"},
};

}  // namespace

std::span<const CommandSpec> import_commands() { return table; }
std::span<const FamilySpec> import_families() { return family_table; }

}  // namespace postern::app
