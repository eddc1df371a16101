#!/usr/bin/env python3
"""What Prometheus says of the metrics, of the alerts in examples/prometheus and of the dashboard in examples/grafana: they ask for metrics that exist, the alerts
fire when they should, and a Prometheus that reads a gateway answers every question of the dashboard.

  alerts.py [--binary PATH] [--filter GLOB] [--verbose]

Needs prometheus and promtool (Debian's prometheus). Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, expect, send  # noqa: E402
from harness import instance  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402

RULES = ROOT / "examples" / "prometheus" / "postern.rules.yml"
CASES = ROOT / "tests" / "prometheus" / "alerts.yml"
BOARD = ROOT / "examples" / "grafana" / "postern.json"
GRID = 24  # columns of a dashboard


def promtool(*words, cwd=None, given=None):
    done = subprocess.run(["promtool", *map(str, words)], cwd=cwd, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout + done.stderr


def metrics_of(server):
    token = (server.root / "data" / "metrics.token").read_text().strip()
    status, _, body = server.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})
    expect("status of /metrics", 200, status)
    return body.decode()


def metrics_without_a_remark(bench):
    """`promtool check metrics` prints nothing about the page, and the page has each metric of the alerts."""
    page = metrics_of(bench.server(LOCAL))
    expect("promtool check metrics", (0, ""), promtool("check", "metrics", given=page))
    known = set(re.findall(r"^# TYPE (\S+) ", page, re.M))
    asked = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\bpostern_\w+", RULES.read_text())}
    expect("metrics of the alerts that do not exist", set(), asked - known)


def alerts_fire_when_they_should(bench):
    """Each alert has a case in which it fires and one in which it is silent."""
    status, said = promtool("check", "rules", RULES)
    expect("promtool check rules: " + said, 0, status)
    shutil.copy(RULES, bench.root)
    shutil.copy(CASES, bench.root)
    status, said = promtool("test", "rules", CASES.name, cwd=bench.root)
    expect("promtool test rules: " + said, 0, status)
    names = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    tried = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts", CASES.read_text()))
    expect("alerts without a case in which they fire", set(), names - tried)
    # A case that holds whatever the rule says would be none.
    rules = RULES.read_text().replace("21 * 86400", "14 * 86400")
    (bench.root / RULES.name).write_text(rules)
    status, said = promtool("test", "rules", CASES.name, cwd=bench.root)
    if status == 0:
        raise Fail("a rule that was changed passes its cases: " + said)


def documented_labels():
    """{metric: its labels} of docs/metrics.md, which a unit test writes from the code."""
    rows = re.findall(r"^\| `(postern_\w+)` \| \w+ \| (.*?) \|", (ROOT / "docs" / "metrics.md").read_text(), re.M)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def questions(board):
    """Each (title, expression, legend) of a dashboard, with Grafana's variables filled in."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], filled(target["expr"]), target["legendFormat"]
    for note in board["annotations"]["list"]:
        yield note["name"], filled(note["expr"]), note["textFormat"]


def filled(expression):
    return expression.replace("$__rate_interval", "1m").replace("$instance", ".*")


def dashboard_is_whole(bench):
    """The dashboard asks only for metrics and labels that exist, its panels have a title and a description, and none lies over another or beyond the edge."""
    board, known = json.loads(BOARD.read_text()), documented_labels()
    page = metrics_of(bench.server(LOCAL))
    shown = set(re.findall(r"^# TYPE (\S+) ", page, re.M))
    for title, expression, legend in questions(board):
        asked = set(re.findall(r"\bpostern_\w+", expression))
        names = {name if name in shown else re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
        expect("metrics of '%s' that a gateway does not have" % title, set(), names - shown)
        labels = set(re.findall(r"(\w+)=~?\"", expression)) | set(re.findall(r"{{(\w+)}}", legend))
        for group in re.findall(r"\bby \((.*?)\)", expression):
            labels |= {label.strip() for label in group.split(",")}
        have = {"instance", "job", "le"}.union(*(known[name] for name in names))
        expect("labels of '%s' that its metrics do not have" % title, set(), labels - have)
    expect("numbers of panels", len(board["panels"]), len({panel["id"] for panel in board["panels"]}))
    taken = set()
    for panel in board["panels"]:
        if panel["type"] != "row" and not (panel["title"] and panel["description"]):
            raise Fail("panel %d has no title or no description" % panel["id"])
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if taken & cells or max(x for x, _ in cells) >= GRID:
            raise Fail("panel '%s' lies over another one or beyond the edge" % panel["title"])
        taken |= cells
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    named = set(re.findall(r"\bPostern[A-Z]\w+", BOARD.read_text()))
    expect("alerts that the dashboard names and that do not exist", set(), named - alerts)


@contextlib.contextmanager
def prometheus(bench, server):
    """A Prometheus of our own that reads the gateway every second -> a function that asks it."""
    port, folder = instance.free_port(), bench.root / "prometheus"
    folder.mkdir()
    (folder / "token").write_text((server.root / "data" / "metrics.token").read_text().strip())
    (folder / "prometheus.yml").write_text(
        "global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: postern\n    authorization: { credentials_file: %s/token }\n"
        "    static_configs: [{ targets: [\"127.0.0.1:%d\"] }]\n" % (folder, server.api_port))
    command = ["prometheus", "--config.file=%s/prometheus.yml" % folder, "--storage.tsdb.path=%s/data" % folder, "--web.listen-address=127.0.0.1:%d" % port]

    def ask(expression):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
            reply = connection.getresponse()
            return json.loads(reply.read()) if reply.status in (200, 400, 422) else {"status": "error", "error": "HTTP %d" % reply.status}
        finally:
            connection.close()

    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield ask
    except (Fail, OSError) as error:
        raise Fail("%s\n%s" % (error, (folder / "log").read_text()[-1500:])) from error
    finally:
        process.terminate()
        process.wait(PATIENCE)


def dashboard_is_answered(bench):
    """A Prometheus that reads a gateway parses each question of the dashboard, and has an answer where there is something to see."""
    server = bench.server(LOCAL)
    with prometheus(bench, server) as ask:
        def seen(expression):
            # A rate needs two looks at the gateway with an event between them.
            send(server, "nobody@localhost.localdomain")  # 550
            with contextlib.suppress(OSError, ValueError):
                return (ask(expression).get("data") or {}).get("result")

        refused = until("Prometheus sees the refused recipients", lambda: seen(
            filled('sum by (stage, code) (rate(postern_smtp_replies_total{code="550"}[$__rate_interval])) > 0')))
        expect("the refused recipients", [{"code": "550", "stage": "rcpt"}], [row["metric"] for row in refused])
        for title, expression, _ in questions(json.loads(BOARD.read_text())):
            answer = ask(expression)
            expect("'%s': %s\n%s" % (title, expression, answer.get("error")), "success", answer["status"])
            # What is filtered by a size, as `> 0`, is empty in a gateway that has nothing to complain of.
            if not answer["data"]["result"] and not re.search(r"[<>] ?\d", expression):
                until("'%s' has an answer: %s" % (title, expression), lambda wanted=expression: seen(wanted))


if __name__ == "__main__":
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("NOT RUN: prometheus of tools/packages-test.txt is not installed", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    sys.exit(smoke.main([metrics_without_a_remark, alerts_fire_when_they_should, dashboard_is_whole, dashboard_is_answered], __doc__))
