"""What the benchmarks share: network and files of their own, the server's processes and their CPU
time, messages, a name server, the load generator."""
import base64
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
PEERS = WORK / "peers"  # made by bench/peers
LOAD = WORK / "smtpload"
POSTERN = ROOT / "build" / "release" / "postern"
SERVER, CLIENT, PORT, API = "192.0.2.1", "192.0.2.10", 2525, 8025
DNS = "127.0.0.1:5300"
PASSWORD = "bench-password-1"
SIZES = (1024, 4096, 10240, 102400)
SIGNATURE = 640  # octets that a DKIM signature adds to a message, about
USERS = ("Debian-exim", "opensmtpd", "opensmtpq", "opendkim", "opendmarc", "_rspamd", "postfix",
         "postdrop")


class Stopped(BaseException):
    """The benchmark was told to stop: by Ctrl-C or SIGTERM."""


def stop_in_order():
    """The first SIGINT or SIGTERM raises Stopped, so that servers are ended; more are ignored."""
    def stopped(*_):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise Stopped
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopped)


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def own_network(*settings, bits=24):
    """Puts the addresses of server and clients, and kernel settings, into the network namespace
    that the wrapper of a benchmark made. Outside of one they would stay on the machine: other tests
    fail on it, or reach what they should not."""
    if run("ip", "-o", "link", "show", "up").strip():
        sys.exit("this changes addresses and kernel settings, so it needs a network namespace of "
                 "its own: start it by its wrapper (bench/run, bench/lua, bench/vsl, bench/queue) "
                 "or with unshare --net")
    run("ip", "link", "set", "lo", "up")
    for address in (SERVER, CLIENT):
        run("ip", "addr", "add", f"{address}/{bits}", "dev", "lo")
    if settings:
        run("sysctl", "-qw", *settings)


def own_files():
    """Lays the servers that bench/peers unpacked over this mount namespace's /usr and /etc, with
    users for them, and gives it its own /var/spool, /var/lib and /run. Needs a namespace of mounts
    and one of processes: both are the wrapper's work."""
    if os.getpid() != 1:
        sys.exit("this changes mounts, so it needs a namespace of its own: start it by bench/run")
    layers, spool = WORK / "layers", WORK / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    for folder in (layers, spool, PEERS / "tree" / "usr", PEERS / "tree" / "etc"):
        folder.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", str(layers))  # overlayfs takes no overlayfs as upper layer
    for name in ("usr", "etc", "var/lib"):
        upper, work = layers / name / "upper", layers / name / "work"
        upper.mkdir(parents=True)
        work.mkdir()
        lower = f"/{name}" if name == "var/lib" else f"{PEERS}/tree/{name}:/{name}"
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={upper},workdir={work}", f"/{name}")
    run("mount", "--bind", str(spool), "/var/spool")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"),
                       ("hosts", f"127.0.0.1 localhost\n{SERVER} mx.example.net\n")):
        path = pathlib.Path("/etc") / name
        path.unlink(missing_ok=True)
        path.write_text(text)
    known = pathlib.Path("/etc/passwd").read_text()
    for number, user in enumerate(USERS, 901):
        if not re.search(f"^{user}:", known, re.M):
            with open("/etc/passwd", "a") as users, open("/etc/group", "a") as groups:
                users.write(f"{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
                groups.write(f"{user}:x:{number}:\n")


def descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(100000, hard), hard))


