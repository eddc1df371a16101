"""libopendkim, through opendkim_peer.c. usage: opendkim_peer.py PROGRAM"""
import base64
import sys

import talk
from helper import Helper

library = Helper(sys.argv[1])


def octets(text):
    return text.encode("utf-8").hex()


def verify(request):
    return {"signatures": library.ask("verify", request["now"], base64.b64decode(request["message_b64"]).hex())}


def sign(request):
    fields = ""
    header_form, body_form = request["canonicalization"].split("/")
    for key in request["keys"]:
        algorithm = "ed25519" if len(key["pem"]) < 300 else "rsa"
        made = library.ask("sign", request["timestamp"], octets(key["selector"]), octets(key["domain"]), header_form, body_form,
                           algorithm, request.get("body_length", -1), octets(":".join(request["headers"])), octets(key["pem"]),
                           base64.b64decode(request["message_b64"]).hex())
        if not made:
            return {"error": "it made no signature"}
        value = bytes.fromhex(made[0]).decode("utf-8", "replace").replace("\r\n", "\n").replace("\n", "\r\n")
        fields += f"DKIM-Signature: {value}\r\n"
    return {"fields": fields}


talk.serve({"dkim": verify, "dkim-sign": sign})
