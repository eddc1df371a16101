#!/usr/bin/env python3
"""System checks of certificates that are renewed while the gateway runs.

  certificates.py [--binary PATH]

By certbot from an ACME server of its own (pebble), and by files that change. smoke.py has the checks that need neither of the two.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

from bench import LOCAL, expect, written  # noqa: E402
from harness import instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402

HOOK = ROOT / "packaging" / "hooks" / "renewed-certificate"
HOST = "mx.hooks.example.net"
TLS = {**LOCAL, "listener": [{"tls": "starttls"}]}


def make(folder, name=HOST):
    """A lineage as certbot keeps it -> (certificate, key) as texts."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:" + name, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate.read_text(), key.read_text()


def shown(server):
    """The certificate that a new client gets after STARTTLS."""
    with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=PATIENCE) as client:
        client.starttls(context=ssl._create_unverified_context())
        return ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(binary_form=True))


def hook_environment(bench, server, **variables):
    """What an ACME client gives its hooks: `postern` on the path, and the client's own variables."""
    folder = bench.root / "bin"
    folder.mkdir(exist_ok=True)
    if not (folder / "postern").exists():
        (folder / "postern").symlink_to(bench.binary)
    return {"PATH": "%s:/usr/bin:/bin:/usr/sbin:/sbin" % folder, "LANG": "C.UTF-8", "HOME": str(bench.root), "POSTERN_DATA": str(server.root / "data"), **variables}


def run_hook(bench, server, **variables):
    done = subprocess.run(["/bin/sh", str(HOOK)], env=hook_environment(bench, server, **variables), cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def not_after(server):
    """The metric of the listener's certificate."""
    token = (server.root / "data" / "metrics.token").read_text().strip()
    status, _, body = server.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})
    expect("status of /metrics", 200, status)
    for line in body.decode().splitlines():
        if line.startswith("postern_tls_certificate_not_after_timestamp_seconds{"):
            return float(line.split()[-1])
    raise Fail("no metric of the certificate's end")


def without_keys(server, keys):
    """Neither logs nor stored data have a line of a key, except the files of keys."""
    lines = [line for key in keys for line in key.splitlines() if len(line) > 30 and "PRIVATE" not in line]
    if not lines:
        raise Fail("the keys have no lines to look for")
    for path in server.root.rglob("*"):
        if not path.is_file() or path.name in ("tls-installed.pem", "tls.key"):
            continue
        content = path.read_bytes()
        for line in lines:
            if line.encode() in content:
                raise Fail("%s contains a key" % path)


