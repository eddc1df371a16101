"""Hostile messages made by mime_bombs/gen.py: each is sent to a webhook; time, memory, reply and payload are judged."""
import dataclasses
import importlib.util
import json
import re
import threading
import time

from harness import smtp
from harness.cases import Fail, FormatError, known, wanted
from harness.dns import SUITES
from harness.waiting import PATIENCE, is_too_long
from players.attacks.sites import judge_alive

RCPT = "inbox@postern.test"
SENDER = "probe@attacker.test"
ORDINARY = b"From: probe@attacker.test\r\nTo: inbox@postern.test\r\nSubject: ordinary\r\n\r\nordinary\r\n"
ORDINARY_SECONDS = 1.0
MAX_SECS, MAX_RSS_MB = 5, 120  # defaults of a case
ANY = "accepted or 5xx"
EXPECT = frozenset("result word max_secs max_rss_mb json note octets parse_error".split())
VERBS = {**dict.fromkeys(("accepted", "accept", "deliver", "delivered", "ok"), "250"),
         **dict.fromkeys(("refuse", "refused", "reject", "rejected"), "5xx"), **dict.fromkeys(("defer", "deferred", "tempfail"), "4xx")}
# One bomb at a time: time and memory are measured.
_one = threading.Lock()


@dataclasses.dataclass
class Bomb:
    name: str
    expect: dict
    content: object  # () -> octets
    fault: str = ""


def generator(directory):
    """The builders: those beside the cases, else the repository's own."""
    for path in (directory / "mime_bombs" / "gen.py", directory / "gen.py", SUITES / "attacks" / "mime_bombs" / "gen.py"):
        if path.is_file():
            spec = importlib.util.spec_from_file_location("mime_bomb_builders", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise FormatError("no mime_bombs/gen.py")


def is_set(path, document):
    """Whether a file is a set of variants, or says what is expected of ready-made messages."""
    if not isinstance(document, dict) or "format" in document:
        return False
    return path.name == "expect.json" or any(isinstance(entry, dict) and "build" in entry for entry in document.values())


def load(directory):
    """All bombs of a directory: gen.py's own set, sets of variants (*.json), or ready-made messages beside expect.json."""
    folder = directory / "mime_bombs" if (directory / "mime_bombs").is_dir() else directory
    bombs, made = [], {}
    for path in sorted(set(folder.glob("*.json")) | set(directory.glob("*.json"))):
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if not is_set(path, document):
            continue
        if path.name == "expect.json":
            made = document
        else:
            bombs += variants(document, generator(directory), path)
    if made:
        bombs += [Bomb("mime_bombs/" + name, expect, (folder / (name.removesuffix(".eml") + ".eml")).read_bytes, fault_of(name, expect)) for name, expect in made.items()]
    elif (folder / "gen.py").is_file():
        module = generator(directory)
        bombs += [bomb(module, "mime_bombs/" + name, build, args, expect) for name, (build, args, expect) in module.BOMBS.items()]
    return bombs


def variants(document, module, path):
    found = []
    for name, entry in document.items():
        if not isinstance(entry, dict) or "build" not in entry or not hasattr(module, entry["build"]):
            found.append(Bomb("%s/%s" % (path.stem, name), {}, None, "%s: %s names no builder" % (path.name, name)))
            continue
        found.append(bomb(module, "%s/%s" % (path.stem, name), entry["build"], entry.get("args", {}), entry.get("expect", module.OPEN)))
    return found


def bomb(module, name, build, args, expect):
    return Bomb(name, expect, lambda: getattr(module, build)(**args), fault_of(name, expect))


def fault_of(name, expect):
    """What is wrong with what a bomb expects, "" when nothing is."""
    try:
        known(expect, EXPECT, name, FormatError)
        alternatives(expect.get("result", ANY))
    except (FormatError, Fail) as e:
        return str(e)
    return ""


class Memory:
    """Watches the resident memory of a process while a block runs."""

    def __init__(self, postern):
        self.postern, self.peak, self._stop = postern, 0.0, threading.Event()

    def __enter__(self):
        self.start = self.peak = self.postern.rss_mb() or 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self.postern.rss_mb() or 0.0)

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, self.postern.rss_mb() or 0.0)

    @property
    def grown(self):
        return self.peak - self.start


def submit(site, content, source=None):
    """Sends one message -> (reply lines or None when the connection ended, seconds from end of data to reply, what the server computed in them)."""
    client = smtp.Client(site.port, source=source)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO client.attacker.test", "250")
        client.command("MAIL FROM:<%s>" % SENDER, "250")
        client.command("RCPT TO:<%s>" % RCPT, "250")
        client.command("DATA", "354")
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        send_all(client, re.sub(rb"(^|\r\n)\.", rb"\1..", content) + b".\r\n")
        sent, computed = time.monotonic(), site.postern.cpu_seconds()
        try:
            lines = client.reply()
        except Fail as e:
            if not client.closed:
                raise Fail("after the message: %s" % e) from None
            lines = None
        return lines, time.monotonic() - sent, site.postern.cpu_seconds() - computed
    finally:
        client.close()


def send_all(client, data):
    """Like sendall, but a server that answers and closes early ends it quietly."""
    client.sock.settimeout(PATIENCE)
    view = memoryview(data)
    try:
        while view:
            view = view[client.sock.send(view[:262144]):]
    except OSError:
        pass


def play(sites, document, entry):
    with _one:
        site = sites.get("default")
        start = site.postern.starts
        try:
            explode(site, entry)
        except (Fail, OSError) as e:
            judge_alive(site, start, str(e))
        judge_alive(site, start)


