#!/usr/bin/env python3
"""Postern beside other servers, interleaved, on one machine. Run through bench/run.

Needs root. bench/run fetches the other servers into build/bench/peers (some hundred MB) and builds
Postern unless --binary is given; all parts take about ten minutes.

Every server takes its turn in each round; compare figures of one round, and CPU rather than rates:
the load generator shares the cores. CPU is that of the server's processes, milters included (their
cgroup), memory their PSS.

ingest      every server under every load
policies    Postern with each of its policies
durability  flushes a message, counted by strace
generator   the load generator with one thread and with two
idle, tls, auth   sessions of Postern without messages"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import figures
import parts
import servers as known
from parts import CLIENT, LOAD, PORT, ROOT, SERVER, WORK, Group, NotStarted, load, run

DOCUMENT, FIGURES = ROOT / "docs" / "benchmarks.md", ROOT / "bench" / "figures.json"
MANY = 100_000_000  # messages: the time ends a measurement
LARGE = 10 * 1024 * 1024
# -m 900: connections are renewed before the limits of a server end them.
MODES = {"new": ("new connections", ("-m", 1)), "reused": ("reused connections", ("-m", 900)),
         "pipelined": ("reused connections, MAIL, RCPT and DATA pipelined",
                       ("-m", 900, "--pipeline")),
         "tls": ("new connections, STARTTLS", ("-m", 1, "--starttls"))}
LOADS = {f"{name}-{mode}": {"key": f"{name}-{mode}", "title": f"{title}, {MODES[mode][0]}",
                            "size": size, "mode": mode}
         for name, title, size, modes in (
             ("1k", "1 KB", 1024, ("new", "reused")),
             ("4k", "4 KB", 4096, ("new", "reused", "pipelined", "tls")),
             ("10k", "10 KB", 10240, ("new", "reused")),
             ("100k", "100 KB", 102400, ("new", "reused")),
             ("10m", "10 MB", LARGE, ("reused",)))
         for mode in modes}
POLICY_LOADS = ("4k-new", "4k-reused", "1k-new", "1k-reused", "100k-new", "100k-reused")
QUICK = {"servers": "smtp-sink,postern,postern-queue", "loads": "4k-new,4k-reused,100k-reused",
         "part": "ingest", "rounds": 5}


class Bench:
    def __init__(self, args):
        self.args, self.group, self.results = args, Group(), []
        binary = args.binary.resolve()
        self.servers = []
        for name in args.servers.split(","):
            if name == "other":
                self.servers.append(known.Postern(binary=args.other.resolve(), name="other"))
            elif issubclass(known.SERVERS[name], known.Postern):
                self.servers.append(known.SERVERS[name](binary=binary, threads=args.threads))
            else:
                self.servers.append(known.SERVERS[name]())
        self.loads = [LOADS[key] for key in args.loads.split(",")]
        sizes = sorted({4096} | {load["size"] for load in self.loads})
        self.signed, record = parts.signed_messages(sizes, binary)
        self.names = parts.fast_name_server(record)

    def postern(self, **options):
        return known.Postern(binary=self.args.binary.resolve(), threads=self.args.threads,
                             **options)

    def close(self):
        self.group.remove()
        self.names.terminate()
        self.names.wait()

    def add(self, part, **members):
        self.results.append({"part": part, **members})

    def cannot(self, server, why, load=None):
        if not figures.missing({"results": self.results}, server.name, load):
            print(f"{server.name}{' ' + load if load else ''}: not measured: {why}", flush=True)
            self.add("missing", server=server.name, load=load, why=" ".join(why.split())[:200])

    def started(self, server):
        """Whether it runs and took its first messages."""
        why = server.missing()
        if why:
            self.cannot(server, why)
            return False
        try:
            server.start(self.group)
        except (NotStarted, OSError, subprocess.SubprocessError) as trouble:
            self.group.stop()
            self.cannot(server, f"it did not start: {trouble}")
            return False
        self.send(server, "-c", server.connections, "-m", 20, "-n", 200, "-t", 3)
        return True

    def send(self, server, *arguments, size=4096):
        """Messages of that size, signed, unless the arguments name others."""
        which = () if "--eml" in arguments else ("--eml", self.signed / str(size))
        return load(server, "--from", "sender@example.org", "--helo", "mail.example.org",
                    *server.flags, *arguments, *which)

    def measure(self, server, load, *more):
        """One measurement, as members of a result."""
        seconds = self.args.seconds * (4 if load["size"] == LARGE else 1)
        connections = min(server.connections, 4) if load["size"] == LARGE else server.connections
        before = self.group.quiet_cpu()
        r = self.send(server, "-c", connections, "-n", MANY, "-t", seconds, *MODES[load["mode"]][1],
                      *more, size=load["size"])
        cpu, messages = self.group.quiet_cpu() - before, r["accepted"]
        refused = r["refused"] + r["broken"]
        result = {"load": load["key"], "messages": messages, "refused": refused,
                  "seconds": r["seconds"], "rate": r["messages_s"],
                  "cpu_us": round(cpu * 1e6 / max(1, messages), 1),
                  "p50_us": r["message_us"]["p50"], "p99_us": r["message_us"]["p99"],
                  "p999_us": r["message_us"]["p999"],
                  "generator_us": round(r["client_cpu_s"] * 1e6 / max(1, messages), 1),
                  "generator_busy": round(r["client_cpu_s"] / max(0.001, r["seconds"]), 3)}
        if refused:
            result["said"] = r["said"].splitlines()[0][:120]
        print(f'{server.name:16} {load["key"]:14} {r["messages_s"]:9.0f}/s '
              f'{result["cpu_us"]:9.1f} us CPU  p99 {result["p99_us"]:8} us  refused {refused}',
              flush=True)
        return result

    def forged(self, server, title):
        """Whether it checks at all: a body changed after it was signed, an envelope sender whose
        domain has no SPF record, and DMARC's p=reject."""
        r = self.send(server, "-c", 2, "-m", 5, "-n", 20, "-t", 10, "--from", "x@example.com",
                      "--eml", self.signed / "forged")
        said = r["said"].splitlines()
        self.add("forged", title=title, messages=r["accepted"], refused=r["refused"],
                 said=said[0].strip()[:120] if said else "")

    # ---------------------------------------------------------------- parts
    def ingest(self, number):
        for server in self.servers:
            if not self.started(server):
                continue
            for load in self.loads:
                if load["mode"] in server.no:
                    self.cannot(server, server.no[load["mode"]], load["key"])
                    continue
                self.add("ingest", round=number, server=server.name,
                         **self.measure(server, load))
            self.add("memory", round=number, server=server.name, pss_kib=self.group.pss())
            if "check" in server.job and number == 0:
                self.forged(server, server.title)
            self.group.stop()

    def policies(self, number):
        """smtp-sink is the policy "sink": the machine of this round."""
        for policy in ("sink", *known.POLICIES):
            server = known.Sink() if policy == "sink" else self.postern(policy=policy)
            server.name = f"postern, {policy}" if policy != "sink" else server.name
            if not self.started(server):
                continue
            for key in POLICY_LOADS if policy in ("sink", "full") else POLICY_LOADS[:2]:
                self.add("policies", round=number, policy=policy,
                         **self.measure(server, LOADS[key]))
            if policy == "checked" and number == 0:
                self.forged(server, "Postern, SPF, DKIM and DMARC required")
            self.group.stop()

    def durability(self, number):
        if number:
            return
        for server in self.servers:
            if "queues" not in server.job:
                continue
            if not self.started(server):
                continue
            for connections in ("one", "all"):
                count = 1 if connections == "one" else server.connections
                calls, r = parts.flushes(self.group, lambda: self.send(
                    server, "-c", count, "-m", 900, "-n", 50 * count, "-t", 3))
                print(f'{server.name:16} {count} connections: {calls} flushes for {r["accepted"]} '
                      'messages', flush=True)
                self.add("durability", server=server.name, connections=connections, flushes=calls,
                         messages=r["accepted"])
            self.group.stop()

    def generator(self, number):
        for server in (known.Sink(), self.postern()):
            if not self.started(server):
                continue
            for threads in (1, 2):
                self.add("generator", round=number, server=server.name, threads=threads,
                         **self.measure(server, LOADS["4k-reused"], "-j", threads))
            self.group.stop()

    def idle(self, number):
        if number:
            return
        for name, extra in (("plain", []), ("tls", ["--starttls"])):
            server = self.postern(sessions=self.args.idle + 100)
            if not self.started(server):
                continue
            self.send(server, "-c", 64, "-m", 20, "-n", 2000)
            time.sleep(1.0)
            before = self.group.pss()
            holder = subprocess.Popen([str(LOAD), "--host", SERVER, "--port", str(PORT), "--source",
                                       CLIENT, "-c", str(self.args.idle), "--hold", "10", *extra],
                                      stdout=subprocess.PIPE, text=True)
            held = int(re.search(r"READY (\d+)", holder.stdout.readline())[1])
            time.sleep(5.0)  # pages of the handshakes are given back
            whole = self.group.pss()
            answered = self.send(server, "-c", 2, "-m", 5, "-n", 20, "-t", 5)["accepted"]
            each = (whole - before) / max(1, held)
            print(f"idle {name}: {held} sessions, {whole / 1024:.0f} MiB in all, {each:.2f} KiB "
                  f"each; beside them {answered} messages of 20 were accepted", flush=True)
            self.add("idle", mode=name, sessions=held, kib=each, mib=whole / 1024)
            holder.wait()
            self.group.stop()

    def sessions(self, server, *arguments):
        before = self.group.quiet_cpu()
        r = load(server, "-m", 0, "--starttls", *arguments)
        return r["sessions_s"], (self.group.quiet_cpu() - before) * 1e3 / max(1, r["sessions"])

    def tls(self, number):
        server = self.postern()
        if self.started(server):
            self.sessions(server, "-c", 16, "-n", 300)
            rate, cpu = self.sessions(server, "-c", 16, "-n", 3000, "-t", 10)
            print(f"tls sessions: {rate:.0f}/s, {cpu:.3f} ms CPU", flush=True)
            self.add("tls", round=number, rate=rate, cpu_ms=cpu)
            self.group.stop()

    def auth(self, number):
        server = self.postern()
        if number == 0 and self.started(server):
            rate, cpu = self.sessions(server, "-c", 4, "-n", 60, "-t", 60, "--auth",
                                      "bench:correct-horse")
            print(f"tls+auth sessions: {rate:.1f}/s, {cpu:.1f} ms CPU", flush=True)
            self.add("auth", rate=rate, cpu_ms=cpu)
            self.group.stop()

    def play(self):
        for number in range(self.args.rounds):
            for part in self.args.part.split(","):
                getattr(self, part)(number)

    def document(self, began, load_before):
        seen = {r["server"] for r in self.results if "server" in r}
        return {"machine": machine(began, load_before, self.args),
                "servers": [{"name": s.name, "title": s.title if s.name != "other" else "other",
                             "job": s.job, "version": s.version() if not s.missing() else ""}
                            for s in self.servers if s.name in seen],
                "loads": [{"key": load["key"], "title": load["title"]} for load in self.loads],
                "policies": [{"key": k, "title": t} for k, t in known.POLICIES.items()],
                "results": self.results}


