"""From results to tables and comparisons, without a server: everything here is a function of the
document that bench/run.py writes (build/bench/results.json, bench/figures.json).

The document: `machine` (a list of [what, value]), `servers`, `loads` and `policies` (in the order
of the tables; name or key, title, ...) and `results`, one object for each measurement of a
round."""
import json
import re
import statistics

BEGIN = "<!-- Made by make bench: begin -->"
END = "<!-- Made by make bench: end -->"
WARN_ABOVE = 1.10
# Servers that do the same: rates and CPU of these are worth a ratio.
PAIRS = (("postern", "smtp-sink"), ("postern", "haraka"), ("postern-queue", "postfix"),
         ("postern-queue", "exim"), ("postern-queue", "opensmtpd"),
         ("postern-checked", "postfix-milters"), ("postern-checked", "postfix-rspamd"))


def chosen(document, part, **members):
    """Results of a part with these members."""
    return [r for r in document["results"]
            if r["part"] == part and all(r.get(k) == v for k, v in members.items())]


def median(rows, member):
    return statistics.median(r[member] for r in rows)


def spread(values, digits=0):
    """'median (lowest to highest)'; the median alone of one value."""
    shown = [f"{v:,.{digits}f}" for v in (statistics.median(values), min(values), max(values))]
    return shown[0] if len(values) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def quantile(rows, member, least):
    """Milliseconds, median of the rounds; '-' where a round had fewer messages than `least`."""
    if median(rows, "messages") < least:
        return "-"
    value = median(rows, member) / 1000
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def ratios(ours, theirs, member):
    """Of the same rounds."""
    other = {r["round"]: r[member] for r in theirs}
    return [r[member] / other[r["round"]] for r in ours if other.get(r["round"])]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def missing(document, server, load):
    for row in chosen(document, "missing", server=server):
        if row.get("load") in (None, load):
            return row["why"]
    return ""


def with_refusals(rows):
    """The rate; beside it what was refused, since a refusal costs less than a message."""
    refused, messages = sum(r["refused"] for r in rows), sum(r["messages"] for r in rows)
    note = f"; **{refused:,} of {refused + messages:,} refused or broken**" if refused else ""
    return spread([r["rate"] for r in rows]) + note


def measured(rows):
    """The cells of one server under one load."""
    if not median(rows, "messages"):
        said = f": {rows[0]['said']}" if rows[0].get("said") else ""
        return [f"no message was accepted in {median(rows, 'seconds'):.1f} s{said}"] + ["-"] * 5
    return [with_refusals(rows), quantile(rows, "p50_us", 1), quantile(rows, "p99_us", 100),
            quantile(rows, "p999_us", 1000), spread([r["cpu_us"] for r in rows]),
            f'{100 * median(rows, "generator_busy"):.0f}']


CELLS = ["messages/s", "p50 ms", "p99 ms", "p99.9 ms", "server CPU µs a message",
         "generator, % of a core"]


def load_table(document, load):
    lines = []
    for server in document["servers"]:
        rows = chosen(document, "ingest", server=server["name"], load=load["key"])
        why = missing(document, server["name"], load["key"])
        if rows:
            lines.append([server["title"], *measured(rows)])
        elif why:
            lines.append([server["title"], f"not measured: {why}", *["-"] * 5])
    return table(["server", *CELLS], lines) if lines else ""


def server_table(document):
    lines = []
    for server in document["servers"]:
        memory = chosen(document, "memory", server=server["name"])
        size = spread([r["pss_kib"] / 1024 for r in memory]) if memory else "-"
        why = missing(document, server["name"], None)
        lines.append([server["title"], server["version"] or "-", server["job"],
                      f"not measured: {why}" if why else size])
    return table(["server", "version", "what it does", "memory MiB"], lines)


