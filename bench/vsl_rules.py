#!/usr/bin/env python3
"""The Doe family's policy three times: as .vsl rules, as restriction lists with a webhook policy, and not at all. Run through bench/vsl.

Mail of 4 KB from a stranger to a webhook that throws it away; SPF and DMARC are asked for, names are cached. The servers take
turns within a round: believe the ratios of one run first."""
import argparse
import json
import pathlib
import resource
import shutil
import signal
import statistics
import sys
import time

import parts
import servers

WORK, SERVER, CLIENT, PORT = parts.WORK, parts.SERVER, parts.CLIENT, parts.PORT
MOST_SECONDS = 1800  # of a whole run
DOMAIN = "doe-family.example"

LISTS = f"""
[restrictions]
compatibility_level = "3.6"
mynetworks = "192.168.0.0/24"
mydestination = ""
smtpd_sender_restrictions = "permit_mynetworks, check_sender_access inline:{{ {DOMAIN}=REJECT }}"
"""


class Postern:
    def __init__(self, name, binary):
        self.name, self.binary = name, binary

    def start(self, group):
        top = WORK / "postern"
        shutil.rmtree(top, ignore_errors=True)
        (top / "policy").mkdir(parents=True)
        (top / "policy" / "main.vsl").write_text(servers.VSL)
        (top / "policy" / "objects.vsl").write_text(servers.VSL_OBJECTS)
        section = {"vsl": f'[vsl]\npolicy = "{top}/policy/main.vsl"\ndomain = "{DOMAIN}"\n', "lists": LISTS, "none": ""}[self.name]
        (top / "postern.toml").write_text(f"""
[server]
hostname = "mx.{DOMAIN}"
data_dir = "{top}/data"
[[listener]]
address = "{SERVER}:{PORT}"
[limits]
sessions = {parts.session_limit()}
exempt_networks = ["192.0.2.0/24"]
[dns]
servers = ["{parts.DNS}"]
[authentication]
dmarc = "{"enforce" if self.name == "lists" else "report"}"
{section}
[webhooks]
public_domain = "{DOMAIN}"
disposition = "discard"
[api]
address = "127.0.0.1:{parts.API}"
[log]
format = "json"
""")
        self.log = open(top / "log", "w")
        process = group.start([str(self.binary), "serve", "--config", str(top / "postern.toml")], stdout=self.log, stderr=self.log)
        time.sleep(0.2)
        if process.poll() is not None:
            sys.exit("postern did not start:\n" + (top / "log").read_text())
        parts.wait_port()
        parts.api("POST", "/accounts", {"email": "bench@example.org", "password": parts.PASSWORD})
        token = parts.api("POST", "/sessions", {"email": "bench@example.org", "password": parts.PASSWORD})["access_token"]
        hook = {"target_url": "inbox"}
        if self.name == "lists":
            policy = parts.api("POST", "/smtp-policies", {"name": "bench", "require_spf": True}, token)
            hook["smtp_security_policy_id"] = policy["id"]
        self.to = parts.api("POST", "/webhooks", hook, token)["email_address"]


def measure(args, group, folder, results):
    servers = [Postern(name, args.binary.resolve()) for name in ("none", "lists", "vsl")]
    for number in range(args.rounds):
        for server in servers[number % 3:] + servers[:number % 3]:
            server.start(group)
            parts.load(server, "-c", 16, "-m", 20, "-n", 400, "--from", "sender@example.org", "--eml", folder / "4096")
            before = group.quiet_cpu()
            r = parts.load(server, "-c", 16, "-m", 900, "-n", args.messages, "-t", 60, "--from", "sender@example.org", "--eml", folder / "4096")
            cpu = (group.quiet_cpu() - before) * 1e6 / max(1, r["accepted"])
            results.append({"round": number, "name": server.name, "cpu_us": cpu, "rate": r["messages_s"], "accepted": r["accepted"],
                            "refused": r["refused"] + r["broken"]})
            print(f'{server.name:6} {r["messages_s"]:9.0f}/s {cpu:8.1f} us CPU  refused {r["refused"] + r["broken"]}', flush=True)
            group.stop()


def report(results):
    lines = ["| policy | messages/s | CPU us a message | refused |", "|---|---|---|---|"]
    for name, title in (("none", "none"), ("lists", "restriction lists and a webhook policy"), ("vsl", ".vsl rules")):
        rows = [r for r in results if r["name"] == name]
        lines.append("| %s | %.0f | %.0f | %d |" % (title, statistics.median(r["rate"] for r in rows), statistics.median(r["cpu_us"] for r in rows),
                                                   sum(r["refused"] for r in rows)))
    rates = lambda name: [r["rate"] for r in sorted(results, key=lambda r: r["round"]) if r["name"] == name]
    ratios = [a / b for a, b in zip(rates("vsl"), rates("lists"))]
    return "\n".join(lines) + "\n\n.vsl / lists, messages/s of one round: %.2f (%.2f to %.2f)" % (statistics.median(ratios), min(ratios), max(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20000, help="of one measurement")
    parser.add_argument("--binary", type=pathlib.Path, default=parts.ROOT / "build" / "release" / "postern")
    args = parser.parse_args()
    signal.alarm(MOST_SECONDS)
    parts.own_network("net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=10000 65000")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(100000, hard), hard))
    folder, results, group = parts.messages(), [], parts.Group()
    names = parts.name_server()
    try:
        measure(args, group, folder, results)
    finally:
        names.terminate()
        group.stop()
        time.sleep(0.3)
        group.path.rmdir()
    (WORK / "vsl.json").write_text(json.dumps(results, indent=1))
    text = report(results)
    (WORK / "vsl.md").write_text(text + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()
