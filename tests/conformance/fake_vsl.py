#!/usr/bin/env python3
"""A stand-in for the gateway, as far as the self-test of the `.vsl` player needs it: the suite's reference model behind sockets.

Scripts, domains, keys, accounts and limits come from the configuration file, as the player wrote it; DNS answers and warnings from the case,
whose file FAKE_CASE names. FAKE_FAULT makes it misbehave:
  wrong-code, wrong-enhanced, wrong-text, several-codes, chatty, no-code, cut            of replies, at RCPT; stays, farewell: behind a deny
  no-log, no-trace, told-twice     message.accepted        lost, again, stray, stuck, restless, dies    of mail that was taken
  other-sender, other-rcpt, more-rcpt, also-delivered, not-set-aside, other-queue, other-transport, other-claim
  no-header, more-headers, other-header, other-first       quiet, other-level, talks
  loads-all, serves-all, other-line, other-column, other-file, no-place, opens-first, no-warning, refuses-all
"""
import email.utils
import http.server
import json
import mailbox
import os
import pathlib
import re
import socketserver
import ssl
import sys
import threading
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "suites" / "vsl" / "tools")]
sys.dont_write_bytecode = True

import fake_postern  # noqa: E402
import vsl_model  # noqa: E402

FAULT = os.environ.get("FAKE_FAULT", "")
lock = threading.Lock()


def say(event, level="info", **fields):
    print(json.dumps({"level": level, "event": event, **fields}), file=sys.stderr, flush=True)


def case_of(config):
    """What the model takes for a case."""
    with open(os.environ["FAKE_CASE"], encoding="utf-8") as f:
        case = json.load(f)
    section, scripts = config["vsl"], {}
    if "policy" in section:
        folder = pathlib.Path(section["policy"]).parent
        scripts = {os.path.relpath(p, folder): p.read_bytes().decode("utf-8") for p in folder.parent.rglob("*")
                   if p.is_file() and p.suffix in (".vsl", ".txt", ".csv") and "routed" not in p.parts}
    virtual = {one["domain"]: {k: v for k, v in one.items() if k != "domain"} for one in section.get("virtual", [])}
    limits = {"ops" if name == "instructions" else name: value for name, value in section.get("limits", {}).items()}
    known = {"domain": section["domain"], "virtual": virtual, "hostname": config["server"]["hostname"], "limits": limits,
             "auth_in_clear": config["listener"][0]["auth_without_tls"], "must_be_authenticated": section.get("must_be_authenticated", False),
             "relay_networks": section.get("relay_networks", []), "dkim_key": section.get("dkim_key"),
             "commands": case.get("config", {}).get("commands", {}), "users": accounts(config)}
    return {"config": known, "scripts": scripts, "dns": case.get("dns", {})}, case.get("warnings", [])


def accounts(config):
    found = {}
    for source in config.get("auth", {}).get("source", []):
        for line in pathlib.Path(source["file"]).read_text(encoding="utf-8").splitlines():
            name, _, password = line.partition(":")
            found[name] = password.removeprefix("{PLAIN}")
    return found


def load(config):
    """-> (host or None, diagnostics)"""
    sys.setrecursionlimit(20000)
    case, warnings = case_of(config)
    places = [] if FAULT == "no-warning" else [{"severity": "warning", "file": w["file"], "line": w["line"], "col": 1, "message": w["text"].replace("\\", "")} for w in warnings]
    if FAULT == "refuses-all":
        return None, [{"severity": "error", "file": "main.vsl", "line": 1, "col": 1, "message": "I do not like it"}]
    try:
        return vsl_model.Host(case, "/"), places
    except vsl_model.VslError as e:
        if FAULT == "loads-all":
            return None, []
        return None, [{"severity": "error", "file": "other.vsl" if FAULT == "other-file" else e.file, "line": e.line + (FAULT == "other-line"),
                       "col": e.col + 100 * (FAULT == "other-column"), "message": str(e).rpartition(": ")[2]}]


