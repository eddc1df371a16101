#!/usr/bin/env python3
"""A stand-in that has learnt a restrictions suite by heart: it answers each dialogue as FAKE_SUITE (a directory) says it was measured.

It knows nothing of restriction lists; it only refuses a configuration that is not the one of the case. FAKE_FAULT makes it misbehave:
  wrong-code       RCPT gets another code        wrong-enhanced   RCPT gets x.9.9       no-enhanced   RCPT gets none
  stays            nothing is ever closed        closes           closes behind RCPT    serves-all    what must be refused is served
  silent-refusal   refused without an error      refuses          every configuration is refused, naming nothing
  open-relay       wants i_know_this_is_an_open_relay             451           RCPT gets 451 4.3.5   dies   at RCPT
  check-differs    serve refuses, check does not
  lint-MEMBER      a wrong finding               no-report        check says nothing of restrictions
  import-fails     a wrong exit status           import-vague    refuses without saying why
  import-names     a keyword is reported as not supported; import-names-other: a parameter that no list uses; either may stand before another fault
"""
import http.server
import json
import os
import pathlib
import re
import socketserver
import ssl
import sys
import threading
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import fake_postern  # noqa: E402
from players.lists.site import ELSEWHERE  # noqa: E402

FAULTS = os.environ.get("FAKE_FAULT", "").split(",")
FAULT = FAULTS[-1]
NAME = os.environ.get("CONFORMANCE_CASE", "")
SUITE = pathlib.Path(os.environ["FAKE_SUITE"])