def renewed_by_a_hook(bench):
    """A deploy hook, called as certbot, lego and acme.sh call it, gives new clients the new certificate; open sessions go on, a restart keeps it, a bad pair changes nothing."""
    server = bench.server(TLS)
    account = instance.Account(server)
    hook = account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % instance.free_port(), "delivery_mode": "queued"}, expect=201)
    self_made, far = shown(server), not_after(server)
    client = smtp.Client(server.smtp_port)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO mx.partner.example.com", "250")
    client.command("STARTTLS", "220")
    client.start_tls()
    client.command("EHLO mx.partner.example.com", "250")
    client.command("MAIL FROM:<a@partner.example.com>", "250")
    keys = []
    for variables in (lambda f: {"RENEWED_LINEAGE": str(f), "RENEWED_DOMAINS": HOST},
                      lambda f: {"LEGO_CERT_PATH": str(f / "fullchain.pem"), "LEGO_CERT_KEY_PATH": str(f / "privkey.pem"), "LEGO_CERT_DOMAIN": HOST},
                      lambda f: {"CERT_FULLCHAIN_PATH": str(f / "fullchain.pem"), "CERT_KEY_PATH": str(f / "privkey.pem"), "Le_Domain": HOST}):
        lineage = bench.root / ("live-%d" % len(keys))
        certificate, key = make(lineage)
        keys.append(key)
        status, out, err = run_hook(bench, server, **variables(lineage))
        expect("the hook: " + err, 0, status)
        if HOST not in out:
            raise Fail("the hook does not say what it did: " + out)
        expect("the new certificate", certificate, shown(server))
    if not time.time() + 80 * 86400 < not_after(server) < far:
        raise Fail("the metric has the end of another certificate: %f" % not_after(server))
    client.command("RCPT TO:<%s>" % hook["email_address"], "250")
    client.command("DATA", "354")
    smtp.check("250", client.data(b"From: a@partner.example.com\r\nSubject: in flight\r\n\r\nhi\r\n"), "the end of data")
    client.close()
    expect("the process", True, server.alive())

    # A pair that does not match, and a certificate of another host.
    other = bench.root / "live-other"
    make(other)
    (other / "fullchain.pem").write_text(certificate)
    status, out, err = run_hook(bench, server, RENEWED_LINEAGE=str(other))
    expect("exit status of a pair that does not match: " + out + err, 65, status)
    if "does not belong" not in err or "remains in use" not in err:
        raise Fail("the reason is not named: " + err)
    www = bench.root / "live-www"
    keys += [(other / "privkey.pem").read_text(), make(www, "www.example.net")[1]]
    status, out, err = run_hook(bench, server, RENEWED_LINEAGE=str(www))
    expect("a certificate of another host: " + err, 0, status)
    expect("no client's variables", 64, run_hook(bench, server)[0])
    expect("after both", certificate, shown(server))

    listed = json.loads(server.command("tls", "status", "--data-dir", server.root / "data", "--json")[1])["listeners"][0]
    expect("status", ("installed", [HOST], "", True), (listed["source"], listed["names"], listed["error"], 88 <= listed["days_left"] <= 90))
    if not any("tls-installed.pem" in what for _, what in doctor(bench, server)):
        raise Fail("doctor looks at another certificate: %s" % doctor(bench, server))
    if self_made == certificate:
        raise Fail("the self-made certificate is the installed one")
    status, _, err = server.command("backup", bench.root / "backup", "--data-dir", server.root / "data")
    expect("backup: " + err, 0, status)
    server.stop()
    expect("the hook without a gateway", 69, run_hook(bench, server, RENEWED_LINEAGE=str(www))[0])
    without_keys(server, keys)
    server.start()
    expect("after a restart", certificate, shown(server))
    server.stop()
    status, _, err = bench.run("restore", bench.root / "backup", "--data-dir", server.root / "data", "--replace")
    expect("restore: " + err, 0, status)
    expect("mode after a restore", 0o600, (server.root / "data" / "tls-installed.pem").stat().st_mode & 0o777)
    server.start()
    expect("after a restore", certificate, shown(server))


