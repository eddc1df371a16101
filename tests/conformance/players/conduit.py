"""Conduit-dialect cases: REST API, SMTP policies, webhook delivery (format: tests/suites/conduit/README.md)."""
import base64
import hashlib
import hmac
import json
import random
import re
import string
import time

from harness import dns, smtp
from harness.browser import Browser
from harness.cases import Case, Fail, FormatError, each, known, wanted
from harness.match import match, match_object
from harness.receiver import Receiver
from harness.waiting import PATIENCE, quiet, until

SETTINGS = {
    "listener": [{"tls": "starttls", "proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}],
    "limits": {"message_size": 1048576, "sessions": 2000, "sessions_per_address": 1000, "new_sessions_per_minute": 100000},
    "auth": {"failures_per_address": 0, "failures_per_account": 0},
    "webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": ["127.0.0.1/32"], "retry_schedule": ["1s", "1s", "2s"]},
    "api": {"signup": "open", "rate_limits": False},
}
STEPS = ("api", "smtp", "stub", "webhook", "sleep_ms")
# The members that each object of the format may have; any other fails its case.
MEMBERS = {
    "case": frozenset("id title ref tags accounts steps note".split()),
    "flow": frozenset("id ref title tags setup flow then note".split()),
    "api": frozenset("method path json body headers as".split()),
    "expect": frozenset("status json headers".split()),
    "smtp": frozenset(["client_ip", "lines"]),
    "auth": frozenset("mechanism username password authzid".split()),
    "stub": frozenset(["path", "responses"]),
    "response": frozenset("status headers body delay_ms reset raw hold_ms".split()),
    "webhook": frozenset("path count within_ms requests same_header distinct_header".split()),
    "request": frozenset("json headers standard_signature conduit_signature".split()),
}
BESIDE = {"api": ("expect", "capture")}  # members allowed besides the one that names the step
LINES = {"step": (), "pause_ms": (), "expect_close": (), "starttls": ("inject",), "auth": ("expect",), "data_file": ("expect",), "data_text": ("expect",),
         "raw": ("expect",), "send": ("expect",), "expect": ()}
ACTIONS = {"goto", "click", "fill", "select", "check", "expect_path", "expect_text", "expect_value", "expect_row", "expect_no_dialog"}
RESULTS = {"spf": "spf", "spf_result": "spf", "dkim": "dkim", "dkim_results": "dkim", "dmarc": "dmarc", "dmarc_result": "dmarc"}
# Replies that only a verification gives (RFC 7372, RFC 3463).
REPLIES = {"5.7.23": "spf", "5.7.24": "spf", "4.7.24": "spf", "5.7.20": "dkim", "5.7.21": "dkim", "4.7.5": "dkim", "5.7.26": "dkim"}


class Player:
    def load(self, directory):
        files = sorted((directory / "cases").glob("*.json")) or sorted(directory.glob("*.json"))
        flows = directory / "ui" / "flows.json"
        if not files and not flows.is_file():
            raise FormatError("no cases/*.json in %s" % directory)
        def case(entry, where):
            check_format(entry, where)
            return Case(entry["id"], entry["title"], entry, needs(entry, directory), slow="sleep_ms" in json.dumps(entry))

        def flow(entry):
            check_flow(entry)
            return Case("ui/" + entry["id"], entry.get("ref", ""), entry, frozenset(["browser"]), slow=True)

        cases = []
        for path in files:
            cases += each(json.loads(path.read_text(encoding="utf-8")), path.name, lambda entry, path=path: case(entry, path.name))
        if flows.is_file():
            cases += each(json.loads(flows.read_text(encoding="utf-8")), flows.name, flow, "ui/")
        return cases

    def open(self, context):
        zone = context.directory / "dns" / "zone.json"
        self.directory, self.verbose = context.directory, context.verbose
        self.dns = dns.start([zone] if zone.is_file() else [])
        self.receiver, self.browser = Receiver(), Browser()
        settings = {**SETTINGS, "dns": self.dns.settings}
        self.postern = context.postern(settings)
        self.postern.start()

    def play(self, case, context):
        start = self.postern.ensure()
        try:
            run = Run(self, case.data)
            run.flow() if "flow" in case.data else run.go()
        except Exception as e:
            if self.postern.died(start, patience=1.0):
                raise Fail("%s\n%s" % (e, self.postern.death_note())) from None
            raise
        if self.postern.died(start):
            raise Fail(self.postern.death_note())

    def close(self):
        self.browser.close()
        self.postern.remove()
        self.receiver.stop()
        self.dns.stop()


def check_format(entry, where):
    for key in ("id", "title", "steps"):
        if key not in entry:
            raise FormatError("%s: case %r has no %r" % (where, entry.get("id"), key))
    where = "%s: %s" % (where, entry["id"])
    known(entry, MEMBERS["case"], where, FormatError)
    for i, step in enumerate(entry["steps"]):
        check_step(step, "%s step %d" % (where, i))


def check_step(step, where):
    """Each step is of one kind and has the members of that kind."""
    if sum(k in step for k in STEPS) != 1:
        raise FormatError("%s: exactly one of %s expected" % (where, ", ".join(STEPS)))
    word = next(k for k in STEPS if k in step)
    known(step, {word, "note", *BESIDE.get(word, ())}, where, FormatError)
    if word == "sleep_ms":
        return
    known(step[word], MEMBERS[word], "%s: %s" % (where, word), FormatError)
    if word == "api":
        known(step["expect"], MEMBERS["expect"], where + ": expect", FormatError)
    for inner, of in (("responses", "response"), ("requests", "request")):
        for item in step[word].get(inner, []):
            known(item, MEMBERS[of], "%s: %s" % (where, inner), FormatError)
    for i, line in enumerate(step[word].get("lines", [])):
        check_line(line, "%s, line %d" % (where, i))


def check_line(line, where):
    kind = next((k for k in LINES if k in line), None)
    if kind is None:
        raise FormatError("%s: one of %s expected" % (where, ", ".join(LINES)))
    known(line, {kind, "note", *LINES[kind]}, where, FormatError)
    if kind == "step":
        check_step(line["step"], where)
    elif kind == "auth":
        known(line["auth"], MEMBERS["auth"], where + ": auth", FormatError)


def check_flow(entry):
    for key in ("id", "setup", "flow", "then"):
        if key not in entry:
            raise FormatError("flows.json: flow %r has no %r" % (entry.get("id"), key))
    known(entry, MEMBERS["flow"], "flows.json: " + entry["id"], FormatError)
    for word in ("setup", "then"):
        for i, step in enumerate(entry[word]):
            check_step(step, "flows.json: %s %s %d" % (entry["id"], word, i))
    for i, action in enumerate(entry["flow"]):
        if len(action) != 1 or not set(action) <= ACTIONS:
            raise FormatError("flows.json: %s action %d: exactly one of %s expected" % (entry["id"], i, ", ".join(sorted(ACTIONS))))


# ---------------------------------------------------------------- what a case needs
def needs(entry, directory):
    """The features a case relies on, read off its steps: see pending.py."""
    found = set()
    for step in entry["steps"]:
        step_needs(step, directory, found)
    return frozenset(found)


def step_needs(step, directory, found):
    if "api" in step:
        request, expect = step["api"], step["expect"]
        statuses = expect["status"] if isinstance(expect["status"], list) else [expect["status"]]
        # A refused body needs only the validation, which exists.
        if any(s < 300 for s in statuses):
            body_needs(body_of(request, directory), found)
        result_needs(expect.get("json"), found)
    elif "webhook" in step:
        for request in step["webhook"].get("requests", []):
            result_needs(request.get("json"), found)
    elif "smtp" in step:
        for line in step["smtp"]["lines"]:
            if "step" in line:
                step_needs(line["step"], directory, found)
            for code, word in REPLIES.items():
                if re.search(r"(?<![\d.])%s(?![\d.])" % re.escape(code), json.dumps(line.get("expect", ""))):
                    found.add(word)


def body_of(request, directory):
    body = request.get("json")
    if isinstance(body, dict) and "$file" in body:
        try:
            body = json.loads((directory / body["$file"]).read_text(encoding="utf-8"))
        except ValueError:
            return None
    return body


def body_needs(body, found):
    if not isinstance(body, dict):
        return
    for field, word in (("require_spf", "spf"), ("require_dkim", "dkim")):
        if body.get(field) is True:
            found.add(word)
    for field, word in (("allowed_spf_domains", "spf"), ("allowed_dkim_domains", "dkim")):
        if body.get(field):
            found.add(word)
    if body.get("delivery_mode") == "queued":
        found.add("queued")
    if body.get("payload_template"):
        found.add("template")


def result_needs(expected, found, path=()):
    """Expected verdicts of verification: anything but "skipped", null or absence."""
    if isinstance(expected, list):
        for item in expected:
            result_needs(item, found, path)
    elif isinstance(expected, dict):
        for key, value in expected.items():
            nothing = value is None or value == [] or (isinstance(value, dict) and (value.get("$absent") or value == {"result": "skipped"}))
            if key in RESULTS and not nothing:
                found.add(RESULTS[key])
            else:
                result_needs(value, found, path + (key,))


# ---------------------------------------------------------------- one case
class Run:
    def __init__(self, player, entry):
        self.player, self.postern, self.receiver = player, player.postern, player.receiver
        self.entry = entry
        word = "".join(random.choices(string.ascii_lowercase, k=10))
        self.base = "/" + entry["id"]
        self.values = {"run": word, "hook": self.receiver.url + self.base}

    def go(self):
        for name in self.entry.get("accounts", ["a"]):
            self.account(name)
        self.steps("step", self.entry["steps"])

    def flow(self):
        """A browser signs in with an account of its own and does what is written; API steps stand before and behind."""
        self.account("a")
        self.steps("setup", self.entry["setup"])
        base = "http://127.0.0.1:%d" % self.postern.api_port
        self.player.browser.play(self.entry["id"], base, self.values["a.email"], self.values["a.password"], self.sub(self.entry["flow"]))
        self.steps("then", self.entry["then"])

    def steps(self, word, steps):
        for i, step in enumerate(steps):
            try:
                self.step(step)
            except Fail as e:
                raise Fail("%s %d: %s" % (word, i, e)) from None

    def account(self, name):
        mail = "%s-%s@example.com" % (name, self.values["run"])
        password = "correct-horse-battery-" + self.values["run"]
        body, head = json.dumps({"email": mail, "password": password}), {"Content-Type": "application/json"}
        status, _, out = self.postern.http("POST", "/api/v1/accounts", body, head)
        if status != 201:
            raise Fail(wanted("set-up: POST /accounts", 201, "%d %s" % (status, out[:200])))
        status, _, out = self.postern.http("POST", "/api/v1/sessions", body, head)
        if status != 200:
            raise Fail(wanted("set-up: POST /sessions", 200, "%d %s" % (status, out[:200])))
        self.values.update({name + ".email": mail, name + ".password": password, name + ".token": json.loads(out)["access_token"]})

    def sub(self, x):
        """Variables and special values replaced; text that names nothing bound stays (payload templates use it)."""
        if isinstance(x, str):
            return re.sub(r"\{\{([a-z][a-z0-9_.]*)\}\}", lambda m: str(self.values.get(m.group(1), m.group(0))), x)
        if isinstance(x, list):
            return [self.sub(i) for i in x]
        if isinstance(x, dict):
            if "$var" in x:
                return self.values[x["$var"]]
            if "$upper" in x:
                return self.sub(x["$upper"]).upper()
            if "$base64_file" in x:
                return base64.b64encode(self.file(x["$base64_file"])).decode()
            return {k: self.sub(v) for k, v in x.items()}
        return x

    def file(self, name):
        return (self.player.directory / name).read_bytes()

    def response(self, spec):
        """A scripted response; `body` and `raw` may be octets."""
        octets = {k: self.octets(spec[k]) for k in ("body", "raw") if isinstance(spec.get(k), dict)}
        return {**self.sub({k: v for k, v in spec.items() if k not in octets}), **octets}

    @staticmethod
    def octets(x):
        if isinstance(x, dict):
            if "$hex" in x:
                return bytes.fromhex(x["$hex"])
            prefix, unit, count, *suffix = x["$repeat"]
            return (prefix + unit * count + "".join(suffix)).encode("latin-1")
        return x.encode("latin-1")

    def step(self, step):
        if "api" in step:
            self.api(step)
        elif "smtp" in step:
            self.smtp(step["smtp"])
        elif "stub" in step:
            self.receiver.script(self.base + step["stub"].get("path", ""), [self.response(r) for r in step["stub"]["responses"]])
        elif "webhook" in step:
            self.webhook(self.sub(step["webhook"]))
        elif "sleep_ms" in step:
            time.sleep(step["sleep_ms"] / 1000)
        else:
            raise Fail("unknown step %s" % sorted(step))

    # ------------------------------------------------------------ API
    def api(self, step):
        request = step["api"]
        late = request["method"] == "GET" and (self.postern.late or re.search("/(logs|traces|inbox|stats)", request["path"]))
        end = time.monotonic() + (PATIENCE if late else 0)
        while True:
            try:
                return self.api_once(step)
            except Fail:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)

    def api_once(self, step):
        request, expect = step["api"], step["expect"]
        headers = {k: self.sub(v) for k, v in request.get("headers", {}).items()}
        body = self.api_body(request, headers)
        who = request.get("as", "a")
        if who != "none":
            headers.setdefault("Authorization", "Bearer " + self.values[who + ".token"])
        path = self.sub(request["path"])
        what = "%s %s" % (request["method"], path)
        status, reply_headers, out = self.postern.http(request["method"], path, body, headers)
        if status not in (expect["status"] if isinstance(expect["status"], list) else [expect["status"]]):
            raise Fail(wanted(what, "status %s" % expect["status"], "%d %s" % (status, out[:300].decode("utf-8", "replace"))))
        try:
            data = json.loads(out) if out else None
        except ValueError:
            data = None
        if "json" in expect:
            want = self.sub(expect["json"])
            if not isinstance(want, dict) or set(want) != {"$body"}:
                match(want, data, what)
            if isinstance(want, dict) and "$body" in want:
                match(want["$body"], out.decode("utf-8", "replace"), what + " text")
        match_headers(self.sub(expect.get("headers", {})), reply_headers, what + " header")
        self.capture(step.get("capture", {}), data, what)

    def api_body(self, request, headers):
        if "json" in request:
            headers.setdefault("Content-Type", "application/json")
            body = request["json"]
            if isinstance(body, dict) and "$file" in body:
                return self.file(body["$file"])
            return json.dumps(self.sub(body)).encode()
        if "body" in request:
            body = request["body"]
            return self.octets(body) if isinstance(body, dict) else self.sub(body).encode("utf-8")
        return None

    def capture(self, pointers, data, what):
        for name, pointer in pointers.items():
            value = data
            for part in pointer.split("/")[1:]:
                value = value.get(part) if isinstance(value, dict) else value[int(part)] if isinstance(value, list) else None
            if value is None:
                raise Fail("%s: nothing to capture at %s" % (what, pointer))
            self.values[name] = value
            if isinstance(value, str) and value.count("@") == 1:
                self.values[name + "_local"], self.values[name + "_domain"] = value.split("@")

    # ------------------------------------------------------------ webhook
    def webhook(self, want):
        path, number = self.base + want.get("path", ""), want["count"]
        count = lambda: wanted("webhook " + path, "%d requests" % number, "%d" % len(self.receiver.requests(path)))
        until(count, lambda: len(self.receiver.requests(path)) >= number)  # whatever `within_ms` is: a busy machine is late
        if number == 0:
            quiet(0.5, self.postern.cpu_seconds)
        seen = self.receiver.requests(path)
        if len(seen) != number:
            raise Fail(wanted("webhook " + path, "%d requests" % number, "%d" % len(seen)))
        patterns = want.get("requests", [])
        for pattern, request in zip(patterns, seen[len(seen) - len(patterns):]):
            check_request(pattern, request)
        for key, same in (("same_header", True), ("distinct_header", False)):
            if key in want:
                values = [r.headers.get(want[key].lower()) for r in seen]
                if None in values or len(set(values)) != (1 if same else len(values)):
                    raise Fail("%s %s: %s" % (key, want[key], values))

    # ------------------------------------------------------------ SMTP
    def smtp(self, spec):
        client = smtp.Client(self.postern.smtp_port)
        try:
            client.proxy(spec["client_ip"])
            for i, line in enumerate(spec["lines"]):
                try:
                    if self.smtp_line(client, line):
                        break
                except Fail as e:
                    raise Fail("line %d: %s" % (i, e)) from None
        finally:
            client.close()

    def smtp_line(self, client, line):
        """Plays one line; true when the dialogue ends here with success."""
        expect = self.sub(line["expect"]) if "expect" in line else None
        if "step" in line:
            self.step(line["step"])
        elif "pause_ms" in line:
            time.sleep(line["pause_ms"] / 1000)
        elif "expect_close" in line:
            client.wait_closed()
        elif "starttls" in line:
            return self.start_tls(client, line)
        elif "auth" in line:
            self.auth(client, self.sub(line["auth"]), expect)
        elif "data_file" in line or "data_text" in line:
            text = line.get("data_text")
            data = self.file(line["data_file"]) if "data_file" in line else self.octets(text) if isinstance(text, dict) else self.sub(text).encode()
            smtp.check(expect, client.data(data), "end of " + line.get("data_file", "data"))
        elif "raw" in line:
            client.send(self.octets(line["raw"] if isinstance(line["raw"], dict) else self.sub(line["raw"])))
            smtp.check(expect, client.reply(), "raw")
        elif "send" in line:
            client.command(self.sub(line["send"]), expect)
        elif expect is not None:
            smtp.check(expect, client.reply(), "reply")
        else:
            raise Fail("unknown line %s" % sorted(line))
        return False

    def start_tls(self, client, line):
        client.send(b"STARTTLS\r\n" + self.sub(line.get("inject", "")).encode())
        try:
            smtp.check("220", client.reply(), "STARTTLS")
        except Fail:
            if "inject" in line and client.closed:
                return True
            raise
        if client.buffer:
            raise Fail("data after the 220 of STARTTLS: %r" % client.buffer[:80])
        try:
            client.start_tls()
        except OSError as e:
            if "inject" in line:
                return True
            raise Fail("TLS handshake: %s" % e) from None
        return False

    @staticmethod
    def auth(client, spec, expect):
        what = "AUTH %s %s" % (spec["mechanism"], spec["username"])
        if spec["mechanism"] == "PLAIN":
            smtp.check(expect, client.auth_plain(spec["username"], spec["password"], spec.get("authzid", "")), what)
            return
        client.send(b"AUTH LOGIN\r\n")
        for word in (spec["username"], spec["password"]):
            lines = client.reply()
            if not lines[-1].startswith("334"):
                smtp.check(expect, lines, what)
                return
            client.send(base64.b64encode(word.encode()) + b"\r\n")
        smtp.check(expect, client.reply(), what)


