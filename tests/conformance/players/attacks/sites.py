"""The servers that attack cases play against: one per worker and server profile, made when first needed."""
import threading

from harness import dns, instance
from harness.cases import Fail
from harness.receiver import Receiver

NO_EXEMPTION = {"exempt_networks": []}
# The server profiles of the suite's README, as Postern's configuration.
PROFILES = {
    "default": {},
    "unauth_pipelining": {"listener": [{"reject_unauth_pipelining": True}]},
    "auth": {"limits": NO_EXEMPTION},
    "short_timeouts": {"timeouts": {"command": "5s", "data_block": "10s", "minimum_rate": 100, "minimum_rate_after": "5s"}},
    "conn_cap_20": {"limits": {**NO_EXEMPTION, "sessions_per_address": 20, "new_sessions_per_minute": 100000}},
    "size_50m": {},
    # For the HTTP files: the API's rate limits on, or off so that many requests can be made.
    "http": {"api": {"rate_limits": False}},
    "http-limits": {"api": {"rate_limits": True}, "limits": NO_EXEMPTION},
    # For ssrf.json: plain http is allowed, so that only the address decides; no network is allowed.
    "ssrf": {"api": {"rate_limits": False}, "webhooks": {"allow_http": True}},
}
# Profiles that limit by client address: each case has an address of its own.
BY_ADDRESS = {"auth", "conn_cap_20"}
USERS = {"sender1": "s3cr3t-p@ssw0rd", "p72": "a" * 72}
CREDENTIALS = ("sender1:$2y$10$zjTqmbH3n7TD0kZS2H/80.osai7NWQaBP/xq3rzqAsd0wSdxe84la,"
               "p72:$2y$10$oni2U89GuG90VP26tFF7p.SvpYK.dQnTZt5q2SSqffQrGCwHcfSvW")
RECEIVER_NETWORK = "127.0.0.1/32"


class Site:
    """A server with its DNS stub and webhook receiver."""

    def __init__(self, context, settings, zones=(), env=None):
        self.dns, self.receiver = dns.start(zones, ttl=0), Receiver()
        base = {"dns": self.dns.settings, "api": {"signup": "open"}}
        self.postern = context.postern(instance.merge(base, settings), env)
        self.postern.start()
        self.addresses, self._clients = {}, 0

    @property
    def port(self):
        return self.postern.smtp_port

    def client_address(self, profile):
        """The loopback address that the next case's client uses."""
        if profile not in BY_ADDRESS:
            return None
        self._clients += 1
        return "127.%d.%d.%d" % (64 + self._clients // 62500, self._clients // 250 % 250, 2 + self._clients % 250)

    def sink(self, address, profile="default"):
        """Makes sure that mail for `address` goes to a webhook; returns the webhook's object."""
        if address not in self.addresses:
            account = instance.Account(self.postern)
            account.claim_domain(address.rsplit("@", 1)[1], self.dns.zone)
            body = {"target_url": self.receiver.url + "/sink", "email_address": address}
            if profile == "auth":
                fields = {"name": "auth", "require_smtp_auth": True, "smtp_credentials": CREDENTIALS}
                policy = account.call("POST", "/smtp-policies", fields, expect=201)
                body["smtp_security_policy_id"] = policy["id"]
            self.addresses[address] = account.call("POST", "/webhooks", body, expect=201)
        return self.addresses[address]

    def close(self):
        self.postern.remove()
        self.receiver.stop()
        self.dns.stop()


class Sites:
    def __init__(self, context):
        self.context, self._sites, self._lock = context, {}, threading.Lock()
        self._kept, self._making = {}, {}

    def get(self, profile, implicit_tls=False):
        """This worker's site of a profile, with a live server; its SMTP port wants TLS from the first octet, or STARTTLS."""
        if profile not in PROFILES:
            raise Fail("the case names the unknown server profile %r" % profile)
        key = (self.context.worker, profile, implicit_tls)
        if key not in self._sites:
            exempt = {"webhooks": {"allow_http": True, "allow_networks": [RECEIVER_NETWORK]}} if profile != "ssrf" else {}
            settings = instance.merge(exempt, PROFILES[profile])
            site = Site(self.context, instance.merge(settings, {"listener": [{"tls": "implicit"}]}) if implicit_tls else settings)
            with self._lock:
                self._sites[key] = site
        site = self._sites[key]
        site.postern.ensure()
        return site

    def kept(self, key, make):
        """What all workers share under a key: made when first asked for, closed at the end."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def fresh(self, settings, zones=(), env=None):
        """A site for one case; the caller closes it."""
        return Site(self.context, settings, zones, env)

    def close(self):
        for site in [*self._sites.values(), *self._kept.values()]:
            site.close()


def judge_alive(site, start, error=None):
    """Raises Fail when the server died while a case played; `error` is what the case itself complains of."""
    if site.postern.died(start, patience=1.0 if error else 0.0):
        raise Fail("%s%s" % (error + "\n" if error else "", site.postern.death_note()))
    if error:
        raise Fail(error)
