"""Whether the policy loads: what `postern check` and `postern serve` say of it, and how soon."""
import json
import re
import socket
import subprocess
import time

from harness.cases import Fail, short, wanted
from harness.waiting import PATIENCE, is_too_long

KEYS = frozenset(["expect", "file", "line", "line_between", "contains", "within_ms", "warns"])


def words(text):
    """All that was said, and the values of JSON lines without their quoting."""
    said = [text]
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            said += [str(value) for value in entry.values()]
    return "\n".join(said)


def names_place(text, load):
    """Whether the text has the file, with its line where the case knows it."""
    if "line" in load:
        return re.search(r"%s:%d(?!\d)" % (re.escape(load["file"]), load["line"]), text) is not None
    if "line_between" in load:
        low, high = load["line_between"]
        return any(low <= int(n) <= high for n in re.findall(r"%s:(\d+)" % re.escape(load["file"]), text))
    return load["file"] in text


def judge_refusal(load, what, status, text, seconds):
    text = words(text)
    if status == 0:
        raise Fail(wanted(what, "an error", "status 0: " + text))
    if status < 0:
        raise Fail("%s died with signal %d: %s" % (what, -status, text[-1000:]))
    if not names_place(text, load):
        place = load["file"] + "".join(":%s" % (load[key],) for key in ("line", "line_between") if key in load)
        raise Fail(wanted("what %s says" % what, place, text))
    for part in load.get("contains", []):
        if part not in text:
            raise Fail(wanted("what %s says" % what, part, text))
    if is_too_long(load.get("within_ms", 1000 * PATIENCE) / 1000, seconds):
        raise Fail(wanted(what, "to end within %d ms" % load["within_ms"], "%.1f s" % seconds))


def timed(postern, *command):
    """-> (status, all output, seconds)"""
    began = time.monotonic()
    try:
        status, out, err = postern.command(*command)
    except subprocess.TimeoutExpired:
        raise Fail("postern %s still ran after %d s" % (command[0], PATIENCE)) from None
    return status, out + err, time.monotonic() - began


def somebody_listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serve_and_watch(site):
    """Starts the server -> (status, log, seconds). A listener that opens meanwhile fails."""
    began = time.monotonic()
    process = site.postern.spawn()
    try:
        while process.poll() is None:
            if somebody_listens(site.port):
                raise Fail("postern serve listens, with a policy that does not load: %s" % short(site.postern.tail(), 1000))
            if time.monotonic() - began > PATIENCE:
                raise Fail("postern serve still ran after %d s" % PATIENCE)
            time.sleep(0.02)
        seconds = time.monotonic() - began
    finally:
        site.postern.stop()
    return process.returncode, site.postern.log.read_text(encoding="utf-8", errors="replace"), seconds


def refused(site, load):
    """A policy that must not load. -> what `postern check` said"""
    checked = timed(site.postern, "check", "--config", site.postern.write_config())
    judge_refusal(load, "postern check", *checked)
    judge_refusal(load, "postern serve", *serve_and_watch(site))
    return checked[1]


def expects_an_error(entry):
    """Whether a hook of the case is to fail in a session (docs/lua-hooks.md, "When something is wrong")."""
    def has(node):
        if isinstance(node, dict):
            return any(has(each) for each in node.values())
        if isinstance(node, list):
            return any(has(each) for each in node)
        return str(node)[:3] in ("421", "451", "454") or str(node) in ("HOOK_TEMP", "AUTH_TEMP", "CONNECT_TEMP")  # words of replies.json
    return has(entry.get("sessions", []))


def checked(site, entry):
    """A policy that loads, once it was played: a check of it may ask Vault too. A call that can only fail is an error of `check` (L006), and of nothing
    else: where a hook of the case is to fail in a session, the gateway is to start with it. -> what `postern check` said"""
    load = entry["load"]
    status, text, _ = timed(site.postern, "check", "--config", site.postern.write_config())
    errors = set(re.findall(r"error\[(\w+)\]", text))
    if status != 0 and not (errors == {"L006"} and expects_an_error(entry)):
        raise Fail(wanted("postern check", "status 0", "status %d: %s" % (status, text[:1500])))
    said = words(text + site.postern.log.read_text(encoding="utf-8", errors="replace"))
    for part in load.get("warns", []):
        if part not in said:
            raise Fail(wanted("what check and start say", part, said))
    return text
