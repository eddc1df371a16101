"""System checks of `postern plan` against a running gateway: its lists, those of its history, its webhooks, and the same over the API."""
import json
import os
import signal
import subprocess

from bench import LOCAL, expect
from guardrails import CLOSED, PARTNER_IN, guarded
from harness import dns, instance
from harness.cases import Fail
from harness.waiting import PATIENCE, until
from lists import wait_for

RELAY = CLOSED["relay"]


def planned(bench, *words, status):
    """`postern plan … --json` -> its answer."""
    got, out, err = bench.run("plan", *words, "--json", "--budget", "20s")
    if got != status:
        raise Fail("plan %s: exit status %d for %d\n%s%s" % (" ".join(map(str, words)), got, status, out, err))
    return json.loads(out)


def against_what_runs(bench):
    """One word is compared with the gateway as it runs: not with its file, which was edited in place, nor with its tables on the disk."""
    table = bench.root / "senders.cidr"
    table.write_text("198.51.100.0/24 REJECT\n")
    client = "check_client_access cidr:%s" % table
    server = bench.server(guarded({}, client=client))
    account = instance.Account(server)
    config = server.root / "postern.toml"
    expect("the same file", "same", planned(bench, config, status=0)["answer"])
    expect("running twice", "same", planned(bench, "running", "running", "--data-dir", server.root / "data", status=0)["answer"])

    table.write_text("198.51.100.0/25 REJECT\n")
    found = planned(bench, config, status=2)
    expect("a table that was edited", "accepts_more", found["answer"])
    client = found["witnesses"][0]["client"]
    if not client.startswith("198.51.100.") or int(client.rsplit(".", 1)[1]) < 128:
        raise Fail("another client: %r" % found["witnesses"][0])

    table.write_text("198.51.100.0/24 REJECT\n")
    server.write_config(guarded({}, client=client_of(table), relay=PARTNER_IN))
    found = planned(bench, config, status=2)
    expect("the file, edited in place", ("accepts_more", "same"), (found["answer"], found["groups"]["ours"]["answer"]))
    expect("its sentence", "Accepts more: mail to foreign destinations", found["sentence"][:42])
    expect("--against", 2, bench.run("plan", "--against", "running", config)[0])
    expect("--config", 2, bench.run("plan", "--config", config)[0])
    status, out, _ = bench.run("plan", config)
    if status != 2 or not out.startswith("ACCEPTS MORE") or "\n    old  554" not in out:
        raise Fail("text: %s" % out)
    expect("the other way round", "refuses_more", planned(bench, config, "running", status=2)["answer"])
    replayed = planned(bench, config, "--replay", "1h", status=2)["replay"]
    expect("recorded traffic", 0, replayed["decisions"])
    expect("allowed", 0, bench.run("plan", config, "--allow", "same,accepts-more")[0])
    expect("not allowed", 1, bench.run("plan", config, "--allow", "same,refuses-more")[0])

    # Lists of the API are what runs, and stay in force while the file says what they have replaced.
    server.write_config(guarded({}, client=client_of(table)))
    wide = {"lists": {"relay": RELAY}, "parameters": {"mynetworks": "10.1.0.0/16"}}
    account.call("PUT", "/connection-policies", wide)
    expect("a file whose section was replaced", "same", planned(bench, config, status=0)["answer"])
    _, out, err = bench.run("plan", config)
    if "would stay in force" not in err:
        raise Fail("nothing is said of the lists that stay: %s%s" % (out, err))
    tests = server.root / "suggest.ptest"
    tests.write_text('[[test]]\nname = "it"\nclient = "192.0.2.7"\nfrom = "a@example.org"\nrcpt = "b@example.net"\nexpect.verdict = "refused"\n')
    _, out, err = bench.run("plan", config, "--suggest", tests)
    if "would stay in force" not in err:
        raise Fail("--suggest says nothing of the lists that stay: %s%s" % (out, err))
    expect("a rollback", "refuses_more", planned(bench, "running", "revision:1", "--data-dir", server.root / "data", status=2)["answer"])
    expect("its own revision", "same", planned(bench, "revision:2", "--data-dir", server.root / "data", status=0)["answer"])
    expect("no such revision", 66, bench.run("plan", "revision:99", "--data-dir", server.root / "data")[0])
    expect("no number", 66, bench.run("plan", "revision:x", "--data-dir", server.root / "data")[0])


def client_of(table):
    return "check_client_access cidr:%s" % table


