"""Growth curves: from results to charts, tables and the section of docs/benchmarks.md. No server is
started here; draw() runs gnuplot.

The document (bench/growth.json): `machine`, a list of [what, value]; `measured`, {part: when and
under which load}; and `results`, one object for each point of a curve: `curve`, `series`, `x` and
the `values` of the rounds."""
import dataclasses
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess

import figures

BEGIN = "<!-- Made by make bench-growth: begin -->"
END = "<!-- Made by make bench-growth: end -->"
FLAT, SLOW = 0.15, 0.7  # exponents of the last step, see exponent()
SHAPES = (7, 5, 9, 13, 11, 3)  # gnuplot's points: no chart is read by colour alone
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#444444")


@dataclasses.dataclass(frozen=True)
class Curve:
    """A chart. series: {key: title}. log_y: for what may grow with x; else y begins at 0. at_most:
    each message or look-up pays it, so it is a fault if the last point costs more than so many times the
    first one, or grows with x; 0: it may."""
    part: str
    title: str
    what: str  # the subject of the sentence below the title
    x: str
    y: str
    series: dict
    digits: int = 0
    log_y: bool = False
    at_most: float = 0


CURVES = {
    "webhooks-cpu": Curve(
        "webhooks", "CPU of a message by number of webhooks", "What a message costs",
        "webhooks", "CPU, µs", {"rcpt": "MAIL, RCPT and RSET", "message": "whole message of 4 KB"}, at_most=1.5),
    "webhooks-start": Curve(
        "webhooks", "Start by number of webhooks", "The time from the start of the process to its first 220",
        "webhooks", "start, s", {"start": "until the first 220"}, 2, log_y=True),
    "webhooks-memory": Curve(
        "webhooks", "Memory by number of webhooks", "The memory of the process after its start",
        "webhooks", "memory (PSS), MiB", {"memory": "after the start"}, log_y=True),
    "rules": Curve(
        "rules", "CPU of a message by number of rules", "What a message costs, if every rule is evaluated and none decides,",
        "rules", "CPU, µs", {"lists": "restriction lists", "vsl": ".vsl rules", "lua": "comparisons in a Lua hook"}, log_y=True),
    "tables": Curve(
        "tables", "Look-up by size of the table", "A look-up",
        "keys", "CPU of a look-up, ns",
        {"hash-hit": "hash: (hit)", "hash-miss": "hash: (miss)", "cidr-hit": "cidr: (hit)", "cidr-miss": "cidr: (miss)",
         "sqlite-hit": "sqlite: (hit)", "sqlite-miss": "sqlite: (miss)"}, log_y=True, at_most=6),
    "queue-first": Curve(
        "queue", "First delivery after a start by length of the queue", "The time from the start of the process to its first delivery",
        "queued messages", "first delivery, s", {"first": "first delivery"}, 2, at_most=2),
    "queue-memory": Curve(
        "queue", "Memory of a queued message by length of the queue",
        "What the process, whose next hop is down, has grown by since its start without a queue, for each message,",
        "queued messages", "memory (PSS), octets", {"octets": "a message"}, log_y=True),
    "accounts-cpu": Curve(
        "accounts", "CPU of signing in and of a message by number of accounts", "What each of these costs",
        "accounts", "CPU, µs",
        {"sign-in": "sign-in to the API (Argon2)", "token": "API request with a token", "auth": "SMTP session with STARTTLS and AUTH (bcrypt, cost 4)",
         "message": "whole message of 4 KB"}, log_y=True, at_most=1.5),
    "accounts-start": Curve(
        "accounts", "Start by number of accounts", "The time from the start of the process to its first 220",
        "accounts", "start, s", {"start": "until the first 220"}, 2, log_y=True),
}
PARTS = tuple(dict.fromkeys(curve.part for curve in CURVES.values()))


def points(document, name, series):
    """[(x, values)] by x."""
    return sorted((r["x"], r["values"]) for r in document["results"] if r["curve"] == name and r["series"] == series)


def exponent(curve_points):
    """k of y ~ x^k in the last step, of medians: 0 does not grow, 1 grows as x does. A constant part
    hides the growth of the first steps. None: fewer than two points."""
    if len(curve_points) < 2:
        return None
    (x0, y0), (x1, y1) = ((x, statistics.median(values)) for x, values in curve_points[-2:])
    return math.log(y1 / y0) / math.log(x1 / x0) if min(y0, y1, x0) > 0 and x1 != x0 else None


def verdict(power):
    """What an exponent means, in words."""
    if power is None:
        return "one point only"
    return "does not grow" if power < FLAT else "grows more slowly than the number" if power < SLOW else "grows with the number"


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def sentence(document, name):
    """What the chart shows, from its figures."""
    curve, said = CURVES[name], []
    for key, title in curve.series.items():
        found = points(document, name, key)
        if not found:
            continue
        (x0, first), (x1, last) = found[0], found[-1]
        y0, y1 = statistics.median(first), statistics.median(last)
        said.append(f"{title} {number(y0, curve.digits)} and {number(y1, curve.digits)} ({verdict(exponent(found))})")
    unit = curve.y.rpartition(", ")[2]
    return f"{curve.what} with {number(x0)} and with {number(x1)} {curve.x}, in {unit}: {'; '.join(said)}."


