"""System checks of first sign-ins: the links that a terminal shows, and what they open."""
import contextlib
import http.client
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import threading

from bench import LOCAL, expect, wait_ready
from harness import instance
from harness.cases import Fail
from harness.waiting import PATIENCE, until

LINK = re.compile(r"http\S+/app/(signup|reset)\?link=(\S+)")
PASSWORD = "correct-horse-battery"


def call(server, method, path, body=None, headers=()):
    """-> (status, answer, Set-Cookie)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=PATIENCE)
    try:
        text = None if body is None else json.dumps(body)
        more = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, text, {**more, **dict(headers)})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None, answer.getheader("Set-Cookie")
    finally:
        connection.close()


class Terminal:
    """A gateway on a terminal whose text goes into a file; `arguments` behind `serve`."""

    def __init__(self, bench, name, *arguments):
        self.output = bench.root / name
        self.server = instance.Postern(bench.binary, {}, root=bench.root)
        master, theirs = pty.openpty()
        self.process = subprocess.Popen([str(bench.binary), "serve", *map(str, arguments)], cwd=bench.root,
                                        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.output.touch()
        self.reader = threading.Thread(target=self.read, args=(master,))
        self.reader.start()
        bench.stack.callback(self.stop)

    def read(self, master):
        with open(self.output, "ab", buffering=0) as out, contextlib.suppress(OSError):  # EIO when it has ended
            while octets := os.read(master, 65536):
                out.write(octets)
        os.close(master)

    def ready(self, smtp_port, api_port):
        self.server.smtp_port, self.server.api_port = smtp_port, api_port
        wait_ready(self.server, self.process)
        return self

    def link(self, kind, seconds=PATIENCE):
        """The token of the link that was printed."""
        return until(lambda: "a link to /app/%s: %s" % (kind, self.output.read_text()[:2000]),
                     lambda: next((token for found, token in LINK.findall(self.output.read_text()) if found == kind), None), seconds)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)


def newcomer_signs_in_without_a_file(bench):
    """No configuration: the printed link sets a password, which signs in to the pages as who operates the gateway."""
    smtp_port, api_port = instance.free_port(), instance.free_port()
    terminal = Terminal(bench, "first.txt", "--data-dir", bench.root / "fresh", "--smtp", "127.0.0.1:%d" % smtp_port,
                        "--api", "127.0.0.1:%d" % api_port).ready(smtp_port, api_port)
    token = terminal.link("reset")
    status, link, _ = call(terminal.server, "GET", "/api/v1/links/" + token)
    expect("the link", (200, "reset"), (status, link["kind"]))
    expect("reset", 204, call(terminal.server, "POST", "/api/v1/password-resets", {"token": token, "new_password": PASSWORD})[0])
    status, signed_in, cookie = call(terminal.server, "POST", "/app/session", {"email": link["email"], "password": PASSWORD})
    expect("sign-in", 200, status)
    status, shown, _ = call(terminal.server, "GET", "/app/session", headers=[("Cookie", cookie.split(";")[0])])
    expect("who is there", (200, "owner", True, signed_in["csrf_token"]),
           (status, shown["role"], shown["operates_gateway"], shown["csrf_token"]))
    expect("the link again", 401,
           call(terminal.server, "POST", "/api/v1/password-resets", {"token": token, "new_password": PASSWORD})[0])
    # The password of the first start is no longer valid: the next start does not name its file, and
    # removes it.
    if "owner-password" not in terminal.output.read_text():
        raise Fail("the first start does not say where the password is")
    terminal.stop()
    again = Terminal(bench, "again.txt", "--data-dir", bench.root / "fresh", "--smtp", "127.0.0.1:%d" % smtp_port,
                     "--api", "127.0.0.1:%d" % api_port).ready(smtp_port, api_port)
    until("the words of the second start", lambda: "Send a first message" in again.output.read_text())
    expect("words of the second start about the old password", (False, False),
           ("owner-password" in again.output.read_text(), (bench.root / "fresh" / "owner-password").exists()))


def first_owner_by_link(bench):
    """With a configuration and without an account: the printed link makes the owner, also where sign-up is closed; a restart ends it."""
    server = instance.Postern(bench.binary, {**LOCAL, "api": {"signup": "closed"}}, root=bench.root)
    bench.stack.callback(server.remove)
    config = server.write_config()
    first = Terminal(bench, "one.txt", "--config", config).ready(server.smtp_port, server.api_port)
    old = first.link("signup")
    first.stop()
    second = Terminal(bench, "two.txt", "--config", config).ready(server.smtp_port, server.api_port)
    token = second.link("signup")
    account = {"email": "owner@example.com", "password": PASSWORD}
    expect("without a link", 403, call(second.server, "POST", "/api/v1/accounts", account)[0])
    expect("last start's link", 403, call(second.server, "POST", "/api/v1/accounts", {**account, "link": old})[0])
    status, made, _ = call(second.server, "POST", "/api/v1/accounts", {**account, "link": token})
    expect("the owner", (201, True), (status, made["operates_gateway"]))
    second.stop()
    third = Terminal(bench, "three.txt", "--config", config).ready(server.smtp_port, server.api_port)
    third.stop()
    if LINK.search(third.output.read_text()):
        raise Fail("a link is printed although there is an account")


def no_link_in_a_log(bench):
    """What is no terminal is a log: it gets the command that makes the owner's link, and never a link."""
    server = bench.server({**LOCAL, "api": {"signup": "closed"}})
    log = server.log.read_text()
    if LINK.search(log) or "postern passwd --owner-link" not in log:
        raise Fail("the log of the start: " + log[:1000])
    words = ("passwd", "--owner-link", "--config", server.root / "postern.toml", "--json")
    status, out, err = server.command(*words)
    expect("exit status (%s)" % err, 0, status)
    link = json.loads(out)
    token = link["link"].split("?link=")[1]
    status, made, _ = call(server, "POST", "/api/v1/accounts", {"email": "owner@example.com", "password": PASSWORD, "link": token})
    expect("the owner", (201, True), (status, made["operates_gateway"]))
    expect("exit status with an account", 1, server.command(*words)[0])
    if token in server.log.read_text():
        raise Fail("the token stands in the log")