def without_a_gateway(bench):
    """69 without a gateway, 66 without a file, 78 for a version that does not load; `check --against` plans what loads."""
    config = bench.config(guarded({}))
    status, out, err = bench.run("plan", config, "--data-dir", bench.root / "none")
    expect("no gateway", 69, status)
    if "no gateway runs" not in out + err:
        raise Fail(out + err)
    expect("no file", 66, bench.run("plan", bench.root / "none.toml")[0])
    expect("three versions", 64, bench.run("plan", config, config, config)[0])
    expect("no version", 64, bench.run("plan")[0])
    other = bench.root / "other.toml"
    other.write_text(instance.toml(guarded({}, relay="permit_mynetworks, reject_unauth_destinations")))
    status, out, err = bench.run("plan", config, other)
    expect("one that does not load", 78, status)
    if "other.toml does not load" not in out + err:
        raise Fail(out + err)
    expect("check of it", 78, bench.run("check", "--against", config, "--config", other)[0])
    other.write_text(instance.toml(guarded({}, mynetworks="10.1.0.0/17")))
    status, out, _ = bench.run("check", "--against", config, "--config", other)
    expect("check --against", 2, status)
    if "REFUSES MORE" not in out or ": ok" not in out:
        raise Fail(out)
    expect("check --against --allow", 0, bench.run("check", "--against", config, "--config", other, "--allow", "refuses-more")[0])
    tests = bench.root / "kept.ptest"
    for _ in range(2):
        expect("--as-test", 2, bench.run("plan", config, other, "--as-test", tests)[0])
    expect("tests that were kept, once each", len(planned(bench, config, other, status=2)["witnesses"]), tests.read_text().count("[[test]]"))
    expect("they pass on NEW", 0, bench.run("test", tests)[0])
    expect("and fail on OLD", 1, bench.run("test", tests, "--config", config)[0])
    expect("check --against the same", 0, bench.run("check", "--against", other, "--config", other)[0])
    expect("check --against without a file", 64, bench.run("check", "--against", config)[0])


def passwords_in_files(bench):
    """A new password is another credential; the same one is none."""
    bench.config(guarded({}))
    files = []
    for number in (1, 2):
        files.append(bench.root / ("%d.ptest" % number))
        files[-1].write_text('config = "postern.toml"\n[policy.p]\nrequire_smtp_auth = true\n'
                             'smtp_credentials = [{username = "app", password = "correct horse %d"}]\n[webhook."a@hooks.example.net"]\npolicy = "p"\n' % number)
    expect("another password", "both", planned(bench, *files, status=2)["answer"])
    expect("the same password", "same", planned(bench, files[0], files[0], status=0)["answer"])


def version(bench, name, restrictions="", more=""):
    """A configuration below the check's folder."""
    path = bench.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('[server]\nhostname = "mx.example.com"\n%s[restrictions]\nmydestination = "example.com"\nlocal_recipient_maps = ""\n'
                    'smtpd_relay_restrictions = "reject_unauth_destination"\n%s' % (more, restrictions))
    return path


def what_is_allowed(bench):
    """--allow has words for verdicts: whatever else differs, of what was asked, is not allowed."""
    row = 'smtpd_recipient_restrictions = "check_recipient_access inline:{ {boss@example.com = %s} }"\n'
    hold, discard, refused, deferred = (version(bench, one[:3] + ".toml", row % one) for one in ("HOLD", "DISCARD", "550 no", "450 no"))
    expect("another handling", 2, bench.run("plan", hold, discard)[0])
    status, out, _ = bench.run("plan", hold, discard, "--allow", "same", "--json")
    expect("another handling, allowed", (1, {"met": False, "why": "the handling of mail that both take may differ, and no word of --allow is about that"}),
           (status, json.loads(out)["allow"]))
    expect("other replies", 0, bench.run("plan", refused, deferred, "--allow", "same")[0])
    expect("other replies that are asked for", 1, bench.run("plan", refused, deferred, "--replies", "--allow", "same")[0])
    guard = '[guardrails]\na = "never accept where rcpt is foreign and client not in 10.0.0.0/8"\n'
    guarded_one = version(bench, "g.toml", guard)
    gone = version(bench, "gone.toml")
    status, out, _ = bench.run("plan", guarded_one, gone)
    if status != 2 or not out.startswith("SAME VERDICTS, WEAKER GUARDRAILS") or "guardrail a of old: new has none that says as much; it holds for new as it is" not in out:
        raise Fail("a guardrail that is gone: %d\n%s" % (status, out))
    demoted = version(bench, "demoted.toml", guard.replace('a = ', 'a.enforce = "warn"\na.rule = '))
    status, out, _ = bench.run("plan", guarded_one, demoted)
    if status != 2 or "guardrail a of old: it only warns in new; it holds for new as it is" not in out:
        raise Fail("a guardrail that only warns now: %d\n%s" % (status, out))
    off = version(bench, "off.toml", 'smtpd_sasl_auth_enable = "no"\n')
    status, out, _ = bench.run("plan", gone, off)
    if status != 0 or "assumed: AUTH is answered alike" not in out:
        raise Fail("AUTH in one version: %d\n%s" % (status, out))
    expect("a guardrail that is gone, allowed", 1, bench.run("plan", guarded_one, gone, "--allow", "same,refuses-more")[0])
    for words in ("never accept where client not in 10.0.0.0/8 and rcpt is foreign", "never accept where rcpt is foreign"):
        other = version(bench, "other.toml", '[guardrails]\nb = "%s"\n' % words)
        expect(words, 0, bench.run("plan", guarded_one, other, "--allow", "same")[0])


