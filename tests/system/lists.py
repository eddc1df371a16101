"""System checks of restriction lists that change while the gateway runs: over the API, by the file, by a rollback."""
import base64
import json
import pathlib
import re
import signal

from bench import LOCAL, expect, send
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until
from players.lists.hops import Hop

CLOSED = {"lists": {"client": "check_client_access inline:{ {127.0.0.1=REJECT go away} }"}}


def rcpt(client, to="a@hooks.example.net"):
    """The reply to RCPT in a new transaction of this session."""
    client.command("RSET", "250")
    client.command("MAIL FROM:<a@partner.example.com>", "250")
    return client.command("RCPT TO:<%s>" % to)


def connect(bench, server):
    client = smtp.Client(server.smtp_port)
    bench.stack.callback(client.close)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO mx.partner.example.com", "250")
    return client


def wait_for(what, want, got, seconds=PATIENCE):
    until(lambda: "%s is not %r but %r" % (what, want, got()), lambda: got() == want, seconds)


def lists_over_the_api(bench):
    """PUT holds from the next command of an open session on; a rollback too; a restart keeps what runs; explain knows it."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)["email_address"]
    client = connect(bench, server)
    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT without lists")
    first = account.call("PUT", "/connection-policies", {"lists": {"client": "permit"}, "note": "nothing refused"})
    expect("first revision", (1, "no"), (first["revision"], first["lint"]["open_relay"]))
    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT under lists that permit")
    account.call("PUT", "/connection-policies", CLOSED)
    smtp.check("554 5.7.1", rcpt(client, webhook), "RCPT in the open session, after the PUT")
    opened = account.call("PUT", "/connection-policies", {"lists": {"relay": "permit"}}, expect=409)
    if not any("RCPT TO" in line for line in opened["witness"]):
        raise Fail("no dialogue in the 409: %r" % opened)
    smtp.check("554 5.7.1", rcpt(client, webhook), "RCPT after a PUT that was refused")

    expect("exit status", 0, server.stop())
    server.start()
    account.sign_in()
    client = connect(bench, server)
    smtp.check("554 5.7.1", rcpt(client, webhook), "RCPT after a restart")
    options = ["--from", "a@partner.example.com", "--to", webhook, "--client-ip", "127.0.0.1", "--config", server.root / "postern.toml"]
    status, out, err = bench.run("explain", *options)
    if status != 0 or "check_client_access" not in out or "go away" not in out:
        raise Fail("explain does not go by the lists that run: %d %s %s" % (status, out, err))
    account.call("POST", "/connection-policies/rollback", {"revision": 1})
    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT after the rollback")
    notes = [row["note"] for row in account.call("GET", "/connection-policies/revisions")["data"]]
    expect("history", ["back to revision 1", "", "nothing refused"], notes)

    account.call("PUT", "/connection-policies", CLOSED)
    smtp.check("554 5.7.1", rcpt(client, webhook), "RCPT under closed lists")
    expect("lists after DELETE", False, account.call("DELETE", "/connection-policies")["enabled"])
    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT without lists again")

    account.call("PUT", "/connection-policies", CLOSED)
    status, out, _ = bench.run("reload", "--data-dir", server.root / "data")
    if status != 0 or "`postern reload --lists-of-file` brings these into force" not in out:
        raise Fail("reload beside lists of the API: %d %s" % (status, out))
    smtp.check("554 5.7.1", rcpt(client, webhook), "RCPT after a reload")
    expect("those of the file", 0, bench.run("reload", "--lists-of-file", "--data-dir", server.root / "data")[0])
    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT under the lists of the file, which has none")
    expect("exit status", 0, server.stop())
    server.start()
    account.sign_in()
    expect("lists after a restart", False, account.call("GET", "/connection-policies")["enabled"])
    smtp.check("250 2.1.5", rcpt(connect(bench, server), webhook), "RCPT without lists after a restart")
    status, out, err = bench.run("explain", *options)
    if "go away" in out:
        raise Fail("explain goes by lists that were removed: %d %s %s" % (status, out, err))


def lists_of_the_file(bench):
    """A changed file replaces what the API put, at SIGHUP; the same file again does not; what does not load changes nothing."""
    table = bench.root / "tables" / "clients"
    table.parent.mkdir()
    table.write_text("127.0.0.1 REJECT by the table\n")
    settings = {**LOCAL, "api": {"table_folders": [str(table.parent)]}, "restrictions": {"client": "permit"}}
    server = bench.server(settings)
    account = instance.Account(server)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)["email_address"]
    client = connect(bench, server)

    def reply():
        return rcpt(client, webhook)[-1][:9]

    def hang_up(event):
        before = server.log.read_text().count(event)
        server.process.send_signal(signal.SIGHUP)
        wait_for("lines %s" % event, True, lambda: server.log.read_text().count(event) > before)

    smtp.check("250 2.1.5", rcpt(client, webhook), "RCPT under the file")
    account.call("PUT", "/connection-policies", {"lists": {"client": "check_client_access texthash:%s" % table}})
    expect("reply under the API's lists", "554 5.7.1", reply())
    hang_up("reload.ok")
    expect("reply after SIGHUP with the same file", "554 5.7.1", reply())
    table.write_text("127.0.0.1 450 4.7.1 changed table\n")
    hang_up("reload.ok")
    expect("reply after SIGHUP with another table", "450 4.7.1", reply())
    table.unlink()
    hang_up("reload.failed")
    expect("reply after SIGHUP without the table", "450 4.7.1", reply())
    server.write_config({**settings, "restrictions": {"client": "permit", "sender": "permit"}})
    hang_up("reload.ok")
    expect("reply under the changed file", "250 2.1.5", reply())
    sources = [row["source"] for row in account.call("GET", "/connection-policies/revisions")["data"]]
    expect("history", ["file", "api", "file"], sources)
    entry = json.dumps(account.call("GET", "/accounts/me/audit-log"))
    if "connection_policies.updated" not in entry:
        raise Fail("the change is not in the audit log")


def replay(account, draft, **more):
    """Starts a replay over the API and waits for its end -> what it found."""
    path = "/replay/" + account.call("POST", "/replay", {"draft": draft, **more}, expect=202)["id"]
    until("the end of the replay", lambda: account.call("GET", path)["status"] != "running")
    state = account.call("GET", path)
    expect("status of the replay", "done", state["status"])
    expect("transactions of the replay", state["all"], state["done"])
    return state["result"]


def replay_over_the_api(bench):
    """Recorded mail under draft lists, under a draft of a webhook's policy, and under drafts that are refused."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    policy = account.call("POST", "/smtp-policies", {"name": "local", "allowed_source_ips": "127.0.0.0/8"}, expect=201)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policy["id"]}, expect=201)["email_address"]
    for number in range(3):
        smtp.check("250 2.0.0", send(server, webhook, sender="s%d@partner.example.com" % number), "end of data")

    def counts(draft, **more):
        return {kind: count for kind, count in replay(account, draft, **more)["counts"].items() if count}

    expect("nothing changed", {"same": 6}, counts({}))
    lists = {"lists": {"sender": "check_sender_access inline:{ {s1@partner.example.com=REJECT go away} }"}}
    expect("under draft lists", {"same": 4, "newly_refused": 1}, counts({"connection_policies": lists}))
    expect("an open relay may be tried", {"same": 6}, counts({"connection_policies": {"lists": {"relay": "permit"}}}))
    elsewhere = {policy["id"]: {"allowed_source_ips": "192.0.2.0/24"}}
    expect("under a draft of the policy", {"newly_refused": 3}, counts({"smtp_policies": elsewhere}))
    expect("of the newest alone", {"newly_refused": 1}, counts({"smtp_policies": elsewhere}, limit=1))
    expect("of the future", {}, counts({"smtp_policies": elsewhere}, since="2099-01-01T00:00:00Z"))
    smtp.check("250 2.0.0", send(server, webhook), "end of data after the replays")

    wrong = account.call("POST", "/replay", {"draft": {"connection_policies": {"lists": {"sender": "rejekt"}}}}, expect=422)
    expect("column of the mark", ("sender", 1, 1), tuple(wrong["marks"][0][key] for key in ("list", "line", "column")))
    for draft in ({"smtp_policies": {"pol_0": {}}}, {"smtp_policies": {policy["id"]: {"require_spf": 1}}},
                  {"smtp_policies": {policy["id"]: {"smtp_credentials": "a:b"}}}, {"lists": {}}, []):
        account.call("POST", "/replay", {"draft": draft}, expect=422)
    account.call("POST", "/replay", {}, expect=400)
    account.call("POST", "/replay", {"draft": {}, "since": "yesterday"}, expect=422)
    account.call("GET", "/replay/rep_0", expect=404)
    expect("kept replays", 6, account.call("GET", "/replay")["total"])
    instance.Account(server).call("POST", "/replay", {"draft": {}}, expect=403)


