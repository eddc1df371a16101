"""Webhook targets ("postern-ssrf/1"): what may be saved, what may be connected to, and that redirects are not followed.

Nothing here leaves the machine. Where a case delivers to a public address, that address is replaced by STAND_IN, a loopback
address that the server's configuration allows; 127.0.0.1 stays forbidden. Ports of URLs become those of the receivers. The
canary on 127.0.0.1 listens where a forbidden target would be contacted and must never see a connection.
"""
import ipaddress
import re
import socket
import threading
import time
import urllib.parse

from harness import instance, smtp
from harness.cases import Fail, FormatError, known, wanted
from harness.receiver import Receiver
from players.attacks.sites import judge_alive

STAND_IN = "127.0.0.2"
CANARY = "127.0.0.1"
MESSAGE = b"From: a@client.example\r\nTo: b@hooks.example.net\r\nSubject: ssrf\r\n\r\nx\r\n"


MEMBERS = frozenset("id url why expect dns stub when assert refs note title kind".split())
RECORDS = frozenset("A AAAA CNAME MX TXT * ! A_second_query A_after_create".split())
STUB = frozenset("status location path headers body delay_ms reset".split())
EXPECTATIONS = ("refuse", "allow", "retry", "no-follow")


def check(entry):
    known(entry, MEMBERS, entry["id"], FormatError)
    known(entry.get("stub", {}), STUB, entry["id"] + ": stub", FormatError)
    for name, records in entry.get("dns", {}).items():
        known(records, RECORDS, "%s: dns of %s" % (entry["id"], name), FormatError)
    if entry.get("when", "delivery") not in ("delivery", "create", "creation"):
        raise FormatError("%s: unknown when %r" % (entry["id"], entry["when"]))
    if entry["expect"] not in EXPECTATIONS:
        raise FormatError("%s: unknown expectation %r" % (entry["id"], entry["expect"]))


def needs(entry):
    return frozenset()


def slow(entry):
    return delivers(entry)


def delivers(entry):
    if "when" in entry:
        return entry["when"] == "delivery"
    return "stub" in entry or ("dns" in entry and entry["url"].startswith("http:"))


def repeat(text):
    return re.sub(r"\$\{repeat:(.*?):(\d+)\}", lambda m: m.group(1) * int(m.group(2)), text)


