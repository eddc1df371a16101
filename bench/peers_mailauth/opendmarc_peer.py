"""libopendmarc, through opendmarc_peer.c. usage: opendmarc_peer.py PROGRAM"""
import hashlib
import pathlib
import sys
import tempfile

import talk
from helper import Helper

library = Helper(sys.argv[1])
directory = tempfile.TemporaryDirectory()


def suffix_file(rules):
    text = "\n".join(rules) + "\n"
    path = pathlib.Path(directory.name) / hashlib.sha256(text.encode()).hexdigest()[:16]
    path.write_text(text, encoding="utf-8")
    return path


def word(text):
    return "x" + text.encode("utf-8").hex()


def check(request):
    spf = request["spf"]
    said = spf["result"] if spf["identity"] == "mailfrom" and spf["domain"] else "-"
    words = [word(said), word(spf["domain"])]
    for one in request["dkim"]:
        words += [word(one["result"]), word(one["domain"])]
    result, policy = library.ask(suffix_file(request["public_suffix_rules"]), word(request["from_domain"]), *words)
    return {"result": result, "policy": "" if policy == "-" else policy}


talk.serve({"dmarc": check})
