"""What must not be anywhere: in replies, logs, traces, metrics, answers of the API, mail that was handed on, and files."""
import http.client
import sqlite3

from harness import instance
from harness.cases import Fail
from players.lua.accepted import deliveries

API = ("/accounts/me", "/accounts/me/audit-log", "/traces", "/queue", "/queue/destinations", "/webhooks", "/smtp-policies", "/connection-policies")
TRACES = "traces.db"


def traces(postern):
    """The ids of all recorded traces."""
    path = postern.root / "data" / TRACES
    if not path.is_file():
        return []
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10) as db:
        rows = db.execute("SELECT id FROM trace").fetchall()
    db.close()
    return [row[0] for row in rows]


def answers(postern):
    """What the running server answers over HTTP."""
    token = (postern.root / "data" / "metrics.token").read_text(encoding="utf-8").strip()
    yield "metrics", postern.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})[2]
    for path in ("/healthz", "/readyz"):
        yield path, postern.http("GET", path)[2]
    account = instance.Account(postern)
    for path in API:
        status, _, body = postern.http("GET", "/api/v1" + path, headers={"Authorization": "Bearer " + account.token})
        if status >= 500:
            raise Fail("GET /api/v1%s: %d %s" % (path, status, body[:300]))
        yield "the API's " + path, body


def commands(postern):
    """What the commands tell an operator."""
    config = postern.write_config()
    for words in (("queue", "list", "--json"), ("queue", "destinations", "--json"), *(("explain", trace, *how) for trace in traces(postern) for how in ((), ("--json",)))):
        status, out, err = postern.command(*words, "--config", config)
        if status != 0:
            raise Fail("postern %s ended with status %d: %s" % (" ".join(words), status, (out + err)[:300]))
        yield "postern " + " ".join(words), (out + err).encode("utf-8")


def files(site):
    """Every file that the server could have written; the policy and what stands beside it are ours."""
    ours = site.inputs | {site.postern.root / "postern.toml", site.root / "vault.log"}
    for top in (site.postern.root, site.root):
        for path in sorted(p for p in top.rglob("*") if p.is_file() and not p.is_symlink()):
            if path not in ours:
                yield str(path.relative_to(top)), path.read_bytes()


def handed_on(site, talk):
    """What the gateway added to mail on its way; the client's own lines are its own."""
    for envelope in site.sink.envelopes:
        yield "an envelope at the sink", "\r\n".join(envelope).encode("utf-8")
    for delivery in deliveries(site.sink):
        yield "mail at the sink", b"\r\n".join(line for line in delivery.content.split(b"\r\n") if line not in talk.sent)


def judge(secrets, site, talk, said):
    """never_anywhere; the server is stopped behind it. `said`: output of `postern check`."""
    if not secrets:
        return
    if not all(secrets):
        raise Fail("an empty text is everywhere")
    try:
        places = [*answers(site.postern), *commands(site.postern)] if site.postern.alive() else []
    except (OSError, http.client.HTTPException) as e:
        raise Fail("asking the server what it tells: %s" % e) from None
    site.postern.stop()
    places += [*(("a reply", octets) for octets in talk.heard), ("what check says", said.encode("utf-8")), *handed_on(site, talk), *files(site)]
    for secret in secrets:
        for where, octets in places:
            if secret.encode("utf-8") in octets:
                raise Fail("%r must not be anywhere, and is in %s: %r" % (secret, where, excerpt(octets, secret.encode("utf-8"))))


def excerpt(octets, secret):
    at = octets.index(secret)
    return octets[max(0, at - 80):at + len(secret) + 40].decode("utf-8", "replace")
