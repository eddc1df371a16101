#include "cli/cli_table_cluster.h"

namespace postern::app {

namespace {

constexpr FamilySpec cluster_family_table[] = {
    {"cluster", "several gateways over one PostgreSQL",
     "Gateways that keep their queue in one PostgreSQL with synchronous replication, so that the "
     "mail "
     "of one that dies is delivered by the others."},
};

constexpr OptionSpec credentials_option = {
    "--credentials", "[ID:]PATH",
    "where the files of `credential:NAME` are, as of `postern check`; may be repeated",
    "$CREDENTIALS_DIRECTORY"};
constexpr OptionSpec credentials_alone[] = {credentials_option};

constexpr ExampleSpec init_examples[] = {
    {"postern cluster init --config postern.toml", "makes or updates the tables"},
    {"postern cluster init --config postern.toml --owner postern_owner --gateway postern_gateway",
     "as the role that owns them, with the rights for the gateways' role"},
    {"postern cluster init --owner postern_owner --owner-password-file owner.password",
     "the same, where the database asks for a password"},
};
constexpr OptionSpec init_options[] = {
    {"--owner", "ROLE", "the role that makes and owns the tables", "the user of `database`"},
    {"--owner-password-file", "FILE", "one line: the password of that role", "libpq's PGPASSFILE"},
    {"--gateway", "ROLE", "a role that gets the rights that gateways need, and no others", ""},
    credentials_option,
};
constexpr ExitCode init_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::bad_data,
                                   ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec cluster_status_examples[] = {
    {"postern cluster status --config postern.toml", "which gateways live, and what they own"},
    {"postern cluster status --config postern.toml --json", "the same, as one object"},
};
constexpr ExitCode cluster_status_exits[] = {ExitCode::ok,        ExitCode::no,
                                             ExitCode::usage,     ExitCode::bad_data,
                                             ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec cluster_doctor_examples[] = {
    {"postern cluster doctor --config postern.toml", "what is wrong with the database"},
    {"postern cluster doctor --config postern.toml --json", "the same, as one object"},
};
constexpr ExitCode cluster_doctor_exits[] = {ExitCode::ok,        ExitCode::no,
                                             ExitCode::usage,     ExitCode::bad_data,
                                             ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec drain_examples[] = {
    {"postern cluster drain mx2 --config postern.toml", "before an upgrade of mx2"},
};
constexpr ExitCode drain_exits[] = {ExitCode::ok,       ExitCode::usage,     ExitCode::no_input,
                                    ExitCode::bad_data, ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec accept_loss_examples[] = {
    {"postern cluster accept-loss --config postern.toml", "says what it would do"},
    {"postern cluster accept-loss --yes --config postern.toml", "goes on with what is there"},
};
constexpr OptionSpec accept_loss_options[] = {
    {"--yes", "", "go on with the older copy", ""},
    data_dir_option,
    credentials_option,
};
constexpr ExitCode accept_loss_exits[] = {ExitCode::ok,        ExitCode::no,
                                          ExitCode::usage,     ExitCode::bad_data,
                                          ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec migrate_examples[] = {
    {"postern cluster migrate --config postern.toml", "from this data directory"},
    {"postern cluster migrate --config postern.toml --owner postern_owner --back",
     "from the cluster into it"},
};
constexpr OptionSpec migrate_options[] = {
    {"--owner", "ROLE", "the role that owns the tables", "the user of `database`"},
    {"--owner-password-file", "FILE", "one line: the password of that role", "libpq's PGPASSFILE"},
    {"--back", "", "from the cluster into this data directory", ""},
    data_dir_option,
    credentials_option,
};
constexpr ExitCode migrate_exits[] = {ExitCode::ok,        ExitCode::usage, ExitCode::bad_data,
                                      ExitCode::no_input,  ExitCode::io,    ExitCode::cannot_create,
                                      ExitCode::try_again, ExitCode::config};

constexpr CommandSpec cluster_table[] = {
    {"cluster init", "Operate", "makes the tables in the cluster's database",
     "Makes the tables of a cluster in the database that `[cluster]` names, or brings them to the "
     "version of this program. What is there is kept. Run it once, before the first gateway "
     "starts, and before an upgrade. With `seal_key_file` it seals the secrets, and makes the file "
     "if there is none yet.",
     "[--owner ROLE [--owner-password-file FILE]] [--gateway ROLE] [--json]", 0, init_examples,
     init_options, init_exits, "postern cluster status"},
    {"cluster status", "Operate", "which gateways live, and what each owns",
     "Shows the gateways of the cluster: when each was heard of, its version, and how many of the "
     "64 "
     "parts of the queue it owns. A part without an owner is scheduled by nobody. Exit code 1: "
     "some "
     "have none and nobody is taking them, or the database is an older copy of itself or was moved "
     "away from.",
     "[--json]", 0, cluster_status_examples, credentials_alone, cluster_status_exits,
     "postern cluster init"},
    {"cluster doctor", "Operate", "checks the cluster's database, and says what to do",
     "Looks at the database as a gateway sees it: whether standbys stream, how far they are "
     "behind, "
     "slots that fill the disk, TLS, rights of the role beyond what gateways need, the clocks, "
     "dead "
     "rows, sessions, and the gateways. It changes nothing. What only the failover manager knows "
     "(Patroni's version and settings) it does not see. Exit code 1: something fails.",
     "[--json]", 0, cluster_doctor_examples, credentials_alone, cluster_doctor_exits,
     "postern cluster status"},
    {"cluster drain", "Operate", "stops one gateway in order, and waits for it",
     "Asks a gateway of the cluster to stop: it is not ready for balancers at once, takes no new "
     "sessions after five seconds, lets the open ones and its deliveries end (`[server] "
     "drain_timeout`), gives its parts of the queue to the others and ends with exit code 0. The "
     "command returns when the parts are given, a moment before the process ends. Run it before an "
     "upgrade of that machine, from any other.",
     "NODE [--json]", 1, drain_examples, credentials_alone, drain_exits, "postern cluster status"},
    {"cluster accept-loss", "Operate", "goes on with a database that has lost what it promised",
     "A gateway that finds less in the database than it was promised takes no mail, sends none and "
     "is not ready: the primary is an older copy of itself, restored from a backup or brought back "
     "by a failover without its last commits. First look for a host that has everything. If there "
     "is none, this command makes all gateways go on with what is there: mail that was "
     "acknowledged "
     "and is missing stays missing, and mail that was delivered meanwhile is delivered again. If "
     "all gateways run and have what they were promised, it changes nothing.",
     "[--yes] [--data-dir DIR] [--json]", 0, accept_loss_examples, accept_loss_options,
     accept_loss_exits, "postern cluster status"},
    {"cluster migrate", "Operate", "moves a gateway's queue and accounts into a cluster, or back",
     "Moves the accounts, policies, webhooks and the queue of this data directory into the "
     "database "
     "that `[cluster]` names, while no gateway runs and mail waits at its senders; `--back` moves "
     "them into this data directory, and leaves inboxes and attachments where they are. All rows "
     "and messages are compared before either side serves. "
     "It may be stopped at any time and run again; until it ends, no gateway starts on either "
     "side.",
     "[--owner ROLE [--owner-password-file FILE]] [--back] [--data-dir DIR] [--json]", 0,
     migrate_examples, migrate_options, migrate_exits, "postern cluster init"},
};

}  // namespace

std::span<const CommandSpec> cluster_commands() { return cluster_table; }
std::span<const FamilySpec> cluster_families() { return cluster_family_table; }

}  // namespace postern::app
