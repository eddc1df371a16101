"""System checks of guardrails: at the start, at SIGHUP, and before edits over the API nothing that breaks a sentence comes into force."""
import json
import re
import signal

from bench import LOCAL, expect
from harness import dns, instance
from harness.cases import Fail
from lists import wait_for

NO_RELAY = "never accept where client not in mynetworks and auth = none and rcpt is foreign"
PARTNER_IN = "permit_mynetworks, check_sender_access inline:{ {partner.example.com=OK} }, reject_unauth_destination"
CLOSED = {"mynetworks": "10.1.0.0/16", "relay": "permit_mynetworks, reject_unauth_destination", "i_know_this_is_an_open_relay": True}


def guarded(sentences, **restrictions):
    return {**LOCAL, "restrictions": {**CLOSED, **restrictions}, "guardrails": sentences}


def a_broken_one_does_not_start(bench):
    """Exit status 78 of check and serve, every broken sentence with its dialogue; a warning starts."""
    sentences = {"relay": NO_RELAY, "thrown": "never discard", "fine": "never hold"}
    config = bench.config(guarded(sentences, relay=PARTNER_IN, sender="check_sender_access inline:{ {bin.example.com=DISCARD} }"))
    for words in (["check", "--config", config], ["serve", "--config", config, "--data-dir", bench.root / "data"]):
        status, out, err = bench.run(*words)
        expect("exit status of %s" % words[0], 78, status)
        for word in ("`relay` is broken: .* says MAIL FROM:<x@(partner|bin).example.com>", "`thrown` is broken: .* says MAIL FROM:<x@bin.example.com>"):
            if not re.search(word, out + err):
                raise Fail("%s does not say %s: %s%s" % (words[0], word, out, err))
        if "fine" in out + err:
            raise Fail("%s names a guardrail that holds: %s%s" % (words[0], out, err))


def inside_only(bench):
    """A sentence about a set of networks, which no lint knows: PUT, rollback, SIGHUP."""
    sentences = {"networks.inside": "10.1.0.0/16", "inside": "never accept where client not in @inside and auth = none and rcpt is foreign"}
    server = bench.server(guarded(sentences))
    account = instance.Account(server)
    lists = {"relay": CLOSED["relay"]}
    first = account.call("GET", "/connection-policies")["revision"]
    broken = account.call("PUT", "/connection-policies", {"lists": lists, "parameters": {"mynetworks": "10.1.0.0/16, 192.0.2.0/24"}}, expect=409)
    expect("code and guardrail", ("guardrail_violated", "inside"), (broken["code"], broken["guardrail"]))
    witness = broken["witness"]
    if not witness["client"].startswith("192.0.2.") or witness["got"]["verdict"] != "taken":
        raise Fail("another witness: %r" % broken)
    expect("revision", first, account.call("GET", "/connection-policies")["revision"])
    account.call("PUT", "/connection-policies", {"lists": lists, "parameters": {"mynetworks": "10.1.2.0/24"}})

    def hang_up(settings, event):
        server.write_config(settings)
        count = server.log.read_text().count(event)
        server.process.send_signal(signal.SIGHUP)
        wait_for("lines %s" % event, True, lambda: server.log.read_text().count(event) > count)

    # The sentence is gone, wider lists come; with the sentence back, neither they nor a rollback to them are possible.
    wide = guarded({}, mynetworks="10.1.0.0/16, 192.0.2.0/24")
    hang_up(wide, "reload.ok")
    second = account.call("GET", "/connection-policies")["revision"]
    hang_up({**wide, "guardrails": sentences}, "reload.failed")
    if "`inside` is broken" not in server.log.read_text():
        raise Fail("the log does not say why")
    hang_up(guarded(sentences), "reload.ok")
    back = account.call("POST", "/connection-policies/rollback", {"revision": second}, expect=409)
    expect("code of the rollback", "guardrail_violated", back["code"])


def webhooks_over_the_api(bench):
    """A webhook's policy, its attachment and its deletion against sentences; others do not read them unless they are public."""
    sentence = "never accept where rcpt in hooks.example.net and client not in 203.0.113.0/24"
    server = bench.server({**LOCAL, "guardrails": {"hooks": sentence, "soft.rule": "never accept where helo = soft.example", "soft.enforce": "warn"}})
    account = instance.Account(server)
    refused = account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=409)
    expect("without a policy", ("guardrail_violated", "hooks"), (refused["code"], refused["guardrail"]))
    policy = account.call("POST", "/smtp-policies", {"name": "near", "allowed_source_ips": "203.0.113.0/25"}, expect=201)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policy["id"]}, expect=201)
    wait_for("the warning of a sentence that only warns", True, lambda: "`soft` is broken" in server.log.read_text())
    path = "/smtp-policies/" + policy["id"]
    wider = account.call("PUT", path, {"name": "near", "allowed_source_ips": "203.0.113.0/24, 198.51.100.7"}, expect=409)
    expect("client of the witness", "198.51.100.7", wider["witness"]["client"])
    account.call("PUT", path, {"name": "near", "allowed_source_ips": "203.0.113.0/24"})
    expect("deletion of the policy", "guardrail_violated", account.call("DELETE", path, expect=409)["code"])
    detached = account.call("PUT", "/webhooks/" + webhook["id"], {"target_url": "inbox", "clear_security_policy": True}, expect=409)
    expect("detachment", "guardrail_violated", detached["code"])
    other = instance.Account(server)
    hidden = other.call("POST", "/webhooks", {"target_url": "inbox"}, expect=409)
    if sentence in json.dumps(hidden) or (hidden["guardrail"], hidden["sentence"]) != (None, None):
        raise Fail("another account reads the sentence: %r" % hidden)


