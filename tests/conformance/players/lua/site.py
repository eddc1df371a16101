"""What a case becomes: a work directory, stubs, and a Postern of its own."""
import contextlib
import importlib.util
import json
import pathlib
import shutil
import tempfile
import threading

from harness import dns
from harness.cases import Fail, FormatError
from harness.mailsink import Sink
from harness.ports import free_port, give_back
from players.lua import zone

SUITE = dns.SUITES / "kumo-lua"
LISTENER = {"hostname": "mx.test.example", "tls": "starttls", "relay_to": ["example.com"], "relay_hosts": [], "limits": {}}
LIMITS = frozenset(["auth_failures_per_connection", "auth_failures_per_ip", "auth_failures_per_account", "auth_window_seconds", "auth_lockout_seconds"])
NEVER = 1000  # more failures than any case has
SINK = {"EHLO": "250-sink.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING"}


def tool(name):
    """A module of the suite's tools."""
    spec = importlib.util.spec_from_file_location(name, SUITE / "tools" / (name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIXTURE_DB, VAULT = tool("make_fixture_db"), tool("vault_stub")


class Vault:
    """The suite's stand-in for Vault."""

    def __init__(self, routes, log):
        self.log = log
        self.server = VAULT.make_server(routes, log_path=str(log))
        self.server.socket.listen(256)  # the default of five is too low for concurrent logins
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def requests(self):
        """The targets asked for, in order."""
        if not self.log.exists():
            return []
        return [json.loads(line)["target"] for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Site:
    def __init__(self, context, folder, suite, case, nowhere):
        """`folder` has the case's files, `suite` the fixtures; `nowhere` is a name server that knows no name."""
        self.context, self.folder, self.suite, self.case, self.nowhere = context, folder, suite, case, nowhere
        self.stack = contextlib.ExitStack()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="postern-lua-"))
        self.stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        self.work = self.root / "work"
        self.own_listener = case.get("listener") == "policy"
        self.listener = {**LISTENER, **({} if self.own_listener else case.get("listener", {}))}
        unknown = (set(self.listener) - set(LISTENER)) | (set(self.listener["limits"]) - LIMITS)
        if unknown:
            raise FormatError("unknown keys of the listener: %s" % ", ".join(sorted(unknown)))
        self.vault, self.sink, self.postern = None, None, None
        self.inputs = set()  # copied files, whose later contents do not matter

    # ------------------------------------------------------------ what surrounds the server
    def prepare(self):
        self.work.mkdir()
        listen = free_port()
        self.stack.callback(give_back, listen)
        self.variables = {"${DIR}": str(self.work), "${LISTEN}": "127.0.0.1:%d" % listen}
        if self.case.get("vault"):
            routes = json.loads((self.folder / self.case["vault"]).read_text(encoding="utf-8"))
            self.vault = Vault(routes, self.root / "vault.log")
            self.stack.callback(self.vault.stop)
            self.variables["${VAULT}"] = self.vault.url
        for name in [self.case["policy"], *self.case.get("files", [])]:
            self.copy(name)
        for base in self.case.get("sqlite", []):
            scripts = [self.script(name) for name in base["sql"]]
            FIXTURE_DB.build(str(self.work / base["path"]), scripts)
            self.inputs |= {self.work / (base["path"] + suffix) for suffix in ("", "-journal", "-wal", "-shm")}
        self.sink = Sink(replies=SINK)
        self.stack.callback(self.sink.close)
        env = {name: self.fill_in(value) for name, value in self.case.get("env", {}).items() if value is not None}
        self.postern = self.context.postern(self.settings(), env)
        self.stack.callback(self.postern.remove)
        if self.own_listener:
            self.postern.policy_listens = self.variables["${LISTEN}"]
        return self

    def copy(self, name):
        target = self.work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        self.inputs.add(target)
        if not name.endswith(".lua"):
            shutil.copy(self.folder / name, target)
            return
        text = self.fill_in((self.folder / name).read_text(encoding="utf-8"))
        for words, value in self.case.get("substitute", {}).items():
            text = text.replace(words, self.fill_in(value))
        target.write_text(text, encoding="utf-8")

    def fill_in(self, text):
        for name, value in self.variables.items():
            text = text.replace(name, value)
        return text

    def script(self, name):
        """The path of an SQL script: a fixture of the suite, or a file of the case."""
        if not name.startswith("fixture:"):
            return str(self.folder / name)
        own = self.suite / "fixtures" / name[8:]
        return str(own if own.is_file() else SUITE / "fixtures" / name[8:])

    # ------------------------------------------------------------ the server
    def settings(self):
        limits = self.listener["limits"]
        name_server = self.nowhere
        if self.case.get("dns"):
            name_server = dns.start([zone.parse(self.case["dns"])])
            self.stack.callback(name_server.stop)
        settings = {
            "server": {"hostname": self.listener["hostname"]},
            "listener": [{"tls": self.listener["tls"]}],
            "lua": {"policy": str(self.work / self.case["policy"]), "relay_to": self.listener["relay_to"], "relay_hosts": self.listener["relay_hosts"]},
            "auth": {"policies": False, "failures_per_address": limits.get("auth_failures_per_ip", NEVER),
                     "failures_per_subnet": NEVER, "failures_per_account": limits.get("auth_failures_per_account", NEVER),
                     "failure_window": "%ds" % limits.get("auth_window_seconds", 60), "lockout": "%ds" % limits.get("auth_lockout_seconds", 3),
                     "failure_delay": "0s"},
            # All clients are on loopback, which otherwise has no limits by address.
            "limits": {"auth_failures": limits.get("auth_failures_per_connection", 20), "exempt_networks": [], "sessions_per_address": 1000,
                       "new_sessions_per_minute": 100000},
            "route": [{"match": ["*"], "to": ["[127.0.0.1]:%d" % self.sink.port], "tls": "none"}],
            "dns": name_server.settings,
            "api": {"signup": "open", "rate_limits": False},
            "log": {"level": "debug"},
        }
        if self.own_listener:
            settings["lua"]["listeners"] = True
            settings["listener"] = None
        return settings

    @property
    def port(self):
        return int(self.variables["${LISTEN}"].rsplit(":", 1)[1]) if self.own_listener else self.postern.smtp_port

    def log_entries(self):
        """The log of the server's last start; lines that are no JSON as {"msg": line}."""
        entries = []
        for line in self.postern.log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            entries.append(entry if isinstance(entry, dict) else {"msg": line})
        return entries

    def explain(self, trace):
        """What `postern explain` knows of a trace."""
        status, out, err = self.postern.command("explain", trace, "--json", "--config", self.postern.write_config())
        if status != 0:
            raise Fail("postern explain %s ended with status %d: %s" % (trace, status, (out + err)[:500]))
        return json.loads(out)

    def close(self):
        self.stack.close()
