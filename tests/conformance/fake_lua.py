#!/usr/bin/env python3
"""A stand-in for a Postern with a Lua policy, only as large as the self-test of the player needs. It runs no Lua: the one user is scott, whose
password is tiger or what Vault says; a policy with "!!" in it does not load, nothing@ is refused at RCPT, and end@ with 421.

FAKE_FAULT makes it do one thing wrong:
  bad-code, bad-enhanced   a wrong password is 550, is 5.7.9       oracle        an unknown user gets words of its own
  slow, chatty, cut        NOOP takes its time, has two replies, ends the connection
  no-code, bare-lf         lines that are no reply                 bell, codes   a control character, two codes in one reply
  stays                    nothing is ever closed                  says-more     words behind the 421
  challenge                the 334 has a text                      no-challenge  AUTH without initial response is 504
  answers-ahead, keeps-ahead  what stands behind STARTTLS is answered at once, or inside TLS
  lost, twice, refused-delivered, altered   mail that is accepted does not arrive, does so twice; refused mail arrives; a header is changed
  no-log, no-trace, no-copies, no-meta, other-meta, more-meta, other-recipient     what is told of accepted mail
  loads-all, serves-all    a broken policy is served; `check` alone refuses it           refuses-all   every policy is refused
  other-line, no-words, opens-first, late     of the refusal                             no-warning, quiet
  leak-PLACE               the password is in: log reply metrics api trace queue mail file check work
  vault-raw, vault-twice   the user's name is not encoded; asked twice                   makes-file    the missing database is made
  dies                     at the end of data
"""
import base64
import http.server
import json
import os
import pathlib
import re
import socketserver
import sqlite3
import ssl
import sys
import threading
import time
import tomllib
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import fake_postern  # noqa: E402
from harness import smtp  # noqa: E402

FAULT = os.environ.get("FAKE_FAULT", "")
SECRET = "tiger"
written = threading.Lock()


def leak(place):
    return " " + SECRET if FAULT == "leak-" + place else ""


def log(event, level="info", **fields):
    with written:
        print(json.dumps({"level": level, "event": event, **fields}), file=sys.stderr, flush=True)


def trouble(config):
    """What a check of the policy says, line by line; and whether it may be served."""
    path = pathlib.Path(config["lua"]["policy"])
    lines = path.read_text(encoding="utf-8").splitlines()
    broken = [number for number, line in enumerate(lines, 1) if "!!" in line]
    if FAULT == "refuses-all":
        return ["error: %s:1: I do not like it" % path], False
    if broken and FAULT != "loads-all":
        if FAULT == "late":
            time.sleep(11)
        return ["error: %s:%d: near '!!'" % (path, broken[0] + (FAULT == "other-line"))] if FAULT != "no-words" else [], False
    return ["warning: %s:1: nobody fires `typo`" % path] if "typo" in lines[0] and FAULT != "no-warning" else [], True


