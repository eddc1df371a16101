#!/usr/bin/env python3
"""Lua hooks under load. Run through bench/lua.

vault     many sessions open and shake hands; when all are there they say AUTH at once, and the hook of each asks a Vault that answers
          in 200 ms. How long other sessions' commands take before, while the handshakes are made, and while the AUTHs are under way;
          once as written, once with kumo.memoize. Beside it, of the server's threads: how long they ran, and how long they were
          ready to run and had no core. `--favour` gives the server precedence over the clients, whose cores these are too. The sessions
          that are timed go before both, as if they came from another machine.
runaway   a session whose hook never ends, again and again, and how long its neighbours' commands take before and meanwhile.
auth      sessions with TLS and AUTH PLAIN against a table in the script, beside Haraka with auth/flat_file, in turns; and the same
          sessions without AUTH.

The clients share the machine's cores with the server: believe figures of one run, and ratios first."""
import argparse
import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import time

import parts

WORK, SERVER, CLIENT, PORT = parts.WORK, parts.SERVER, parts.CLIENT, parts.PORT
HARAKA = parts.PEERS / "npm" / "node_modules" / "Haraka" / "bin" / "haraka"
VAULT, ANSWER_SECONDS, USERS = 8200, 0.2, 20
QUIET_SECONDS, RUNAWAY_SECONDS, PROBERS, PAUSE = 3, 5, 4, 0.002
MOST_SECONDS = 1800  # of a whole run

SECRET = "kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. user }"
POLICY = {
    "vault": f"local function secret(user) return {SECRET} end\n",
    "memoize": f"local secret = kumo.memoize(function(user) return {SECRET} end, {{ name = 'secret', ttl = '5 minutes', capacity = 1000 }})\n",
    "table": """
local users = { scott = 'tiger' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password ~= '' and users[authc] == password
end)
""",
    "runaway": """
kumo.on('smtp_server_mail_from', function(sender)
  if sender.user == 'loop' then
    while true do end
  end
end)
"""}
ASKING = """
kumo.on('smtp_server_auth_plain', function(authz, authc, password) return password == secret(authc) end)
kumo.on('smtp_server_mail_from', function(sender) end)
"""


# ---------------------------------------------------------------- servers
class Postern:
    name = "postern"
    to = "rcpt@example.net"

    def __init__(self, binary):
        self.binary = binary

    def start(self, group, policy, threads=0):
        top = WORK / "postern"
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True)
        (top / "policy.lua").write_text(policy)
        chain, key = parts.certificate()
        (top / "postern.toml").write_text(f"""
[server]
hostname = "mx.example.net"
data_dir = "{top}/data"
threads = {threads}
[[listener]]
address = "{SERVER}:{PORT}"
tls = "starttls"
certificate = "{chain}"
key = "{key}"
[lua]
policy = "{top}/policy.lua"
relay_to = ["example.net"]
[auth]
policies = false
failure_delay = "0s"
[limits]
sessions = {parts.session_limit()}
exempt_networks = ["192.0.2.0/24"]
junk_commands = 1000000
[dns]
servers = ["{parts.DNS}"]
[[route]]
match = ["*"]
to = ["discard"]
[api]
address = "127.0.0.1:{parts.API}"
[log]
format = "json"
""")
        env = {**os.environ, "VAULT_ADDR": f"http://127.0.0.1:{VAULT}", "VAULT_TOKEN": "hvs.bench"}
        self.log = open(top / "log", "wb")
        self.process = group.start([str(self.binary), "serve", "--config", str(top / "postern.toml")], stdout=self.log, stderr=self.log, env=env)
        time.sleep(0.2)
        if self.process.poll() is not None:
            sys.exit("postern did not start:\n" + (top / "log").read_text())
        parts.wait_port()


class Haraka:
    name = "haraka"
    to = "rcpt@example.net"

    def start(self, group, policy=None, threads=0):
        top = WORK / "haraka-config"
        shutil.rmtree(top, ignore_errors=True)
        subprocess.run([HARAKA, "-i", top], check=True, capture_output=True)
        chain, key = parts.certificate()
        for name, text in {
                "smtp.ini": f"listen={SERVER}:{PORT}\nnodes={os.cpu_count()}\n", "plugins": "tls\nauth/flat_file\n", "me": "mx.example.net\n",
                "auth_flat_file.ini": "[core]\nmethods=PLAIN\n[users]\nscott=tiger\n", "log.ini": "[main]\nlevel=notice\n",
                "tls_key.pem": key.read_text(), "tls_cert.pem": chain.read_text()}.items():
            (top / "config" / name).write_text(text)
        self.log = open(top / "log", "wb")
        group.start([str(HARAKA), "-c", str(top)], stdout=self.log, stderr=self.log)
        parts.wait_port()
        time.sleep(3)  # until its other processes run


