"""Byte-exact SMTP cases ("postern-attack/1"), scored strictly: safe but not Postern's exact behaviour is a failure."""
import base64
import contextlib
import re
import socket
import struct
import time

from harness.cases import Fail, FormatError, known
from harness.waiting import PATIENCE, is_too_long, quiet, until
from players.attacks.sites import USERS, judge_alive
from players.attacks.smtp_wire import Connection

ORDER = ("greet", "ehlo", "mail", "rcpt", "data")
PREAMBLE = {"greet": (None, "220"), "ehlo": ("EHLO ${helo}\r\n", "250"), "mail": ("MAIL FROM:<${from}>\r\n", "250"),
            "rcpt": ("RCPT TO:<${rcpt}>\r\n", ["250", "251", "252"]), "data": ("DATA\r\n", "354")}
SETTLE_SECONDS = 0.5


MEMBERS = frozenset("id kind title refs profile needs slow tls phase segments steps sequence expect postern note".split())
BYTES = frozenset(["hex", "text", "parts", "times"])
SEGMENT = BYTES | {"read", "timeout", "code", "note"}
STEPS = {"send": BYTES, "expect": frozenset("code timeout match nomatch end_if fatal".split()), "collect": frozenset(["quiet", "max"]), "starttls": frozenset(),
         "sleep": frozenset(["s"]), "shut": frozenset(), "rst": frozenset(), "reconnect": frozenset(), "drip": BYTES | {"interval", "max"},
         "many": frozenset(["n", "hold", "max_220"])}
JUDGED = frozenset("accepted after last max_replies closed alive max_secs rss_max_mb raw_absent note".split())


def check(entry):
    """What the player does not know must not pass unnoticed."""
    name = entry["id"]
    known(entry, MEMBERS, name, FormatError)
    known(entry["expect"], JUDGED, name + ": expect", FormatError)
    known(entry.get("postern", {}), JUDGED | {"text"}, name + ": postern", FormatError)
    if entry.get("phase", "greet") not in ORDER:
        raise FormatError("%s: unknown phase %r" % (name, entry["phase"]))
    for segment in entry.get("segments", []):
        known(segment, SEGMENT, name + ": a segment", FormatError)
    for step in entry.get("steps", []):
        do = step.get("do", "send")
        if do not in STEPS:
            raise FormatError("%s: unknown step %r" % (name, do))
        known(step, STEPS[do] | {"do", "note"}, "%s: %s" % (name, do), FormatError)
    if not entry.get("segments") and not entry.get("steps"):
        raise FormatError("%s: there is nothing to do" % name)


def needs(entry):
    return frozenset()


def slow(entry):
    return bool(entry.get("slow"))


def code_ok(code, allowed):
    """Whether a reply code is one of CODES ("5xx" is a class)."""
    for a in [allowed] if isinstance(allowed, str) else allowed:
        if a in ("any", code):
            return True
        if len(a) == 3 and a[1:] == "xx" and len(code) == 3 and code.isdigit() and code[0] == a[0]:
            return True
    return False


def accepted_count(codes):
    """Messages taken: every 354 whose next reply is a 2xx."""
    return sum(1 for a, b in zip(codes, codes[1:]) if a == "354" and b[0] == "2")


class Stop(Exception):
    """The dialogue ends here."""