def right(user, password):
    address = os.environ.get("VAULT_ADDR")
    if not address:
        return user == "scott" and password == SECRET
    path = urllib.parse.quote(user, safe="/.?" if FAULT == "vault-raw" else "")
    for _ in range(2 if FAULT == "vault-twice" else 1):
        request = urllib.request.Request(address + "/v1/secret/data/smtp-auth/" + path, headers={"X-Vault-Token": "t"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                known = json.load(answer)["data"]["data"]["key"]
        except OSError:
            known = None
    return known is not None and known == password


class Api(fake_postern.Api):
    def do_GET(self):
        if self.path == "/metrics":
            return self.answer(200, {"metrics": leak("metrics")})
        if self.path.startswith("/api/v1/"):
            return self.answer(200, {"data": [leak("api")]})
        return super().do_GET()


class Traces:
    """Also what `postern explain` reads."""

    def __init__(self, data):
        self.path = data / "traces.db"

    def open(self):
        db = sqlite3.connect(self.path, timeout=10)
        db.execute("CREATE TABLE IF NOT EXISTS trace (id TEXT, record TEXT)")
        return db

    def add(self, ident, record):
        with self.open() as db:
            db.execute("INSERT INTO trace VALUES (?, ?)", (ident, json.dumps(record)))

    def get(self, ident):
        return json.loads(self.open().execute("SELECT record FROM trace WHERE id = ?", (ident,)).fetchone()[0])


class Smtp(socketserver.StreamRequestHandler):
    def say(self, text, end="\r\n"):
        self.wfile.write(text.encode() + end.encode())

    def handle(self):
        self.user, self.tls, self.sender, self.recipients = None, False, None, []
        self.say("220 mx.test.example ESMTP")
        while line := self.rfile.readline(70000):
            word = line.decode("latin-1").rstrip("\r\n")
            verb = word.split(" ")[0].upper()
            command = getattr(self, "on_" + verb.lower(), None)
            if command is None:
                self.say("500 5.5.2 what")
            elif command(word) == "end":
                if FAULT == "stays":
                    self.rfile.readline()
                return

    def on_ehlo(self, word):
        self.say("250-mx.test.example\r\n250-PIPELINING\r\n250 " + ("AUTH PLAIN" if self.tls else "STARTTLS"))

    def on_starttls(self, word):
        self.say("220 2.0.0 go on")
        if FAULT == "answers-ahead":
            self.say("250 2.0.0 ok")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["FAKE_CERTIFICATE"])
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            return "end"
        self.rfile, self.wfile, self.tls = self.connection.makefile("rb"), self.connection.makefile("wb", 0), True
        if FAULT == "keeps-ahead":
            self.sender = "ahead@client.example"
        return None

    def on_noop(self, word):
        while FAULT == "slow" and time.process_time() < 2:
            pass
        if FAULT == "cut":
            return "end"
        if FAULT in ("no-code", "bare-lf"):
            self.say("fine" if FAULT == "no-code" else "250 2.0.0 ok", "\n")
            return None
        self.say("250 2.0.0 ok" + ("\r\n250 2.0.0 and ok" if FAULT == "chatty" else ""))
        return None

    def on_auth(self, word):
        words = word.split(" ")
        if len(words) < 3:
            self.say("504 5.5.4 no" if FAULT == "no-challenge" else "334 speak" if FAULT == "challenge" else "334 ")
            if FAULT == "no-challenge":
                return
            words.append(self.rfile.readline().decode().strip())
        _, user, password = base64.b64decode(words[2]).decode().split("\0")
        if right(user, password):
            self.user = user
            self.say("235 2.7.0 welcome")
        elif FAULT == "oracle" and user != "scott":
            self.say("535 5.7.8 who is that")
        else:
            code = "550 5.7.8" if FAULT == "bad-code" else "535 5.7.9" if FAULT == "bad-enhanced" else "535 5.7.8"
            self.say(code + " no" + (" " + password if FAULT == "leak-reply" else ""))
            log("auth.failed", "debug", error="as debug has it: " + leak("log"))

    def on_mail(self, word):
        self.sender, self.recipients = re.search("<(.*?)>", word).group(1), []
        self.say("250 2.1.0 ok")

    def on_rcpt(self, word):
        address = re.search("<(.*?)>", word).group(1)
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        elif address.startswith("nothing@"):
            log("decision.refused", "debug" if FAULT == "quiet" else "info", error="policy.lua:3: nothing")
            if FAULT == "makes-file":
                (self.server.work / "made.db").touch()
            self.say("%s-5.7.1 not\r\n550 5.7.1 th%sere" % ("551" if FAULT == "codes" else "550", "\a" if FAULT == "bell" else ""))
        elif address.startswith("end@"):
            self.say("421 4.7.0 enough" + ("\r\n421 4.7.0 really" if FAULT == "says-more" else ""))
            return "end"
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 ok")
        return None

    def on_data(self, word):
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        if FAULT == "dies":
            os._exit(134)
        content = b"".join(lines)
        refused = b"X-Refuse" in content
        self.say("550 5.7.1 no" if refused else "250 2.0.0 queued")
        if not refused:
            self.record()
        if not refused and FAULT != "lost" or refused and FAULT == "refused-delivered":
            for _ in range(2 if FAULT == "twice" else 1):
                self.hand_on(content)

    def record(self):
        meta = {"authn_id": self.user, "n": 1} if self.user else {"n": 1}
        meta.update({"other-meta": {"n": True}, "more-meta": {"tenant": "x"}}.get(FAULT, {}))
        copies = [{"recipients": ["other@example.com"] if FAULT == "other-recipient" else [address], "sender": self.sender,
                   **({"meta": meta} if FAULT != "no-meta" else {})} for address in self.recipients]
        ident = "T%d" % time.monotonic_ns()
        self.server.traces.add(ident, {"copies": copies} if FAULT != "no-copies" else {})
        if FAULT != "no-log":
            log("message.accepted", **({"trace": ident} if FAULT != "no-trace" else {}))

    def hand_on(self, content):
        for address in self.recipients:
            client = smtp.Client(self.server.sink)
            client.reply()
            for line in ("EHLO mx.test.example", "MAIL FROM:<%s>" % self.sender, "RCPT TO:<%s>" % address, "DATA"):
                client.command(line)
            added = "Received: from x by mx.test.example\r\n\tid 0%025d;%s\r\nX-Checked: yes\r\n" % (time.monotonic_ns(), leak("mail"))
            client.data(added.encode() + (content.replace(b"Subject:", b"X-Gone:") if FAULT == "altered" else content))
            client.close()

    def on_rset(self, word):
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 ok")

    def on_quit(self, word):
        self.say("221 2.0.0 bye")
        return "end"


def serve(config):
    said, served = trouble(config)
    address = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    if not served and FAULT != "serves-all":
        if FAULT == "opens-first":
            with fake_postern.Server(address(config["listener"][0]["address"]), Smtp) as server:
                server.handle_request()
        for line in said:
            log("start.failed", "error", error=line)
        return 78
    data = pathlib.Path(config["server"]["data_dir"])
    data.mkdir()
    (data / "metrics.token").write_text("t", encoding="utf-8")
    (data / "kept").write_text(leak("file"), encoding="utf-8")
    server = fake_postern.Server(address(config["listener"][0]["address"]), Smtp)
    server.traces, server.work = Traces(data), pathlib.Path(config["lua"]["policy"]).parent
    (server.work / "note").write_text(leak("work"), encoding="utf-8")
    server.traces.add("T0", {"note": leak("trace")})
    server.sink = int(config["route"][0]["to"][0].rpartition(":")[2])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(address(config["api"]["address"]), Api).serve_forever()
    return 0


def main():
    with open(sys.argv[sys.argv.index("--config") + 1], "rb") as f:
        config = tomllib.load(f)
    if sys.argv[1] == "serve":
        return serve(config)
    if sys.argv[1] == "check":
        said, served = trouble(config)
        print("\n".join(said) + leak("check"))
        return 0 if served else 78
    if sys.argv[1] == "explain":
        print(json.dumps(Traces(pathlib.Path(config["server"]["data_dir"])).get(sys.argv[2])))
    else:
        print(json.dumps({"queue": leak("queue")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
