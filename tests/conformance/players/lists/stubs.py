"""What surrounds a server under test: the policy delegate, client certificates, password hashes, the suite's DNS data."""
import base64
import hashlib
import pathlib
import re
import socket
import ssl
import subprocess
import threading

from harness.cases import Fail


FAULTS = ("SERVFAIL", "TIMEOUT")  # instead of the records of a type


def stub_zone(names, client=None):
    """The suite's DNS data in the form of the DNS stub. The measuring host knew one name by itself, from /etc/hosts: that of 127.0.0.1."""
    hosts = {"1.0.0.127.in-addr.arpa": {"PTR": ["localhost"]}, "localhost": {"A": ["127.0.0.1"]}} if (client or {}).get("addr") == "127.0.0.1" else {}
    return {**hosts, **{name: stub_entry(entry) for name, entry in (names or {}).items()}}


def stub_entry(entry):
    out = {}
    for kind, value in entry.items():
        if kind == "rcode":
            out["!"] = value
        elif kind == "MX" and value not in FAULTS:
            out[kind] = [[int(word.split()[0]), word.split()[1]] for word in ([value] if isinstance(value, str) else value)]
        else:
            out[kind] = [value] if isinstance(value, str) and value not in FAULTS else value
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
    """A CA, the server that it signed, and the clients of the suite's README; each is made when it is first asked for, in `folder`."""

    # name -> (its signer, None: self-signed; days of validity; kind of key)
    EC, RSA = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), ("rsa:2048",)
    KNOWN = {"ca": (None, 30, EC), "server": ("ca", 30, EC), "alice": ("ca", 30, EC), "mallory": (None, 30, EC), "bob": ("ca", 30, RSA),
             "between": ("ca", 30, EC), "carol": ("between", 30, EC), "expired": ("ca", -1, EC), "other-ca": (None, 30, EC), "olga": ("other-ca", 30, EC)}

    def __init__(self, folder):
        self.folder, self.made, self.lock = pathlib.Path(folder), set(), threading.RLock()
        self.make("server")

    def make(self, name):
        """The files NAME.pem, with the chain behind it, and NAME.key."""
        if name not in self.KNOWN:
            raise Fail("the case names the unknown certificate %r" % name)
        with self.lock:
            if name in self.made:
                return
            issuer, days, key = self.KNOWN[name]
            new = ["req", "-new", "-newkey", *key, "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key"]
            if issuer is None:
                self.openssl(*new, "-x509", "-days", str(days), "-out", name + ".pem")
            else:
                self.make(issuer)
                self.openssl(*new, "-out", name + ".csr")
                (self.folder / "ca.ext").write_text("basicConstraints=CA:TRUE\n", encoding="utf-8")
                authority = ["-extfile", "ca.ext"] if name == "between" else []
                self.openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-CAcreateserial", "-days", str(days),
                             *authority, "-out", name + ".pem")
                if issuer == "between":
                    with open(self.path(name + ".pem"), "ab") as chain:
                        chain.write((self.folder / "between.pem").read_bytes())
            self.made.add(name)

    def print_of(self, name, of, algorithm):
        """The fingerprint of a certificate ("fp") or of its public key ("pk"): upper-case pairs joined by colons."""
        self.make(name)
        pem = (self.folder / (name + ".pem")).read_text(encoding="ascii").partition("-----END CERTIFICATE-----")
        octets = ssl.PEM_cert_to_DER_cert(pem[0] + pem[1])
        if of == "pk":
            octets = base64.b64decode("".join(self.openssl("x509", "-in", name + ".pem", "-noout", "-pubkey").splitlines()[1:-1]))
        return ":".join("%02X" % b for b in hashlib.new(algorithm, octets).digest())

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Fail("openssl %s: %s" % (words[0], done.stderr.strip()))
        return done.stdout

    def path(self, name):
        return str(self.folder / name)

    def get(self, client):
        """The files of a client's certificate, None for no client."""
        if client:
            self.make(client)
        return (self.path(client + ".pem"), self.path(client + ".key")) if client else None

    def fill_in(self, text):
        """`@fp:NAME`, `@pk:NAME`, with `.ALG` and `.lower` where they are given, replaced by the fingerprint."""
        def value(m):
            out = self.print_of(m.group(4), m.group(1), m.group(2) or "sha256")
            return out.lower() if m.group(3) else out

        return re.sub(r"@(fp|pk)(?:\.(md5|sha1|sha256|sha512))?(\.lower)?:(\w+)", value, text)


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
