"""Spoofed mail and its controls ("postern-auth-spoof/1"): each case is played once per policy that it names.

auth_build.py, of the case directory or else of the suite, signs the messages and fills keys into the zones. Cases whose DNS data agree share
a server; those that disagree get servers of their own, so that no cache carries an answer from one to another. check_dmarc is a setting of
the whole server, hence a second server for it; the other policies are SMTP policies of a webhook. Every play has a webhook of its own, whose
address stands for the recipient.
"""
import collections
import importlib.util
import itertools
import json
import pathlib
import re
import threading
import time

from harness import instance, smtp
from harness.cases import Fail, FormatError, known, short, wanted
from harness.dns import SUITES
from harness.waiting import is_too_long
from players.attacks import auth_claims
from players.attacks.sites import RECEIVER_NETWORK, Site, judge_alive
from players.attacks.smtp import code_ok

# The name that the forged Authentication-Results fields of the suite bear.
HOSTNAME = "mx.postern.test"
SETTINGS = {
    "server": {"hostname": HOSTNAME},
    "listener": [{"proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}],
    "limits": {"sessions": 2000, "sessions_per_address": 1000, "new_sessions_per_minute": 100000},
    "webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": [RECEIVER_NETWORK]},
    "api": {"rate_limits": False},
}
ENFORCED = {"authentication": {"dmarc": "require"}}
SERVER_CONTROL = "check_dmarc"
CONTROLS = {"require_spf", "require_dkim", "allowed_spf_domains", "allowed_dkim_domains"}
MEMBERS = frozenset("id title refs client_ip helo mail_from rcpt_to eml sign mutate_after_sign dns_extra expect note".split())
SIGN = frozenset("key d s h c a i q t x l d_override h_times raw repeat base arc aar".split())
MUTATE = frozenset("replace_body append_body prepend_header".split())
EXPECTATIONS = {"never", "policies", "protected_domain", "allowed_outcome", "control", "must"}
EARLIER_CODES = (501, 550, 553)
END = "end of data"

Outcome = collections.namedtuple("Outcome", "stage code enhanced text seconds")
Outcome.__doc__ = "The first refusing reply, or that to the end of the data."


def check(entry):
    """Members beside `expect`, which check_expectation() reads."""
    known(entry, MEMBERS, entry["id"], FormatError)
    for sign in entry["sign"] if isinstance(entry.get("sign"), list) else [entry.get("sign") or {}]:
        known(sign, SIGN, entry["id"] + ": sign", FormatError)
    known(entry.get("mutate_after_sign") or {}, MUTATE, entry["id"] + ": mutate_after_sign", FormatError)
    if not isinstance(entry.get("dns_extra", {}), dict):
        raise FormatError("%s: dns_extra is no object" % entry["id"])


def needs(entry):
    return frozenset(["auth-spoof"])


def slow(entry):
    return False


# ---------------------------------------------------------------- messages and zones
def own_domains(base, extra):
    """The domains, as their last two labels, that a case's data speak of and the common zone does not."""
    last_two = lambda name: ".".join(name.lower().rstrip(".").split(".")[-2:])
    known = {last_two(name) for name in base}
    return {last_two(name) for name in re.findall(r"[\w*-]+(?:\.[\w-]+)+", json.dumps(extra)) if last_two(name)[-1:].isalpha()} - known


def agree(base, mine, group):
    """Whether a case can be served from a zone that others use: no name differs, and no domain of its own is known there otherwise."""
    if any(name in group and group[name] != entry for name, entry in mine.items()):
        return False
    under = lambda zone, domain: {n: e for n, e in zone.items() if n == domain or n.endswith("." + domain)}
    extra = lambda zone: {n: e for n, e in zone.items() if base.get(n) != e}
    shared = own_domains(base, extra(mine)) & own_domains(base, extra(group))
    return all(under(mine, domain) == under(group, domain) for domain in shared)


def groups(document):
    """-> ({case id: number of its group}, [zone of each group]), keys not yet filled in"""
    lower = lambda zone: {name.lower(): entry for name, entry in zone.items()}
    base, zones, numbers = lower(document["dns"]), [], {}
    for case in document["cases"]:
        if not isinstance(case.get("dns_extra", {}), dict):
            continue  # check() reports it
        mine = {**base, **lower(case.get("dns_extra", {}))}
        number = next((i for i, zone in enumerate(zones) if agree(base, mine, zone)), len(zones))
        if number == len(zones):
            zones.append({})
        zones[number].update(mine)
        numbers[case["id"]] = number
    return numbers, zones


def stub_zone(zone):
    """The builder's form of DNS data in that of the DNS stub."""
    out = {}
    for name, entry in zone.items():
        out[name] = {}
        for kind, values in entry.items():
            fault = next((v for v in values if isinstance(v, str) and v.startswith("@")), None)
            if fault:
                out[name][kind] = fault[1:]
            elif kind == "MX":
                out[name][kind] = [[int(v.split()[0]), v.split()[1]] for v in values]
            else:
                out[name][kind] = values
    return out


class Mail:
    """The signed messages and the zones of one case file; keys are made once."""

    def __init__(self, document, directory):
        own = directory / "auth_build.py"
        spec = importlib.util.spec_from_file_location("auth_build", own if own.is_file() else SUITES / "attacks" / "auth_build.py")
        self.builder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.builder)
        self.document, self.directory, self.lock = document, directory, threading.Lock()
        self.keys, self.now = self.builder.Keys(document["keys"]), int(time.time())
        self.numbers, self.zones = groups(document)

    def message(self, entry):
        with self.lock:
            return self.builder.build(entry, str(self.directory), self.keys, self.now)

    def zone(self, number):
        with self.lock:
            return stub_zone(self.builder.zone(self.document, {"dns_extra": self.zones[number]}, self.keys))

    def close(self):
        for path in self.keys.rsa.values():
            pathlib.Path(path).unlink(missing_ok=True)


