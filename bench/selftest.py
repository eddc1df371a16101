#!/usr/bin/env python3
"""Self-test of the benchmarks' statistics, tables and comparison; starts no server."""
import argparse
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import budget  # noqa: E402
import figures  # noqa: E402
import growth  # noqa: E402
import growth_charts  # noqa: E402
import plan_edits  # noqa: E402
import plan_play  # noqa: E402
import run  # noqa: E402
import servers  # noqa: E402


def script(name):
    """A program of this folder without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


plan_bars = script("plan_bars")


def result(server, number, cpu, rate=1000.0, **members):
    return {"part": "ingest", "round": number, "server": server, "load": "4k-new", "rate": rate,
            "cpu_us": cpu, "p50_us": 1500, "p99_us": 12500, "p999_us": 20000, "messages": 5000,
            "refused": 0, "seconds": 1.0, "generator_us": 60.0, "generator_busy": 0.4, **members}


def document(*results, **members):
    kinds = (("smtp-sink", "smtp-sink"), ("postern", "Postern"), ("postfix", "Postfix"))
    return {"machine": [["processor", "one"]],
            "servers": [{"name": n, "title": t, "job": "works", "version": "1"} for n, t in kinds],
            "loads": [{"key": "4k-new", "title": "4 KB"}], "policies": [],
            "results": list(results), **members}


class Statistics(unittest.TestCase):
    def test_spread_is_the_median_with_both_ends(self):
        self.assertEqual("2,000 (1,000 to 9,000)", figures.spread([9000, 1000, 2000]))
        self.assertEqual("0.50", figures.spread([0.5], 2))

    def test_ratios_are_of_the_same_round(self):
        ours = [{"round": 0, "x": 2}, {"round": 1, "x": 30}, {"round": 2, "x": 5}]
        theirs = [{"round": 1, "x": 10}, {"round": 0, "x": 1}]
        self.assertEqual([2, 3], figures.ratios(ours, theirs, "x"))

    def test_a_quantile_needs_messages(self):
        rows = [result("postern", 0, 100, messages=999)]
        self.assertEqual("-", figures.quantile(rows, "p999_us", 1000))
        self.assertEqual("12", figures.quantile(rows, "p99_us", 100))
        self.assertEqual("1.50", figures.quantile(rows, "p50_us", 1))


class Bars(unittest.TestCase):
    def test_a_bar_is_met_or_not_by_the_median_of_the_rounds(self):
        rows = []
        for number, (ours, theirs) in enumerate(((120, 100), (130, 100), (900, 500))):
            for policy, cpu in (("full", ours), ("sink", theirs)):
                rows.append({**result("-", number, cpu), "part": "policies", "policy": policy})
        text = figures.bar_table(document(*rows))
        self.assertIn("CPU / smtp-sink;  | ≤ 1.3 | 1.3 | yes |", text)
        self.assertIn("messages/s, / smtp-sink;  | ≥ 0.9 | 1 | yes |", text)
        slow = [{**row, "cpu_us": row["cpu_us"] * (2 if row["policy"] == "full" else 1)}
                for row in rows]
        self.assertIn("| ≤ 1.3 | **2.6** | no |", figures.bar_table(document(*slow)))

    def test_what_was_not_measured_is_no_bar(self):
        self.assertEqual(2, len(figures.bar_table(document()).splitlines()))

    def test_a_bar_of_queued_mail_is_in_milliseconds(self):
        row = {**result("postern-queue", 0, 100), "load": "4k-reused", "p99_us": 25000}
        self.assertIn("p99, ms;", figures.bar_table(document(row)))
        self.assertIn("| ≤ 20 | **25** | no |", figures.bar_table(document(row)))


class Tables(unittest.TestCase):
    def test_no_server_is_left_out_in_silence(self):
        text = figures.report(document(
            result("postern", 0, 100),
            {"part": "missing", "server": "postfix", "load": None, "why": "no package"},
            {"part": "missing", "server": "smtp-sink", "load": "4k-new", "why": "it cannot"}))
        self.assertIn("| Postfix | not measured: no package |", text)
        self.assertIn("| smtp-sink | not measured: it cannot |", text)
        self.assertIn("| Postern | 1,000 | 1.50 | 12 | 20 | 100 | 40 |", text)

    def test_refusals_are_shown_beside_the_rate(self):
        text = figures.report(document(result("postern", 0, 100, refused=7)))
        self.assertIn("1,000; **7 of 5,007 refused or broken**", text)

    def test_a_server_that_accepts_nothing_says_what_it_answered(self):
        text = figures.report(document(result("postern", 0, 100, messages=0, said="3  421 no")))
        self.assertIn("no message was accepted in 1.0 s: 3  421 no", text)

    def test_every_row_has_as_many_cells_as_its_head(self):
        names = list(servers.SERVERS)
        rows = [result(n, r, 100 + r) for n in names for r in (0, 1)]
        rows += [{**result(n, 0, 100), "part": "generator", "threads": t}
                 for n in ("smtp-sink", "postern") for t in (1, 2)]
        rows += [{**result(None, 0, 100), "part": "policies", "policy": p, "load": load}
                 for p in servers.POLICIES for load in ("4k-new", "4k-reused")]
        rows += [{"part": "durability", "server": "postfix", "connections": "one", "flushes": 9,
                  "messages": 9}, {"part": "memory", "server": "postfix", "pss_kib": 2048},
                 {"part": "forged", "title": "Postern", "messages": 0, "refused": 20,
                  "said": "20  550 5.7.1 no"},
                 {"part": "tls", "round": 0, "rate": 10.0, "cpu_ms": 0.3}]
        text = figures.report(document(*rows, servers=[
            {"name": n, "title": s.title, "job": s.job, "version": "1"}
            for n, s in servers.SERVERS.items()],
            policies=[{"key": k, "title": t} for k, t in servers.POLICIES.items()]))
        cells = None
        for line in text.splitlines():
            if not line.startswith("|"):
                cells = None
                continue
            cells = cells or line.count("|")
            self.assertEqual(cells, line.count("|"), line)
        self.assertIn("| Postfix | 1.00 (9) | - |", text)
        self.assertIn("| Postern | 0 | 20 | 550 5.7.1 no |", text)

    def test_only_what_is_between_the_marks_is_replaced(self):
        text = f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n"
        self.assertEqual(f"before\n{figures.BEGIN}\nnew\n{figures.END}\nafter\n",
                         figures.replaced(text, "new"))
        with self.assertRaises(ValueError):
            figures.replaced("no marks", "new")

    def test_the_document_has_marks_and_the_committed_figures_make_its_tables(self):
        text = run.DOCUMENT.read_text()
        committed = json.loads(run.FIGURES.read_text())
        self.assertEqual(text, figures.replaced(text, figures.report(committed)))

    def test_the_committed_file_is_json_with_a_line_for_each_result(self):
        made = document(result("postern", 0, 100), result("postern", 1, 100))
        self.assertEqual(made, json.loads(figures.compact(made)))
        self.assertEqual(2, figures.compact(made).count('"part": "ingest"'))


class Comparison(unittest.TestCase):
    def compared(self, then, now):
        """Both are (smtp-sink's CPU, Postern's)."""
        made = [document(result("smtp-sink", 0, sink), result("postern", 0, cpu))
                for sink, cpu in (then, now)]
        return figures.comparison(figures.compare(*made))

    def test_ten_percent_more_warns(self):
        self.assertEqual([], self.compared((50, 100), (50, 109))[1])
        warnings = self.compared((50, 100), (50, 112))[1]
        self.assertEqual(["Postern, 4 KB: CPU a message is 12 % above the committed figure"],
                         warnings)

    def test_a_slower_machine_does_not(self):
        shown, warnings = self.compared((50, 100), (100, 200))
        self.assertEqual([], warnings)
        self.assertIn("| Postern | 4 KB | 200 | 100 | 2.00 | 1.00 | 1.00 |", shown)

    def test_what_one_side_did_not_measure_is_left_out(self):
        both = document(result("smtp-sink", 0, 50), result("postern", 0, 100))
        none = document(result("smtp-sink", 0, 50), result("postern", 0, 100, messages=0))
        self.assertEqual([], figures.compare(none, both))


class Definitions(unittest.TestCase):
    def test_the_loads_of_the_short_form_and_the_pairs_exist(self):
        self.assertLessEqual(set(run.QUICK["loads"].split(",")), set(run.LOADS))
        self.assertLessEqual(set(run.QUICK["servers"].split(",")), set(servers.SERVERS))
        self.assertLessEqual({name for pair in figures.PAIRS for name in pair},
                             set(servers.SERVERS))

    def test_what_a_server_cannot_do_is_a_mode(self):
        for server in servers.SERVERS.values():
            self.assertLessEqual(set(server.no), set(run.MODES), server.name)



class Budget(unittest.TestCase):
    REPORT = """
