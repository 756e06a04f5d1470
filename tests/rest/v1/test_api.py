import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import errors
from dynamicrypt.access.tokens import ANONYMOUS, OWNER, Tokens, load_owner
from dynamicrypt.location import TOKEN_FILE
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.rest.v1.api import MAX_MESSAGE
from tests.rest.fake import FakeNode, Service
from tests.rest.site import fresh_site
from tests.web.talk import Client, Response, get, post

JSON = b"Content-Type: application/json"

#: A valid request of every POST route.
REQUESTS: dict[str, dict[str, object]] = {
    "init": {"service_name": "s"},
    "init_config": {"service_name": "s", "partner_name": "p"},
    "sync": {
        "service_name": "s",
        "partner_name": "p",
        "address_of_other_tpm": "127.0.0.1",
        "port_of_other_tpm": 8001,
    },
    "status": {"service_name": "s"},
    "encrypt": {"service_name": "s", "message": "m", "operation": 0, "mode": 1},
    "exit": {"service_name": "s"},
}

WRONG: tuple[object, ...] = (None, True, [], 1.5)

INVALID = {"error": "invalid request"}
UNKNOWN = {
    "init_config": {"status": 0},
    "sync": {"status": 0},
    "exit": {"error": "service_name not found"},
}


def leaves(kind: type[errors.DynamiCryptError]) -> list[type[errors.DynamiCryptError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


class V1Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.client = Client(fresh_site(self.node))

    def ask(self, route: str, **changes: object) -> Response:
        body = json.dumps({**REQUESTS[route], **changes}).encode()
        return self.client.post(f"/v1/options/{route}", body)

    def answer(self, route: str, **changes: object) -> dict[str, Any]:
        response = self.ask(route, **changes)
        self.assertEqual(response.status, 200)
        content: dict[str, Any] = json.loads(response.body)
        return content


class RouteTests(V1Case):
    def test_a_whole_dialogue(self) -> None:
        registered = {
            "service_name": "s",
            "address_of_this_tpm": "127.0.0.1",
            "port_of_this_tpm": 8001,
        }
        self.node.partners.add(("127.0.0.1", 8001))
        self.assertEqual(self.answer("init", wire=1), registered)
        self.assertEqual(self.answer("init_config"), {"status": 1})
        self.assertEqual(self.answer("status"), {"status": 0})
        self.assertEqual(self.answer("encrypt"), {"error": "wait"})
        self.assertEqual(self.answer("sync", wire=1), {"status": 1})
        self.assertEqual(self.answer("status"), {"status": 1})
        for mode in (1, 2):
            sealed = self.answer("encrypt", message="grüße ✓", mode=mode)
            opened = self.answer("encrypt", **{**sealed, "operation": 1})
            self.assertEqual(opened, {"message": "grüße ✓", "mode": mode})
        self.assertEqual(self.answer("exit"), {"status": "ok"})
        self.assertEqual(self.answer("exit"), {"error": "service_name not found"})

    def test_a_header_names_the_key_of_a_sealed_message(self) -> None:
        self.node.services["s"] = Service(ANONYMOUS, live=True, keys=True)
        self.assertEqual(self.ask("encrypt").headers[b"dynamicrypt-key"], b"0.0")
        self.assertNotIn(b"dynamicrypt-key", self.ask("encrypt", mode=2).headers)

    def test_test_ok_says_ok(self) -> None:
        answer = self.client.ask(get("/v1/options/test-ok"))
        self.assertEqual((answer.status, answer.body), (200, b"ok"))

    def test_405_names_the_methods(self) -> None:
        answer = self.client.ask(get("/v1/options/init", method="DELETE"))
        self.assertEqual((answer.status, answer.headers[b"allow"]), (405, b"POST"))

    def test_unknown_paths_get_the_text_of_the_thesis(self) -> None:
        for path in ("/v1", "/v1/", "/v1/options/", "/v1/options/a/b", "/v1/%ff"):
            answer = self.client.ask(post(path, b"{}"))
            self.assertEqual(
                (answer.status, answer.body), (404, b"Could not find a matching route")
            )

    def test_a_body_that_is_no_object_is_400_on_every_route(self) -> None:
        for route in REQUESTS:
            for body in (b"", b"[]", b"null", b"{", b"\xff", b'{"service_name":NaN}'):
                answer = self.client.post(f"/v1/options/{route}", body)
                self.assertEqual((answer.status, json.loads(answer.body)), (400, INVALID))

    def test_a_missing_or_ill_typed_field_is_200_on_every_route(self) -> None:
        for route, request in REQUESTS.items():
            expected = {"status": 0} if route == "status" else INVALID
            for name in request:
                for wrong in WRONG:
                    self.assertEqual(self.answer(route, **{name: wrong}), expected)

    def test_a_wire_that_does_not_exist_is_invalid(self) -> None:
        for route in ("init", "sync"):
            self.assertEqual(self.answer(route, wire=3), INVALID)

    def test_a_mode_that_the_channel_lacks_is_invalid(self) -> None:
        self.node.services["s"] = Service(ANONYMOUS, live=True, keys=True)
        for mode in (-1, 0, 3, 4, 2**63):
            self.assertEqual(self.answer("encrypt", mode=mode), INVALID)
            self.assertEqual(self.answer("encrypt", mode=mode, operation=1, hash=""), INVALID)

    def test_what_does_not_open_failed_to_decrypt(self) -> None:
        self.node.services["s"] = Service(ANONYMOUS, live=True, keys=True)
        for message, digest in (("", "0" * 64), ("!", "0" * 64), ("YQ==\n", ""), ("YQ==", "é")):
            answer = self.answer("encrypt", message=message, operation=1, hash=digest)
            self.assertEqual(answer, {"error": "failed_decrypt"})

    def test_the_longest_message_comes_back(self) -> None:
        self.node.services["s"] = Service(ANONYMOUS, live=True, keys=True)
        longest = "m" * MAX_MESSAGE
        sealed = self.answer("encrypt", message=longest)
        opened = self.answer("encrypt", operation=1, **sealed)
        self.assertEqual(opened["message"], longest)
        self.assertEqual(self.answer("encrypt", message=longest + "x"), {"error": "too_large"})

    def test_the_answer_is_compact_and_in_utf_8(self) -> None:
        body = self.ask("init", service_name="naïve\t✓").body
        expected = '{"service_name":"naïve\\t✓","address_of_this_tpm":"127.0.0.1",'
        self.assertEqual(body, (expected + '"port_of_this_tpm":8001}').encode())

    @given(st.sampled_from(sorted(REQUESTS)), st.binary(max_size=60), st.booleans())
    def test_no_body_breaks_it(self, route: str, junk: bytes, splice: bool) -> None:
        body = json.dumps(REQUESTS[route]).encode()
        if splice:
            junk = body[: len(junk)] + junk + body[len(junk) :]
        answer = Client(fresh_site()).post(f"/v1/options/{route}", junk)
        self.assertIn(answer.status, {200, 400})
        self.assertIsInstance(json.loads(answer.body), dict)


class ErrorTests(V1Case):
    def test_every_known_error_has_an_answer_on_every_route(self) -> None:
        for leaf in leaves(errors.DynamiCryptError):
            if leaf.__module__ != errors.__name__:
                continue
            self.node.error = leaf("secret detail")
            for route in REQUESTS:
                with capturedLogs() as logs:
                    answer = self.ask(route)
                self.assertIn(answer.status, {200, 400, 401}, (leaf, route))
                self.assertNotIn(b"secret", answer.body)
                self.assertEqual([event["log_level"] for event in logs], [])

    def test_an_unknown_service(self) -> None:
        self.node.error = errors.UnknownServiceError("s")
        for route in ("init_config", "sync", "encrypt", "exit"):
            expected = UNKNOWN.get(route, {"error": "service_not_found"})
            self.assertEqual(self.answer(route), expected)

    def test_an_error_without_a_word_of_the_thesis_says_its_code(self) -> None:
        self.node.error = errors.TooManyServicesError("1024")
        self.assertEqual(self.answer("init"), {"error": "too_many_services"})

    def test_a_name_out_of_range_is_invalid(self) -> None:
        self.node.error = errors.ParameterError("too long")
        self.assertEqual(self.answer("init"), INVALID)

    def test_a_fault_is_a_500_that_tells_nothing(self) -> None:
        self.node.error = KeyError("attack at dawn")
        for route in REQUESTS:
            with capturedLogs() as logs:
                answer = self.ask(route)
            self.assertEqual((answer.status, answer.body), (500, b'{"error":"internal error"}'))
            self.assertEqual(answer.headers[b"content-type"], b"application/json")
            (event,) = logs
            self.assertIs(event["log_level"], LogLevel.critical)
            self.assertEqual(event["kind"], "KeyError")
            self.assertIn("_fail", event["place"])
            self.assertNotIn("dawn", repr(event))

    def test_the_connection_survives_a_fault(self) -> None:
        self.node.error = KeyError()
        with capturedLogs():
            self.assertEqual(self.ask("encrypt").status, 500)
        self.node.error = None
        self.assertEqual(self.answer("encrypt"), {"error": "service_not_found"})


class SyncTests(V1Case):
    def setUp(self) -> None:
        super().setUp()
        self.node.services["s"] = Service(ANONYMOUS)
        self.cancelled: list[Deferred[None]] = []
        self.node.dial = Deferred(self.cancelled.append)
        self.client.send(post("/v1/options/sync", json.dumps(REQUESTS["sync"]).encode()))

    def test_waits_for_the_partner(self) -> None:
        assert self.node.dial is not None
        self.assertEqual(self.client.received(), [])
        self.node.partners.add(("127.0.0.1", 8001))
        self.node.dial.callback(None)
        (answer,) = self.client.received()
        self.assertEqual((answer.status, answer.body), (200, b'{"status":1}'))

    def test_says_that_it_failed(self) -> None:
        assert self.node.dial is not None
        self.node.dial.callback(None)
        (answer,) = self.client.received()
        self.assertEqual((answer.status, answer.body), (200, b'{"status":0}'))

    def test_other_connections_are_served_meanwhile(self) -> None:
        self.assertEqual(Client(fresh_site(self.node)).ask(get("/v1/options/test-ok")).status, 200)

    def test_a_pipelined_request_is_answered_after_it(self) -> None:
        assert self.node.dial is not None
        self.client.send(get("/v1/options/test-ok"))
        self.assertEqual(self.client.received(), [])
        self.node.dial.callback(None)
        self.assertEqual(
            [answer.body for answer in self.client.received()], [b'{"status":0}', b"ok"]
        )

    def test_a_client_that_leaves_ends_the_dial_without_a_word(self) -> None:
        with capturedLogs() as logs:
            self.client.close()
        self.assertEqual(self.cancelled, [self.node.dial])
        self.assertEqual(logs, [])

    def test_a_fault_is_a_500_that_tells_nothing(self) -> None:
        assert self.node.dial is not None
        with capturedLogs() as logs:
            self.node.dial.errback(ZeroDivisionError("attack at dawn"))
        (answer,) = self.client.received()
        self.assertEqual((answer.status, answer.body), (500, b'{"error":"internal error"}'))
        self.assertEqual([event["kind"] for event in logs], ["ZeroDivisionError"])
        self.assertNotIn("dawn", repr(logs))


class TokenTests(V1Case):
    def setUp(self) -> None:
        super().setUp()
        state = StateDirectory(Path(self.mktemp()), create=True)
        self.client = Client(fresh_site(self.node, tokens=Tokens([load_owner(state)])))
        self.bearer = b"Authorization: Bearer " + (state.path / TOKEN_FILE).read_bytes().strip()

    def test_every_route_with_effect_asks_for_the_token(self) -> None:
        for route in REQUESTS:
            answer = self.ask(route)
            self.assertEqual((answer.status, answer.body), (401, b'{"error":"auth_required"}'))
            self.assertEqual(answer.headers[b"www-authenticate"], b'Bearer realm="dynamicrypt"')
        self.assertEqual(self.node.services, {})

    def test_the_token_is_asked_for_before_the_body_is_read(self) -> None:
        self.assertEqual(self.client.post("/v1/options/init", b"[").status, 401)

    def test_a_wrong_token_is_none(self) -> None:
        body = json.dumps(REQUESTS["init"]).encode()
        wrong = self.bearer[:-1] + (b"A" if self.bearer[-1:] != b"A" else b"B")
        self.assertEqual(self.client.post("/v1/options/init", body, wrong).status, 401)

    def test_the_service_belongs_to_the_token(self) -> None:
        body = json.dumps(REQUESTS["init"]).encode()
        self.assertEqual(self.client.post("/v1/options/init", body, self.bearer).status, 200)
        self.assertEqual(self.node.services["s"].owner, OWNER)
        anonymous = Client(fresh_site(self.node))
        answer = anonymous.post("/v1/options/exit", body)
        self.assertEqual(json.loads(answer.body), {"error": "service_name not found"})

    def test_without_tokens_the_caller_is_anonymous(self) -> None:
        Client(fresh_site(self.node)).post("/v1/options/init", b'{"service_name":"t"}')
        self.assertEqual(self.node.services["t"].owner, ANONYMOUS)

    def test_no_tokens_at_all_open_nothing(self) -> None:
        client = Client(fresh_site(self.node, tokens=Tokens([])))
        self.assertEqual(client.post("/v1/options/init", b"{}", self.bearer).status, 401)


class FastLaneTests(V1Case):
    """The hot routes answer outside Klein's ways as they do inside them."""

    def through(self, spell: Callable[[str], str]) -> list[tuple[int, bytes, dict[bytes, bytes]]]:
        self.node = FakeNode(services={"s": Service(ANONYMOUS, live=True, keys=True)})
        self.client = Client(fresh_site(self.node, clock=Clock()))
        answers = []
        for route in ("encrypt", "status"):
            body = json.dumps(REQUESTS[route]).encode()
            path = spell(f"/v1/options/{route}")
            requests = [*(post(path, each, JSON) for each in (body, b"{}", b"[")), get(path)]
            for request in (*requests, get(path, method="HEAD")):
                answer = self.client.ask(request)
                headers = {k: v for k, v in answer.headers.items() if k != b"date"}
                answers.append((answer.status, answer.body, headers))
        return answers

    def test_both_ways_lead_to_the_same_answers(self) -> None:
        # The dict knows a path in its plain spelling only, so that the other one reaches Klein.
        direct = self.through(lambda path: path)
        self.assertEqual(direct, self.through(lambda path: path.replace("options", "%6fptions")))
        self.assertEqual([status for status, _, _ in direct], [200, 200, 400, 405, 405] * 2)
