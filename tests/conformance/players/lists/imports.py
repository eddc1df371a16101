"""`postern import postfix`: a case's main.cf, with its files where the case says, becomes postern.toml."""
import re
import tomllib

from harness import instance
from harness.cases import Fail, Skip, wanted
from players.lists.check import documents

NOT_CARRIED = re.compile(r"not[ _-]?supported|unsupported|not[ _-]?carried", re.IGNORECASE)
RELAY_PROTECTION = re.compile(r"relay|reject_unauth_destination", re.IGNORECASE)


def main_cf(site):
    """The case's main.cf with every path moved into the case's directory and every policy service to the stub."""
    case, text = site.case, site.case["main_cf"]
    moved = {path: str(site.table_path(name)) for path, name in (case.get("files") or {}).items()}
    moved.update({service: "inet:127.0.0.1:%d" % site.policy.port for service in case.get("policy_services") or []})
    for kind in ("pem", "key"):
        moved["/etc/postfix/tls/server." + kind] = site.tools.certificates.path("server." + kind)
    # A path or an address ends where no further letter of one can follow.
    for old in sorted(moved, key=len, reverse=True):
        text = re.sub(re.escape(old) + r"(?![\w./-])", lambda _: moved[old], text)
    return text


class Imported:
    def __init__(self, status, out, err, path):
        self.status, self.text = status, (out + err).strip()
        self.reports = documents(out)
        self.settings = tomllib.loads(path.read_text(encoding="utf-8")) if status == 0 and path.is_file() else None

    def not_carried(self):
        """What the report says is not supported: names with the reason."""
        return [row for report in self.reports for row in rows(report)]


def rows(value, found=None):
    found = [] if found is None else found
    if isinstance(value, dict):
        if any(isinstance(v, str) and NOT_CARRIED.fullmatch(v) for v in value.values()):
            found.append(" ".join(str(v) for v in value.values() if isinstance(v, (str, int))))
        for name, part in value.items():
            if NOT_CARRIED.fullmatch(name):
                found += [part_text(p) for p in (part if isinstance(part, list) else [part])]
            else:
                rows(part, found)
    elif isinstance(value, list):
        for part in value:
            rows(part, found)
    return found


def part_text(part):
    return " ".join(str(v) for v in part.values()) if isinstance(part, dict) else str(part)


def run(site):
    """Imports the site's main.cf; the settings of its server, what surrounds it merged in."""
    source, target = site.folder / "main.cf", site.folder / "imported.toml"
    source.write_text(main_cf(site), encoding="utf-8")
    words = ["import", "postfix", source, "--out", target, "--json"]
    if "system_users" in (site.case.get("tables") or {}):
        words += ["--passwd", passwd(site)]
    postern = site.make({})
    return Imported(*postern.command(*words), target)


def passwd(site):
    """The accounts of the machine that was measured, as a passwd file."""
    path = site.folder / "passwd"
    names = [line.split()[0] for line in site.case["tables"]["system_users"]["text"].splitlines() if line.strip()]
    path.write_text("".join("%s:x:%d:%d::/:/bin/false\n" % (name, 1000 + i, 1000 + i) for i, name in enumerate(names)), encoding="utf-8")
    return path


def start(site):
    """The server of an imported configuration."""
    imported = run(site)
    site.imported = imported
    if not site.case.get("served", True):
        if imported.status == 0:
            raise Fail(wanted("postern import", "an error that names the missing relay protection", "success"))
        if not RELAY_PROTECTION.search(imported.text):
            raise Fail(wanted("postern import", "an error that names the missing relay protection", imported.text))
        return site
    missing = imported.not_carried()
    if imported.settings is None and not missing:
        raise Fail("postern import ended with status %d: %s" % (imported.status, imported.text[:1000]))
    if imported.settings is None:
        raise Skip("the import report names it: " + "; ".join(missing))
    settings = instance.merge(imported.settings, site.surroundings())
    site.start(settings)
    return site
