"""Restriction-list dialogues and static findings (formats: tests/suites/restrictions/README.md, restrictions-real/README.md).

A case passes when every reply is as it was measured on Postfix, and its next hops were asked what it says.
"""
import json
import re
import time

from harness.cases import Case, Fail, FormatError, Skip, each, known, wanted
from harness.waiting import PATIENCE
from players.later import one_of, require
from players.lists import findings, imports
from players.lists.dialogue import Dialogue, TooSlow
from players.lists.site import Site, Sites, Tools, key_of, served

NEEDS = frozenset(["restriction-lists"])
# Keywords that newer versions refuse when they are evaluated: the suite accepts both results.
OBSOLETE = frozenset(["permit_naked_ip_address", "reject_maps_rbl", "check_relay_domains"])
# The members of a case, of a step (besides the one that names it), of its `expect`, and of a case
# of lint.json.
MEMBERS = frozenset("""id about tier config tables dns policy users client_cert client dialogue log dns_queries policy_requests next_hop next_hop_seen probes
    probes_note main_cf files policy_services origin_id note notes""".split())
STEP = frozenset("expect text measured accepted min_seconds max_seconds note".split())
EXPECT = frozenset("code enhanced closed no_service".split())
LINT = frozenset("id config tables expect evidence about note".split())


