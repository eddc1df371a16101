#include "cli/cli_table_cluster.h"

namespace postern::app {

namespace {

constexpr FamilySpec family_table[] = {
    {"cluster", "several gateways over one PostgreSQL",
     "Gateways that keep their queue in one PostgreSQL with synchronous replication, so that the "
     "mail "
     "of one that dies is delivered by the others."},
};

constexpr ExampleSpec init_examples[] = {
    {"postern cluster init --config postern.toml", "makes or updates the tables"},
    {"postern cluster init --config postern.toml --owner postern_owner --gateway postern_gateway",
     "as the role that owns them, with the rights for the gateways' role"},
};
constexpr OptionSpec init_options[] = {
    {"--owner", "ROLE", "the role that makes and owns the tables", "the user of `database`"},
    {"--gateway", "ROLE", "a role that gets the rights that gateways need, and no others", ""},
};
constexpr ExitCode init_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::bad_data,
                                   ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec status_examples[] = {
    {"postern cluster status --config postern.toml", "which gateways live, and what they own"},
    {"postern cluster status --config postern.toml --json", "the same, as one object"},
};
constexpr ExitCode status_exits[] = {ExitCode::ok,       ExitCode::no,        ExitCode::usage,
                                     ExitCode::bad_data, ExitCode::try_again, ExitCode::config};

constexpr CommandSpec table[] = {
    {"cluster init", "Operate", "makes the tables in the cluster's database",
     "Makes the tables of a cluster in the database that `[cluster]` names, or brings them to the "
     "version of this program. What is there is kept. Run it once, before the first gateway "
     "starts, "
     "and before an upgrade.",
     "[--owner ROLE] [--gateway ROLE] [--json]", 0, init_examples, init_options, init_exits,
     "postern cluster status"},
    {"cluster status",
     "Operate",
     "which gateways live, and what each owns",
     "Shows the gateways of the cluster: when each was heard of, its version, and how many of the "
     "64 "
     "parts of the queue it owns. A part without an owner is scheduled by nobody. Exit code 1: "
     "some "
     "have none.",
     "[--json]",
     0,
     status_examples,
     {},
     status_exits,
     "postern cluster init"},
};

}  // namespace

std::span<const CommandSpec> cluster_commands() { return table; }
std::span<const FamilySpec> cluster_families() { return family_table; }

}  // namespace postern::app