def faults(document):
    """Sentences about curves of hot paths that grow with x."""
    found = []
    for name, curve in CURVES.items():
        for key, title in curve.series.items() if curve.at_most else ():
            power = exponent(points(document, name, key))
            if power is None:
                continue
            values = [statistics.median(v) for _, v in points(document, name, key)]
            if power >= SLOW:
                found.append(f"{curve.title}: {title} grows with the number (exponent {power:.2f})")
            elif values[-1] > curve.at_most * values[0]:
                found.append(f"{curve.title}: {title} costs {values[-1] / values[0]:.1f} times as much")
    return found


def measured(document):
    """Names of the curves that have points."""
    return [name for name in CURVES if any(r["curve"] == name for r in document["results"])]


def section(document):
    """The generated part of docs/benchmarks.md."""
    parts = [figures.table(["machine", ""], document["machine"] + [[f"measured: {part}", document["measured"][part]]
                                                                  for part in PARTS if part in document["measured"]])]
    for name in measured(document):
        curve = CURVES[name]
        columns = {key: dict(points(document, name, key)) for key in curve.series}
        sizes = sorted({x for column in columns.values() for x in column})
        rows = [[number(x), *(figures.spread(column[x], curve.digits) if x in column else "-" for column in columns.values())] for x in sizes]
        unit = curve.y.rpartition(", ")[2]
        parts += [f"### {curve.title}", sentence(document, name), f"![{curve.title}](growth/{name}.svg)",
                  figures.table([curve.x, *(f"{title}, {unit}" for title in curve.series.values())], rows)]
    return "\n\n".join(parts)


def merged(old, new):
    """The document `old` with the parts of `new` in the place of its own."""
    names = set(new["measured"])
    kept = [r for r in old["results"] if r["curve"] in CURVES and CURVES[r["curve"]].part not in names]
    return {"machine": new["machine"], "measured": {part: {**old["measured"], **new["measured"]}[part] for part in PARTS
                                                    if part in {**old["measured"], **new["measured"]}},
            "results": sorted(kept + new["results"], key=lambda r: list(CURVES).index(r["curve"]))}


def script(document, name):
    """gnuplot's commands; the chart is its standard output."""
    curve = CURVES[name]
    drawn = [(key, title, points(document, name, key)) for key, title in curve.series.items()]
    drawn = [one for one in drawn if one[2]]
    sizes = sorted({x for _, _, found in drawn for x, _ in found})
    lines = ['set terminal svg size 760,440 font "sans-serif,13" background "white"', "set encoding utf8", f'set title "{curve.title}" noenhanced',
             f'set xlabel "{curve.x}" offset 0,0.6 noenhanced', f'set ylabel "{curve.y}" noenhanced', "set logscale x",
             "set xtics (" + ", ".join(f'"{number(x)}" {x}' for x in sizes) + ")", f"set xrange [{sizes[0] / 1.5}:{sizes[-1] * 1.5}]",
             "set key outside bottom center horizontal noenhanced", 'set grid linecolor "#dddddd"', "set border 3", "set tics nomirror"]
    highest = max(max(values) for _, _, found in drawn for _, values in found)
    lines += ["set logscale y", f"set format y '%{'g' if curve.digits else '.0f'}'"] if curve.log_y else [f"set yrange [0:{highest * 1.15:.6g}]"]
    for index, (_, _, found) in enumerate(drawn):
        lines += [f"$s{index} << EOD", *(f"{x} {statistics.median(values):.6g} {min(values):.6g} {max(values):.6g}" for x, values in found), "EOD"]
    shown = []
    for index, (_, title, _) in enumerate(drawn):
        style = f'linecolor "{COLOURS[index]}" linewidth 2 pointtype {SHAPES[index]}'
        shown.append(f'$s{index} using 1:2:3:4 with yerrorbars {style} pointsize 0.4 notitle')
        shown.append(f'$s{index} using 1:2 with linespoints {style} pointsize 0.7 title "{title}" noenhanced')
    return "\n".join(lines + ["plot " + ", ".join(shown)]) + "\n"


def cleaned(svg, title):
    """The chart without what depends on the program that drew it."""
    svg = re.sub(r"\s*<desc>.*?</desc>", "", svg, flags=re.S)
    return re.sub(r"<title>Gnuplot</title>", f"<title>{title}</title>", svg, count=1)


def gnuplot(tree):
    """(command, environment): the machine's, or the one that bench/peers unpacked below `tree`."""
    for name in ("gnuplot-nox", "gnuplot"):
        if path := shutil.which(name):
            return path, dict(os.environ)
    libraries = sorted(str(path) for path in (tree / "usr" / "lib").glob("*-linux-gnu"))
    return str(tree / "usr" / "bin" / "gnuplot-nox"), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def draw(document, folder, tree):
    """Writes a chart for each curve that has points."""
    command, environment = gnuplot(tree)
    folder.mkdir(parents=True, exist_ok=True)
    for name in measured(document):
        done = subprocess.run([command, "-"], input=script(document, name), text=True, capture_output=True, env=environment, timeout=60)
        if done.returncode or not done.stdout.startswith("<?xml"):
            raise SystemExit(f"gnuplot: {done.stderr.strip() or done.stdout[:200]}")
        pathlib.Path(folder / f"{name}.svg").write_text(cleaned(done.stdout, CURVES[name].title))
