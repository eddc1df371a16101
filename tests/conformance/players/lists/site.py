"""A server under the settings of a case, with what surrounds it. Cases of equal settings share one."""
import contextlib
import json
import pathlib
import re
import shutil
import tempfile
import threading

from harness import dns, instance
from harness.cases import Fail
from players.lists import stubs
from players.lists.hops import Hops
from players.lists.check import Checked

# Limits of Postern itself must not affect a dialogue with the lists.
OUT_OF_THE_WAY = {
    "limits": {"sessions": 2000, "sessions_per_address": 1000, "new_sessions_per_minute": 100000, "errors": 1000000, "soft_errors": 1000000,
               "auth_failures": 1000},
    "auth": {"failures_per_address": 0, "failures_per_account": 0, "failure_delay": "0s"},
    "webhooks": {"disposition": "discard"},
    "api": {"signup": "open", "rate_limits": False},
    # As in Postfix: an error in a list appears when the list is evaluated, not at the start.
    "restrictions": {"errors": "defer"},
    # As in Postfix; otherwise such recipients are refused after the lists.
    "relay": {"relay_to_literals": True},
}
# Parameters that are not about lists: those of the listener, or of features that Postern does not
# have. They are not written into [restrictions].
LISTENERS = frozenset("""smtpd_tls_security_level smtpd_tls_auth_only smtpd_tls_ask_ccert smtpd_tls_req_ccert smtpd_tls_CAfile smtpd_tls_CApath
    smtpd_tls_ccert_verifydepth smtpd_tls_fingerprint_digest smtpd_tls_cert_file smtpd_tls_key_file smtpd_forbid_unauth_pipelining""".split())
ELSEWHERE = LISTENERS | frozenset("""alias_database allow_min_user append_at_myorigin broken_sasl_auth_clients
    smtpd_discard_ehlo_keywords smtpd_sasl_security_options smtpd_sasl_tls_security_options smtputf8_enable smtpd_policy_service_retry_delay smtpd_policy_service_try_limit""".split())
