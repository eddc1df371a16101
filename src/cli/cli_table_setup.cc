#include "cli/cli_table_setup.h"

namespace postern::app {

namespace {

constexpr ExampleSpec setup_examples[] = {
    {"postern setup", "on a terminal: asks for what is missing, and before it writes"},
    {"postern setup --hostname mx.example.org --domain example.org --relay mail.example.org",
     "in front of another mail server; asks nothing without a terminal"},
    {"postern setup --hostname mx.example.org --domain example.org --inbox --dry-run",
     "the configuration and the report, and nothing is written"},
};
constexpr OptionSpec setup_options[] = {
    {"--hostname", "NAME", "of this gateway, as in its MX record", ""},
    {"--domain", "NAME", "whose mail is accepted; may be repeated", ""},
    {"--relay", "HOST",
     "their mail goes to this mail server: name or address, with a port if not 25", ""},
    {"--webhook", "URL", "their mail goes to this https URL", ""},
    {"--inbox", "", "their mail goes into the built-in inbox", ""},
    {"--submission", "", "clients with an account send mail through ports 465 and 587", ""},
    {"--tls", "acme|files|proxy",
     "source of the certificate: an ACME client, two files, or an ACME client behind a TCP proxy "
     "that sends a PROXY header",
     "acme"},
    {"--certificate", "FILE", "with --tls files: the PEM chain", ""},
    {"--key", "FILE", "with --tls files: its private key, readable by the service", ""},
    {"--proxy-from", "NETWORK", "with --tls proxy: where the proxies are; may be repeated", ""},
    {"--address", "IP", "a public address of this gateway; may be repeated",
     "those of the machine's interfaces"},
    {"--email", "ADDRESS", "gets reports about the domains",
     "with --relay postmaster@ the first domain, else nobody"},
    {"--config", "FILE", "where the configuration is written, and the report beside it",
     "$POSTERN_CONFIG, else /etc/postern/postern.toml"},
    {"--data-dir", "DIR", "where the gateway keeps its data", "/var/lib/postern"},
    {"--dry-run", "", "print the configuration and the report, write nothing", ""},
    {"--yes", "", "ask nothing, even on a terminal", ""},
    {"--offline", "", "ask no server about the machine", ""},
};
constexpr ExitCode setup_exits[] = {
    ExitCode::ok, ExitCode::usage,  ExitCode::bad_data, ExitCode::os, ExitCode::cannot_create,
    ExitCode::io, ExitCode::config,
};

constexpr CommandSpec setup_table[] = {
    {"setup", "Set up", "a configuration for production, and what to do next",
     "Writes /etc/postern/postern.toml, or the file of --config, and setup-report.txt beside it: "
     "the DNS records to publish, and the next commands. Before that it proves that the "
     "configuration loads, accepts the domains and relays for nobody else. A file that somebody "
     "wrote is never overwritten: the difference is shown, with exit status 73.",
     "--hostname NAME --domain NAME (--relay HOST | --webhook URL | --inbox) [OPTIONS]", 0,
     setup_examples, setup_options, setup_exits,
     "postern doctor, postern check, postern passwd --owner-link"},
};

}  // namespace

std::span<const CommandSpec> setup_commands() { return setup_table; }

}  // namespace postern::app