def answer_as_vault(asked):
    """Every secret there is has the key `tiger`; the answer takes 200 ms. `asked` counts."""
    body = json.dumps({"data": {"data": {"key": "tiger"}, "metadata": {"version": 1}}}).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked.value += 1
                await asyncio.sleep(ANSWER_SECONDS)
                writer.write(reply)
                await writer.drain()
        writer.close()

    async def forever():
        server = await asyncio.start_server(serve, "127.0.0.1", VAULT, backlog=4096)
        await server.serve_forever()

    asyncio.run(forever())


# ---------------------------------------------------------------- who is disturbed
def probe(pipe):
    """A session that says NOOP and MAIL until it is told to stop; then the times at which commands ended, and how long they took.
    It goes before everything else on the cores, as one on a machine of its own would: what it waits for is the server."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    sock = socket.create_connection((SERVER, PORT), timeout=30, source_address=(CLIENT, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream, took = sock.makefile("rb"), []

    def say(line, want):
        began = time.monotonic()
        if line:
            sock.sendall(line + b"\r\n")
        while (reply := stream.readline())[3:4] == b"-":
            pass
        if not reply.startswith(want):
            raise SystemExit(f"a neighbour was told {reply!r} to {line!r}")
        return began, time.monotonic() - began

    say(b"", b"220")
    say(b"EHLO neighbour.example", b"250")
    pipe.send("ready")
    while not pipe.poll():
        for line in (b"NOOP", b"MAIL FROM:<a@example.org>", b"RSET"):
            took.append(say(line, b"250"))
            time.sleep(PAUSE)
    pipe.send(took)


class Neighbours:
    def __enter__(self):
        self.pairs = []
        for _ in range(PROBERS):
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.Process(target=probe, args=(theirs,), daemon=True)
            process.start()
            self.pairs.append((ours, process))
        for ours, _ in self.pairs:
            if not ours.poll(30):
                sys.exit("no neighbour is served")
            ours.recv()
        return self

    def __exit__(self, *exc):
        for _, process in self.pairs:
            process.terminate()
            process.join()

    def stop(self):
        """[(began, seconds)] of all commands"""
        for ours, _ in self.pairs:
            ours.send("stop")
        found = []
        for ours, _ in self.pairs:
            if not ours.poll(30):
                sys.exit("a neighbour's command was not answered within 30 s")
            found += ours.recv()
        return found


def within(samples, begin, end):
    """Milliseconds of the commands that began in this time."""
    return sorted(1000 * took for began, took in samples if begin <= began <= end)


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def describe(values):
    return f"{quantile(values, 0.5):.2f}; {quantile(values, 0.99):.2f}; {values[-1] if values else float('nan'):.1f}"


# ---------------------------------------------------------------- parts
class Swarm:
    """Sessions inside TLS that say AUTH when told to."""

    def __init__(self, count):
        self.count, self.go, self.codes, self.last = count, asyncio.Event(), [], 0.0
        self.opening, self.context = asyncio.Semaphore(32), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.open, self.all_open = 0, asyncio.Event()

    @staticmethod
    async def reply(reader):
        while (line := await reader.readline())[3:4] == b"-":
            pass
        return line

    async def say(self, reader, writer, line):
        writer.write(line + b"\r\n")
        await writer.drain()
        return await self.reply(reader)

    async def login(self, number):
        async with self.opening:
            reader, writer = await asyncio.open_connection(SERVER, PORT, local_addr=(CLIENT, 0))
            await self.reply(reader)
            await self.say(reader, writer, b"EHLO client.example")
            await self.say(reader, writer, b"STARTTLS")
            await writer.start_tls(self.context)
            await self.say(reader, writer, b"EHLO client.example")
        self.open += 1
        if self.open == self.count:
            self.all_open.set()
        await self.go.wait()
        word = base64.b64encode(b"\0user%d\0tiger" % (number % USERS))
        reply = await self.say(reader, writer, b"AUTH PLAIN " + word)
        self.codes.append(reply[:3].decode())
        self.last = time.monotonic()
        writer.close()

    async def run(self, threads):
        """-> the times at which the handshakes began, the last was made, and the AUTHs began; the threads' times at the AUTHs' ends"""
        opening = time.monotonic()
        tasks = [asyncio.create_task(self.login(n)) for n in range(self.count)]
        await asyncio.wait_for(self.all_open.wait(), 120)
        opened = time.monotonic()
        await asyncio.sleep(1)  # the rest of the handshakes
        before, begin = threads(), time.monotonic()
        self.go.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        after = threads()
        return opening, opened, begin, (after[0] - before[0], after[1] - before[1])


def thread_times(pid):
    """Seconds that a process's threads have run, and have been ready to run and waited for a core."""
    found = [pathlib.Path(task / "schedstat").read_text().split() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(words[0]) for words in found) / 1e9, sum(int(words[1]) for words in found) / 1e9