LISTENER = {"proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}


class Tools:
    """What all sites of a run share."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-lists-"))
        self.certificates, self.hashes = stubs.Certificates(self.folder), stubs.Hashes()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def key_of(case):
    """Cases with the same key can share a server."""
    at_home = (case.get("client") or {}).get("addr") == "127.0.0.1"  # named in stubs.stub_zone
    # What was verified is remembered: such a case has a server of its own.
    alone = case["id"] if case.get("next_hop") is not None or re.search("unverified|address_verify_", json.dumps(case.get("config"))) else None
    return json.dumps(["dialogue" in case, at_home, alone] + [case.get(k) for k in ("how", "config", "main_cf", "tables", "files", "dns", "users", "policy", "served", "client_cert")], sort_keys=True)


def served(case):
    """False for a configuration that must be refused."""
    return not case["dialogue"][0]["expect"].get("no_service")


class Site:
    """One configuration: its files, stubs and server. `problem` is None when the server runs, else what `postern check` said."""

    def __init__(self, context, tools, case, base):
        self.tools, self.case, self.base, self.context = tools, case, base, context
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-case-"))
        self.hops = Hops(case)
        self.dns, self.policy = dns.start([stubs.stub_zone(self.hops.dns, case.get("client"))]), stubs.PolicyStub(case.get("policy") or [])
        self.postern, self.problem, self.imported = None, None, None
        for name, table in (case.get("tables") or {}).items():
            path = self.table_path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(tools.certificates.fill_in(table["text"]), encoding="utf-8")

    def table_path(self, name):
        return self.folder / "tables" / name

    # ------------------------------------------------------------ the configuration
    def parameters(self):
        """base + config, verbatim but for what stands for a place of this run. Postfix's AUTH is off unless written on; Postern wants that written."""
        own = {"smtpd_sasl_auth_enable": "no", "address_verify_poll_delay": "1s"}
        return {name: self.fill_in(value) for name, value in {**own, **self.base, **self.case.get("config", {})}.items()}

    def fill_in(self, value):
        value = self.tools.certificates.fill_in(value).replace("@policy", "inet:127.0.0.1:%d" % self.policy.port)
        return re.sub(r"(?<=:)@([A-Za-z0-9_]+)", lambda m: str(self.table_path(m.group(1))), value)

    def surroundings(self):
        """What is the same however the lists came into the configuration."""
        return instance.merge(instance.merge(OUT_OF_THE_WAY, self.hops.settings), {"dns": self.dns.settings, "listener": [dict(LISTENER)]})

    def settings(self):
        parameters = self.parameters()
        tls = {"": "none", "may": "starttls", "encrypt": "required"}.get(parameters.get("smtpd_tls_security_level", ""), "none")
        certificates = self.tools.certificates
        listener = {"tls": tls, "auth_without_tls": parameters.get("smtpd_tls_auth_only") != "yes"}
        if tls != "none":
            listener.update(certificate=certificates.path("server.pem"), key=certificates.path("server.key"))
            listener.update(self.client_certificates(parameters))
        if parameters.get("smtpd_forbid_unauth_pipelining") == "yes":
            listener["reject_unauth_pipelining"] = True
        restrictions = {name: value for name, value in parameters.items() if name not in ELSEWHERE}
        own = {"server": {"hostname": expand(parameters["myhostname"], parameters)}, "listener": [listener], "restrictions": restrictions}
        return instance.merge(self.surroundings(), own)

    def client_certificates(self, parameters):
        """The keys of a listener with TLS for what the case says about client certificates; the suite's CA is trusted unless it names another."""
        required = parameters.get("smtpd_tls_req_ccert") == "yes"
        if parameters.get("smtpd_tls_ask_ccert") != "yes" and not (required and parameters["smtpd_tls_security_level"] == "encrypt"):
            return {}
        keys = {"client_certificate": "require" if required else "ask", "client_ca": parameters.get("smtpd_tls_CAfile", self.tools.certificates.path("ca.pem"))}
        old = float(parameters.get("compatibility_level", "3.6")) < 3.6  # the default was MD5 then, as the importer knows
        if old or "smtpd_tls_fingerprint_digest" in parameters:
            keys["client_fingerprint_digest"] = parameters.get("smtpd_tls_fingerprint_digest", "md5")
        return keys

    # ------------------------------------------------------------ the server
    def make(self, settings):
        # The case's id, for stand-ins and for people who look at the processes. Postern does not
        # read it.
        self.postern = self.context.postern(settings, {"CONFORMANCE_CASE": self.case["id"]})
        return self.postern

    def start(self, settings=None):
        """Starts the server. An open relay that the case wants served is confirmed, once it was refused for nothing else."""
        settings = settings or self.settings()
        self.make(settings)
        self.problem = self.try_start()
        if self.problem and self.case.get("served", True) and self.problem.only_open_relay():
            self.postern.write_config(instance.merge(settings, {"restrictions": {"i_know_this_is_an_open_relay": True}}))
            self.problem = self.try_start()
        if not self.problem and self.case.get("users"):
            self.add_users(self.case["users"])
        return self

    def try_start(self):
        try:
            self.postern.start()
            return None
        except instance.StartError as e:
            checked = self.check()
            if not checked.refused:
                raise Fail("`postern check` has nothing against a configuration with which `postern serve` does not start: %s" % e) from None
            return checked

    def check(self):
        return Checked(*self.postern.command("check", "--config", self.postern.write_config(), "--json"))

    def add_users(self, users):
        """SASL users are the credentials of a policy."""
        account = instance.Account(self.postern)
        credentials = ",".join("%s:%s" % (user, self.tools.hashes.of(password)) for user, password in users.items())
        account.call("POST", "/smtp-policies", {"name": "users", "require_smtp_auth": True, "smtp_credentials": credentials}, expect=201)

    def close(self):
        if self.postern:
            self.postern.remove()
        self.policy.stop()
        self.dns.stop()
        self.hops.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def expand(value, parameters):
    """$name and ${name} in a value; enough for a host name."""
    for _ in range(10):
        value = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: parameters.get(m.group(1) or m.group(2), ""), value)
    return value


class Sites:
    """The sites of a run: made when the first case of a key comes, closed behind the last one."""

    def __init__(self, cases, make):
        self._make, self._lock, self._sites = make, threading.Lock(), {}
        self._left, self._making = {}, {}
        for case in cases:
            key = key_of(case)
            self._left[key] = self._left.get(key, 0) + 1
            self._making.setdefault(key, threading.Lock())

    @contextlib.contextmanager
    def of(self, case):
        key = key_of(case)
        try:
            with self._making[key]:
                if key not in self._sites:
                    self._sites[key] = self.made(case)
            if isinstance(self._sites[key], Exception):
                raise self._sites[key]
            yield self._sites[key]
        finally:
            with self._lock:
                self._left[key] -= 1
                site = self._sites.pop(key, None) if self._left[key] == 0 else None
            if isinstance(site, Site):
                site.close()

    def made(self, case):
        try:
            return self._make(case)
        except (Fail, instance.StartError, OSError) as e:
            return e  # every case of this site fails the same way

    def close(self):
        for site in self._sites.values():
            if isinstance(site, Site):
                site.close()
