#!/usr/bin/env python3
"""What a message of 4 KB on a reused connection costs, part by part, and what it may cost.

smtp-sink and Postern take turns; Postern judges by restriction lists, Lua hooks, .vsl rules and a webhook
policy with SPF, DKIM and DMARC (or by what --policy names), and discards. CPU is that of the server's
processes; `perf` samples where it is spent, and the samples are sorted into parts by thread, library and function. The budget (bench/budget.json) is in microseconds of the
machine that wrote it, scaled by what smtp-sink costs here. Run through bench/budget (needs root and perf)."""
import argparse
import collections
import json
import pathlib
import re
import statistics
import subprocess
import sys

import parts as bench
import servers

BUDGET = pathlib.Path(__file__).resolve().parent / "budget.json"
PAGE = bench.ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- budget -->", "<!-- end -->"
WARN_ABOVE, LEAST = 1.1, 1.0  # a part is over its budget by more than a tenth and a microsecond

# (part, thread, library, function): the first line whose patterns are found decides.
PARTS = [
    ("hand-over between threads", r"", r"kernel", r"futex|finish_task_switch|schedule|try_to_wake|wake_up|eventfd|switch_to|swake|dequeue|enqueue_task|pick_next"),
    ("kernel: sockets and loop", r"", r"kernel", r""),
    ("trace: written to the database", r"^traces", r"", r""),
    ("log: written", r"^log$", r"", r""),
    ("delivery log: written", r"^delivery-log", r"", r""),
    ("background", r"^(?!smtp-)", r"", r""),
    ("memory: allocated and freed", r"", r"", r"malloc|free|calloc|realloc|operator new|operator delete|arena_|tcache|je_|_int_|sdallocx|tls_get_addr"),
    ("memory: copied and compared", r"", r"", r"^_*mem(move|cpy|set|cmp|chr)|^_*str(len|chr|cmp)"),
    ("authentication", r"", r"libcrypto|libunbound|libpsl|libidn", r""),
    ("authentication", r"", r"", r"mailauth|postern::dns|policy::(Authentication|Gatherer|Inquiry)"),
    ("log: made", r"", r"", r"telemetry"),
    ("trace: made", r"", r"", r"postern::store|policy::\w*(Trace|Record|record|trace|Archive)|boost::json|explain::"),
    ("decision", r"", r"", r"postern::(policy|dialect|script|queue|deliver)"),
    ("session", r"", r"", r"postern::(smtp|gateway|net|mail|spool)|boost::asio|coroutine|resume"),
]
PATTERNS = [(part, *(re.compile(text) for text in patterns)) for part, *patterns in PARTS]
OTHER = "other"


def part_of(thread, library, function):
    """The part that a sample belongs to."""
    for part, threads, libraries, functions in PATTERNS:
        if threads.search(thread) and libraries.search(library) and functions.search(function):
            return part
    return OTHER


def shares(report):
    """{part: share of all samples, 0..1} from the lines of `perf report --sort comm,dso,sym`: share%  thread  library  [.] function."""
    found, functions = collections.Counter(), collections.Counter()
    for line in report.splitlines():
        match = re.match(r"\s*([0-9.]+)%\s+(\S.*?)\s{2,}(\S+)\s+\[[.k]\]\s+(.*\S)", line)
        if not match:
            continue
        share, thread, library, function = float(match[1]) / 100, *match.groups()[1:]
        part = part_of(thread, library, function)
        found[part] += share
        functions[part, function] += share
    return found, functions


def measured(server, group, folder, count, sampled):
    """(CPU of a message in µs, perf's report or "") of messages on reused connections."""
    server.start(group)

    def send(number):
        return bench.load(server, "--from", "sender@example.org", "--helo", "mail.example.org", *server.flags,
                          "-c", server.connections, "-m", 900, "-n", number, "-t", 60, "--eml", folder / "4096")

    try:
        send(4000)
        data = bench.WORK / "perf.data"
        recorder = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2999", "-o", str(data), "-p",
                                     ",".join(map(str, group.pids()))], stderr=subprocess.DEVNULL) if sampled else None
        before = group.quiet_cpu()
        result = send(count)
        cpu = (group.quiet_cpu() - before) * 1e6 / max(1, result["accepted"])
        if recorder:
            recorder.send_signal(2)
            recorder.wait()
    finally:
        group.stop()
    if result["refused"] + result["broken"]:
        sys.exit(f"{server.name}: {result['refused'] + result['broken']} messages were not accepted: {result['said'][:200]}")
    return cpu, bench.run("perf", "report", "-i", str(data), "--stdio", "--no-children", "--sort", "comm,dso,sym",
                          "-w", "16,30,0", "--percent-limit", "0") if sampled else ""


