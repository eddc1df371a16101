#include "cli/cli_table_plan.h"

namespace postern::app {

namespace {

constexpr ExampleSpec plan_examples[] = {
    {"postern plan postern.toml", "what this file would change of what the gateway enforces now"},
    {"postern plan old.toml new.toml", "what new does differently, proved, with a dialogue"},
    {"postern plan running revision:3", "what a rollback of the lists would do"},
    {"postern plan old.toml new.toml --allow same,refuses-more", "for CI: fails if mail is let in"},
    {"postern plan old.toml new.toml --routes", "and whether mail that both take goes elsewhere"},
    {"postern plan postern.toml --suggest failed.ptest", "edits that mend these tests"},
};
constexpr OptionSpec plan_options[] = {
    {"--against", "OLD", "the same as the word OLD", "running"},
    {"--allow", "WORDS",
     "exit 0 for these answers: same,refuses-more,accepts-more,both; else, or if handling, asked "
     "replies or routes, or guardrails differ, 1",
     "-"},
    {"--budget", "TIME[,NODES]",
     "how much CPU time, and how many nodes of diagrams at most; the guardrails as much again",
     "2s,1M; the guardrails 10s,4M"},
    {"--replies", "", "other codes of refusals are a difference, too", "said only"},
    {"--routes", "",
     "other webhooks, next hops, folders and quarantines of mail that both take are a difference, "
     "too",
     "not asked"},
    {"--only", "GROUP", "one group of destinations: ours, relay or foreign", "all"},
    {"--replay", "TIME", "how NEW decides the traces of the last TIME (24h), below the proof", ""},
    {"--as-test", "FILE", "append each dialogue to this file of tests, passing on NEW", ""},
    {"--suggest", "FILE", "edits by which these tests get the verdict that they expect", ""},
    {"--should", "VERDICT", "with --suggest: what all its tests should be: taken or refused", ""},
    {"--data-dir", "DIR", "where the gateway keeps its data", "as the file says"},
};
constexpr ExitCode plan_exits[] = {
    ExitCode::ok,         ExitCode::no,          ExitCode::differs,
    ExitCode::not_proved, ExitCode::usage,       ExitCode::bad_data,
    ExitCode::no_input,   ExitCode::unavailable, ExitCode::cannot_create,
    ExitCode::config};

constexpr CommandSpec plan_table[] = {
    {"plan", "Write policy", "what an edit of the policy changes, proved",
     "Compares two versions of a configuration over all dialogues there can be: same, refuses "
     "more, "
     "accepts more, or both. A difference is shown by a dialogue that both versions' production "
     "evaluators have decided. A version is a configuration file, a file of tests with the "
     "webhooks and policies of that version, `running` (what the gateway of the data directory "
     "enforces now) or `revision:N` (the same with those lists). Nothing is sent, and nothing is "
     "changed.",
     "[OLD] NEW [--allow WORDS] [--budget TIME] [--only GROUP] [--routes] [--json]", 2,
     plan_examples, plan_options, plan_exits, "postern check, postern explain, postern replay"},
};

}  // namespace

std::span<const CommandSpec> plan_commands() { return plan_table; }

}  // namespace postern::app
