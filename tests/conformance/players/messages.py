"""Real-world mail into the webhook payload (format: tests/suites/messages/README.md). One message is one case."""
import base64
import datetime
import hashlib
import json
import re
import smtplib
import threading

from harness import instance
from harness.cases import Case, Fail, FormatError, known, wanted
from harness.receiver import Receiver
from harness.waiting import PATIENCE

SETTINGS = {
    "limits": {"sessions_per_address": 1000, "new_sessions_per_minute": 100000},
    "webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": ["127.0.0.1/32"],
                 # the suite asserts what the message says of itself
                 "make_message_id": False},
    "api": {"signup": "open", "rate_limits": False},
}
SENDER = "sender@client.example"
ENTRY = frozenset("origin licence sha256 size depth parts charsets max_line tags expect contested parser_errors note".split())
HTML = frozenset("present sha256 length".split())
ATTACHMENT = frozenset("filename content_type size sha256 sha256_trim".split())
# A gateway may refuse these at SMTP with a documented 5xx; then there is no payload to compare.
REFUSABLE = {"long_line", "nul"}
REFUSALS = {(550, "5.5.2"), (554, "5.6.0"), (552, "5.3.4"), (500, "5.5.2"), (550, "5.6.0")}


class Player:
    def load(self, directory):
        path = directory / "expected.json"
        if not path.is_file():
            raise FormatError("no expected.json in %s" % directory)
        expected = json.loads(path.read_text(encoding="utf-8"))
        cases = []
        for name, entry in expected.items():
            try:
                check(name, entry)
                cases.append(Case(name, " ".join(entry.get("tags", [])), entry))
            except (FormatError, TypeError) as e:
                cases.append(Case(name, "", fault=str(e)))
        for path in sorted(directory.glob("*.eml")):
            if path.name not in expected:
                cases.append(Case(path.name, "no expectation in expected.json", None))
        return cases

    def open(self, context):
        self.directory = context.directory
        self.receiver = Receiver()
        self.postern = context.postern(SETTINGS)
        self.postern.start()
        self.local, self.lock, self.workers = threading.local(), threading.Lock(), 0

    def address(self):
        """This worker's webhook; a restarted server has kept it in its database."""
        if not hasattr(self.local, "address"):
            with self.lock:
                self.workers += 1
                self.local.path = "/worker-%d" % self.workers
            account = instance.Account(self.postern)
            webhook = account.call("POST", "/webhooks", {"target_url": self.receiver.url + self.local.path, "attachments": "inline"}, expect=201)
            self.local.address = webhook["email_address"]
        return self.local.address

    def play(self, case, context):
        if case.data is None:
            raise Fail("the message has no entry in expected.json")
        start = self.postern.ensure()
        data = (self.directory / case.id).read_bytes()
        address = self.address()
        self.receiver.forget(self.local.path)
        code, text = send(self.postern.smtp_port, address, data)
        payloads = self.receiver.requests(self.local.path)
        if self.postern.died(start, patience=0.0 if code == 250 else 1.0):
            raise Fail(self.postern.death_note())
        if not payloads and refused(code, text) and REFUSABLE & set(case.data.get("tags", [])):
            return
        if code != 250:
            raise Fail(wanted("reply to the message", "250", "%d %s" % (code, text)))
        if len(payloads) != 1:
            raise Fail(wanted("webhook", "1 request", "%d" % len(payloads)))
        payload = json.loads(payloads[0].body)
        bad = differences(case.data["expect"], payload)
        if bad:
            raise Fail("%d of %d asserted fields differ" % (len(bad), len(case.data["expect"])) +
                       "".join("\n    " + wanted(*item) for item in bad))

    def close(self):
        self.postern.remove()
        self.receiver.stop()


def check(name, entry):
    """What the player would not compare must not pass unnoticed."""
    known(entry, ENTRY, name, FormatError)
    if "expect" not in entry:
        raise FormatError("expected.json: %s has no member expect" % name)
    expect = entry["expect"]
    known(expect.get("html", {}), HTML, name + ": html", FormatError)
    for attachment in expect.get("attachments", []):
        known(attachment, ATTACHMENT, name + ": an attachment", FormatError)
    for field in ("header_from", "header_to", "cc", "reply_to"):
        for address in expect.get(field, []):
            known(address, ("name", "address"), "%s: %s" % (name, field), FormatError)


def refused(code, text):
    enhanced = re.match(r"5\.\d{1,3}\.\d{1,3}", text)
    return (code, enhanced.group(0) if enhanced else "") in REFUSALS


def send(port, rcpt, data):
    """One message -> (code, text) of the reply that ended it."""
    wants = ["BODY=8BITMIME"] if any(b > 127 for b in data) else []
    if any(b > 127 for b in data.split(b"\r\n\r\n")[0]):
        wants.append("SMTPUTF8")
    try:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=PATIENCE) as s:
            s.ehlo()
            reply = s.mail(SENDER, [w for w in wants if s.has_extn(w.split("=")[-1].lower())])
            if reply[0] == 250:
                reply = s.rcpt(rcpt)
            if reply[0] in (250, 251):
                reply = s.data(data)  # smtplib does the dot-stuffing
            return reply[0], reply[1].decode("utf-8", "replace")
    except (smtplib.SMTPException, OSError) as e:
        return getattr(e, "smtp_code", 0), str(e)[:300]