async def log_in(count, pid):
    swarm = Swarm(count)
    return swarm, *await swarm.run(lambda: thread_times(pid))


def vault(args, group, binary, results):
    asked = multiprocessing.Value("i", 0)
    stub = multiprocessing.Process(target=answer_as_vault, args=(asked,), daemon=True)
    stub.start()
    try:
        for number in range(args.rounds):
            for name in ("vault", "memoize"):
                server = Postern(binary)
                server.start(group, POLICY[name] + ASKING)
                before = asked.value
                if args.favour:
                    os.setpriority(os.PRIO_PROCESS, server.process.pid, -20)
                    for task in os.listdir(f"/proc/{server.process.pid}/task"):
                        os.setpriority(os.PRIO_PROCESS, int(task), -20)
                with Neighbours() as neighbours:
                    quiet = time.monotonic()
                    time.sleep(QUIET_SECONDS)
                    swarm, opening, opened, begin, (ran, waited) = asyncio.run(log_in(args.logins, server.process.pid))
                    samples = neighbours.stop()
                calm, hands, busy = within(samples, quiet, opening), within(samples, opening, opened), within(samples, begin, swarm.last)
                good = swarm.codes.count("235")
                results.append({"part": "vault", "round": number, "name": name, "logins": args.logins, "good": good, "requests": asked.value - before,
                                "seconds": swarm.last - begin, "handshake_seconds": opened - opening, "ran": ran, "waited": waited,
                                "before_ms": calm, "handshakes_ms": hands, "during_ms": busy})
                print(f"vault {name:8} {good} of {args.logins} logged in within {swarm.last - begin:.2f} s, {asked.value - before} requests; "
                      f"the server's threads ran {ran:.2f} s and waited {waited:.2f} s for a core; neighbours p50; p99; max ms: before "
                      f"{describe(calm)}, during {opened - opening:.2f} s of handshakes {describe(hands)}, during the AUTHs {describe(busy)} "
                      f"({len(busy)} commands)", flush=True)
                group.stop()
    finally:
        stub.terminate()
        stub.join()


def runaway(args, group, binary, results):
    for number in range(args.rounds):
        for threads in (1, 2):
            server = Postern(binary)
            server.start(group, POLICY["runaway"], threads)
            with Neighbours() as neighbours:
                quiet = time.monotonic()
                time.sleep(QUIET_SECONDS)
                begin = time.monotonic()
                refused = run_away(begin + RUNAWAY_SECONDS)
                end = time.monotonic()
                samples = neighbours.stop()
            calm, busy = within(samples, quiet, begin), within(samples, begin, end)
            mean = (end - begin) / max(1, refused)
            results.append({"part": "runaway", "round": number, "threads": threads, "refused": refused, "seconds_each": mean,
                            "before_ms": calm, "during_ms": busy})
            print(f"runaway, {threads} event loops: {refused} hooks stopped, after {mean:.2f} s each; neighbours p50; p99; max ms: "
                  f"before {describe(calm)}, meanwhile {describe(busy)} ({len(busy)} commands)", flush=True)
            group.stop()


def run_away(until):
    """One session whose hook never ends, until then -> how often it was refused."""
    refused = 0
    with socket.create_connection((SERVER, PORT), timeout=30, source_address=(CLIENT, 0)) as sock:
        stream = sock.makefile("rb")
        stream.readline()
        sock.sendall(b"EHLO runaway.example\r\n")
        while stream.readline()[3:4] == b"-":
            pass
        while time.monotonic() < until:
            sock.sendall(b"MAIL FROM:<loop@example.org>\r\n")
            reply = stream.readline()
            if not reply.startswith(b"451"):
                sys.exit(f"the runaway hook was answered {reply!r}")
            refused += 1
    return refused


