#!/usr/bin/python3
"""Our DKIM signatures before another verifier: dkimpy (python3-dkim in tools/packages-test.txt).

usage: signatures.py STAMP_DUMP

Ends with "N passed, M failed"; exit status 1 when a check failed, 77, loudly, where dkimpy is missing and CI is not set.
"""
import os
import subprocess
import sys
import tempfile

try:
    import dkim
    import nacl  # noqa: F401  dkimpy cannot read Ed25519 without it
except ImportError as error:
    print(f"NOT RUN: {error}; tools/bootstrap test installs python3-dkim and python3-nacl", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") else 77)

HEADER = (b"Received: by relay.example\r\nFrom: Ann <ann@example.com>\r\nTo: bob@example.net,\r\n\tcarl@example.net\r\n"
          b"Subject:  =?utf-8?q?fig=C3=BCres?=  \r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n")
MESSAGES = {
    "usual": HEADER + b"\r\nHello,  \t world \r\n\r\n\r\n",
    "no body": b"From: ann@example.com\r\n\r\n",
    "8 bit": HEADER + b"\r\nGr\xc3\xbc\xc3\x9fe\r\n.\r\n..\r\n",
    "several lines of white space": HEADER + b"\r\n \r\n\t\r\nx \t y\t\r\n \r\n",
    "no last line end": HEADER + b"\r\nx",
    "results in our name": b"Authentication-Results: mx.example.org;\r\n spf=pass\r\n" + HEADER + b"\r\nx\r\n",
    "large": HEADER + b"\r\n" + b"a line  of text \t\r\n" * 100000,
    "of a host below": HEADER.replace(b"ann@example.com", b"ann@www.example.com") + b"\r\nx\r\n",
}
OVERSIGNED = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Content-Type", "MIME-Version"]


def stamped(tool, message):
    with tempfile.NamedTemporaryFile("r") as records:
        done = subprocess.run([tool, "example.com", records.name], input=message, capture_output=True, timeout=180)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        return done.stdout, dict(line.rstrip("\n").split(" ", 1) for line in records)


def verified(octets, records):
    """How dkimpy judges each DKIM-Signature, from the top."""
    def txt(name, timeout=5):
        return records.get(name.decode().rstrip("."), "").encode()
    count = octets.partition(b"\r\n\r\n")[0].lower().count(b"dkim-signature:")
    judged = []
    for index in range(count):
        try:
            judged.append(dkim.DKIM(octets, minkey=1024).verify(idx=index, dnsfunc=txt))
        except dkim.DKIMException as error:
            judged.append(str(error))
    return judged


def main():
    tool = sys.argv[1]
    passed = failed = 0

    def check(name, expected, got):
        nonlocal passed, failed
        if expected == got:
            passed += 1
        else:
            failed += 1
            print(f"{name}: expected {expected}, got {got}", file=sys.stderr)

    for name, message in MESSAGES.items():
        octets, records = stamped(tool, message)
        check(name, [True, True], verified(octets, records))
    octets, records = stamped(tool, MESSAGES["usual"])
    check("another body", [False, False], [one is True for one in verified(octets + b"x\r\n", records)])
    for field in OVERSIGNED:
        forged = field.encode() + b": eve@example.net\r\n" + octets
        check(f"{field} added", [False, False], [one is True for one in verified(forged, records)])
    relayed = b"Received: by next.example\r\nAuthentication-Results: next.example; none\r\n" + octets
    check("relayed on", [True, True], verified(relayed, records))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
