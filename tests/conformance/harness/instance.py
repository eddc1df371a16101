"""Starts and stops real Postern processes, each in a directory of its own on free loopback ports."""
import atexit
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from harness.cases import Fail
from harness.ports import free_port, give_back
from harness.waiting import PATIENCE, cpu_seconds, until

_made = set()
_live_lock = threading.Lock()


class StartError(Exception):
    """Postern could not be started."""


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    raise TypeError("no TOML for %r" % (value,))


def toml(settings):
    """Postern's configuration file: {"table": {key: value}}, or a list of such tables for [[table]]."""
    lines = []
    for name, body in settings.items():
        for table in body if isinstance(body, list) else [body]:
            lines.append("[[%s]]" % name if isinstance(body, list) else "[%s]" % name)
            lines += ["%s = %s" % (key, toml_value(value)) for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def merge(base, extra):
    """`extra` laid over `base`, table by table; the nth [[table]] over the nth. None takes a table away."""
    out = {k: ([dict(t) for t in v] if isinstance(v, list) else dict(v)) for k, v in base.items()}
    for name, body in extra.items():
        if body is None:
            out.pop(name, None)
        elif isinstance(body, list):
            tables = out.setdefault(name, [])
            for i, table in enumerate(body):
                if i < len(tables):
                    tables[i].update(table)
                else:
                    tables.append(dict(table))
        else:
            out.setdefault(name, {}).update(body)
    return out


class Postern:
    """One server process with its configuration, data directory and log."""

    late = False  # whether the API may show anything but records of mail a moment late

    def __init__(self, binary, settings, root=None, env=None):
        self.binary = str(binary)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="postern-run-", dir=root))
        self.env, self.process, self.log = env or {}, None, None
        self.smtp_port, self.api_port, self._own_ports = None, None, ()
        self.starts = 0
        self._settings = settings
        self._lock = threading.Lock()
        with _live_lock:
            _made.add(self)

    def start(self):
        """Starts it, with the ports of the last start if there was one, and waits for /readyz; raises StartError with the end of its log."""
        self._spawn()
        return self

    def write_config(self, settings=None):
        """Writes the configuration (of `settings`, when given, from now on); returns its path."""
        if settings is not None:
            self._settings = settings
        if self.smtp_port is None:
            self.smtp_port, self.api_port = self._own_ports = free_port(), free_port()
        base = {
            "server": {"hostname": "mx.hooks.example.net", "data_dir": str(self.root / "data"), "drain_timeout": "2s"},
            "listener": [{"name": "smtp", "address": "127.0.0.1:%d" % self.smtp_port}],
            "api": {"address": "127.0.0.1:%d" % self.api_port},
            "log": {"format": "json"},
        }
        config = self.root / "postern.toml"
        config.write_text(toml(merge(base, self._settings)), encoding="utf-8")
        return config

    def _environment(self):
        # No case connects to a host that the system's roots vouch for; to load them takes a quarter of the time of a start.
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.root), "LANG": "C.UTF-8", "SSL_CERT_FILE": os.devnull, **self.env}

    def command(self, *words, timeout=PATIENCE):
        """Runs the binary with other words than `serve`, in this server's directory -> (status, output, error output)."""
        done = subprocess.run([self.binary, *map(str, words)], cwd=self.root, env=self._environment(), stdin=subprocess.DEVNULL, timeout=timeout,
                              capture_output=True, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def spawn(self):
        """Starts the process and does not wait for it."""
        config = self.write_config()
        self.starts += 1
        self.log = self.root / ("log-%d.txt" % self.starts)
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([self.binary, "serve", "--config", str(config)], cwd=self.root, env=self._environment(),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self.process

    def _spawn(self):
        self.spawn()
        self.wait_ready(lambda: is_ready("127.0.0.1", self.api_port))

    def wait_ready(self, ready):
        """Until `ready` holds. A process that ends before fails the start."""
        try:
            until("Postern is ready", lambda: not self.alive() or ready())
        except Fail as e:
            self.stop()
            raise StartError("%s:\n%s" % (e, self.tail())) from None
        if not self.alive():
            raise StartError("Postern ended with status %d before it was ready:\n%s" % (self.stop(), self.tail()))

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def died(self, start, patience=0.0):
        """Whether the process of that start has ended, within `patience` seconds: a broken connection shows before the exit does."""
        end = time.monotonic() + patience
        while self.starts == start:
            if not self.alive():
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return False

    def ensure(self):
        """A dead server is replaced, so that one crash costs one case only. Returns the number of the start."""
        with self._lock:
            if not self.alive():
                self.start()
            return self.starts

    def tail(self, octets=3000):
        try:
            data = self.log.read_bytes()
        except OSError:
            return "(no log)"
        return "\n".join("      | " + line for line in data[-octets:].decode("utf-8", "replace").splitlines()) or "      | (silent)"

    def death_note(self):
        return "Postern died with status %s:\n%s" % (self.process.poll(), self.tail())

    def stop(self):
        """SIGTERM, then SIGKILL; returns the exit status, None when it was not running."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def remove(self):
        self.stop()
        give_back(*self._own_ports)
        shutil.rmtree(self.root, ignore_errors=True)
        with _live_lock:
            _made.discard(self)

    def rss_mb(self):
        """Resident memory in MiB, None when it cannot be read."""
        try:
            with open("/proc/%d/status" % self.pid, encoding="ascii", errors="replace") as f:
                for line in f:
                    if line.startswith("VmRSS"):
                        return int(line.split()[1]) / 1024.0
        except (OSError, ValueError):
            pass
        return None

    def cpu_seconds(self):
        """What the process has computed so far."""
        return cpu_seconds(self.pid) if self.process else 0.0

    def http(self, method, path, body=None, headers=None, timeout=PATIENCE):
        """One request -> (status, {lower-case name: value}, body octets)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            connection.close()


def is_ready(host, port):
    """Whether a server answers there that it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Account:
    """A signed-up account; keeps its access token fresh."""

    PASSWORD = "correct-horse-battery-staple"

    def __init__(self, postern, word=None):
        self.postern = postern
        self.email = "%s@example.com" % (word or "run-%016x" % random.getrandbits(64))
        self.call("POST", "/accounts", {"email": self.email, "password": self.PASSWORD}, expect=201, token=None)
        self.sign_in()

    def sign_in(self):
        pair = self.call("POST", "/sessions", {"email": self.email, "password": self.PASSWORD}, expect=200, token=None)
        self.token, self.refresh_token = pair["access_token"], pair["refresh_token"]

    def call(self, method, path, body=None, expect=200, token=...):
        """An API request of the set-up; anything but `expect` fails the case."""
        for attempt in (1, 2):
            headers = {"Content-Type": "application/json"} if body is not None else {}
            bearer = self.token if token is ... else token
            if bearer:
                headers["Authorization"] = "Bearer " + bearer
            try:
                status, _, out = self.postern.http(method, "/api/v1" + path, None if body is None else json.dumps(body), headers)
            except (OSError, http.client.HTTPException) as e:
                raise Fail("set-up: %s %s: %s" % (method, path, e)) from None
            if status == 401 and token is ... and attempt == 1:
                self.sign_in()
                continue
            if status != expect:
                raise Fail("set-up: %s %s: expected %d, got %d %s" % (method, path, expect, status, out[:300].decode("utf-8", "replace")))
            return json.loads(out) if out else None

    def claim_domain(self, name, zone):
        """Claims `name`, publishes its record in the DNS stub, verifies it."""
        domain = self.call("POST", "/domains", {"name": name}, expect=201)
        record = domain["verification_record"]
        zone.add({record["name"]: {record["type"]: [record["value"]]}})
        self.call("POST", "/domains/%s/verify" % domain["id"])


def stop_all():
    with _live_lock:
        servers = list(_made)
    for server in servers:
        server.remove()


atexit.register(stop_all)