def session_limit():
    """As many sessions of Postern as can all have a message in work at once: four descriptors each,
    a quarter more that end, and some for its API and queue. Beyond, places for work are shared."""
    return min(20000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 7 // 8 - 2600) // 5)


class Group:
    """The server's processes and their CPU time."""

    def __init__(self):
        base = pathlib.Path("/sys/fs/cgroup")
        self.v1 = (base / "cpuacct").is_dir()
        name = f"postern-bench-{os.urandom(4).hex()}"
        self.path = (base / "cpuacct" if self.v1 else base) / name
        self.path.mkdir()
        self.started = []

    def start(self, command, **options):
        enter = lambda: (self.path / "cgroup.procs").write_text("0")
        process = subprocess.Popen([str(word) for word in command], preexec_fn=enter, **options)
        self.started.append(process)
        return process

    def pids(self):
        return [int(p) for p in (self.path / "cgroup.procs").read_text().split()]

    def cpu(self):
        if self.v1:
            return int((self.path / "cpuacct.usage").read_text()) / 1e9
        return int(re.search(r"usage_usec (\d+)", (self.path / "cpu.stat").read_text())[1]) / 1e6

    def quiet_cpu(self):
        last = self.cpu()
        for _ in range(160):
            time.sleep(0.05)
            now = self.cpu()
            if now - last < 0.002:
                break
            last = now
        return self.cpu()

    def pss(self):
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
            except (OSError, TypeError):
                pass
        return total

    def stop(self):
        seen = set()
        for attempt in range(60):
            pids = self.pids()
            if not pids:
                break
            seen.update(pids)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGTERM if attempt < 20 else signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)
        for process in self.started:
            process.poll()
        # In a namespace of processes those whose parent ended are children of this one.
        for pid in seen - {process.pid for process in self.started}:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        self.started.clear()

    def remove(self):
        """Ends what runs, and the group itself."""
        self.stop()
        for _ in range(30):
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.1)


class NotStarted(Exception):
    """A server does not listen; the reason."""


def wait_port(port=PORT):
    for _ in range(200):
        try:
            socket.create_connection((SERVER, port), timeout=1).close()
            time.sleep(0.3)
            return
        except OSError:
            time.sleep(0.05)
    raise NotStarted(f"nothing listens on port {port}")


def wait_files(*paths, seconds=10):
    for _ in range(seconds * 20):
        if all(path.exists() for path in paths):
            return
        time.sleep(0.05)
    raise NotStarted(f"{' or '.join(path.name for path in paths)} is not made")


def api(method, path, body=None, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{API}/api/v1{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read() or b"null")


def certificate():
    """(chain, key) of all servers, made once."""
    chain, key = WORK / "tls.pem", WORK / "tls.key"
    if not key.exists() or not chain.exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-subj", "/CN=mx.example.net", "-days", "3650", "-keyout", str(key), "-out",
            str(chain))
        key.chmod(0o644)
    return chain, key


def messages(sizes=SIZES):
    """Fifty different messages of each size, three of the largest; unsigned."""
    for size in sizes:
        folder = WORK / "messages" / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(50 if size < 1_000_000 else 3):
            path = folder / f"{number:03}.eml"
            if not path.exists():
                path.write_bytes(message(number, size))
    return WORK / "messages"


def message(number, size):
    head = (f"From: Sender <sender@example.org>\r\nTo: rcpt@example.net\r\n"
            f"Subject: message {number}\r\nDate: Mon, 15 Jan 2024 10:00:00 +0000\r\n"
            f"Message-ID: <{number}.{size}@example.org>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n").encode()
    body = base64.b64encode(os.urandom(size)).decode()
    lines = "\r\n".join(body[i:i + 70] for i in range(0, len(body), 70)).encode()
    return head + lines[:max(0, size - len(head) - 2)].rstrip(b"\r\n") + b"\r\n"