# ---------------------------------------------------------------- comparison, by the rules of the suite's README
def norm(text):
    text = (text or "").replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    text = re.sub("\ufffd+", "\ufffd", text)
    return re.sub(r"[ \t\u00a0]+(?=\n|$)", "", text).rstrip("\n\0 \t")


def squeeze(text):
    return re.sub(r"\s+", "", re.sub("\ufffd+", "\ufffd", text or ""))


def one_line(text):
    return re.sub(r"[ \t\r\n]+", " ", re.sub("\ufffd+", "\ufffd", text or "")).strip()


def sha(octets):
    return hashlib.sha256(octets).hexdigest()


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def differences(expect, payload):
    """-> [(field, expected, got)]"""
    bad = []
    for field, check in CHECKS:
        if field in expect:
            bad += check(field, expect[field], payload)
    unknown = set(expect) - {field for field, _ in CHECKS}
    bad += [(field, "a field this runner knows", expect[field]) for field in sorted(unknown)]
    return bad


def check_line(field, want, payload):
    return [] if one_line(want) == one_line(payload.get(field)) else [(field, want, payload.get(field))]


def check_date(field, want, payload):
    try:
        same = instant(want) == instant(payload.get("date"))
    except (ValueError, TypeError):
        same = False
    return [] if same else [("date", want, payload.get("date"))]


def check_addresses(field, want, payload):
    got = payload.get(field) or []
    same = len(got) == len(want) and all(
        one_line(g.get("address")) == w["address"] and ("name" not in w or one_line(g.get("name")) == one_line(w["name"]))
        for w, g in zip(want, got))
    return [] if same else [(field, want, got)]


def check_text(field, want, payload):
    return [] if norm(want) == norm(payload.get("text")) else [("text", want, payload.get("text"))]


def check_pieces(field, want, payload):
    hay, at = squeeze(payload.get("text")), 0
    for piece in want:
        i = hay.find(squeeze(piece), at)
        if i < 0:
            return [("text_pieces", piece, payload.get("text"))]
        at = i + len(squeeze(piece))
    return []


def check_html(field, want, payload):
    html = norm(payload.get("html"))
    if bool(html.strip()) != want["present"]:
        return [("html.present", want["present"], bool(html.strip()))]
    if "length" in want and len(html.encode()) != want["length"]:
        return [("html.length", want["length"], len(html.encode()))]
    if "sha256" in want and sha(html.encode()) != want["sha256"]:
        return [("html.sha256", want, [sha(html.encode()), len(html.encode())])]
    return []


def check_attachments(field, want, payload):
    got = payload.get("attachments") or []
    if len(got) != len(want):
        return [("attachments", len(want), [(g.get("filename"), g.get("content_type")) for g in got])]
    bad = []
    for i, (w, g) in enumerate(zip(want, got)):
        bad += [("attachments[%d].%s" % (i, name), x, y) for name, x, y in check_attachment(w, g)]
    return bad


def check_attachment(want, got):
    bad = []
    if "filename" in want and one_line(want["filename"]) != one_line(got.get("filename")):
        bad.append(("filename", want["filename"], got.get("filename")))
    if "content_type" in want and want["content_type"] != (got.get("content_type") or "").split(";")[0].strip().lower():
        bad.append(("content_type", want["content_type"], got.get("content_type")))
    if any(want[key] != got.get(key) for key in ("size", "sha256") if key in want):
        bad.append(("sha256", [want.get("size"), want.get("sha256")], [got.get("size"), got.get("sha256")]))
    if got.get("content") is None:
        # Every message here is below the inline limits, so linked or missing content is an error of its own.
        return bad + [("content", "inline bytes", "none")]
    octets = base64.b64decode(got["content"])
    if (len(octets), sha(octets)) != (got.get("size"), got.get("sha256")):
        bad.append(("content", "bytes matching size and sha256", [len(octets), sha(octets)]))
    trimmed = re.sub(rb"[ \t\n\r\x0b\x0c\xa0]+$", b"", octets.replace(b"\r\n", b"\n"))
    if "sha256_trim" in want and sha(trimmed) != want["sha256_trim"]:
        bad.append(("sha256_trim", want["sha256_trim"], len(octets)))
    return bad


def check_header_count(field, want, payload):
    got = len(payload.get("header_list") or [])
    return [] if want == got else [("header_count", want, got)]


CHECKS = [
    ("subject", check_line), ("message_id", check_line), ("date", check_date),
    ("header_from", check_addresses), ("header_to", check_addresses), ("cc", check_addresses), ("reply_to", check_addresses),
    ("text", check_text), ("text_pieces", check_pieces), ("html", check_html), ("attachments", check_attachments),
    ("header_count", check_header_count),
]
