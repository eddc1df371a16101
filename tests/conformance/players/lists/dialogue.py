"""Plays one dialogue of the suite, step by step, and stops at the first step that differs."""
import re
import select
import ssl
import time

from harness import smtp
from harness.cases import Fail, wanted
from harness.waiting import PATIENCE

# Replies after which the measurement waited a second for the connection to end.
LAST_WORDS = (221, 421, 521)
REFUSAL_OF_AN_OBSOLETE_KEYWORD = {"code": 451, "enhanced": "4.3.5"}


class Difference(Fail):
    """The first step whose reply was not the expected one."""

    def __init__(self, index, what, expected, got, reply):
        self.index, self.what, self.expected, self.got = index, what, expected, got
        super().__init__("step %d: %s" % (index, wanted(what, show(expected), "%s%s" % (show(got), ": " + reply if reply else ""))))


class TooSlow(Fail):
    """A reply came later than the case says. A busy machine does that too, but not each time."""


def show(expect):
    """An `expect` in one line: 554 5.7.1, closed"""
    words = [str(expect[k]) for k in ("code", "enhanced") if k in expect]
    return " ".join(words) + ("" if not expect.get("closed") else (", " if words else "") + "closed") or "nothing"


def name(step):
    return step.get("event") or step.get("send") or step.get("pipelined") or "the message"


class Dialogue:
    def __init__(self, port, case, certificates, obsolete=False):
        """`obsolete`: the case shows a keyword that newer versions refuse where it is evaluated, which is as right."""
        self.steps, self.certificate, self.obsolete = case["dialogue"], certificates.get(case.get("client_cert")), obsolete
        self.client = smtp.Client(port)
        self.client.proxy(case["client"]["addr"])

    def play(self):
        try:
            number = 0
            while number < len(self.steps):
                run = self.run_at(number)
                began = time.monotonic()
                self.say(run)
                for i, step in enumerate(run):
                    self.hear(number + i, step, began, within_run=i + 1 < len(run))
                number += len(run)
        finally:
            self.client.close()

    def run_at(self, number):
        """The steps that go out in one write: consecutive `pipelined` ones, else one step."""
        end = number
        while end < len(self.steps) and "pipelined" in self.steps[end]:
            end += 1
        return self.steps[number:max(end, number + 1)]

    def say(self, run):
        step = run[0]
        if "body" in step:
            lines = [*step["body"], "."]
        else:
            lines = [s["pipelined"] for s in run if "pipelined" in s] or ([step["send"]] if "send" in step else [])
        if lines:
            self.client.send("".join(line + "\r\n" for line in lines).encode("utf-8"))

    def hear(self, index, step, began, within_run):
        expect = {k: step["expect"][k] for k in ("code", "enhanced", "closed") if step["expect"].get(k)}
        try:
            lines = self.client.reply()
        except Fail:
            if not self.client.closed or self.client.buffer:
                raise
            if expect != {"closed": True}:
                raise Difference(index, name(step), expect, {"closed": True}, "") from None
            return
        took = time.monotonic() - began
        for key, right, error in (("min_seconds", took >= step.get("min_seconds", 0), Fail), ("max_seconds", took <= step.get("max_seconds", took), TooSlow)):
            if not right:
                raise error("step %d: %s" % (index, wanted(name(step), "%s %s" % (key, step[key]), "a reply after %.1f s" % took)))
        got, last = observed(lines), index == len(self.steps) - 1
        to_tls = name(step).upper() == "STARTTLS" and got["code"] == 220
        if to_tls:
            # `closed` after this reply is random in the suite: its measurement took the first TLS
            # record for the end of the connection.
            expect.pop("closed", None)
            self.start_tls(index)
        elif within_run or ("event" in step and not last and not expect.get("closed")):
            pass  # here the suite reports the end of the connection with the next step
        elif expect.get("closed") or last or got["code"] in LAST_WORDS:
            if self.ends(PATIENCE if expect.get("closed") else 2.0 if got["code"] in LAST_WORDS else 0.0):
                got["closed"] = True
        if got != expect and not (self.obsolete and got == REFUSAL_OF_AN_OBSOLETE_KEYWORD):
            raise Difference(index, name(step), expect, got, " / ".join(lines))

    def start_tls(self, index):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        self.client.sock.settimeout(smtp.REPLY_SECONDS)
        try:
            self.client.sock = context.wrap_socket(self.client.sock)
        except OSError as e:
            raise Fail("step %d: TLS handshake: %s" % (index, e)) from None

    def ends(self, patience):
        """Whether the server closes the connection; what it says unasked stays in the buffer."""
        if self.client.buffer:
            return False
        ready, _, _ = select.select([self.client.sock], [], [], patience)
        if not ready:
            return False
        try:
            self.client.receive(patience + 0.1)
        except Fail:
            return False  # a TLS record without data
        return self.client.closed and not self.client.buffer


def observed(lines):
    """Code and enhanced code, as the suite's measurement reads them: off the last line."""
    got = {"code": int(lines[-1][:3])}
    enhanced = re.match(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)", lines[-1][4:])
    if enhanced:
        got["enhanced"] = enhanced.group(1)
    return got


