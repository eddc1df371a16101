"""What the system tests share: a directory with the binary, a message, and how to judge an error of the start."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import instance, smtp
from harness.cases import Fail, wanted
from harness.receiver import Receiver
from harness.waiting import PATIENCE, until

MULTIPART = (
    "From: Alerts <alerts@partner.example.com>\r\nTo: {to}\r\nSubject: Report attached\r\nDate: Mon, 15 Jan 2024 10:00:00 +0000\r\n"
    "Message-ID: <rep-1@partner.example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"
    "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee the report.\r\n"
    "--b1\r\nContent-Type: text/csv; name=\"r.csv\"\r\nContent-Disposition: attachment; filename=\"r.csv\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nYSxiCjEsMgo=\r\n--b1--\r\n")
LOCAL = {"webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": ["127.0.0.1/32"]}}


class NotRun(Exception):
    """A check, or the rest of it, cannot run on this machine: root or a program is missing. It is named at the end, with status 77."""


def needs_root(what):
    if os.geteuid() != 0:
        raise NotRun("needs root, for " + what)


def expect(what, want, got):
    if want != got:
        raise Fail(wanted(what, want, got))


class Bench:
    """A directory and the binary; whatever is started through it is stopped with it."""

    def __init__(self, binary):
        self.binary, self.root = binary, pathlib.Path(tempfile.mkdtemp(prefix="postern-smoke-"))
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stack.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def server(self, settings=None, env=None, start=True):
        server = instance.Postern(self.binary, settings or {}, root=self.root, env=env)
        self.stack.callback(server.remove)
        return server.start() if start else server

    def receiver(self):
        receiver = Receiver()
        self.stack.callback(receiver.stop)
        return receiver

    def run(self, *arguments, seconds=PATIENCE, cwd=None, given=None):
        """Runs the binary to its end, with `given` as its standard input -> (status, stdout, stderr). A process that does not end is killed and fails the check."""
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.root), "LANG": "C.UTF-8", "NO_COLOR": "1"}
        process = subprocess.Popen([str(self.binary), *map(str, arguments)], cwd=cwd or self.root, env=env,
                                   stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Fail("postern %s still ran after %d s\n%s%s" % (" ".join(map(str, arguments)), seconds, out, err)) from None
        return process.returncode, out, err

    def explain(self, trace, *words, given=None):
        """`postern explain` of a trace that is written behind the reply; the command itself waits for it for a second only."""
        def answer():
            done = self.run("explain", trace, *words, given=given)
            return None if done[0] == 66 and "no trace" in done[2] else done
        return until("the trace %s" % trace, answer)

    def config(self, settings, name="postern.toml"):
        path = self.root / name
        path.write_text(settings if isinstance(settings, str) else instance.toml(settings), encoding="utf-8")
        return path


def one_line_error(status, want, err):
    """The exit status, and an error in words instead of a stack trace."""
    expect("exit status", want, status)
    if not err.strip():
        raise Fail("nothing on stderr")
    if re.search(r"terminate called|Aborted|core dumped|AddressSanitizer|what\(\):", err):
        raise Fail("a crash instead of an error: " + err[:500])


def written(server, words, count=1, begin=0):
    """The log of a server from `begin` on, once it has `words` so often: it is written behind the replies."""
    def read():
        text = server.log.read_text(encoding="utf-8", errors="replace")[begin:]
        return text if text.count(words) >= count else None
    return until(lambda: "%r in the log, %d times; its end:\n%s" % (words, count, server.tail()), read)


def thread_statuses(pid):
    """What /proc says of each thread, by its id. One that has ended meanwhile, as threads of a load do, is none."""
    statuses = {}
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            statuses[task.name] = (task / "status").read_text()
    return statuses


def send(server, to, sender="alerts@partner.example.com", content=None):
    """One message -> the reply that ended it."""
    client = smtp.Client(server.smtp_port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO mx.partner.example.com", "250")
        client.command("MAIL FROM:<%s>" % sender, "250 2.1.0")
        lines = client.command("RCPT TO:<%s>" % to)
        if not lines[-1].startswith("250"):
            return lines
        client.command("DATA", "354")
        return client.data((content or MULTIPART).format(to=to).encode())
    finally:
        client.close()


def wait_ready(server, process):
    def ready():
        if process.poll() is not None:
            raise Fail("ended with status %d before it was ready" % process.returncode)
        with contextlib.suppress(OSError):
            return server.http("GET", "/readyz")[0] == 200
    until("ready", ready)
