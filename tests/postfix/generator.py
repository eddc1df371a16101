"""Random restriction lists and dialogues in the format of tests/suites/restrictions, and their parts for the minimiser.

A draft is a case whose lists are still lists of elements:
  lists   parameter -> [element]         (an element: a keyword with its argument, warn_if_reject with the rule it covers)
  plain   parameter -> value
  rows    table name -> {"type", "rows"}
  steps   what the client says, the connection left out
  cert    the client certificate of its TLS session, None for none
  hops    whether the mail hosts of verify.test answer probes
`case_of(draft)` writes it as a case.
"""
import copy
import random
import re

import world

LISTS = ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn")
PARAMETER = {name: "smtpd_%s_restrictions" % name for name in LISTS}

GENERIC = {"permit": 4, "reject": 1, "defer": 1, "defer_if_permit": 1, "defer_if_reject": 2, "reject_unauth_pipelining": 2, "reject_plaintext_session": 1,
           "reject_multi_recipient_bounce": 1, "check_policy_service @policy": 1, "sleep 0": 1, "sleep SECONDS": 1}
NATIVE = {
    "login": {"reject_sender_login_mismatch": 2, "reject_authenticated_sender_login_mismatch": 2, "reject_unauthenticated_sender_login_mismatch": 2,
              "reject_known_sender_login_mismatch": 2, "check_sasl_access inline:{ {bob = OK} }": 1, "check_sasl_access inline:{ {BOB = REJECT} {x = OK} }": 1},
    "servers": {"check_%s_%s_access SERVERS" % (subject, record): 1 for subject in ("client", "reverse_client_hostname", "helo", "sender", "recipient")
                for record in ("mx", "ns", "a")},
    "rare": {"permit_mx_backup": 3, "reject_maps_rbl": 2, "permit_naked_ip_address": 1},
    "client": {"permit_mynetworks": 4, "permit_sasl_authenticated": 2, "reject_unknown_client_hostname": 3, "reject_unknown_reverse_client_hostname": 3,
               "reject_unknown_client": 1, "reject_rbl_client RBL": 4, "reject_rhsbl_client RHSBL": 1, "reject_rhsbl_reverse_client RHSBL": 1,
               "permit_dnswl_client WHITE": 2, "check_client_access TABLE": 5},
    "helo": {"reject_invalid_helo_hostname": 3, "reject_non_fqdn_helo_hostname": 3, "reject_unknown_helo_hostname": 3, "reject_invalid_hostname": 1,
             "reject_rhsbl_helo RHSBL": 1, "check_helo_access TABLE": 4, "permit_mynetworks": 1},
    "sender": {"reject_non_fqdn_sender": 3, "reject_unknown_sender_domain": 3, "reject_unlisted_sender": 1, "reject_rhsbl_sender RHSBL": 2, "check_sender_access TABLE": 5,
               "permit_mynetworks": 1},
    "recipient": {"reject_unauth_destination": 4, "defer_unauth_destination": 1, "permit_auth_destination": 2, "reject_non_fqdn_recipient": 2,
                  "reject_unknown_recipient_domain": 2, "reject_unlisted_recipient": 2, "reject_rhsbl_recipient RHSBL": 1, "check_recipient_access TABLE": 5},
    "etrn": {"check_etrn_access ETRN": 3, "permit_mynetworks": 2, "reject": 1},
    "certificates": {"permit_tls_clientcerts": 3, "permit_tls_all_clientcerts": 2, "check_ccert_access PRINTS": 3, "reject_plaintext_session": 1},
}
# Only in drafts whose mail hosts answer probes.
PROBES = {"reject_unverified_recipient": 2, "reject_unverified_sender": 2}
PROBE_PLAIN = {
    "unverified_recipient_reject_code": ["550", "451", "250"], "unverified_sender_reject_code": ["550", "554", "250"], "unverified_recipient_defer_code": ["451", "250"],
    "unverified_sender_defer_code": ["451", "250"], "unverified_recipient_tempfail_action": ["defer", "permit"], "unverified_sender_tempfail_action": ["defer", "permit"],
    "unverified_recipient_reject_reason": ["we asked its host"], "unverified_sender_reject_reason": ["5.7.9 we asked its host"],
}
CERTIFICATES = {"alice": 3, "bob": 3, "carol": 1, "expired": 1, "mallory": 1, "olga": 1, None: 2}
SECONDS = ["1", "x", "-1", "1s"]
HOME = {"client": ["client"], "helo": ["helo"], "sender": ["sender", "sender", "login"], "relay": ["recipient", "client", "rare"],
        "recipient": ["recipient", "client", "sender", "servers", "login"], "data": ["client", "sender", "recipient"], "end_of_data": ["client", "sender", "recipient"],
        "etrn": ["etrn"]}