def auth(args, group, binary, results):
    if not HARAKA.exists():
        print("\nNO COMPARISON: Haraka is not installed: run bench/peers\n", file=sys.stderr, flush=True)
    servers = [Postern(binary)] + ([Haraka()] if HARAKA.exists() else [])
    for number in range(args.rounds):
        for server in servers:
            server.start(group, POLICY["table"])
            parts.load(server, "-c", 16, "-m", 0, "-n", 200, "-t", 20, "--starttls", "--auth", "scott:tiger")
            for name, more in (("tls", ()), ("tls+auth", ("--auth", "scott:tiger"))):
                before = group.quiet_cpu()
                r = parts.load(server, "-c", 16, "-m", 0, "-n", args.sessions, "-t", 30, "--starttls", *more)
                cpu = (group.quiet_cpu() - before) * 1e3 / max(1, r["sessions"])
                failed = r["refused"] + r["broken"]
                results.append({"part": "auth", "round": number, "server": server.name, "name": name, "rate": r["sessions_s"], "cpu_ms": cpu,
                                "p99_us": r["session_us"]["p99"], "failed": failed})
                print(f'{server.name:8} {name:9} {r["sessions_s"]:8.0f} sessions/s {cpu:7.3f} ms CPU  p99 {r["session_us"]["p99"] / 1000:.1f} ms'
                      f"  failed {failed}", flush=True)
            group.stop()


# ---------------------------------------------------------------- report
def pooled(rows, key):
    return sorted(value for row in rows for value in row[key])


def report(results):
    lines = []
    of = lambda part, **more: [r for r in results if r["part"] == part and all(r[k] == v for k, v in more.items())]
    if of("vault"):
        lines += ["| hook | logged in | requests to Vault | until the last reply | the server ran; waited for a core | others, p50; p99; max, before | "
                  "during the handshakes | during the AUTHs |", "|---|---|---|---|---|---|---|---|"]
        for name, title in (("vault", "`kumo.secrets.load`"), ("memoize", "the same under `kumo.memoize`")):
            rows = of("vault", name=name)
            middle = lambda key: statistics.median(r[key] for r in rows)
            lines.append("| %s | %d of %d | %s | %.2f s | %.2f; %.2f s | %s ms | %s ms | %s ms |" % (
                title, min(r["good"] for r in rows), rows[0]["logins"], " / ".join(sorted({str(r["requests"]) for r in rows})),
                middle("seconds"), middle("ran"), middle("waited"),
                *(describe(pooled(rows, key)) for key in ("before_ms", "handshakes_ms", "during_ms"))))
    if of("runaway"):
        lines += ["", "| event loops | runaway hooks, stopped after | neighbours' commands, p50; p99; max, before | meanwhile |", "|---|---|---|---|"]
        for threads in (1, 2):
            rows = of("runaway", threads=threads)
            lines.append("| %d | %d, %.2f s each | %s ms | %s ms |" % (threads, sum(r["refused"] for r in rows), statistics.median(r["seconds_each"] for r in rows),
                                                                       describe(pooled(rows, "before_ms")), describe(pooled(rows, "during_ms"))))
    if of("auth"):
        lines += ["", "| sessions | server | sessions/s | CPU ms | p99 | failed |", "|---|---|---|---|---|---|"]
        for name in ("tls", "tls+auth"):
            for server in ("postern", "haraka"):
                rows = of("auth", name=name, server=server)
                if rows:
                    lines.append("| %s | %s | %.0f | %.3f | %.1f ms | %d |" % (
                        name, server, statistics.median(r["rate"] for r in rows), statistics.median(r["cpu_ms"] for r in rows),
                        statistics.median(r["p99_us"] for r in rows) / 1000, sum(r["failed"] for r in rows)))
        lines.append("")
        for name in ("tls", "tls+auth"):
            ours, theirs = of("auth", name=name, server="postern"), of("auth", name=name, server="haraka")
            ratios = [a["rate"] / b["rate"] for a, b in zip(ours, theirs)]
            if ratios:
                lines.append("%s: postern / haraka, sessions/s of one round: %.2f (%.2f to %.2f)" % (name, statistics.median(ratios), min(ratios), max(ratios)))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", default="vault,runaway,auth")
    parser.add_argument("--binary", type=pathlib.Path, default=parts.ROOT / "build" / "release" / "postern")
    parser.add_argument("--logins", type=int, default=1000, help="AUTHs at once")
    parser.add_argument("--favour", action="store_true", help="the server goes before the clients where both want a core")
    parser.add_argument("--sessions", type=int, default=3000, help="sessions of one measurement of `auth`")
    args = parser.parse_args()
    binary = args.binary.resolve()
    signal.alarm(MOST_SECONDS)
    parts.own_network("net.ipv4.tcp_tw_reuse=1", "net.core.somaxconn=8192", "net.ipv4.ip_local_port_range=10000 65000")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(100000, hard), hard))
    results, group = [], parts.Group()
    names = parts.name_server()
    try:
        for part, play in (("vault", vault), ("runaway", runaway), ("auth", auth)):
            if part in args.part.split(","):
                play(args, group, binary, results)
    finally:
        names.terminate()
        group.stop()
        time.sleep(0.3)
        group.path.rmdir()
    (WORK / "lua.json").write_text(json.dumps(results, indent=1))
    text = report(results)
    (WORK / "lua.md").write_text(text + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()