class Smtp(socketserver.StreamRequestHandler):
    def put(self, reply):
        code, enhanced, text = reply
        self.wfile.write(("%d %s%s\r\n" % (code, enhanced + " " if enhanced else "", text)).encode())

    def handle(self):
        words = self.rfile.readline().decode().split()
        assert words[0] == "PROXY", words
        self.session = vsl_model.Session(self.server.host, {"client_ip": words[2], "client_port": int(words[4])})
        with lock:
            reply = self.session.banner()
        self.tell(0)
        self.put(reply)
        while not self.session.closed and (line := self.rfile.readline()):
            if self.command(line.decode("utf-8").rstrip("\r\n")) == "end":
                return
        if FAULT == "farewell":
            self.put((421, "4.7.0", "and stay away"))
        if FAULT == "stays":
            self.rfile.readline()

    def command(self, line):
        before = len(self.server.host.logs)
        with lock:
            reply = (220, "2.0.0", "go on") if line.upper() == "STARTTLS" else self.session.command(line)
        if line.upper().startswith("RCPT"):
            if FAULT in ("cut", "no-code"):
                self.wfile.write(b"" if FAULT == "cut" else b"fine\r\n")
                return "end"
            reply = {"wrong-code": (299, *reply[1:]), "wrong-enhanced": (reply[0], "%d.9.9" % (reply[0] // 100), reply[2]),
                     "wrong-text": (*reply[:2], "whatever")}.get(FAULT, reply)
            if FAULT in ("several-codes", "chatty"):
                self.wfile.write(b"252-half\r\n" if FAULT == "several-codes" else b"250 2.1.5 ok\r\n")
        self.put(reply)
        if line.upper() == "STARTTLS":
            self.start_tls()
        elif reply[0] == 354:
            self.message()
        self.tell(before)
        return None

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["FAKE_CERTIFICATE"])
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.session.tls, self.session.helo = True, None
        self.session.reset()

    def message(self):
        lines = []
        while (line := self.rfile.readline().decode("utf-8").rstrip("\r\n")) != ".":
            lines.append(line[1:] if line.startswith(".") else line)
        if FAULT == "dies":
            os._exit(134)
        stored = len(self.server.host.messages)
        with lock:
            reply = self.session.data(lines)
        if len(self.server.host.messages) > stored:
            self.server.store.keep(self.server.host.messages[-1])
        self.put(reply)

    def tell(self, before):
        for level, text in self.server.host.logs[before:]:
            place = re.match(r"(\S+?:\d+:\d+): (.*)", text, re.S)
            fields = {"place": place.group(1), "msg": place.group(2)} if place else {"msg": text.replace("\t", "\\x09")}
            if FAULT != "quiet":
                say("script.log", "debug" if FAULT == "other-level" else {"warn": "warning", "trace": "debug"}.get(level, level), **fields)
        if FAULT == "talks":
            say("script.log", msg="postq ran")


class Store:
    """The queue and the folders."""

    def __init__(self, config):
        self.config, self.data = config, pathlib.Path(config["server"]["data_dir"])
        self.routed = pathlib.Path(config["route"][0]["to"][0].removeprefix("maildir:"))
        for folder in ("queue", "traces"):
            (self.data / folder).mkdir(parents=True, exist_ok=True)
        self.count = 0

    def keep(self, message):
        self.count += 1
        ident = "01K%023d" % self.count
        raw = altered("Received: from x\r\n\tby y with ESMTP\r\n\tid %s;\r\n\tdate\r\n%s" % (ident, message["raw"]))
        sender = "other@example.org" if FAULT == "other-sender" else message["mail_from"]
        recipients = {"other-rcpt": ["other@example.org"], "more-rcpt": [*message["rcpt"], "other@example.org"]}.get(FAULT, message["rcpt"])
        aside = "deliver" if FAULT == "not-set-aside" else message["disposition"]
        rows = [self.row(raw, ident, sender, r, message["transports"].get(r, "deliver"), aside) for r in recipients]
        rows = [row for row in rows if row]
        if rows and FAULT != "lost":
            entry = {"id": ident, "sender": sender, "trace_id": "T" + ident, "recipients": rows}
            (self.data / "queue" / ident).write_text(json.dumps(entry), encoding="utf-8")
            (self.data / "queue" / (ident + ".eml")).write_bytes(raw.encode("utf-8"))
        claims = {r.lower(): "forward:x" if FAULT == "other-claim" else t for r, t in message["transports"].items()}
        copies = [{"recipients": message["rcpt"] if FAULT != "other-rcpt" else recipients, "transports": claims, "sender": sender}]
        (self.data / "traces" / ("T" + ident)).write_text(json.dumps({"copies": copies}), encoding="utf-8")
        for _ in range({"no-log": 0, "told-twice": 2}.get(FAULT, 1)):
            say("message.accepted", **({} if FAULT == "no-trace" else {"trace": "T" + ident}), mail_from=sender, reply="thank you")
        if FAULT == "stray":
            self.deliver(self.routed, raw.replace(ident, "01K%023d" % 999999), sender, "stray@example.org")

    def row(self, raw, ident, sender, recipient, transport, aside):
        """Delivers, or gives the recipient's row in the queue."""
        state = {"hold": "held", "dead": "dead"}.get(aside, "quarantined" if aside.startswith("quarantine:") else "queued")
        name = ("other" if FAULT == "other-queue" else aside.partition(":")[2]) or None
        transport = "deliver" if FAULT == "other-transport" else transport
        row = {"address": recipient, "state": state, "quarantine": name, "attempts": 0, "under_way": FAULT == "restless", "destination": "local:" + str(self.routed)}
        if state != "queued" or FAULT == "restless":
            if FAULT == "also-delivered":
                self.deliver(self.routed, raw, sender, recipient)
            return row
        if transport == "none" or FAULT == "lost":
            return None
        if FAULT == "stuck":
            say("delivery.deferred", message_id=ident, rcpt_to=recipient, route=str(self.routed), reply="4.3.0 no such folder")
            return {**row, "attempts": 1}
        if transport.startswith("forward:"):
            return {**row, "attempts": 1, "destination": "relay:to " + re.sub(r"^([\d.]+):", r"[\1]:", transport.removeprefix("forward:"))}
        local, _, domain = recipient.partition("@")
        where = self.data / self.config["vsl"].get(transport, "").replace("{domain}", domain).replace("{local}", local)
        if transport == "mbox":
            self.append(where, raw, sender, recipient)
        for _ in range((2 if FAULT == "again" else 1) if transport != "mbox" else 0):
            self.deliver(where if transport == "maildir" else self.routed, raw, sender, recipient)
        return None

    @staticmethod
    def deliver(folder, raw, sender, recipient):
        (folder / "new").mkdir(parents=True, exist_ok=True)
        text = "Return-Path: <%s>\r\nDelivered-To: %s\r\n%s" % (sender, recipient, raw)
        (folder / "new" / ("%d.%d" % (time.time_ns(), threading.get_ident()))).write_bytes(text.replace("\r\n", "\n").encode("utf-8"))

    @staticmethod
    def append(path, raw, sender, recipient):
        path.parent.mkdir(parents=True, exist_ok=True)
        box = mailbox.mbox(path)
        box.add("From %s %s\n" % (sender or "MAILER-DAEMON", email.utils.formatdate()) + "Return-Path: <%s>\nDelivered-To: %s\n" % (sender, recipient) + raw.replace("\r\n", "\n"))
        box.close()


def altered(raw):
    """The header, as the fault has it."""
    change = {"no-header": (r"(?m)^X-Seen:.*\r\n", ""), "more-headers": (r"(?m)^(X-Seen:.*\r\n)", r"\1\1"), "other-header": (r"(?m)^(X-Seen:) .*", r"\1 no\r"),
              "other-first": (r"(?m)^(X-Seen:.*\r\n)", r"X-Seen: no\r\n\1")}.get(FAULT)
    return re.sub(*change, raw) if change else raw


def serve(config):
    host, said = load(config)
    address = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    if host is None and FAULT != "serves-all":
        if FAULT == "opens-first":
            with fake_postern.Server(address(config["listener"][0]["address"]), Smtp) as server:
                server.handle_request()
        for one in said:
            say("start.failed", "error", error="trouble" if FAULT == "no-place" else "%(file)s:%(line)d:%(col)d: %(message)s" % one)
        return 78
    server = fake_postern.Server(address(config["listener"][0]["address"]), Smtp)
    server.host, server.store = host, Store(config)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(address(config["api"]["address"]), fake_postern.Api).serve_forever()
    return 0


def main():
    with open(sys.argv[sys.argv.index("--config") + 1], "rb") as f:
        config = tomllib.load(f)
    words, data = sys.argv[1:], pathlib.Path(config["server"]["data_dir"])
    if words[0] == "serve":
        return serve(config)
    if words[0] == "check":
        host, said = load(config)
        for one in said:
            print(json.dumps(one))
        return 0 if host or FAULT == "loads-all" else 78
    if words[0] == "explain":
        print((data / "traces" / words[1]).read_text(encoding="utf-8"))
    elif words[1] == "list":
        for path in sorted((data / "queue").glob("*[!l]")):
            print(path.read_text(encoding="utf-8"))
    elif "--message" in words:
        sys.stdout.buffer.write((data / "queue" / (words[2] + ".eml")).read_bytes())
    else:
        print((data / "queue" / words[2]).read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
