"""What became of accepted mail, from the log, the traces, the queue, and the folders that it was delivered into."""
import json
import mailbox
import re

from harness.cases import Fail, wanted
from harness.waiting import quiet, until
from players.lua.accepted import explanation, fields_of
from players.vsl_site.site import MAILDIR, MBOX, ROUTED

SETTLE_SECONDS = 0.3  # after which unwanted mail would have arrived
ID = re.compile(r"\bid\s+([0-9A-Z]{26})\b")
QUEUED_AS = re.compile(r"queued as ([0-9A-Z]{26})$")
SET_ASIDE = {"held": "hold", "dead": "dead"}


class File:
    """One message in a folder."""

    def __init__(self, transport, content, recipient=""):
        self.transport, self.sender = transport, ""
        self.recipient = recipient
        content = re.sub(rb"\r?\n", b"\r\n", content)
        # The delivery's own fields are first; the message begins after them.
        while found := re.match(rb"(Return-Path|Delivered-To):[ \t]*([^\r]*)\r\n", content):
            value = found.group(2).decode("utf-8", "replace")
            if found.group(1) == b"Return-Path":
                self.sender = value.strip("<>")
            else:
                self.recipient = value
            content = content[found.end():]
        self.content = content
        self.id = id_of(content)


def id_of(content):
    """The queue's id, from the field that the gateway put on top."""
    for name, value in fields_of(content):
        found = ID.search(value) if name.lower() == "received" else None
        if found:
            return found.group(1)
    return None


def files(site):
    """Everything that was delivered into folders."""
    for place in (ROUTED, MAILDIR):
        for path in sorted(site.folder(place).rglob("new/*")):
            owner = path.parent.parent
            yield File("deliver" if place == ROUTED else "maildir", path.read_bytes(), "%s@%s" % (owner.name, owner.parent.name))
    for path in sorted(p for p in site.folder(MBOX).rglob("*") if p.is_file()):
        box = mailbox.mbox(path, create=False)
        for key in box.iterkeys():
            yield File("mbox", box.get_bytes(key), "%s@%s" % (path.name, path.parent.name))
        box.close()


def queue(site):
    """The messages of the queue, whole."""
    status, out = site.ask("queue", "list", "--json", "--limit", "1000")
    if status != 0:
        raise Fail("postern queue list ended with status %d: %s" % (status, out[:500]))
    found = []
    for line in out.splitlines():
        ident = json.loads(line)["id"]
        status, out = site.ask("queue", "show", ident, "--json")
        if status == 0:  # else it was delivered meanwhile
            found.append(json.loads(out))
    return found


def octets(site, ident):
    """A message of the queue as it is stored."""
    status, out = site.ask("queue", "show", ident, "--message")
    if status != 0:
        raise Fail("postern queue show %s --message ended with status %d: %s" % (ident, status, out[:500]))
    return re.sub(rb"\r?\n", b"\r\n", out.encode("utf-8"))


class Message:
    """One accepted message."""

    def __init__(self, line):
        self.line, self.ids, self.senders = line, set(), set()
        self.claims = {}  # recipient -> transport according to the trace; None: not mentioned
        self.found = {}   # recipient -> its destination, reached or not
        self.states = {}  # recipient -> (state, quarantine) in the queue
        self.delivered = set()
        self.contents = []

    @property
    def recipients(self):
        return sorted(set(self.claims) | set(self.found))

    def transport(self, recipient):
        return self.found.get(recipient, "none")

    @property
    def disposition(self):
        words = {"quarantine:%s" % name if state == "quarantined" else SET_ASIDE[state]
                 for state, name in self.states.values() if state not in ("queued", "delivered", "failed")}
        return ", ".join(sorted(words)) or "deliver"

    def check(self):
        """What contradicts itself fails."""
        if self.disposition != "deliver" and self.delivered:
            raise Fail("a message is set aside (%s), and went to %s" % (self.disposition, sorted(self.delivered)))
        for recipient, told in self.claims.items():
            if told and self.disposition == "deliver" and told != self.transport(recipient):
                raise Fail(wanted("where mail for %s went" % recipient, told + ", as the gateway tells", self.transport(recipient)))
        if len(self.senders) > 1:
            raise Fail("one message has several senders: %s" % sorted(self.senders))

    @property
    def sender(self):
        return next(iter(self.senders)) if self.senders else str(self.line.get("mail_from") or "").strip("<>")


def way_of(key):
    """The transport that leads to a relay's destination: what a rule named stands behind "to "."""
    return "forward:" + plain(key[3:]) if key.startswith("to ") else "deliver"


def plain(target):
    """A host as scripts write it: an address is in brackets only where it is of IPv6 and has a port."""
    found = re.fullmatch(r"\[([^\]]*)\](:\d+)?", target)
    if not found or (":" in found.group(1) and found.group(2)):
        return target
    return found.group(1) + (found.group(2) or "")


class Fates:
    """One look at everything. Equal looks mean that nothing moves any more."""

    def __init__(self, site):
        self.entries = site.log_entries()
        self.queue = queue(site)
        self.files = list(files(site))
        # Read after the queue: what has left the queue meanwhile is in one of these.
        self.attempts = [e for e in site.log_entries() if str(e.get("event", "")).startswith("delivery.") and e.get("message_id") and e.get("rcpt_to")]

    @property
    def moves(self):
        recipients = [r for message in self.queue for r in message["recipients"]]
        return any(r.get("under_way") or (r["state"] == "queued" and not r["attempts"]) for r in recipients)

    def summary(self):
        return ([(m["id"], [(r["address"], r["state"], r["attempts"]) for r in m["recipients"]]) for m in self.queue],
                sorted((f.id or "", f.recipient, f.transport) for f in self.files), len(self.attempts))


