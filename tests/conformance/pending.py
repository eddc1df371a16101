"""Features that later work brings. While a line stands here, cases that need the feature are skipped, and the skip names it.

To switch the cases on, delete the line. The words are what a player's `load` found in the content of a case (`Case.needs`).
"""

PENDING = {
    ("relay", "dane"): "outbound relay: DANE through the binary",
    ("relay", "mtasts"): "outbound relay: MTA-STS",
    ("relay", "dsn"): "outbound relay: reports are played by the unit tests (src/relay/report_suite_test.cc)",
}


def reasons(suite, needs):
    """The pending features among `needs`, in the order of the table."""
    return [text for (s, word), text in PENDING.items() if s == suite and word in needs]