LENGTHS = {"client": (0, 2), "helo": (0, 2), "sender": (0, 3), "relay": (0, 3), "recipient": (0, 4), "data": (0, 2), "end_of_data": (0, 2), "etrn": (1, 2)}

ACTIONS = {
    "OK": 6, "DUNNO": 4, "REJECT": 5, "REJECT not you": 2, "REJECT 5.7.9 not you": 1, "REJECT 5.1.1 unknown": 1, "550 5.1.8 no such place": 1, "450 4.7.3 later": 1,
    "554 go": 1, "421 4.7.0 closing": 1, "521 5.7.1 closing": 1, "550": 1, "DEFER": 2, "DEFER 4.7.5 wait": 1, "DEFER_IF_PERMIT": 2, "DEFER_IF_PERMIT 4.7.6 perhaps": 1,
    "DEFER_IF_REJECT": 2, "DEFER_IF_REJECT 4.7.7 perhaps": 1, "WARN look": 1, "INFO look": 1, "PREPEND X-Seen: yes": 1, "HOLD": 1, "DISCARD": 1, "permit": 1, "reject": 1,
    "reject_non_fqdn_sender, permit": 1, "permit_mynetworks, reject": 1, "reject_unauth_destination": 1, "RELAY": 1, "123": 1, "bogus_action": 1, "554": 1,
    "CLASS": 4,
}

PLAIN = {
    "smtpd_delay_reject": ["no"], "smtpd_peername_lookup": ["no"], "smtpd_helo_required": ["yes"], "smtpd_relay_before_recipient_restrictions": ["no", "yes"], "soft_bounce": ["yes"],
    "reject_code": ["571", "450"], "non_fqdn_reject_code": ["550", "450"], "defer_code": ["451"], "invalid_hostname_reject_code": ["550", "450"],
    "unknown_address_reject_code": ["550"], "unknown_client_reject_code": ["550"], "unknown_hostname_reject_code": ["550"], "access_map_reject_code": ["550", "450"],
    "access_map_defer_code": ["451"], "maps_rbl_reject_code": ["550", "450"], "relay_domains_reject_code": ["550", "455"], "plaintext_reject_code": ["550"],
    "multi_recipient_bounce_reject_code": ["554"], "unknown_local_recipient_reject_code": ["450", "551"], "unknown_relay_recipient_reject_code": ["551"],
    "reject_tempfail_action": ["defer", "defer_if_permit"], "unknown_helo_hostname_tempfail_action": ["defer"], "unknown_address_tempfail_action": ["defer"],
    "smtpd_reject_unlisted_recipient": ["no"], "smtpd_reject_unlisted_sender": ["yes"], "smtpd_null_access_lookup_key": ["null"], "recipient_delimiter": ["+", "-", "+-"], "owner_request_special": ["no"],
    "parent_domain_matches_subdomains": ["", "relay_domains", "smtpd_access_maps"], "mynetworks": ["10.0.0.0/8", "!192.0.2.10, 192.0.2.0/24", "[2001:db8::]/32 198.51.100.7", "[::ffff:192.0.2.0]/120", ""],
    "relay_recipient_maps": ["inline:{ {user@relay.test = x} {@sub.relay.test = x} }"],
    "relay_domains": ["relay.test, listed.example", ".relay.test", "inline:{relay.test=x}", ""], "mydestination": ["local.test", "mx.postern.test, local.test, sender.example"],
    "default_rbl_reply": ["$rbl_code blocked $rbl_what${rbl_reason?: $rbl_reason}", "$rbl_code 4.7.9 $rbl_class listed in $rbl_domain"],
    "allow_untrusted_routing": ["yes"], "append_dot_mydomain": ["no", "yes"], "strict_rfc821_envelopes": ["yes"], "disable_vrfy_command": ["yes"],
    "smtpd_forbid_unauth_pipelining": ["yes"], "fast_flush_domains": ["relay.test, elsewhere.test", ""], "maps_rbl_domains": ["bl1.test", "nothing.test, bl2.test"],
    "permit_mx_backup_networks": ["192.0.2.0/24", "198.51.100.0/24"], "local_recipient_maps": ["inline:{a=x, u=x}"],
    "smtpd_sender_login_maps": ["inline:{ {u@sender.example = bob} {@relay.test = alice, BOB} {u@local.test = alice} {u = bob} }", "static:bob", "inline:{ {@sender.example = alice} }"],
}


