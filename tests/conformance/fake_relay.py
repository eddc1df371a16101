#!/usr/bin/env python3
"""A stand-in for a relaying Postern: takes mail, hands it on once, logs what became of it. FAKE_FAULT makes it do one thing wrong."""
import http.server
import json
import os
import re
import socketserver
import sys
import threading
import tomllib

sys.dont_write_bytecode = True
from harness import smtp  # noqa: E402

FAULT = os.environ.get("FAKE_FAULT", "")
EVENTS = {2: "delivery.sent", 4: "delivery.deferred", 5: "delivery.bounced"}
ANSWER = {"attempts": [{"t": 0, "message": "m"}, {"t": 300, "message": "m"}], "delay_notices": [{"t": 100, "message": "m"}],
          "ends": [{"t": 600, "message": "m", "result": "expired", "status": "4.4.7"}]}
WRONG_ANSWERS = {"attempt-late": ("attempts", [{"t": 0, "message": "m"}, {"t": 302, "message": "m"}]), "attempt-missing": ("attempts", ANSWER["attempts"][:1]),
                 "other-message": ("attempts", [{"t": 0, "message": "m"}, {"t": 300, "message": "n"}]), "no-notice": ("delay_notices", []),
                 "no-end": ("ends", []), "end-late": ("ends", [{**ANSWER["ends"][0], "t": 700}]),
                 "other-end": ("ends", [{**ANSWER["ends"][0], "result": "delivered"}]), "other-status": ("ends", [{**ANSWER["ends"][0], "status": "4.4.1"}])}


class Ready(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def log(ident, addr, reply):
    code, enhanced, _ = smtp.parse(reply)
    if FAULT == "lie":
        code, enhanced = 250, "2.0.0"
    print(json.dumps({"event": EVENTS[code // 100], "message_id": ident, "rcpt_to": addr, "attempt": 1, "code": 0 if FAULT == "no-code" else code,
                      "enhanced_code": enhanced}), flush=True)


def hand_on(port, ident, sender, recipients, content):
    """One attempt: what the host says is what becomes of the recipients."""
    client = smtp.Client(port)
    client.reply()
    client.command("EHLO relay.sender.test")
    if FAULT == "talks-too-much":
        client.command("VRFY someone")
    client.command("MAIL FROM:<%s> SIZE=%d" % (sender, len(content)))
    replies = {addr: client.command("RCPT TO:<%s>" % addr) for addr in recipients}
    taken = [addr for addr, reply in replies.items() if reply[-1].startswith("2")]
    if taken:
        client.command("DATA")
        said = client.data(content.replace(b"hello", b"hullo") if FAULT == "alters" else content)
        replies.update({addr: said for addr in taken})
    client.command("QUIT")
    client.close()
    for addr, reply in replies.items():
        log(ident, addr, reply)


class Smtp(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 relay.sender.test ESMTP")
        sender, recipients = "", []
        while line := self.rfile.readline().decode():
            verb, address = line[:4].upper(), re.search("<(.*?)>", line)
            if verb == "DATA":
                self.say("354 go on")
                self.take(sender, recipients)
            elif verb == "QUIT":
                return self.say("221 2.0.0 bye")
            elif verb == "RCPT" and FAULT == "refuses":
                self.say("550 5.7.1 no relaying")
            else:
                sender, recipients = (address.group(1), []) if verb == "MAIL" else (sender, recipients + [address.group(1)] if verb == "RCPT" else recipients)
                self.say("250 2.0.0 ok")
        return None

    def take(self, sender, recipients):
        content = b""
        while (line := self.rfile.readline()) != b".\r\n":
            content += line[1:] if line.startswith(b".") else line
        if FAULT == "dies":
            os._exit(134)
        self.say("250 2.0.0 " + ("thanks" if FAULT == "no-id" else "queued as 01FAKE" + recipients[0]))
        route = next(r for r in self.server.routes if recipients[0].endswith("@" + r["match"][0]))
        for _ in range(2 if FAULT == "twice" else 1):
            hand_on(int(route["to"][0].rpartition(":")[2]), "01FAKE" + recipients[0], sender, recipients, content)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


def main():
    if sys.argv[1] == "queue":
        member, value = WRONG_ANSWERS.get(FAULT, ("attempts", ANSWER["attempts"]))
        print(json.dumps({**ANSWER, member: value}))
        return 65 if FAULT == "status" else 0
    with open(sys.argv[sys.argv.index("--config") + 1], "rb") as f:
        config = tomllib.load(f)
    if FAULT == "no-start" or (FAULT == "bad-route" and any(r["match"][0].startswith("taken.") for r in config["route"])):
        print("fake: bad configuration", file=sys.stderr)
        return 78
    if sys.argv[1] == "check":
        return 0
    address = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    server = Server(address(config["listener"][0]["address"]), Smtp)
    server.routes = config["route"]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(address(config["api"]["address"]), Ready).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
