"""What surrounds a server under test: the policy delegate, client certificates, password hashes, the suite's DNS data."""
import pathlib
import re
import socket
import subprocess
import threading

from harness.cases import Fail


def stub_zone(names, client=None):
    """The suite's DNS data in the form of the DNS stub. The measuring host knew one name by itself, from /etc/hosts: that of 127.0.0.1."""
    hosts = {"1.0.0.127.in-addr.arpa": {"PTR": ["localhost"]}, "localhost": {"A": ["127.0.0.1"]}} if (client or {}).get("addr") == "127.0.0.1" else {}
    return {**hosts, **{name: stub_entry(entry) for name, entry in (names or {}).items()}}


def stub_entry(entry):
    out = {}
    for kind, value in entry.items():
        if kind == "rcode":
            out["!"] = value
        elif kind == "MX" and value != "SERVFAIL":
            out[kind] = [[int(word.split()[0]), word.split()[1]] for word in ([value] if isinstance(value, str) else value)]
        else:
            out[kind] = [value] if isinstance(value, str) and value != "SERVFAIL" else value
    return out


class PolicyStub:
    """The policy delegate: of `rules` the first whose `match` the request has wins, otherwise DUNNO."""

    def __init__(self, rules):
        self.rules, self.asked = rules, []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        request = {}
        try:
            with connection, connection.makefile("rwb") as stream:
                for line in stream:
                    word = line.decode("utf-8", "replace").rstrip("\n")
                    if word:
                        name, _, value = word.partition("=")
                        request[name] = value
                        continue
                    self.asked.append(request)
                    stream.write(("action=%s\n\n" % self.action(request)).encode())
                    stream.flush()
                    request = {}
        except OSError:
            pass  # the server went away

    def action(self, request):
        for rule in self.rules:
            if all(request.get(name) == value for name, value in rule.get("match", {}).items()):
                return rule["action"]
        return "DUNNO"

    def stop(self):
        # Closing alone does not wake a thread that waits in accept().
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Certificates:
    """A CA, a server and the client "alice" signed by it, and the self-signed client "mallory"; made once, in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        new = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for name in ("ca", "mallory"):
            self.openssl(*new, "-x509", "-days", "30", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
        for name in ("server", "alice"):
            self.openssl(*new, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", name + ".pem")
        self.prints = {name: self.openssl("x509", "-in", name + ".pem", "-noout", "-fingerprint", "-sha256").strip().partition("=")[2]
                       for name in ("alice", "mallory")}

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Fail("openssl %s: %s" % (words[0], done.stderr.strip()))
        return done.stdout

    def path(self, name):
        return str(self.folder / name)

    def get(self, client):
        """The files of a client's certificate, None for no client."""
        return (self.path(client + ".pem"), self.path(client + ".key")) if client else None

    def fill_in(self, text):
        """`@fp:NAME` replaced by that certificate's fingerprint."""
        return re.sub(r"@fp:(\w+)", lambda m: self.prints[m.group(1)], text)


class Hashes:
    """bcrypt hashes of cost 10, each made once."""

    def __init__(self):
        self._known, self._lock = {}, threading.Lock()

    def of(self, password):
        with self._lock:
            if password not in self._known:
                done = subprocess.run(["htpasswd", "-niBC", "10", "user"], input=password, capture_output=True, text=True, timeout=60, check=False)
                if done.returncode != 0:
                    raise Fail("htpasswd: " + done.stderr.strip())
                self._known[password] = done.stdout.strip().partition(":")[2]
            return self._known[password]