def explode(site, entry):
    site.sink(RCPT)
    submit(site, ORDINARY)  # so that first-use allocations are not counted
    site.receiver.forget("/sink")
    content, expect, errors = entry.content(), entry.expect, []
    with Memory(site.postern) as memory:
        lines, *took = submit(site, content)
    requests = site.receiver.requests("/sink")
    site.receiver.forget("/sink")
    errors += judge_reply(expect.get("result", ANY), lines, requests)
    if is_too_long(expect.get("max_secs", MAX_SECS), *took):
        errors.append("%.1f s from end of data to reply, of which it computed %.1f, limit %s" % (*took, expect.get("max_secs", MAX_SECS)))
    if memory.grown > expect.get("max_rss_mb", MAX_RSS_MB):
        errors.append("resident memory grew by %.0f MiB, limit %s" % (memory.grown, expect.get("max_rss_mb", MAX_RSS_MB)))
    errors += judge_words(expect, lines, requests)
    if lines and lines[-1].startswith("2"):
        errors += judge_payload(expect.get("json", {}), requests)
    errors += judge_ordinary(site)
    if errors:
        raise Fail("%s (%d octets, reply %s)" % ("; ".join(errors), len(content), (lines or ["none, closed"])[-1][:120]))


def alternatives(result):
    """What a `result` allows: [(code "250", class "5xx" or "554 5.4.6", word that must come with it or None)].

    Alternatives are joined by "or": accepted, refused, a code, a class of codes, each with "with WORD" behind it or not.
    """
    found = []
    for text in re.split(r"\s+or\s+|\s*\|\s*", str(result).strip()):
        m = re.fullmatch(r"(\w+)(?:ly)?(?: (\d\.\d{1,3}\.\d{1,3}))?(?:\s+with\s+(?:an? )?([\w.-]+))?", text)
        code = m and (VERBS.get(m.group(1).lower()) or (m.group(1).lower() if re.fullmatch(r"[245](\d\d|[xX]{2})", m.group(1)) else None))
        if not code:
            raise Fail("the case has the unknown result %r" % result)
        found.append((code + (" " + m.group(2) if m.group(2) else ""), m.group(3)))
    return found


def allows(code, lines):
    """Whether a reply is of a code, a class, or a code and an enhanced code."""
    said, enhanced, _ = smtp.parse(lines)
    want, _, detail = code.partition(" ")
    return (str(said) == want or (want[1:] == "xx" and str(said)[0] == want[0])) and detail in ("", enhanced)


def judge_reply(result, lines, requests):
    listed = alternatives(result)
    allowed = [(code, word) for code, word in listed if lines and allows(code, lines)]
    if not allowed:
        error = wanted("reply", result, " / ".join(lines) if lines else "closed")
        if len(listed) == 1:
            raise Fail(error)
        return [error] + (["refused, and yet delivered"] if requests else [])
    if not lines[-1].startswith("2"):
        errors = ["refused, and yet delivered"] if requests else []
    else:
        errors = [] if len(requests) == 1 else [wanted("webhook", "1 request", "%d" % len(requests))]
    words = [word for _, word in allowed]
    if None not in words and not any(says(word, lines, requests) for word in words):
        errors.append(wanted("reply or payload", "one that says " + " or ".join(words), " / ".join(lines)))
    return errors


def says(word, lines, requests):
    """Whether a refusal has a word in its text, or the payload of what was accepted: as a member that is not empty, or in the value of parse_error."""
    if not lines or not lines[-1].startswith("2"):
        return word.lower() in " ".join(lines or []).lower()
    payload = payload_of(requests)
    return any(value not in (None, False, "", [], {}) for value in found(payload, word)) or any(word.lower() in str(v).lower() for v in found(payload, "parse_error"))


def judge_words(expect, lines, requests):
    """`word` is said, however the message ended; `parse_error` is that member of the payload of a message that was accepted."""
    errors = []
    for word in as_list(expect.get("word", [])):
        if not says(word, lines, requests):
            errors.append(wanted("reply or payload", "one that says %r" % word, " / ".join(lines or ["closed"])))
    if "parse_error" in expect and lines and lines[-1].startswith("2"):
        want, got = expect["parse_error"], [v for v in found(payload_of(requests), "parse_error") if v]
        if isinstance(want, bool) or want is None:
            right = bool(got) == bool(want)
        else:
            right = all(any(word.lower() in str(v).lower() for v in got) for word in as_list(want))
        if not right:
            errors.append(wanted("payload member parse_error", want, got))
    return errors


def as_list(value):
    return value if isinstance(value, list) else [value]


def payload_of(requests):
    try:
        return json.loads(requests[0].body) if requests else {}
    except ValueError:
        return {}


def judge_payload(want, requests):
    try:
        payload = json.loads(requests[0].body) if requests else {}
    except ValueError:
        return ["the webhook body is no JSON"]
    return [wanted("payload member " + key, value, sorted(map(repr, found(payload, key))))
            for key, value in want.items() if value not in found(payload, key)]


def found(value, key):
    """Every value that stands under `key`, at any depth outside the message's own headers."""
    out = []
    if isinstance(value, dict):
        for k, v in value.items():
            if k == key:
                out.append(v)
            elif k not in ("headers", "header_list"):
                out += found(v, key)
    elif isinstance(value, list):
        for item in value:
            out += found(item, key)
    return out


def judge_ordinary(site):
    began = time.monotonic()
    try:
        lines, *_ = submit(site, ORDINARY)
    except (Fail, OSError) as e:
        return ["the ordinary message after it: %s" % e]
    took = time.monotonic() - began
    if not lines or not lines[-1].startswith("250"):
        return [wanted("the ordinary message after it", "250", lines)]
    return ["the ordinary message after it took %.1f s, limit %.0f" % (took, ORDINARY_SECONDS)] if is_too_long(ORDINARY_SECONDS, took) else []