def ratio_table(document):
    titles = {server["name"]: server["title"] for server in document["servers"]}
    pairs = [(a, b) for a, b in PAIRS if a in titles and b in titles]
    lines = []
    for load in document["loads"]:
        cells = []
        for pair in pairs:
            ours, theirs = ([r for r in chosen(document, "ingest", server=name, load=load["key"])
                             if r["messages"]] for name in pair)
            rates, cpus = ratios(ours, theirs, "rate"), ratios(ours, theirs, "cpu_us")
            cells.append(f"{statistics.median(rates):.2f}; {statistics.median(cpus):.2f}"
                         if rates and cpus else "-")
        if set(cells) - {"-"}:
            lines.append([load["title"], *cells])
    return table(["load", *(f"{titles[a]} / {titles[b]}" for a, b in pairs)], lines)


def policy_table(document):
    lines = []
    for policy in document["policies"]:
        cells = []
        for load in ("4k-new", "4k-reused"):
            rows = chosen(document, "policies", policy=policy["key"], load=load)
            cells += [with_refusals(rows) if rows else "-",
                      spread([r["cpu_us"] for r in rows]) if rows else "-"]
            for base in ("none", "sink"):
                relative = ratios(rows, chosen(document, "policies", policy=base, load=load),
                                  "cpu_us")
                cells.append(f"{statistics.median(relative):.2f}" if relative else "-")
        lines.append([policy["title"], *cells])
    each = ["messages/s", "CPU µs a message", "CPU / none", "CPU / smtp-sink"]
    return table(["policy", *(f"{what}, {mode}" for mode in ("new", "reused") for what in each)],
                 lines)


# What Postern is to reach: (what, how it is computed, at least or at most, the bound). How: the
# part, ours, theirs ("" for an absolute value), the load, the member.
FULL = "4 KB, restriction lists, SPF, DKIM and DMARC required"
BARS = (
    (f"{FULL}: messages/s, / smtp-sink", ("policies", "full", "sink", "4k-new", "rate"), ">=", 0.9),
    (f"{FULL}: messages/s, / smtp-sink", ("policies", "full", "sink", "4k-reused", "rate"),
     ">=", 0.7),
    (f"{FULL}: CPU / smtp-sink", ("policies", "full", "sink", "4k-new", "cpu_us"), "<=", 1.3),
    (f"{FULL}: CPU / smtp-sink", ("policies", "full", "sink", "4k-reused", "cpu_us"), "<=", 1.8),
    ("1 KB, the same policy: messages/s, / smtp-sink",
     ("policies", "full", "sink", "1k-new", "rate"), ">=", 0.75),
    ("1 KB, the same policy: messages/s, / smtp-sink",
     ("policies", "full", "sink", "1k-reused", "rate"), ">=", 0.55),
    ("100 KB, the same policy: messages/s, / smtp-sink",
     ("policies", "full", "sink", "100k-reused", "rate"), ">=", 2),
    (".vsl rules: messages/s, / restriction lists", ("policies", "vsl", "lists", "4k-new", "rate"),
     ">=", 0.9),
    ("CPU / Postfix + milters", ("ingest", "postern-checked", "postfix-milters", "4k-reused",
                                 "cpu_us"), "<=", 1 / 30),
    ("CPU / Postfix + rspamd", ("ingest", "postern-checked", "postfix-rspamd", "4k-reused",
                                "cpu_us"), "<=", 1 / 15),
    ("CPU / Haraka", ("ingest", "postern", "haraka", "4k-reused", "cpu_us"), "<=", 1 / 5),
    ("queued on stable storage, 16 connections: messages/s, / Postfix",
     ("ingest", "postern-queue", "postfix", "4k-reused", "rate"), ">=", 4),
    ("queued on stable storage, 16 connections: p99, ms",
     ("ingest", "postern-queue", "", "4k-reused", "p99_us"), "<=", 20),
)


