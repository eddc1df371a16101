#!/usr/bin/env python3
"""Postern beside smtp-sink and Postfix, interleaved, on one machine. Run through bench/run.

Every server takes its turn in each round; compare figures of one round, and CPU rather than rates: the
load generator shares the cores. CPU is that of the server's processes (cgroup), memory their PSS."""
import argparse
import base64
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
LOAD = WORK / "smtpload"
SERVER, CLIENT, PORT, API = "192.0.2.1", "192.0.2.10", 2525, 8025
DNS = "127.0.0.1:5300"
PASSWORD = "bench-password-1"
THREADS = 0  # of Postern's event loops; 0: its default, one a core


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def own_network(*settings, bits=24):
    """Puts the addresses of server and clients, and kernel settings, into the network namespace that the wrapper of a benchmark made.
    Outside of one they would stay on the machine: other tests fail on it, or reach what they should not."""
    if run("ip", "-o", "link", "show", "up").strip():
        sys.exit("this changes addresses and kernel settings, so it needs a network namespace of its own: start it by its wrapper "
                 "(bench/run, bench/lua, bench/vsl, bench/queue) or with unshare --net")
    run("ip", "link", "set", "lo", "up")
    for address in (SERVER, CLIENT):
        run("ip", "addr", "add", f"{address}/{bits}", "dev", "lo")
    if settings:
        run("sysctl", "-qw", *settings)


class Group:
    """The server's processes and their CPU time."""

    def __init__(self):
        base = pathlib.Path("/sys/fs/cgroup")
        self.v1 = (base / "cpuacct").is_dir()
        self.path = (base / "cpuacct" if self.v1 else base) / f"postern-bench-{os.getpid()}"
        self.path.mkdir(exist_ok=True)

    def start(self, command, **options):
        enter = lambda: (self.path / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.Popen(command, preexec_fn=enter, **options)

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
            except OSError:
                pass
        return total

    def stop(self):
        for attempt in range(40):
            pids = self.pids()
            if not pids:
                return
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGTERM if attempt < 20 else signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)