class Dialogue:
    def __init__(self, site, document, entry, source):
        self.site, self.entry, self.source = site, entry, source
        values = {"helo": "client.attacker.test", **document.get("vars", {})}
        values["rcpt_domain"] = values["rcpt"].split("@")[-1]
        name, password = next(iter(USERS.items()))
        values["auth_plain"] = base64.b64encode(("\0%s\0%s" % (name, password)).encode()).decode()
        self.values, self.errors, self.ended = values, [], {}

    def octets(self, spec):
        if "hex" in spec:
            data = bytes.fromhex(spec["hex"])
        elif "parts" in spec:
            data = b"".join(self.octets(part) for part in spec["parts"])
        else:
            data = self.sub(spec.get("text", "")).encode("utf-8", "surrogateescape")
        return data * int(spec.get("times", 1))

    def sub(self, text):
        return re.sub(r"\$\{(\w+)\}", lambda m: str(self.values.get(m.group(1), m.group(0))), text)

    # ------------------------------------------------------------ playing
    def play(self):
        """Errors against "expect"; self.ended holds what judge_exact looks at."""
        self.connection = self.connect()
        began, computed = time.monotonic(), self.site.postern.cpu_seconds()
        try:
            if "phase" in self.entry:
                self.preamble(self.entry["phase"])
            self.mark = len(self.connection.replies)
            for segment in self.entry.get("segments", []):
                self.segment(segment)
            try:
                for step in self.entry.get("steps", []):
                    self.step(step)
            except Stop:
                pass
            self.judge(self.entry["expect"])
        finally:
            self.connection.close()
        limit, took = wants(self.entry).get("max_secs"), time.monotonic() - began
        if limit and is_too_long(limit, took, self.site.postern.cpu_seconds() - computed):
            self.errors.append("took %.1f s, limit %s s" % (took, limit))

    def connect(self):
        return Connection(self.site.port, self.source, self.entry.get("tls", False), self.site.postern.cpu_seconds)

    def preamble(self, upto):
        for name in ORDER[: ORDER.index(upto) + 1]:
            command, want = PREAMBLE[name]
            if command is not None:
                self.connection.send(self.sub(command).encode())
            code, lines = self.connection.reply(30)
            if not code_ok(code, want):
                raise Fail("on the way to the attack: %r: expected %s, got %s %s" % (command, want, code, lines))

    def segment(self, segment):
        connection = self.connection
        connection.send(self.octets(segment))
        read = segment.get("read", "none")
        if read == "reply":
            connection.reply(segment.get("timeout", 30))
        elif read == "quiet":
            while connection.reply(segment.get("timeout", 1.0))[0] not in ("none", "closed"):
                pass
        elif read.startswith("sleep:"):
            time.sleep(float(read[6:]))
        elif read != "none":
            raise Fail("the case has the unknown read %r" % read)
        if "code" in segment:
            got = connection.replies[-1][0] if len(connection.replies) > self.mark else self.silence()
            if not code_ok(got, segment["code"]):
                self.errors.append("segment: expected %s, got %s" % (segment["code"], got))

    def silence(self):
        return "closed" if self.connection.eof else "none"

    def step(self, step):
        do = step.get("do", "send")
        handler = getattr(self, "do_" + do, None)
        if handler is None:
            raise Fail("the case has the unknown step %r" % do)
        handler(step)

    def do_send(self, step):
        self.connection.send(self.octets(step))

    def do_expect(self, step):
        code, lines = self.connection.reply(step.get("timeout", 30))
        if not code_ok(code, step["code"]):
            self.errors.append("reply: expected %s, got %s (%s)" % (step["code"], code, (lines or [""])[-1][:80]))
            if code in ("closed", "none") or step.get("fatal"):
                raise Stop
        text = "\n".join(lines)
        if "match" in step and not re.search(step["match"], text):
            self.errors.append("reply text lacks /%s/: %r" % (step["match"], text[:200]))
        if "nomatch" in step and re.search(step["nomatch"], text):
            self.errors.append("reply text has /%s/: %r" % (step["nomatch"], text[:200]))
        if step.get("end_if") and code_ok(code, step["end_if"]):
            raise Stop

    def do_collect(self, step):
        for _ in range(step.get("max", 1000)):
            if self.connection.reply(step.get("quiet", 1.5))[0] in ("none", "closed"):
                break

    def do_starttls(self, step):
        try:
            self.connection.start_tls()
        except (OSError, ValueError):
            self.connection.close()
            self.connection.eof = True

    def do_sleep(self, step):
        time.sleep(step["s"])

    def do_drip(self, step):
        data, began = self.octets(step), time.monotonic()
        for i in range(len(data)):
            if time.monotonic() - began > step.get("max", 30) or self.connection.eof:
                break
            self.connection.send(data[i:i + 1])
            if self.connection.reply(step.get("interval", 0.5))[0] in ("closed", "421", "451", "554"):
                break

    def do_shut(self, step):
        try:
            self.connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def do_rst(self, step):
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.connection.eof = True

    def do_reconnect(self, step):
        self.connection.close()
        self.connection = self.connect()

    def do_many(self, step):
        """n silent connections at once; how each was greeted."""
        socks, seen = [], {}
        for _ in range(step["n"]):
            try:
                source = (self.source, 0) if self.source else None
                socks.append(socket.create_connection(("127.0.0.1", self.site.port), timeout=PATIENCE, source_address=source))
            except OSError:
                seen["refused"] = seen.get("refused", 0) + 1
        end = time.monotonic() + step.get("hold", 3)
        for sock in socks:
            sock.settimeout(max(0.05, min(2, end - time.monotonic())) if seen else PATIENCE)
            try:
                word = sock.recv(512)[:3].decode("latin-1") or "closed"
            except TimeoutError:
                word = "silent"
            except OSError:
                word = "closed"
            seen[word] = seen.get(word, 0) + 1
        for sock in socks:
            sock.close()
        time.sleep(0.5)
        if "max_220" in step and seen.get("220", 0) > step["max_220"]:
            self.errors.append("%d parallel sessions greeted, limit %d" % (seen["220"], step["max_220"]))
        if "max_220" in step and not seen.get("220"):
            self.errors.append("none of %d parallel sessions was greeted: %s" % (step["n"], seen))

    # ------------------------------------------------------------ judging
    def judge(self, expect):
        """Safety: what any good server does."""
        connection = self.connection
        codes = [r[0] for r in connection.replies]
        after = codes[self.mark:]
        self.ended = {"accepted": accepted_count(codes), "after": after, "closed": connection.eof,
                      "text": (connection.replies[-1][1] or [""])[-1] if connection.replies else ""}
        self.judge_replies(expect, "")
        self.judge_end(expect, "")

    def judge_end(self, expect, prefix):
        """How many replies came, and the state of the connection."""
        connection, after = self.connection, self.ended["after"]
        if "max_replies" in expect and len(after) > expect["max_replies"]:
            self.errors.append("%s%d replies after the attack, limit %d (%s)" % (prefix, len(after), expect["max_replies"], ",".join(after[:8])))
        if expect.get("closed") is True and not connection.eof:
            code = connection.reply(PATIENCE)[0]
            while code not in ("none", "closed"):
                code = connection.reply(PATIENCE)[0]
            if code != "closed":
                self.errors.append(prefix + "connection still open")
        if expect.get("closed") is False and connection.eof:
            self.errors.append(prefix + "connection was closed")
        if "raw_absent" in expect and re.search(expect["raw_absent"].encode("latin-1"), connection.raw_in):
            self.errors.append("%sserver output has /%s/" % (prefix, expect["raw_absent"]))

    def judge_replies(self, expect, prefix):
        after, closed = self.ended["after"], self.ended["closed"]
        if "accepted" in expect:
            low, high = expect["accepted"]
            if not low <= self.ended["accepted"] <= high:
                self.errors.append("%saccepted %d messages, expected %d..%d" % (prefix, self.ended["accepted"], low, high))
        for i, want in enumerate(expect.get("after", [])):
            got = after[i] if i < len(after) else self.silence()
            if not code_ok(got, want):
                self.errors.append("%sreply %d: expected %s, got %s (%s)" % (prefix, i + 1, want, got, ",".join(after[:8])))
                break
        if "last" in expect:
            got = after[-1] if after else self.silence()
            if not (code_ok(got, expect["last"]) or (closed and code_ok("closed", expect["last"]))):
                self.errors.append("%slast reply: expected %s, got %s (%s)" % (prefix, expect["last"], got, self.ended["text"][:80]))

    def judge_exact(self, exact):
        """What Postern must do exactly."""
        self.judge_replies(exact, "exact: ")
        self.judge_end(exact, "exact: ")
        if "text" in exact and not re.search(exact["text"], self.ended["text"][:120]):
            self.errors.append("exact: last reply %r lacks /%s/" % (self.ended["text"][:120], exact["text"]))