def files_that_requests_name(bench):
    """Below the listed folders, never the gateway's own, never quoted; not for those who may only read. SQLite's locks stay."""
    tables = bench.root / "tables"
    tables.mkdir()
    server = bench.server({**LOCAL, "api": {"table_folders": [str(tables)]}})
    account = instance.Account(server)
    data = server.root / "data"
    (tables / "fine").write_text("spam.example REJECT\n")
    (tables / "secret").write_text("fine REJECT\nhunter2\n")
    (bench.root / "elsewhere").write_text("hunter2 OK\n")
    (tables / "planted").write_text("dbpath = %s\nquery = SELECT password_hash FROM people\n" % (data / "postern.db"))
    (tables / "hard").hardlink_to(data / "postern.db")
    (tables / "soft").symlink_to(data / "postern.db")

    def lists(spec):
        return {"lists": {"sender": "check_sender_access " + spec}}

    account.call("PUT", "/connection-policies", lists("texthash:%s" % (tables / "fine")))
    held = lambda: [line for line in pathlib.Path("/proc/locks").read_text().splitlines() if ":%d " % (data / "postern.db").stat().st_ino in line]
    locks = len(held())
    for spec in ("texthash:%s" % (tables / "secret"), "texthash:%s" % (tables / "hard"), "texthash:%s" % (tables / "soft"), "texthash:%s" % (bench.root / "elsewhere"),
                 "texthash:%s/../elsewhere" % tables, "texthash:%s" % (data / "postern.db"), "sqlite:%s" % (tables / "planted"), "texthash:/dev/zero",
                 "cidr:/etc/passwd", "regexp:/proc/self/environ", "pipemap:{texthash:%s,static:OK}" % (data / "owner-password")):
        refused = account.call("PUT", "/connection-policies", lists(spec), expect=422)
        judged = account.call("POST", "/connection-policies/lint", lists(spec))
        expect("lint of " + spec, False, judged["ok"])
        for answer in (refused, judged):
            if "hunter2" in json.dumps(answer) or "root:" in json.dumps(answer):
                raise Fail("%s is quoted: %r" % (spec, answer))
    expect("locks on postern.db", locks, len(held()))
    if "tables/secret line 2" not in json.dumps(account.call("POST", "/connection-policies/lint", lists("texthash:%s" % (tables / "secret")))):
        raise Fail("the line of the mistake is not told")
    reader = account.call("POST", "/api-tokens", {"name": "reader", "scopes": ["read"]}, expect=201)["token"]
    status = server.http("POST", "/api/v1/connection-policies/lint", body=json.dumps(lists("static:OK")),
                         headers={"Authorization": "Bearer " + reader, "Content-Type": "application/json"})[0]
    expect("lint with a token that reads", 403, status)
    status, _, err = bench.run("check", "--config", bench.config("[restrictions]\nclient = 'check_client_access texthash:/dev/zero'\n", "zero.toml"))
    if status == 0 or "is not a regular file" not in err:
        raise Fail("texthash:/dev/zero in a configuration: %d %s" % (status, err))