# Overhead  Command          Shared Object     Symbol
    40.00%  smtp-0           [kernel.kallsyms]  [k] tcp_sendmsg_locked
    10.00%  smtp-1           [kernel.kallsyms]  [k] finish_task_switch.isra.0
    20.00%  traces           postern            [.] postern::JsonText::string_piece
    15.00%  smtp-0           postern            [.] mailauth::spf::check_host
    10.00%  smtp-0           libjemalloc.so.2   [.] operator new(unsigned long)
     5.00%  smtp-0           libm.so.6          [.] cos
"""

    def test_each_sample_belongs_to_one_part(self):
        found, functions = budget.shares(self.REPORT)
        self.assertEqual({"kernel: sockets and loop": 0.4, "hand-over between threads": 0.1,
                          "trace: written to the database": 0.2, "authentication": 0.15,
                          "memory: allocated and freed": 0.1, "other": 0.05}, dict(found))
        self.assertEqual(0.15, functions["authentication", "mailauth::spf::check_host"])

    def test_a_part_that_costs_more_is_named(self):
        rows, over = budget.table({"session": 12.2, "log": 1.9}, {"session": 10, "log": 1}, 1)
        self.assertEqual(["session"], over)
        self.assertIn("| session | 10.0 | 12.2 |", rows)
        self.assertEqual([], budget.table({"session": 12.2}, {"session": 10}, 1.1)[1])


def grown(curve, series, *found):
    """A document with these points (x, values)."""
    return {"machine": [["processor", "one"]], "measured": {growth_charts.CURVES[curve].part: "today"},
            "results": [{"curve": curve, "series": series, "x": x, "values": values} for x, values in found]}


class Growth(unittest.TestCase):
    def test_the_exponent_is_that_of_the_last_step(self):
        self.assertAlmostEqual(1, growth_charts.exponent([(1, [5]), (10, [5]), (100, [49, 50, 60])]))
        self.assertAlmostEqual(0, growth_charts.exponent([(10, [7]), (1000, [7])]))
        self.assertIsNone(growth_charts.exponent([(10, [7])]))
        self.assertEqual(["does not grow", "grows more slowly than the number", "grows with the number"],
                         [growth_charts.verdict(power) for power in (-0.2, 0.3, 1.0)])

    def test_a_hot_path_that_grows_is_a_fault(self):
        linear, flat = ((1000, [80]), (10_000, [800])), ((1000, [80]), (10_000, [82]))
        self.assertEqual(["CPU of a message by number of webhooks: whole message of 4 KB grows with the number (exponent 1.00)"],
                         growth_charts.faults(grown("webhooks-cpu", "message", *linear)))
        hidden = [(1_000, [290]), (100_000, [390]), (1_000_000, [1290])]  # 1 ns each, beside 290 µs
        self.assertTrue(growth_charts.faults(grown("webhooks-cpu", "message", *hidden)))
        self.assertEqual([], growth_charts.faults(grown("webhooks-cpu", "message", *flat)))
        self.assertEqual([], growth_charts.faults(grown("webhooks-start", "start", *linear)))

    def test_a_part_that_is_measured_again_takes_the_place_of_its_own_points(self):
        old = grown("rules", "lists", (1, [9]), (10, [9]))
        both = growth_charts.merged(old, grown("webhooks-cpu", "rcpt", (1000, [50])))
        self.assertEqual(["webhooks", "rules"], list(both["measured"]))
        self.assertEqual(["webhooks-cpu", "rules", "rules"], [r["curve"] for r in both["results"]])
        again = growth_charts.merged(both, grown("rules", "lists", (1, [8])))
        self.assertEqual([(1, [8])], growth_charts.points(again, "rules", "lists"))

    def test_the_section_names_chart_figures_and_verdict(self):
        text = growth_charts.section(grown("webhooks-cpu", "rcpt", (1000, [50, 40, 60]), (1_000_000, [51])))
        self.assertIn("![CPU of a message by number of webhooks](growth/webhooks-cpu.svg)", text)
        self.assertIn("| 1,000 | 50 (40 to 60) | - |", text)
        self.assertIn("in µs: MAIL, RCPT and RSET 50 and 51 (does not grow).", text)

    def test_a_chart_has_the_points_with_their_spread(self):
        text = growth_charts.script(grown("webhooks-cpu", "rcpt", (1000, [50, 40, 60]), (10_000, [51])), "webhooks-cpu")
        self.assertIn("1000 50 40 60", text)
        self.assertIn('set xtics ("1,000" 1000, "10,000" 10000)', text)
        for line in ("set logscale x", 'set ylabel "CPU, µs" noenhanced', "set yrange [0:69]"):
            self.assertIn(line, text.splitlines())

    def test_what_drew_a_chart_is_not_in_it(self):
        drawn = "<svg>\n<title>Gnuplot</title>\n<desc>Produced by\n GNUPLOT </desc>\n<g/></svg>"
        self.assertEqual("<svg>\n<title>Rules</title>\n<g/></svg>", growth_charts.cleaned(drawn, "Rules"))

    def test_the_committed_results_make_the_section_and_have_charts(self):
        committed, text = json.loads(growth.RESULTS.read_text()), run.DOCUMENT.read_text()
        marks = (growth_charts.BEGIN, growth_charts.END)
        self.assertEqual(text, figures.replaced(text, growth_charts.section(committed), marks))
        self.assertEqual(list(growth_charts.CURVES), growth_charts.measured(committed))
        self.assertEqual(sorted(growth_charts.CURVES), sorted(path.stem for path in growth.CHARTS.iterdir()))
        for path in growth.CHARTS.iterdir():
            chart = path.read_text()
            self.assertIn(f"<title>{growth_charts.CURVES[path.stem].title}</title>", chart)
            self.assertNotIn("<desc>", chart)
            self.assertNotIn(str(HERE.parent), chart)

    def test_keys_that_a_table_has_not_are_not_in_it(self):
        with tempfile.TemporaryDirectory() as folder:
            made = list(growth.tables(pathlib.Path(folder), 20))
        self.assertEqual(["hash", "cidr", "sqlite"], [kind for kind, *_ in made])
        for kind, _, present, absent in made:
            self.assertEqual((20, 20), (len(present), len(absent)), kind)
            network = (lambda key: key.rpartition(".")[0]) if kind == "cidr" else str
            self.assertFalse({network(key) for key in present} & {network(key) for key in absent}, kind)

    def test_every_part_has_sizes_and_a_method(self):
        self.assertEqual(set(growth_charts.PARTS), set(growth.SIZES))
        for part in growth_charts.PARTS:
            self.assertTrue(callable(getattr(growth.Growth, part)))


class Plans(unittest.TestCase):
    WITNESS = {"client": "192.0.2.7", "helo": "mx.example.org", "tls": False, "auth": None, "mail_from": "a@example.org", "rcpt_to": "b@example.com"}

    def spoken(self, *replies, **members):
        """What a server that gives these replies is heard to say, and what it was told."""
        return plan_play.spoken(client := Scripted(replies), {**self.WITNESS, **members}), client.told

    def test_the_first_refusal_ends_a_dialogue(self):
        found, told = self.spoken("220 here", "250 here", "250 2.1.0 ok", "554 5.7.1 no")
        self.assertEqual(("refused", "rcpt", 554, "5.7.1"), found)
        self.assertEqual(["EHLO mx.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>"], told)

    def test_mail_is_taken_at_its_end(self):
        replies = ("220 here", "250 2.1.0 ok", "250 2.1.5 ok", "354 go", "250 2.0.0 ok")
        self.assertEqual(("taken",), self.spoken(*replies, helo=None)[0])
        self.assertEqual(("refused", "message", 550, "5.7.20"), self.spoken(*replies[:-1], "550 5.7.20 no", helo=None)[0])
        with self.assertRaises(plan_play.LeftOut):
            self.spoken(*replies, helo=None, tls=True)

    def test_a_policy_server_answers_by_command(self):
        self.assertEqual([{"match": {"protocol_state": "RCPT"}, "action": "OK"}, {"match": {"protocol_state": "DATA"}, "action": "DUNNO"}],
                         plan_play.policy_rules({plan_edits.NO_SERVICE: {"RCPT": "OK", "DATA": "DUNNO"}}))
        for answers in ({"verify": "deliverable"}, {plan_edits.NO_SERVICE: {"RCPT": "no answer"}}):
            with self.assertRaises(plan_play.LeftOut):
                plan_play.policy_rules(answers)

    def test_each_question_has_its_answer(self):
        said = [{"service": plan_edits.NO_SERVICE, "asked": state, "answer": answer} for state, answer in (("RCPT", "OK"), ("DATA", None))]
        self.assertEqual({plan_edits.NO_SERVICE: {"RCPT": "OK", "DATA": None}}, plan_play.answers_of({"answers": said}))

    def test_a_section_becomes_the_body_of_a_put(self):
        section = {"errors": "defer", "i_know_this_is_an_open_relay": True, "smtpd_relay_restrictions": "reject", "mynetworks": "192.0.2.0/24"}
        self.assertEqual({"errors": "defer", "lists": {"smtpd_relay_restrictions": "reject"}, "parameters": {"mynetworks": "192.0.2.0/24"}}, plan_bars.draft_of({"restrictions": section}))

    def test_a_missed_bar_is_remembered(self):
        bars = plan_bars.Bars(argparse.Namespace(suite="none"), None)
        with contextlib.redirect_stdout(io.StringIO()):
            for title, met in (("met", True), ("missed", False), ("none", None)):
                bars.row(title, "≤ 1 s", "2 s", met)
        self.assertEqual(["missed"], bars.missed)


class Scripted:
    """A client of a server whose replies are known."""

    def __init__(self, replies):
        self.replies, self.told = list(replies), []

    def reply(self):
        return [self.replies.pop(0)]

    def command(self, line, pattern=None):
        self.told.append(line)
        return self.reply()

    def data(self, content):
        return self.reply()


if __name__ == "__main__":
    unittest.main()