def pick(generator, weights):
    names = list(weights)
    return generator.choices(names, [weights[n] for n in names])[0]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def draft(self):
        self.tables, self.classes, self.within_class = {}, {}, False
        self.tls, self.hops = self.chance(0.15), self.chance(0.12)
        plain = {}
        if self.chance(0.35):
            for name in self.random.sample(["strict", "half", "easy"], self.random.randint(1, 2)):
                self.classes[name] = []
        lists = {PARAMETER[name]: self.elements(name) for name in LISTS}
        relay, recipient = lists[PARAMETER["relay"]], lists[PARAMETER["recipient"]]
        if not self.chance(0.03):
            # Most drafts have the rule that Postfix requires before it serves.
            (relay if self.chance(0.8) else recipient).append(pick(self.random, {"reject_unauth_destination": 8, "defer_unauth_destination": 2, "reject": 1}))
        self.within_class = True
        for name in list(self.classes):
            self.classes[name] = self.elements(self.random.choice(["client", "sender", "recipient"]), classes=False, least=1)
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 3])):
            name = self.random.choice(sorted(PLAIN))
            plain[name] = self.random.choice(PLAIN[name])
        if self.chance(0.1):
            plain.update({"virtual_mailbox_domains": "virtual.test", "virtual_mailbox_maps": "inline:{v@virtual.test=x}", "virtual_alias_domains": "alias.test",
                          "virtual_alias_maps": "inline:{al@alias.test=a@local.test}"})
        if self.hops:
            plain["relay_domains"] = "relay.test, verify.test"
            for name in self.random.sample(sorted(PROBE_PLAIN), self.random.choice([0, 1, 2])):
                plain[name] = self.random.choice(PROBE_PLAIN[name])
        if self.tls:
            plain.update(self.certificates())
        sasl = self.chance(0.3)
        if sasl:
            plain["smtpd_sasl_auth_enable"] = "yes"
        draft = {"lists": {**lists, **self.classes}, "classes": sorted(self.classes), "plain": plain, "rows": self.tables, "steps": self.steps(sasl),
                 "client": pick(self.random, world.CLIENTS), "policy": self.policy(), "cert": pick(self.random, CERTIFICATES) if self.tls else None, "hops": self.hops}
        return pruned(draft)

    # ------------------------------------------------------------ lists
    def elements(self, name, classes=True, least=0):
        low, high = LENGTHS.get(name, (1, 3))
        if name in ("data", "end_of_data", "etrn") and self.chance(0.7):
            return []
        if not least and name in ("client", "helo", "sender") and self.chance(0.35):
            return []
        return [self.element(name, classes) for _ in range(max(least, self.random.randint(low, high)))]

    def element(self, name, classes):
        prefix = "warn_if_reject " if self.chance(0.07) else ""
        if classes and self.classes and self.chance(0.12):
            return prefix + self.random.choice(sorted(self.classes))
        if self.chance(0.18):
            return prefix + pick(self.random, GENERIC).replace("SECONDS", self.random.choice(SECONDS))
        kind = self.random.choice(HOME[name]) if self.chance(0.8) else self.random.choice(sorted(NATIVE))
        if self.tls and self.chance(0.3):
            kind = "certificates"
        word = pick(self.random, PROBES if self.hops and self.chance(0.3) else NATIVE[kind])
        if self.chance(0.04):
            word = word.upper() if " " not in word else word.partition(" ")[0].upper() + " " + word.partition(" ")[2]
        for zone, zones in (("RHSBL", world.RHSBL_ZONES), ("RBL", world.RBL_ZONES), ("WHITE", world.WHITE_ZONES)):
            if word.endswith(" " + zone):
                word = word[:-len(zone)] + self.random.choice(zones)
        if word.endswith(" PRINTS"):
            word = word[:-len("PRINTS")] + self.table_about(world.PRINTS, "550 5.7.8 not this one")
        if word.endswith(" SERVERS"):
            word = word[:-len("SERVERS")] + self.table_about(world.SERVER_KEYS, "550 5.1.2 bad hosts")
        if word.endswith(" ETRN"):
            word = word[:-len("ETRN")] + "inline:{ {relay.test = %s} {test = DUNNO} }" % self.random.choice(["REJECT 5.7.3 no", "OK", "DEFER", "DUNNO"])
        if word.upper().endswith(" TABLE"):
            word = word[:-len("TABLE")] + self.table(kind)
        return prefix + word

    # ------------------------------------------------------------ tables
    def table(self, kind):
        style = pick(self.random, {"hash": 6, "texthash": 1, "cidr": 4 if kind == "client" else 0, "pcre": 2, "regexp": 1, "static": 1, "inline": 1})
        if style == "static":
            return "static:" + self.random.choice(["OK", "DUNNO", "REJECT", "DEFER", "DEFER_IF_PERMIT"])
        rows = [self.row(kind, style) for _ in range(self.random.randint(1, 4))]
        if style in ("hash", "texthash", "inline"):
            # Exact keys are unique: which of two equal ones counts depends on the table's format.
            rows = [row for i, row in enumerate(rows) if row[0].lower() not in [r[0].lower() for r in rows[:i]]]
        if style == "inline":
            return "inline:{ %s }" % " ".join("{%s = %s}" % row for row in rows if "," not in row[1])
        name = "t%d" % (len(self.tables) + 1)
        self.tables[name] = {"type": style, "rows": rows}
        return "%s:@%s" % (style, name)

    def table_about(self, keys, refusal):
        """A table about mail hosts, name servers and addresses, where OK is an error, as in Postfix, or about fingerprints."""
        actions = ["REJECT", "DUNNO", "DEFER", refusal, "OK", "DEFER_IF_PERMIT"]
        return "inline:{ %s }" % " ".join("{%s = %s}" % (key, self.random.choice(actions)) for key in self.random.sample(keys, self.random.randint(1, 3)))

    def certificates(self):
        """What the server asks of clients with TLS."""
        plain = {"smtpd_tls_security_level": pick(self.random, {"may": 9, "encrypt": 1})}
        if self.chance(0.85):
            plain["smtpd_tls_ask_ccert"] = "yes"
        if self.chance(0.7):
            keys = self.random.sample(world.PRINTS, self.random.randint(1, 2))
            plain["relay_clientcerts"] = "inline:{ %s }" % " ".join("{%s = x}" % key for key in keys)
        if self.chance(0.1):
            plain["smtpd_tls_fingerprint_digest"] = self.random.choice(["md5", "sha1", "sha512"])
        return plain

    def row(self, kind, style):
        action = pick(self.random, ACTIONS)
        if action == "CLASS":
            # If the tables of a class named classes, the class could contain itself.
            action = self.random.choice(sorted(self.classes)) if self.classes and not self.within_class else "OK"
        if style == "cidr":
            return self.random.choice(world.NETWORKS), action
        if style in ("pcre", "regexp"):
            pattern = self.random.choice(world.PATTERNS[kind])
            return pattern, "REJECT no $1 here" if "(.*)" in pattern and not pattern.startswith("!") and self.chance(0.5) else action
        return self.random.choice(world.KEYS[kind]), action

    def policy(self):
        if self.chance(0.5):
            return []
        match = self.random.choice([{"sender": "u@sender.example"}, {"recipient": "user@relay.test"}, {"protocol_state": "RCPT"}, {"client_address": "192.0.2.10"}, {}])
        return [{"match": match, "action": self.random.choice(["REJECT no", "DUNNO", "OK", "DEFER_IF_PERMIT greylisted", "450 4.2.0 greylisted", "DEFER", "PREPEND X-A: b"])}]

    # ------------------------------------------------------------ dialogues
    def steps(self, sasl):
        steps = []
        if not self.chance(0.07):
            steps.append("%s %s" % ("HELO" if self.chance(0.12) else "EHLO", pick(self.random, world.HELO_NAMES)))
        if self.chance(0.85 if self.tls else 0.02):
            steps += ["STARTTLS", "EHLO %s" % pick(self.random, world.HELO_NAMES)] if self.chance(0.95) else ["STARTTLS"]
        if sasl and self.chance(0.7):
            steps.append("AUTH PLAIN " + self.random.choice(["AGJvYgBwdw=="] * 4 + ["AGJvYgBubw=="]))
        elif self.chance(0.01):
            steps.append("AUTH PLAIN AGJvYgBwdw==")
        for _ in range(self.random.choice([1, 1, 1, 2])):
            steps += self.transaction()
        if self.chance(0.05):
            steps.insert(self.place(steps), "NOOP")
        # Where probes go, other mail is discarded: Postern has nothing that ETRN could send.
        if self.chance(0.1) and not self.hops:
            steps.insert(self.place(steps), ("ETRN %s" % pick(self.random, world.ETRN)).rstrip())
        if self.chance(0.15):
            steps.insert(self.place(steps), self.vrfy())
        return steps + (["QUIT"] if self.chance(0.3) else [])

    def place(self, steps):
        """Anywhere but between DATA and the message."""
        return self.random.choice([i for i in range(len(steps) + 1) if i == len(steps) or not isinstance(steps[i], list)])

    def vrfy(self):
        address = pick(self.random, world.RECIPIENTS)
        return "VRFY %s" % address if self.chance(0.6) and address[0] not in '@"' else "VRFY <%s>" % address

    def path(self, addresses):
        """What is written behind the colon of MAIL and RCPT."""
        if self.chance(0.12):
            return self.random.choice(world.FORMS).replace("{D}", self.random.choice(world.FORM_DOMAINS)) if self.chance(0.9) else "<>"
        return "<%s>" % pick(self.random, addresses)

    def probed(self, addresses):
        """Those instead that a probe judges, where mail hosts answer."""
        return world.PROBED if self.hops and self.chance(0.7) else addresses

    def transaction(self):
        senders, takers = self.probed(world.SENDERS), self.probed(world.RECIPIENTS)
        mail = "MAIL FROM:%s" % self.path(senders)
        recipients = ["RCPT TO:%s" % self.path(takers) for _ in range(self.random.choice([1, 1, 2, 2, 3]))]
        ahead = [mail, *recipients]
        end = []
        if self.chance(0.5):
            end = ["DATA", ["From: a@example.com", "Subject: test", "", "hello"]]
        elif self.chance(0.2):
            end = ["RSET"]
        if self.chance(0.12):
            # Legal after EHLO, an offence behind a command whose reply the client must wait for.
            return [{"pipeline": [self.random.choice(world.WAITING), *ahead] if self.chance(0.4) else ahead}, *end]
        return [*ahead, *end]


