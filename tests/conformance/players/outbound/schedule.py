"""schedule.json: scenarios of the virtual clock, through `postern queue simulate`."""
import json
import subprocess

from harness.cases import Fail, FormatError, wanted
from harness.waiting import PATIENCE

TOLERANCE = 1
END_OF_FAIR = 3600
# Members of a case about how it is judged; the others are the scenario.
NOT_THE_SCENARIO = frozenset(["id", "title", "rules", "note", "kind", "expect"])


def scenario(case, defaults):
    """The case as the command's file. What the suite calls concurrency is a destination's."""
    out = {k: v for k, v in case.items() if k not in NOT_THE_SCENARIO}
    config = {k: defaults[k] for k in ("initial", "max", "ttl", "delay_notice") if k in defaults}
    config.update(case["config"])
    if "concurrency" in config:
        config["per_destination"] = config.pop("concurrency")
    out["config"] = config
    if kind(case) != "message":
        out["until"] = case["expect"].get("until", END_OF_FAIR)
    return out


def kind(case):
    return case.get("kind", "message")


def near(what, expected, got):
    if abs(expected - got) > TOLERANCE:
        raise Fail(wanted(what, expected, got))


def times(what, expected, got):
    if len(expected) != len(got):
        raise Fail(wanted("number of " + what, expected, got))
    for i, (e, g) in enumerate(zip(expected, got)):
        near("%s %d" % (what, i + 1), e, g)


def compare(case, got):
    """Raises Fail where the answer of the command is not what the case expects."""
    expect, attempts = case["expect"], got["attempts"]
    if kind(case) == "message":
        times("attempts", expect["attempts"], [a["t"] for a in attempts])
        times("delay notices", expect["delay_notices"], [n["t"] for n in got["delay_notices"]])
        if len(got["ends"]) != 1:
            raise Fail(wanted("ends", expect["end"], got["ends"]))
        near("time of the end", expect["end"]["t"], got["ends"][0]["t"])
        for key in ("result", "status"):
            if key in expect["end"] and got["ends"][0].get(key) != expect["end"][key]:
                raise Fail(wanted(key + " of the end", expect["end"][key], got["ends"][0].get(key)))
    elif kind(case) == "destination":
        times("attempts", [t for t, _ in expect["attempts"]], [a["t"] for a in attempts])
        if [m for _, m in expect["attempts"]] != [a["message"] for a in attempts]:
            raise Fail(wanted("messages tried", [m for _, m in expect["attempts"]], [a["message"] for a in attempts]))
    elif kind(case) == "fair":
        for message, by in expect["starts_by"].items():
            first = next((a["t"] for a in attempts if a["message"] == message), None)
            if first is None or first > by:
                raise Fail(wanted("first attempt of %s" % message, "at %s at the latest" % by, first))
    else:
        raise FormatError("unknown kind: %s" % kind(case))


def play(case, defaults, binary, folder):
    path = folder / "scenario.json"
    path.write_text(json.dumps(scenario(case, defaults)), encoding="utf-8")
    done = subprocess.run([str(binary), "queue", "simulate", str(path), "--json"], cwd=folder, capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Fail("`postern queue simulate` ended with %d: %s" % (done.returncode, (done.stderr or done.stdout).decode("utf-8", "replace")[:500]))
    compare(case, json.loads(done.stdout))