class Server(Site):
    """A server for cases that agree about DNS."""

    def __init__(self, context, settings, zone):
        super().__init__(context, settings, [zone])
        self._account, self._domains, self._policies, self._lock = None, set(), {}, threading.Lock()
        self._numbers = itertools.count(1)

    def webhook(self, recipient, fields):
        """A webhook of its own that stands for the recipient, under a policy with these fields -> (address, path of its requests)."""
        local, domain = recipient.rsplit("@", 1)
        with self._lock:
            number = next(self._numbers)
            if self._account is None:
                self._account = instance.Account(self.postern)
            if domain not in self._domains:
                self._account.claim_domain(domain, self.dns.zone)
                self._domains.add(domain)
            key = json.dumps(fields, sort_keys=True)
            if fields and key not in self._policies:
                self._policies[key] = self._account.call("POST", "/smtp-policies", {"name": "p%d" % number, **fields}, expect=201)["id"]
        address, path = "%s-%d@%s" % (local, number, domain), "/%d" % number
        body = {"target_url": self.receiver.url + path, "email_address": address, "include_raw": "inline"}
        if fields:
            body["smtp_security_policy_id"] = self._policies[key]
        self._account.call("POST", "/webhooks", body, expect=201)
        return address, path

    def payloads(self, path):
        """What was delivered there; a payload that is no JSON object is a failure."""
        found = []
        for request in self.receiver.requests(path):
            try:
                found.append(json.loads(request.body))
            except ValueError:
                raise Fail("webhook body is no JSON: %r" % request.body[:200]) from None
            if not isinstance(found[-1], dict):
                raise Fail("webhook body is no JSON object: %r" % request.body[:200])
        return found


# ---------------------------------------------------------------- one exchange
def exchange(client, entry, address, message):
    """The dialogue of a case up to the first refusal, or to the end; `message` None stops behind RCPT."""
    client.proxy(entry["client_ip"])
    smtp.check("220", client.reply(), "greeting")
    began = time.monotonic()
    offered = client.command("EHLO " + entry["helo"])
    refused = Outcome("EHLO", *smtp.parse(offered), time.monotonic() - began)
    if refused.code >= 400:  # a refused name: this is the first refused command
        return refused
    wide = message is not None and not message.partition(b"\r\n\r\n")[0].isascii() and any(line[4:].upper() == "SMTPUTF8" for line in offered)
    steps = [("MAIL", "MAIL FROM:<%s>%s" % (entry["mail_from"], " SMTPUTF8" if wide else ""))]
    steps += [("RCPT", "RCPT TO:<%s>" % address)] * len(entry["rcpt_to"])
    began = time.monotonic()
    for stage, line in steps if message is None else [*steps, ("DATA", "DATA")]:
        outcome = Outcome(stage, *smtp.parse(client.command(line)), time.monotonic() - began)
        if outcome.code >= 400:
            return outcome
    if message is None:
        return outcome
    if outcome.code != 354:
        raise Fail(wanted("DATA", "354", outcome.code))
    began = time.monotonic()
    return Outcome(END, *smtp.parse(client.data(message)), time.monotonic() - began)


