"""What a case becomes: a policy directory, accounts, stand-ins for programs, a name server, folders that mail ends in, and a Postern."""
import contextlib
import json
import pathlib
import shlex
import shutil
import tempfile

from harness import dns
from harness.cases import Fail, FormatError
from harness.ports import free_port, give_back

SUITE = dns.SUITES / "vsl"
CONFIG = frozenset(["domain", "virtual", "dkim_key", "hostname", "auth_in_clear", "must_be_authenticated", "users", "relay_networks", "commands", "limits"])
LIMITS = frozenset(["ops", "depth", "string", "array"])
DOMAIN = "postern.example"
OPERATION = 10  # most instructions that one operation of a script takes
NEVER = 1000  # more failures than any case has
ROUTED, MAILDIR, MBOX = "routed", "maildir", "mbox"  # folders, by kind of delivery


def script_text(text):
    """A script or data file of a case: one text, or lines."""
    return text if isinstance(text, str) else "\n".join(text) + "\n"


class Site:
    def __init__(self, context, suite, case):
        """`suite` has the keys."""
        self.context, self.suite, self.case = context, suite, case
        self.config = case.get("config", {})
        self.stack = contextlib.ExitStack()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="postern-vsl-"))
        self.stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        self.policy = self.root / "policy"
        self.postern, self.tls_port = None, None

    def prepare(self):
        for folder in ("policy", "app", "programs", ROUTED):
            (self.root / folder).mkdir()
        for name, text in self.case["scripts"].items():
            path = self.inside(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(script_text(text), encoding="utf-8", newline="")
        for name, rows in self.config.get("commands", {}).items():
            self.program(name, rows)
        self.names = dns.start([self.case.get("dns", {})])
        self.stack.callback(self.names.stop)
        self.postern = self.context.postern(self.settings())
        self.stack.callback(self.postern.remove)
        return self

    def inside(self, name):
        """A path of the case; `../x` lies beside the policy directory, and nothing further out."""
        path = (self.policy / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise FormatError("the script %s lies outside of the case" % name)
        return path

    def program(self, name, rows):
        """A stand-in that knows its answer to some arguments; to others it ends with 127."""
        lines = ["#!/bin/sh"]
        for row in rows:
            words = row.get("args", [])
            same = " && ".join(["[ $# -eq %d ]" % len(words), *('[ "${%d}" = %s ]' % (i, shlex.quote(w)) for i, w in enumerate(words, 1))])
            lines.append("if %s; then %s; fi" % (same, "exec /bin/sleep 600" if "signal" in row else "exit %d" % row["code"]))
        path = self.root / "programs" / name
        path.write_text("\n".join([*lines, "exit 127", ""]), encoding="utf-8")
        path.chmod(0o700)

    # ------------------------------------------------------------ the server
    @property
    def domain(self):
        return self.config.get("domain", DOMAIN)

    def key(self, name):
        path = self.suite / name
        return str(path if path.is_file() else SUITE / name)

    def settings(self):
        config = self.config
        settings = {
            "server": {"hostname": config.get("hostname", self.domain)},
            "listener": self.listeners(),
            "auth": {"policies": False, "failures_per_address": NEVER, "failures_per_subnet": NEVER, "failures_per_account": NEVER, "failure_delay": "0s"},
            "limits": {"auth_failures": 20, "error_delay": "0s", "new_sessions_per_minute": 100000},
            "dns": self.names.settings,
            # No mail leaves this machine: it is delivered into folders, and hosts that scripts name
            # are not contacted over IPv4.
            "relay": {"relay_to_private": "never", "families": "v6"},
            "route": [{"match": ["*"], "to": ["maildir:%s" % (self.root / ROUTED)]}],
            "log": {"level": "debug"},
            "vsl": self.section(),
        }
        if config.get("users"):
            accounts = self.root / "accounts"
            accounts.write_text("".join("%s:{PLAIN}%s\n" % user for user in config["users"].items()), encoding="utf-8")
            accounts.chmod(0o600)
            settings["auth.source"] = [{"kind": "static", "file": str(accounts)}]
        if config.get("limits"):
            given = config["limits"]
            settings["vsl.limits"] = {"instructions" if name == "ops" else name: value * (OPERATION if name == "ops" else 1) for name, value in given.items()}
        if config.get("virtual"):
            settings["vsl.virtual"] = [{"domain": name, **({"dkim_key": self.key(of["dkim_key"])} if of.get("dkim_key") else {})}
                                       for name, of in config["virtual"].items()]
        return settings

    def listeners(self):
        proxied = {"proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}
        found = [{"tls": "starttls", "auth_without_tls": self.config.get("auth_in_clear", False), **proxied}]
        if any(session.get("tls") for session in self.case.get("sessions", [])):
            self.tls_port = free_port()
            self.stack.callback(give_back, self.tls_port)
            found.append({"name": "smtps", "address": "127.0.0.1:%d" % self.tls_port, "tls": "implicit", **proxied})
        return found

    def section(self):
        """[vsl]"""
        config = self.config
        section = {"domain": self.domain, "app_dir": str(self.root / "app"), "maildir": MAILDIR + "/{domain}/{local}",
                   "mbox": MBOX + "/{domain}/{local}"}
        if self.case["scripts"]:
            section["policy"] = str(self.policy / "main.vsl")
        if config.get("dkim_key"):
            section["dkim_key"] = self.key(config["dkim_key"])
        if config.get("relay_networks"):
            section["relay_networks"] = config["relay_networks"]
        if config.get("commands"):
            section["allow_commands"] = [str(self.root / "programs" / name) for name in config["commands"]]
        if config.get("must_be_authenticated"):
            section["must_be_authenticated"] = True
        return section

    def folder(self, name):
        """Where mail ends: by a route outside of the data directory, by rules below it."""
        return self.root / ROUTED if name == ROUTED else self.postern.root / "data" / name

    @property
    def port(self):
        return self.postern.smtp_port

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

    def ask(self, *words):
        """(status, what `postern` prints to these words)"""
        status, out, err = self.postern.command(*words, "--config", self.postern.write_config())
        return status, out if status == 0 else out + err

    def explain(self, trace):
        """What `postern explain` knows of a trace."""
        status, out = self.ask("explain", trace, "--json")
        if status != 0:
            raise Fail("postern explain %s ended with status %d: %s" % (trace, status, out[:500]))
        return json.loads(out)

    def close(self):
        self.stack.close()
