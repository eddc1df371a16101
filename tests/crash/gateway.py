"""The process that is killed."""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys

from harness import dns, instance
from harness.cases import Fail
from harness.waiting import PATIENCE, until
from load import RELAYED, SENDER


class Process:
    """Starts and ends a server that greets on `smtp_port`, as a process group of its own."""

    def __init__(self):
        self.process, self.smtp_port, self.log = None, instance.free_port(), None
        self.starts = 0

    def spawn(self, command, cwd, env=None):
        self.starts += 1
        self.log = cwd / "log.txt"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def up(self):
        """Whether it greets (I6), and does not end or hang before."""
        def greets():
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", self.smtp_port), timeout=PATIENCE) as probe:
                    return probe.recv(4)[:3] == b"220"
        with contextlib.suppress(Fail):
            until("a greeting", lambda: not self.alive() or greets())
        return self.alive() and greets()

    def ends(self):
        """Whether it ends now."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        return not self.alive()

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)  # only the group that was started here

    def kill(self):
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def end(self, seconds=PATIENCE):
        """SIGTERM; the exit status, or None when it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


class Gateway(Process):
    """The real binary with a queued webhook and a route to a mail server."""

    def __init__(self, binary, root, webhook_port, mail_port, settings=None):
        super().__init__()
        self.binary, self.root = str(binary), root
        self.stub = dns.start()
        loopback = "127.0.0.1:%d"
        self.server = instance.Postern(binary, instance.merge({
            "server": {"drain_timeout": "300ms", "threads": 2},
            "limits": {"sessions": 200},
            "dns": self.stub.settings,
            # An interrupted attempt is retried when its claim ends, which is as early as the next
            # attempt.
            "webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": ["127.0.0.1/32"],
                         "retry_schedule": ["200ms"] + ["1s"] * 60},
            "queue": {"first_retry": "1s", "longest_retry": "2s", "delay_notice": "0s"},
            "restrictions": {"mynetworks": "127.0.0.0/8"},
            "route": [{"match": [domain], "to": ["[127.0.0.1]:%d" % mail_port]} for domain in (RELAYED.partition("@")[2], SENDER.partition("@")[2])],
        }, settings or {}), root=root)
        self.server.smtp_port, self.server.api_port = self.smtp_port, instance.free_port()
        self.webhook_port, self.account, self.webhook, self.inbox, self.inbox_id = webhook_port, None, None, None, None
        self.config = self.server.write_config()
        self.data = self.server.root / "data"

    def start(self, **env):
        self.spawn([self.binary, "serve", "--config", str(self.config)], self.server.root, {**self.server._environment(), **env})
        self.server.process = self.process

    def set_up(self):
        """Account and webhook, at the first start."""
        self.account = instance.Account(self.server)
        made = self.account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/" % self.webhook_port, "delivery_mode": "queued"}, expect=201)
        self.webhook = made["email_address"]

    def set_up_inbox(self):
        """A webhook that the gateway itself receives for."""
        made = self.account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)
        self.inbox, self.inbox_id = made["email_address"], made["id"]

    def inbox_messages(self):
        """The payloads of all that the inbox holds."""
        base = "/webhooks/%s/inbox" % self.inbox_id
        entries, page = [], 1
        while True:
            found = self.account.call("GET", "%s?page=%d&page_size=100" % (base, page))
            entries += found["data"]
            if len(entries) >= found["total"] or not found["data"]:
                break
            page += 1
        return [self.account.call("GET", "%s/%s" % (base, entry["id"]))["payload"] for entry in entries]

    def run(self, words, text="", timeout=PATIENCE):
        """Runs the binary with these words and this standard input -> (status, output, error output)."""
        done = subprocess.run([self.binary, *map(str, words)], cwd=self.server.root, env=self.server._environment(), input=text.encode(),
                              timeout=timeout, capture_output=True, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def queue(self, *words):
        return self.server.command("queue", *words, "--config", str(self.config))

    def verify(self):
        """None when `postern queue verify` finds nothing wrong, else what it says. Beside a running gateway, or alone."""
        status, out, err = self.queue("verify")
        return None if status == 0 else (out + err).strip() or "exit status %d" % status

    def waiting(self, state=None):
        """How many messages are in the queue; -1 when it cannot be asked."""
        status, out, _ = self.queue("list", "--json", "--limit", "1000", *(["--state", state] if state else []))
        return len([line for line in out.splitlines() if line.startswith("{")]) if status == 0 else -1

    def leftovers(self):
        """Temporary files and body files that belong to nothing once the queue is empty (I7)."""
        return [str(p.relative_to(self.data)) for folder in ("tmp", "spool/bodies") for p in (self.data / folder).rglob("*") if p.is_file()]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def readiness(self):
        try:
            status, _, body = self.server.http("GET", "/readyz")
            return status, body.decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def metric(self, name):
        """The sum over a metric's labels; None when it is not there."""
        token = (self.data / "metrics.token").read_text(encoding="ascii").strip()
        text = self.server.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})[2].decode()
        values = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % re.escape(name), text, re.M)
        return sum(map(float, values)) if values else None

    def close(self):
        self.kill()
        self.server.remove()
        self.stub.stop()


class Toy(Process):
    """The suite's tiny queue, in its good and broken flavours: what the loop must find it finds there."""

    account = webhook = None

    def __init__(self, script, root, webhook_port, flavour):
        super().__init__()
        self.root = root
        self.command = [sys.executable, str(script), str(self.smtp_port), str(webhook_port), str(root / "spool"), flavour]

    def start(self, **env):
        self.spawn(self.command, self.root, {**os.environ, **env})

    def set_up(self):
        self.webhook = "inbox@toy.example.net"

    def verify(self):
        return None

    def waiting(self, state=None):
        return 0

    def leftovers(self):
        return []

    def close(self):
        self.kill()