def check_one_reply(client):
    """The reply was one reply: the next commands get their own. A server that hung up behind it has said no more either."""
    for line, want in (("NOOP", "250"), ("QUIT", "221")):
        client.send(line.encode() + b"\r\n")
        try:
            lines = client.reply()
        except Fail:
            if client.closed and not client.buffer:
                return
            raise
        smtp.check(want, lines, "%s behind the reply" % line)


def check_alive(site, entry):
    client = smtp.Client(site.port)
    try:
        client.proxy(entry["client_ip"])
        smtp.check("220", client.reply(), "greeting of the next connection")
        client.command("NOOP", "250")
        client.command("QUIT", "221")
    except OSError as e:
        raise Fail("the next connection: %s" % e) from None
    finally:
        client.close()


# ---------------------------------------------------------------- judging
def earlier(controls, outcome, signed):
    """Whether a refusal came from a rule in front of the one that the case is about: that is right for every spoof."""
    if outcome.stage == "EHLO":
        return outcome.code >= 500
    if outcome.code not in EARLIER_CODES:
        return False
    if outcome.stage != END:
        return True
    # After the data, only refusals that need no DNS: no valid From field, an SPF domain that is not
    # listed, no signature at all.
    unlisted = outcome.enhanced == "5.7.1" and any(c.startswith("allowed_spf_domains=") for c in controls)
    unsigned = outcome.enhanced == "5.7.20" and "require_dkim" in controls and not signed
    return outcome.enhanced == "5.6.0" or unlisted or unsigned


def judge_reply(expect, codes, controls, outcome, signed):
    if code_ok(str(outcome.code), codes) and (outcome.stage == END or outcome.code >= 400):
        return
    if not expect.get("control") and earlier(controls, outcome, signed):
        return
    said = "%d %s %s" % (outcome.code, outcome.enhanced or "", outcome.text)
    raise Fail(wanted("reply to %s" % outcome.stage, " or ".join(codes), said))


def judge_payload(expect, controls, payload):
    """The claims of a case against the payload of the message that was accepted."""
    auth_claims.results(payload)
    for text in expect["never"]:
        claim = auth_claims.parse(text)
        if auth_claims.holds(claim, payload, controls):
            raise Fail("the payload says %r: %s" % (text, short(json.dumps(payload["auth"]), 900)))
        for field in auth_claims.result_fields(payload):
            if auth_claims.written(claim, field):
                raise Fail("an Authentication-Results field says %r: %s" % (text, short(field)))
    if "must" in expect:
        claim = auth_claims.parse(expect["must"])
        if not auth_claims.holds(claim, payload, controls):
            raise Fail(wanted("verdicts of the payload", expect["must"], short(json.dumps(payload["auth"]), 900)))
        for field in auth_claims.own_fields(payload):
            if not auth_claims.written(claim, field):
                raise Fail(wanted("the server's Authentication-Results", expect["must"], short(field)))


def limits(note):
    """What a note asks of the server: {"seconds": of the reply, "cpu": seconds of the server, "queries": DNS questions}."""
    patterns = {"seconds": r"(?:reply in <|queries,) (\d+) s\b", "cpu": r"CPU < (\d+) s\b", "queries": r"(\d+) queries\b"}
    return {name: int(m.group(1)) for name, pattern in patterns.items() if (m := re.search(pattern, note))}


def fields_of(controls):
    """The fields of the SMTP policy that is written a+b=c in a case."""
    fields = {}
    for control in controls:
        name, equals, value = control.partition("=")
        if name in CONTROLS:
            fields[name] = value if equals else True
        elif control != SERVER_CONTROL:
            raise Fail("the case uses the unknown control %r" % control)
    return fields