def open_relays(bench):
    """Networks that hold strangers together are an open relay, whoever grants: check says so, with a dialogue."""
    vsl = bench.root / "rules" / "main.vsl"
    vsl.parent.mkdir()
    vsl.write_text('object hosts group = ["0.0.0.0/1", "128.0.0.0/1"];\n#{ rcpt: [ rule "relay" || check_rcpt_relay(hosts) ] }\n')
    halves = '["0.0.0.0/1", "128.0.0.0/1"]'
    for name, text in (("lua", "[lua]\nrelay_hosts = %s\n" % halves), ("vsl", "[vsl]\nrelay_networks = %s\n" % halves),
                       ("rule", "[vsl]\npolicy = '%s'\n" % vsl), ("lists", "[restrictions]\nmynetworks = '0.0.0.0/1 128.0.0.0/1'\n")):
        status, _, err = bench.run("check", "--config", bench.config(text, name + ".toml"))
        if status == 0 or "open relay" not in err:
            raise Fail("%s: check says %d\n%s" % (name, status, err))
        known = text + "i_know_this_is_an_open_relay = true\n"
        status, _, err = bench.run("check", "--config", bench.config(known, name + "-known.toml"))
        expect("check of what is known in " + name, (0, err), (status, err))
    status, _, err = bench.run("check", "--config", bench.config("[lua]\nrelay_hosts = ['10.0.0.0/8', '203.0.0.0/12']\n", "own.toml"))
    expect("check of one's own networks", (0, err), (status, err))


