"""A browser for the flows of a suite: one child plays them one after the other (web/test/flow.mjs)."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

from harness import child
from harness.cases import Fail, Skip
from harness.waiting import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
CHROMIUM = os.environ.get("POSTERN_CHROMIUM", "/usr/bin/chromium")


def lacking():
    """What is missing to play flows in a browser, or nothing."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not pathlib.Path(CHROMIUM).exists():
        return "no Chromium at " + CHROMIUM
    if not (ROOT / "web" / "node_modules" / "playwright-core").is_dir():
        return "web/node_modules is missing (npm ci in web/)"
    return ""


class Browser:
    """Started when the first flow comes."""

    def __init__(self):
        self.process, self.lock = None, threading.Lock()
        self.shots = pathlib.Path(tempfile.gettempdir()) / ("postern-flows-%d" % os.getpid())

    def play(self, name, base, email, password, flow, patience_ms=1000 * PATIENCE):
        why = lacking()
        if why and os.environ.get("CI"):
            raise Fail("no browser: " + why)
        if why:
            raise Skip("no browser: " + why)
        with self.lock:
            answer = self.ask({"base": base, "email": email, "password": password, "flow": flow, "screenshot": str(self.shots / (name + ".png")),
                               "patience_ms": patience_ms})
        if not answer.get("ok"):
            number = answer["action"]
            what = "signing in" if number < 0 else "action %d, %s" % (number, json.dumps(flow[number], ensure_ascii=False))
            raise Fail("%s: %s\n      at       %s\n      picture  %s" % (what, answer["fail"], answer.get("path"), answer.get("screenshot") or "none"))

    def ask(self, question):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(["node", str(ROOT / "web" / "test" / "flow.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            raise Fail("the browser ended with status %s" % self.process.wait(PATIENCE)) from None

    def close(self):
        if self.process is None:
            return
        child.end(self.process)
