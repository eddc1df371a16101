"""Self-test of the player of hostile HTTP requests: a token that is taken, or a time that tells something, fails its case. Needs no Postern."""
import json
import unittest

import selftest
from players.attacks import http, http_compare, http_judge

NOT = {"status": [401], "body_absent": "pol_"}
PATH = {"method": "GET", "path": "/api/v1/smtp-policies", "headers": {}}


def case(name, auth=None, expect=None, **request):
    return {"id": name, "kind": "token", "title": name, "request": {**PATH, **({"auth": auth} if auth else {}), **request}, "expect": expect or NOT}


class Played(selftest.Runner):
    """Tokens and times of hostile HTTP requests."""

    brief = "test_the_token_in_the_query",

    def play(self, fault, last, *cases, texts=()):
        (self.folder / "http.json").write_text(json.dumps({"format": "postern-http/1", "cases": list(cases)}), encoding="utf-8")
        self.expect("attacks", fault, 0 if " 0 failed" in last else 1, last + ", 0 skipped", *texts)

    def test_tokens_sealed_with_a_known_key(self):
        cases = [case("plain", {"jwt": {"claims": "valid", "sign": "hmac:secret"}}),
                 case("named", {"jwt": {"header": {"alg": "HS512"}, "sign": "hmac:secret-of-${tenant_b.policy}"}}),
                 case("object", {"jwt": {"claims": {"sub": "${tenant_b.policy}"}, "sign": {"hmac": "secret-of-${valid.policy}"}}})]
        strange = [case("sign", {"jwt": {"sign": "rsa:x"}}), case("object-name", {"jwt": {"sign": "hmac:${nobody.key}"}})]
        self.play("", "3 passed, 2 failed", *cases, *strange, texts=["the case has the unknown sign 'rsa:x'", "the unknown object ${nobody.key}"])
        self.play("weak-key", "2 passed, 1 failed", *cases, texts=["FAIL http/object", "expected [401]"])

    def test_the_token_in_the_query(self):
        cases = [case("a", "query"), case("b", {"query": "access_token"}), case("c", {"use": "query_token"}),
                 case("d", {"query": {"name": "access_token"}}), case("e", {"in": "query", "name": "access_token"}),
                 case("f", {"query": "access_token=${token}"}), case("g", path=PATH["path"] + "?access_token=${valid.token}")]
        self.play("", "7 passed, 0 failed", *cases)
        self.play("query-token", "0 passed, 7 failed", *cases)

    def test_the_refresh_token(self):
        cases = [case("a", "refresh"), case("b", {"use": "refresh-token"}), case("c", "refresh_token"), case("d", {"raw": "Bearer ${valid.refresh_token}"})]
        strange = [case("x", "telepathy"), case("y", {"use": "refresh", "twice": True})]
        self.play("", "4 passed, 2 failed", *cases, *strange, texts=["the case has the unknown auth 'telepathy'"])
        self.play("refresh-token", "0 passed, 4 failed", *cases)

    def test_times_are_compared(self):
        login = {"method": "POST", "path": "/api/v1/login", "headers": {"Content-Type": "application/json"}}
        body = lambda name: {"json": {"username": name, "password": "wrong"}}
        two = {"id": "two", "kind": "rate", "title": "", "request": {**login, "compare": [body("known"), body("nobody")]}, "expect": {"assert": "same time"}}
        bare = {**two, "id": "bare", "request": {"compare": {"a": body("known")["json"], "b": body("nobody")["json"]}}, "expect": {"max_ratio": 3}}
        one = {**two, "id": "one", "request": {**login, "body": body("known")}, "expect": {"status": [401], "compare": {"with": {"body": body("nobody")}, "max_diff_secs": 0.05}}}
        named = {**two, "id": "named", "request": {**login, "body": body("known")}, "expect": {"status": [401], "compare": {"with": "two-b", "max_diff_ms": 50}}}
        other = {**two, "id": "two-b", "request": {**login, "body": body("nobody")}, "expect": {"status": [401]}}
        self.play("", "5 passed, 0 failed", two, bare, one, named, other)
        # The user of the first of two is made to exist: the others find it there.
        self.play("slow-sign-in", "1 passed, 4 failed", two, bare, one, named, other, texts=["FAIL http/two: compare:", "max_ratio", "max_diff_secs", "max_diff_ms"])
        self.play("tells-users", "0 passed, 1 failed", two, texts=["compare: the same status"])
        wrong = (({"with": "nobody"}, "unknown case 'nobody'"), ({"with": body("a"), "mood": 1}, "unknown member mood"), ({"max_ratio": 2}, "no request to compare"),
                 ([body("a")], "1 requests, not two"), (7, "which is no request"))
        cases = [{**one, "id": "w%d" % i, "expect": {"status": [401], "compare": compare}} for i, (compare, _) in enumerate(wrong)]
        self.play("", "0 passed, 5 failed", *cases, texts=[text for _, text in wrong])

    def test_what_cannot_be_judged_fails(self):
        self.play("", "1 passed, 1 failed", case("good"), case("vague", expect={"assert": "all is well"}), texts=["says nothing that this runner can judge"])


class Parts(unittest.TestCase):
    def test_limits(self):
        self.assertEqual(http_compare.limits({}, {"assert": "differ by less than 20 %"}), {"max_ratio": 1.2})
        self.assertEqual(http_compare.limits({}, {"assert": "within 50 ms"}), {"max_diff_ms": 50})
        self.assertEqual(http_compare.limits({"max_ratio": 3}, {"assert": "within 50 ms"}), {"max_ratio": 3})
        self.assertEqual(http_compare.judge({"max_ratio": 2}, 0.001, 0.008), [])
        self.assertTrue(http_compare.judge({"max_ratio": 2}, 0.03, 0.1))

    def test_what_may_stand_for_a_list(self):
        judge = lambda expect: http_judge.judge_response(expect, b"HTTP/1.1 404 No\r\n\r\npol_1 secret", True)
        for good in ({"status": 404}, {"status": ["4xx"]}, {"status": [401, 404], "body_absent": ["a", "b{3}"]}):
            self.assertEqual(judge(good), [])
        for bad in ({"status": 401}, {"status": ["5xx", 200]}, {"status": 404, "body_absent": ["a", "pol_"]}):
            self.assertTrue(judge(bad))

    def test_headers_are_found_in_any_case(self):
        self.assertEqual(http_judge.judge_response({"header_present": ["X-A: b"]}, b"HTTP/1.1 200 Ok\r\nX-A: b\r\n\r\n", True), [])

    def test_header_values_of_requests(self):
        attack = http.Attack.__new__(http.Attack)
        attack.site = type("S", (), {"postern": type("P", (), {"api_port": 1})})
        attack.request = {"method": "GET", "path": "/x", "headers": {"X-A": ["1", "2"], "X-B": "${repeat:b:3}", "Host": "h"}}
        text = attack.octets(["Cookie: c", http.QUERY + "t=1"]).decode()
        for line in ("GET /x?t=1 HTTP/1.1", "x-a: 1\r\nx-a: 2", "x-b: bbb", "Cookie: c"):
            self.assertIn(line, text)


if __name__ == "__main__":
    unittest.main()
