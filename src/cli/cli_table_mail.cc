#include "cli/cli_table_mail.h"

namespace postern::app {

namespace {

constexpr OptionSpec dns_file{"--dns", "FILE", "a zone, or answers in JSON; no server is asked",
                              "the resolvers"};
constexpr OptionSpec dns_server{"--dns-server", "ADDR:PORT", "name server to ask; may be repeated",
                                "`dns.servers`, else /etc/resolv.conf"};
constexpr OptionSpec judged_as_of{
    "--now", "TIME", "judge as of this time: 2026-11-20T09:00:00Z, or Unix time", "the clock"};

constexpr FamilySpec mail_family_table[] = {
    {"dkim", "make keys, sign and verify messages (RFC 6376)",
     "DKIM from the command line: make a key, see whether it is published, sign, verify."},
    {"spf", "may this client send for that address? (RFC 7208)",
     "SPF from the command line: the result that a receiver finds for a client's address and a "
     "sender."},
    {"dmarc", "a domain's DMARC record, or all checks of a message",
     "DMARC from the command line: the policy of a domain, and the result for a message."},
};

constexpr ExampleSpec keygen_examples[] = {
    {"postern dkim keygen --domain example.com --selector s1",
     "an RSA key in s1.example.com.pem; prints the record to publish"},
    {"postern dkim keygen --domain example.com --selector s1 --type both",
     "also an Ed25519 key, selector s1-ed25519: sign with both"},
    {"postern dkim keygen --domain example.com --selector s1 --quiet >> zone",
     "only the line for the zone file"},
};
constexpr OptionSpec keygen_options[] = {
    {"--domain", "NAME", "the domain that signs, d=", ""},
    {"--selector", "NAME", "the name of the key below it, s=", ""},
    {"--type", "rsa|ed25519|both", "kind of key; every receiver reads rsa", "rsa"},
    {"--bits", "N", "length of an RSA key, 1024 to 4096", "2048"},
    {"--out", "FILE", "where the private key goes; - is standard output", "SELECTOR.DOMAIN.pem"},
};
constexpr ExitCode keygen_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::cannot_create,
                                     ExitCode::io};

constexpr ExampleSpec keys_examples[] = {
    {"postern dkim keys", "every key of the gateway, with its DNS record"},
    {"postern dkim keys example.com --json", "those of one domain, for scripts"},
};
constexpr OptionSpec keys_options[] = {
    {"--data-dir", "DIR", "where the gateway keeps its databases", "./postern-data"},
};
constexpr ExitCode keys_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::no_input, ExitCode::io,
                                   ExitCode::config};

constexpr ExampleSpec sign_examples[] = {
    {"postern dkim sign --key s1.example.com.pem --domain example.com --selector s1 m.eml",
     "the message with a DKIM-Signature on top"},
    {"postern dkim sign --key rsa.pem --selector s1 --key ed.pem --selector s1-ed25519 --domain "
     "example.com --expires 7d m.eml",
     "two signatures, as RFC 8463 advises, valid for a week"},
};
constexpr OptionSpec sign_options[] = {
    {"--key", "FILE", "private key in PEM; may be repeated", ""},
    {"--domain", "NAME", "the domain that signs, d=", ""},
    {"--selector", "NAME", "one for each --key, in the same order, s=", ""},
    {"--canonicalization", "FORMS", "relaxed or simple, of header/body, c=", "relaxed/relaxed"},
    {"--expires", "TIME", "how long the signature is valid, as in 7d, x=", "for ever"},
    {"--header-only", "", "print only the new field", ""},
    judged_as_of,
};
constexpr ExitCode sign_exits[] = {ExitCode::ok, ExitCode::usage, ExitCode::bad_data,
                                   ExitCode::no_input, ExitCode::io};

constexpr ExampleSpec dkim_verify_examples[] = {
    {"postern dkim verify m.eml", "every signature: its result, why, and what it covers"},
    {"postern dkim verify --json - < m.eml", "for scripts, with the DNS answers used"},
    {"postern dkim verify --dns zone m.eml",
     "with the records of a file, before they are published"},
};
constexpr OptionSpec verify_options[] = {dns_file, dns_server, judged_as_of};
constexpr ExitCode verify_exits[] = {ExitCode::ok,        ExitCode::no,       ExitCode::usage,
                                     ExitCode::bad_data,  ExitCode::no_input, ExitCode::unavailable,
                                     ExitCode::try_again, ExitCode::config};

constexpr ExampleSpec key_examples[] = {
    {"postern dkim check --domain example.com --selector s1 --key s1.example.com.pem",
     "is it published, usable, and the one we sign with?"},
};
constexpr OptionSpec key_options[] = {
    {"--domain", "NAME", "the domain that signs, d=", ""},
    {"--selector", "NAME", "the name of the key below it, s=", ""},
    {"--key", "FILE", "private key that must match", "not compared"},
    dns_file,
    dns_server,
};

constexpr ExampleSpec spf_examples[] = {
    {"postern spf check --ip 192.0.2.10 --from ann@example.org",
     "the result, the term that decided and every DNS answer"},
    {"postern spf check --ip 192.0.2.10 --from example.org --dns zone",
     "try a record before it is published"},
};
constexpr OptionSpec spf_options[] = {
    {"--ip", "IP", "address of the client", ""},
    {"--from", "ADDRESS", "sender of the envelope, or its domain; \"\" is the null one", ""},
    {"--helo", "NAME", "name of the client in HELO or EHLO", "the client's address"},
    dns_file,
    dns_server,
};

