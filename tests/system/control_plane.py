"""System checks of the control plane under siege: idle sockets, slow bodies and long polls of one account or one address keep nobody else out."""
import contextlib
import http.client
import json
import os
import resource
import socket
import time

from bench import LOCAL, expect
from harness import instance
from harness.cases import Fail
from harness.waiting import PATIENCE, until

# Loopback addresses that play clients elsewhere, each in a network (/24) of its own.
STRANGER, TENANT, NEIGHBOUR = "127.0.7.1", "127.0.8.1", "127.0.9.1"
# Connections that ask nothing are never closed here: who is locked out by them gets no answer at all.
FOR_EVER = {"idle_timeout": "1h", "request_timeout": "1h"}
# An answer of somebody else's takes milliseconds, and this long where the machine is busy; who is locked out by long polls waits for their half minute.
BOUND = 10.0


def connect(server, source):
    return socket.create_connection(("127.0.0.1", server.api_port), timeout=PATIENCE, source_address=(source, 0))


def call(server, source, path, token=None, method="GET", body=None):
    """-> (status, answer)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=PATIENCE, source_address=(source, 0))
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None
    finally:
        connection.close()


def all_is_well(server, neighbour, what):
    """The neighbour, the state of the gateway and its figures answer -> the seconds of the slowest."""
    slowest = 0
    figures = (server.root / "data" / "metrics.token").read_text().strip()
    for path, token in (("/api/v1/webhooks", neighbour.token), ("/healthz", None), ("/readyz", None), ("/metrics", figures)):
        for source in (NEIGHBOUR, "127.0.0.1"):
            begun = time.monotonic()
            status = metrics(server, source, token) if path == "/metrics" else call(server, source, path, token)[0]
            expect("%s: %s from %s" % (what, path, source), 200, status)
            slowest = max(slowest, time.monotonic() - begun)
    return slowest


def metrics(server, source, token):
    with connect(server, source) as client:
        client.sendall(("GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n" % token).encode())
        return int(client.recv(65536).split()[1])


def held(server, sources, count, octets):
    """So many connections that have sent these octets."""
    clients = []
    for i in range(count):
        client = connect(server, sources[i % len(sources)])
        if octets:
            with contextlib.suppress(OSError):  # a newer connection may have taken its place
                client.sendall(octets)
        clients.append(client)
    return clients


def close(clients):
    for client in clients:
        client.close()


def strangers_keep_nobody_out(bench):
    """400 idle sockets, 400 half heads and 400 slow bodies of one address beside a neighbour; with room for 200 connections."""
    server = bench.server({**LOCAL, "api": {"connections": 200, "requests": 100, "requests_per_client": 40, **FOR_EVER}})
    neighbour = instance.Account(server)
    # Newer connections replace those of the flooding client: the test is whether others are
    # answered meanwhile.
    for what, octets in (("idle sockets", b""), ("half heads", b"GET /healthz HT"),
                         ("slow bodies", b"POST /api/v1/sessions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")):
        clients = held(server, [STRANGER], 400, octets)
        all_is_well(server, neighbour, what)
        close(clients)
    # Everything at once, and from three addresses.
    clients = held(server, [STRANGER, "127.0.17.1", "127.0.18.1"], 400, b"POST /api/v1/sessions HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n")
    expect("health while all places may be taken", 200, call(server, NEIGHBOUR, "/healthz")[0])
    close(clients)
    until("places are free when clients have left", lambda: call(server, STRANGER, "/api/v1/ping")[0] == 200)


def a_tenant_keeps_nobody_out(bench):
    """400 long polls of one account: it has 16 of them at a time; they end with their clients, and others are answered."""
    server = bench.server(LOCAL)
    neighbour, tenant = instance.Account(server), instance.Account(server)
    webhook = tenant.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)["id"]
    poll = ("GET /api/v1/webhooks/%s/inbox?wait=30 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n" % (webhook, tenant.token)).encode()
    for _ in range(5):  # a busy machine may be slow once
        clients = held(server, [TENANT, "127.0.0.1"], 400, poll)
        slowest = all_is_well(server, neighbour, "400 long polls")
        if slowest <= BOUND:
            break
        close(clients)
    else:
        raise Fail("beside 400 long polls an answer took %.1f s" % slowest)
    refused = 0
    for client in clients:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            refused += b"429" in client.recv(4096)[:12]
    # At least one has a place; the others are refused at once.
    if refused < 300:
        raise Fail("%d of 400 long polls were refused" % refused)
    close(clients)

    def polls():
        with connect(server, TENANT) as client:
            client.settimeout(1)
            client.sendall(poll)
            try:
                return b"429" not in client.recv(4096)[:12]
            except TimeoutError:
                return True  # it waits, so it has a place

    until("a long poll has a place when the others have left", polls)


def removed_members_hear_nothing(bench):
    """The live tail and the long poll of a removed member end with 401, before the half minute of the poll: over, that has another answer."""
    server = bench.server(LOCAL)
    owner = instance.Account(server)
    webhook = owner.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)["id"]
    for how in ("removed", "signed out", "revoked"):
        link = owner.call("POST", "/invitations", {"role": "viewer"}, expect=201)["link"].split("?link=")[1]
        email = how.replace(" ", "") + "@example.com"
        person = {"email": email, "password": "correct-horse-battery"}
        status, made = call(server, "127.0.0.1", "/api/v1/accounts", None, "POST", {**person, "link": link})
        expect("joined", 201, status)
        _, signed_in = call(server, "127.0.0.1", "/api/v1/sessions", None, "POST", person)
        access = token = signed_in["access_token"]
        if how == "revoked":
            _, given = call(server, "127.0.0.1", "/api/v1/api-tokens", access, "POST", {"name": "t", "scopes": ["read"]})
            token = given["token"]
        clients = []
        for path in ("/api/v1/traces/stream", "/api/v1/webhooks/%s/inbox?wait=30" % webhook):
            client = connect(server, TENANT)
            client.sendall(("GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n" % (path, token)).encode())
            clients.append(client)
        while b"retry" not in clients[0].recv(4096):
            pass
        time.sleep(0.2)  # by then it waits; else it is refused at its start, which is also correct
        if how == "removed":
            expect(how, 204, call(server, "127.0.0.1", "/api/v1/members/" + made["id"], owner.token, "DELETE")[0])
        elif how == "signed out":
            expect(how, 204, call(server, "127.0.0.1", "/api/v1/sessions", access, "DELETE", {"refresh_token": signed_in["refresh_token"]})[0])
        else:
            expect(how, 204, call(server, "127.0.0.1", "/api/v1/api-tokens/" + given["id"], access, "DELETE")[0])
        tail = clients[0].recv(4096)
        while (more := clients[0].recv(4096)):
            tail += more
        told = clients[1].recv(4096)
        if not tail.endswith(b"0\r\n\r\n"):
            raise Fail("%s: the tail did not end in order: %r" % (how, tail))
        expect("%s: the long poll" % how, b"401", told.split()[1] if told else told)
        close(clients)


def no_core_file_without_a_word(bench):
    """A crash leaves no core file, unless server.core_dumps says so; root still reads /proc/PID/fd."""
    for wanted in (False, True):
        server = bench.server({**LOCAL, "server": {"core_dumps": wanted}})
        limits = resource.prlimit(server.pid, resource.RLIMIT_CORE)
        if not wanted:
            expect("the limit of core files", (0, 0), limits)
        expect("who owns /proc/PID", wanted or os.geteuid() == 0, os.stat("/proc/%d/mem" % server.pid).st_uid == os.geteuid())
        if os.geteuid() == 0 and not os.listdir("/proc/%d/fd" % server.pid):
            raise Fail("/proc/PID/fd is empty")
        server.remove()


CHECKS = [strangers_keep_nobody_out, a_tenant_keeps_nobody_out, removed_members_hear_nothing, no_core_file_without_a_word]
