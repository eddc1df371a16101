"""A private Postfix of Debian's on a loopback port: it takes mail by SMTP, keeps it in maildirs, and can hand mail on."""
import base64
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import instance, mailsink
from harness.cases import Fail
from harness.waiting import PATIENCE, until

NEEDED = ("postfix", "postconf", "openssl")
NAME = "mx.dest.example"

MAIN = {
    "compatibility_level": "3.6", "myhostname": NAME, "mydomain": "dest.example", "myorigin": "dest.example", "mydestination": "",
    "mynetworks": "", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mail_owner": "postfix", "setgid_group": "postdrop",
    "alias_maps": "", "local_recipient_maps": "", "smtpd_peername_lookup": "no", "notify_classes": "", "disable_dns_lookups": "yes",
    "smtp_host_lookup": "native", "virtual_transport": "virtual", "virtual_minimum_uid": "1", "virtual_mailbox_domains": "dest.example",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "maximal_backoff_time": "2s", "minimal_backoff_time": "1s",
    "queue_run_delay": "1s", "smtpd_tls_security_level": "may", "smtp_tls_security_level": "none", "smtputf8_enable": "yes",
    "debug_peer_list": "127.0.0.1", "debug_peer_level": "1", "smtpd_client_connection_count_limit": "0",
    "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin", "shlib_directory": "/usr/lib/postfix",
    "sendmail_path": "/usr/sbin/sendmail", "newaliases_path": "/usr/bin/newaliases", "mailq_path": "/usr/bin/mailq",
    "html_directory": "no", "manpage_directory": "/usr/share/man", "readme_directory": "no", "sample_directory": "no",
}

SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
relay unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


def missing():
    """Why no Postfix can be started here; empty: it can."""
    if os.geteuid() != 0:
        return "it must run as root, to start a Postfix of its own"
    tools = [tool for tool in NEEDED if not shutil.which(tool)]
    if tools:
        return "these programs are not installed: " + " ".join(tools)
    return ""


def certificate(folder, *names):
    """A certificate for `names` from a root of its own; (root, chain, key) as files."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=PATIENCE)
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.pem")
    openssl(*new, "-subj", "/CN=" + names[0], "-keyout", "host.key", "-out", "host.csr")
    (folder / "host.ext").write_text("subjectAltName=%s\n" % ",".join("DNS:" + name for name in names), encoding="utf-8")
    openssl("x509", "-req", "-in", "host.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2", "-extfile", "host.ext",
            "-out", "host.pem")
    return folder / "root.pem", folder / "host.pem", folder / "host.key"


class Passwords:
    """The other side of `smtpd_sasl_type = dovecot`: PLAIN for the users of a table."""

    def __init__(self, path, users):
        self.users, self.socket = users, socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.socket.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.sendall(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")
        for line in connection.makefile("rb"):
            words = line.decode().rstrip("\n").split("\t")
            if words[0] != "AUTH":
                continue
            said = next((word[5:] for word in words if word.startswith("resp=")), "")
            parts = base64.b64decode(said).decode().split("\0")
            user = parts[1] if len(parts) == 3 else ""
            right = user and self.users.get(user) == parts[2]
            connection.sendall(("%s\t%s\tuser=%s\n" % ("OK" if right else "FAIL", words[1], user)).encode())

    def close(self):
        self.socket.close()


class Postfix:
    """Takes mail for `mailboxes` (of dest.example) with STARTTLS; `main` is laid over its main.cf."""

    def __init__(self, bench, mailboxes=("ann", "bob"), users=None, **main):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postern-postfix-"))
        self.home.chmod(0o755)
        self.port, self.running, self.passwords = instance.free_port(), False, None
        bench.stack.callback(shutil.rmtree, self.home, ignore_errors=True)
        bench.stack.callback(self.stop)
        conf, queue, data, self.boxes = (self.home / name for name in ("conf", "queue", "data", "boxes"))
        for folder in (conf, queue, data, self.boxes, queue / "private"):
            folder.mkdir()
        (queue / "private").chmod(0o700)
        for folder in (data, self.boxes, queue / "private"):
            shutil.chown(folder, "postfix", "postfix")
        self.conf, self.log = conf, self.home / "mail.log"
        for name in ("dynamicmaps.cf", "postfix-files"):
            source = next((f for f in (pathlib.Path("/etc/postfix", name), pathlib.Path("/usr/share/postfix", name)) if f.is_file()), None)
            if source:
                shutil.copy(source, conf)
            if pathlib.Path("/etc/postfix", name + ".d").is_dir():
                shutil.copytree("/etc/postfix/%s.d" % name, conf / (name + ".d"))
        self.ca, chain, key = certificate(self.home, NAME)
        who = pwd.getpwnam("postfix")
        settings = {
            **MAIN, "config_directory": conf, "meta_directory": conf, "queue_directory": queue, "data_directory": data, "maillog_file": self.log,
            "maillog_file_prefixes": self.home, "smtpd_tls_cert_file": chain, "smtpd_tls_key_file": key, "virtual_mailbox_base": self.boxes,
            "virtual_uid_maps": "static:%d" % who.pw_uid, "virtual_gid_maps": "static:%d" % who.pw_gid,
            "virtual_mailbox_maps": "inline:{%s}" % ", ".join("{%s@dest.example = %s/}" % (box, box) for box in mailboxes), **main}
        if users:
            self.passwords = Passwords(queue / "private" / "auth", users)
            shutil.chown(queue / "private" / "auth", "postfix")
            settings.update({"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth",
                             "smtpd_tls_auth_only": "yes", "smtpd_client_restrictions": "permit_sasl_authenticated, reject"})
            bench.stack.callback(self.passwords.close)
        (conf / "main.cf").write_text("".join("%s = %s\n" % item for item in settings.items()), encoding="utf-8")
        (conf / "master.cf").write_text(SERVICES + "127.0.0.1:%d inet n - n - - smtpd\n" % self.port, encoding="utf-8")
        self.start()

    def command(self, *words):
        done = subprocess.run(["postfix", "-c", str(self.conf), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def start(self):
        status, said = self.command("start")
        if status != 0:
            raise Fail("postfix start: %s%s" % (said, self.lines()[-20:]))
        self.running = True

        def greets():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as probe:
                return probe.recv(100).startswith(b"220")
        until(lambda: "Postfix greets: %s" % self.lines()[-20:], greets)

    def stop(self):
        """Ends it for certain, master and children, by the id in its own file of them."""
        if not self.running:
            return
        self.running = False
        pid = int((self.home / "queue" / "pid" / "master.pid").read_text())
        self.command("stop")
        with contextlib.suppress(ProcessLookupError):
            for _ in range(500):
                os.kill(pid, 0)
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)

    def lines(self):
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []

    def heard(self):
        """The command lines of its clients, in order."""
        return [line.split(" < ", 1)[1].split(": ", 1)[1] for line in self.lines() if "smtpd[" in line and " < " in line]

    def mail(self, box, count=1):
        """The messages in a box, oldest first, once there are `count`."""
        folder = self.boxes / box / "new"
        found = lambda: sorted(folder.iterdir(), key=lambda f: f.stat().st_mtime_ns) if folder.is_dir() else []
        until(lambda: "%d messages in the box %s, not %d; Postfix:\n%s" % (count, box, len(found()), "\n".join(self.lines()[-30:])), lambda: len(found()) == count)
        return [f.read_bytes() for f in found()]


class Sink(mailsink.Sink):
    """One that ends with its bench."""

    def __init__(self, bench, port=None, slow=0.0, replies=None):
        super().__init__(port, slow, replies)
        bench.stack.callback(self.close)