def before_there_are_webhooks(bench):
    """The domain of new webhooks is the gateway's own before it has run: check, plan of two files and tests say what serve does."""
    config = bench.config(guarded({"nobody": "never accept where rcpt = nobody@hooks.example.net"}, mydestination="example.com"))
    status, out, err = bench.run("check", "--config", config)
    if status != 0:
        raise Fail(out + err)
    expect("plan", 0, bench.run("plan", config, config)[0])
    tests = bench.root / "own.ptest"
    tests.write_text('config = "%s"\n[[test]]\nname = "x"\nclient = "10.1.2.3"\nhelo = "mx.example.org"\nfrom = "a@example.org"\n'
                     'rcpt = "nobody@hooks.example.net"\nexpect.code = 550\nexpect.enhanced = "5.1.1"\n' % config)
    status, out, err = bench.run("test", tests)
    if status != 0:
        raise Fail(out + err)
    expect("plan of tests", 0, bench.run("plan", tests, tests)[0])


def lists_of_the_api_are_checked(bench):
    """Lists that were set through the API stay in force over the file's: check proves them, as a start does, until the file's are changed."""
    server = bench.server(guarded({}))
    instance.Account(server).call("PUT", "/connection-policies", {"lists": {"relay": CLOSED["relay"]}, "parameters": {"mynetworks": "10.1.0.0/16, 192.0.2.0/24"}})
    sentences = {"inside": "never accept where client not in 10.1.0.0/16 and auth = none and rcpt is foreign"}

    def check(settings, wanted, lists):
        status, out, err = bench.run("check", "--json", "--config", server.write_config(settings))
        expect("exit status (%s%s)" % (out, err), wanted, status)
        expect("whose lists", lists, json.loads(out.splitlines()[-1])["guardrails_lists"])

    check(guarded(sentences), 78, "api")
    said = bench.run("check", "--config", server.write_config())
    if "lists that were set through the API" not in said[2]:
        raise Fail("check does not say whose lists it proved: %s%s" % said[1:])
    explained = bench.run("explain", "--config", server.write_config(), "--client-ip", "192.0.2.9", "--from", "a@example.org", "--to", "b@foreign.example")
    if "lists are those that were set through the API" not in explained[1] + explained[2]:
        raise Fail("explain does not say whose lists decided: %s%s" % explained[1:])
    check(guarded(sentences, mynetworks="10.1.2.0/24"), 0, "file")


def domains_over_the_api(bench):
    """A domain that is given up, and an account that is deleted with its domain, leave their mail to the lists; other webhooks are edited as before."""
    names = dns.start([])
    bench.stack.callback(names.stop)
    settings = {**LOCAL, "restrictions": CLOSED, "dns": names.settings}
    server = bench.server(settings)
    account, other = instance.Account(server), instance.Account(server)
    for owner, domain in ((account, "shut.example"), (account, "open.example"), (other, "more.example")):
        owner.claim_domain(domain, names.zone)
    made = [owner.call("POST", "/webhooks", {"target_url": "inbox", "email_address": "in@" + domain}, expect=201)["id"]
            for owner, domain in ((account, "open.example"), (other, "more.example"))]
    # So far the lists would relay to domains that nobody has.
    server.write_config({**settings, "guardrails": {"shut": "never accept where rcpt in shut.example"}})
    server.process.send_signal(signal.SIGHUP)
    wait_for("the sentence", True, lambda: "reload.ok" in server.log.read_text())
    other.call("DELETE", "/webhooks/" + made[1], expect=204)
    account.call("PUT", "/webhooks/" + made[0], {"target_url": "inbox", "email_address": "out@open.example"}, expect=200)
    listed = {one["name"]: one["id"] for one in account.call("GET", "/domains")["data"]}
    refused = account.call("DELETE", "/domains/" + listed["shut.example"], expect=409)
    expect("the domain", ("guardrail_violated", "shut"), (refused["code"], refused["guardrail"]))
    refused = account.call("DELETE", "/accounts/me", {"password": account.PASSWORD}, expect=409)
    expect("the account", ("guardrail_violated", "shut"), (refused["code"], refused["guardrail"]))
    other.call("DELETE", "/accounts/me", {"password": other.PASSWORD}, expect=204)


CHECKS = [a_broken_one_does_not_start, inside_only, webhooks_over_the_api, domains_over_the_api, before_there_are_webhooks, lists_of_the_api_are_checked]
