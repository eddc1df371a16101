#!/usr/bin/env python3
"""Self-test of the player of browser flows: pages of its own, right and wrong ones; every planted fault must be found."""
import http.server
import os
import pathlib
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from harness import browser  # noqa: E402
from harness.cases import Fail, FormatError, Skip  # noqa: E402
from players import conduit  # noqa: E402

SIGN_IN = """<h1>Sign in</h1><form action="/app/list"><label for="e">Email</label><input id="e"><label for="p">Password</label>
<input id="p" type="password"><button>Sign in</button></form>"""
LIST = """<h1>Policies</h1><a href="/app/form">+ New</a><ul><li>both SPF DKIM</li></ul><p hidden>secret text</p>"""
FORM = """<h1>New</h1><form><label for="n">Name</label><input id="n" value="p"><label for="s">Security policy</label>
<select id="s"><option>None</option><option>spf only</option></select><label><input type="checkbox">Require SPF</label></form>
<button type="button" id="b">Save</button><p id="said"></p><script>b.onclick = () => { said.textContent = s.value; }</script>"""
FLOW = [{"goto": "/app/list"}, {"expect_path": "/app/list"}, {"expect_row": {"with": "both", "texts": ["SPF", "DKIM"]}}, {"click": "+ New"},
        {"expect_path": "/app/form"}, {"fill": {"label": "Name", "value": "q"}}, {"expect_value": {"label": "Name", "value": "q"}},
        {"check": {"label": "Require SPF"}}, {"select": {"label": "Security policy", "option": "spf only"}}, {"click": "Save"},
        {"expect_text": "spf only"}, {"expect_no_dialog": True}]
# The planted defects: the page, the replaced text, its replacement, and what the report must say.
FAULTS = {
    "a control of another name": ("list", "+ New", "New policy", 'no link or button "+ New"'),
    "two controls of one name": ("form", "<h1>New</h1>", '<h1>New</h1><button type="button">Save</button>', '2 controls are named "Save"'),
    "a label that begins otherwise": ("form", ">Name<", ">Its name<", 'no field "Name"'),
    "two labels that begin so": ("form", "Require SPF</label>", 'Require SPF</label><label>Security policy of others<input></label>'
                                 '<label>Security policy<input></label>', '3 fields have labels'),
    "an option that is missing": ("form", "<option>spf only</option>", "", 'no option "spf only"'),
    "a button that does nothing": ("form", "said.textContent = s.value", "", 'no visible text "spf only"'),
    "a row without its words": ("list", "SPF DKIM", "SPF", 'no row with "both"'),
    "another address": ("list", "/app/form", "/app/list?form", "expected /app/form, got /app/list"),
    "a script dialog": ("form", "said.textContent", "alert(1); said.textContent", "a script dialog opened"),
    "a script that fails": ("form", "said.textContent", "setTimeout(() => nothing.at.all); said.textContent", "a script failed"),
    "a sign-in that does not": ("signin", "/app/list", "/app/signin", "the sign-in page is still there"),
}


class Pages:
    def __init__(self):
        self.pages = {}
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                text = pages.pages.get(self.path.split("?")[0].rsplit("/", 1)[-1], "<h1>Nothing</h1>")
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(("<!DOCTYPE html><title>t</title>" + text).encode())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.base = "http://127.0.0.1:%d" % self.server.server_port

    def fresh(self):
        self.pages = {"signin": SIGN_IN, "list": LIST, "form": FORM}


@unittest.skipIf(browser.lacking() and not os.environ.get("CI"), browser.lacking())
class Flows(unittest.TestCase):
    brief = "test_hidden_text_is_not_seen",

    @classmethod
    def setUpClass(cls):
        cls.pages, cls.browser = Pages(), browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.pages.server.shutdown()
        cls.pages.server.server_close()

    def play(self, flow=None, patience_ms=180000):
        self.browser.play("selftest", self.pages.base, "a@example.com", "a long enough password", FLOW if flow is None else flow, patience_ms)

    def test_right_pages_pass(self):
        self.pages.fresh()
        self.play()

    def report(self, text, flow=None):
        """What is said of the pages, which must have this text. A short patience saves time, and on a busy machine it ends at a step that is right."""
        for patience_ms in (400, 10000, 100000):
            with self.assertRaises(Fail) as caught:
                self.play(flow, patience_ms)
            if text in str(caught.exception):
                break
        self.assertIn(text, str(caught.exception))
        return str(caught.exception)

    def test_every_planted_fault_is_found(self):
        for what, (page, old, new, text) in FAULTS.items():
            with self.subTest(what):
                self.pages.fresh()
                self.assertIn(old, self.pages.pages[page])
                self.pages.pages[page] = self.pages.pages[page].replace(old, new)
                shot = self.report(text).rsplit(" ", 1)[-1]
                self.assertGreater(pathlib.Path(shot).stat().st_size, 1000)

    def test_hidden_text_is_not_seen(self):
        self.pages.fresh()
        self.report("no visible text", [{"goto": "/app/list"}, {"expect_text": "secret text"}])


class Formats(unittest.TestCase):
    def test_flows_are_checked(self):
        whole = {"id": "x", "setup": [], "flow": FLOW, "then": []}
        conduit.check_flow(whole)
        for broken in ({**whole, "flow": [{"klick": "x"}]}, {**whole, "flow": [{"click": "x", "goto": "/"}]}, {"id": "x", "flow": []}):
            with self.assertRaises(FormatError):
                conduit.check_flow(broken)

    def test_without_a_browser_flows_are_skipped_by_name_and_fail_where_it_must_be(self):
        before, ci = browser.CHROMIUM, os.environ.pop("CI", None)
        browser.CHROMIUM = "/nowhere/chromium"
        try:
            with self.assertRaises(Skip):
                browser.Browser().play("x", "", "", "", [])
            os.environ["CI"] = "1"
            with self.assertRaises(Fail):
                browser.Browser().play("x", "", "", "", [])
        finally:
            browser.CHROMIUM = before
            os.environ.pop("CI", None)
            if ci is not None:
                os.environ["CI"] = ci


if __name__ == "__main__":
    unittest.main()