def wants(entry):
    """What is judged behind the dialogue; the exact block is narrower than the safety block where it names the same member."""
    return {**entry["expect"], **entry.get("postern", {})}


def capabilities(port, source, implicit_tls=False):
    """The EHLO keywords of a fresh session, and those that come inside TLS."""
    connection = Connection(port, source, implicit_tls)
    try:
        code, lines = connection.reply(30)
        if code != "220":
            raise Fail("greeting: expected 220, got %s %s" % (code, lines))
        connection.send(b"EHLO probe.attacker.test\r\n")
        lines = connection.reply(30)[1]
        connection.send(b"QUIT\r\n")
        connection.reply(2)
        return {line[4:].split()[0].upper() for line in lines[1:] if line[4:].strip()}
    finally:
        connection.close()


def alive(port, source, limit=PATIENCE, implicit_tls=False):
    """A fresh connection is greeted and answers NOOP."""
    try:
        connection = Connection(port, source, implicit_tls)
    except OSError:
        return False
    try:
        greeted = connection.reply(limit)[0] == "220"
        connection.send(b"NOOP\r\n")
        answered = connection.reply(limit)[0] in ("250", "503", "500", "502")
        connection.send(b"QUIT\r\n")
        connection.reply(2)
        return greeted and answered
    finally:
        connection.close()