def bar_value(document, part, ours, theirs, load, member):
    """The median over the rounds, or None where something was not measured."""
    name = "policy" if part == "policies" else "server"
    rows, base = ([r for r in chosen(document, part, load=load, **{name: which})
                   if r["messages"]] for which in (ours, theirs))
    if not rows or (theirs and not base):
        return None
    if not theirs:
        return median(rows, member) / (1000 if member.endswith("_us") else 1)
    values = ratios(rows, base, member)
    return statistics.median(values) if values else None


def bar_table(document):
    """The bars, and whether this run meets them."""
    titles, lines = {load["key"]: load["title"] for load in document["loads"]}, []
    for what, how, sign, bound in BARS:
        value = bar_value(document, *how)
        if value is None:
            continue
        mode = titles.get(how[3], how[3]).partition(", ")[2]
        met = value >= bound if sign == ">=" else value <= bound
        lines.append([f"{what}; {mode}", f"{'≥' if sign == '>=' else '≤'} {bound:.2g}",
                      f"{value:.3g}" if met else f"**{value:.3g}**", "yes" if met else "no"])
    for r in chosen(document, "durability", server="postern-queue", connections="all"):
        value = r["flushes"] / max(1, r["messages"])
        lines.append(["flushes a message, 16 connections", "≤ 0.2",
                      f"{value:.2f}" if value <= 0.2 else f"**{value:.2f}**",
                      "yes" if value <= 0.2 else "no"])
    for r in chosen(document, "idle", mode="tls"):
        value = r["sessions"] * r["kib"] / 1024
        met = r["sessions"] >= 10000 and value <= 240
        lines.append([f"10,000 idle TLS sessions ({r['sessions']:,} held), without the gateway's own memory: MiB", "≤ 240",
                      f"{value:.0f}" if met else f"**{value:.0f}**", "yes" if met else "no"])
    return table(["target", "bound", "measured", "met"], lines)


def durability_table(document):
    lines = []
    for server in document["servers"]:
        cells = []
        for connections in ("one", "all"):
            rows = chosen(document, "durability", server=server["name"], connections=connections)
            cells.append(f'{rows[0]["flushes"] / max(1, rows[0]["messages"]):.2f} '
                         f'({rows[0]["messages"]:,})' if rows else "-")
        if set(cells) - {"-"}:
            lines.append([server["title"], *cells])
    return table(["server", "flushes a message (messages), 1 connection", "as many as elsewhere"],
                 lines)


def generator_table(document):
    titles = {server["name"]: server["title"] for server in document["servers"]}
    lines = []
    for server in sorted({r["server"] for r in chosen(document, "generator")}):
        for threads in (1, 2):
            rows = chosen(document, "generator", server=server, threads=threads)
            if rows:
                lines.append([titles.get(server, server), threads,
                              spread([r["rate"] for r in rows]),
                              spread([r["cpu_us"] for r in rows]),
                              spread([r["generator_us"] for r in rows], 1),
                              f'{100 * median(rows, "generator_busy"):.0f}'])
    return table(["server", "threads of the generator", "messages/s", "server CPU µs a message",
                  "generator CPU µs a message", "generator, % of a core"], lines)


def session_lines(document):
    lines = []
    for r in chosen(document, "idle"):
        whole = f'{r["mib"]:.0f} MiB in all, ' if "mib" in r else ""
        lines.append(f'* {r["sessions"]:,} idle {r["mode"]} sessions: {whole}{r["kib"]:.2f} KiB '
                     'each (PSS)')
    rows = chosen(document, "tls")
    if rows:
        lines.append(f'* TLS sessions (connect, STARTTLS, EHLO, QUIT): '
                     f'{spread([r["rate"] for r in rows])} a second, '
                     f'{spread([r["cpu_ms"] for r in rows], 3)} ms of server CPU each')
    for r in chosen(document, "auth"):
        lines.append(f'* TLS and AUTH PLAIN sessions: {r["rate"]:.1f} a second, {r["cpu_ms"]:.1f} '
                     'ms of server CPU each (nearly all of it bcrypt, cost 12)')
    return "\n".join(lines)