PARTS = ("ingest", "policies", "durability", "generator", "idle", "tls", "auth")


def machine(began, load_before, args):
    """What the figures depend on, as rows of a table."""
    cpu = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]
    system = re.search('PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())[1]
    disk = run("findmnt", "-n", "-o", "FSTYPE", "-T", str(WORK)).strip()
    took = (datetime.datetime.now(datetime.timezone.utc) - began).seconds
    loads = [" ".join(f"{value:.1f}" for value in values)
             for values in (load_before, os.getloadavg())]
    commit = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "describe",
                             "--always", "--dirty"], text=True, capture_output=True).stdout.strip()
    return [["measured", f"{began:%Y-%m-%d %H:%M} UTC, {args.rounds} rounds of {args.seconds:g} s "
             f"each, {took // 60} min {took % 60} s"],
            ["commit", commit], ["processor", f"{cpu[1] if cpu else platform.machine()}, "
                                 f"{os.cpu_count()} cores"],
            ["memory", f"{int(memory) / 2**20:.0f} GiB"],
            ["system", f"{system}, Linux {platform.release()}, queues on {disk}"],
            ["load average before; after (1, 5, 15 minutes)", "; ".join(loads)]]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.7,
                        help="of one measurement (default: %(default)s), four times that for 10 MB")
    parser.add_argument("--part", default=",".join(PARTS), help=f"of {','.join(PARTS)} (default: all)")
    parser.add_argument("--servers", default=",".join(known.SERVERS),
                        help=f"of {','.join(known.SERVERS)},other")
    parser.add_argument("--loads", default=",".join(LOADS), help=f"of {','.join(LOADS)}")
    parser.add_argument("--idle", type=int, default=10000, help="idle sessions held")
    parser.add_argument("--out", default=str(WORK / "results"))
    parser.add_argument("--threads", type=int, default=0,
                        help="event loops of Postern; 0: one a core")
    parser.add_argument("--binary", type=pathlib.Path, default=parts.POSTERN,
                        help="Postern's; without it bench/run builds one")
    parser.add_argument("--other", type=pathlib.Path,
                        help="another binary of Postern, of another commit, say: the server "
                        "`other`")
    parser.add_argument("--write", action="store_true",
                        help="writes the generated part of docs/benchmarks.md, and "
                        "bench/figures.json")
    parser.add_argument("--quick", action="store_true",
                        help="a minute; ratios to bench/figures.json, and a warning at + 10 %%")
    args = parser.parse_args()
    if args.quick:
        for name, value in QUICK.items():
            setattr(args, name, value)
    return args


def main():
    args = arguments()
    parts.stop_in_order()
    began, load_before = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()
    parts.own_network("net.ipv4.tcp_tw_reuse=1", "net.ipv4.tcp_syncookies=0",
                      "net.ipv4.ip_local_port_range=10000 65000")
    parts.own_files()
    parts.descriptors()
    bench = Bench(args)
    try:
        bench.play()
        document = bench.document(began, load_before)
    except parts.Stopped:
        sys.exit("bench: stopped; nothing is written")
    finally:
        bench.close()
    text = figures.report(document)
    pathlib.Path(args.out + ".json").write_text(figures.compact(document))
    pathlib.Path(args.out + ".md").write_text(text + "\n")
    if args.quick:
        shown, warnings = figures.comparison(
            figures.compare(json.loads(FIGURES.read_text()), document))
        print("\n" + shown)
        for warning in warnings:
            print(f"WARNING: {warning}")
        return
    print("\n" + text)
    if args.write:
        DOCUMENT.write_text(figures.replaced(DOCUMENT.read_text(), text))
        FIGURES.write_text(figures.compact(document))


if __name__ == "__main__":
    main()