def check_expectation(expect):
    """What the player does not know must not pass unnoticed."""
    unknown = set(expect) - EXPECTATIONS
    if unknown or not expect["policies"]:
        raise Fail("the case has %s" % ("unknown expectations: " + ", ".join(sorted(unknown)) if unknown else "no policies"))
    for text in [*expect["never"], *([expect["must"]] if "must" in expect else [])]:
        auth_claims.parse(text)
    if expect.get("control") and "must" not in expect:
        raise Fail("the control says nothing that must hold")


# ---------------------------------------------------------------- playing
def play(sites, document, entry):
    check_expectation(entry["expect"])
    mail = sites.kept(("auth_spoof mail", id(document)), lambda: Mail(document, sites.context.directory))
    number, errors = mail.numbers[entry["id"]], []

    def site(enforce):
        settings = instance.merge(SETTINGS, ENFORCED if enforce else {})
        return sites.kept(("auth_spoof", id(document), number, enforce), lambda: Server(sites.context, settings, mail.zone(number)))

    message = mail.message(entry)
    for policy, listed in entry["expect"]["policies"].items():
        codes = [str(code) for code in (listed if isinstance(listed, list) else [listed])]
        controls = policy.split("+")
        fields = fields_of(controls)
        try:
            play_policy(site(SERVER_CONTROL in controls), document, entry, controls, fields, codes, message)
        except (Fail, instance.StartError) as e:
            errors.append("%s: %s" % (policy, e))
    for network, code, enhanced in source_rules(entry):
        try:
            play_source(site(False), entry, network, code, enhanced)
        except (Fail, instance.StartError) as e:
            errors.append("allowed_source_ips=%s: %s" % (network, e))
    if errors:
        raise Fail("\n      ".join(errors))


def talk(site, entry, fields, message, domains=()):
    """One exchange with a webhook of its own -> (its outcome, what it used, what was delivered); fails when the server does not survive it."""
    def queries():
        return sum(1 for _, _, name, _ in list(site.dns.queries) if any(name == d or name.endswith("." + d) for d in domains))

    start = site.postern.ensure()
    try:
        address, path = site.webhook(entry["rcpt_to"][0], fields)
        asked, cpu = queries(), site.postern.cpu_seconds()
        client = smtp.Client(site.port)
        try:
            outcome = exchange(client, entry, address, message)
            used = {"seconds": outcome.seconds, "cpu": site.postern.cpu_seconds() - cpu, "queries": queries() - asked}
            check_one_reply(client)
        finally:
            client.close()
        check_alive(site, entry)
    except (Fail, OSError) as e:
        judge_alive(site, start, str(e) or type(e).__name__)
    judge_alive(site, start)
    return outcome, used, site.payloads(path)


def play_policy(site, document, entry, controls, fields, codes, message):
    expect, domains = entry["expect"], own_domains(document["dns"], entry.get("dns_extra", {}))
    outcome, used, delivered = talk(site, entry, fields, message, domains)
    judge_reply(expect, codes, controls, outcome, re.search(rb"(?im)^dkim-signature[ \t]*:", message.partition(b"\r\n\r\n")[0]))
    for name, most in limits(entry.get("note", "")).items():
        if is_too_long(most, used[name]) if name == "seconds" else used[name] > most:
            raise Fail(wanted("%s used" % name, "at most %d" % most, "%.3g" % used[name]))
    accepted = outcome.stage == END and outcome.code < 300
    if len(delivered) != int(accepted):
        raise Fail(wanted("reply %d, deliveries" % outcome.code, int(accepted), len(delivered)))
    if accepted:
        judge_payload(expect, controls, delivered[0])


def source_rules(entry):
    """What title and note say about allowed_source_ips: [(network, reply to RCPT, its enhanced code or None)]."""
    rules = [(network, 250, None) for network in re.findall(r"allowed_source_ips (\S+) must match", entry["title"])]
    for network, code, enhanced in re.findall(r"allowed_source_ips=(\S+) -> (\d{3}) (\d\.\d+\.\d+) at RCPT", entry.get("note", "")):
        rules.append((network, int(code), enhanced))
    return rules


def play_source(site, entry, network, code, enhanced):
    outcome, _, _ = talk(site, entry, {"allowed_source_ips": network}, None)
    if (outcome.stage, outcome.code) != ("RCPT", code) or enhanced not in (None, outcome.enhanced):
        raise Fail(wanted("RCPT", "%d %s" % (code, enhanced or ""), "%s: %d %s %s" % outcome[:4]))