class Canary:
    """A listener that only counts connections."""

    def __init__(self, address=CANARY):
        self.connections = 0
        self.sock = socket.create_server((address, 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def stop(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def play(sites, document, entry):
    if delivers(entry):
        return play_delivery(sites, document, entry)
    site = sites.get("ssrf")
    start = site.postern.starts
    try:
        status, out = create(site, repeat(entry["url"]))
        if entry["expect"] == "refuse" and status != 422:
            raise Fail(wanted("POST /webhooks", 422, "%d %s" % (status, out)))
        if entry["expect"] != "refuse" and status != 201:
            raise Fail(wanted("POST /webhooks", 201, "%d %s" % (status, out)))
    except (Fail, OSError) as e:
        judge_alive(site, start, str(e))
    judge_alive(site, start)
    return None


def create(site, url):
    """-> (status, text) of saving a webhook with this target."""
    if not hasattr(site, "account"):
        site.account = instance.Account(site.postern)
    body = instance.json.dumps({"target_url": url}).encode()
    status, _, out = site.postern.http("POST", "/api/v1/webhooks", body,
                                       {"Content-Type": "application/json", "Authorization": "Bearer " + site.account.token})
    return status, out.decode("utf-8", "replace")


# ---------------------------------------------------------------- delivery
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def public(address):
    """Whether an address is one that a webhook may point at; embedded IPv4 addresses count as themselves."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None)
        if inner is not None:
            return False
    return ip.is_global


def local_records(records):
    """The records of a name with every public address replaced by the stand-in (which is an A record, there is no second IPv6 loopback)."""
    out = {}
    for kind, values in records.items():
        if kind not in ("A", "AAAA"):
            out[kind] = values
            continue
        for value in values:
            if public(value):
                out.setdefault("A", []).append(STAND_IN)
            else:
                out.setdefault(kind, []).append(value)
    return out


def zone_of(document, entry):
    """-> ({name: entry} for the stub, {name: (kind, later A records)})"""
    # A CNAME to localhost needs a target.
    zone, later = {"localhost": {"A": ["127.0.0.1"]}}, {}
    for name, records in {**document.get("default_dns", {}), **entry.get("dns", {})}.items():
        for kind in ("A_second_query", "A_after_create"):
            if kind in records:
                later[name] = (kind, local_records({"A": records[kind]}).get("A", []))
        zone[name] = local_records({k: v for k, v in records.items() if k not in ("A_second_query", "A_after_create")})
    return zone, later


def with_port(url, port):
    """The URL with the port of a receiver in this process; the rest as it is."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc="%s:%d" % (parts.hostname, port)))


class Target:
    """The public target (on the stand-in) and the canary share a port number, as one URL names one port."""

    def __init__(self):
        for _ in range(50):
            self.canary = Canary()
            try:
                self.receiver = Receiver(STAND_IN, self.canary.port)
                self.port = self.canary.port
                return
            except OSError:
                self.canary.stop()
        raise Fail("no port that is free on %s and %s" % (CANARY, STAND_IN))

    def stop(self):
        self.canary.stop()
        self.receiver.stop()


def play_delivery(sites, document, entry):
    zone, later = zone_of(document, entry)
    target = Target()
    settings = {"webhooks": {"allow_http": True, "allow_networks": [STAND_IN + "/32"], "public_domain": "hooks.example.net"},
                "api": {"rate_limits": False}}
    site = sites.fresh(settings, [zone])
    start = site.postern.starts
    try:
        attempt(site, entry, target, later)
    except (Fail, OSError) as e:
        judge_alive(site, start, str(e))
    finally:
        target.stop()
        site.close()


def attempt(site, entry, target, later):
    url = with_port(repeat(entry["url"]), target.port)
    if "stub" in entry:
        script_redirect(target, entry["stub"])
    status, out = create(site, url)
    if status == 422 and entry["expect"] == "refuse":
        judge_untouched(target)
        return
    if status != 201:
        raise Fail(wanted("POST /webhooks", 201, "%d %s" % (status, out)))
    address = instance.json.loads(out)["email_address"]
    for name, (kind, values) in later.items():
        if kind == "A_after_create":
            site.dns.zone.add({name: {"A": values}})
        else:
            site.dns.zone = Rebinding(site.dns.zone, name, values)
    judge_attempt(site, entry, target, deliver(site, address))
    if any(kind == "A_second_query" for kind, _ in later.values()):
        # The name now has its new address: the next attempt must check that one.
        before, lines = target.receiver.count(), deliver(site, address)
        if not lines[-1].startswith("4") or target.receiver.count() != before:
            raise Fail(wanted("delivery after the name was rebound", "4xx and no request", lines))
    if entry["expect"] == "no-follow":
        follow_allowed(site, entry, target, address)
    judge_untouched(target)


def follow_allowed(site, entry, target, address):
    """The same redirect to an address that may be connected to: only not following keeps it from being contacted."""
    elsewhere = "http://%s:%d/elsewhere" % (STAND_IN, target.port)
    stub = dict(entry["stub"])
    stub["location"] = re.sub(r"https?://[^/)]+/[^)]*", elsewhere, stub.get("location", ""))
    script_redirect(target, stub)
    deliver(site, address)
    if target.receiver.requests("/elsewhere"):
        raise Fail("the redirect to %s was followed" % elsewhere)


class Rebinding:
    """A zone in which the A records of a name change once they have been asked for."""

    def __init__(self, zone, name, values):
        self._zone, self._name, self._values, self.asked = zone, name, values, 0

    def __getattr__(self, attribute):
        return getattr(self._zone, attribute)

    def lookup(self, name, kind):
        answer = self._zone.lookup(name, kind)
        if kind == "A" and name.rstrip(".").lower() == self._name:
            self.asked += 1
            self._zone.add({self._name: {"A": self._values}})
        return answer


def script_redirect(target, stub):
    location = stub.get("location", "")
    hidden = re.search(r"\((Refresh): (.*)\)", location)
    where = lambda text: re.sub(r"(https?://[\d.]+)(?=/)", lambda m: m.group(1) + ":%d" % target.port, text)
    headers = {hidden.group(1): where(hidden.group(2))} if hidden else {"Location": where(location)} if location else {}
    path = urllib.parse.urlsplit(stub.get("path", "")).path
    answer = {**{k: stub[k] for k in ("body", "delay_ms", "reset") if k in stub}, "status": stub["status"], "headers": {**stub.get("headers", {}), **headers}}
    target.receiver.scripts = _Everywhere(answer) if not path else {path: [answer]}


class _Everywhere(dict):
    """One scripted answer for every path."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, key, default=None):
        return [self.answer]


def deliver(site, address):
    """Sends one message to the webhook, returns the reply to its end."""
    client = smtp.Client(site.port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO client.example", "250")
        client.command("MAIL FROM:<a@client.example>", "250")
        client.command("RCPT TO:<%s>" % address, "250")
        client.command("DATA", "354")
        return client.data(MESSAGE.replace(b"\r\n\r\nx", b"\r\nX-Time: %d\r\n\r\nx" % time.monotonic_ns()))
    finally:
        client.close()


def judge_attempt(site, entry, target, lines):
    reply, seen = " / ".join(lines), target.receiver.count()
    if entry["expect"] == "refuse":
        # blocked address: docs/delivery.md
        smtp.check("450 4.4.1", lines, "end of data for a forbidden target")
        if seen:
            raise Fail("a forbidden target got %d requests" % seen)
    elif entry["expect"] == "allow" and not (lines[-1].startswith("250") and seen == 1):
        raise Fail(wanted("delivery", "250 and 1 request", "%s and %d requests" % (reply, seen)))
    elif entry["expect"] == "retry" and not lines[-1].startswith("4"):
        raise Fail(wanted("delivery", "4xx", reply))
    elif entry["expect"] == "no-follow":
        status = entry["stub"]["status"]
        want = "250" if 200 <= status < 300 else "450 4.3.0"
        smtp.check(want, lines, "end of data for an endpoint that answers %d" % status)
        if seen != 1:
            raise Fail(wanted("requests at the target", 1, seen))


def judge_untouched(target):
    time.sleep(0.3)
    if target.canary.connections:
        raise Fail("%d connections to %s, none allowed" % (target.canary.connections, CANARY))
