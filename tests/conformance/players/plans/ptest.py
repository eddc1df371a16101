"""Users' tests: `postern test` on the files of a case, and again with --update=yes."""
import json
import os
import pathlib
import re
import subprocess

from harness.cases import Case, Fail, FormatError, known, short, wanted
from harness.waiting import PATIENCE

MEMBERS = ("id", "title", "rules", "note", "files", "args", "expect")
EXPECT = ("exit", "tests", "error", "after_update")
ERROR = ("file", "line", "column", "word", "near")


def load(_, where):
    def case(entry):
        known(entry, MEMBERS, "%s: %s" % (where, entry["id"]), FormatError)
        expect = entry["expect"]
        known(expect, EXPECT, "%s: expect" % entry["id"], FormatError)
        for test in expect.get("tests", []):
            known(test, ("name", "result", "got"), "%s: a test" % entry["id"], FormatError)
        if "error" in expect:
            known(expect["error"], ERROR, "%s: error" % entry["id"], FormatError)
        return Case(entry["id"], entry["title"], {"kind": "ptest", "case": (entry["files"], entry.get("args", []), expect)})

    return case


def play(data, context, name):
    files, args, expect = data["case"]
    if context.binary is None:
        raise Fail("no Postern binary: build it, or name it with --binary or POSTERN_BINARY")
    folder = pathlib.Path(name)
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    before = contents(folder)
    ran = run(context.binary, folder, *args, "--format", "json")
    judge(ran, expect)
    if contents(folder) != before:
        raise Fail("a run without --update changed a file")
    if "after_update" in expect:
        update(context.binary, folder, args, expect)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(binary, folder, *args):
    env = {k: v for k, v in os.environ.items() if k != "POSTERN_CONFIG"}
    return subprocess.run([str(binary), "test", *args], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)


def judge(ran, expect):
    if ran.returncode != expect["exit"]:
        raise Fail(wanted("exit status", expect["exit"], ran.returncode) + "\n      " + short(ran.stderr + ran.stdout, 600))
    if "tests" in expect:
        got = [{"name": t["name"], "result": t["result"], "got": t["got"]} for t in json.loads(ran.stdout)["tests"]]
        if got != expect["tests"]:
            raise Fail(wanted("tests", expect["tests"], got))
    if "error" in expect:
        judge_error(ran.stderr, expect["error"])


def judge_error(lines, error):
    for line in lines.splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if (one.get("file"), one.get("line"), one.get("col")) != (error["file"], error["line"], error["column"]):
            continue
        said = " ".join(str(one.get(member, "")) for member in ("message", "label", "hint"))
        if error["word"] in said and error.get("near", "") in said:
            return
    raise Fail(wanted("an error", error, lines))


def update(binary, folder, args, expect):
    ran = run(binary, folder, *args, "--update=yes")
    if ran.returncode != 0:
        raise Fail(wanted("exit status of --update=yes", 0, ran.returncode) + "\n      " + short(ran.stderr + ran.stdout, 600))
    for name, text in expect["after_update"].items():
        got = (folder / name).read_bytes()
        if got != text.encode("utf-8"):
            raise Fail(wanted("%s after --update=yes" % name, text, got.decode("utf-8", "replace")))
    if not re.search(r"^\+\+\+ ", ran.stdout, re.M):
        raise Fail("--update printed no difference: %s" % short(ran.stdout))
    again = run(binary, folder, *args)
    if again.returncode != 0:
        raise Fail(wanted("exit status after --update=yes", 0, again.returncode))
