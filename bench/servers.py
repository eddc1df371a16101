"""The servers that are compared, one class each. `SERVERS` is the table."""
import json
import os
import pathlib
import shutil
import subprocess
import time

from parts import (API, DNS, PASSWORD, PEERS, PORT, POSTERN, SERVER, WORK, NotStarted, api,
                   certificate, run, session_limit, wait_files, wait_port)



HELD = "nothing is delivered"


class Server:
    """name: in results; title and job: in tables; packages: what bench/peers must have got;
    connections: at the same time; flags: more arguments of the load generator; no: workloads that
    it cannot do, with the reason."""
    to = "rcpt@example.net"
    connections = 16
    flags = ()
    packages = ()
    no = {}

    def missing(self):
        """Why it cannot be measured, or ''."""
        for package in self.packages:
            note = PEERS / "missing" / package
            if note.exists():
                return note.read_text().strip()
            if not (version_of(package)):
                return f"{package} is not there: bench/peers did not run"
        return ""

    def version(self):
        return ", ".join(f"{package} {version_of(package)}" for package in self.packages
                         if package != "unbound")

    def folder(self, name=None):
        """An empty one for its files."""
        top = WORK / (name or self.name)
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True)
        return top


def version_of(package):
    """Of a Debian package that is installed or unpacked; '' if it is neither."""
    if package == "haraka":
        path = PEERS / "npm" / "node_modules" / "Haraka" / "package.json"
        return json.loads(path.read_text())["version"] if path.exists() else ""
    if (PEERS / "have" / package).exists():
        for path in (PEERS / "archives").glob(f"{package}_*.deb"):
            return path.name.split("_")[1].replace("%3a", ":")
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package],
                           text=True, capture_output=True).stdout
    return shown.removeprefix("installed ") if shown.startswith("installed ") else ""


class Sink(Server):
    name, title, job = "smtp-sink", "smtp-sink", "reads and drops"
    packages = ("postfix",)
    no = {"tls": "smtp-sink has no STARTTLS"}

    def start(self, group):
        group.start(["smtp-sink", "-u", "nobody", f"{SERVER}:{PORT}", "4096"])
        wait_port()