def pruned(draft):
    """What nothing refers to any more is left out."""
    draft = copy.deepcopy(draft)
    while True:
        texts = [e for name, elements in draft["lists"].items() for e in elements]
        rows = [action for table in draft["rows"].values() for _, action in table["rows"]]
        used = {t for t in draft["rows"] if any(e.endswith("@" + t) for e in texts)}
        words = {w for text in [*texts, *rows] for w in re.findall(r"[\w-]+", text)}
        classes = [c for c in draft["classes"] if c in words]
        if used == set(draft["rows"]) and classes == draft["classes"]:
            break
        for gone in set(draft["classes"]) - set(classes):
            del draft["lists"][gone]
        draft["rows"], draft["classes"] = {t: draft["rows"][t] for t in sorted(used)}, classes
    if not any("@policy" in e for e in texts):
        draft["policy"] = []
    return draft


def case_of(draft, name):
    """The draft as a case of the suite, nothing expected yet."""
    config = dict(draft["plain"])
    config.setdefault("smtpd_sasl_auth_enable", "no")  # Postfix's default, not Postern's
    config.setdefault("fast_flush_domains", "relay.test")  # what the measured instance has, for each case
    for parameter, elements in draft["lists"].items():
        config[parameter] = ", ".join(elements)
    if draft["classes"]:
        config["smtpd_restriction_classes"] = ", ".join(draft["classes"])
    case = {"id": name, "about": "random", "tier": "B", "config": config, "dns": world.DNS, "client": {"addr": draft["client"]}, "dialogue": [{"event": "connect"}]}
    if draft["rows"]:
        case["tables"] = {name: {"type": t["type"], "text": "".join("%s %s\n" % row for row in map(tuple, t["rows"]))} for name, t in draft["rows"].items()}
    if draft["policy"]:
        case["policy"] = draft["policy"]
    if draft["hops"]:
        case["next_hop"] = world.HOPS
    if draft["cert"]:
        case["client_cert"] = draft["cert"]
    if draft["plain"].get("smtpd_sasl_auth_enable") == "yes":
        case["users"] = world.BASE_USERS
    for step in draft["steps"]:
        case["dialogue"].append(step if isinstance(step, dict) else {"body": step} if isinstance(step, list) else {"send": step})
    return copy.deepcopy(case)