def a_tenants_grant_outlives_no_login(bench):
    """An operator's credential that is taken away ends the login, even if a tenant gave itself the same name and password."""
    server = bench.server({**LOCAL, "restrictions": {"mynetworks": "192.0.2.1"}, "route": [{"match": ["*"], "to": ["[127.0.0.1]:9"]}]})
    policies = []
    for account in (instance.Account(server), instance.Account(server)):
        fields = {"name": "p", "require_smtp_auth": True, "smtp_credentials": [{"username": "ann", "password": "correct-horse"}]}
        policies.append((account, account.call("POST", "/smtp-policies", fields, expect=201)["id"]))
    client = connect(bench, server)
    client.command("STARTTLS", "220")
    client.start_tls()
    client.command("EHLO mx.partner.example.com", "250")
    client.command("AUTH PLAIN " + base64.b64encode(b"\0ann\0correct-horse").decode(), "235")
    smtp.check("250 2.1.5", rcpt(client, "target@example.org"), "RCPT while the credential is there")
    operator, policy = policies[0]
    operator.call("DELETE", "/smtp-policies/" + policy, expect=204)
    smtp.check("454 4.7.1", client.command("RCPT TO:<other@example.org>"), "RCPT after it was taken away")


def etrn_of_many_domains(bench):
    """Anybody may ask, and names below a relay domain are many: one destination's messages are looked through for ten domains a minute."""
    server = bench.server({**LOCAL, "restrictions": {"relay_domains": "example.net"},
                           "route": [{"match": [".example.net"], "to": ["[127.0.0.1]:9"]}]})
    client = connect(bench, server)
    most = 10
    wanted = [("a%d.example.net" % one, "250 queuing for a%d.example.net started" % one) for one in range(most)]
    wanted += [("a0.example.net", "250 queuing for a0.example.net was started a moment ago"),
               ("b.example.net", "458 unable to queue messages for b.example.net now, try later"), ("example.org", "459 ")]
    for domain, want in wanted:
        expect("ETRN %s" % domain, want, client.command("ETRN %s" % domain)[0][:len(want)])
    wait_for("runs of the queue", most, lambda: server.log.read_text(encoding="utf-8", errors="replace").count("queue.etrn"))


def a_tenants_login_relays_nothing(bench):
    """Anybody may sign up and give itself credentials: they open its own webhooks, and no list takes them for a login of the operator's."""
    server = bench.server({**LOCAL, "restrictions": {"mynetworks": "192.0.2.1"}, "route": [{"match": ["*"], "to": ["[127.0.0.1]:9"]}]})
    operator, tenant = instance.Account(server), instance.Account(server)
    for account, user in ((operator, "ours"), (tenant, "theirs")):
        account.call("POST", "/smtp-policies", {"name": "p", "require_smtp_auth": True,
                                                "smtp_credentials": [{"username": user, "password": "correct-horse"}]}, expect=201)
    for user, want in (("ours", "250 2.1.5"), ("theirs", "454 4.7.1")):
        client = connect(bench, server)
        client.command("STARTTLS", "220")
        client.start_tls()
        client.command("EHLO mx.partner.example.com", "250")
        client.command("AUTH PLAIN " + base64.b64encode(("\0%s\0correct-horse" % user).encode()).decode(), "235")
        smtp.check(want, rcpt(client, "target@example.org"), "RCPT of " + user)
    options = ["--from", "a@partner.example.com", "--to", "target@example.org", "--client-ip", "203.0.113.9", "--config", server.root / "postern.toml"]
    for user, status in (("ours", 0), ("theirs", 1)):
        expect("explain --auth " + user, status, bench.run("explain", "--exit-code", "--auth", user, *options)[0])


def a_mailbox_that_sends_probes(bench):
    """Mail to `address_verify_sender` is delivered where the address is a mailbox of this server."""
    box = bench.root / "box"
    restrictions = {"compatibility_level": "3.6", "mydestination": "ours.example.net", "myorigin": "ours.example.net", "relay_domains": "relay.example.net",
                    "smtpd_relay_restrictions": "reject_unauth_destination", "smtpd_recipient_restrictions": "reject_unverified_recipient",
                    "address_verify_sender": "postmaster"}
    server = bench.server({**LOCAL, "restrictions": restrictions, "route": [{"match": ["ours.example.net"], "to": ["maildir:%s" % box]}]})
    client = connect(bench, server)
    smtp.check("250 2.1.5", rcpt(client, "postmaster@ours.example.net"), "RCPT of the sender of probes")
    client.command("DATA", "354")
    smtp.check("250 2.0.0", client.data(b"Subject: a\r\n\r\nfor the postmaster\r\n"), "the end of the message")
    client.command("QUIT", "221")
    wait_for("mails in the mailbox", 1, lambda: len(list(box.glob("new/*"))))


