"""`postern import postfix`: a case's main.cf, with its files where the case says, becomes postern.toml."""
import re
import tomllib

from harness import instance
from harness.cases import Fail, wanted
from players.lists.check import OPEN_RELAY, documents

RELAY_PROTECTION = re.compile(r"relay|reject_unauth_destination", re.IGNORECASE)
# The accounts of the measured machine, which this one does not have: a table of the case.
ACCOUNTS = "system_users"


def main_cf(site):
    """The case's main.cf with every path moved into the case's directory and every policy service to the stub."""
    case, text = site.case, site.case["main_cf"]
    moved = {path: str(site.table_path(name)) for path, name in (case.get("files") or {}).items()}
    moved.update({service: "inet:127.0.0.1:%d" % site.policy.port for service in case.get("policy_services") or []})
    moved["unix:passwd.byname"] = "hash:%s" % site.table_path(ACCOUNTS)
    for kind in ("pem", "key"):
        moved["/etc/postfix/tls/server." + kind] = site.tools.certificates.path("server." + kind)
    # A path or an address ends where the next character cannot belong to it.
    for old in sorted(moved, key=len, reverse=True):
        text = re.sub(re.escape(old) + r"(?![\w./-])", lambda _: moved[old], text)
    return text


class Imported:
    def __init__(self, status, out, err, path):
        self.status, self.text = status, (out + err).strip()
        self.reports = documents(out)
        # An open relay is imported unchanged: the result loads after confirmation.
        findings = [finding for r in self.reports for finding in r.get("relay", [])]
        usable = status == 0 or (findings and all(OPEN_RELAY.search(f) for f in findings))
        self.settings = tomllib.loads(path.read_text(encoding="utf-8")) if usable and path.is_file() else None

    def not_carried(self):
        """What the report says is not supported: name and note."""
        return ["%s: %s" % (p["name"], p.get("note")) for r in self.reports for p in r.get("parameters", []) if p.get("fate") == "not_supported"]

    def notes(self):
        return " ".join(note for r in self.reports for note in r.get("notes", []))


def run(site):
    """Imports the site's main.cf."""
    source, target = site.folder / "main.cf", site.folder / "imported.toml"
    source.write_text(main_cf(site), encoding="utf-8")
    return Imported(*site.make({}).command("import", "postfix", source, "--out", target, "--json"), target)


def settings_of(site, imported):
    """The imported settings, with what surrounds the server here."""
    settings = dict(imported.settings)
    # One listener, at the runner's address; its TLS and AUTH come from the import.
    settings["listener"] = [{k: v for k, v in listener.items() if k not in ("name", "address")} for listener in settings.get("listener", [{}])[:1]]
    # No SASL back-end runs here: the accounts are those of the case.
    settings.pop("auth", None)
    restrictions = settings["restrictions"] = dict(settings.get("restrictions", {}))
    if "local_recipient_maps" not in restrictions and ACCOUNTS in (site.case.get("tables") or {}):
        # Postfix's default. The import cannot know the accounts, and its report must say so.
        if "local_recipient_maps" not in imported.notes():
            raise Fail(wanted("the notes of the import", "a word on local_recipient_maps, which main.cf does not set", imported.notes()))
        restrictions["local_recipient_maps"] = "hash:%s $alias_maps" % site.table_path(ACCOUNTS)
        restrictions.setdefault("alias_maps", "")
    if site.hops.settings:
        settings.pop("route", None)  # those of the run stand instead
    return instance.merge(settings, site.surroundings())


def start(site):
    """The server of an imported configuration."""
    imported = site.imported = run(site)
    if not site.case.get("served", True):
        if imported.status == 0:
            raise Fail(wanted("postern import", "an error that names the missing relay protection", "success"))
        if not RELAY_PROTECTION.search(imported.text):
            raise Fail(wanted("postern import", "an error that names the missing relay protection", imported.text))
        return site
    if imported.settings is None:
        raise Fail("postern import ended with status %d: %s" % (imported.status, imported.text[:1000]))
    return site.start(settings_of(site, imported))