def play(sites, document, entry):
    profile = entry.get("profile", "default")
    implicit_tls = bool(entry.get("tls"))
    site = sites.get(profile, implicit_tls)
    start = site.postern.starts
    rcpt = document["vars"]["rcpt"]
    site.sink(rcpt, profile)
    source = site.client_address(profile)
    missing = [n for n in entry.get("needs", []) if n.upper() not in capabilities(site.port, source, implicit_tls) and n != "user"]
    if missing:
        raise Fail("EHLO does not offer %s" % ", ".join(missing))
    before, memory = site.receiver.count("/sink"), site.postern.rss_mb()
    dialogue = Dialogue(site, document, entry, source)
    try:
        dialogue.play()
    except OSError as e:
        dialogue.errors.append("socket: %s" % e)
    except Fail as e:
        dialogue.errors.append(str(e))
    judge_aftermath(site, dialogue, source, before, memory)
    if "postern" in entry and dialogue.ended:
        dialogue.judge_exact(entry["postern"])
    judge_alive(site, start, "; ".join(dialogue.errors) or None)


def judge_aftermath(site, dialogue, source, before, memory):
    """What can be seen only when the dialogue is over: deliveries, memory, life."""
    expect, errors = wants(dialogue.entry), dialogue.errors
    if "accepted" in expect:
        low, high = expect["accepted"]
        with contextlib.suppress(Fail):
            until("deliveries", lambda: site.receiver.count("/sink") - before >= low)
        quiet(SETTLE_SECONDS, site.postern.cpu_seconds)  # one too many would come soon
        delivered = site.receiver.count("/sink") - before
        if not low <= delivered <= high:
            errors.append("%d messages delivered, expected %d..%d" % (delivered, low, high))
    if "rss_max_mb" in expect and memory is not None:
        grown = (site.postern.rss_mb() or memory) - memory
        if grown > expect["rss_max_mb"]:
            errors.append("resident memory grew by %.0f MiB, limit %s" % (grown, expect["rss_max_mb"]))
    if expect.get("alive", True) and not alive(site.port, source, implicit_tls=bool(dialogue.entry.get("tls"))):
        errors.append("the server does not answer a fresh connection")