class Postfix(Server):
    """`main` and `services` are added to main.cf and master.cf; `companions` starts milters."""
    name, title, job = "postfix", "Postfix", f"queues; {HELD}"
    packages = ("postfix",)
    main = services = ""
    recipient = ""  # restrictions before the last one

    def companions(self, group):
        pass

    def start(self, group):
        top = self.folder("postfix")
        for folder in ("conf", "queue", "data"):
            (top / folder).mkdir()
        shutil.chown(top / "data", "postfix")
        for folder in (WORK, top):
            folder.chmod(0o755)
        chain, key = certificate()
        self.companions(group)
        (top / "conf" / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.net
mydestination =
alias_maps =
alias_database =
inet_interfaces = {SERVER}
inet_protocols = ipv4
mynetworks = 127.0.0.9/32
relay_domains = example.net
smtpd_recipient_restrictions = {self.recipient} check_recipient_access static:HOLD
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 100
message_size_limit = 26214400
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_eccert_file = {chain}
smtpd_tls_eckey_file = {key}
smtpd_tls_cert_file =
smtpd_tls_session_cache_database =
maillog_file = {top}/log
maillog_file_prefixes = {top}
{self.main}
""")
        services = f"{SERVER}:{PORT} inet n - n - 100 smtpd\n"
        services += "postlog unix-dgram n - n - 1 postlogd\n"
        for line in ("pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                     "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                     "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                     "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                     "verify unix - - n - 1 verify", "proxymap unix - - n - - proxymap",
                     "error unix - - n - - error", "retry unix - - n - - error",
                     "discard unix - - n - - discard", "anvil unix - - n - 1 anvil"):
            services += line + "\n"
        (top / "conf" / "master.cf").write_text(services + self.services)
        (top / "conf" / "dynamicmaps.cf").write_text("")
        shutil.copy("/etc/postfix/postfix-files", top / "conf")
        group.start(["postfix", "-c", top / "conf", "start"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port()


def socket_folder():
    """Where milters of any user make their sockets. Over TCP they would wait for delayed
    acknowledgements."""
    folder = WORK / "sockets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o777)
    return folder


class PostfixMilters(Postfix):
    name = "postfix-milters"
    title = "Postfix + milters"
    job = f"OpenDKIM, OpenDMARC and policyd-spf check; queues; {HELD}"
    packages = ("postfix", "opendkim", "opendmarc", "postfix-policyd-spf-python", "unbound")
    services = ("policyd-spf unix - n n - 0 spawn user=nobody "
                f"argv=/usr/bin/policyd-spf {WORK}/policyd-spf.conf\n")
    recipient = "check_policy_service unix:private/policyd-spf,"
    main = f"""
policyd-spf_time_limit = 3600
smtpd_milters = unix:{WORK}/sockets/opendkim, unix:{WORK}/sockets/opendmarc
milter_default_action = tempfail
"""

    def companions(self, group):
        sockets = socket_folder()
        (WORK / "policyd-spf.conf").write_text(
            "debugLevel = 0\nTestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\n"
            "PermError_reject = False\nTempError_Defer = False\nskip_addresses = 127.0.0.9/32\n")
        (WORK / "opendkim.conf").write_text(
            f"Mode v\nSocket local:{sockets}/opendkim\nUserID opendkim\nBackground no\nSyslog no\n"
            "InternalHosts 127.0.0.9\nExternalIgnoreList 127.0.0.9\nAuthservID mx.example.net\n"
            "On-BadSignature reject\nNameservers 127.0.0.1\n")
        (WORK / "none").write_text("127.0.0.9\n")
        (WORK / "opendmarc.conf").write_text(
            "AuthservID mx.example.net\nTrustedAuthservIDs mx.example.net\n"
            f"Socket local:{sockets}/opendmarc\nUserID opendmarc\nBackground false\n"
            f"RejectFailures true\nIgnoreHosts {WORK}/none\nIgnoreAuthenticatedClients false\n"
            "SPFIgnoreResults false\nSPFSelfValidate false\nSyslog false\n")
        group.start(["opendkim", "-f", "-x", WORK / "opendkim.conf"])
        group.start(["opendmarc", "-f", "-c", WORK / "opendmarc.conf"])
        wait_files(sockets / "opendkim", sockets / "opendmarc")
        for path in sockets.iterdir():
            path.chmod(0o666)


class PostfixRspamd(Postfix):
    name, title = "postfix-rspamd", "Postfix + rspamd"
    job = f"rspamd, with its SPF, DKIM and DMARC modules only, checks; queues; {HELD}"
    packages = ("postfix", "rspamd", "unbound")
    main = f"smtpd_milters = unix:{WORK}/sockets/rspamd\nmilter_default_action = tempfail\n"

    def companions(self, group):
        sockets = socket_folder()
        top = self.folder()
        top.chmod(0o777)
        cache = WORK / "rspamd-cache"  # compiled patterns, which take half a minute
        cache.mkdir(exist_ok=True)
        cache.chmod(0o777)
        (top / "rules.lua").write_text('require "global_functions"()\n')
        (top / "rspamd.conf").write_text(f"""
options {{ dns {{ nameserver = ["127.0.0.1:53:10"]; timeout = 1s; }} filters = "dkim";
  hs_cache_dir = "{cache}"; tempdir = "{top}"; pidfile = "{top}/pid"; local_addrs = ["127.0.0.9"];
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  control_socket = "{top}/control mode=0600"; }}
logging {{ type = "file"; filename = "{top}/log"; level = "warning"; }}
worker "rspamd_proxy" {{ bind_socket = "{sockets}/rspamd mode=0666"; milter = yes; timeout = 60s;
  count = {os.cpu_count()}; upstream "local" {{ default = yes; self_scan = yes; }} }}
modules {{ path = "/usr/share/rspamd/plugins/dmarc.lua";
  path = "/usr/share/rspamd/plugins/spf.lua"; }}
spf {{ spf_cache_size = 2k; }}
dkim {{ dkim_cache_size = 2k; trusted_only = false; }}
dmarc {{ actions = {{ quarantine = "add_header"; reject = "reject"; }} }}
actions {{ reject = 15; add_header = 6; }}
metric {{ name = "default"; }}
lua = "{top}/rules.lua";
""")
        for folder in ("/var/lib/rspamd", "/run/rspamd"):
            pathlib.Path(folder).mkdir(exist_ok=True)
            os.chmod(folder, 0o777)
        with open(top / "out", "w") as out:
            group.start(["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c",
                         top / "rspamd.conf"], stdout=out, stderr=out)
        wait_files(sockets / "rspamd", seconds=60)  # the first start compiles its patterns
        time.sleep(1)


class Exim(Server):
    name, title, job = "exim", "Exim", f"queues; {HELD}"
    packages = ("exim4-daemon-heavy",)
    flags = ("--quit-now",)  # it holds its 221 back for 200 ms

    def start(self, group):
        top = self.folder()
        shutil.chown(top, "Debian-exim", "Debian-exim")
        chain, key = certificate()
        pathlib.Path("/etc/exim4").mkdir(exist_ok=True)
        # smtp_connect_backlog: the default of 20 stalls clients for seconds.
        pathlib.Path("/etc/exim4/exim4.conf").write_text(f"""
primary_hostname = mx.example.net
spool_directory = {top}
log_file_path = {top}/log-%slog
pid_file_path = {top}/pid
local_interfaces = {SERVER}
daemon_smtp_ports = {PORT}
domainlist relay_to = example.net
host_lookup =
rfc1413_hosts =
rfc1413_query_timeout = 0s
never_users =
smtp_accept_max = 2000
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_accept_reserve = 0
smtp_reserve_hosts =
smtp_accept_max_per_connection = 1000000
smtp_connect_backlog = 200
message_size_limit = 26M
queue_only_load = 1000
tls_advertise_hosts = *
tls_certificate = {chain}
tls_privatekey = {key}
chunking_advertise_hosts =
prdr_enable = false
keep_environment =
queue_only = true
split_spool_directory = true
acl_smtp_rcpt = rcpt
acl_smtp_data = data
dkim_verify_signers =
begin acl
rcpt:
  accept domains = +relay_to
  deny
data:
  accept
begin routers
drop:
  driver = redirect
  data = :blackhole:
begin transports
begin retry
begin rewrite
begin authenticators
""")
        with open(WORK / "exim.out", "w") as out:
            group.start(["exim4", "-bdf"], stdout=out, stderr=out)
        wait_port()


class OpenSmtpd(Server):
    name, title = "opensmtpd", "OpenSMTPD"
    job = f"queues, without a flush; {HELD}; 4 connections, more than 5 at once wait a second each"
    packages = ("opensmtpd",)
    connections = 4  # its listen backlog is 5
    no = {"pipelined": "OpenSMTPD refuses commands that are pipelined",
          "tls": "its STARTTLS fails with Debian 12's OpenSSL 3 (\"missing private key\")"}

    def start(self, group):
        spool = pathlib.Path("/var/spool/smtpd")
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir()
        spool.chmod(0o711)
        pathlib.Path("/var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)
        pathlib.Path("/etc/smtpd.conf").write_text(f"""
smtp max-message-size "26M"
smtp limit max-mails 1000000
queue ttl 1h
listen on {SERVER} port {PORT} hostname mx.example.net
table rcpts {{ "@example.net" = "nobody" }}
action "drop" mda "cat >/dev/null" virtual <rcpts> user "nobody"
match from any for domain "example.net" action "drop"
""")
        control = pathlib.Path("/usr/sbin/smtpctl")
        shutil.chown(control, group="opensmtpq")
        control.chmod(0o2755)
        with open(WORK / "opensmtpd.out", "w") as out:
            group.start(["smtpd", "-F", "-f", "/etc/smtpd.conf"], stdout=out, stderr=out)
        wait_port()
        run("smtpctl", "pause", "mda")


class Haraka(Server):
    """As many processes as cores."""
    name, title, job = "haraka", f"Haraka ({os.cpu_count()} processes)", "reads and drops"
    packages = ("haraka",)
    plugins = ("tls", "rcpt_to.in_host_list", "queue/discard")

    def start(self, group):
        chain, key = certificate()
        modules = PEERS / "npm" / "node_modules"
        top = self.folder()
        haraka = modules / "Haraka" / "bin" / "haraka"
        run("node", str(haraka), "-i", str(top))
        dh = WORK / "dh.pem"  # without it Haraka spends half a minute of a core on one
        if not dh.exists():
            run("openssl", "dhparam", "-dsaparam", "-out", str(dh), "2048")
        for name, text in {
                "smtp.ini": f"listen={SERVER}:{PORT}\nnodes={os.cpu_count()}\n"
                            "inactivity_timeout=300\n",
                "plugins": "\n".join(self.plugins) + "\n", "me": "mx.example.net\n",
                "host_list": "example.net\n", "log.ini": "[main]\nlevel=warn\n",
                "tls.ini": "key=tls_key.pem\ncert=tls_cert.pem\n", "dhparams.pem": dh.read_text(),
                "tls_key.pem": key.read_text(), "tls_cert.pem": chain.read_text()}.items():
            (top / "config" / name).write_text(text)
        with open(top / "log", "w") as log:
            group.start(["node", haraka, "-c", top], stdout=log,
                        stderr=log, env={**os.environ, "YES_REALLY_DO_DISCARD": "1"})
        wait_port()
        time.sleep(2)  # until its other processes run


# ---------------------------------------------------------------- Postern
LISTS = """
[restrictions]
compatibility_level = "3.6"
mynetworks = "198.51.100.0/24"
mydestination = "{hooks}"
smtpd_helo_required = "yes"
smtpd_client_restrictions = "check_client_access cidr:{top}/clients, permit_mynetworks"
smtpd_helo_restrictions = "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname"
smtpd_sender_restrictions = "reject_non_fqdn_sender, check_sender_access hash:{top}/senders"
smtpd_recipient_restrictions = "reject_non_fqdn_recipient, reject_unauth_destination"
"""
LUA = """
kumo.on('smtp_server_mail_from', function(sender)
  if sender.domain == 'refused.example' then kumo.reject(550, '5.7.1 not from there') end
end)
kumo.on('smtp_server_rcpt_to', function(recipient)
  if recipient.user == 'refused' then kumo.reject(550, '5.7.1 not to there') end
end)
kumo.on('smtp_server_message_received', function(message)
  local subject = message:get_first_named_header_value('Subject')
  if subject == 'refused' then kumo.reject(550, '5.7.1 not that') end
end)
"""
VSL = """
import "objects" as net;
#{
  mail: [
    rule "relay mail from" || check_mail_relay(net::internal),
    rule "check spf" || check_spf("none", "strict"),
  ],
  rcpt: [ rule "relay rcpt" || check_rcpt_relay(net::internal) ],
  preq: [ rule "dmarc" || check_dmarc() ],
}
"""
VSL_OBJECTS = 'object internal rg4 = "192.168.0.0/24";\n'
HOOKS = "hooks.example.net"
POLICIES = {"none": "none", "lists": "restriction lists",
            "webhook": "webhook policy, networks only",
            "checked": "SPF, DKIM and DMARC required", "lua": "Lua hooks", "vsl": ".vsl rules",
            "full": "restriction lists; SPF, DKIM and DMARC required",
            "all": "all of them together"}
PARTS_OF = {"full": ("lists", "webhook", "checked"),
            "all": ("lists", "webhook", "checked", "lua", "vsl")}


class Postern(Server):
    """Mail to a webhook that discards it, under one of POLICIES."""
    name, title, job = "postern", "Postern", "decides, traces, drops"
    sandbox = "best_effort"

    def __init__(self, policy="none", binary=POSTERN, threads=0, name=None, sessions=0):
        self.policy, self.binary, self.threads = policy, binary, threads
        self.name, self.sessions = name or self.name, sessions or session_limit()

    def missing(self):
        return "" if pathlib.Path(self.binary).exists() else f"{self.binary} is not built"

    def version(self):
        return run(str(self.binary), "--version").strip().removeprefix("postern ")

    def has(self, policy):
        return policy in PARTS_OF.get(self.policy, (self.policy,))

    def sections(self, top):
        """The part of the configuration that is its own, and files that it names."""
        text = f"""