def broken_guardrails(bench):
    """What new would not be served for stands first, with the rule and what old makes of it."""
    guard = '[guardrails]\na = "never accept where rcpt is foreign"\n'
    fine = version(bench, "fine.toml", guard)
    path = version(bench, "open.toml")
    path.write_text(path.read_text().replace("reject_unauth_destination", "check_sender_access inline:{ {partner.example = OK} }, reject_unauth_destination") + "i_know_this_is_an_open_relay = true\n" + guard)
    for old, word in ((fine, "holds"), (path, "is violated, too")):
        status, out, _ = bench.run("plan", old, path)
        lines = out.splitlines()
        if status != 78 or not lines[0].startswith("GUARDRAIL BROKEN: ") or "open.toml would not be served: a is violated" not in lines[0]:
            raise Fail("exit status %d\n%s" % (status, out))
        if "restrictions check_sender_access  smtpd_relay_restrictions:1  " not in lines[2] or lines[3] != "  for old it " + word:
            raise Fail(out)
    expect("in JSON", "violated", planned(bench, path, path, status=78)["guardrails"][0]["old"])


def two_folders(bench):
    """Files with relative names are those of the working folder: the report says so. Equal rules in two folders are the same."""
    rules = "#{ rcpt: [ rule \"a\" || if rcpt().local_part == \"%s\" { deny() } else { accept() } ] }"
    for folder in ("one", "two"):
        (bench.root / folder).mkdir()
        (bench.root / folder / "main.vsl").write_text(rules % "x")
    vsl = '[vsl]\ndomain = "example.com"\npolicy = "%s"\n'
    status, out, err = bench.run("plan", version(bench, "one/p.toml", more=vsl % "one/main.vsl"), version(bench, "two/p.toml", more=vsl % "one/main.vsl"), cwd=bench.root)
    if status != 0 or "assumed: read from the working folder, for both versions: one/main.vsl;" not in out:
        raise Fail("%d\n%s%s" % (status, out, err))
    whole = [version(bench, folder + "/p.toml", more=vsl % (bench.root / folder / "main.vsl")) for folder in ("one", "two")]
    found = planned(bench, *whole, status=0)
    expect("a copy of the rules", ("same", 0), (found["answer"], found["proof"]["nodes"]))
    if "read_once" in found or "one_working_folder" in found["assumptions"]:
        raise Fail("whole paths are read once each: %r" % found)
    (bench.root / "two/main.vsl").write_text(rules % "y")
    _, out, _ = bench.run("plan", *whole)
    if out.startswith("same"):
        raise Fail("other rules: %s" % out)


def what_was_not_asked(bench):
    """`--only` says nothing of other groups. Dialogues of a plan are kept whatever their names."""
    rows = 'smtpd_recipient_restrictions = "check_recipient_access inline:{ {%s = REJECT} }, reject_rbl_client bl.example.net=127.0.0.%d"\n'
    old, new = version(bench, "old.toml", rows % ("ann@example.com", 2)), version(bench, "new.toml", rows % ("anna@example.com", 2))
    expect("both", "both", planned(bench, old, new, status=2)["answer"])
    found = planned(bench, old, new, "--only", "foreign", status=0)
    expect("groups", (None, None, "same", None), (*(found["groups"][one] and found["groups"][one]["answer"] for one in ("ours", "relay", "foreign")), found["winding"]))
    status, out, _ = bench.run("plan", old, new, "--only", "foreign")
    if status != 0 or "same: every dialogue gets the same verdict (only mail to foreign was asked about)" not in out or "\n  ours     not asked\n" not in out:
        raise Fail("%d\n%s" % (status, out))
    kept = bench.root / "all.ptest"
    other = version(bench, "other.toml", rows % ("ann@example.com", 3))
    for before in (new, other):
        expect("--as-test", 2, bench.run("plan", before, old, "--as-test", kept)[0])
    wanted = sum(len(planned(bench, before, old, status=2)["witnesses"]) for before in (new, other))
    expect("tests that were kept", wanted, kept.read_text().count("[[test]]"))
    expect("they pass on NEW", 0, bench.run("test", kept)[0])
    status, _, err = bench.run("plan", old, new, "--as-test", kept)
    if status == 2 or "has tests of old.toml" not in err:
        raise Fail("%d\n%s" % (status, err))


