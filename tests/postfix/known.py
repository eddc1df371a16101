"""Differences with a known reason: the table of docs/postfix-differences.md."""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "postfix-differences.md"


class Known:
    def __init__(self, name, pattern, reason):
        self.name, self.reason, self.count = name, reason, 0
        self.pattern = re.compile(pattern)


class Table:
    """Rows "| id | `pattern` | reason |" of the page; a pattern is a regular expression, searched in a difference's line."""

    def __init__(self, text):
        self.rows = []
        for line in text.splitlines():
            row = re.fullmatch(r"\| *(PD\d+) *\| *`(.*)` *\| *(.*?) *\|", line.strip())
            if row:
                self.rows.append(Known(row.group(1), row.group(2).replace("\\|", "|"), row.group(3)))
        names = [r.name for r in self.rows]
        if len(set(names)) < len(names):
            raise ValueError("an id occurs twice in the table of known differences")

    def find(self, line):
        """The first row that explains a difference, None when none does."""
        return next((row for row in self.rows if row.pattern.search(line)), None)


def read():
    return Table(PAGE.read_text(encoding="utf-8") if PAGE.is_file() else "")


def full_line(outcome, case):
    """What patterns are matched with: the difference, then the words of the lists, tables and parameters."""
    config = "; ".join("%s=%s" % item for item in sorted(case["config"].items()) if item[1] != "")
    tables = "; ".join("%s:@%s=%s" % (t["type"], name, ", ".join(t["text"].splitlines())) for name, t in sorted(case.get("tables", {}).items()))
    said = "; ".join(str(s.get("send") or s.get("pipelined") or "message") for s in case["dialogue"][1:])
    return "%s | client=%s | %s | %s | %s" % (outcome.line, case["client"]["addr"], config, tables, said)