def signed_messages(sizes, postern):
    """Messages of about these sizes, signed with an RSA key of 2048 bits; the same of 4 KB with one
    octet changed; and the key's record. They are kept: (folder, record)."""
    folder, key, kept = WORK / "signed", WORK / "s1.pem", WORK / "s1.json"
    if not (key.exists() and kept.exists()):
        key.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        kept.write_text(run(str(postern), "dkim", "keygen", "--domain", "example.org", "--selector",
                            "s1", "--out", str(key), "--json"))
    record = json.loads(kept.read_text())["keys"][0]["record"]
    plain = WORK / "unsigned.eml"
    for size in sizes:
        (folder / str(size)).mkdir(parents=True, exist_ok=True)
        for number in range(50 if size < 1_000_000 else 3):
            path = folder / str(size) / f"{number:03}.eml"
            if path.exists():
                continue
            plain.write_bytes(message(number, size - SIGNATURE))
            signed = subprocess.run([postern, "dkim", "sign", "--key", key, "--domain",
                                     "example.org", "--selector", "s1", plain],
                                    check=True, capture_output=True).stdout
            path.write_bytes(signed)
    forged = folder / "forged"
    forged.mkdir(exist_ok=True)
    for path in (folder / "4096").iterdir():
        text = path.read_bytes()
        (forged / path.name).write_bytes(text[:-3] + (b"A" if text[-3:-2] != b"A" else b"B")
                                         + text[-2:])
    return folder, record


def zone(record=None):
    names = {"example.org": ["v=spf1 include:_spf.example.org -all"],
             "_spf.example.org": ["v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all"],
             "_dmarc.example.org": ["v=DMARC1; p=reject"]}
    if record:
        names["s1._domainkey.example.org"] = [record]
    return names


def name_server(record=None):
    """The suites' DNS stub with the benchmark's few names; Postern keeps the answers."""
    path = WORK / "zone.json"
    path.write_text(json.dumps({name: {"TXT": texts} for name, texts in zone(record).items()}))
    host, port = DNS.split(":")
    return subprocess.Popen([sys.executable, str(ROOT / "tests/suites/dns_stub.py"), "--listen",
                             host, "--port", port, "--ttl", "3600", str(path)],
                            stdout=subprocess.DEVNULL)


def fast_name_server(record):
    """unbound with the same names, on the usual port too: most peers ask it several times for each
    message."""
    path = WORK / "unbound.conf"
    host, port = DNS.split(":")
    lines = ["server:", f"interface: 127.0.0.1@53\ninterface: {host}@{port}", "num-threads: 1",
             "do-daemonize: no", 'chroot: ""', 'username: ""', f'directory: "{WORK}"',
             'pidfile: ""', "use-syslog: no", f'logfile: "{WORK}/unbound.log"',
             'module-config: "iterator"', 'local-zone: "." static']
    for name, texts in zone(record).items():
        for text in texts:
            chunks = " ".join(f'"{text[i:i + 250]}"' for i in range(0, len(text), 250))
            lines.append(f"local-data: '{name}. 3600 IN TXT {chunks}'")
    lines.append("local-data: 'mx.example.net. 3600 IN A 192.0.2.1'")
    path.write_text("\n".join(lines) + "\nremote-control:\n  control-enable: no\n")
    process = subprocess.Popen(["unbound", "-c", str(path)])
    time.sleep(0.5)
    if process.poll() is not None:
        sys.exit(f"unbound ended with status {process.returncode}")
    return process


def load(server, *arguments):
    """What the generator saw, with `said`: the refusals, if there were any."""
    command = [LOAD, "--host", SERVER, "--port", PORT, "--source", CLIENT, "--to", server.to,
               "--json", *arguments]
    output = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    if output.returncode != 0:
        print(output.stderr[:500], file=sys.stderr)
    return {**json.loads(output.stdout), "said": output.stderr.strip()}


def flushes(group, action):
    """(calls of fsync and the like by the group's processes while `action` runs, its result)."""
    out = WORK / "strace"
    pids = [word for pid in group.pids() for word in ("-p", str(pid))]
    calls = "trace=fsync,fdatasync,sync_file_range,syncfs,sync"
    trace = subprocess.Popen(["strace", "-f", "-qq", "-e", calls, "-o", str(out), *pids],
                             stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        result = action()
        time.sleep(0.5)
    finally:
        trace.send_signal(signal.SIGINT)
        trace.wait()
    lines = out.read_text(errors="replace").splitlines()
    return sum("sync" in line and "resumed" not in line for line in lines), result
