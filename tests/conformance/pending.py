"""Features that later work brings. While a line stands here, cases that need the feature are skipped, and the skip names it.

To switch the cases on, delete the line. The words are what a player's `load` found in the content of a case (`Case.needs`).
"""

PENDING = {
    ("relay", "dane"): "outbound relay: DANE through the binary",
    ("relay", "mtasts"): "outbound relay: MTA-STS",
    ("cluster", "rig"): "cluster: three database hosts that fail over, in network namespaces",
    ("cluster", "releases"): "cluster: two releases that know each other's tables",
    ("cluster", "moves"): "cluster: from SQLite to PostgreSQL and back",
    ("cluster", "limits"): "cluster: limits are played by the unit tests (src/cluster/window_shares_test.cc)",
    ("relay", "dsn"): "outbound relay: reports are played by the unit tests (src/relay/report_suite_test.cc)",
}
# Cases that we hold wrong: docs/disputed-cases.md says why, under this heading. They are played and count as failed; they alone
# do not make the run fail. One that passes does: its line must go.
DISPUTED = {
    ("restrictions", "TCE010"): "An empty user name",
}
UNPLAYED = "unplayed:"  # before a kind: the need of cases that no player plays


def reasons(suite, needs):
    """The pending features among `needs`, in the order of the table; then the kinds of cases that no player plays, by name."""
    listed = [text for (s, word), text in PENDING.items() if s == suite and word in needs]
    return listed or ["no player yet for %s" % word[len(UNPLAYED):] for word in sorted(needs) if word.startswith(UNPLAYED)]
