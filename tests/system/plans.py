"""System checks of `postern plan` against a running gateway: its lists, those of its history, its webhooks."""
import json

from bench import LOCAL, expect
from guardrails import CLOSED, PARTNER_IN, guarded
from harness import instance
from harness.cases import Fail

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


def answers(found):
    return {address: one["answer"] for address, one in found["webhooks"].items()}


CHECKS = [against_what_runs, without_a_gateway, webhooks_of_the_gateway]