def cases():
    for path in sorted(SUITE.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for case in document["cases"]:
            yield {**case, "base": document.get("base", {})}


def base():
    return next((c["base"] for c in cases() if c["base"]), {})


def configurations():
    for path in sorted(SUITE.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for entry in document.get("configurations", []):
            own = next(c for c in document["cases"] if c["origin_id"] == entry["id"])
            yield {"id": entry["id"], "lint": entry["lint"], "base": document["base"], "config": own["config"], "dialogue": own["dialogue"]}


def same(case, other):
    return all(case.get(k) == other.get(k) for k in ("config", "tables", "dns", "users", "policy", "client_cert"))


def expected(case):
    return {k: v for k, v in {"smtpd_sasl_auth_enable": "no", "address_verify_poll_delay": "1s", **case["base"], **case["config"]}.items() if k not in ELSEWHERE}


def written(restrictions):
    """Parameters as the suite writes them."""
    out = {}
    for name, value in restrictions.items():
        if name in ("errors", "i_know_this_is_an_open_relay"):
            continue
        value = re.sub(r"(?<=:)/\S*?/tables/(\w+)", r"@\1", value)
        out[name] = re.sub(r"inet:127\.0\.0\.1:\d{4,5}", "@policy", value)
    return out


def problems(config, case):
    """The errors of a configuration."""
    lists = config.get("restrictions", {})
    if written(lists) != expected(case):
        return ["these are not the parameters of %s: %s" % (NAME, json.dumps(written(lists)))]
    if "dialogue" in case and case["dialogue"][0]["expect"].get("no_service"):
        return [] if FAULT == "serves-all" else ["nothing stops relaying"]
    if FAULT == "refuses":
        return ["something is wrong"]
    if FAULT == "open-relay" and not lists.get("i_know_this_is_an_open_relay"):
        return ["this is an open relay: say `i_know_this_is_an_open_relay = true`"]
    return []


def finding(case):
    if "lint" in case:
        lint = case["lint"]
        return {"starts": lint["starts"], "complete": {k: v == "complete" for k, v in lint["lists"].items()}, "unreachable": [],
                "open_relay": "yes" if lint["open_relay"] else "no", "witness": ["MAIL FROM:<>"],
                "errors": [["smtpd_data_restrictions", 0, "unknown keyword " + k] for k in lint["unknown_keywords"]]}
    found = {"witness": ["MAIL FROM:<>"], **case["expect"]}
    found["errors"] = [[name, index, "unknown keyword"] for name, index in found["errors"]]
    wrong = {"starts": not found["starts"], "complete": {k: not v for k, v in found["complete"].items()}, "unreachable": [["smtpd_etrn_restrictions", 9]],
             "open_relay": "no" if found["open_relay"] != "no" else "yes", "errors": [["smtpd_etrn_restrictions", 9, "x"]], "witness": []}
    member = FAULT.partition("lint-")[2]
    return {**found, **({member: wrong[member]} if member else {})}


def check(config, case):
    errors = problems(config, case)
    status = 78 if errors else 0
    if FAULT == "silent-refusal":
        return 78
    document = {"diagnostics": [{"severity": "error", "code": "R001", "message": e} for e in errors]}
    if ("expect" in case or "lint" in case) and FAULT != "no-report":
        document["restrictions"] = finding(case)
    print(json.dumps(document))
    return 0 if FAULT == "check-differs" else status


def bring(argv, case):
    """import postfix MAIN_CF --out FILE --json"""
    text = pathlib.Path(argv[argv.index("postfix") + 1]).read_text(encoding="utf-8")
    if FAULT == "import-fails" or (case["dialogue"][0]["expect"].get("no_service") and FAULT != "serves-all"):
        print("error: nothing stops relaying" if FAULT != "import-vague" else "error", file=sys.stderr)
        return 1
    rows = [{"name": "smtpd_sender_restrictions", "fate": "carried"}]
    if FAULTS[0] in ("import-names", "import-names-other"):
        rows.append({"name": "check_sender_mx_access" if FAULTS[0] == "import-names" else "html_directory", "fate": "not_supported", "note": None})
    if "/etc/postfix/" in text:
        print("error: a path was not moved: " + text, file=sys.stderr)
        return 1
    settings = {"server": {"hostname": "mx.example.com"}, "restrictions": expected(case)}
    files = re.findall(r"(?m)^smtpd_tls_(?:cert|key)_file *= *(.*)$", text)
    if len(files) == 2:
        settings["[listener]"] = {"tls": "starttls", **dict(zip(("certificate", "key") if files[0].endswith(".pem") else ("key", "certificate"), files))}
    toml = "".join("[%s]\n%s\n" % (name, "\n".join("%s = %s" % (k, json.dumps(v)) for k, v in part.items())) for name, part in settings.items())
    pathlib.Path(argv[argv.index("--out") + 1]).write_text(toml, encoding="utf-8")
    print(json.dumps({"parameters": rows, "notes": ["no local_recipient_maps"]}))
    return 0


class Smtp(socketserver.StreamRequestHandler):
    def say(self, step):
        expect, sent = dict(step["expect"]), step.get("send") or step.get("pipelined") or ""
        if sent.startswith("RCPT"):
            if FAULT == "dies":
                os._exit(134)
            expect.update({"wrong-code": {"code": 299}, "wrong-enhanced": {"enhanced": "2.9.9"}, "no-enhanced": {"enhanced": None},
                           "closes": {"closed": True}, "451": {"code": 451, "enhanced": "4.3.5"}}.get(FAULT, {}))
        if "code" in expect:
            self.wfile.write(("%d %s text\r\n" % (expect["code"], expect.get("enhanced") or "")).replace("  ", " ").encode())
        if expect.get("closed") and FAULT != "stays" and sent != "STARTTLS":
            raise ConnectionError

    def handle(self):
        self.buffer = b""
        try:
            self.converse()
        except ConnectionError:
            pass

    def line(self):
        """One line; what came with it in one write stays in the buffer."""
        while b"\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8").rstrip("\r")

    def fits(self, dialogue, number, word):
        """Whether the dialogue goes on with this line, and with more behind it where it is pipelined."""
        step, more = dialogue[number], "pipelined" in dialogue[number] and number + 1 < len(dialogue) and "pipelined" in dialogue[number + 1]
        return word == (step.get("pipelined") or step.get("send")) and bool(self.buffer) == more

    def converse(self):
        address = self.line().split()[2]
        dialogues = [c["dialogue"] for c in self.server.cases if c["client"]["addr"] == address]
        if not dialogues:
            return
        self.say(dialogues[0][0])
        number = 1
        while dialogues := [d for d in dialogues if len(d) > number]:
            word = self.line()
            if "body" in dialogues[0][number]:
                body = [word]
                while (word := self.line()) != ".":
                    body.append(word)
                dialogues = [d for d in dialogues if d[number].get("body") == body]
            else:
                dialogues = [d for d in dialogues if self.fits(d, number, word)]
            if not dialogues:
                self.wfile.write(b"500 5.5.2 that is not in the dialogue\r\n")
                return
            self.say(dialogues[0][number])
            if word == "STARTTLS" and dialogues[0][number]["expect"].get("code") == 220:
                self.start_tls()
            number += 1
        self.line()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.wfile = self.connection.makefile("wb", 0)


def serve(config, case):
    if problems(config, case) or FAULT in ("silent-refusal", "check-differs"):
        print("fake: refused", file=sys.stderr)
        return 78
    address = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    listener = config["listener"][0]
    smtp = fake_postern.Server(address(listener["address"]), Smtp)
    smtp.cases = [c for c in cases() if same(c, case)]
    smtp.certificate = (listener.get("certificate"), listener.get("key"))
    threading.Thread(target=smtp.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(address(config["api"]["address"]), fake_postern.Api).serve_forever()
    return 0


def main():
    argv = sys.argv[1:]
    case = next(({**c, "base": c["base"] or base()} for c in [*cases(), *configurations()] if c["id"] == NAME), None)
    if case is None:
        print("fake: no case %r" % NAME, file=sys.stderr)
        return 78
    if argv[0] == "import":
        return bring(argv, case)
    config = tomllib.loads(pathlib.Path(argv[argv.index("--config") + 1]).read_text(encoding="utf-8"))
    return check(config, case) if argv[0] == "check" else serve(config, case)


if __name__ == "__main__":
    sys.exit(main())
