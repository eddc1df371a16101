"""A way through every operation of the API, in an order in which each has what it needs. Judged by api.py."""
import base64
import datetime
import hashlib
import hmac
import re
import smtplib
import ssl
import struct
import subprocess
import time

from bench import send
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until

PASSWORD, OTHER_PASSWORD = "correct-horse-battery-staple", "another-horse-battery-staple"
MESSAGE = {"client_ip": "192.0.2.1", "helo": "mx.partner.example.com", "mail_from": "a@partner.example.com"}
PLAIN = "From: alerts@partner.example.com\r\nTo: {to}\r\nSubject: number %d\r\nMessage-ID: <n-%d@partner.example.com>\r\n\r\nhello\r\n"
RICH = ("From: A <alerts@partner.example.com>\r\nTo: B <{to}>\r\nCc: C <c@example.net>\r\nReply-To: D <d@example.net>\r\nSubject: rich\r\n"
        "Date: Sat, 21 Nov 2026 05:00:00 +0000\r\nMessage-ID: <rich@partner.example.com>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n--b\r\n"
        "Content-Type: image/png; name=x.png\r\nContent-ID: <x@y>\r\nContent-Disposition: inline; filename=x.png\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n")
ALL_CONTROLS = {"name": "all", "allowed_source_ips": ["192.0.2.0/24"], "require_smtp_auth": True, "require_spf": True, "mode": "enforce",
                "smtp_credentials": [{"username": "kept", "password": "a password"},
                                     {"username": "hashed", "password_hash": "$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e"}],
                "allowed_spf_domains": "partner.example.com", "require_dkim": True, "allowed_dkim_domains": ["partner.example.com", "*.example.org"],
                "checks": "helo_literal_is_client"}


def totp(secret, ahead=0):
    """RFC 6238 with the parameters that every application has; `ahead` in steps of 30 s."""
    counter = struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