constexpr ExampleSpec dmarc_examples[] = {
    {"postern dmarc check example.org", "its record, its policy and its problems"},
    {"postern dmarc check --message m.eml --ip 192.0.2.10 --from ann@example.org",
     "SPF, DKIM, ARC and DMARC of a message"},
};
constexpr OptionSpec dmarc_options[] = {
    {"--message", "FILE", "judge this message; - is standard input", ""},
    {"--ip", "IP", "with --message: address of the client", ""},
    {"--from", "ADDRESS", "with --message: sender of the envelope; \"\" is the null one", ""},
    {"--helo", "NAME", "with --message: name of the client in HELO or EHLO",
     "the client's address"},
    {"--tree-walk", "", "find records by the tree walk of RFC 9989, not the public suffix list",
     ""},
    dns_file,
    dns_server,
};

constexpr ExampleSpec route_examples[] = {
    {"postern route ann@example.org", "the route, the hosts in order, TLS, and what was left out"},
    {"postern route ann@example.org --dns zone", "with records that are not published yet"},
    {"postern route ann@example.org --sts enforce:mx.example.org",
     "as if the domain had this MTA-STS policy"},
};
constexpr OptionSpec route_options[] = {
    {"--sender", "ADDRESS", "the sender, for routes that depend on it; <> is the null sender",
     "<>"},
    {"--sts", "MODE:NAMES", "as if the domain had this MTA-STS policy", "none"},
    {"--attempts", "N", "show the hosts of N attempts in order; equal preferences are shuffled",
     "1"},
    dns_file,
    dns_server,
};

constexpr CommandSpec mail_table[] = {
    {"dkim keygen", "Set up", "make a key, print the record to publish",
     "Makes a private key for DKIM and prints the DNS record that publishes its public key. A file "
     "that exists is never overwritten.",
     "--domain NAME --selector NAME [--type rsa|ed25519|both] [--bits N] [--out FILE]", 0,
     keygen_examples, keygen_options, keygen_exits, "postern dkim check, postern dkim sign"},
    {"dkim keys", "Set up", "the keys that sign outgoing mail",
     "Lists the DKIM keys of the gateway's domains as lines of a zone file, without the private "
     "keys. Keys are made and activated through the API (docs/relay-signing.md).",
     "[DOMAIN] [--data-dir DIR] [--json]", 1, keys_examples, keys_options, keys_exits,
     "postern dkim keygen, postern dkim check"},
    {"dkim check", "Set up", "is a key published, usable, and ours?",
     "Looks up the record of a DKIM key and says whether receivers can use it, and whether it "
     "belongs to a private key.",
     "--domain NAME --selector NAME [--key FILE] [--dns FILE]", 0, key_examples, key_options,
     verify_exits, "postern dkim keygen"},
    {"dkim sign", "Set up", "put a DKIM-Signature on a message",
     "Signs a message and writes it with the DKIM-Signature on top. Lines of the message may end "
     "in LF or CRLF and stay as they are.",
     "--key FILE --domain NAME --selector NAME [OPTIONS] [FILE|-]", 1, sign_examples, sign_options,
     sign_exits, "postern dkim verify"},
    {"dkim verify", "Set up", "check every signature of a message",
     "Verifies the DKIM signatures and the ARC chain of a message. The exit code is 0 when at "
     "least one signature is acceptable.",
     "[FILE|-] [--dns FILE] [--now TIME]", 1, dkim_verify_examples, verify_options, verify_exits,
     "postern dmarc check"},
    {"spf check", "Set up", "the SPF result of a client and a sender",
     "Evaluates SPF as a receiver would. The exit code is 0 for pass.",
     "--ip IP --from ADDRESS [--helo NAME] [--dns FILE]", 0, spf_examples, spf_options,
     verify_exits, "postern dmarc check"},
    {"dmarc check", "Set up", "a domain's record, or all checks of a message",
     "Shows the DMARC policy of a domain; or, with --message, all results that a receiver finds "
     "for a message. The exit code is 0 for a usable record, or a pass.",
     "DOMAIN | --message FILE --ip IP --from ADDRESS [--helo NAME]", 1, dmarc_examples,
     dmarc_options, verify_exits, "postern spf check, postern dkim verify"},
    {"route", "Operate", "where mail for an address would go",
     "Shows the route of an address, the hosts that would be tried, their addresses and TLS "
     "levels, what was left out and why, or the reply. Nothing is sent. The exit code is 1 where "
     "the recipient would be refused, 75 where it would be tried later. It does not show whether "
     "the gateway accepts the mail, and does not know webhooks: use postern explain for that.",
     "ADDRESS... [--config FILE] [--dns FILE] [--json]", 50, route_examples, route_options,
     verify_exits, "postern check, postern help configuration"},
};

}  // namespace

std::span<const CommandSpec> mail_commands() { return mail_table; }
std::span<const FamilySpec> mail_families() { return mail_family_table; }

}  // namespace postern::app