def what_goes_elsewhere(bench):
    """`--routes`: other next hops, rows of tables and postmasters are a difference, with a dialogue; other words, and routes that are not asked for, are none."""
    transport = bench.root / "transport"
    transport.write_text("ann@example.com smtp:[ann.example.net]\n")
    route = '[[route]]\nmatch = ["%s"]\nto = ["%s"]\n'
    ours = route % ("example.com", "mail.example.com")
    tables = 'tables = ["%s"]\n'
    old = version(bench, "old.toml", ours + tables % "texthash:transport" + route % ("relay.example.org", "[192.0.2.10]:2525"))

    def edited(name, before, after, most=-1):
        path = bench.root / (name + ".toml")
        path.write_text(old.read_text().replace(before, after, most))
        return path

    def hops(found):
        one = [witness for witness in found["witnesses"] if witness["kind"] == "routes"]
        return one and (one[0]["rcpt_to"], one[0]["old"]["next_hop"], one[0]["new"]["next_hop"])

    other = edited("other", "mail.example.com", "mail2.example.com")
    found = planned(bench, old, other, "--routes", status=2)
    expect("another host", ("same", "differs"), (found["answer"], found["routes"]))
    expect("its dialogue", ("y@example.com", "[mail.example.com]", "[mail2.example.com]"), hops(found))
    expect("not asked for", ("same", "not_compared", []), tuple(planned(bench, old, other, status=0)[one] for one in ("answer", "routes", "witnesses")))
    expect("allowed", 1, bench.run("plan", old, other, "--routes", "--allow", "same")[0])
    status, out, _ = bench.run("plan", old, other, "--routes")
    if not out.startswith("SAME VERDICTS, OTHER ROUTES: ") or "\n    new  250, taken, route relay to [mail2.example.com]\n" not in out or "\n  routes: differ\n" not in out:
        raise Fail(out)
    kept = bench.root / "kept.ptest"
    expect("--as-test", 2, bench.run("plan", old, other, "--routes", "--as-test", kept)[0])
    expect("they pass on NEW", 0, bench.run("test", kept)[0])
    row = edited("row", "texthash:transport", "inline:{ {ann@example.com = smtp:[bob.example.net]} }")
    expect("a row", ("ann@example.com", "[ann.example.net]", "[bob.example.net]"), hops(planned(bench, old, row, "--routes", status=2)))
    words = edited("words", "texthash:transport", "inline:{ {ann@example.com = smtp:[ann.example.net]:25} }")
    expect("the same row in place", "same", planned(bench, old, words, "--routes", status=0)["routes"])
    expect("a route that no mail reaches", "same", planned(bench, old, edited("port", ":2525", ":2526"), "--routes", status=0)["routes"])
    postmaster = edited("postmaster", "[[route]]", route % ("mx.example.com", "pm.example.net") + "[[route]]", 1)
    expect("the postmaster", "postmaster", hops(planned(bench, old, postmaster, "--routes", status=2))[0].partition("@")[0])
    asks = edited("asks", "texthash:transport", "tcp:127.0.0.1:9")
    asks_too = bench.root / "asks_too.toml"
    asks_too.write_text(asks.read_text().replace("mail.example.com", "mail2.example.com"))
    found = planned(bench, asks, asks_too, "--routes", status=3)
    expect("rows of a program", ("same", "unknown", "external_table"), (found["answer"], found["routes"], found["not_proved"][0]["reason"]))
    rules = bench.root / "main.vsl"
    rules.write_text('#{ rcpt: [ rule "forward" || { forward(rcpt(), "192.0.2.1"); next() } ] }')
    vsl = '[vsl]\ndomain = "example.com"\npolicy = "%s"\n' % rules
    forwarding = [version(bench, one + ".toml", ours.replace("mail", one), vsl) for one in ("f1", "f2")]
    expect("next hops that a script replaces", ("unknown", []), tuple(planned(bench, *forwarding, "--routes", status=3)[one] for one in ("routes", "witnesses")))
    refuses = [version(bench, "to.toml", ours), version(bench, "moved.toml", route % ("example.com", "error:550 5.1.1 moved"))]
    expect("a route that refuses", "not_proved", planned(bench, *refuses, status=3)["answer"])


