"""The SMTP sessions of a case, one behind the other."""
import base64
import re

from harness.cases import Fail, short, wanted
from players.lua.wire import Wire

CLIENT = "203.0.113.9"
EXPECT = frozenset(["code", "enhanced", "text"])


def as_list(value):
    return value if isinstance(value, list) else [value]


def judge(expect, reply, what):
    """`reply` is a lua.match.Reply."""
    text = " ".join(reply.text_of(i) for i in range(len(reply.texts)))
    if len(set(reply.codes)) != 1:
        raise Fail("%s: the lines of one reply have several codes: %s" % (what, reply.show()))
    if "code" in expect and not any(re.fullmatch(code.replace("x", r"\d"), str(reply.code)) for code in as_list(expect["code"])):
        raise Fail(wanted(what + ": code", expect["code"], reply.show()))
    if expect.get("enhanced") is not None and (reply.enhanced or "") not in as_list(expect["enhanced"]):
        raise Fail(wanted(what + ": enhanced code", expect["enhanced"], reply.show()))
    if "text" in expect and not re.search(expect["text"], text):
        raise Fail(wanted(what + ": text", expect["text"], reply.show()))


class Session:
    def __init__(self, site, number, session):
        self.port, self.number, self.session, self.wire = site.tls_port if session.get("tls") else site.port, number, session, None
        self.accepted = 0  # messages whose last reply was positive

    def play(self):
        """-> how many messages the server took"""
        where = "connection"
        try:
            self.connect()
            try:
                for index, step in enumerate(self.session["steps"]):
                    where = "step %d" % index
                    self.step(step)
                where = "behind the last step"
                if self.wire.buffer:
                    raise Fail("the server spoke unasked: %r" % self.wire.buffer[:200])
            finally:
                self.wire.close()
        except Fail as e:
            raise type(e)("session %d, %s: %s" % (self.number, where, e)) from None
        return self.accepted

    def connect(self):
        self.wire = Wire(self.port)
        client = self.session.get("client_ip", CLIENT)
        family, own = ("TCP6", "2001:db8::25") if ":" in client else ("TCP4", "192.0.2.25")
        self.wire.send(("PROXY %s %s %s %d 25\r\n" % (family, client, own, self.session.get("client_port", 40000))).encode())
        if self.session.get("tls"):
            self.wire.handshake()

    def step(self, step):
        if step.get("closed"):
            self.ends()
        elif step.get("starttls"):
            self.said(b"STARTTLS", {"code": "220"}, "STARTTLS")
            self.wire.handshake()
        elif step.get("banner"):
            judge(step.get("expect", {}), self.wire.whole_reply(), "greeting")
        elif "send" in step:
            self.said(step["send"].encode("utf-8"), step.get("expect", {}), short(step["send"], 80))
        elif "auth_plain" in step:
            user, password = step["auth_plain"]
            self.said(b"AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (user, password)).encode("utf-8")), step.get("expect", {}), "AUTH PLAIN as %r" % user)
        else:
            lines = ["." + line if line.startswith(".") else line for line in step["data"]]
            reply = self.said("\r\n".join([*lines, "."]).encode("utf-8"), step.get("expect", {}), "end of data")
            self.accepted += reply.code // 100 == 2

    def said(self, line, expect, what):
        self.wire.say(line + b"\r\n")
        reply = self.wire.whole_reply()
        judge(expect, reply, what)
        return reply

    def ends(self):
        self.wire.wait_closed()
        if self.wire.buffer:
            raise Fail("the server spoke before it closed: %r" % self.wire.buffer[:200])
