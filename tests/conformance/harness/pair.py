"""Two gateways over one PostgreSQL, in the place of one server: each connection to the SMTP and API ports goes to the other of the two in turn, so a case's
API calls and mail meet different gateways."""
import contextlib
import itertools
import pathlib
import shutil
import socket
import threading
import types

from harness import daemons, instance
from harness.ports import give_back

# What two gateways do otherwise than one, by suite and case: docs/cluster.md says it. These alone do not make a run fail.
DIFFERS = {
    ("attacks", "smtp_abuse/flood-cap"): "limits.sessions is of each gateway",
    ("kumo-lua", "b02-lockout-ip"): "the other gateway knows of a lockout a quarter of a second later",
    ("kumo-lua", "b03-lockout-account"): "the other gateway knows of a lockout a quarter of a second later",
    ("kumo-lua", "s24-memoize-hit"): "what a script remembers (kumo.memoize) is of one gateway",
    ("kumo-lua", "m02-one-request"): "what a script remembers (kumo.memoize) is of one gateway, so each asks once",
    **{("conduit", case): "a webhook's messages are counted over all gateways when they end; RCPT asks one gateway" for case in ("delivery-rate-limit", "x-rate", "x-rate-ip")},
    ("conduit", "x-log-retry"): "what one gateway delivered is in the other's log a moment later",
}
PIECE = 1 << 16
NODES = 2


class Balancer:
    """Listens on an address, and carries each connection to one of `ports` in turn, from the address that it came from."""

    def __init__(self, host, port, ports):
        self.ports = itertools.cycle(ports)
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host = host
        self.listener = socket.create_server((host, port), family=self.family, backlog=256)
        self.lock = threading.Lock()
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, peer = self.listener.accept()
                threading.Thread(target=self.join, args=(near, peer, next(self.ports)), daemon=True).start()

    def join(self, near, peer, port):
        far = socket.socket(self.family, socket.SOCK_STREAM)
        with self.lock:
            self.open |= {near, far}
        try:
            far.bind((peer[0], 0))
            far.connect((self.host, port))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self.pump, args=(far, near), daemon=True)
            back.start()
            self.pump(near, far)
            back.join()
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= {near, far}
            near.close()
            far.close()

    @staticmethod
    def pump(source, sink):
        try:
            while True:
                octets = source.recv(PIECE)
                if not octets:
                    break
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # a reset: the other end gets one too
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for one in self.open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


class Engine:
    """One PostgreSQL for all pairs of a run; each has a database of its own."""

    def __init__(self, stack):
        self.password = "pg-hunter2-secret"
        self.server = daemons.Postgres(types.SimpleNamespace(stack=stack), "postern", self.password, "max_connections=2000",
                                       "shared_buffers=64MB")
        self.lock, self.made = threading.Lock(), 0

    def database(self):
        with self.lock:
            self.made += 1
            name = "pair%d" % self.made
            self.server.sql("CREATE DATABASE " + name)
        return "host=127.0.0.1 port=%d dbname=%s user=postern" % (self.server.port, name)