def what_differs_in_words(bench):
    """Other replies that are asked for have a headline and a dialogue; files that a plan makes give no warning; skipped tests are named."""
    row = 'smtpd_sender_restrictions = "check_sender_access inline:{ {a@example.org = %s} }"\n'
    refused, deferred = (version(bench, one[:3] + ".toml", row % one) for one in ("550 no", "450 no"))
    _, out, _ = bench.run("plan", refused, deferred)
    if not out.startswith("same: ") or "for example" in out or "replies: codes differ" not in out:
        raise Fail(out)
    status, out, _ = bench.run("plan", refused, deferred, "--replies")
    if status != 2 or not out.startswith("SAME VERDICTS, OTHER REPLIES: ") or "\n    old  550" not in out or "\n    new  450" not in out:
        raise Fail(out)
    strict = version(bench, "strict.toml", more='[authentication]\ndmarc = "enforce"\n')
    wide = version(bench, "wide.toml", 'smtpd_client_restrictions = "check_client_access inline:{ {192.0.2.7 = REJECT} }"\n', '[authentication]\ndmarc = "enforce"\n')
    kept = bench.root / "kept.ptest"
    expect("--as-test of what is in no file", 64, bench.run("plan", wide, "-", "--as-test", kept, given=strict.read_text())[0])
    expect("--as-test", 2, bench.run("plan", wide, strict, "--as-test", kept)[0])
    status, out, err = bench.run("test", kept)
    if status != 0 or "warning" in out + err:
        raise Fail("%d\n%s%s" % (status, out, err))
    tests = bench.root / "s.ptest"
    tests.write_text('[[test]]\nname = "x"\nclient = "192.0.2.7"\nhelo = "mx.example.org"\nfrom = "a@example.org"\nrcpt = "b@example.com"\nexpect.code = 450\n')
    _, out, err = bench.run("plan", wide, "--suggest", tests)
    if "x: is refused, as it should be" not in out:
        raise Fail(out + err)
    held = bench.root / "held.ptest"
    held.write_text(tests.read_text().replace("expect.code = 450", 'expect.verdict = "held"'))
    _, out, err = bench.run("plan", wide, "--suggest", held)
    if "x: not asked: it expects neither taken nor refused; --should says it" not in out:
        raise Fail(out + err)
    # A policy server that the refusal in front of it hides has no answer in the test.
    behind = version(bench, "behind.toml", 'smtpd_recipient_restrictions = "check_recipient_access inline:{ {b@example.com = REJECT} }, check_policy_service inet:127.0.0.1:9"\n')
    tests.write_text(tests.read_text().replace("expect.code = 450", 'expect.verdict = "taken"'))
    _, out, err = bench.run("plan", behind, "--suggest", tests)
    if "note: the test has no answer of inet:127.0.0.1:9" not in out:
        raise Fail(out + err)
    expect("in JSON", ["inet:127.0.0.1:9"], json.loads(bench.run("plan", behind, "--suggest", tests, "--json")[1])["tests"][0]["unanswered"])
    tests.write_text(tests.read_text() + 'answers."inet:127.0.0.1:9" = "DUNNO"\n')
    _, out, err = bench.run("plan", behind, "--suggest", tests)
    if "note:" in out or "1. " not in out:
        raise Fail(out + err)
    # Of several recipients each has its own verdict; those that a test does not name have none if the message has the right one.
    one = version(bench, "one.toml", 'smtpd_recipient_restrictions = "check_recipient_access inline:{ {c@example.com = REJECT} }"\n')
    for more, wrong in (('expect.rcpt."c@example.com".code = 554\n', 0), ("", 0), ('expect.rcpt."c@example.com".verdict = "taken"\n', 1)):
        tests.write_text('[[test]]\nname = "x"\nclient = "192.0.2.7"\nhelo = "mx.example.org"\nfrom = "a@example.org"\n'
                         'rcpt = ["b@example.com", "c@example.com"]\nexpect.verdict = "taken"\n' + more)
        _, out, err = bench.run("plan", one, "--suggest", tests)
        expect("wrong verdicts of %r" % more, wrong, out.count("and should be"))
    tests.write_text('[[test]]\nname = "x"\nclient = "192.0.2.7"\nhelo = "mx.example.org"\nfrom = "a@example.org"\nrcpt = "b@example.com"\nexpect.code = 450\n')
    # The client passes relay and recipient restrictions by the same word; what differs is that the first of them refused it.
    near, far = (version(bench, name, 'mynetworks = "192.0.2.0/%d"\nsmtpd_recipient_restrictions = "permit_mynetworks, reject_unauth_destination"\n' % bits)
                 for name, bits in (("near.toml", 25), ("far.toml", 24)))
    for one in (near, far):
        one.write_text(one.read_text().replace('smtpd_relay_restrictions = "', 'smtpd_relay_restrictions = "permit_mynetworks, '))
    _, out, _ = bench.run("plan", near, far)
    if "permit_mynetworks  smtpd_relay_restrictions:1" not in out or "client 192.0.2.128/25" not in out:
        raise Fail(out)
    done = subprocess.run([str(bench.binary), "plan", "--suggest", str(tests), "--should", "refused"], cwd=bench.root, capture_output=True, text=True,
                          env={**os.environ, "POSTERN_CONFIG": str(wide)})
    if done.returncode != 0 or "x: is refused, as it should be" not in done.stdout:
        raise Fail("%d\n%s%s" % (done.returncode, done.stdout, done.stderr))
    tests.write_text(tests.read_text().replace('"b@example.com"', '["b@example.com", "c@example.com"]'))
    _, out, err = bench.run("plan", wide, "--suggest", tests, "--should", "refused")
    if "x (to b@example.com): is refused" not in out or "x (to c@example.com): is refused" not in out:
        raise Fail(out + err)


