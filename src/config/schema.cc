#include "config/schema.h"

#include <algorithm>
#include <array>

#include "smtp/scram.h"

namespace postern::app {

namespace {

constexpr std::uint64_t kib = 1u << 10;
constexpr std::uint64_t mib = 1u << 20;
constexpr std::uint64_t gib = 1u << 30;
constexpr std::uint64_t seconds(std::uint64_t n) { return n * 1000; }
constexpr std::uint64_t hours(std::uint64_t n) { return n * 3'600'000; }

// In the order of the enumerators.
constexpr std::array<std::string_view, 4> tls_modes{"starttls", "implicit", "none", "required"};
constexpr std::array<std::string_view, 3> client_certificates{"no", "ask", "require"};
constexpr std::array<std::string_view, 10> source_kinds{
    "none",  "static", "htpasswd", "sqlite",  "postgresql",
    "mysql", "ldap",   "vault",    "dovecot", "introspection"};
constexpr std::array<std::string_view, 2> proxy_protocols{"off", "required"};
constexpr std::array<std::string_view, 2> bare_newlines{"reject", "normalize"};
constexpr std::array<std::string_view, 2> dispositions{"deliver", "discard"};
constexpr std::array<std::string_view, 2> discoveries{"public_suffix", "tree_walk"};
constexpr std::array<std::string_view, 4> dnssec_modes{"auto", "validate", "trust-ad", "off"};
constexpr std::array<std::string_view, 4> relay_tls{"none", "may", "encrypt", "verify"};
constexpr std::array<std::string_view, 5> route_tls{"none", "may", "encrypt", "verify", "policy"};
constexpr std::array<std::string_view, 3> sandbox_modes{"strict", "best_effort", "off"};
constexpr std::array<std::string_view, 3> patroni_protocols{"etcd3", "etcd", "other"};
constexpr std::array<std::string_view, 2> cluster_traces{"database", "node"};
constexpr std::array<std::string_view, 3> families{"both", "v4", "v6"};
constexpr std::array<std::string_view, 3> private_hosts{"routes", "always", "never"};
constexpr std::array<std::string_view, 2> chunkings{"auto", "off"};
constexpr std::array<std::string_view, 2> lackings{"strict", "send"};
constexpr std::array<std::string_view, 2> lua_modes{"enforce", "shadow"};
constexpr std::array<std::string_view, 2> signups{"open", "closed"};
constexpr std::array<std::string_view, 4> log_formats{"auto", "json", "text", "journald"};
constexpr std::array<std::string_view, 4> log_levels{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 3> address_styles{"full", "domain", "hash"};

// The member of a key; `c` is the Config, `l` the current listener, `r` the route, `e` the egress
// address, `s` the source of accounts, `v` the virtual domain.
#define POSTERN_SLOT(member)                              \
  [](Config& c [[maybe_unused]], Row& row) -> Slot {      \
    [[maybe_unused]] ListenerConfig& l = row.listener;    \
    [[maybe_unused]] RouteConfig& r = row.route;          \
    [[maybe_unused]] EgressConfig& e = row.egress;        \
    [[maybe_unused]] gateway::AuthSource& s = row.source; \
    [[maybe_unused]] VslVirtual& v = row.virtual_domain;  \
    return &(member);                                     \
  }

const Key keys[] = {
    {"server", "hostname", Kind::domain, R"("localhost")",
     "greeting, EHLO reply, Received fields; default: the machine's name",
     POSTERN_SLOT(c.server.hostname)},
    {"server", "data_dir", Kind::folder, R"("./postern-data")",
     "databases, generated certificate, temporary message bodies", POSTERN_SLOT(c.server.data_dir)},
    {"server", "threads", Kind::count, "0", "SMTP event loops; 0 = one for each core",
     POSTERN_SLOT(c.server.threads), 0, 1024},
    {"server", "drain_timeout", Kind::duration, R"("30s")",
     "after SIGTERM: time for open sessions to finish", POSTERN_SLOT(c.server.drain_timeout), 0,
     hours(1)},
    {"server", "core_dumps", Kind::flag, "false",
     "true: a crash leaves a core file, with passwords and keys in it; for debugging",
     POSTERN_SLOT(c.server.core_dumps)},
    {"server", "sandbox", Kind::choice, R"("best_effort")",
     R"("best_effort": what the kernel has of Landlock and seccomp; "strict": no start without; "off")",
     POSTERN_SLOT(c.server.sandbox), 0, 0, sandbox_modes},
    {"server", "sandbox_read", Kind::texts, "[]",
     "files and directories: only these may be read, those that other keys name, and the system's "
     "libraries; empty = all that the user may read",
     POSTERN_SLOT(c.server.sandbox_read)},
    {"server", "sandbox_write", Kind::texts, "[]",
     "further files and directories that may be changed (docs/sandbox.md)",
     POSTERN_SLOT(c.server.sandbox_write)},
    {"cluster", "database", Kind::text, R"("")",
     R"(PostgreSQL that several gateways share: "postgresql://postern@pg1,pg2,pg3/postern" or libpq's )"
     R"(keywords, without a password; empty = none (docs/cluster.md))",
     POSTERN_SLOT(c.cluster.database)},
    {"cluster", "password_file", Kind::secret, R"("")", "a file that holds the password, one line",
     POSTERN_SLOT(c.cluster.password_file)},
    {"cluster", "seal_key_file", Kind::secret, R"("")",
     "a file that all gateways have, with the key that seals the secrets in the database; empty = "
     "they are not sealed",
     POSTERN_SLOT(c.cluster.seal_key_file)},
    {"cluster", "node", Kind::name, R"("")",
     "this gateway's name in the cluster, unique; default: server.hostname",
     POSTERN_SLOT(c.cluster.node)},
    {"cluster", "publish_wait", Kind::duration, R"("60s")",
     "how long a message waits for PostgreSQL before its client gets 451",
     POSTERN_SLOT(c.cluster.publish_wait), 1000, seconds(540)},
    {"cluster", "serve_stale", Kind::duration, R"("60s")",
     "how long mail is judged while edits of other gateways cannot be read; then 451",
     POSTERN_SLOT(c.cluster.serve_stale), 5000, hours(1)},
    {"cluster", "patroni", Kind::texts, "[]",
     R"(Patroni's REST API on each database host: "http://pg1:8008"; the start and `cluster doctor` ask it)",
     POSTERN_SLOT(c.cluster.patroni)},
    {"cluster", "patroni_protocol", Kind::choice, R"("etcd3")",
     R"(where Patroni keeps its lock: "etcd3", "etcd" (the older protocol), "other")",
     POSTERN_SLOT(c.cluster.patroni_protocol), 0, 0, patroni_protocols},
    {"cluster", "traces", Kind::choice, R"("database")",
     R"("database": every gateway shows the traces and the delivery log of all; "node": its own)",
     POSTERN_SLOT(c.cluster.traces), 0, 0, cluster_traces},
    {"cluster", "allow_one_copy", Kind::flag, "false",
     "true: for trials, a primary without a synchronous standby is taken; its loss loses mail",
     POSTERN_SLOT(c.cluster.allow_one_copy)},
    {"listener", "name", Kind::name, R"("smtp")", "used in logs and metrics", POSTERN_SLOT(l.name)},
    {"listener", "address", Kind::address, R"("127.0.0.1:2525")",
     R"(an IP address and a port: "0.0.0.0:25", "[::]:25"; or "systemd:NAME", a socket that systemd opens)",
     POSTERN_SLOT(l.address)},
    {"listener", "tls", Kind::choice, R"("starttls")",
     R"("starttls", "required" (530 without), "implicit", "none")", POSTERN_SLOT(l.tls), 0, 0,
     tls_modes},
    {"listener", "certificate", Kind::file, R"("")",
     "PEM chain; without it that of `postern tls install`, or a self-signed one in data_dir",
     POSTERN_SLOT(l.certificate)},
    {"listener", "key", Kind::secret, R"("")", "PEM; the private key of certificate",
     POSTERN_SLOT(l.key)},
    {"listener", "client_certificate", Kind::choice, R"("no")",
     R"(whether clients are asked for a certificate in TLS: "no", "ask", "require" (421 without a )"
     R"(trusted one; needs tls = "required" or "implicit"))",
     POSTERN_SLOT(l.client_certificate), 0, 0, client_certificates},
    {"listener", "client_ca", Kind::file, R"("")",
     "PEM; a client's certificate is trusted if one of these authorities issued it",
     POSTERN_SLOT(l.client_ca)},
    {"listener", "client_ca_directory", Kind::folder, R"("")",
     "the same: a directory, as `openssl rehash` makes it", POSTERN_SLOT(l.client_ca_directory)},
    {"listener", "client_fingerprint_digest", Kind::text, R"("sha256")",
     "the digest of the fingerprints that relay_clientcerts and check_ccert_access look up",
     POSTERN_SLOT(l.client_fingerprint_digest)},
    {"listener", "proxy_protocol", Kind::choice, R"("off")",
     R"("required": every connection starts with a PROXY v1/v2 header)",
     POSTERN_SLOT(l.proxy_protocol), 0, 0, proxy_protocols},
    {"listener", "proxy_from", Kind::networks, "[]",
     R"(networks whose PROXY header is believed; needed with "required")",
     POSTERN_SLOT(l.proxy_from)},
    {"listener", "xclient_from", Kind::networks, "[]", "networks that may use XCLIENT",
     POSTERN_SLOT(l.xclient_from)},
    {"listener", "auth_without_tls", Kind::flag, "false",
     "AUTH without TLS: passwords can be read on the network", POSTERN_SLOT(l.auth_without_tls)},
    {"listener", "reject_unauth_pipelining", Kind::flag, "false",
     "a client that sends commands ahead where it must wait (RFC 2920) gets 554 5.5.0, and the "
     "session ends",
     POSTERN_SLOT(l.reject_unauth_pipelining)},
    {"listener", "pregreet_wait", Kind::duration, R"("0s")",
     "wait before the greeting; a client that speaks first gets 554", POSTERN_SLOT(l.pregreet_wait),
     0, seconds(60)},
    {"listener", "banner", Kind::text, R"("")",
     R"(text after "220 HOSTNAME ESMTP" in the greeting; empty = Postern)", POSTERN_SLOT(l.banner)},
    {"limits", "message_size", Kind::size, R"("25 MiB")",
     "announced by SIZE; a larger message gets 552 5.3.4",
     POSTERN_SLOT(c.limits.session.message_size), 1, 4 * gib},
    {"limits", "recipients", Kind::count, "1000", "in one transaction",
     POSTERN_SLOT(c.limits.session.recipients), 1, 1000000},
    {"limits", "webhook_recipients", Kind::count, "100", "in one transaction to a webhook",
     POSTERN_SLOT(c.limits.webhook_recipients), 1, 1000000},
    {"limits", "local_part", Kind::count, "192",
     "octets before the @ of an address; a longer address gets 501 5.1.7 or 5.1.3",
     POSTERN_SLOT(c.limits.session.local_part), 64, 252},
    {"limits", "command_line", Kind::count, "2048",
     "octets, CRLF included; a longer line gets 500 5.5.2",
     POSTERN_SLOT(c.limits.session.command_line), 64, mib},
    {"limits", "auth_line", Kind::count, "12288", "octets of an AUTH line",
     POSTERN_SLOT(c.limits.session.auth_line), 64, mib},
    {"limits", "text_line", Kind::count, "65536",
     "octets of a line of message text; a longer one gets 554 5.6.0",
     POSTERN_SLOT(c.limits.session.text_line), 78, 64 * mib},
    {"limits", "errors", Kind::count, "20", "the next error ends the session with 421 4.7.0",
     POSTERN_SLOT(c.limits.session.errors), 1, 1000000},
    {"limits", "soft_errors", Kind::count, "10",
     "from this error on, each error reply is delayed by error_delay",
     POSTERN_SLOT(c.limits.session.soft_errors), 1, 1000000},
    {"limits", "error_delay", Kind::duration, R"("1s")", "see soft_errors",
     POSTERN_SLOT(c.limits.error_delay), 0, seconds(60)},
    {"limits", "junk_commands", Kind::count, "100",
     "NOOP, RSET, VRFY, HELP between two messages; more count as errors",
     POSTERN_SLOT(c.limits.session.junk_commands), 0, 1000000},
    {"limits", "auth_failures", Kind::count, "3", "in one session",
     POSTERN_SLOT(c.limits.session.auth_failures), 1, 1000},
    {"limits", "messages_per_session", Kind::count, "1000", "then 421 4.7.0",
     POSTERN_SLOT(c.limits.session.messages), 1, 100000000},
    {"limits", "chunks", Kind::count, "1000", "BDAT commands of a message",
     POSTERN_SLOT(c.limits.session.chunks), 1, 100000000},
    {"limits", "received_fields", Kind::count, "100",
     "with more, the message is in a loop: 554 5.4.6",
     POSTERN_SLOT(c.limits.session.received_fields), 1, 100000},
    {"limits", "header_size", Kind::size, R"("1 MiB")",
     "octets of the header section; a larger one gets 554 5.6.0",
     POSTERN_SLOT(c.limits.session.header_size), kib, gib},
    {"limits", "header_field", Kind::size, R"("100 KiB")",
     "octets of one header field in webhook payloads; a longer one is cut, and the message is "
     "ambiguous",
     POSTERN_SLOT(c.limits.header_field), 998, mib},
    {"limits", "header_fields", Kind::count, "1000",
     "fields of the header section; a message with more gets 554 5.6.0",
     POSTERN_SLOT(c.limits.session.header_fields), 1, 1000000},
    {"limits", "sessions", Kind::count, "1000",
     "at a time; a new one replaces one that waits for its client, or gets 421 4.7.0",
     POSTERN_SLOT(c.limits.sessions), 1, 1000000},
    {"limits", "sessions_per_address", Kind::count, "50", "from one IPv4 address or IPv6 /64",
     POSTERN_SLOT(c.limits.sessions_per_address), 1, 1000000},
    {"limits", "new_sessions_per_minute", Kind::count, "30", "from one IPv4 address or IPv6 /64",
     POSTERN_SLOT(c.limits.new_sessions_per_minute), 1, 100000000},
    {"limits", "exempt_networks", Kind::networks, R"(["127.0.0.0/8", "::1/128"])",
     "no per-address limits, no AUTH back-off by address", POSTERN_SLOT(c.limits.exempt_networks)},
    {"limits", "memory", Kind::size, R"("0")",
     "octets of memory for all that clients send, over all sessions and deliveries: new messages "
     "are deferred from 80 % on; 0 = a quarter of the machine's memory",
     POSTERN_SLOT(c.limits.memory), 0, 1024 * gib},
    {"limits", "tables", Kind::size, R"("256 MiB")",
     "total size of the files that restriction lists name", POSTERN_SLOT(c.limits.tables), 1024,
     gib},
    {"limits", "account_policies", Kind::count, "1000",
     "of one account; for more, the API answers 422 account_limit",
     POSTERN_SLOT(c.limits.account_policies), 1, 1'000'000},
    {"limits", "account_credentials", Kind::count, "10000",
     "SMTP users of all policies of one account", POSTERN_SLOT(c.limits.account_credentials), 1,
     10'000'000},
    {"limits", "account_webhooks", Kind::count, "10000", "of one account",
     POSTERN_SLOT(c.limits.account_webhooks), 1, 10'000'000},
    {"limits", "account_domains", Kind::count, "200", "of one account, verified or not",
     POSTERN_SLOT(c.limits.account_domains), 1, 1'000'000},
    {"limits", "account_octets", Kind::size, R"("16 MiB")",
     "total size of policies, SMTP users and webhooks of one account; they are kept in memory",
     POSTERN_SLOT(c.limits.account_octets), 1024, 1024 * gib},
    {"limits", "bare_newline", Kind::choice, R"("reject")",
     R"("normalize" corrects bare LF inside data (never in a terminator))",
     POSTERN_SLOT(c.limits.bare_newline), 0, 0, bare_newlines},
    {"timeouts", "command", Kind::duration, R"("300s")", "for a whole command line; then 421",
     POSTERN_SLOT(c.timeouts.command), 10, hours(24)},
    {"timeouts", "data_block", Kind::duration, R"("180s")",
     "64 KiB of message must arrive in this time", POSTERN_SLOT(c.timeouts.data_block), 10,
     hours(24)},
    {"timeouts", "session", Kind::duration, R"("1h")",
     "for a whole session, whatever the client does", POSTERN_SLOT(c.timeouts.session), 10,
     hours(24)},
    {"timeouts", "write", Kind::duration, R"("30s")", "for a client to read its replies",
     POSTERN_SLOT(c.timeouts.write), 10, hours(24)},
    {"timeouts", "tls_handshake", Kind::duration, R"("10s")", "STARTTLS or implicit TLS",
     POSTERN_SLOT(c.timeouts.tls_handshake), 10, hours(24)},
    {"timeouts", "proxy_header", Kind::duration, R"("5s")", "the PROXY header of a new connection",
     POSTERN_SLOT(c.timeouts.proxy_header), 10, hours(24)},
    {"timeouts", "minimum_rate", Kind::count, "100",
     "octets of message data per second at least, else 421; 0 = no limit",
     POSTERN_SLOT(c.timeouts.minimum_rate), 0, gib},
    {"timeouts", "minimum_rate_after", Kind::duration, R"("30s")",
     "how long a message may be slower than minimum_rate",
     POSTERN_SLOT(c.timeouts.minimum_rate_after), 0, hours(24)},
    {"auth", "policies", Kind::flag, "true",
     "the credentials of webhook policies are accepted too, after every [[auth.source]]",
     POSTERN_SLOT(c.auth.policies)},
    {"auth", "failures_per_address", Kind::count, "10",
     "in failure_window; then 454 without asking a source; 0 = no limit",
     POSTERN_SLOT(c.auth.failures_per_address), 0, 1000000},
    {"auth", "failures_per_subnet", Kind::count, "30", "likewise from an IPv4 /24 or IPv6 /48",
     POSTERN_SLOT(c.auth.failures_per_subnet), 0, 1000000},
    {"auth", "failures_per_account", Kind::count, "50", "likewise for one account, known or not",
     POSTERN_SLOT(c.auth.failures_per_account), 0, 1000000},
    {"auth", "failure_window", Kind::duration, R"("10m")", "failures are counted over this time",
     POSTERN_SLOT(c.auth.failure_window), 1000, hours(24)},
    {"auth", "lockout", Kind::duration, R"("10m")",
     "how long AUTH gets 454 after the last failure that was allowed", POSTERN_SLOT(c.auth.lockout),
     1000, hours(24)},
    {"auth", "failure_delay", Kind::duration, R"("1s")", "before a 535",
     POSTERN_SLOT(c.auth.failure_delay), 0, seconds(60)},
    {"auth", "workers", Kind::count, "0",
     "password hashing threads; 0 = half the cores, at least one", POSTERN_SLOT(c.auth.workers), 0,
     1024},
    {"auth", "queue", Kind::count, "64",
     "waiting password checks; when it is full, the account with the most waiting gets 454",
     POSTERN_SLOT(c.auth.queue), 1, 1000000},
    {"auth", "wait", Kind::duration, R"("10s")",
     "how long a password waits for a hashing thread; then 454", POSTERN_SLOT(c.auth.wait), 100,
     seconds(300)},
    {"auth", "account_share", Kind::duration, R"("30s")",
     "hashing time per minute for one account while others wait; then 454; 0 = no limit",
     POSTERN_SLOT(c.auth.account_share), 0, hours(1)},
    {"auth", "client_share", Kind::duration, R"("15s")",
     "likewise for one client address (IPv6 /64); twice that for its /24 or /48",
     POSTERN_SLOT(c.auth.client_share), 0, hours(1)},
    {"auth", "longest_hash", Kind::duration, R"("3s")",
     "a password hash that takes this machine longer is refused when it is set; 0 = no limit",
     POSTERN_SLOT(c.auth.longest_hash), 0, seconds(60)},
    {"auth.source", "kind", Kind::choice, R"("none")", "where the accounts are: docs/auth.md",
     POSTERN_SLOT(s.kind), 0, 0, source_kinds},
    {"auth.source", "name", Kind::name, R"("")", "in traces and logs", POSTERN_SLOT(s.name)},
    {"auth.source", "timeout", Kind::duration, R"("5s")", "for an answer; then 454",
     POSTERN_SLOT(s.timeout), 10, seconds(60)},
    {"auth.source", "scram", Kind::flag, "false",
     "SCRAM-SHA-256 is offered: its accounts have SCRAM verifiers or plain passwords",
     POSTERN_SLOT(s.scram)},
    {"auth.source", "scram_iterations", Kind::count, "4096",
     "of SCRAM keys made from plain passwords, or made up for an unknown name",
     POSTERN_SLOT(s.scram_iterations), 4096, smtp::max_scram_iterations},
    {"auth.source", "users", Kind::texts, "[]", R"(static: "name:hash")", POSTERN_SLOT(s.users)},
    {"auth.source", "file", Kind::file, R"("")",
     "static, htpasswd: a file of users; sqlite: the database; dovecot: the socket",
     POSTERN_SLOT(s.file)},
    {"auth.source", "query", Kind::text, R"("")",
     "sqlite, postgresql, mysql: returns what is stored for :user, :local, :domain",
     POSTERN_SLOT(s.query)},
    {"auth.source", "servers", Kind::texts, "[]",
     R"(postgresql: "host:5432", "unix:/run/postgresql"; mysql: "host:3306", "unix:/run/mysqld/mysqld.sock"; ldap: "ldaps://host")",
     POSTERN_SLOT(s.servers)},
    {"auth.source", "user", Kind::text, R"("")",
     "postgresql, mysql: the role to connect as; ldap: the name to search as",
     POSTERN_SLOT(s.user)},
    {"auth.source", "password", Kind::secret, R"("")", "a file that holds the password of user",
     POSTERN_SLOT(s.password)},
    {"auth.source", "database", Kind::text, R"("")", "postgresql, mysql", POSTERN_SLOT(s.database)},
    {"auth.source", "dn", Kind::text, R"("")",
     "ldap: the name to bind as; %s is the user name, %u and %d its parts", POSTERN_SLOT(s.dn)},
    {"auth.source", "base", Kind::text, R"("")", "ldap: where filter searches",
     POSTERN_SLOT(s.base)},
    {"auth.source", "filter", Kind::text, R"("")", "ldap: finds the entry, in place of dn",
     POSTERN_SLOT(s.filter)},
    {"auth.source", "start_tls", Kind::flag, "false",
     "ldap: StartTLS; mysql: TLS, with a certificate for the server's name",
     POSTERN_SLOT(s.start_tls)},
    {"auth.source", "ca", Kind::file, R"("")", "PEM; roots to trust; empty = those of the system",
     POSTERN_SLOT(s.ca)},
    {"auth.source", "address", Kind::text, R"("")", "vault: its URL; introspection: the endpoint's",
     POSTERN_SLOT(s.address)},
    {"auth.source", "token", Kind::secret, R"("")", "vault: a file that holds the token",
     POSTERN_SLOT(s.token)},
    {"auth.source", "mount", Kind::text, R"("secret")",
     "vault: mount of the key-value engine, version 2", POSTERN_SLOT(s.mount)},
    {"auth.source", "path", Kind::text, R"("")", "vault: path below the mount; %s is the user name",
     POSTERN_SLOT(s.path)},
    {"auth.source", "key", Kind::text, R"("key")", "vault: field of the secret",
     POSTERN_SLOT(s.key)},
    {"auth.source", "client_id", Kind::text, R"("")", "introspection: id of Postern as a client",
     POSTERN_SLOT(s.client_id)},
    {"auth.source", "client_secret", Kind::secret, R"("")",
     "introspection: a file that holds the secret of client_id", POSTERN_SLOT(s.client_secret)},
    {"auth.source", "claim", Kind::text, R"("username")",
     "introspection: the claim that holds the account's name", POSTERN_SLOT(s.claim)},
    {"auth.source", "scope", Kind::text, R"("")", "introspection: a scope that a token must have",
     POSTERN_SLOT(s.scope)},
    {"auth.source", "audience", Kind::text, R"("")",
     "introspection: the token's aud must name this; empty = aud is not checked",
     POSTERN_SLOT(s.audience)},
    {"auth.source", "oauthbearer", Kind::flag, "false", "dovecot: it accepts tokens too",
     POSTERN_SLOT(s.oauthbearer)},
    {"dns", "servers", Kind::servers, "[]",
     R"("192.0.2.53" or "127.0.0.1:5353"; empty = those of /etc/resolv.conf)",
     POSTERN_SLOT(c.dns.servers)},
    {"dns", "dnssec", Kind::choice, R"("auto")",
     "how answers are proved, for DANE: validate, trust-ad (by the servers), off (docs/relay.md)",
     POSTERN_SLOT(c.dns.dnssec), 0, UINT64_MAX, dnssec_modes},
    {"dns", "trust_anchor", Kind::file, R"("/usr/share/dns/root.key")",
     "DS or DNSKEY records of the root, to validate with", POSTERN_SLOT(c.dns.trust_anchor)},
    {"dns", "timeout", Kind::duration, R"("5s")", "of one question", POSTERN_SLOT(c.dns.timeout),
     10, seconds(60)},
    {"authentication", "dmarc", Kind::choice, R"("report")",
     "enforce: refuse mail that its domain's policy rejects; require: accept only mail that passes",
     POSTERN_SLOT(c.authentication.dmarc), 0, UINT64_MAX, policy::dmarc_rule_words},
    {"authentication", "dmarc_discovery", Kind::choice, R"("public_suffix")",
     "how records are found: public_suffix (RFC 7489) or tree_walk (RFC 9989)",
     POSTERN_SLOT(c.authentication.dmarc_discovery), 0, UINT64_MAX, discoveries},
    {"authentication", "questions", Kind::count, "100",
     "to DNS about one message; layers in shadow have as many",
     POSTERN_SLOT(c.authentication.questions), 1, 10000},
    {"authentication", "signatures", Kind::count, "10",
     "DKIM signatures of one message that are evaluated", POSTERN_SLOT(c.authentication.signatures),
     1, 100},
    {"authentication", "dkim_replay_limit", Kind::count, "0",
     "messages in 24 hours with one passing DKIM signature; more get 451 4.7.0; 0 = no limit",
     POSTERN_SLOT(c.authentication.dkim_replay_limit), 0, 1000000},
    {"authentication", "decide_within", Kind::duration, R"("20s")",
     "for a verdict that a policy needs; then a temporary failure",
     POSTERN_SLOT(c.authentication.decide_within), 100, seconds(120)},
    {"authentication", "report_within", Kind::duration, R"("5s")",
     "for all verdicts that are only reported", POSTERN_SLOT(c.authentication.report_within), 0,
     seconds(60)},
    {"vsl", "policy", Kind::file, R"("")",
     "the entry file of a policy of .vsl rules; empty = none (docs/vsl.md)",
     POSTERN_SLOT(c.vsl.policy)},
    {"vsl", "mode", Kind::choice, R"("enforce")",
     "shadow: the rules run and are traced, their refusals do not count", POSTERN_SLOT(c.vsl.mode),
     0, 0, lua_modes},
    {"vsl", "domain", Kind::domain, R"("")",
     "our domain, for in_domain() and Authentication-Results; empty = server.hostname",
     POSTERN_SLOT(c.vsl.domain)},
    {"vsl", "relay_networks", Kind::networks, "[]", "clients that may relay without a rule",
     POSTERN_SLOT(c.vsl.relay_networks)},
    {"vsl", "i_know_this_is_an_open_relay", Kind::flag, "false",
     "true: relay_networks and check_rcpt_relay() may include unknown clients",
     POSTERN_SLOT(c.vsl.open_relay_is_known)},
    {"vsl", "allow_commands", Kind::texts, "[]",
     "paths of the programs that `service ... cmd` may run", POSTERN_SLOT(c.vsl.allow_commands)},
    {"vsl", "app_dir", Kind::folder, R"("")", "where write() and dump() may write; empty = nowhere",
     POSTERN_SLOT(c.vsl.app_dir)},
    {"vsl", "dkim_key", Kind::secret, R"("")", "PEM; the key of sign_dkim()",
     POSTERN_SLOT(c.vsl.dkim_key)},
    {"vsl", "maildir", Kind::text, R"("mail/{domain}/{local}")",
     "where maildir() delivers, below data_dir", POSTERN_SLOT(c.vsl.maildir)},
    {"vsl", "mbox", Kind::text, R"("mbox/{domain}/{local}")",
     "where mbox() delivers, below data_dir", POSTERN_SLOT(c.vsl.mbox)},
    {"vsl", "must_be_authenticated", Kind::flag, "false", "MAIL is answered 530 without AUTH",
     POSTERN_SLOT(c.vsl.must_be_authenticated)},
    {"vsl.limits", "instructions", Kind::count, "1000000", "of one rule; then 451",
     POSTERN_SLOT(c.vsl.instructions), 10000, 10000000000},
    {"vsl.limits", "computing", Kind::duration, R"("250ms")", "of one rule, without its waits",
     POSTERN_SLOT(c.vsl.computing), 1, seconds(60)},
    {"vsl.limits", "time", Kind::duration, R"("60s")", "of one rule, its waits included",
     POSTERN_SLOT(c.vsl.time), 10, seconds(600)},
    {"vsl.limits", "memory", Kind::size, R"("64 MiB")", "of one rule", POSTERN_SLOT(c.vsl.memory),
     mib, gib},
    {"vsl.limits", "depth", Kind::count, "64", "calls of functions within each other",
     POSTERN_SLOT(c.vsl.depth), 1, 150},
    {"vsl.limits", "string", Kind::size, R"("1 MiB")", "a string", POSTERN_SLOT(c.vsl.string), 1,
     64 * mib},
    {"vsl.limits", "array", Kind::count, "10000", "entries of an array or a map",
     POSTERN_SLOT(c.vsl.array), 1, 1000000},
    {"vsl.virtual", "domain", Kind::domain, R"("")", "another domain of ours",
     POSTERN_SLOT(v.domain)},
    {"vsl.virtual", "dkim_key", Kind::secret, R"("")", "PEM; signs for this domain",
     POSTERN_SLOT(v.dkim_key)},
    {"vsl.virtual", "certificate", Kind::file, R"("")",
     "PEM chain, for clients that ask for this name (SNI)", POSTERN_SLOT(v.certificate)},
    {"vsl.virtual", "key", Kind::secret, R"("")", "PEM; the private key of certificate",
     POSTERN_SLOT(v.key)},
    {"lua", "policy", Kind::file, R"("")",
     "a KumoMTA policy script; empty = none (docs/lua-hooks.md)", POSTERN_SLOT(c.lua.policy)},
    {"lua", "mode", Kind::choice, R"("enforce")",
     "shadow: the hooks run and are traced, their refusals do not count", POSTERN_SLOT(c.lua.mode),
     0, 0, lua_modes},
    {"lua", "listeners", Kind::flag, "false", "true: only the listeners that the policy starts",
     POSTERN_SLOT(c.lua.listeners)},
    {"lua", "read", Kind::texts, "[]",
     "folders whose files the policy may read, besides its own folder", POSTERN_SLOT(c.lua.read)},
    {"lua", "relay_to", Kind::domains, "[]",
     "domains whose mail is accepted from any client, unless get_listener_domain decides",
     POSTERN_SLOT(c.lua.relay_to)},
    {"lua", "relay_hosts", Kind::networks, "[]", "networks whose mail is relayed anywhere",
     POSTERN_SLOT(c.lua.relay_hosts)},
    {"lua", "i_know_this_is_an_open_relay", Kind::flag, "false",
     "true: relay_hosts and relay_from may include unknown clients",
     POSTERN_SLOT(c.lua.open_relay_is_known)},
    {"lua", "instructions", Kind::count, "10000000", "of one hook; then 451, in AUTH 454",
     POSTERN_SLOT(c.lua.instructions), 10000, 10000000000},
    {"lua", "memory", Kind::size, R"("32 MiB")", "of one hook", POSTERN_SLOT(c.lua.memory), mib,
     gib},
    {"lua", "time", Kind::duration, R"("10s")", "of one hook, its waits included",
     POSTERN_SLOT(c.lua.time), 10, seconds(600)},
    {"lua", "ca", Kind::file, R"("")",
     "PEM roots for the servers that the policy asks; empty = the system's",
     POSTERN_SLOT(c.lua.ca)},
    {"relay", "tls", Kind::choice, R"("may")",
     "for MX hosts that publish no policy: none, may, encrypt (any certificate), verify",
     POSTERN_SLOT(c.relay.tls), 0, 0, relay_tls},
    {"relay", "dane", Kind::flag, "true", "enforce TLSA records that DNSSEC proves",
     POSTERN_SLOT(c.relay.dane)},
    {"relay", "relay_to_literals", Kind::flag, "false", "user@[192.0.2.1]; else 550 5.1.2 at RCPT",
     POSTERN_SLOT(c.relay.relay_to_literals)},
    {"relay", "relay_to_private", Kind::choice, R"("routes")",
     "private addresses: only of hosts that a route names, always, or never",
     POSTERN_SLOT(c.relay.relay_to_private), 0, 0, private_hosts},
    {"relay", "families", Kind::choice, R"("both")", "v4, v6 or both",
     POSTERN_SLOT(c.relay.families), 0, 0, families},
    {"relay", "self_names", Kind::domains, "[]",
     "other names of this host: mail for an MX of that name would come back",
     POSTERN_SLOT(c.relay.self_names)},
    {"relay", "proxy_addresses", Kind::smtp_hosts, "[]",
     "where a proxy or NAT listens for us, port 25 unless written",
     POSTERN_SLOT(c.relay.proxy_addresses)},
    {"relay", "max_hosts", Kind::count, "5", "tried in one attempt",
     POSTERN_SLOT(c.relay.max_hosts), 1, 100},
    {"relay", "max_addresses_per_host", Kind::count, "4", "tried in one attempt",
     POSTERN_SLOT(c.relay.max_addresses_per_host), 1, 100},
    {"relay", "max_addresses", Kind::count, "10", "tried in one attempt",
     POSTERN_SLOT(c.relay.max_addresses), 1, 1000},
    {"relay", "max_sessions", Kind::count, "3", "hosts that greet us, in one attempt",
     POSTERN_SLOT(c.relay.max_sessions), 1, 100},
    {"relay", "longest_wait", Kind::duration, R"("1h")",
     "limit of every wait for a host; RFC 5321 wants up to 10 minutes, so less is for tests only",
     POSTERN_SLOT(c.relay.longest_wait), 100, hours(1)},
    {"relay", "postmaster_max_size", Kind::size, R"("256 MiB")",
     "octets of mail to <postmaster> that are kept in data_dir; then mail gets 452 4.2.2",
     POSTERN_SLOT(c.relay.postmaster_max_size), mib, 1024 * gib},
    {"queue", "concurrency", Kind::count, "1000", "deliveries to other hosts at a time",
     POSTERN_SLOT(c.queue.concurrency), 1, 10000},
    {"queue", "report_concurrency", Kind::count, "200",
     "the same for reports and other mail without a sender",
     POSTERN_SLOT(c.queue.report_concurrency), 1, 10000},
    {"queue", "webhook_concurrency", Kind::count, "500", "the same for webhooks in queued mode",
     POSTERN_SLOT(c.queue.webhook_concurrency), 1, 10000},
    {"queue", "folder_concurrency", Kind::count, "50", "the same for folders of this machine",
     POSTERN_SLOT(c.queue.folder_concurrency), 1, 10000},
    {"queue", "longest_attempt", Kind::duration, R"("20m")",
     "for one attempt to deliver a message to other hosts, plus a second for each 10 KB; RFC 5321 "
     "wants minutes for each reply",
     POSTERN_SLOT(c.queue.longest_attempt), seconds(1), hours(24)},
    {"queue", "longest_crowded_attempt", Kind::duration, R"("2m")",
     "the same for the first attempt of a message while its account holds more than half of the "
     "deliveries it may have",
     POSTERN_SLOT(c.queue.longest_crowded_attempt), seconds(1), hours(24)},
    {"queue", "first_retry", Kind::duration, R"("5m")",
     "after a first failed attempt; each further delay is twice the one before",
     POSTERN_SLOT(c.queue.first_retry), seconds(1), hours(24)},
    {"queue", "longest_retry", Kind::duration, R"("4h")", "no delay is longer",
     POSTERN_SLOT(c.queue.longest_retry), seconds(1), hours(24)},
    {"queue", "expire", Kind::duration, R"("5d")",
     "a message not delivered by then goes back to its sender", POSTERN_SLOT(c.queue.expire),
     hours(1), hours(24 * 30)},
    {"queue", "expire_null_path", Kind::duration, R"("2d")",
     "the same for reports and other mail without a sender; it is dropped",
     POSTERN_SLOT(c.queue.expire_null_path), hours(1), hours(24 * 30)},
    {"queue", "delay_notice", Kind::duration, R"("4h")",
     "the sender is told once that a message waits; 0s = never", POSTERN_SLOT(c.queue.delay_notice),
     0, hours(24 * 30)},
    {"route", "match", Kind::texts, "[]",
     R"(recipients: "ann@example.org", "example.org", ".example.org" (all below), "*")",
     POSTERN_SLOT(r.match)},
    {"route", "to", Kind::texts, R"(["mx"])",
     R"("mx", "mx:other.example", "discard", "maildir:/path", "error:5xx x.y.z text" (4xx: the mail waits), or hosts in order: "host:port", "[192.0.2.1]:2525")",
     POSTERN_SLOT(r.to)},
    {"route", "sender", Kind::texts, "[]",
     R"(senders, if the route is not for all: "ann@example.org", "example.org", "<>" (null sender))",
     POSTERN_SLOT(r.sender)},
    {"route", "tables", Kind::texts, "[]",
     R"(transport maps as in Postfix, asked at each attempt; `to` is for what has no row: "mysql:/etc/postfix/transport.cf")",
     POSTERN_SLOT(r.tables)},
    {"route", "fallback", Kind::texts, "[]",
     R"(hosts in order, as in `to`, when no host of `to` is found, is reached or takes the mail)",
     POSTERN_SLOT(r.fallback)},
    {"route", "tls", Kind::choice, R"("policy")",
     "none, may, encrypt, verify; policy = what the destination publishes, else relay.tls",
     POSTERN_SLOT(r.tls), 0, 0, route_tls},
    {"route", "names", Kind::domains, "[]",
     R"(with "verify": one of them in the certificate; empty = the host's name)",
     POSTERN_SLOT(r.names)},
    {"route", "ca", Kind::file, R"("")", "PEM; roots to trust; empty = those of the system",
     POSTERN_SLOT(r.ca)},
    {"route", "tlsa", Kind::texts, "[]",
     R"("3 1 1 <hex>": the certificate or its issuer must be this one (RFC 7672))",
     POSTERN_SLOT(r.tlsa)},
    {"route", "auth_user", Kind::text, R"("")", "user name for a smart host; needs auth_password",
     POSTERN_SLOT(r.auth_user)},
    {"route", "auth_password", Kind::secret, R"("")", "a file that holds the password, one line",
     POSTERN_SLOT(r.auth_password)},
    {"route", "auth_insecure", Kind::flag, "false",
     R"(send the password without tls = "verify" too: an attacker on the network can read it)",
     POSTERN_SLOT(r.auth_insecure)},
    {"route", "chunking", Kind::choice, R"("auto")", "BDAT inside TLS where it is offered",
     POSTERN_SLOT(r.chunking), 0, 0, chunkings},
    {"route", "eightbit", Kind::choice, R"("strict")",
     "8-bit messages to hosts without 8BITMIME: bounce, or send", POSTERN_SLOT(r.eightbit), 0, 0,
     lackings},
    {"route", "utf8_headers", Kind::choice, R"("strict")",
     "UTF-8 header fields to hosts without SMTPUTF8: bounce, or send", POSTERN_SLOT(r.utf8_headers),
     0, 0, lackings},
    {"route", "max_connections", Kind::count, "0", "at a time; 0 = the queue decides",
     POSTERN_SLOT(r.max_connections), 0, 10000},
    {"route", "messages_per_minute", Kind::count, "0", "0 = no limit",
     POSTERN_SLOT(r.messages_per_minute), 0, 1000000},
    {"route", "max_recipients", Kind::count, "50",
     "of a message in one transaction; for more, there are several transactions",
     POSTERN_SLOT(r.max_recipients), 1, 1000},
    {"route", "egress", Kind::name, R"("")",
     "pool of source addresses; empty = the machine's choice", POSTERN_SLOT(r.egress)},
    {"egress", "pool", Kind::name, R"("")", "the pool that this address belongs to",
     POSTERN_SLOT(e.pool)},
    {"egress", "name", Kind::name, R"("")", "of the address, for traces", POSTERN_SLOT(e.name)},
    {"egress", "v4", Kind::host, R"("")", "an IPv4 address of this machine", POSTERN_SLOT(e.v4)},
    {"egress", "v6", Kind::host, R"("")", "an IPv6 address of this machine", POSTERN_SLOT(e.v6)},
    {"egress", "ehlo", Kind::domain, R"("")",
     "name in EHLO from this address, as in its PTR record; empty = server.hostname",
     POSTERN_SLOT(e.ehlo)},
    {"egress", "weight", Kind::count, "1", "share of the pool's mail", POSTERN_SLOT(e.weight), 1,
     1000},
    {"egress", "fallback", Kind::flag, "false",
     "if no address of the pool can be used: true = the machine chooses one; false = mail waits",
     POSTERN_SLOT(e.fallback)},
    {"webhooks", "public_domain", Kind::domain, R"("localhost.localdomain")",
     "domain of the addresses of new webhooks, webhook-<ULID>@DOMAIN; an account that has "
     "verified it loses it at the start",
     POSTERN_SLOT(c.webhooks.public_domain)},
    {"webhooks", "allow_http", Kind::flag, "false", "true: targets may be http://, without TLS",
     POSTERN_SLOT(c.webhooks.allow_http)},
    {"webhooks", "allow_networks", Kind::networks, "[]",
     "loopback, private and other reserved networks that targets may be in",
     POSTERN_SLOT(c.webhooks.allow_networks)},
    {"webhooks", "allow_ports", Kind::ports, "[]",
     "ports below 1024 that targets may use besides 80 and 443",
     POSTERN_SLOT(c.webhooks.allow_ports)},
    {"webhooks", "connect_timeout", Kind::duration, R"("5s")", "TCP and TLS together",
     POSTERN_SLOT(c.webhooks.connect_timeout), 10, seconds(120)},
    {"webhooks", "concurrency", Kind::count, "10", "requests at a time to one webhook",
     POSTERN_SLOT(c.webhooks.concurrency), 1, 10000},
    {"webhooks", "retry_schedule", Kind::durations,
     R"(["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"])",
     "queued mode: the delay after each failed attempt; then a dead letter",
     POSTERN_SLOT(c.webhooks.retry_schedule), 1, hours(24 * 7)},
    {"webhooks", "disposition", Kind::choice, R"("deliver")",
     R"("discard": decide, trace, then drop (load tests))", POSTERN_SLOT(c.webhooks.disposition), 0,
     0, dispositions},
    {"webhooks", "make_message_id", Kind::flag, "true",
     "payloads of messages without a Message-ID get one; false leaves it out",
     POSTERN_SLOT(c.webhooks.make_message_id)},
    {"api", "address", Kind::address, R"("127.0.0.1:8025")",
     R"(API, /metrics, /healthz; other than loopback needs behind_proxy; or "systemd:NAME")",
     POSTERN_SLOT(c.api.address)},
    {"api", "public_url", Kind::url, R"("")",
     "for links in payloads and for passwords, port included; default http://<address>",
     POSTERN_SLOT(c.api.public_url)},
    {"api", "signup", Kind::choice, R"("open")",
     R"("closed": only invitations and `postern passwd --create` make accounts)",
     POSTERN_SLOT(c.api.signup), 0, 0, signups},
    {"api", "rate_limits", Kind::flag, "true", "false: for tests and load generators",
     POSTERN_SLOT(c.api.rate_limits)},
    {"api", "behind_proxy", Kind::flag, "false",
     "TLS ends at a proxy; trusted_proxies say who the client is",
     POSTERN_SLOT(c.api.behind_proxy)},
    {"api", "trusted_proxies", Kind::networks, R"(["127.0.0.0/8", "::1/128"])",
     "with behind_proxy: networks whose X-Forwarded-For and Forwarded are believed",
     POSTERN_SLOT(c.api.trusted_proxies)},
    {"api", "operators", Kind::names, "[]",
     "ids of accounts that may change settings of the gateway; default: the first account",
     POSTERN_SLOT(c.api.operators)},
    {"api", "connections", Kind::count, "1024",
     "at a time; beyond, a new one replaces the longest idle one of the client with the most idle "
     "ones",
     POSTERN_SLOT(c.api.connections), 32, 1000000},
    {"api", "requests", Kind::count, "512", "at a time; more get 503, except /healthz",
     POSTERN_SLOT(c.api.requests), 1, 1000000},
    {"api", "requests_per_client", Kind::count, "128",
     "of one IPv4 address or IPv6 /64; more get 429", POSTERN_SLOT(c.api.requests_per_client), 1,
     1000000},
    {"api", "requests_per_account", Kind::count, "64", "the same for one account",
     POSTERN_SLOT(c.api.requests_per_account), 1, 1000000},
    {"api", "waits_per_account", Kind::count, "16",
     "long polls and live tails of one account, within requests_per_account; more get 429",
     POSTERN_SLOT(c.api.waits_per_account), 1, 1000000},
    {"api", "idle_timeout", Kind::duration, R"("60s")", "a connection without a request",
     POSTERN_SLOT(c.api.idle_timeout), seconds(1), hours(1)},
    {"api", "request_timeout", Kind::duration, R"("20s")",
     "from a request's first octet to its last", POSTERN_SLOT(c.api.request_timeout), seconds(1),
     hours(1)},
    {"api", "table_folders", Kind::texts, "[]",
     "folders of the files that restriction lists set through the API may name; none = no files",
     POSTERN_SLOT(c.api.table_folders)},
    {"api", "table_services", Kind::texts, "[]",
     "servers that restriction lists set through the API may ask, as they name them: "
     "inet:127.0.0.1:10023, unix:/run/map; none = no servers",
     POSTERN_SLOT(c.api.table_services)},
    {"traces", "keep", Kind::duration, R"("30d")", "older decisions are deleted",
     POSTERN_SLOT(c.traces.keep), seconds(1), hours(87600)},
    {"traces", "max_size", Kind::size, R"("1 GiB")",
     "of the database: traces and the policies they name; the oldest of the account with the most "
     "are deleted first",
     POSTERN_SLOT(c.traces.max_size), mib, 1024 * gib},
    {"delivery_log", "keep", Kind::duration, R"("30d")",
     "older deliveries and refusals are deleted", POSTERN_SLOT(c.delivery_log.keep), hours(1),
     hours(87600)},
    {"delivery_log", "max_size", Kind::size, R"("1 GiB")",
     "of all records; the oldest of the account with the most are deleted first",
     POSTERN_SLOT(c.delivery_log.max_size), mib, 1024 * gib},
    {"inbox", "max_size", Kind::size, R"("10 GiB")",
     "octets of all built-in inboxes; one account may use at most as much as remains free; then "
     "mail gets 452 4.3.1 (each webhook has its own limits)",
     POSTERN_SLOT(c.inbox.max_size), mib, 1024 * gib},
    {"log", "format", Kind::choice, R"("auto")",
     R"("json", "text", "journald"; auto = text on a terminal, journald as a service of systemd, else json)",
     POSTERN_SLOT(c.log.format), 0, 0, log_formats},
    {"log", "level", Kind::choice, R"("info")", R"("debug", "info", "warning" or "error")",
     POSTERN_SLOT(c.log.level), 0, 0, log_levels},
    {"log", "addresses", Kind::choice, R"("full")",
     R"("domain" or "hash": what logs show of mail addresses)", POSTERN_SLOT(c.log.addresses), 0, 0,
     address_styles},
};

#undef POSTERN_SLOT

}  // namespace

std::span<const Key> config_keys() { return keys; }

std::vector<std::string_view> config_sections() {
  std::vector<std::string_view> sections;
  for (const Key& key : keys) {
    if (sections.empty() || sections.back() != key.section) sections.push_back(key.section);
  }
  return sections;
}

bool is_list(std::string_view section) {
  return section == "listener" || section == "route" || section == "egress" ||
         section == "auth.source" || section == "vsl.virtual";
}

void each_row(const Config& config, std::string_view section,
              const std::function<void(Row& row)>& take) {
  Row row;
  const auto of = [&](auto Row::* member, const auto& elements) {
    for (const auto& element : elements) {
      row.*member = element;
      take(row);
    }
  };
  if (section == "listener") return of(&Row::listener, config.listeners);
  if (section == "route") return of(&Row::route, config.routes);
  if (section == "egress") return of(&Row::egress, config.egress);
  if (section == "auth.source") return of(&Row::source, config.auth.sources);
  if (section == "vsl.virtual") return of(&Row::virtual_domain, config.vsl.virtual_domains);
  take(row);
}

std::vector<NamedPath> named_paths(const Config& config, Kind kind) {
  std::vector<NamedPath> found;
  Config values = config;  // a slot is a place to write to
  for (const Key& key : keys) {
    if (key.kind != kind) continue;
    std::size_t row_number = 0;
    each_row(config, key.section, [&](Row& row) {
      const Slot slot = key.slot(values, row);
      const auto* text = std::get_if<std::string*>(&slot);
      std::filesystem::path path =
          text ? std::filesystem::path(**text) : *std::get<std::filesystem::path*>(slot);
      const std::string at = is_list(key.section)
                                 ? fmt::format("{}.{}.{}", key.section, row_number++, key.name)
                                 : fmt::format("{}.{}", key.section, key.name);
      if (!path.empty()) found.push_back({at, std::move(path)});
    });
  }
  return found;
}

std::string section_header(std::string_view section) {
  return is_list(section) ? "[[" + std::string(section) + "]]" : "[" + std::string(section) + "]";
}

const Key* find_key(std::string_view section, std::string_view name) {
  const auto* found = std::find_if(std::begin(keys), std::end(keys), [&](const Key& key) {
    return key.section == section && key.name == name;
  });
  return found == std::end(keys) ? nullptr : found;
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::name:
      return "a name";
    case Kind::domain:
      return "a domain name";
    case Kind::file:
    case Kind::secret:
      return "a file name";
    case Kind::folder:
      return "the name of a directory";
    case Kind::flag:
      return "true or false";
    case Kind::count:
      return "a whole number";
    case Kind::size:
      return "a size";
    case Kind::duration:
      return "a duration";
    case Kind::networks:
      return "a list of networks";
    case Kind::address:
      return "an address and port";
    case Kind::servers:
      return "a list of addresses";
    case Kind::ports:
      return "a list of port numbers";
    case Kind::durations:
      return "a list of durations";
    case Kind::names:
      return "a list of names";
    case Kind::domains:
      return "a list of domain names";
    case Kind::texts:
      return "a list of texts";
    case Kind::text:
      return "text";
    case Kind::host:
      return "an IP address";
    case Kind::smtp_hosts:
      return "a list of addresses";
    case Kind::url:
      return "a URL";
    case Kind::choice:
      return "a word";
  }
  return "";
}

}  // namespace postern::app