def what_is_refused_leaves_nothing_behind(bench):
    """A refused BDAT ends its transaction, a refused MAIL begins none; what rules did there, or at VRFY (DISCARD, HOLD, recipients), is not for the next message."""
    box = bench.root / "box"
    lists = {"compatibility_level": "3.6", "mydestination": "ours.example.net", "smtpd_delay_reject": "no", "smtpd_relay_restrictions": "reject_unauth_destination",
             "smtpd_sender_restrictions": "check_sender_access inline:{ {gone@example.org=DEFER_IF_PERMIT} }, check_sender_access inline:{ {gone@example.org=DISCARD} {held@example.org=HOLD} }",
             "smtpd_recipient_restrictions": "check_recipient_access inline:{ {discard@ours.example.net=DISCARD} {no@ours.example.net=REJECT} }",
             "smtpd_data_restrictions": "check_sender_access inline:{ {late@example.org=REJECT} {held@example.org=REJECT} }"}
    server = bench.server({**LOCAL, "restrictions": lists, "route": [{"match": ["ours.example.net"], "to": ["maildir:%s" % box]}]})

    def delivered(client, count, recipients=("a",)):
        client.command("MAIL FROM:<b@example.org>", "250")
        for one in recipients:
            client.command("RCPT TO:<%s@ours.example.net>" % one, "250")
        client.command("DATA", "354")
        smtp.check("250 2.0.0", client.data(b"Subject: a\r\n\r\nb\r\n"), "the end of the message")
        wait_for("mails in the mailbox", count, lambda: len(list(box.glob("new/*"))))

    def refused_chunk(client, sender):
        client.command("MAIL FROM:<%s@example.org>" % sender, "250")
        client.command("RCPT TO:<a@ours.example.net>", "250")
        client.send(b"BDAT 3 LAST\r\na\r\n")
        smtp.check("554 5.7.1", client.reply(), "the refused chunk")

    client = connect(bench, server)
    refused_chunk(client, "late")
    delivered(client, 2, ("a", "b"))
    refused_chunk(client, "held")
    delivered(client, 3)
    smtp.check("450", client.command("MAIL FROM:<gone@example.org>"), "a sender that is deferred")
    delivered(client, 4)
    client.command("MAIL FROM:<b@example.org>", "250")
    client.command("VRFY <discard@ours.example.net>", "252")
    smtp.check("250 2.1.5", client.command("RCPT TO:<no@ours.example.net>"), "RCPT behind a VRFY that discards, as in Postfix")
    client.command("RSET", "250")
    delivered(client, 5)


def verified_addresses(bench):
    """What a mail host said of an address is known after a restart, traces replay without asking it again, and mail to the sender of probes goes nowhere."""
    asked = []
    hop = Hop("127.0.0.1", {"rcpt": {"bob@relay.example.net": "550 5.1.1 no such user"}}, lambda sender, recipient: asked.append((sender, recipient)))
    bench.stack.callback(hop.stop)
    restrictions = {"compatibility_level": "3.6", "mydestination": "ours.example.net", "myorigin": "ours.example.net", "relay_domains": "relay.example.net",
                    "smtpd_relay_restrictions": "reject_unauth_destination", "smtpd_recipient_restrictions": "reject_unverified_recipient",
                    "unverified_recipient_reject_code": "550"}
    server = bench.server({**LOCAL, "restrictions": restrictions, "route": [{"match": ["relay.example.net"], "to": ["[127.0.0.1]:%d" % hop.port]}]})
    client = connect(bench, server)
    for _ in range(2):
        smtp.check("550 5.1.1 <bob@relay.example.net>: Recipient address rejected: undeliverable address: host 127.0.0.1",
                   rcpt(client, "bob@relay.example.net"), "RCPT of an address that does not exist")
    smtp.check("250 2.1.5", rcpt(client, "amy@relay.example.net"), "RCPT of an address that exists")
    sender = "double-bounce@ours.example.net"
    expect("probes", [(sender, "bob@relay.example.net"), (sender, "amy@relay.example.net")], asked)

    smtp.check("250 2.1.5", rcpt(client, sender), "RCPT of the sender of probes")
    client.command("DATA", "354")
    smtp.check("250 2.0.0", client.data(b"Subject: a\r\n\r\nb\r\n"), "the end of a message to the sender of probes")
    client.command("QUIT", "221")
    expect("exit status", 0, server.stop())
    expect("what is queued", [], json.loads(bench.run("queue", "list", "--json", "--config", server.root / "postern.toml")[1] or "{}").get("messages", []))

    hop.stop()
    server.start()
    client = connect(bench, server)
    smtp.check("550 5.1.1", rcpt(client, "bob@relay.example.net"), "RCPT after a restart")
    smtp.check("250 2.1.5", rcpt(client, "amy@relay.example.net"), "RCPT after a restart")
    smtp.check("450 4.1.1", rcpt(client, "eve@relay.example.net"), "RCPT of an address that nobody can be asked about")
    client.command("QUIT", "221")
    expect("probes after the restart", 2, len(asked))