class Player:
    def load(self, directory):
        cases, base = [], {}
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            base.update(document.get("base", {}))
            cases += each(document["cases"], path.name, lambda e, at=path.name: dialogues(e, at) if "dialogue" in e else lint(e, at))
            cases += each(document.get("configurations", []), path.name, lambda e, d=document, at=path.name: configuration(e, d["cases"], at), "lint/")
        if not cases:
            raise FormatError("no cases in %s" % directory)
        self.base, self.cases = base, [c for c in cases if c.fault] + together([c for c in cases if not c.fault])
        return self.cases

    def open(self, context):
        self.context, self.tools = context, Tools()
        self.sites = Sites([c.data for c in self.cases if not c.fault], self.make)

    def make(self, case):
        """The site of a case: started, where it has a dialogue to play."""
        site = Site(self.context, self.tools, case, {} if case["how"] == "import" else self.base)
        try:
            if case["how"] == "import":
                return imports.start(site) if "dialogue" in case else site
            return site.start() if "dialogue" in case else site
        except BaseException:
            site.close()
            raise

    def play(self, case, context):
        with self.sites.of(case.data) as site:
            if "dialogue" not in case.data:
                self.find(case.data, site)
            elif case.data["how"] == "import":
                self.play_imported(case.data, site)
            else:
                self.play_dialogue(case.data, site)

    def find(self, case, site):
        """Static findings."""
        if case["how"] == "import":
            imported = imports.run(site)
            if imported.settings is None:
                if case["lint"]["starts"]:
                    raise Fail("postern import ended with status %d: %s" % (imported.status, imported.text[:1000]))
                return
            site.postern.write_config(imports.settings_of(site, imported))
            findings.judge_configuration(case["lint"], site.check())
            return
        site.make(site.settings())
        findings.judge(case["expect"], site.check())

    def play_dialogue(self, case, site):
        words = words_of(case)
        if not case["served"]:
            judge_refusal(site)
            return
        if site.problem:
            if refusing_is_right(case):
                return
            raise Fail(wanted("the configuration", "served", "refused: " + site.problem.short()))
        site.hops.forget()
        start = site.postern.ensure()
        try:
            self.converse(case, site, obsolete=bool(words & OBSOLETE))
            site.hops.judge(case.get("probes"))
        except Exception as e:
            if site.postern.died(start, patience=1.0):
                raise Fail("%s\n%s" % (e, site.postern.death_note())) from None
            raise
        # If the dialogue ends with a broken connection, the end of the server becomes visible a
        # little later.
        if site.postern.died(start, patience=1.0 if refusing_is_right(case) else 0.0):
            raise Fail(site.postern.death_note())

    def converse(self, case, site, obsolete):
        """The dialogue, again while a reply comes too late."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return Dialogue(site.postern.smtp_port, case, self.tools.certificates, obsolete).play()
            except TooSlow:
                if time.monotonic() > end:
                    raise

    def play_imported(self, case, site):
        if not case["served"]:
            return  # the import was judged when the site was made
        reported = site.imported.not_carried()
        try:
            self.play_dialogue(case, site)
        except Fail:
            missing = [row for row in reported if set(re.findall(r"[\w-]+", row)) & keywords_of(case)]
            if missing:
                raise Skip("the import report names it: " + "; ".join(missing)) from None
            raise

    def close(self):
        self.sites.close()
        self.tools.remove()


# ---------------------------------------------------------------- reading the suite
def dialogues(entry, where):
    """The case of an entry; of a whole configuration two: from its parameters, and from its main.cf."""
    check(entry, where)
    ways = ("config", "import") if "main_cf" in entry else ("",)
    cases = []
    for how in ways:
        data = {**entry, "how": how, "served": served(entry)}
        if how == "config":
            data.pop("main_cf")
            data.pop("files", None)
        cases.append(Case((how + "/" if how else "") + entry["id"], entry.get("about", ""), data, NEEDS))
    return cases


def lint(entry, where):
    require(entry, ("id", "config", "expect"), where)
    require(entry["expect"], findings.MEMBERS, "%s: %s" % (where, entry["id"]))
    known(entry, LINT, "%s: %s" % (where, entry["id"]), FormatError)
    known(entry["expect"], findings.MEMBERS, "%s: %s: expect" % (where, entry["id"]), FormatError)
    return Case("lint/" + entry["id"], entry.get("evidence", ""), {**entry, "how": "lint"}, NEEDS)


def configuration(entry, cases, where):
    """restrictions-real: the static findings of a configuration, whose main.cf stands in its cases."""
    require(entry, ("id", "lint", "cases"), where)
    require(entry["lint"], ("lists", "starts", "open_relay", "unknown_keywords"), "%s: %s" % (where, entry["id"]))
    own = [c for c in cases if c.get("origin_id") == entry["id"]]
    if not own:
        raise FormatError("%s: %s has no case" % (where, entry["id"]))
    data = {k: own[0].get(k) for k in ("id", "main_cf", "tables", "files", "policy_services", "config")}
    # The import of a main.cf that does not serve must mention the missing relay protection: see
    # play_imported.
    return Case("lint/" + entry["id"], "static findings of a configuration", {**data, "id": entry["id"], "lint": entry["lint"], "how": "import"}, NEEDS)


def check(entry, where):
    require(entry, ("id", "config", "dialogue", "client"), where)
    where = "%s: %s" % (where, entry["id"])
    if not entry["dialogue"] or entry["dialogue"][0].get("event") != "connect":
        raise FormatError(where + ": the dialogue must begin with the connection")
    known(entry, MEMBERS, where, FormatError)
    for step in entry["dialogue"]:
        word = one_of(step, ("event", "send", "pipelined", "body"), where)
        require(step, ("expect",), where)
        known(step, {word, *STEP}, "%s: a step" % where, FormatError)
        known(step["expect"], EXPECT, "%s: expect" % where, FormatError)


def together(cases):
    """Cases that share a server one behind the other, so that few servers live at a time."""
    order = {}
    for case in cases:
        order.setdefault(key_of(case.data), len(order))
    return sorted(cases, key=lambda c: order[key_of(c.data)])


# ---------------------------------------------------------------- what a case says
def words_of(case):
    """Every word of the parameters, their names, and tables."""
    texts = [*case["config"], *case["config"].values(), *(t["text"] for t in (case.get("tables") or {}).values())]
    return {word.lower() for text in texts for word in re.findall(r"[\w-]+", text)}


def keywords_of(case):
    """The words of the restriction lists."""
    texts = [v for k, v in case["config"].items() if k.startswith("smtpd_") and k.endswith("_restrictions")]
    return {word for text in texts for word in re.findall(r"[a-z]\w*_\w+", text)}


def refusing_is_right(case):
    """Whether the measured engine died while it answered, or offered no TLS because of a wrong parameter: then refusing the configuration is equally right."""
    return any(step["expect"] == {"closed": True} or (step.get("send") == "STARTTLS" and step["expect"].get("code") == 454) for step in case["dialogue"])


def judge_refusal(site):
    """The case wants a configuration that is not served."""
    if not site.problem:
        raise Fail(wanted("the configuration", "refused by postern check and postern serve", "served"))
    if not site.problem.errors():
        raise Fail(wanted("postern check", "an error", site.problem.text or "status %d and no words" % site.problem.status))