def match_headers(want, got, where):
    """Names without regard to case; `got` has them in lower case."""
    match_object({name.lower(): value for name, value in want.items()}, got, where)


def check_request(pattern, request):
    """One webhook request against its pattern: body, headers, both signatures."""
    if "json" in pattern:
        try:
            data = json.loads(request.body)
        except ValueError:
            raise Fail("webhook body is no JSON: %r" % request.body[:200]) from None
        match(pattern["json"], data, "payload")
    match_headers(pattern.get("headers", {}), request.headers, "request header")
    if "standard_signature" in pattern:
        check_standard_signature(pattern["standard_signature"], request)
    if "conduit_signature" in pattern:
        signature = "sha256=" + hmac.new(pattern["conduit_signature"].encode(), request.body, hashlib.sha256).hexdigest()
        if request.headers.get("x-conduit-signature") != signature:
            raise Fail(wanted("X-Conduit-Signature does not verify", signature, request.headers.get("x-conduit-signature")))


def check_standard_signature(secret, request):
    """Standard Webhooks: one v1 entry is the HMAC-SHA256 of "id.timestamp.body" under the secret's octets."""
    key = base64.b64decode(secret.split("_", 1)[1] + "==")
    head = request.headers
    text = ("%s.%s." % (head.get("webhook-id"), head.get("webhook-timestamp"))).encode() + request.body
    signature = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    if signature not in (head.get("webhook-signature") or "").split(" "):
        raise Fail(wanted("webhook-signature does not verify", signature, head.get("webhook-signature")))