def report(document):
    """The generated part of docs/benchmarks.md."""
    parts = [table(["machine", ""], document["machine"]), "### Servers", server_table(document)]
    if chosen(document, "ingest") or chosen(document, "policies"):
        parts += ["### Targets", bar_table(document)]
    if chosen(document, "ingest"):
        parts += ["### Ratios", "Each cell: the ratio of the messages/s (more is better); the ratio of the CPU of a message "
                  "(less is better).", ratio_table(document)]
        for load in document["loads"]:
            shown = load_table(document, load)
            parts += [f'### {load["title"]}', shown] if shown else []
    for part, title, shown in (("policies", "Policies of Postern, 4 KB", policy_table),
                               ("durability", "Flushes", durability_table),
                               ("generator", "The load generator, 4 KB, reused connections",
                                generator_table),
                               ("forged", "Forged messages", forged_table)):
        if chosen(document, part):
            parts += [f"### {title}", shown(document)]
    lines = session_lines(document)
    return "\n\n".join(parts + (["### Sessions", lines] if lines else []))


def forged_table(document):
    lines = [[r["title"], r["messages"], r["refused"], re.sub(r"^\d+ +", "", r["said"]) or "-"]
             for r in chosen(document, "forged")]
    return table(["server", "accepted", "refused", "a reply"], lines)


def replaced(text, generated, marks=(BEGIN, END)):
    """`text` with this between the marks. ValueError: it has no marks."""
    begin, end = text.index(marks[0]) + len(marks[0]), text.index(marks[1])
    if end < begin:
        raise ValueError("the marks are in the wrong order")
    return f"{text[:begin]}\n{generated}\n{text[end:]}"


def compact(document):
    """JSON with a line for each result, so that changes of the committed file can be read."""
    head = {k: v for k, v in document.items() if k != "results"}
    lines = ",\n".join(" " + json.dumps(r, ensure_ascii=False) for r in document["results"])
    return json.dumps(head, ensure_ascii=False, indent=1)[:-2] + f',\n "results": [\n{lines}\n]}}\n'


def compare(committed, now, base="smtp-sink"):
    """Rows (server, load, then CPU, committed CPU, their ratio, the ratio without the machine's own
    change, ratio of the rates without it) for what both documents measured. smtp-sink's cost is the
    machine's: a machine or an hour on which it is slower says nothing about Postern."""
    lines = []
    for server in now["servers"]:
        for load in now["loads"]:
            cells = {}
            for key, document in (("now", now), ("then", committed)):
                rows, sink = ([r for r in chosen(document, "ingest", server=name, load=load["key"])
                               if r["messages"]] for name in (server["name"], base))
                if rows and sink:
                    cells[key] = (median(rows, "cpu_us"), median(rows, "rate"),
                                  median(sink, "cpu_us"), median(sink, "rate"))
            if len(cells) == 2 and server["name"] != base:
                (cpu, rate, sink_cpu, sink_rate), then = cells["now"], cells["then"]
                lines.append((server["title"], load["title"], cpu, then[0], cpu / then[0],
                              cpu / then[0] / (sink_cpu / then[2]),
                              rate / then[1] / (sink_rate / then[3])))
    return lines


def comparison(rows, above=WARN_ABOVE):
    """(table, warnings)."""
    shown = table(["server", "load", "CPU µs", "committed", "ratio", "ratio without the machine's",
                   "messages/s without it"],
                  [[server, load, f"{cpu:.0f}", f"{then:.0f}", *(f"{r:.2f}" for r in rest)]
                   for server, load, cpu, then, *rest in rows])
    return shown, [f"{server}, {load}: CPU a message is {100 * (relative - 1):.0f} % above the "
                   "committed figure" for server, load, _, _, _, relative, _ in rows
                   if relative > above]