# ---------------------------------------------------------------- parts, for the minimiser
def parts(draft):
    """Everything that can be taken away, each as a path."""
    found = [("lists", name, i) for name, elements in draft["lists"].items() for i in range(len(elements))]
    found += [("plain", name) for name in draft["plain"]]
    found += [("rows", name, i) for name, table in draft["rows"].items() if len(table["rows"]) > 1 for i in range(len(table["rows"]))]
    found += [("steps", i) for i in range(len(draft["steps"]))]
    found += [("piped", i, j) for i, step in enumerate(draft["steps"]) if isinstance(step, dict) for j in range(len(step["pipeline"]))]
    found += [("warn", name, i) for name, elements in draft["lists"].items() for i, e in enumerate(elements) if e.startswith("warn_if_reject ")]
    return found + ([("policy",)] if draft["policy"] else [])


def without(draft, gone):
    """The draft without some of its parts; None when nothing that can be played is left."""
    gone, out = set(gone), copy.deepcopy(draft)
    for name, elements in draft["lists"].items():
        kept = [(i, e) for i, e in enumerate(elements) if ("lists", name, i) not in gone]
        out["lists"][name] = [e.removeprefix("warn_if_reject ") if ("warn", name, i) in gone else e for i, e in kept]
    out["plain"] = {name: value for name, value in draft["plain"].items() if ("plain", name) not in gone}
    for name, table in draft["rows"].items():
        out["rows"][name]["rows"] = [row for i, row in enumerate(table["rows"]) if ("rows", name, i) not in gone] or table["rows"][:1]
    out["steps"] = []
    for i, step in enumerate(draft["steps"]):
        if ("steps", i) in gone:
            continue
        if isinstance(step, dict):
            step = {"pipeline": [line for j, line in enumerate(step["pipeline"]) if ("piped", i, j) not in gone]}
            if not step["pipeline"]:
                continue
        out["steps"].append(step)
    if ("policy",) in gone:
        out["policy"] = []
    return pruned(out)
