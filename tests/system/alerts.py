#!/usr/bin/env python3
"""What Prometheus's own tool says of the metrics and of the alerts in examples/prometheus: the rules parse, fire when they should, and ask for metrics that exist.

  alerts.py [--binary PATH] [--filter GLOB] [--verbose]

Needs promtool (Debian's prometheus). Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, expect  # noqa: E402
from harness.cases import Fail  # noqa: E402

RULES = ROOT / "examples" / "prometheus" / "postern.rules.yml"
CASES = ROOT / "tests" / "prometheus" / "alerts.yml"


def promtool(*words, cwd=None, given=None):
    done = subprocess.run(["promtool", *map(str, words)], cwd=cwd, input=given, capture_output=True, text=True, timeout=60, check=False)
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
    asked = set(re.findall(r"\bpostern_\w+", RULES.read_text()))
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


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("NOT RUN: prometheus of tools/packages-test.txt is not installed", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    sys.exit(smoke.main([metrics_without_a_remark, alerts_fire_when_they_should], __doc__))