class Pair(instance.Postern):
    """The first gateway is this object; `others` are those beside it. Both write into one log."""

    late = True

    def __init__(self, binary, settings, engine, env=None):
        super().__init__(binary, settings, env=env)
        self.engine, self.database = engine, None
        self.front = (instance.free_port(), instance.free_port())  # the ports of the balancer
        self.maps = [{} for _ in range(NODES)]  # for each gateway: the balancer's (host, port) -> its own port
        self.others, self.balancers = [], []
        self.policy_listens = None  # the address that a Lua policy listens on by itself

    def settings_of(self, node, ports):
        """The configuration of one gateway: its own ports where the case's own are the balancer's, its name, its directory."""
        password = self.root / "pg.password"
        if not password.exists():
            password.write_text(self.engine.password + "\n")
        base = instance.merge({
            "server": {"hostname": "mx.hooks.example.net", "data_dir": str(self.root / "data"), "drain_timeout": "2s"},
            "listener": [{"name": "smtp", "address": "127.0.0.1:%d" % self.front[0]}],
            "api": {"address": "127.0.0.1:%d" % self.front[1], "public_url": "http://127.0.0.1:%d" % self.front[1]},
            "log": {"format": "json"},
        }, self._settings)
        def own(address):
            """The address of this gateway in the place of the balancer's."""
            host, _, port = address.rpartition(":")
            return "%s:%d" % (host, ports.setdefault((host.strip("[]"), int(port)), instance.free_port())) if port.isdigit() and int(port) else address

        for table in [*base.get("listener", []), base["api"]]:
            if "address" in table:
                table["address"] = own(table["address"])
        if self.policy_listens:
            policy = pathlib.Path(base["lua"]["policy"])
            copy = self.root / ("policy-%d" % (node + 1))
            shutil.copytree(policy.parent, copy, dirs_exist_ok=True)
            for script in copy.rglob("*.lua"):
                script.write_text(script.read_text(encoding="utf-8").replace(self.policy_listens, own(self.policy_listens)), encoding="utf-8")
            base["lua"].update(policy=str(copy / policy.name), read=[*base["lua"].get("read", []), str(policy.parent)])
        if node:
            base["server"]["data_dir"] += "-%d" % (node + 1)
        return instance.merge(base, {"cluster": {"database": self.database, "password_file": str(password), "node": "mx%d" % (node + 1),
                                                 "allow_one_copy": True, **({} if "cluster" not in self._settings else self._settings["cluster"])}})

    def write_config(self, settings=None):
        if settings is not None:
            self._settings = settings
        if self.database is None:
            self.database = self.engine.database()
        self.smtp_port, self.api_port = self.front
        for node, ports in enumerate(self.maps):
            (self.root / ("postern.toml" if node == 0 else "postern-%d.toml" % (node + 1))).write_text(instance.toml(self.settings_of(node, ports)))
        return self.root / "postern.toml"

    def spawn(self):
        """Starts both, and waits for neither."""
        config = self.write_config()
        if self.starts == 0:
            status, out, err = self.command("cluster", "init", "--config", config)
            if status:
                raise instance.StartError("cluster init: %s%s" % (out, err))
        self.starts += 1
        self.log = self.root / ("log-%d.txt" % self.starts)
        processes = []
        for node in range(NODES):
            name = "postern.toml" if node == 0 else "postern-%d.toml" % (node + 1)
            with open(self.log, "ab") as out:
                processes.append(instance.subprocess.Popen([self.binary, "serve", "--config", str(self.root / name)], cwd=self.root,
                                                           env=self._environment(), stdin=instance.subprocess.DEVNULL, stdout=out, stderr=out))
        self.process, self.others = processes[0], processes[1:]
        return self.process

    def _spawn(self):
        self.spawn()
        ports = [where[self.api_host(), self.api_port] for where in self.maps]
        self.wait_ready(lambda: all(instance.is_ready(self.api_host(), port) for port in ports))
        self.balance()

    def balance(self):
        """A balancer has no back end before one is ready."""
        if not self.balancers:
            for host, port in self.maps[0]:
                self.balancers.append(Balancer(host, port, [ports[host, port] for ports in self.maps]))

    def api_host(self):
        return next(host for host, port in self.maps[0] if port == self.api_port)

    def cpu_seconds(self):
        return sum(instance.cpu_seconds(one.pid) for one in (self.process, *self.others))

    def alive(self):
        return all(one is not None and one.poll() is None for one in (self.process, *self.others))

    def stop(self):
        status = super().stop()
        for process in self.others:
            if process.poll() is None:
                process.send_signal(instance.signal.SIGTERM)
        for process in self.others:
            try:
                process.wait(instance.PATIENCE)
            except instance.subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            status = status or process.returncode
        return status

    def remove(self):
        super().remove()
        for one in self.balancers:
            one.close()
        self.balancers = []
        give_back(*self.front, *(port for ports in self.maps for port in ports.values()))