def wait_port(port=PORT):
    for _ in range(200):
        try:
            socket.create_connection((SERVER, port), timeout=1).close()
            time.sleep(0.3)
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def api(method, path, body=None, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{API}/api/v1{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read() or b"null")


def session_limit():
    """Postern keeps five descriptors a session in reserve, and some for its API and queue, and refuses to start beyond that."""
    return min(20000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 7 // 8 - 2600) // 5)


class Sink:
    name = "smtp-sink"
    to = "rcpt@example.net"

    def start(self, group):
        group.start(["smtp-sink", "-u", "nobody", f"{SERVER}:{PORT}", "4096"])
        wait_port()


class Postfix:
    name = "postfix"
    to = "rcpt@example.net"

    def start(self, group):
        top = WORK / "postfix"
        shutil.rmtree(top, ignore_errors=True)
        for folder in ("conf", "queue", "data"):
            (top / folder).mkdir(parents=True)
        shutil.chown(top / "data", "postfix")
        for folder in (WORK, top):
            folder.chmod(0o755)
        (top / "conf" / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.net
mydestination =
alias_maps =
alias_database =
inet_interfaces = {SERVER}
inet_protocols = ipv4
mynetworks = 127.0.0.9/32
relay_domains = example.net
default_transport = discard:
relay_transport = discard:
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
default_process_limit = 100
smtpd_peername_lookup = no
maillog_file = {top}/log
maillog_file_prefixes = {top}
""")
        services = f"{SERVER}:{PORT} inet n - n - 100 smtpd\n"
        services += "postlog unix-dgram n - n - 1 postlogd\n"
        for line in ("pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                     "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                     "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                     "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                     "verify unix - - n - 1 verify", "proxymap unix - - n - - proxymap",
                     "error unix - - n - - error", "retry unix - - n - - error",
                     "discard unix - - n - - discard", "anvil unix - - n - 1 anvil"):
            services += line + "\n"
        (top / "conf" / "master.cf").write_text(services)
        (top / "conf" / "dynamicmaps.cf").write_text("")
        shutil.copy("/etc/postfix/postfix-files", top / "conf")
        group.start(["postfix", "-c", str(top / "conf"), "start"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port()


class Postern:
    name = "postern"

    def __init__(self, strict=False, binary=ROOT / "build/release/postern"):
        self.strict = strict  # SPF, DKIM and DMARC are required, not only reported
        self.binary = binary

    def start(self, group):
        top = WORK / "postern"
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True)
        (top / "postern.toml").write_text(f"""
[server]
hostname = "mx.example.net"
data_dir = "{top}/data"
threads = {THREADS}
[[listener]]
address = "{SERVER}:{PORT}"
[limits]
sessions = {session_limit()}
exempt_networks = ["192.0.2.0/24"]
[auth]
failure_delay = "0s"
[dns]
servers = ["{DNS}"]
[authentication]
dmarc = "{"enforce" if self.strict else "report"}"
[webhooks]
public_domain = "hooks.example.net"
disposition = "discard"
[api]
address = "127.0.0.1:{API}"
[log]
format = "json"
""")
        self.log = open(top / "log", "w")
        group.start([str(self.binary), "serve", "--config", str(top / "postern.toml")], stdout=self.log, stderr=self.log)
        wait_port()
        api("POST", "/accounts", {"email": "bench@example.org", "password": PASSWORD})
        token = api("POST", "/sessions", {"email": "bench@example.org", "password": PASSWORD})["access_token"]
        rules = {"require_spf": True, "require_dkim": True, "allowed_dkim_domains": "example.org"} if self.strict else {}
        policy = api("POST", "/smtp-policies",
                     {"name": "bench", "allowed_source_ips": "192.0.2.0/24", **rules}, token)
        # The server hashes the password with cost 12; this hash determines the maximum rate of
        # AUTH.
        api("POST", "/smtp-policies", {"name": "users", "require_smtp_auth": True,
                                       "smtp_credentials": [{"username": "bench", "password": "correct-horse"}]}, token)
        hook = api("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policy["id"]}, token)
        self.to = hook["email_address"]


class Other(Postern):
    """Another commit's binary: what a change costs is measured in the same minutes."""
    name = "other"

    def __init__(self, binary):
        super().__init__(binary=pathlib.Path(binary).resolve())


def messages():
    for size in (1024, 4096, 10240, 102400):
        folder = WORK / "messages" / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(50):
            path = folder / f"{number:03}.eml"
            if path.exists():
                continue
            head = (f"From: Sender <sender@example.org>\r\nTo: rcpt@example.net\r\nSubject: message {number}\r\n"
                    f"Date: Mon, 15 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{number}.{size}@example.org>\r\n"
                    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n").encode()
            body = base64.b64encode(os.urandom(size)).decode()
            lines = "\r\n".join(body[i:i + 70] for i in range(0, len(body), 70)).encode()
            path.write_bytes(head + lines[:max(0, size - len(head) - 2)] + b"\r\n")
    return WORK / "messages"


def signed_messages(folder):
    """Messages of 4 KB signed with an RSA key of 2048 bits, the same with one octet changed, and the key's record."""
    postern, key = str(ROOT / "build/release/postern"), WORK / "s1.pem"
    good, forged = WORK / "messages" / "signed", WORK / "messages" / "forged"
    shutil.rmtree(good, ignore_errors=True)
    shutil.rmtree(forged, ignore_errors=True)
    good.mkdir()
    forged.mkdir()
    key.unlink(missing_ok=True)
    made = json.loads(run(postern, "dkim", "keygen", "--domain", "example.org", "--selector", "s1", "--out", str(key), "--json"))
    for path in sorted((folder / "4096").iterdir()):
        text = subprocess.run([postern, "dkim", "sign", "--key", str(key), "--domain", "example.org", "--selector", "s1", str(path)],
                              check=True, capture_output=True).stdout
        (good / path.name).write_bytes(text)
        (forged / path.name).write_bytes(text[:-3] + (b"A" if text[-3:-2] != b"A" else b"B") + text[-2:])
    return good, forged, made["keys"][0]["record"]


def name_server(record=None):
    """The suites' DNS stub with the benchmark's few names; Postern keeps the answers."""
    zone = {"example.org": {"TXT": ["v=spf1 include:_spf.example.org -all"]},
            "_spf.example.org": {"TXT": ["v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all"]},
            "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}}
    if record:
        zone["s1._domainkey.example.org"] = {"TXT": [record]}
    path = WORK / "zone.json"
    path.write_text(json.dumps(zone))
    host, port = DNS.split(":")
    return subprocess.Popen([sys.executable, str(ROOT / "tests/suites/dns_stub.py"), "--listen", host, "--port", port,
                             "--ttl", "3600", str(path)], stdout=subprocess.DEVNULL)


def verify(args, group, folder, results):
    """SPF, DKIM and DMARC required of signed mail, names cached; what they cost beside mail that is only looked at."""
    good, forged, record = signed_messages(folder)
    stub = name_server(record)
    try:
        for round_number in range(args.rounds):
            for name, strict, eml in (("unsigned, reported", False, folder / "4096"), ("signed, required", True, good)):
                server = Postern(strict)
                server.start(group)
                load(server, "-c", 16, "-m", 20, "-n", 400, "--from", "sender@example.org", "--eml", eml)
                before = group.quiet_cpu()
                r = load(server, "-c", 16, "-m", 900, "-n", 6000, "-t", 30, "--from", "sender@example.org", "--eml", eml)
                cpu = (group.quiet_cpu() - before) * 1e6 / max(1, r["accepted"])
                results.append({"part": "verify", "round": round_number, "name": name, "cpu_us": cpu, "rate": r["messages_s"],
                                "accepted": r["accepted"], "refused": r["refused"] + r["broken"]})
                print(f'verify {name:20} {r["messages_s"]:9.0f}/s {cpu:8.1f} us CPU  refused {r["refused"] + r["broken"]}', flush=True)
                if strict:
                    r = load(server, "-c", 4, "-m", 50, "-n", 200, "-t", 30, "--from", "sender@example.org", "--eml", forged)
                    results.append({"part": "verify", "round": round_number, "name": "forged", "accepted": r["accepted"],
                                    "refused": r["refused"]})
                    print(f'verify forged: {r["accepted"]} accepted, {r["refused"]} refused', flush=True)
                group.stop()
    finally:
        stub.terminate()
        stub.wait()


def load(server, *arguments):
    output = subprocess.run([str(LOAD), "--host", SERVER, "--port", str(PORT), "--source", CLIENT,
                             "--to", server.to, "--json", *map(str, arguments)], text=True, capture_output=True)
    if output.returncode != 0:
        print(output.stderr[:500], file=sys.stderr)
    return json.loads(output.stdout)


def ingest(args, group, servers, folder, results):
    counts = {"smtp-sink": 6000, "postern": 6000, "other": 6000, "postfix": 1200}
    for round_number in range(args.rounds):
        for server in servers:
            server.start(group)
            load(server, "-c", 16, "-m", 20, "-n", 400, "--eml", folder / "4096")
            for size in (1024, 4096, 10240, 102400):
                for mode, per_connection in (("new", 1), ("reused", 1000000)):
                    n = counts[server.name] // (4 if size > 50000 else 1)
                    per = 900 if mode == "reused" else per_connection
                    before = group.quiet_cpu()
                    r = load(server, "-c", 16, "-m", per, "-n", n, "-t", 30, "--eml", folder / str(size))
                    cpu = (group.quiet_cpu() - before) * 1e6 / max(1, r["accepted"])
                    results.append({"part": "ingest", "round": round_number, "server": server.name, "size": size,
                                    "mode": mode, "rate": r["messages_s"], "cpu_us": cpu, "p99_us": r["message_us"]["p99"],
                                    "refused": r["refused"] + r["broken"]})
                    print(f'{server.name:10} {size:>7} {mode:7} {r["messages_s"]:9.0f}/s {cpu:8.1f} us CPU'
                          f'  p99 {r["message_us"]["p99"]} us  refused {r["refused"] + r["broken"]}', flush=True)
            results.append({"part": "memory", "server": server.name, "round": round_number, "pss_kib": group.pss()})
            group.stop()


def idle(args, group, results):
    for name, extra in (("plain", []), ("tls", ["--starttls"])):
        server = Postern()
        server.start(group)
        load(server, "-c", 64, "-m", 20, "-n", 2000, "--size", 1024)
        time.sleep(1.0)
        before = group.pss()
        holder = subprocess.Popen([str(LOAD), "--host", SERVER, "--port", str(PORT), "--source", CLIENT, "-c",
                                   str(min(args.idle, session_limit() - 50)), "--hold", "8", *extra], stdout=subprocess.PIPE, text=True)
        line = holder.stdout.readline()
        held = int(re.search(r"READY (\d+)", line)[1])
        time.sleep(4.0)
        each = (group.pss() - before) / max(1, held)
        print(f"idle {name}: {held} sessions, {each:.2f} KiB each", flush=True)
        results.append({"part": "idle", "mode": name, "sessions": held, "kib": each})
        holder.wait()
        group.stop()


def tls(args, group, results):
    for round_number in range(args.rounds):
        server = Postern()
        server.start(group)
        load(server, "-c", 16, "-m", 0, "-n", 300, "--starttls")
        before = group.quiet_cpu()
        r = load(server, "-c", 16, "-m", 0, "-n", 3000, "-t", 30, "--starttls")
        cpu = (group.quiet_cpu() - before) * 1e3 / max(1, r["sessions"])
        print(f'tls sessions: {r["sessions_s"]:.0f}/s, {cpu:.3f} ms CPU', flush=True)
        results.append({"part": "tls", "round": round_number, "rate": r["sessions_s"], "cpu_ms": cpu})
        group.stop()


def auth(args, group, results):
    server = Postern()
    server.start(group)
    before = group.quiet_cpu()
    r = load(server, "-c", 4, "-m", 0, "-n", 60, "-t", 60, "--starttls", "--auth", "bench:correct-horse")
    cpu = (group.quiet_cpu() - before) * 1e3 / max(1, r["sessions"])
    print(f'tls+auth sessions: {r["sessions_s"]:.1f}/s, {cpu:.1f} ms CPU (bcrypt, cost 12)', flush=True)
    results.append({"part": "auth", "rate": r["sessions_s"], "cpu_ms": cpu, "sessions": r["sessions"]})
    group.stop()


def report(results):
    lines = []
    rows = [r for r in results if r["part"] == "ingest"]
    if rows:
        peers = [name for name in ("smtp-sink", "postfix", "other") if any(r["server"] == name for r in rows)]
        shown = ["postern", *peers]
        beside = peers[0] if peers else "postern"
        lines += ["| size | connections | " + " | ".join(f"{s}: msg/s; CPU µs" for s in shown)
                  + f" | postern / {beside}: rate, CPU |", "|---" * (len(shown) + 3) + "|"]
        for size in (1024, 4096, 10240, 102400):
            for mode in ("new", "reused"):
                cells, rate, cpu = [], {}, {}
                for server in shown:
                    chosen = [r for r in rows if (r["server"], r["size"], r["mode"]) == (server, size, mode)]
                    if not chosen:
                        cells.append("-")
                        continue
                    rate[server] = {r["round"]: r["rate"] for r in chosen}
                    cpu[server] = {r["round"]: r["cpu_us"] for r in chosen}
                    cells.append(f'{statistics.median(r["rate"] for r in chosen):,.0f}; '
                                 f'{statistics.median(r["cpu_us"] for r in chosen):.0f}')
                ratio = "-"
                if "postern" in rate and beside in rate:
                    ratio = ", ".join(f"{statistics.median(of['postern'][k] / of[beside][k] for k in of['postern'] if k in of[beside]):.2f}"
                                      for of in (rate, cpu))
                lines.append(f"| {size} | {mode} | " + " | ".join(cells) + f" | {ratio} |")
    for r in results:
        if r["part"] == "idle":
            lines.append(f'\nIdle {r["mode"]} sessions: {r["sessions"]}, {r["kib"]:.2f} KiB each (PSS).')
    chosen = [r for r in results if r["part"] == "tls"]
    if chosen:
        lines.append(f'\nTLS sessions (connect, STARTTLS, EHLO, QUIT): {statistics.median(r["rate"] for r in chosen):.0f}/s, '
                     f'{statistics.median(r["cpu_ms"] for r in chosen):.3f} ms of server CPU each.')
    for r in results:
        if r["part"] == "auth":
            lines.append(f'\nTLS + AUTH PLAIN sessions: {r["rate"]:.1f}/s, {r["cpu_ms"]:.1f} ms of server CPU each '
                         '(bcrypt, cost 12, is all of it).')
    for name in ("unsigned, reported", "signed, required"):
        chosen = [r for r in results if r["part"] == "verify" and r["name"] == name]
        if chosen:
            lines.append(f'\n4 KB message, {name}: {statistics.median(r["cpu_us"] for r in chosen):.0f} µs of server CPU, '
                         f'{statistics.median(r["rate"] for r in chosen):,.0f}/s.')
    forged = [r for r in results if r["part"] == "verify" and r["name"] == "forged"]
    if forged:
        lines.append(f'\nForged: {sum(r["accepted"] for r in forged)} accepted, {sum(r["refused"] for r in forged)} refused.')
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", default="ingest,idle,tls,auth,verify")
    parser.add_argument("--servers", default="smtp-sink,postfix,postern")
    parser.add_argument("--idle", type=int, default=10000, help="idle sessions held")
    parser.add_argument("--out", default=str(WORK / "results"))
    parser.add_argument("--threads", type=int, default=0, help="event loops of Postern; 0: one a core")
    parser.add_argument("--other", help="another binary of Postern, of another commit, say: the server named `other`")
    args = parser.parse_args()
    global THREADS
    THREADS = args.threads

    own_network("net.ipv4.tcp_tw_reuse=1", "net.ipv4.tcp_syncookies=0", "net.ipv4.ip_local_port_range=10000 65000")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(100000, hard), hard))
    folder, results, group = messages(), [], Group()
    known = {"smtp-sink": Sink, "postfix": Postfix, "postern": Postern, "other": lambda: Other(args.other)}
    try:
        parts = args.part.split(",")
        if "verify" in parts:
            verify(args, group, folder, results)
        stub = name_server()
        if "ingest" in parts:
            ingest(args, group, [known[name]() for name in args.servers.split(",")], folder, results)
        if "idle" in parts:
            idle(args, group, results)
        if "tls" in parts:
            tls(args, group, results)
        if "auth" in parts:
            auth(args, group, results)
        stub.terminate()
    finally:
        group.stop()
        time.sleep(0.3)
        group.path.rmdir()
    pathlib.Path(args.out + ".json").write_text(json.dumps(results, indent=1))
    text = report(results)
    pathlib.Path(args.out + ".md").write_text(text + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()
