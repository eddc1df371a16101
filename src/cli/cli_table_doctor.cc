#include "cli/cli_table_doctor.h"

namespace postern::app {

namespace {

constexpr ExampleSpec doctor_examples[] = {
    {"postern doctor --config /etc/postern/postern.toml --data-dir /var/lib/postern",
     "everything, one line a finding"},
    {"postern doctor --check mx --check ptr --domain example.org", "these two alone"},
    {"postern doctor --offline --json", "what needs no network, for scripts"},
    {"postern doctor --ready --data-dir /var/lib/postern", "exit 0 if the gateway accepts mail"},
};
constexpr OptionSpec doctor_options[] = {
    {"--check", "NAME",
     "look at this alone; may be repeated. `integrity` and `incoming` are looked at only so",
     "all other checks"},
    {"--offline", "", "only what needs no network", ""},
    {"--ready", "", "only whether the running gateway accepts mail: exit 0 or 69", ""},
    {"--domain", "NAME", "a domain whose mail is sent or received here; may be repeated",
     "the gateway's domains"},
    {"--address", "IP", "a public address of the gateway; may be repeated",
     "of listeners and the machine"},
    {"--next-certificate", "FILE",
     "the certificate that is installed next: how far its TLSA record is", ""},
    {"--outgoing", "HOST", "a host that receives mail: whether port 25 is open on the way", ""},
    data_dir_option,
    {"--credentials", "[ID:]PATH",
     "where the files of `credential:NAME` are, as of `postern check`; may be repeated",
     "$CREDENTIALS_DIRECTORY; without it they are not looked at"},
    {"--dns", "FILE", "a zone, or answers in JSON; no server is asked", "the resolvers"},
    {"--dns-server", "ADDR:PORT", "name server to ask; may be repeated",
     "`dns.servers`, else /etc/resolv.conf"},
};
constexpr ExitCode doctor_exits[] = {ExitCode::ok,       ExitCode::no,       ExitCode::usage,
                                     ExitCode::bad_data, ExitCode::no_input, ExitCode::unavailable};

constexpr CommandSpec doctor_table[] = {
    {"doctor", "Operate", "what is wrong with the gateway and around it",
     "Looks at the configuration, the machine, the running gateway and DNS, and changes nothing. "
     "Each line says ok, note, warn or fail, what was found, and what to do. 0: nothing fails. 1: "
     "something does. 69: the gateway does not answer, and nothing else fails.",
     "[--check NAME] [--offline] [--outgoing HOST] [--json] | --ready", 0, doctor_examples,
     doctor_options, doctor_exits, "postern check, postern dkim check, postern spf check"},
};

}  // namespace

std::span<const CommandSpec> doctor_commands() { return doctor_table; }

}  // namespace postern::app