def refusals_in_other_words(bench):
    """`smtpd_reject_filter_maps` replaces refusals of lists and of the session by what it has for the whole reply, and 521 ends the session."""
    rows = {"554 5.7.1 <b@foreign.example>: Relay access denied": "450 4.7.1 come back later", "554 5.7.1 <c@foreign.example>: Relay access denied": "OK",
            "500 5.5.1 command not recognized": "521 5.5.1 what was that"}
    restrictions = {"compatibility_level": "3.6", "smtpd_relay_restrictions": "reject_unauth_destination", "smtpd_reject_footer": "\\c, says the gateway",
                    "smtpd_reject_filter_maps": "pcre:{ %s }" % " ".join("{/^%s$$/ %s}" % row for row in rows.items())}
    server = bench.server({**LOCAL, "restrictions": restrictions})
    client = connect(bench, server)
    expect("a refusal without a row", ["554 5.7.1 <a@foreign.example>: Relay access denied, says the gateway"], rcpt(client, "a@foreign.example"))
    expect("a refusal that a row replaces", ["450 4.7.1 come back later, says the gateway"], rcpt(client, "b@foreign.example"))
    expect("a row that is no refusal", ["554 5.7.1 <c@foreign.example>: Relay access denied, says the gateway"], rcpt(client, "c@foreign.example"))
    expect("a refusal of the session", ["521 5.5.1 what was that, says the gateway"], client.command("NONSENSE"))
    client.receive()
    expect("the session after 521", True, client.closed)


def a_sender_of_probes_that_changes(bench):
    """With `address_verify_sender_ttl` probes have another sender after a while, and the one of now takes mail."""
    senders = []
    hop = Hop("127.0.0.1", {}, lambda sender, recipient: senders.append(sender))
    bench.stack.callback(hop.stop)
    restrictions = {"compatibility_level": "3.6", "mydestination": "ours.example.net", "myorigin": "ours.example.net", "relay_domains": "relay.example.net",
                    "smtpd_relay_restrictions": "reject_unauth_destination", "smtpd_recipient_restrictions": "reject_unverified_recipient",
                    "address_verify_sender_ttl": "1s"}
    server = bench.server({**LOCAL, "restrictions": restrictions, "route": [{"match": ["relay.example.net"], "to": ["[127.0.0.1]:%d" % hop.port]}]})
    client = connect(bench, server)

    def probe():
        smtp.check("250 2.1.5", rcpt(client, "user%d@relay.example.net" % len(senders)), "RCPT of an address that exists")
        return rcpt(client, senders[-1])[-1].startswith("250 2.1.5")
    until("the sender of a probe takes mail", probe)
    until("the sender of a later probe is another one and takes mail", lambda: probe() and senders[-1] != senders[0])
    client.command("QUIT", "221")
    for sender in senders:
        expect("the part that changes (%s)" % sender, True, bool(re.fullmatch("double-bounce[A-Za-z0-9]+@ours\\.example\\.net", sender)))


CHECKS = [verified_addresses, what_is_refused_leaves_nothing_behind, refusals_in_other_words, a_sender_of_probes_that_changes, a_mailbox_that_sends_probes, a_tenants_login_relays_nothing, a_tenants_grant_outlives_no_login, etrn_of_many_domains, lists_over_the_api, lists_of_the_file, replay_over_the_api, files_that_requests_name, open_relays]
