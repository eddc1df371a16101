#!/usr/bin/env python3
"""The queue of Postern beside that of Postfix, interleaved, on one machine and one disk. Run through bench/queue.

receive   messages that are on stable storage when they are answered 250: rate and p99, 4 KB and 100 KB, 16 and 64 connections.
          Nothing is delivered meanwhile: Postfix puts them on hold, which is the least it can do; Postern's next hop is down.
fsyncs    flushes a message, counted by strace in a run of its own (4 KB, 16 connections).
relay     through the queue to a null sink (smtp-sink), from the first command to the last message that arrives there.
restart   Postern alone: a start with 1,000 to 1,000,000 queued messages: first delivery, memory a message. bench/growth draws it."""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

import parts
import servers as known

WORK, SERVER, CLIENT, PORT = parts.WORK, parts.SERVER, parts.CLIENT, parts.PORT
SINK = 2626


class Sink:
    """smtp-sink, and how many messages it took."""

    def __init__(self):
        self.taken, self.first = 0, None
        self.process = subprocess.Popen(["smtp-sink", "-c", "-u", "nobody", f"{SERVER}:{SINK}", "4096"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        parts.wait_port(SINK)

    def read(self):
        # Repeated output of the form "sess=3 quit=2 mesg=17\r".
        rest = b""
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            rest = (rest + chunk)[-400:]
            found = re.findall(rb"mesg=(\d+)", rest)
            if found:
                self.taken = int(found[-1])
                if self.taken and self.first is None:
                    self.first = time.monotonic()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Postern:
    name = "postern"
    to = "rcpt@example.net"

    def __init__(self, binary):
        self.binary = binary

    def start(self, group, deliver, keep=False):
        top = WORK / "postern"
        if not keep:
            shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True, exist_ok=True)
        (top / "postern.toml").write_text(f"""
[server]
hostname = "mx.example.net"
data_dir = "{top}/data"
[[listener]]
address = "{SERVER}:{PORT}"
[limits]
sessions = {parts.session_limit()}
exempt_networks = ["192.0.2.0/24"]
[dns]
servers = ["{parts.DNS}"]
[api]
address = "127.0.0.1:{parts.API}"
[restrictions]
mynetworks = "192.0.2.0/24"
smtpd_recipient_restrictions = "permit_mynetworks, reject_unauth_destination"
[[route]]
match = ["*"]
to = ["[{SERVER}]:{SINK if deliver else SINK + 1}"]
[log]
format = "json"
""")
        self.log = open(top / "log", "wb")
        self.process = group.start([str(self.binary), "serve", "--config", str(top / "postern.toml")], stdout=self.log, stderr=self.log)
        self.started = time.monotonic()
        parts.wait_port()

    def wait_loaded(self):
        for _ in range(6000):
            if b"queue.loaded" in (WORK / "postern" / "log").read_bytes():
                return time.monotonic() - self.started
            time.sleep(0.01)
        sys.exit("the queue was not loaded within a minute")


class Postfix(known.Postfix):
    """What bench/run starts, with a queue that keeps or relays."""

    def start(self, group, deliver, keep=False):
        self.services = self.main = ""
        if deliver:
            self.main = f"""
default_transport = smtp:
relay_transport = relay:[{SERVER}]:{SINK}
default_destination_concurrency_limit = 20
smtpd_recipient_restrictions =
"""
            self.services = "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"
        super().start(group)


def load(server, *arguments):
    return parts.load(server, *arguments)


def receive(args, group, servers, folder, results):
    counts = {"postern": args.messages, "postfix": max(400, args.messages // 5)}
    for number in range(args.rounds):
        for size in (4096, 102400):
            for connections in (16, 64):
                for server in servers:
                    server.start(group, deliver=False)
                    load(server, "-c", connections, "-m", 20, "-n", 200, "--eml", folder / str(size))
                    n = counts[server.name] // (4 if size > 50000 else 1)
                    r = load(server, "-c", connections, "-m", 900, "-n", n, "-t", 60, "--eml", folder / str(size))
                    group.stop()
                    results.append({"part": "receive", "round": number, "server": server.name, "size": size, "connections": connections,
                                    "rate": r["messages_s"], "p99_ms": r["message_us"]["p99"] / 1000, "refused": r["refused"] + r["broken"]})
                    print(f'receive {server.name:8} {size:>7} c={connections:<3} {r["messages_s"]:8.0f}/s  p99 {r["message_us"]["p99"] / 1000:7.1f} ms'
                          f'  refused {r["refused"] + r["broken"]}', flush=True)


def fsyncs(args, group, servers, folder, results):
    for server in servers:
        server.start(group, deliver=False)
        load(server, "-c", 16, "-m", 20, "-n", 100, "--eml", folder / "4096")
        count = 2000 if server.name == "postern" else 600
        calls, r = parts.flushes(group, lambda: load(server, "-c", 16, "-m", 900, "-n", count, "-t", 60, "--eml", folder / "4096"))
        group.stop()
        results.append({"part": "fsyncs", "server": server.name, "a_message": calls / max(1, r["accepted"])})
        print(f'fsyncs  {server.name:8} {calls} for {r["accepted"]} messages: {calls / max(1, r["accepted"]):.2f} each', flush=True)


def relay(args, group, servers, folder, results):
    counts = {"postern": args.messages, "postfix": max(400, args.messages // 5)}
    for number in range(args.rounds):
        for size in (4096, 102400):
            for server in servers:
                sink = Sink()
                server.start(group, deliver=True)
                n = counts[server.name] // (4 if size > 50000 else 1)
                begin, base = time.monotonic(), sink.taken
                r = load(server, "-c", 16, "-m", 900, "-n", n, "-t", 60, "--eml", folder / str(size))
                while sink.taken - base < r["accepted"] and time.monotonic() - begin < 180:
                    time.sleep(0.01)
                took = time.monotonic() - begin
                arrived = sink.taken - base
                cpu = group.quiet_cpu()
                group.stop()
                sink.stop()
                results.append({"part": "relay", "round": number, "server": server.name, "size": size, "rate": arrived / took,
                                "lost": r["accepted"] - arrived, "cpu": cpu})
                print(f'relay   {server.name:8} {size:>7} {arrived / took:8.0f}/s to the sink ({r["messages_s"]:.0f}/s taken)'
                      f'  missing {r["accepted"] - arrived}', flush=True)


def restart(args, group, servers, folder, results, counts=(1000, 10_000, 100_000, 1_000_000)):
    server = servers[0]
    empty = None
    for count in (0, *counts):
        fill(args.bench, count)
        first = []
        for _ in range(args.rounds if count else 0):
            first.append(first_delivery(group, server))
            if count <= 100_000:  # of more, those delivered until it has stopped are few
                fill(args.bench, count)
        server.start(group, deliver=False, keep=True)  # the next hop is down: all messages stay
        loaded = server.wait_loaded()
        time.sleep(1)
        memory = group.pss()
        group.stop()
        empty = memory if empty is None else empty
        if not count:
            continue
        octets = (memory - empty) * 1024 / count
        results.append({"part": "restart", "queued": count, "loaded_s": loaded, "first_s": first, "octets_a_message": octets})
        print(f"restart {count:>9} queued: loaded after {loaded:.2f} s, first delivery after {', '.join(f'{s:.2f}' for s in first)} s, "
              f"{octets:.0f} octets a message", flush=True)


def fill(bench, count):
    """A data folder whose queue has so many messages for the sink."""
    shutil.rmtree(WORK / "postern", ignore_errors=True)
    spool = WORK / "postern" / "data" / "spool"
    spool.parent.mkdir(parents=True)
    subprocess.run([bench / "spool_bench", spool, "fill", str(count), f"[{SERVER}]:{SINK}"], check=True, stdout=subprocess.DEVNULL)


def first_delivery(group, server):
    """Seconds from the start to the first message that arrives; infinite: none within a minute."""
    sink = Sink()
    try:
        before = time.monotonic()
        server.start(group, deliver=True, keep=True)
        while sink.first is None and time.monotonic() - before < 60:
            time.sleep(0.005)
        group.stop()
        return (sink.first or float("inf")) - before
    finally:
        sink.stop()


def summary(results):
    lines = []
    for size in (4096, 102400):
        for connections in (16, 64):
            rows = {name: [r for r in results if r["part"] == "receive" and r["server"] == name and r["size"] == size
                           and r["connections"] == connections] for name in ("postern", "postfix")}
            if rows["postern"] and rows["postfix"]:
                ratios = [a["rate"] / b["rate"] for a, b in zip(rows["postern"], rows["postfix"])]
                lines.append(f"receive {size} c={connections}: {statistics.median(ratios):.1f} x Postfix"
                             f" ({min(ratios):.1f} to {max(ratios):.1f}), p99 {statistics.median(r['p99_ms'] for r in rows['postern']):.1f} ms"
                             f" against {statistics.median(r['p99_ms'] for r in rows['postfix']):.1f} ms")
        rows = {name: [r for r in results if r["part"] == "relay" and r["server"] == name and r["size"] == size] for name in ("postern", "postfix")}
        if rows["postern"] and rows["postfix"]:
            ratios = [a["rate"] / b["rate"] for a, b in zip(rows["postern"], rows["postfix"])]
            lines.append(f"relay {size}: {statistics.median(ratios):.1f} x Postfix ({min(ratios):.1f} to {max(ratios):.1f})")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000, help="that Postern gets a row; Postfix gets a fifth")
    parser.add_argument("--part", default="receive,fsyncs,relay,restart")
    parser.add_argument("--binary", type=pathlib.Path, default=parts.ROOT / "build/release/postern")
    parser.add_argument("--bench", type=pathlib.Path, default=parts.ROOT / "build/release/bench", help="where spool_bench is")
    parser.add_argument("--json", type=pathlib.Path, help="all figures, in this file")
    args = parser.parse_args()
    parts.own_network(bits=32)
    WORK.mkdir(parents=True, exist_ok=True)
    folder = parts.messages()
    stub = parts.name_server()
    group = parts.Group()
    servers = [Postern(args.binary.resolve()), Postfix()]
    results = []
    try:
        for part in args.part.split(","):
            {"receive": receive, "fsyncs": fsyncs, "relay": relay, "restart": restart}[part](args, group, servers, folder, results)
    finally:
        group.remove()
        stub.terminate()
        stub.wait()
    print(summary(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
