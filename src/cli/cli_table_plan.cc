#include "cli/cli_table_plan.h"

namespace postern::app {

namespace {

constexpr ExampleSpec examples[] = {
    {"postern plan old.toml new.toml", "what new does differently, proved, with a dialogue"},
    {"postern plan old.toml new.toml --allow same,refuses-more", "for CI: fails if mail is let in"},
};
constexpr OptionSpec options[] = {
    {"--allow", "WORDS", "exit 0 for these answers: same,refuses-more,accepts-more,both", "-"},
    {"--budget", "TIME[,NODES]", "how long, and how many nodes of diagrams at most", "2s,1M"},
    {"--replies", "", "other codes of refusals are a difference, too", "counted only"},
    {"--only", "GROUP", "one group of destinations: ours, relay or foreign", "all"},
};
constexpr ExitCode exits[] = {ExitCode::ok,         ExitCode::no,    ExitCode::differs,
                              ExitCode::not_proved, ExitCode::usage, ExitCode::no_input,
                              ExitCode::config};

constexpr CommandSpec table[] = {
    {"plan", "Write policy", "what an edit of the policy changes, proved",
     "Compares two versions of a configuration over all dialogues there can be: same, refuses "
     "more, "
     "accepts more, or both. A difference is shown by a dialogue that both versions' production "
     "evaluators have decided. A version is a configuration file, or a file of tests with the "
     "webhooks and policies of that version. Nothing is sent, and nothing is changed.",
     "OLD NEW [--allow WORDS] [--budget TIME] [--only GROUP] [--json]", 2, examples, options, exits,
     "postern check, postern explain, postern replay"},
};

}  // namespace

std::span<const CommandSpec> plan_commands() { return table; }

}  // namespace postern::app