[webhooks]
public_domain = "{HOOKS}"
disposition = "discard"
[authentication]
dmarc = "{"enforce" if self.has("checked") else "report"}"
"""
        if self.has("lists"):
            (top / "clients").write_text("".join(
                f"10.{i // 250}.{i % 250}.0/24 REJECT\n" for i in range(1000)))
            (top / "senders").write_text("".join(f"no{i}.example REJECT\n" for i in range(1000)))
            text += LISTS.format(hooks=HOOKS, top=top)
        if self.has("lua"):
            (top / "policy.lua").write_text(LUA)
            text += f'[lua]\npolicy = "{top}/policy.lua"\n'
        if self.has("vsl"):
            (top / "vsl").mkdir()
            (top / "vsl" / "main.vsl").write_text(VSL)
            (top / "vsl" / "objects.vsl").write_text(VSL_OBJECTS)
            text += f'[vsl]\npolicy = "{top}/vsl/main.vsl"\ndomain = "{HOOKS}"\n'
        return text

    def launch(self, group):
        """Starts it and does not wait: (its process, its log)."""
        top = self.folder("postern")
        chain, key = certificate()
        (top / "postern.toml").write_text(f"""
[server]
hostname = "mx.example.net"
data_dir = "{top}/data"
threads = {self.threads}
sandbox = "{self.sandbox}"
[[listener]]
address = "{SERVER}:{PORT}"
tls = "starttls"
certificate = "{chain}"
key = "{key}"
[limits]
sessions = {self.sessions}
exempt_networks = ["192.0.2.0/24"]
[auth]
failure_delay = "0s"
[dns]
servers = ["{DNS}"]
[api]
address = "127.0.0.1:{API}"
rate_limits = false
[log]
format = "json"
{self.sections(top)}
""")
        with open(top / "log", "w") as log:
            return group.start([self.binary, "serve", "--config", top / "postern.toml"],
                               stdout=log, stderr=log), top / "log"

    def start(self, group):
        process, log = self.launch(group)
        try:
            wait_port()
        except NotStarted:
            if process.poll() is None:
                raise
            raise NotStarted(log.read_text()[-600:]) from None
        self.prepare()

    def prepare(self):
        """Makes the webhook."""
        account = {"email": "bench@example.org", "password": PASSWORD}
        api("POST", "/accounts", account)
        token = api("POST", "/sessions", account)["access_token"]
        # The server hashes the password with cost 12, which decides the maximum rate of AUTH.
        api("POST", "/smtp-policies",
            {"name": "users", "require_smtp_auth": True,
             "smtp_credentials": [{"username": "bench", "password": "correct-horse"}]}, token)
        rules = {}
        if self.has("webhook"):
            rules |= {"allowed_source_ips": "192.0.2.0/24"}
        if self.has("checked"):
            rules |= {"require_spf": True, "require_dkim": True,
                      "allowed_dkim_domains": "example.org"}
        hook = {"target_url": "inbox"}
        if rules:
            policy = api("POST", "/smtp-policies", {"name": "bench", **rules}, token)
            hook["smtp_security_policy_id"] = policy["id"]
        self.to = api("POST", "/webhooks", hook, token)["email_address"]


class PosternQueue(Postern):
    """Mail that is relayed: on stable storage before the 250. Its next hop is down, as mail for a
    route that discards is not written at all."""
    name, title = "postern-queue", "Postern, relay"
    job = f"decides, traces, queues; {HELD}"
    to = "rcpt@example.net"

    def sections(self, top):
        return f"""
[authentication]
dmarc = "{"enforce" if self.has("checked") else "report"}"
[restrictions]
mynetworks = "198.51.100.0/24"
relay_domains = "example.net"
smtpd_recipient_restrictions = "reject_unauth_destination"
[[route]]
match = ["*"]
to = ["[{SERVER}]:{PORT + 1}"]
"""

    def prepare(self):
        pass


class PosternChecked(PosternQueue):
    name, title = "postern-checked", "Postern, relay, DMARC enforced"
    job = f"checks SPF, DKIM, DMARC; traces, queues; {HELD}"

    def __init__(self, **options):
        super().__init__(policy="checked", **options)


SERVERS = {server.name: server for server in (
    Postern, PosternQueue, PosternChecked, Sink, Postfix, PostfixMilters, PostfixRspamd, OpenSmtpd,
    Exim, Haraka)}