def forgotten_password(bench):
    """`postern passwd --reset-link` beside a running gateway: its link sets the password."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    status, out, _ = server.command("passwd", "--reset-link", account.email, "--config", server.root / "postern.toml", "--json")
    expect("exit status", 0, status)
    token = json.loads(out)["link"].split("?link=")[1]
    expect("reset", 204, call(server, "POST", "/api/v1/password-resets", {"token": token, "new_password": PASSWORD})[0])
    expect("sign-in", 200, call(server, "POST", "/api/v1/sessions", {"email": account.email, "password": PASSWORD})[0])
    if token in server.log.read_text():
        raise Fail("the token stands in the log")


class Asked:
    """A command on a terminal of its own, which says what it is told when it is asked for it."""

    def __init__(self, *words, cwd):
        self.master, theirs = pty.openpty()
        self.process = subprocess.Popen([str(w) for w in words], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.text = ""

    def answer(self, question, words, echo=False):
        while question not in self.text:
            if not select.select([self.master], [], [], PATIENCE)[0]:
                raise Fail("no %r in %r" % (question, self.text))
            self.text += os.read(self.master, 4096).decode()
        self.text = self.text.split(question, 1)[1]
        # Input before the echo changes is discarded.
        until("another echo at %r" % question, lambda: bool(termios.tcgetattr(self.master)[3] & termios.ECHO) == echo)
        os.write(self.master, words.encode() + b"\n")

    def end(self):
        status = self.process.wait(PATIENCE)
        os.close(self.master)
        return status


def no_account_unasked(bench):
    """`postern passwd` of an unknown address: an error that names --create; a terminal is asked."""
    config = bench.config({"server": {"hostname": "mx.example.net", "data_dir": str(bench.root / "data")}})
    words = ["passwd", "--config", config]
    status, out, err = bench.run(*words, "owner@example.com", given=PASSWORD + "\n")
    expect("status without --create", 66, status)
    if "--create" not in out + err:
        raise Fail("it does not say --create: " + out + err)
    for reply, want in (("n", 66), ("", 66), ("y", 0)):
        asked = Asked(bench.binary, *words, "owner@example.com", cwd=bench.root)
        asked.answer("New password of owner@example.com: ", PASSWORD)
        asked.answer("Once more: ", PASSWORD)
        asked.answer("There is no account owner@example.com. Make it? [y/N] ", reply, echo=True)
        expect("status after %r" % reply, want, asked.end())
    expect("status for one that is there", 0, bench.run(*words, "owner@example.com", given=PASSWORD + "\n")[0])
    expect("status with --create", 0, bench.run(*words, "--create", "second@example.com", given=PASSWORD + "\n")[0])


CHECKS = [newcomer_signs_in_without_a_file, first_owner_by_link, no_link_in_a_log, forgotten_password, no_account_unasked]
