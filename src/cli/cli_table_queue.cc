#include "cli/cli_table_queue.h"

namespace postern::app {

namespace {

constexpr std::size_t most_ids = 1000;

constexpr FamilySpec queue_family_table[] = {
    {"queue", "list, show, retry, hold, release, drop, simulate",
     "Shows and changes the mail that waits for delivery or for a decision of the operator. Asks "
     "the running gateway, or opens the queue itself when no gateway runs."},
};

constexpr OptionSpec by_state{"--state", "STATE", "queued, held, dead or quarantined", ""};
constexpr OptionSpec by_destination{"--destination", "ROUTE:NAME",
                                    "webhook:ID, relay:NAME or local:NAME", ""};
constexpr OptionSpec by_sender{"--sender", "ADDRESS", "the reverse-path; \"<>\" is the null one",
                               ""};
constexpr OptionSpec by_recipient{"--recipient", "ADDRESS", "one of the recipients", ""};
constexpr OptionSpec by_account{"--account", "ID", "the account it belongs to", ""};
constexpr OptionSpec by_quarantine{"--quarantine", "NAME", "quarantined under this name", ""};
constexpr OptionSpec by_age{"--older-than", "AGE", "in the queue for longer: 30m, 6h, 2d", ""};
constexpr OptionSpec all_matching{"--all", "", "every message that matches the filters", ""};

constexpr ExitCode ask_exits[] = {
    ExitCode::ok, ExitCode::usage,     ExitCode::no_input,      ExitCode::unavailable,
    ExitCode::io, ExitCode::try_again, ExitCode::no_permission, ExitCode::config};
constexpr ExitCode act_exits[] = {
    ExitCode::ok,          ExitCode::no, ExitCode::usage,     ExitCode::no_input,
    ExitCode::unavailable, ExitCode::io, ExitCode::try_again, ExitCode::no_permission,
    ExitCode::config};

constexpr ExampleSpec list_examples[] = {
    {"postern queue list", "the newest messages"},
    {"postern queue list --state dead --destination relay:example.com",
     "the dead letters of one destination"},
    {"postern queue list --older-than 1d --json", "for scripts: one message on each line"},
};
constexpr OptionSpec list_options[] = {
    by_state,        by_destination, by_sender, by_recipient,
    by_quarantine,   by_account,     by_age,    {"--limit", "N", "how many, newest first", "50"},
    data_dir_option,
};

constexpr ExampleSpec show_examples[] = {
    {"postern queue show 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "its envelope and each recipient's state"},
    {"postern queue show 01JD9X3V5W6Y7Z8A9B0C1D2E3F --message > m.eml", "its octets as stored"},
};
constexpr OptionSpec show_options[] = {
    {"--message", "", "print the message itself", ""},
    data_dir_option,
};

constexpr ExampleSpec retry_examples[] = {
    {"postern queue retry 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "try again now"},
    {"postern queue retry --all --state dead --destination relay:example.com",
     "what failed while that host was down"},
};
constexpr ExampleSpec hold_examples[] = {
    {"postern queue hold 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "one message"},
    {"postern queue hold --all --sender news@example.org", "all messages of one sender"},
};
constexpr ExampleSpec release_examples[] = {
    {"postern queue release 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "one message"},
    {"postern queue release --all --state quarantined --sender news@example.org",
     "all that a policy quarantined of one sender"},
};
constexpr OptionSpec act_options[] = {
    all_matching,  by_state,   by_destination, by_sender,       by_recipient,
    by_quarantine, by_account, by_age,         data_dir_option,
};

constexpr ExampleSpec drop_examples[] = {
    {"postern queue drop 01JD9X3V5W6Y7Z8A9B0C1D2E3F",
     "one message, without a report to its sender"},
    {"postern queue drop --notify 01JD9X3V5W6Y7Z8A9B0C1D2E3F", "its sender gets a report"},
    {"postern queue drop --all --state dead --older-than 7d --yes", "old dead letters"},
};
constexpr OptionSpec drop_options[] = {
    all_matching,
    by_state,
    by_destination,
    by_sender,
    by_recipient,
    by_quarantine,
    by_account,
    by_age,
    {"--notify", "", "report it to the senders (RFC 3464)", ""},
    {"--yes", "", "needed for more than one message", ""},
    data_dir_option,
};

constexpr ExampleSpec queue_verify_examples[] = {
    {"postern queue verify", "every message, every checksum"},
};
constexpr OptionSpec only_data_dir[] = {data_dir_option};

constexpr ExampleSpec destinations_examples[] = {
    {"postern queue destinations", "how much waits where, and for how long"},
};

constexpr ExampleSpec simulate_examples[] = {
    {"postern queue simulate outage.json",
     "when it is tried, when its sender is told, and its end"},
};
constexpr ExitCode simulate_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::bad_data,
                                       ExitCode::no_input, ExitCode::config};

constexpr CommandSpec queue_table[] = {
    {"queue list", "Operate", "messages, newest first, by filters",
     "Lists the messages that wait, with their recipients, destinations, number of attempts and "
     "last result. Shows only messages that match all filters.",
     "[FILTERS] [--limit N] [--json]", 0, list_examples, list_options, ask_exits,
     "postern queue show, postern queue destinations"},
    {"queue show", "Operate", "one message: envelope, attempts, text",
     "Shows one message: its envelope, each recipient's state, attempts, next attempt and last "
     "reply; or the message itself.",
     "ID [--message] [--json]", 1, show_examples, show_options, act_exits,
     "postern queue list, postern explain"},
    {"queue retry", "Operate", "try messages now, dead letters too",
     "Makes queued messages due now and queues dead ones again. An attempt that is under way goes "
     "on.",
     "ID... | --all FILTERS", most_ids, retry_examples, act_options, act_exits,
     "postern queue destinations"},
    {"queue hold", "Operate", "stop deliveries until release",
     "Stops the delivery of queued messages until they are released.", "ID... | --all FILTERS",
     most_ids, hold_examples, act_options, act_exits, "postern queue release"},
    {"queue release", "Operate", "deliver what is held or quarantined",
     "Queues messages that were held or quarantined.", "ID... | --all FILTERS", most_ids,
     release_examples, act_options, act_exits, "postern queue hold"},
    {"queue drop", "Operate", "delete messages for good",
     "Deletes messages, whatever their state. Their senders are told only with --notify.",
     "ID... | --all FILTERS [--notify] [--yes]", most_ids, drop_examples, drop_options, act_exits,
     "postern queue list"},
    {"queue verify", "Operate", "read every message, check every checksum",
     "Reads the whole queue and says what is wrong with it. Mail is delivered meanwhile. Exits 1 "
     "when something is wrong.",
     "[--json]", 0, queue_verify_examples, only_data_dir, act_exits, "postern queue show"},
    {"queue destinations", "Operate", "how much waits where",
     "Shows for each destination how many recipients wait in which state, since when, and when the "
     "next attempt is due.",
     "[--json]", 0, destinations_examples, only_data_dir, ask_exits, "postern queue list"},
    {"queue simulate",
     "Operate",
     "what happens to mail while a destination is down",
     "Plays a scenario (docs/queue.md) with the delays and limits of the configuration, on a "
     "simulated clock: prints when each message is tried, when its sender is told that it waits, "
     "and its end. Opens no queue and sends nothing.",
     "FILE|- [--json]",
     1,
     simulate_examples,
     {},
     simulate_exits,
     "postern queue destinations, postern queue retry"},
};

}  // namespace

std::span<const CommandSpec> queue_commands() { return queue_table; }
std::span<const FamilySpec> queue_families() { return queue_family_table; }

}  // namespace postern::app
