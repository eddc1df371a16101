"""System checks of `postern plan` against a running gateway: its lists, those of its history, its webhooks, and the same over the API."""
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


def over_the_api(bench):
    """POST /plan: the lists, an old revision, guardrails; nothing is changed, and a PUT says the same."""
    sentences = {"networks.inside": "10.1.0.0/16", "inside": "never accept where client not in @inside and auth = none and rcpt is foreign"}
    server = bench.server(guarded(sentences))
    account = instance.Account(server)

    def lists(networks):
        return {"lists": {"relay": RELAY}, "parameters": {"mynetworks": networks}}

    def plan(new, **more):
        return account.call("POST", "/plan", {"new": new, **more})

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
    expect("a webhook that is switched off", "refuses_more", off["plan"]["answer"])
    other.call("POST", "/plan", {"new": {"connection_policies": {"lists": {"relay": RELAY}}}}, expect=403)
    other.call("POST", "/plan", {"new": {"revision": 1}}, expect=403)
    stranger = instance.Account(server)
    stranger.call("POST", path + "/plan", {}, expect=404)


def answers(found):
    return {address: one["answer"] for address, one in found["webhooks"].items()}


CHECKS = [against_what_runs, without_a_gateway, webhooks_of_the_gateway, over_the_api, policies_over_the_api]