def what_a_test_says(bench):
    """`postern test`: why --fail-under fails, errors of a file once, and --watch, which plays again."""
    config = version(bench, "postern.toml", 'smtpd_sender_restrictions = "check_sender_access inline:{ {spam.example = REJECT} }"\n')
    tests = bench.root / "t.ptest"
    text = '[[test]]\nname = "x"\nclient = "192.0.2.7"\nfrom = "a@%s"\nrcpt = "b@example.com"\nexpect.verdict = "refused"\n'
    tests.write_text(text % "spam.example")
    status, _, err = bench.run("test", tests, "--fail-under", "90")
    if status != 1 or "50.0 % of the rules are decided by a test, and --fail-under asks for 90 %" not in err:
        raise Fail("%d %s" % (status, err))
    wrong = bench.root / "wrong.ptest"
    wrong.write_text(text.replace("client", "clent"))
    status, out, err = bench.run("test", wrong)
    if status != 65 or (out + err).count("`clent`") != 1:
        raise Fail("%d\n%s%s" % (status, out, err))
    expect("--watch --update", 64, bench.run("test", tests, "--watch", "--update=yes")[0])
    log = bench.root / "watched"
    with open(log, "w") as file:
        # As a terminal starts it: what runs in the background of a script ignores Ctrl-C.
        process = subprocess.Popen([str(bench.binary), "test", str(tests), "--watch"], cwd=bench.root, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    bench.stack.callback(process.kill)
    runs = lambda: log.read_text().count("played in ")
    wait_for("the first run", 1, runs)
    config.write_text(config.read_text().replace("spam.example", "junk.example"))
    wait_for("a run of another configuration", 2, runs)
    if "1 passed, 0 failed" not in log.read_text() or "0 passed, 1 failed" not in log.read_text():
        raise Fail(log.read_text())
    tests.write_text(text % "junk.example")
    wait_for("a run of another test", 3, runs)
    process.send_signal(signal.SIGINT)
    expect("Ctrl-C", -signal.SIGINT, process.wait(timeout=PATIENCE))


def policies_in_tests(bench):
    """A test of a dialogue to a webhook has its policy, unless the file has it already."""
    text = '[policy.partners]\nrequire_spf = %s\n[webhook."orders@hooks.example.net"]\npolicy = "partners"\n'
    old, new, kept = (bench.root / name for name in ("old.ptest", "new.ptest", "kept.ptest"))
    old.write_text(text % "true")
    new.write_text(text % "false")
    version(bench, "postern.toml")
    for begin in ("", text % "false"):
        kept.unlink(missing_ok=True)
        if begin:
            kept.write_text(begin)
        expect("--as-test", 2, bench.run("plan", old, new, "--as-test", kept)[0])
        status, out, err = bench.run("test", kept)
        if status != 0 or kept.read_text().count("[policy.") != 1:
            raise Fail("%d\n%s%s\n%s" % (status, out, err, kept.read_text()))
    kept.write_text(text % "true")
    status, _, err = bench.run("plan", old, new, "--as-test", kept)
    if status != 73 or "its policy `partners` is not that of NEW" not in err:
        raise Fail("a file with another policy: %d %s" % (status, err))
    # One table of a policy has the accounts of all tests that use it.
    user = '[policy.partners]\nrequire_smtp_auth = true\nsmtp_credentials = [%s]\n[webhook."orders@hooks.example.net"]\npolicy = "partners"\n'
    account = '{ username = "%s", password = "a long password of %s" }'
    old.write_text(user % (account % ("alice", "alice")))
    new.write_text(user % ", ".join(account % (name, name) for name in ("bob", "carol")))
    kept.unlink()
    expect("other accounts", 2, bench.run("plan", old, new, "--as-test", kept)[0])
    if kept.read_text().count("[[test]]") < 2:
        raise Fail("not both dialogues: %s" % kept.read_text())
    status, out, err = bench.run("test", kept)
    if status != 0:
        raise Fail("%d\n%s%s\n%s" % (status, out, err, kept.read_text()))
    # A policy that begins to demand an account, and one that loses one: no test has an account that it takes.
    both = ", ".join(account % (name, name) for name in ("alice", "bob"))
    for before, after in (((user % both).replace("auth = true", "auth = false"), user % both), (user % both, user % (account % ("bob", "bob")))):
        old.write_text(before)
        new.write_text(after)
        kept.unlink()
        status, out, _ = bench.run("plan", old, new, "--as-test", kept)
        if status not in (1, 2) and not kept.exists():
            raise Fail("%d %s" % (status, out))
        status, out, err = bench.run("test", kept)
        if status != 0:
            raise Fail("%d\n%s%s\n%s" % (status, out, err, kept.read_text()))
    # A file that names no configuration is of the postern.toml beside it.
    other = version(bench, "other.toml", 'smtpd_recipient_restrictions = "reject_non_fqdn_sender"\n')
    status, _, err = bench.run("plan", bench.root / "postern.toml", other, "--as-test", kept)
    if status != 73 or "postern.toml, and these would be of " not in err:
        raise Fail("tests of another configuration: %d %s" % (status, err))


def webhooks_of_the_gateway(bench):
    """A file of tests is compared with the webhooks and policies of the gateway."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    policy = account.call("POST", "/smtp-policies", {"name": "near", "allowed_source_ips": "203.0.113.0/24"}, expect=201)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policy["id"]}, expect=201)
    tests = bench.root / "new.ptest"
    text = 'config = "%s"\n[policy.near]\nallowed_source_ips = ["203.0.113.%s"]\n[webhook."%s"]\npolicy = "near"\n'
    tests.write_text(text % (server.root / "postern.toml", "128/25\", \"203.0.113.0/25", webhook["email_address"]))
    expect("in two halves", {webhook["email_address"]: "same"}, answers(planned(bench, tests, status=0)))
    tests.write_text(text % (server.root / "postern.toml", "0/25", webhook["email_address"]))
    found = planned(bench, tests, status=2)
    expect("a half", {webhook["email_address"]: "refuses_more"}, answers(found))
    expect("its place", "near/allowed_source_ips", found["witnesses"][0]["new"]["at"])


def addresses_of_webhooks(bench):
    """The plan of a webhook's new address knows the webhook that has the tagged mail of the old one, or of the new one."""
    names = dns.start([])
    bench.stack.callback(names.stop)
    server = bench.server({**LOCAL, "dns": names.settings})
    account = instance.Account(server)
    account.claim_domain("hooks.example", names.zone)
    policy = account.call("POST", "/smtp-policies", {"name": "closed", "allowed_source_ips": "192.0.2.1"}, expect=201)
    account.call("POST", "/webhooks", {"target_url": "inbox", "email_address": "in@hooks.example"}, expect=201)
    closed = {"target_url": "inbox", "email_address": "in+a@hooks.example", "smtp_security_policy_id": policy["id"]}
    path = "/webhooks/" + account.call("POST", "/webhooks", closed, expect=201)["id"]
    moves = (("out@hooks.example", {"in+a@hooks.example": "accepts_more", "out@hooks.example": "accepts_more"}),
             ("in+b@hooks.example", {"out@hooks.example": "refuses_more", "in+b@hooks.example": "refuses_more"}))
    for address, wanted in moves:
        found = account.call("PUT", path, {"target_url": "inbox", "email_address": address})["plan"]
        expect("a webhook that moves to " + address, wanted, found["webhooks"])


def over_the_api(bench):
    """POST /plan: the lists, an old revision, guardrails; nothing is changed, and a PUT says the same."""
    sentences = {"networks.inside": "10.1.0.0/16", "inside": "never accept where client not in @inside and auth = none and rcpt is foreign"}
    server = bench.server(guarded(sentences))
    account = instance.Account(server)

    def lists(networks):
        return {"lists": {"relay": RELAY}, "parameters": {"mynetworks": networks}}

    def plan(new, **more):
        # A gateway that gets no processor for ten seconds knows no answer.
        made = lambda: account.call("POST", "/plan", {"new": new, **more})
        return until("a plan that is finished", lambda: (found := made()) and "unknown" not in (found["answer"], found["routes"]) and found)

    first = account.call("GET", "/connection-policies")["revision"]
    narrow = plan({"connection_policies": lists("10.1.0.0/17")}, old="running")
    expect("half of the network", ("refuses_more", "refuses_more", False), (narrow["answer"], narrow["groups"]["foreign"]["answer"], narrow["guardrail_broken"]))
    wide = plan({"connection_policies": lists("10.1.0.0/16, 192.0.2.0/24")})
    expect("another network", ("accepts_more", True, "violated"), (wide["answer"], wide["guardrail_broken"], wide["guardrails"][0]["result"]))
    if not wide["witnesses"][0]["client"].startswith("192.0.2.") or "foreign destinations" not in wide["sentence"]:
        raise Fail("%r" % wide)
    expect("revision", first, account.call("GET", "/connection-policies")["revision"])
    put = account.call("PUT", "/connection-policies", lists("10.1.0.0/17"))
    expect("the plan of a PUT", ("refuses_more", "refuses_more"), (put["plan"]["answer"], put["plan"]["groups"]["foreign"]["answer"]))
    logged = account.call("GET", "/accounts/me/audit-log")["data"][0]
    expect("the audit log", ("connection_policies.updated", "refuses_more"), (logged["action"], logged["details"]["plan"]["answer"]))
    expect("an old revision", "accepts_more", plan({"revision": first})["answer"])
    expect("two drafts", "same", plan({"connection_policies": lists("192.0.2.0/25, 192.0.2.128/25")}, old={"connection_policies": lists("192.0.2.0/24")})["answer"])
    expect("routes that are not asked for", None, plan({"connection_policies": lists("192.0.2.0/25")})["routes"])
    expect("routes", "same", plan({"connection_policies": lists("192.0.2.0/25")}, routes=True)["routes"])
    back = account.call("POST", "/connection-policies/rollback", {"revision": first})
    expect("the plan of a rollback", "accepts_more", back["plan"]["answer"])
    account.call("POST", "/plan", {"new": {"revision": 99}}, expect=404)
    wrong = account.call("POST", "/plan", {"new": {"connection_policies": {"lists": {"client": "permit_mynetwork"}}}}, expect=422)
    if not wrong["marks"]:
        raise Fail("no marks: %r" % wrong)


def policies_over_the_api(bench):
    """An account plans its own policies, address by address, and reads nothing of the operator's."""
    sentence = "never accept where rcpt in hooks.example.net and client in 198.51.100.7"
    server = bench.server({**LOCAL, "guardrails": {"hooks": sentence}})
    instance.Account(server)
    other = instance.Account(server)
    policy = other.call("POST", "/smtp-policies", {"name": "near", "allowed_source_ips": "203.0.113.0/24"}, expect=201)
    webhook = other.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policy["id"]}, expect=201)
    path, address = "/smtp-policies/" + policy["id"], webhook["email_address"]
    same = other.call("POST", path + "/plan", {"allowed_source_ips": "203.0.113.0/25, 203.0.113.128/25"})
    expect("two halves", ("same", {address: "same"}), (same["answer"], answers(same)))
    expect("its sentence", "No mail is judged differently.", same["sentence"])
    wide = other.call("POST", path + "/plan", {"allowed_source_ips": "203.0.113.0/24, 198.51.100.7"})
    expect("a client more", ("accepts_more", True), (wide["answer"], wide["guardrail_broken"]))
    expect("what is the operator's", (None, None, None), (wide["guardrails"][0]["name"], wide["lint"]["open_relay"], wide["versions"]["new"]))
    if sentence in json.dumps(wide) or "smtpd_" in json.dumps(wide):
        raise Fail("another account reads the operator's rules: %r" % wide)
    every = other.call("POST", "/plan", {"new": {"smtp_policies": {policy["id"]: {"allowed_source_ips": "203.0.113.0/25"}}}})
    expect("the same by POST /plan", {address: "refuses_more"}, answers(every))
    password = {"require_smtp_auth": True, "smtp_credentials": [{"username": "app", "password": "correct horse battery"}]}
    other.call("PUT", path, password)
    expect("a new password", "both", other.call("POST", path + "/plan", password)["answer"])
    expect("the stored password", "same", other.call("POST", path + "/plan", {"smtp_credentials": [{"username": "app"}]})["answer"])
    off = other.call("PUT", "/webhooks/" + webhook["id"], {"target_url": "inbox", "is_active": False})
    expect("a webhook that is switched off", ("refuses_more", {address: "refuses_more"}), (off["plan"]["answer"], off["plan"]["webhooks"]))
    other.call("POST", "/plan", {"new": {"connection_policies": {"lists": {"relay": RELAY}}}}, expect=403)
    other.call("POST", "/plan", {"new": {"revision": 1}}, expect=403)
    stranger = instance.Account(server)
    stranger.call("POST", path + "/plan", {}, expect=404)


def answers(found):
    return {address: one["answer"] for address, one in found["webhooks"].items()}


CHECKS = [against_what_runs, addresses_of_webhooks, what_was_not_asked, without_a_gateway, passwords_in_files, what_is_allowed, broken_guardrails, two_folders, what_goes_elsewhere, what_differs_in_words,
          what_a_test_says, policies_in_tests, webhooks_of_the_gateway, over_the_api, policies_over_the_api]
