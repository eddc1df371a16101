#include "cli/cli_table_replay.h"

namespace postern::app {

namespace {

constexpr ExampleSpec replay_examples[] = {
    {"postern replay --config draft.toml --since 24h", "what the draft would have changed"},
    {"postern replay --config draft.toml --since 2026-11-20T09:00:00Z --json", "for scripts"},
};
constexpr OptionSpec replay_options[] = {
    {"--since", "TIME", "how far back: 24h, 7d, or 2026-11-20T09:00:00Z", "all that is recorded"},
    {"--limit", "N", "the newest N transactions at most", "all"},
    {"--samples", "N", "how many of each kind of change are shown", "5"},
    {"--data-dir", "DIR", "where the gateway keeps its databases", "what the draft says"},
};
constexpr ExitCode replay_exits[] = {ExitCode::ok,    ExitCode::no,        ExitCode::not_proved,
                                     ExitCode::usage, ExitCode::bad_data,  ExitCode::no_input,
                                     ExitCode::io,    ExitCode::try_again, ExitCode::config};

constexpr CommandSpec replay_table[] = {
    {"replay", "Write policy", "what a draft would change about recorded mail",
     "Decides recorded traffic again under a draft configuration, from the traces alone, without "
     "DNS, and says what changes: newly refused, newly accepted, other replies. The draft's "
     "restriction lists, limits and DMARC rule are used; policies of webhooks are those recorded "
     "with each trace. Decisions for which a trace lacks evidence are counted separately. Exits 1 "
     "when anything would change, and 3 when nothing would but some decisions lack evidence.",
     "--config DRAFT [--since TIME] [--limit N] [--samples N] [--json]", 0, replay_examples,
     replay_options, replay_exits, "postern check, postern explain"},
};

}  // namespace

std::span<const CommandSpec> replay_commands() { return replay_table; }

}  // namespace postern::app