def table(parts, budget, scale):
    """The rows of the table in Markdown, and the parts that are over their budget."""
    rows, over = ["| part | may cost, µs | costs, µs |", "|---|---|---|"], []
    for part in sorted(set(parts) | set(budget), key=lambda part: -parts.get(part, 0)):
        cost, may = parts.get(part, 0.0), budget.get(part, 0.0) * scale
        rows.append(f"| {part} | {f'{may:.1f}' if budget else '-'} | {cost:.1f} |")
        if budget and cost > may * WARN_ABOVE + LEAST:
            over.append(part)
    rows.append(f"| **all** | **{sum(budget.values()) * scale:.1f}** | **{sum(parts.values()):.1f}** |")
    return rows, over


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=bench.POSTERN, help="the gateway (default: build/release/postern)")
    parser.add_argument("--policy", default="all", choices=servers.POLICIES, help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="of smtp-sink and Postern in turn (default: 3)")
    parser.add_argument("--messages", type=int, default=20000, help="of a round (default: 20000)")
    parser.add_argument("--top", type=int, default=0, help="name this many functions of each part")
    parser.add_argument("--write", action="store_true", help="write the table in docs/performance.md")
    parser.add_argument("--set", action="store_true", help="today's costs are the budget from now on")
    args = parser.parse_args()
    bench.stop_in_order()
    bench.own_network()
    bench.own_files()
    bench.descriptors()
    group = bench.Group()
    folder, record = bench.signed_messages([4096], args.binary)
    names = bench.fast_name_server(record)
    sinks, totals, costs, functions = [], [], collections.defaultdict(list), collections.Counter()
    try:
        for number in range(args.rounds):
            sinks.append(measured(servers.Sink(), group, folder, args.messages, False)[0])
            cpu, report = measured(servers.Postern(args.policy, args.binary.resolve()), group, folder, args.messages, True)
            totals.append(cpu)
            found, named = shares(report)
            whole = sum(found.values()) or 1
            for part in [*dict.fromkeys(part for part, *_ in PARTS), OTHER]:
                costs[part].append(cpu * found[part] / whole)
            for key, share in named.items():
                functions[key] += cpu * share / whole / args.rounds
            print(f"round {number + 1}: smtp-sink {sinks[-1]:.1f} µs, Postern {cpu:.1f} µs a message", flush=True)
    except bench.Stopped:
        sys.exit("budget: stopped; nothing is written")
    finally:
        names.terminate()
        names.wait()
        group.remove()
    sink, costs = statistics.median(sinks), {part: statistics.median(values) for part, values in costs.items()}
    if args.set:
        BUDGET.write_text(json.dumps({"smtp_sink_us": round(sink, 1),
                                      "parts_us": {part: round(cost, 1) for part, cost in sorted(costs.items())}}, indent=2) + "\n")
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {"smtp_sink_us": sink, "parts_us": {}}
    if not budget["parts_us"]:
        print(f"there is no budget yet: on a quiet machine, --set writes {BUDGET.name}")
    rows, over = table(costs, budget["parts_us"], sink / budget["smtp_sink_us"])
    rows.append("")
    rows.append(f"smtp-sink costs {sink:.1f} µs here, Postern {statistics.median(totals) / sink:.1f} times that; "
                f"rounds from {min(totals):.0f} to {max(totals):.0f} µs.")
    print("\n".join(rows))
    for part in sorted(costs, key=lambda one: -costs[one]) if args.top else ():
        print(part)
        for (_, name), cost in [one for one in functions.most_common() if one[0][0] == part][:args.top]:
            print(f"    {cost:6.2f}  {name[:150]}")
    if args.write:
        head, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(head + BEGIN + "\n" + "\n".join(rows) + "\n" + END + rest.partition(END)[2])
    for part in over:
        print(f"WARNING: over its budget: {part}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
