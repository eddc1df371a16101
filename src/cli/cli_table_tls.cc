#include "cli/cli_table_tls.h"

namespace postern::app {

namespace {

constexpr FamilySpec tls_family_table[] = {
    {"tls", "the certificate that clients get, and a renewed one",
     "Certificates of the running gateway: which one each listener uses, and a renewed one in its "
     "place, without a restart."},
};

constexpr OptionSpec running_data_dir{
    "--data-dir", "DIR", "of the running gateway; the configuration is not read for it then",
    "./postern-data"};

constexpr ExampleSpec install_examples[] = {
    {"postern tls install fullchain.pem privkey.pem --data-dir /var/lib/postern",
     "new sessions get this certificate at once"},
    {"postern tls install fullchain.pem privkey.pem --if-named --data-dir /var/lib/postern",
     "for hooks of ACME clients: certificates of other hosts are passed over"},
};
constexpr OptionSpec install_options[] = {
    running_data_dir,
    {"--if-named", "",
     "do nothing, with exit code 0, if the certificate is not for server.hostname", ""},
};
constexpr ExitCode install_exits[] = {
    ExitCode::ok,          ExitCode::usage, ExitCode::bad_data,  ExitCode::no_input,
    ExitCode::unavailable, ExitCode::io,    ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec tls_status_examples[] = {
    {"postern tls status --data-dir /var/lib/postern", "names, issuer and days left"},
    {"postern tls status --config postern.toml --json", "the same, as one object"},
};
constexpr OptionSpec tls_status_options[] = {running_data_dir};
constexpr ExitCode tls_status_exits[] = {ExitCode::ok, ExitCode::usage,     ExitCode::unavailable,
                                         ExitCode::io, ExitCode::try_again, ExitCode::config};

constexpr CommandSpec tls_table[] = {
    {"tls install", "Operate", "a new certificate and its key, without a restart",
     "Gives the running gateway a certificate and its key. It checks them, keeps them in its data "
     "directory, and uses them for new sessions of all listeners that have TLS and no "
     "`certificate` of their own, also after a restart. A pair that it cannot use changes nothing "
     "(exit code 65). Sessions that are open are not ended.",
     "CERTIFICATE KEY [--if-named] [--data-dir DIR] [--json]", 2, install_examples, install_options,
     install_exits, "postern tls status"},
    {"tls status", "Operate", "which certificate each listener uses",
     "Shows the certificate of each listener of the running gateway: where it comes from, its "
     "names, its issuer, the days that are left, and its TLSA record.",
     "[--data-dir DIR] [--json]", 0, tls_status_examples, tls_status_options, tls_status_exits,
     "postern tls install"},
};

}  // namespace

std::span<const CommandSpec> tls_commands() { return tls_table; }
std::span<const FamilySpec> tls_families() { return tls_family_table; }

}  // namespace postern::app