def get(value, *path):
    """value[path[0]][path[1]]…; None where there is nothing."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


class Walk:
    def __init__(self, judge, bench, server, names):
        self.judge, self.bench, self.server, self.names = judge, bench, server, names
        self.token = self.refresh = self.email = self.policy = self.webhook = self.inbox = self.domain = None

    def call(self, name, *ids, body=None, token=..., query="", **more):
        bearer = self.token if token is ... else token
        return self.judge.call(name, ids, body, bearer, query, **more)

    def wait_for(self, right, name, *ids, **more):
        """The answer of an operation once it is right: records are written behind what they are about."""
        if None in ids:
            return self.call(name, *ids, **more)
        answers = [None]

        def there():
            answers[0] = self.call(name, *ids, **more)
            return right(answers[0])
        try:
            until("%s is right" % name, there)
        except Fail as error:
            self.judge.expect("%s of %s" % (name, more.get("query", "")), False, "%s: %s" % (error, answers[0]))
        return answers[0]

    def data(self, least, name, *ids, **more):
        """What a list has, once that is so much."""
        return get(self.wait_for(lambda answer: len(get(answer, "data") or []) >= least, name, *ids, **more), "data") or []

    def traces_of(self, query, least, token=...):
        """The traces that a query finds, once there are `least` of them."""
        return self.data(least, "listTraces", token=token, query=query)

    def all(self):
        for part in (self.sign_in, self.tokens, self.policies, self.webhooks, self.mail, self.domains, self.traces, self.lists, self.queue, self.gateway,
                     self.people, self.two_factors, self.leave):
            try:
                part()
            except Exception as error:  # the other parts run even if one fails
                self.judge.expect("part " + part.__name__, False, repr(error))

    # ------------------------------------------------------------ accounts
    def sign_in(self):
        self.email = "owner@example.com"
        self.call("ping", token=None)
        self.call("createAccount", body={"email": self.email, "password": PASSWORD}, token=None)
        pair = self.call("createSession", body={"email": self.email, "password": PASSWORD}, token=None)
        self.token = get(pair, "access_token")
        self.call("login", body={"username": self.email, "password": PASSWORD}, token=None)
        self.call("login", body={"email": self.email, "password": PASSWORD}, token=None)
        pair = self.call("refreshSession", body={"refresh_token": get(pair, "refresh_token")}, token=None)
        self.token = get(pair, "access_token") or self.token
        self.call("getAccount")
        self.call("setEmail", body={"email": "moved@example.com", "password": PASSWORD})
        self.call("setEmail", body={"email": self.email, "password": PASSWORD})
        self.call("setTimezone", body={"timezone": "Europe/Copenhagen"})
        self.call("enableSigningKey")

    def tokens(self):
        later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = self.call("createApiToken", body={"name": "ci", "scopes": ["read", "write"], "allowed_ips": ["127.0.0.0/8"], "expires_at": later})
        self.call("getAccount", token=get(made, "token"))
        self.call("listApiTokens")
        self.call("revokeApiToken", get(made, "id"))

    # ------------------------------------------------------------ policies
    def policies(self):
        made = self.call("createPolicy", body=ALL_CONTROLS)
        self.policy = get(made, "id")
        self.call("listPolicies", query="?page=1&page_size=1")
        second = self.call("createPolicy", body={"name": "second"})
        first = self.call("listPolicies", query="?limit=1&q=S")
        self.call("listPolicies", query="?limit=1")
        cursor = get(self.call("listPolicies", query="?limit=1"), "next") or get(first, "next")
        self.call("listPolicies", query="?cursor=%s" % cursor)
        self.call("getPolicy", self.policy)
        self.call("updatePolicy", self.policy, body=ALL_CONTROLS, headers={"If-Match": '"1"'})
        self.call("checkPolicy", body={"policy": {"name": "x"}})
        self.call("checkPolicy", body={"policy": ALL_CONTROLS, "policy_id": self.policy})
        every = dict(MESSAGE, tls=True, auth_username="kept", message="From: a@partner.example.com\r\n\r\nhello\r\n")
        self.call("dryRunPolicy", self.policy, body=every)
        encoded = dict(MESSAGE, message_base64=base64.b64encode(b"Subject: x\r\n\r\nhello\r\n").decode())
        self.call("dryRunPolicy", self.policy, body=encoded)
        self.call("dryRunDraft", body=dict(every, policy=ALL_CONTROLS, policy_id=self.policy))
        self.call("dryRunDraft", body=dict(encoded, policy={"name": "draft"}))
        self.call("deletePolicy", get(second, "id"), query="?if_unused=true")

    # ------------------------------------------------------------ webhooks
    def webhooks(self):
        self.receiver = self.bench.receiver()
        target = self.receiver.url + "/hook"
        made = self.call("createWebhook", body={"target_url": target, "name": "Invoices"})
        self.webhook = get(made, "id")
        whole = {"name": "Invoices", "target_url": target, "is_active": True, "smtp_security_policy_id": self.policy, "custom_headers": {"X-A": "b"},
                 "payload_template": "{}", "rate_limit_per_minute": 100, "delivery_mode": "sync", "attachments": "inline", "include_raw": "none",
                 "timeout_ms": 5000}
        self.call("updateWebhook", self.webhook, body=whole)
        self.call("updateWebhook", self.webhook, body={"clear_security_policy": True, "payload_template": ""})
        self.inbox = self.call("createWebhook", body={"target_url": "inbox", "include_raw": "inline", "inbox_max_messages": 50, "inbox_max_octets": 64 << 20,
                                                      "inbox_keep_days": 7})
        self.call("listWebhooks", query="?page=1&page_size=1&active=true")
        cursor = get(self.call("listWebhooks", query="?limit=1"), "next")
        self.call("listWebhooks", query="?cursor=%s&q=hook" % cursor)
        self.call("getWebhook", self.webhook)
        self.call("deactivateWebhook", self.webhook)
        self.call("activateWebhook", self.webhook)
        self.call("rotateSecret", self.webhook, body={"overlap_seconds": 60})
        self.call("getWebhook", self.webhook)
        self.call("simulate", self.webhook, body={"from": "a@example.org", "subject": "s", "text": "t", "html": "<p>t</p>", "headers": {"X-A": ["b"]}})
        self.call("sendTestMail", self.webhook, body={"from": "", "subject": "s", "text": "t"})
        self.address = get(self.call("getWebhook", self.webhook), "email_address")

    def mail(self):
        inbox, id_ = get(self.inbox, "email_address"), get(self.inbox, "id")
        sent = send(self.server, self.address)
        self.judge.expect("mail is taken", sent[-1].startswith("250"), sent)
        for number in range(2):
            send(self.server, inbox, content=PLAIN % (number, number))
        send(self.server, inbox, content=RICH)
        self.signed_in(inbox, id_)
        self.data(4, "listInbox", id_, query="?limit=200")
        self.call("listInbox", id_, query="?page=1&page_size=1&after=0&wait=1")
        cursor = get(self.call("listInbox", id_, query="?limit=1"), "next")
        message = get(self.call("listInbox", id_, query="?cursor=%s" % cursor), "data", 0, "id")
        for one in get(self.call("listInbox", id_, query="?limit=200"), "data") or []:
            self.call("getInboxMessage", id_, one["id"])
        self.call("deleteInboxMessage", id_, message)
        self.call("clearInbox", id_)
        self.data(2, "listLogs", self.webhook, query="?limit=100")
        self.call("listLogs", self.webhook, query="?page=1&page_size=1&outcome=success&simulated=false")
        cursor = get(self.call("listLogs", self.webhook, query="?limit=1"), "next")
        self.call("listLogs", self.webhook, query="?cursor=%s&q=partner" % cursor)
        # An attachment by link, in the payload for the target.
        self.call("updateWebhook", self.webhook, body={"attachments": "link", "include_raw": "link"})
        send(self.server, self.address)
        payload = self.receiver.requests("/hook")[-1].body.decode()
        link = re.search(r'/api/v1/attachments/(att_\w+)\?t=([^"\\]+)', payload)
        self.call("getAttachment", link and link[1], token=None, query="?t=%s" % (link and link[2]))

    def signed(self, text):
        """The message with a DKIM signature of partner.example.com, whose key is published."""
        status, record, _ = self.bench.run("dkim", "keygen", "--domain", "partner.example.com", "--selector", "s", "--json")
        self.judge.expect("dkim keygen", status == 0, record)
        value = re.search(r"v=DKIM1;[^\"]*p=[A-Za-z0-9+/=]+", record)
        self.publish({"name": "s._domainkey.partner.example.com", "value": value and value[0]})
        plain = self.bench.root / "plain.eml"
        plain.write_bytes(text.encode())
        status, out, err = self.bench.run("dkim", "sign", "--key", self.bench.root / "s.partner.example.com.pem", "--domain", "partner.example.com",
                                          "--selector", "s", plain)
        self.judge.expect("dkim sign", status == 0, err)
        return out.replace("\r\n", "\n").replace("\n", "\r\n")  # read as text

    def signed_in(self, address, webhook):
        """Mail over TLS by a user of the webhook's policy, with a DKIM signature; attachments and source by link."""
        policy = self.call("createPolicy", body={"name": "users", "require_smtp_auth": True,
                                                 "smtp_credentials": [{"username": "user", "password": "a password"}]})
        self.call("updateWebhook", webhook, body={"smtp_security_policy_id": get(policy, "id"), "attachments": "link", "include_raw": "link"})
        message = self.signed(RICH.replace("rich@", "signed@").format(to=address))
        self.call("dryRunDraft", body=dict(MESSAGE, message=message, policy={"name": "signed", "require_dkim": True,
                                                                             "allowed_dkim_domains": "partner.example.com"}))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", self.server.smtp_port) as client:
            client.starttls(context=context)
            client.login("user", "a password")
            client.sendmail("alerts@partner.example.com", [address], message.encode())

    # ------------------------------------------------------------ domains
    def publish(self, record):
        value = record["value"]
        self.names.zone.add({record["name"]: {"TXT": [[value[i:i + 255] for i in range(0, len(value), 255)]]}})

    def domains(self):
        made = self.call("claimDomain", body={"name": "mail.example.org"})
        self.domain = get(made, "id")
        self.publish(made["verification_record"])
        self.call("verifyDomain", self.domain)
        self.call("listDomains")
        self.call("getDomain", self.domain)
        self.call("listDkimKeys", self.domain)
        key = self.call("addDkimKey", self.domain, body={"selector": "s1", "algorithm": "ed25519-sha256"})
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True, text=True).stdout
        self.call("addDkimKey", self.domain, body={"selector": "s2", "private_key": pem})
        self.publish(key["record"])
        self.names.zone.add({"mail.example.org": {"MX": [[10, "mx.hooks.example.net"]]}})
        self.call("checkDomainDns", self.domain)
        self.call("changeDkimKey", self.domain, "s1", body={"state": "signing", "skip_dns_check": True})
        self.call("listDkimKeys", self.domain)
        self.call("changeDkimKey", self.domain, "s1", body={"state": "published"})
        self.call("deleteDkimKey", self.domain, "s1")
        chosen = self.call("createWebhook", body={"target_url": "inbox", "email_address": "hello@mail.example.org"})
        self.call("deleteWebhook", get(chosen, "id"))
        other = self.call("claimDomain", body={"name": "other.example.org"})
        self.call("deleteDomain", get(other, "id"))

    # ------------------------------------------------------------ traces
    def traces(self):
        self.call("updateWebhook", self.webhook, body={"smtp_security_policy_id": self.policy})
        send(self.server, self.address)
        self.traces_of("?page=1&page_size=1&outcome=rejected&webhook_id=%s" % self.webhook, 1)
        self.traces_of("?limit=2&q=to:%s" % self.address, 2)
        first = self.call("listTraces", query="?limit=1&q=to:%s" % self.address)
        self.call("listTraces", query="?limit=1&cursor=%s" % get(first, "next"))
        for one in self.traces_of("?page_size=10", 8):
            self.call("getTrace", one["id"])
            self.call("getTrace", one["id"], query="?view=story")
        self.call("runTraceAgain", get(first, "data", 0, "id"))
        now = datetime.datetime.now(datetime.timezone.utc)
        times = "?from=%s&until=%s" % tuple((now + datetime.timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%SZ") for h in (-1, 1))
        self.wait_for(lambda answer: get(answer, "reasons"), "getStats", query="%s&step=5m&webhook_id=%s" % (times, self.webhook))
        self.stream()
        self.call("updateWebhook", self.webhook, body={"clear_security_policy": True})
        self.shared_transaction()

    def shared_transaction(self):
        """Recipients of two accounts in one transaction, as the account sees it that operates nothing."""
        tenant = {"email": "tenant@example.com", "password": PASSWORD}
        self.call("createAccount", body=tenant, token=None)
        token = get(self.call("createSession", body=tenant, token=None), "access_token")
        own = get(self.call("createWebhook", body={"target_url": "inbox"}, token=token), "email_address")
        client = smtp.Client(self.server.smtp_port)
        try:
            client.reply()
            for line, want in (("EHLO mx.partner.example.com", "250"), ("MAIL FROM:<alerts@partner.example.com>", "250"), ("RCPT TO:<%s>" % own, "250"),
                               ("RCPT TO:<%s>" % self.address, "452"), ("DATA", "354")):
                client.command(line, want)
            client.data((PLAIN % (30, 30)).format(to=own).encode())
        finally:
            client.close()
        for one in self.traces_of("?page_size=1", 1, token):
            self.call("getTrace", one["id"], token=token, query="?view=story")

    def stream(self):
        """Its answer does not end: the first octets say that it is one."""
        operation = self.judge.document.operations["streamTraces"]
        import http.client  # only here: all other responses end
        connection = http.client.HTTPConnection("127.0.0.1", self.server.api_port, timeout=PATIENCE)
        try:
            connection.request("GET", "/api/v1/traces/stream?last_event_id=1&q=to:%s&webhook_id=%s" % (self.address, self.webhook),
                               headers={"Authorization": "Bearer " + self.token})
            reply = connection.getresponse()
            kind = reply.headers.get("Content-Type", "").split(";")[0]
            if self.judge.expect("streamTraces succeeds", reply.status == 200 and kind == "text/event-stream", "%d %s" % (reply.status, kind)):
                self.judge.called.add(operation.id)
                self.judge.requested |= {"streamTraces ?q", "streamTraces ?webhook_id", "streamTraces ?last_event_id"}
                send(self.server, self.address)
                self.judge.expect("streamTraces tells of a new trace", reply.read(1) != b"")
        finally:
            connection.close()

    # ------------------------------------------------------------ the gateway's
    def lists(self):
        self.call("getConnectionPolicies")
        breaks = {"lists": {"relay": "reject_unauth_destination"}, "parameters": {"mydestination": "guarded.example", "local_recipient_maps": ""}}
        operation = self.judge.document.operations["putConnectionPolicies"]
        answer = self.judge.raw(operation, body=breaks, token=self.token)
        found = self.judge.judge(operation, *answer, "a PUT of lists that breaks a guardrail")
        self.judge.expect("it names the guardrail", get(found, "guardrail") == "closed" and answer[0] == 409, found)
        self.call("listKeywords")
        self.granted()
        draft = {"lists": {"sender": "reject_unknown_client, permit", "relay": "permit_mynetworks, reject_unauth_destination"},
                 "parameters": {"mynetworks": "192.0.2.0/24"}, "mode": "shadow", "errors": "refuse", "require_complete_lists": False, "note": "try"}
        self.call("lintConnectionPolicies", body=draft)
        self.call("lintConnectionPolicies", body={"lists": {"relay": "permit"}})
        self.call("putConnectionPolicies", body=draft)
        revisions = self.call("listConnectionPolicyRevisions", query="?page=1&page_size=10")
        revision = get(revisions, "data", 0, "revision")
        self.call("getConnectionPolicyRevision", revision and str(revision))
        self.call("removeConnectionPolicies")
        self.call("rollBackConnectionPolicies", body={"revision": revision, "note": "again"})
        self.call("getConnectionPolicies")

    def granted(self):
        """Lists that grant relaying, an effect in the trace; and such that put a deferral off, whose reason is another rule's than the end of the lists."""
        self.refused_by({"relay": "permit_mynetworks, reject", "data": "reject"}, ("RCPT TO:<bob@far.example>", "250"), ("DATA", "554"))
        self.refused_by({"sender": "check_sender_access static:DEFER_IF_PERMIT", "relay": "permit_mynetworks, reject"}, ("RCPT TO:<bob@far.example>", "450"))

    def refused_by(self, lists, *commands):
        """The trace of a transaction under these lists."""
        self.call("putConnectionPolicies", body={"lists": lists, "parameters": {"mynetworks": "127.0.0.0/8"}})
        sender = "list-%d@partner.example.com" % time.monotonic_ns()  # by which its trace is found
        client = smtp.Client(self.server.smtp_port)
        try:
            client.reply()
            for line, want in (("EHLO mx.partner.example.com", "250"), ("MAIL FROM:<%s>" % sender, "250"), *commands):
                client.command(line, want)
        finally:
            client.close()
        for one in self.traces_of("?limit=1&q=from:" + sender, 1):
            self.call("getTrace", one["id"], query="?view=story")

    def queue(self):
        nobody = "http://127.0.0.1:%d/nobody" % instance.free_port()
        self.call("updateWebhook", self.webhook, body={"delivery_mode": "queued", "target_url": nobody, "attachments": "inline", "include_raw": "none"})
        for number in range(4):
            send(self.server, self.address, content=PLAIN % (10 + number, 10 + number))
        everything = "?state=queued&destination=webhook:%s&sender=alerts@partner.example.com&recipient=%s&older_than=0s&page_size=10" % (
            self.webhook, self.address)
        self.call("listQueue", query=everything)
        account = get(self.call("getAccount"), "id")
        data = get(self.call("listQueue", query="?account=%s" % account), "data") or []
        self.call("listQueue", query="?quarantine=none")
        self.call("listQueue", query="?before=%s" % get(data, 0, "id"))
        self.call("listDestinations")
        ids = [one["id"] for one in data] + [None] * 4
        self.wait_for(lambda answer: get(answer, "recipients", 0, "attempts"), "getQueued", ids[0])
        self.call("getQueuedText", ids[0])
        self.call("retryQueued", ids[0])
        self.call("holdQueued", ids[0])
        self.call("listQueue", query="?state=held")
        self.call("releaseQueued", ids[0])
        self.call("dropQueued", ids[0], body={"notify": False})
        self.call("verifyQueue")
        self.call("changeQueue", body={"action": "hold", "filter": {"destination": "webhook:" + self.webhook, "account": account}})
        self.call("changeQueue", body={"action": "release", "before": ids[1], "notify": False, "filter": {
            "state": "held", "sender": "alerts@partner.example.com", "recipient": self.address, "older_than": "0s", "quarantine": "none"}})
        self.dead_letters()
        self.call("deleteWebhook", self.webhook)
        self.plan()
        self.replay()

    def dead_letters(self):
        """A target that refuses for good leaves a dead letter at once; sent again it is one again."""
        self.receiver.script("/dead", [{"status": 422}])
        made = self.call("createWebhook", body={"target_url": self.receiver.url + "/dead", "delivery_mode": "queued"})
        id_ = get(made, "id")
        for number in range(2):
            send(self.server, get(made, "email_address"), content=PLAIN % (20 + number, 20 + number))
        letters = self.data(2, "listDeadLetters", id_, query="?page_size=10")
        self.call("listDeadLetters", id_, query="?before=%s" % get(letters, 0, "id"))
        self.call("retryDeadLetter", id_, get(letters, 0, "id"))
        records = self.data(3, "listLogs", id_, query="?limit=100")
        self.call("retryDelivery", id_, get(records, -1, "id"))

    def plan(self):
        """Lists, their revisions and a policy: the answers are as different as the edits."""
        closed = {"relay": "permit_mynetworks, reject_unauth_destination"}
        wide = {"lists": closed, "parameters": {"mynetworks": "192.0.2.0/24"}}
        narrow = {"lists": closed, "parameters": {"mynetworks": "192.0.2.0/25"}}
        policies = {self.policy: {"allowed_source_ips": "198.51.100.0/24"}}
        found = self.call("planEdit", body={"old": {"connection_policies": wide}, "new": {"connection_policies": narrow, "smtp_policies": {}}, "replies": True, "routes": True})
        self.judge.expect("half a network refuses more", get(found, "answer") == "refuses_more", found)
        late = any(one.get("reason") == "budget_time" for one in get(found, "not_proved") or [])  # the gateway has no more time for it, on a busy machine
        self.judge.expect("and what is taken goes where it went", get(found, "routes") == "same" or late, found)
        row = dict(wide, lists=dict(closed, sender="check_sender_access inline:{ {spam.example.org = REJECT} }"))
        found = self.call("planEdit", body={"old": {"connection_policies": wide}, "new": {"connection_policies": row}})
        self.judge.expect("the witness has the row that decides", [one["new"].get("row") for one in get(found, "witnesses")][:1] == ["spam.example.org"], found)
        self.call("planEdit", body={"old": "running", "new": {"connection_policies": wide}})
        self.call("planEdit", body={"new": {"smtp_policies": policies}})
        self.call("planEdit", body={"new": {"revision": 1}})
        self.call("planEdit", body={"old": {"connection_policies": wide}, "new": {"connection_policies": {"lists": {}}}})
        self.call("planPolicy", self.policy, body=policies[self.policy])

    def replay(self):
        draft = {"connection_policies": {"lists": {"sender": "reject"}}, "smtp_policies": {self.policy: {"allowed_source_ips": ""}}}
        started = self.call("startReplay", body={"draft": draft, "since": "24h", "limit": 100, "samples": 2})
        self.wait_for(lambda answer: get(answer, "status") != "running", "getReplay", get(started, "id"))
        self.call("listReplays")
        self.call("stopReplay", get(started, "id"))

    def gateway(self):
        self.call("getGateway")
        self.call("getOpenApi", token=None)
        self.call("listAuditLog", query="?page=1&page_size=1" if "page" in self.judge.document.operations["listAuditLog"].parameters else "")
        cursor = get(self.call("listAuditLog", query="?limit=1"), "next")
        self.call("listAuditLog", query="?cursor=%s" % cursor)

    # ------------------------------------------------------------ people
    def people(self):
        made = self.call("createInvitation", body={"role": "viewer", "email": "viewer@example.com"})
        gone = self.call("createInvitation", body={"role": "operator"})
        self.call("revokeInvitation", get(gone, "id"))
        link = (get(made, "link") or "").rsplit("=", 1)[-1].rsplit("/", 1)[-1] or None
        self.call("getLink", link, token=None)
        viewer = self.call("createAccount", body={"email": "viewer@example.com", "password": PASSWORD, "link": link}, token=None)
        members = get(self.call("listMembers"), "data") or []
        id_ = next((one["id"] for one in members if one["email"] == "viewer@example.com"), get(viewer, "id") and None)
        self.call("changeMember", id_, body={"role": "operator"})
        reset = self.call("createResetLink", id_)
        token = (get(reset, "link") or "").rsplit("=", 1)[-1].rsplit("/", 1)[-1]
        self.call("resetPassword", body={"token": token, "new_password": OTHER_PASSWORD}, token=None)
        self.call("removeMember", id_)

    def two_factors(self):
        sessions = get(self.call("listSignIns"), "data") or []
        other = next((one["id"] for one in sessions if not one["current"]), None)
        self.call("endSignIn", other)
        secret = get(self.call("beginTotp"), "secret")
        codes = get(self.call("confirmTotp", body={"code": totp(secret)}), "backup_codes")
        fresh = get(self.call("renewBackupCodes", body={"code": codes[0]}), "backup_codes")
        challenge = self.call("createSession", body={"email": self.email, "password": PASSWORD}, token=None)
        pair = self.call("completeTotpSession", body={"totp_token": get(challenge, "totp_token"), "code": fresh[0]}, token=None)
        self.call("deleteSession", body={"refresh_token": get(pair, "refresh_token")}, token=get(pair, "access_token"))
        self.call("disableTotp", body={"code": fresh[1]})

    def leave(self):
        self.call("disableSigningKey")
        self.call("changePassword", body={"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "revoke_tokens": True})
        pair = self.call("createSession", body={"email": self.email, "password": OTHER_PASSWORD}, token=None)
        self.call("deleteAccount", body={"password": OTHER_PASSWORD}, token=get(pair, "access_token"))
