"""The SMTP conversations of a case: one behind the other, or side by side, step by step."""
import base64
import concurrent.futures
import itertools
import re
import sqlite3
import threading
import time

from harness.cases import Fail, FormatError, short
from harness.waiting import PATIENCE
from players.lua import match
from players.lua.wire import Closed, Wire

GREETING = {"code": 220}


class Talk:
    """What the sessions of a case share."""

    def __init__(self, site, symbols):
        self.site, self.symbols = site, symbols
        self.labels, self.lock, self.signals = {}, threading.Lock(), {}
        self.heard = []  # the octets of every reply
        self.accepted = 0  # messages whose last reply was positive
        self.sent = set()  # lines of messages, as sent by the client

    def play(self, sessions):
        numbered = enumerate(sessions)
        for _, group in itertools.groupby(numbered, key=lambda item: ("together", item[1]["parallel"]) if "parallel" in item[1] else ("alone", item[0])):
            group = list(group)
            with concurrent.futures.ThreadPoolExecutor(len(group)) as pool:
                for future in [pool.submit(Session(self, number, session).play) for number, session in group]:
                    future.result()

    def signal(self, name):
        with self.lock:
            return self.signals.setdefault(name, threading.Event())


class Session:
    def __init__(self, talk, number, session):
        self.talk, self.number, self.session = talk, number, session
        self.wire, self.code = None, None  # the code of the last reply to a step without condition

    def play(self):
        where = "greeting"
        try:
            self.wire = Wire(self.talk.site.port, self.session.get("peer", "127.0.0.1"), self.talk.site.postern.cpu_seconds)
            try:
                self.judge(self.wire.whole_reply(), self.session.get("banner", GREETING), where)
                for index, step in enumerate(self.session["steps"]):
                    where = "step %d" % index
                    if "if_code" in step and step["if_code"] != self.code:
                        continue
                    if not self.step(step):
                        return
                where = "behind the last step"
                if self.wire.buffer and not self.wire.sent_garbage:
                    raise Fail("the server spoke unasked: %r" % self.wire.buffer[:200])
            finally:
                self.wire.close()
        except Fail as e:
            raise type(e)("session %d, %s: %s" % (self.number, where, e)) from None

    def step(self, step):
        """Plays one; false when the session ends here with success."""
        for action in ACTIONS:
            if action in step:
                return ACTIONS[action](self, step) is not False
        raise FormatError("unknown step %s" % sorted(step))

    def judge(self, reply, wanted, what):
        with self.talk.lock:
            self.talk.heard.append(reply.octets)
        if match.judge(wanted, reply, self.talk.symbols, self.talk.labels, what):
            self.wire.ends()

    def answer(self, step, what, wanted=None):
        """The reply to what was said; -> its code"""
        reply = self.wire.whole_reply()
        if "if_code" not in step:
            self.code = reply.code
        self.judge(reply, wanted or step.get("s", {}), what)
        return reply.code

    # ------------------------------------------------------------ steps
    def command(self, step):
        self.wire.say(step["c"].encode("utf-8") + b"\r\n")
        self.answer(step, short(step["c"], 80))

    def raw(self, step):
        self.wire.say(step["raw"].encode("utf-8"))
        self.answer(step, short(step["raw"], 80))

    def expect(self, step):
        self.wire.start()
        self.answer(step, "one more reply", step["expect"])

    def auth(self, step):
        auth = step["auth"]
        word = base64.b64encode("\0".join((auth["authz"], auth["authc"], auth["password"])).encode("utf-8"))
        what = "AUTH PLAIN as %r" % auth["authc"]
        if auth["initial"]:
            self.wire.say(b"AUTH PLAIN " + word + b"\r\n")
            self.answer(step, what)
            return
        self.wire.say(b"AUTH PLAIN\r\n")
        reply = self.wire.whole_reply()
        with self.talk.lock:
            self.talk.heard.append(reply.octets)
        if reply.code != 334:
            if "if_code" not in step:
                self.code = reply.code
            self.judge(reply, step["s"], what + " without initial response")
            return
        if [text.strip(" ") for text in reply.texts] != [""]:
            raise Fail("%s: the text of the 334 is not empty: %s" % (what, reply.show()))
        self.wire.say(word + b"\r\n")
        self.answer(step, what)

    def data(self, step):
        self.wire.say(b"DATA\r\n")
        self.answer(step, "DATA", {"code": 354})
        text = re.sub(r"\r?\n", "\r\n", step["data"])
        if not text.endswith("\r\n"):
            text += "\r\n"
        with self.talk.lock:
            self.talk.sent.update(text.encode("utf-8").split(b"\r\n"))
        self.wire.say(re.sub(r"(?m)^\.", "..", text).encode("utf-8") + b".\r\n")
        reply = self.wire.whole_reply()
        if "if_code" not in step:
            self.code = reply.code
        with self.talk.lock:
            self.talk.accepted += reply.code // 100 == 2
        self.judge(reply, step["s"], "end of data")

    def tls(self, step):
        if step["tls"] == "garbage":
            self.wire.garbage()
        elif step["tls"] == "handshake":
            try:
                self.wire.handshake()
            except Closed:
                if step.get("or_closed"):
                    return False
                raise
        else:
            raise FormatError("unknown tls %r" % step["tls"])
        return True

    def closed(self, step):
        self.wire.ends()

    def sleep(self, step):
        time.sleep(step["sleep_ms"] / 1000)

    def sql(self, step):
        with sqlite3.connect(self.talk.site.work / step["sql"]["db"], timeout=PATIENCE) as db:
            db.executescript(step["sql"]["exec"])
        db.close()

    def signal(self, step):
        self.talk.signal(step["signal"]).set()

    def wait(self, step):
        if not self.talk.signal(step["wait"]).wait(PATIENCE):
            raise Fail("the signal %s did not come" % step["wait"])


ACTIONS = {"c": Session.command, "raw": Session.raw, "expect": Session.expect, "auth": Session.auth, "data": Session.data, "tls": Session.tls,
           "closed": Session.closed, "sleep_ms": Session.sleep, "sql": Session.sql, "signal": Session.signal, "wait": Session.wait}
