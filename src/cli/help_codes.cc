// One page for each error code: its meaning, a wrong and a right example.
#include <iterator>
#include <vector>

#include "cli/help.h"

namespace postern::app {

namespace {

constexpr CodePage general_code_pages[] = {
    {"C001", "not TOML",
     "The file breaks the rules of TOML (https://toml.io). Reading stops at the first error, so "
     "correct it and check again. Text is in double quotes, a section in brackets on a separate "
     "line.",
     "[server]\nhostname = mail.example.com\n", "[server]\nhostname = \"mail.example.com\"\n"},
    {"C002", "the configuration cannot be read",
     "The file named with --config or POSTERN_CONFIG, or without both /etc/postern/postern.toml, "
     "is missing, a directory, larger than 1 MiB, or not readable by this user.",
     "", "# postern config example > postern.toml\n"},
    {"G001", "a guardrail that cannot be read",
     "A guardrail is a sentence: `never` or `always`, then accept, refuse, discard or hold, then "
     "perhaps `where` and a condition. The message says where the word at fault stands; "
     "docs/guardrails.md has all words.",
     "[guardrails]\nno_relay = \"never except where rcpt is foreign\"\n",
     "[guardrails]\nno_relay = \"never accept where auth = none and rcpt is foreign\"\n"},
    {"G002", "a guardrail is broken",
     "A dialogue was found, and played by the production evaluation, that the sentence forbids. "
     "The "
     "message shows it, and which rule decides it; a permit at the end of a list decides what no "
     "rule of it refuses. Change the rules, or the sentence: the dialogue may be one that it was "
     "not meant for, such as mail to double-bounce@, from which this server sends probes. With "
     "`enforce = \"warn\"` a broken sentence is a warning.",
     "", ""},
    {"G003", "a guardrail is not proved",
     "No dialogue was found that breaks the sentence, and it could not be proved that there is "
     "none; the message says why (docs/plan.md, \"Not proved\"). A sentence that is not proved "
     "refuses, too, unless it has `enforce = \"warn\"`.",
     "", ""},
    {"G101", "a guardrail that may say less than was meant",
     "A warning: no dialogue meets the condition of the sentence, a set of networks is empty, or "
     "the sentence names a list in DNS that no rule asks. Such a sentence may protect nothing.",
     "", ""},
    {"C011", "unknown section",
     "An unknown section is an error, so that a misspelt one is not silently ignored. Listeners "
     "are a list: two brackets, once for each.",
     "[limit]\nsessions = 500\n", "[limits]\nsessions = 500\n"},
    {"C012", "unknown key",
     "An unknown key is an error, so that a misspelt one is not silently ignored. The message "
     "names the nearest key, or the section in which the key belongs.",
     "[limits]\nmesage_size = \"10 MiB\"\n", "[limits]\nmessage_size = \"10 MiB\"\n"},
    {"C013", "wrong type",
     "The key takes another kind of value: text is in quotes, numbers and true or false are not, a "
     "list is in brackets.",
     "[limits]\nrecipients = \"100\"\n", "[limits]\nrecipients = 100\n"},
    {"C014", "not a duration",
     "A duration is a whole number and its unit in quotes: ms, s, m (minutes), h or d.",
     "[timeouts]\ncommand = \"5 minutes\"\n", "[timeouts]\ncommand = \"5m\"\n"},
    {"C015", "not a size",
     "A size is a number of octets, or a whole number with KiB, MiB or GiB in quotes. MB and M are "
     "not accepted: they mean different things to different programs.",
     "[limits]\nmessage_size = \"25 MB\"\n", "[limits]\nmessage_size = \"25 MiB\"\n"},
    {"C016", "out of range",
     "The value is of the right kind, but too small or too large to make sense.",
     "[server]\nthreads = -1\n", "[server]\nthreads = 2\n"},
    {"C017", "not one of the allowed values",
     "The key takes only certain values. The message lists all of them: write one of them, in "
     "quotes. `postern help configuration` describes the key.",
     "[[listener]]\ntls = \"startls\"\n", "[[listener]]\ntls = \"starttls\"\n"},
    {"C018", "not a network",
     "A network is an IPv4 or IPv6 address and a prefix length; the bits after the prefix are "
     "zero. A single address needs no prefix length.",
     "[limits]\nexempt_networks = [\"10.1.2.3/8\"]\n",
     "[limits]\nexempt_networks = [\"10.0.0.0/8\"]\n"},
    {"C019", "not an address and port",
     "Listening addresses and DNS servers are written as numbers: 127.0.0.1:2525, or [::1]:2525 "
     "for "
     "IPv6. 0.0.0.0 and [::] are all addresses of the machine.",
     "[[listener]]\naddress = \"localhost:2525\"\n",
     "[[listener]]\naddress = \"127.0.0.1:2525\"\n"},
    {"C020", "not a name",
     "A domain name consists of labels of letters, digits and hyphens, at most 63 octets each; "
     "other "
     "scripts are written as xn--. Names of listeners and gateways: letters, digits, hyphen, "
     "underscore and dot.",
     "[server]\nhostname = \"mail_1.example.com\"\n",
     "[server]\nhostname = \"mail-1.example.com\"\n"},
    {"C021", "not the address of a server",
     "public_url is the part before /api/v1 in links: scheme, host and port, no path.",
     "[api]\npublic_url = \"mail.example.com/postern\"\n",
     "[api]\npublic_url = \"https://mail.example.com\"\n"},
    {"C030", "PROXY protocol without trusted peers",
     "A PROXY header names the client of a load balancer. The balancers must be listed, or any "
     "client that reaches the port could claim any address and pass an allowlist.",
     "[[listener]]\nproxy_protocol = \"required\"\n",
     "[[listener]]\nproxy_protocol = \"required\"\nproxy_from = [\"192.0.2.10/32\"]\n"},
    {"C031", "certificate without key, or key without certificate",
     "TLS needs both files. With neither, Postern makes a self-signed certificate in its data "
     "directory.",
     "[[listener]]\ncertificate = \"/etc/postern/certificate.pem\"\n",
     "[[listener]]\ntls = \"starttls\"\n"},
    {"C032", "address used twice",
     "Two listeners, or a listener and the API, cannot share an address and port.",
     "[[listener]]\nname = \"a\"\naddress = \"127.0.0.1:2525\"\n\n[[listener]]\nname = "
     "\"b\"\naddress = "
     "\"127.0.0.1:2525\"\n",
     "[[listener]]\nname = \"a\"\naddress = \"127.0.0.1:2525\"\n\n[[listener]]\nname = "
     "\"b\"\naddress = "
     "\"127.0.0.1:2526\"\n"},
    {"C033", "API reachable without TLS",
     "The API receives passwords and returns tokens over plain HTTP. On an address other than "
     "loopback it needs a TLS proxy; behind_proxy = true says that there is one.",
     "[api]\naddress = \"0.0.0.0:8025\"\n",
     "[api]\naddress = \"0.0.0.0:8025\"\nbehind_proxy = true\npublic_url = "
     "\"https://mail.example.com\"\n"},
    {"C034", "more sessions than open files allow",
     "Each session needs one descriptor, its socket; a quarter more are reserved for sessions that "
     "are ending. A command being judged and a message being received need three: the body, a "
     "second text of it, a connection to a webhook or policy server. The hard limit of open files "
     "must hold all sessions, 64 such commands or messages and one more for each 32 sessions, 512 "
     "DNS look-ups, the API's connections and requests, and 100 for the gateway itself; an eighth "
     "of it is kept for deliveries. With a higher limit more messages can be received at once, up "
     "to one for each session; those that find no room get 452 4.3.1, and 421 4.3.2 before MAIL. "
     "A process with CAP_SYS_RESOURCE raises the hard limit itself, up to /proc/sys/fs/nr_open.",
     "[limits]\nsessions = 1000000\n", "[limits]\nsessions = 200\n"},
    {"C035", "two listeners with one name", "Logs and metrics tell listeners apart by their names.",
     "[[listener]]\naddress = \"127.0.0.1:2525\"\n\n[[listener]]\naddress = \"127.0.0.1:2526\"\n",
     "[[listener]]\naddress = \"127.0.0.1:2525\"\n\n[[listener]]\nname = \"second\"\naddress = "
     "\"127.0.0.1:2526\"\n"},
    {"C036", "a key without effect",
     "A warning: another key makes this one meaningless, which is seldom what was meant.",
     "[[listener]]\nproxy_from = [\"192.0.2.10/32\"]\n",
     "[[listener]]\nproxy_protocol = \"required\"\nproxy_from = [\"192.0.2.10/32\"]\n"},
    {"C037", "every client is trusted",
     "A warning: with 0.0.0.0/0 or ::/0 here, any client may claim any address, and checks of "
     "addresses have no effect.",
     "[[listener]]\nxclient_from = [\"0.0.0.0/0\"]\n",
     "[[listener]]\nxclient_from = [\"192.0.2.10/32\"]\n"},
    {"C038", "less than SMTP asks for",
     "A warning: RFC 5321 §4.5.3.1 names sizes that every server must be able to take; honest "
     "clients "
     "may fail below them.",
     "[limits]\nrecipients = 10\n", "[limits]\nrecipients = 100\n"},
    {"C039", "fewer API connections than requests",
     "A new connection replaces an idle one, but none with a request. `connections` must be "
     "greater than `requests` by 24 at least, so that a new client is always answered, and "
     "/healthz too.",
     "[api]\nconnections = 100\nrequests = 100\n", "[api]\nconnections = 200\nrequests = 100\n"},
    {"C040", "links that outside clients cannot reach",
     "A warning: links in payloads, invitations and mail begin with `public_url`. Without it they "
     "name the address that the gateway itself listens on, which people outside cannot reach.",
     "[api]\nbehind_proxy = true\n",
     "[api]\nbehind_proxy = true\npublic_url = \"https://mail.example.com\"\n"},
    {"C041", "a secret that others can read",
     "A warning: the file holds a password, a token or a private key, and every user of this "
     "machine may read it. Give it to the gateway's user with mode 0600, or put it into "
     "/etc/postern/credentials, where systemd passes it as credential:certs_NAME.",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"C060", "an invalid source of accounts",
     "Each kind of `[[auth.source]]` needs its own keys: a list or file of users, a database and "
     "its query, a server and how a name becomes an entry there.",
     "[[auth.source]]\nkind = \"sqlite\"\nfile = \"/etc/postern/users.db\"\n",
     "[[auth.source]]\nkind = \"sqlite\"\nfile = \"/etc/postern/users.db\"\n"
     "query = \"SELECT hash FROM users WHERE name = :user\"\n"},
    {"C061", "DNSSEC cannot work as configured",
     "Validation needs the keys of the root, from a file of Debian's package dns-root-data. Trust "
     "in the AD bit needs name servers, from `dns.servers` or /etc/resolv.conf.",
     "[dns]\ndnssec = \"validate\"\ntrust_anchor = \"/nonexistent/root.key\"\n",
     "[dns]\ndnssec = \"auto\"\ntrust_anchor = \"/nonexistent/root.key\"\n"},
    {"C062", "the cluster's database cannot be used as configured",
     "The connection string of `[cluster]` must be one that libpq reads, holds no password (that "
     "is "
     "in `password_file`), and asks for verified TLS where a host is not this machine. The "
     "files that it names, `sslrootcert=` for one, must be there, and so must `seal_key_file`.",
     "[cluster]\ndatabase = \"postgresql://postern:abc@pg1,pg2/postern\"\n",
     "[cluster]\ndatabase = \"postgresql://postern@pg1,pg2/postern\"\n"},
    {"C050", "an invalid route",
     "`match` names the recipients of a route and `to` its next hops; a recipient is in one route "
     "only. A password is sent only where tls = \"verify\" (or tlsa) proves the identity of the "
     "server.",
     "[[route]]\nmatch = [\"example.org\"]\nto = [\"192.0.2.1\"]\n",
     "[[route]]\nmatch = [\"example.org\"]\nto = [\"[192.0.2.1]\"]\n"},
    {"C051", "a route to this gateway",
     "The next hop has our name, or an address and port that we listen on: mail sent there comes "
     "back, and loops until a host counts a hundred Received fields.",
     "[[route]]\nmatch = [\"*\"]\nto = [\"[127.0.0.1]:2525\"]\n",
     "[[route]]\nmatch = [\"*\"]\nto = [\"[127.0.0.1]:2526\"]\n"},
    {"C052", "an invalid source address",
     "Each [[egress]] names its pool and an IPv4 address, an IPv6 address, or one of each.",
     "[[egress]]\npool = \"main\"\n",
     "[[egress]]\npool = \"main\"\nv4 = \"192.0.2.1\"\n\n[[route]]\nmatch = [\"*\"]\negress = "
     "\"main\"\n"},
    {"L001", "the Lua policy did not load",
     "The message has the policy's file and line, or those of a data file that it reads. The whole "
     "file runs once before anything starts. An error prevents the start, and a reload keeps the "
     "current policy. Calls that can only fail (of an undefined or misspelt function, a misspelt "
     "method, a missing module) prevent it too, even in code that seldom runs. `postern check` "
     "shows the same without a server.",
     "", "[lua]\nread = [\"/etc/postern\"]\n"},
    {"L002", "the Lua policy cannot be read",
     "The file that `lua.policy` names is missing or not readable by this user. Paths are relative "
     "to the directory that postern was started in. The same code says that the name servers in "
     "[dns], which policies use too, cannot be used.",
     "[lua]\npolicy = \"/nonexistent/policy.lua\"\n", "[lua]\npolicy = \"\"\n"},
    {"L003", "any client may relay",
     "Clients in `relay_hosts`, of the file or of a listener that the policy starts, send mail to "
     "anywhere without a login. Networks that together cover more of the Internet than one owner "
     "has make that an open relay. Postern starts it only if `lua.i_know_this_is_an_open_relay = "
     "true` confirms it. The message shows an SMTP dialogue that succeeds.",
     "[lua]\nrelay_hosts = [\"0.0.0.0/0\"]\n", "[lua]\nrelay_hosts = [\"192.0.2.0/24\"]\n"},
    {"L004", "a warning of the Lua policy",
     "The policy loads, but part of it is probably a mistake: a handler of an unknown event, a "
     "function of KumoMTA that Postern does not have, a tenant that every sender may claim, an "
     "option without effect, or a line that the policy itself logged as a warning while it loaded "
     "(`kumo.log_warn`).",
     "", "[lua]\nmode = \"shadow\"\n"},
    {"L005", "set elsewhere",
     "A policy written for KumoMTA configures here what Postern's own configuration has, or "
     "handles an event of KumoMTA that Postern never fires: spool, logs, HTTP, source addresses, "
     "retries, rates. The call does nothing, and the message says where Postern sets it. Compare "
     "the values and set those that matter there. The line may remain: the same file then runs in "
     "both. docs/lua-api.md has all such names. A call that would open a gap in the policy if it "
     "were silently ignored is an error, L001, and not this warning.",
     "", "[lua]\nmode = \"shadow\"\n"},
    {"L006", "a call that always fails",
     "A hook calls a method that the object does not have, a function of Lua that scripts do not "
     "have (`os.execute`, `io.popen`, `debug.traceback`), or a function with fewer arguments than "
     "it takes, with a literal of another type, or with one that the function refuses: a reply "
     "code outside of 400 to 599, a mode, a regular expression, an address, a file outside the "
     "folders that may be read, or an option of a DKIM signer that is none. When a hook comes to "
     "the "
     "call it fails, and the client gets a 4xx. `postern check` treats this as an error; a gateway "
     "starts, and warns. docs/lua-api.md has all functions with their parameters.",
     "", "[lua]\nmode = \"shadow\"\n"},
    {"V001", "the .vsl policy did not load",
     "The policy has a mistake. The message names its file, line and column, and the text after it "
     "says what is wrong. Postern reads and evaluates all .vsl files when it starts; with a "
     "mistake it does not start. A reload (SIGHUP) with a mistake keeps the policy that is in "
     "force. `postern check` reports the same mistakes without a running gateway. The language is "
     "in docs/vsl.md, the functions are in docs/vsl-api.md.",
     "", "[vsl]\nmode = \"shadow\"\n"},
    {"V002", "the .vsl policy cannot be read",
     "The file that `vsl.policy` names is missing or not readable by this user. Paths are relative "
     "to the directory that postern was started in. The same code says that the name servers in "
     "[dns], which policies use too, cannot be used.",
     "[vsl]\npolicy = \"/nonexistent/main.vsl\"\n", "[vsl]\npolicy = \"\"\n"},
    {"V003", "a domain or a key that cannot sign",
     "`dkim_key` is a PEM file with an RSA key of 1024 bits at least or an Ed25519 key, readable "
     "by Postern's user. Each [[vsl.virtual]] names its `domain`.",
     "[vsl]\ndkim_key = \"/nonexistent/key.pem\"\n", "[vsl]\ndkim_key = \"\"\n"},
    {"V004", "any client may relay",
     "Clients in `relay_networks` send mail to anywhere without a login and without a rule. "
     "If together they cover more of the Internet than one owner has, this is an open relay; "
     "Postern then starts only with `vsl.i_know_this_is_an_open_relay = true`. The message shows "
     "an SMTP dialogue that succeeds.",
     "[vsl]\nrelay_networks = [\"0.0.0.0/0\"]\n", "[vsl]\nrelay_networks = []\n"},
    {"V005", "a warning of the .vsl policy",
     "The policy loads, but the place that the message names probably does not do what was meant. "
     "It is one of these: a variable that nothing defines (a likely misspelling of a defined name "
     "is the error V001); a function that may call what works only in another stage; a status in "
     "an action, where it has no effect; a rule that never "
     "runs; sign_dkim() without a key; authenticate() without an [[auth.source]]; a program of a "
     "service that is not on this machine. "
     "`postern check --strict` treats warnings as errors.",
     "", "[vsl]\nmode = \"shadow\"\n"},
    {"V006", "a call that always fails",
     "The rule calls a function, a method or a module that neither Postern nor the policy has; or "
     "a function with a wrong number of arguments, with a constant that it refuses, or in a stage "
     "that does not have it; or a function of a service that its kind lacks. Or the call needs "
     "what "
     "the configuration does not have: write() and dump() `vsl.app_dir`, a `cmd` "
     "service its program in `vsl.allow_commands`. When the rule "
     "reaches the call it fails, and the client gets 451. `postern check` treats this as "
     "an error; a gateway starts, and warns. docs/vsl-api.md has all functions, and the names of "
     "vSMTP that mean one of them. A function of vSMTP that is known and not carried is the error "
     "V001, with a way out.",
     "", "[vsl]\nmode = \"shadow\"\n"},
    {"T001", "certificate or key cannot be read",
     "The message names the file, its owner and mode, and the user Postern runs as. A private key "
     "should be readable by its owner only: pass it with systemd's LoadCredential= and write "
     "credential:NAME, or give it to Postern's user. TLS is never switched off silently.",
     "[[listener]]\ncertificate = \"/nonexistent/certificate.pem\"\nkey = "
     "\"/nonexistent/key.pem\"\n",
     "[[listener]]\ntls = \"starttls\"\n"},
    {"T002", "the key does not belong to the certificate",
     "The certificate has a different public key. Often one of the two files is from an earlier "
     "renewal.",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"T003", "not PEM",
     "The file holds no certificate, or no private key without a passphrase, in PEM form: text "
     "that "
     "begins with -----BEGIN.",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"T004", "outside the certificate's dates, or in its last 21 days",
     "A warning: clients that check certificates refuse this one, or will soon. Opportunistic TLS "
     "still works. The hint says how new sessions get a renewed one.",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"T005", "the certificate is for another name",
     "A warning: clients that check certificates ask for `server.hostname`, or for the domain of a "
     "[[vsl.virtual]], and refuse a certificate without that name. A wildcard matches one whole "
     "label: *.example.com matches mx.example.com, not example.com (RFC 6125, section 6.4.3).",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"T006", "no client can shake hands with the certificate",
     "The certificate and its key fit, and a handshake with them fails: the key is too short, or "
     "of "
     "a curve that clients do not have. Each TLS session would fail. Make a key of P-256, or an "
     "RSA "
     "key with 2048 bits, and get a certificate for it.",
     "", "[[listener]]\ntls = \"starttls\"\n"},
    {"U001", "a file of tests is not TOML",
     "The .ptest file breaks the rules of TOML (https://toml.io). Reading stops at the first "
     "error.",
     "", ""},
    {"U002", "unknown key of a test",
     "An unknown key is an error, so that a misspelt one is not silently ignored. The message "
     "names "
     "the nearest key. In `dns`, the keys of a name are record types.",
     "", ""},
    {"U003", "something is missing in a test",
     "A file has a `[[test]]`, and a test has `name`, `client`, `from`, `rcpt` and `expect`, which "
     "expects something.",
     "", ""},
    {"U004", "a value of a test",
     "The value is of another kind, or none of those that its key takes (docs/policy-tests.md).",
     "", ""},
    {"U005", "a name is there twice",
     "The names of the tests of a file are different, and so are those of its zone, also in upper "
     "and lower case.",
     "", ""},
    {"U006", "values of a test contradict each other",
     "The test could never pass: only a refusal has a code, and `auth` needs TLS.", "", ""},
    {"U007", "a file that a test names",
     "A message is read from a file beside the file of tests, and it is not there.", "", ""},
    {"U008", "a file of tests cannot be read",
     "The file named on the command line is missing or not readable by this user.", "", ""},
};

}  // namespace

std::span<const CodePage> code_pages() {
  static const std::vector<CodePage> all = [] {
    std::vector<CodePage> list(std::begin(general_code_pages), std::end(general_code_pages));
    const auto lists = restriction_code_pages();
    list.insert(list.end(), lists.begin(), lists.end());
    return list;
  }();
  return all;
}

}  // namespace postern::app
