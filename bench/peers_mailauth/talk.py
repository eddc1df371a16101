"""The library's end of the pipe, for libraries that Python can call.

One JSON request a line on stdin, one JSON answer a line on stdout. In between a library may ask for DNS: a line with a
`question`, answered by a line with what the zone of the case says."""
import json
import os
import sys
import time

import dns.exception
import dns.name

_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # output of a library must not mix with the answers

_now = None
_clock = time.time
time.time = lambda: _clock() if _now is None else float(_now)  # the clock of the case


def _say(line):
    _out.write(json.dumps(line) + "\n")
    _out.flush()


def ask(name, kind, wire=False):
    """-> {"status": "NOERROR" or a fault, "answers": [[owner, type, data], ...]}, or a packet {"wire": hex}.

    Octets come as hex. BADNAME says that the name cannot be asked for."""
    if not wire and not name.isascii():
        # dnspython, the usual resolver of these Python libraries, makes A-labels.
        try:
            name = dns.name.from_text(name).to_text(omit_final_dot=True)
        except (dns.exception.DNSException, UnicodeError):
            return {"status": "BADNAME", "answers": []}
    _say({"question": [name, kind], "wire": wire})
    return json.loads(sys.stdin.readline())


def texts(answer):
    """The TXT records of an answer as lists of octet strings."""
    return [[bytes.fromhex(chunk) for chunk in data] for _, kind, data in answer["answers"] if kind == "TXT"]


def serve(kinds):
    """Answers until the pipe ends. An exception of the library is its answer."""
    global _now
    while line := sys.stdin.readline():
        request = json.loads(line)
        _now = request.get("now")
        try:
            answer = kinds[request["kind"]](request)
        except Exception as trouble:  # whatever a library throws
            answer = {"error": f"{type(trouble).__name__}: {trouble}"[:300]}
        _say(answer)
