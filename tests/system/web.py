#!/usr/bin/env python3
"""The pages in a real browser: a gateway with name server and webhook receiver of its own, and node that plays web/test/run.mjs.

  web.py [--binary PATH] [--only NAME ...] [--sources [DIR]] [--shots DIR] [--open]

NAME is one of planted, seed, tasks, security, hostile, pages. --sources shows the pages as their sources are now (web/dev.mjs of DIR), instead of
those in the binary. --shots makes pictures of every page instead of testing. --open starts the filled demo world and waits.
Exit status 77: there is no Chromium, no node or no web/node_modules here.
"""
import argparse
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

from bench import Bench  # noqa: E402
from harness import browser, dns, instance  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402

ZONE = ROOT / "tests" / "suites" / "conduit" / "dns" / "zone.json"
MAIL = ROOT / "tests" / "suites" / "conduit" / "messages"
SETTINGS = {
    "server": {"hostname": "mx.hooks.example.net"},
    "listener": [{"tls": "starttls", "proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}],
    "limits": {"new_sessions_per_minute": 100000},
    "auth": {"failures_per_address": 0, "failures_per_account": 0},
    "webhooks": {"public_domain": "hooks.example.net", "allow_http": True, "allow_networks": ["127.0.0.1/32"]},
    "api": {"signup": "open", "rate_limits": False},
}


class Control:
    """What the browser tests cannot reach by themselves: the name server's data and what the receiver got."""

    def __init__(self, zone, receiver):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "zone" in told:
                    zone.add(told["zone"])
                if "script" in told:
                    receiver.script(told["path"], told["script"])
                self.answer([{"headers": r.headers, "body": r.body.decode("utf-8", "replace")} for r in receiver.requests(told.get("path", ""))])

            def answer(self, data):
                out = json.dumps(data).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.server.server_port

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def from_sources(folder, server):
    """The pages as their sources are now, in front of the gateway -> their address"""
    gateway = "127.0.0.1:%d" % server.api_port
    process = subprocess.Popen(["node", str(folder / "dev.mjs"), "--port", "0", "--gateway", gateway], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://[\d.:]+", process.stdout.readline()).group(0)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def world(stack, binary, sources):
    bench = stack.enter_context(Bench(binary))
    stub = dns.start([ZONE])
    stack.callback(stub.stop)
    receiver = bench.receiver()
    control = Control(stub.zone, receiver)
    stack.callback(control.stop)
    # Test mail of the pages arrives at a listener that requires no PROXY header.
    inside = {"name": "inside", "address": "127.0.0.1:%d" % instance.free_port(), "tls": "starttls"}
    settings = {**SETTINGS, "listener": [*SETTINGS["listener"], inside]}
    server = bench.server({**settings, "dns": stub.settings})
    base = gateway = "http://127.0.0.1:%d" % server.api_port
    if sources:
        base = stack.enter_context(from_sources(sources, server))
    return {"base": base, "gateway": gateway, "smtp": server.smtp_port, "receiver": receiver.url, "control": control.url, "messages": str(MAIL),
            "binary": str(binary), "config": str(server.root / "postern.toml"), "shots": str(ROOT / "build" / "shots"), "sources": bool(sources)}, server


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", type=pathlib.Path, default=os.environ.get("POSTERN_BINARY") or ROOT / "build/release/postern")
    p.add_argument("--only", nargs="+", default=[])
    p.add_argument("--sources", nargs="?", const=ROOT / "web", type=pathlib.Path)
    p.add_argument("--shots", nargs="?", const=ROOT / "build" / "shots", type=pathlib.Path)
    p.add_argument("--open", action="store_true")
    o = p.parse_args()
    why = browser.lacking()
    if why:
        print("the browser tests did not run: " + why)
        return 77
    if not pathlib.Path(o.binary).is_file():
        print("no binary at %s: tools/build release postern" % o.binary)
        return 1
    with contextlib.ExitStack() as stack:
        facts, server = world(stack, pathlib.Path(o.binary).resolve(), o.sources)
        what = ["shots.mjs"] if o.shots else ["open.mjs"] if o.open else ["run.mjs", *o.only]
        if o.shots:
            facts["shots"] = str(o.shots.resolve())
        status = subprocess.call(["node", str(ROOT / "web" / "test" / what[0]), *what[1:]], env={**os.environ, "POSTERN_WORLD": json.dumps(facts)})
        if not server.alive():
            print(server.death_note())
            return 1
        if status:
            kept = ROOT / "build" / "web-failed-gateway.log"
            shutil.copy2(server.log, kept)
            print("the gateway's log: %s" % kept.relative_to(ROOT))
        return status


if __name__ == "__main__":
    sys.exit(main())
