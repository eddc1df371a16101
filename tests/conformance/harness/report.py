"""Prints results as they come, and the summary; writes JUnit XML when asked."""
import sys
import threading
import time
import xml.sax.saxutils as xml


class Report:
    def __init__(self, suite, verbose=False, out=sys.stdout, words=None):
        """`words`: by id, what is said instead of FAIL of cases whose failure does not count."""
        self.suite, self.verbose, self.out, self.words = suite, verbose, out, words or {}
        self.lock, self.results, self.began = threading.Lock(), [], time.monotonic()

    def add(self, case, result, text="", seconds=0.0):
        """`result` is passed, failed or skipped; `text` is the reason of the latter two."""
        with self.lock:
            self.results.append((case, result, text, seconds))
            word = {"passed": "ok  ", "failed": self.words.get(case.id, "FAIL"), "skipped": "skip"}[result]
            line = "%s %s" % (word, case.id)
            if result == "skipped":
                line += ": skipped: " + text
            elif result == "failed":
                line += ": " + text
            if self.verbose:
                line += "  (%.1f s) %s" % (seconds, case.title)
            print(line.encode("utf-8", "replace").decode("utf-8"), file=self.out, flush=True)

    def note(self, text):
        with self.lock:
            print(text, file=self.out, flush=True)

    def count(self, result):
        return sum(1 for r in self.results if r[1] == result)

    def ids(self, result):
        return {r[0].id for r in self.results if r[1] == result}

    def summary(self):
        return "%d passed, %d failed, %d skipped" % (self.count("passed"), self.count("failed"), self.count("skipped"))

    def write_junit(self, path):
        a = lambda s: xml.quoteattr("".join(c if c.isprintable() else "?" for c in s))
        t = lambda s: xml.escape("".join(c if c.isprintable() or c == "\n" else "?" for c in s))
        rows = ['<?xml version="1.0" encoding="UTF-8"?>',
                '<testsuite name=%s tests="%d" failures="%d" errors="0" skipped="%d" time="%.3f">' % (
                    a(self.suite), len(self.results), self.count("failed"), self.count("skipped"), time.monotonic() - self.began)]
        for case, result, text, seconds in self.results:
            rows.append('  <testcase classname=%s name=%s time="%.3f">' % (a(self.suite), a(case.id), seconds))
            if result == "failed":
                rows.append("    <failure message=%s>%s</failure>" % (a(text.splitlines()[0] if text else ""), t(text)))
            elif result == "skipped":
                rows.append("    <skipped message=%s/>" % a(text))
            rows.append("  </testcase>")
        rows.append("</testsuite>")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(rows) + "\n")
