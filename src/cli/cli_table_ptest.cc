#include "cli/cli_table_ptest.h"

#include <limits>

namespace postern::app {

namespace {

constexpr ExampleSpec ptest_examples[] = {
    {"postern test policy.ptest", "the tests of a file, with the configuration that it names"},
    {"postern test tests/ --format junit --output results.xml",
     "every .ptest file below a folder, for a build server"},
    {"postern test policy.ptest --update", "expected values become those of the policy"},
};
constexpr OptionSpec ptest_options[] = {
    {"--filter", "TEXT", "only tests with this text in their name", "all"},
    {"--format", "FORM", "human, tap (TAP 14), junit or json", "human"},
    {"--output", "FILE", "the report goes into this file", "standard output"},
    {"--coverage", "[=FILE]", "say which rules the tests decided; with =FILE as JSON in a file too",
     ""},
    {"--fail-under", "PERCENT", "exit 1 if fewer rules are decided by a test", "0"},
    {"--watch", "", "play again when a file changes that was read; Ctrl-C ends it", ""},
    {"--update", "[=yes]",
     "replace expected values and golden traces that differ; without =yes it asks on a terminal",
     ""},
};
constexpr ExitCode ptest_exits[] = {ExitCode::ok,       ExitCode::no,       ExitCode::usage,
                                    ExitCode::bad_data, ExitCode::no_input, ExitCode::cannot_create,
                                    ExitCode::config};

constexpr CommandSpec ptest_table[] = {
    {"test", "Write policy", "tests of your policies, from files",
     "Plays the dialogues of .ptest files on the policies of a configuration and compares verdict, "
     "reply and rule with what the files expect. Nothing is asked of the network: DNS answers and "
     "those of other programs are in the files. Exits 1 when a test fails.",
     "FILE.ptest|DIR ... [--config FILE] [--filter TEXT] [--update] [--format FORM]",
     std::numeric_limits<std::size_t>::max(), ptest_examples, ptest_options, ptest_exits,
     "postern explain, postern check; docs/policy-tests.md"},
};

}  // namespace

std::span<const CommandSpec> ptest_commands() { return ptest_table; }

}  // namespace postern::app