def renewed_by_certbot(bench):
    """certbot gets a certificate from an ACME server (pebble) and calls the hook, at the first issue and at `certbot renew`."""
    server = bench.server(TLS)
    make(bench.root / "ca", "localhost")
    ports = [instance.free_port() for _ in range(4)]
    config = {"pebble": {"listenAddress": "127.0.0.1:%d" % ports[0], "managementListenAddress": "127.0.0.1:%d" % ports[1], "httpPort": ports[2], "tlsPort": ports[3],
                         "certificate": str(bench.root / "ca" / "fullchain.pem"), "privateKey": str(bench.root / "ca" / "privkey.pem"),
                         "ocspResponderURL": "", "externalAccountBindingRequired": False}}
    (bench.root / "pebble.json").write_text(json.dumps(config))
    # The server issues without asking the host: nothing here is about its questions.
    acme = subprocess.Popen(["pebble", "-config", str(bench.root / "pebble.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env={"PATH": os.environ["PATH"], "PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"})
    bench.stack.callback(acme.wait)
    bench.stack.callback(acme.kill)
    folders = [word for kind in ("config", "work", "logs") for word in ("--%s-dir" % kind, str(bench.root / "certbot" / kind))]

    def certbot(*words):
        done = subprocess.run(["certbot", *words, "--non-interactive", "--no-verify-ssl", "--server", "https://127.0.0.1:%d/dir" % ports[0], *folders],
                              env=hook_environment(bench, server), capture_output=True, text=True, timeout=PATIENCE, check=False)
        expect("certbot: " + done.stdout + done.stderr, 0, done.returncode)

    def answers():
        expect("pebble, which runs", None, acme.poll())
        with contextlib.suppress(OSError):
            return ssl.get_server_certificate(("127.0.0.1", ports[0]))
    until("pebble answers", answers)
    before = shown(server)
    certbot("certonly", "--standalone", "--http-01-port", str(instance.free_port()), "-d", HOST, "--agree-tos", "--register-unsafely-without-email",
            "--deploy-hook", str(HOOK))
    live = bench.root / "certbot" / "config" / "live" / HOST
    first = shown(server)
    if first == before or not (live / "fullchain.pem").read_text().startswith(first):
        raise Fail("the certificate of the first issue is not in use")
    certbot("renew", "--force-renewal", "--no-random-sleep-on-renew", "--http-01-port", str(instance.free_port()))
    second = shown(server)
    if second == first or not (live / "fullchain.pem").read_text().startswith(second):
        raise Fail("the renewed certificate is not in use")
    without_keys(server, [(live / "privkey.pem").read_text()])


def doctor(bench, server):
    """The findings about certificates, without asking a name server."""
    (bench.root / "zone").write_text(HOST + ". IN A 192.0.2.10\n")
    _, out, err = bench.run("doctor", "--config", server.root / "postern.toml", "--dns", bench.root / "zone", "--address", "192.0.2.10", "--json")
    if not out:
        raise Fail("doctor says nothing: " + err)
    return {(one["level"], one["what"]) for one in json.loads(out)["findings"] if one["check"] == "certificate"}


def files_that_change(bench):
    """Files of the configuration are looked at each minute: a certificate without its key yet is reported and not used, the whole pair is. `tls install` refuses a pair that no listener would use."""
    lineage = bench.root / "files"
    old, _ = make(lineage)
    server = bench.server({**LOCAL, "listener": [{"tls": "starttls", "certificate": str(lineage / "fullchain.pem"), "key": str(lineage / "privkey.pem")}]})
    data = server.root / "data"
    expect("at the start", old, shown(server))
    status, _, err = server.command("tls", "install", lineage / "fullchain.pem", lineage / "privkey.pem", "--data-dir", data)
    expect("an installation that no listener would use: " + err, 65, status)

    certificate, _ = make(bench.root / "next")
    shutil.copy(bench.root / "next" / "fullchain.pem", lineage / "fullchain.pem")
    written(server, "tls.renewal_failed")
    expect("with half of the new pair", old, shown(server))
    if not any(level == "fail" and "an older certificate stays in use" in what for level, what in doctor(bench, server)):
        raise Fail("doctor does not know of it: %s" % doctor(bench, server))
    shutil.copy(bench.root / "next" / "privkey.pem", lineage / "privkey.pem")
    expect("reload", 0, server.command("reload", "--data-dir", data)[0])
    expect("with the whole pair", certificate, shown(server))
    if any(level == "fail" for level, _ in doctor(bench, server)):
        raise Fail("doctor still reports it: %s" % doctor(bench, server))
    if "tls.renewed" not in server.log.read_text():
        raise Fail("the change is not in the log")
    server.process.send_signal(signal.SIGTERM)
    expect("exit status", 0, server.process.wait(PATIENCE))


CHECKS = [files_that_change, renewed_by_a_hook]  # of smoke.py, the one that waits a minute beside others

if __name__ == "__main__":
    import smoke
    if not shutil.which("certbot") or not shutil.which("pebble"):
        print("NOT RUN: certbot and pebble of tools/packages-test.txt are not installed", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    sys.exit(smoke.main([renewed_by_certbot], __doc__))