def settled(site):
    """The first look behind which nothing moves."""
    looks = [None]

    def rests():
        last, look = looks[0], Fates(site)
        looks[0] = look.summary()
        if not look.moves and last == look.summary():
            return look
        quiet(SETTLE_SECONDS, site.postern.cpu_seconds)
        return None
    return until(lambda: "the queue rests: %s" % (looks[0],), rests)


def collect(site, count):
    """The accepted messages, in their order; the dialogue had `count` of them."""
    def logged():
        entries = [e for e in site.log_entries() if e.get("event") == "message.accepted"]
        return len(entries) >= count and (entries or [None])
    lines = [e for e in until("%d lines message.accepted in the log" % count, logged) if e]
    if len(lines) != count:
        raise Fail(wanted("lines message.accepted in the log", count, len(lines)))
    look, messages = settled(site), [Message(line) for line in lines]
    for message in messages:
        told(site, message)
    reports = {e.get("message_id") for e in look.entries if e.get("event") == "report.queued"}
    link(messages, look, reports)
    by_id = {ident: message for message in messages for ident in message.ids}
    for file in look.files:
        if file.id in by_id:
            message = by_id[file.id]
            if file.recipient in message.delivered:
                raise Fail("a message was delivered twice to %s" % file.recipient)
            message.delivered.add(file.recipient)
            message.found[file.recipient] = file.transport
            message.senders.add(file.sender)
            message.contents.append(file.content)
    for attempt in look.attempts:
        message = by_id.get(attempt["message_id"])
        if message and "/" in str(attempt.get("route")):
            if attempt["event"] != "delivery.sent":
                raise Fail("mail for %s did not get into %s: %s" % (attempt["rcpt_to"], attempt["route"], attempt.get("reply")))
            continue  # its copy must be in the folder
        if message and attempt["event"] != "delivery.deferred":
            message.delivered.add(attempt["rcpt_to"])
            message.found.setdefault(attempt["rcpt_to"], way_of(str(attempt.get("route"))))
    for entry in look.queue:
        if entry["id"] in by_id:
            waiting(site, by_id[entry["id"]], entry)
    for message in messages:
        message.check()
    return messages


def told(site, message):
    """What the trace says about the envelope."""
    trace = message.line.get("trace")
    if not trace:
        raise Fail("message.accepted without a trace: %s" % message.line)
    for copy in explanation(site, trace).get("copies") or []:
        transports = copy.get("transports") or {}
        for recipient in [] if copy.get("to_nobody") else copy.get("sent_to") or copy["recipients"]:
            told = transports.get(recipient.lower(), "")
            way, _, target = told.partition(":")
            message.claims[recipient] = way + ":" + plain(target) if target else told or None
        if copy.get("sender") is not None:
            message.senders.add(copy["sender"])


def link(messages, look, reports):
    """Which stored messages an accepted one became: the log's own word, the queue's trace, the reply, else the order of their ids."""
    for message in messages:
        reply = QUEUED_AS.search(str(message.line.get("reply", "")))
        message.ids |= {i for i in (message.line.get("message_id"), reply and reply.group(1)) if i}
        message.ids |= {e["id"] for e in look.queue if e.get("trace_id") and e["trace_id"] == message.line["trace"]}
    known = {i for m in messages for i in m.ids} | reports
    stored = {e["id"] for e in look.queue} | {f.id for f in look.files}
    if None in stored:
        raise Fail("a delivered message has no Received field with the id of the queue")
    rest = sorted(stored - known)
    without = [m for m in messages if not m.ids]
    if len(rest) > len(without):
        raise Fail("stored messages that nobody was told are accepted: %s" % rest)
    if len(rest) == len(without):
        for message, ident in zip(without, rest):
            message.ids.add(ident)
    elif rest:
        raise Fail("it cannot be told which accepted message became %s" % rest)


def waiting(site, message, entry):
    """A message in the queue."""
    message.senders.add(entry["sender"])
    message.contents.append(octets(site, entry["id"]))
    for recipient in entry["recipients"]:
        address, kind, _, key = recipient["address"], *recipient["destination"].partition(":")
        message.states[address] = (recipient["state"], recipient.get("quarantine"))
        message.claims.setdefault(address, None)
        if kind == "local" and recipient["state"] == "delivered":
            continue  # its copy must be in the folder
        where = {"relay": way_of(key), "local": local_way(key)}.get(kind, kind)
        if message.found.get(address) not in (None, where):
            raise Fail("mail for %s went %s, and waits to go %s" % (address, message.found[address], where))
        message.found[address] = where


def local_way(key):
    return "maildir" if "/%s/" % MAILDIR in key else "mbox" if "/%s/" % MBOX in key else "deliver"


def own_received_removed(content):
    """The message without the field that the gateway put on top."""
    text = content.decode("utf-8", "surrogateescape")
    head, sep, body = text.partition("\r\n\r\n")
    fields = re.split(r"\r\n(?![ \t])", head)
    for index, field in enumerate(fields):
        if field.lower().startswith("received:") and ID.search(field):
            del fields[index]
            break
    return "\r\n".join(fields) + sep + body
