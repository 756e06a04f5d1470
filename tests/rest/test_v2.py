"""REST v2: what each operation does, and what it says when it cannot."""

import json

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.envelope import parse
from dynamicrypt.rest.sealing import deliver
from dynamicrypt.rest.v2 import OPERATIONS
from tests.rest.native import CHANNEL, NativeCase, b64, unb64
from tests.rest.talk import Client, get


class ServiceTests(NativeCase):
    def test_a_service_is_made_once_and_found_again(self) -> None:
        for status in (201, 200):
            made = self.ok(self.ask("PUT", "/v2/services/caf%C3%A9"), status)
            self.assertEqual(made, {"name": "café", "channels": []})
        names = self.ok(self.ask("GET", "/v2/services"))
        self.assertEqual(names, {"services": ["shop", "café"]})

    def test_to_another_token_it_does_not_exist(self) -> None:
        other = b"Authorization: Bearer other"
        self.problem(self.ask("GET", "/v2/services/shop", token=other), "unknown_service", 404)
        self.problem(self.ask("PUT", "/v2/services/shop", token=other), "name_taken", 409)
        self.assertEqual(self.ok(self.ask("GET", "/v2/services", token=other)), {"services": []})

    def test_a_deleted_service_is_gone(self) -> None:
        answer = self.ask("DELETE", "/v2/services/shop")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.problem(self.ask("GET", "/v2/services/shop"), "unknown_service", 404)
        self.problem(self.ask("DELETE", "/v2/services/shop"), "unknown_service", 404)

    def test_names_that_logs_and_paths_would_misread_are_refused(self) -> None:
        for name in ("a%0Ab", "%00", "..", ".", "x%7F", "x" * 64, "%C2%85"):
            self.problem(self.ask("PUT", f"/v2/services/{name}"), "bad_parameter", 422)

    def test_a_path_that_is_no_utf_8_is_not_found(self) -> None:
        self.problem(self.ask("PUT", "/v2/services/%ff"), "not_found", 404)

    def test_a_path_with_an_empty_part_is_not_found(self) -> None:
        for path in ("/v2//services", "/v2//openapi.json", "/v2/services//shop", "//v2/services"):
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 404, path)


class ChannelTests(NativeCase):
    def test_a_channel_is_opened_once_and_described(self) -> None:
        path = "/v2/services/shop/channels/mint"
        for status in (201, 200):
            made = self.ok(self.ask("PUT", path, {"peer": "there"}), status)
        self.assertEqual(
            made,
            {
                "service": "shop",
                "partner": "mint",
                "peer": made["peer"],
                "state": "down",
                "reason": "no link",
                "profile": "fast",
                "keys": {"offered": 0, "free": 0, "in_use": 0, "held": 0},
                "keys_made": 0,
                "rounds": 0,
                "machines": [],
            },
        )
        listed = self.ok(self.ask("GET", "/v2/services/shop/channels"))
        self.assertEqual([each["partner"] for each in listed["channels"]], ["bank", "mint"])

    def test_one_that_moves_to_another_peer_is_made_anew(self) -> None:
        self.keys()
        for status in (201, 200):
            moved = self.ok(self.ask("PUT", CHANNEL, {"peer": "elsewhere"}), status)
            self.assertEqual(moved["keys"]["free"], 0)

    def test_a_peer_that_is_not_known_is_a_problem(self) -> None:
        answer = self.ask("PUT", "/v2/services/shop/channels/x", {"peer": "nobody"})
        self.problem(answer, "unknown_peer", 404)

    def test_it_stops_and_starts(self) -> None:
        self.assertEqual(self.ok(self.post("/stop", {}))["state"], "stopped")
        self.assertEqual(self.ok(self.post("/start", {}))["state"], "down")

    def test_a_closed_channel_is_gone(self) -> None:
        self.assertEqual(self.ask("DELETE", CHANNEL).status, 204)
        for response in (
            self.ask("GET", CHANNEL),
            self.ask("DELETE", CHANNEL),
            self.post("/encrypt", {"plaintext": ""}),
        ):
            self.problem(response, "unknown_channel", 404)


class MessageTests(NativeCase):
    def test_modes_1_to_3_reach_the_partner(self) -> None:
        self.keys(5)
        for mode, limit in ((1, 0), (2, 0), (3, 7)):
            asked = {"plaintext": b64(b"hello"), "mode": mode, "limit": limit, "context": b64(b"c")}
            sealed = self.ok(self.post("/encrypt", asked))
            self.assertEqual(list(sealed), ["mode", "key_id", "ciphertext"])
            envelope = unb64(sealed["ciphertext"])
            self.assertEqual(sealed["key_id"].replace("-", ""), parse(envelope).key_id.hex())
            self.assertEqual(self.partner.open(envelope, b"c"), b"hello")

    def test_mode_4_gives_pieces(self) -> None:
        self.keys(5)
        for given, made in ((0, 3), (2, 2)):
            asked = {"plaintext": b64(b"hello"), "mode": 4, "pieces": given}
            split = self.ok(self.post("/encrypt", asked))
            opened = [self.partner.open(unb64(each["ciphertext"])) for each in split["pieces"]]
            self.assertEqual(opened, [None] * (made - 1) + [b"hello"])

    def test_what_the_partner_sealed_opens_once(self) -> None:
        self.partner_keys()
        (envelope,) = self.partner.seal(b"reply", 2, b"")
        asked = {"ciphertext": b64(envelope)}
        opened = self.ok(self.post("/decrypt", asked))
        self.assertEqual(opened, {"complete": True, "plaintext": b64(b"reply")})
        self.problem(self.post("/decrypt", asked), "key_used", 410)

    def test_pieces_come_one_by_one(self) -> None:
        self.partner_keys(3)
        first, *rest = self.partner.seal(b"whole", 4)
        opened = self.ok(self.post("/decrypt", {"ciphertext": b64(first)}))
        self.assertEqual(opened, {"complete": False, "plaintext": None})
        for piece in rest:
            opened = self.ok(self.post("/decrypt", {"ciphertext": b64(piece)}))
        self.assertEqual(opened, {"complete": True, "plaintext": b64(b"whole")})

    def test_every_way_to_fail_has_its_code(self) -> None:
        self.problem(self.post("/encrypt", {"plaintext": ""}), "no_key_yet", 503)
        self.keys(2)
        self.partner_keys()
        (envelope,) = self.partner.seal(b"x", 1)
        changed = envelope[:-1] + bytes([envelope[-1] ^ 1])
        for ciphertext, code, status in (
            (b"", "bad_ciphertext", 422),
            (changed, "bad_ciphertext", 422),
            (self.channel.seal(b"", 1)[0], "wrong_channel", 422),
            (envelope[:4] + bytes(16) + envelope[20:], "unknown_key", 404),
            (envelope[:2] + b"\5" + envelope[3:], "unsupported_mode", 422),
        ):
            self.problem(self.post("/decrypt", {"ciphertext": b64(ciphertext)}), code, status)
        opened = self.ok(self.post("/decrypt", {"ciphertext": b64(envelope)}))
        self.assertEqual(opened["plaintext"], b64(b"x"))

    def test_numbers_that_a_mode_does_not_have_are_refused(self) -> None:
        self.keys(5)
        for asked in (
            {"mode": 1, "limit": 5},
            {"mode": 3},
            {"mode": 2, "pieces": 3},
            {"mode": 4, "pieces": 1},
            {"mode": 4, "limit": 1},
        ):
            response = self.post("/encrypt", {"plaintext": "", **asked})
            detail = self.problem(response, "bad_parameter", 422)["detail"]
            self.assertRegex(detail, "`(limit|pieces)`")

    def test_a_request_of_another_form_is_refused(self) -> None:
        for asked in (
            {},
            {"plaintext": None},
            {"plaintext": "x"},
            {"plaintext": "eA==\n"},
            {"plaintext": 7},
            {"plaintext": "", "mode": 0},
            {"plaintext": "", "mode": 5},
            {"plaintext": "", "mode": True},
            {"plaintext": "", "pieces": 33},
            {"plaintext": "", "contxt": ""},
            {"plaintext": "", "context": b64(bytes(4097))},
        ):
            self.problem(self.post("/encrypt", asked), "invalid_request", 400)
        self.problem(self.ask("POST", CHANNEL + "/encrypt", b"[]"), "malformed_body", 400)

    def test_a_parameter_that_the_operation_does_not_have_is_refused(self) -> None:
        self.keys()
        for path, has in (
            ("/encrypt?context=eA==", "`wait` and nothing else"),
            ("/encrypt?wait=1s&wiat=1s", "`wait` and nothing else"),
            ("/decrypt?wait=1s", "no parameters"),
        ):
            answer = self.post(path, {"plaintext": ""})
            self.assertIn(has, self.problem(answer, "invalid_request", 400)["detail"])

    def test_an_operation_without_fields_takes_none(self) -> None:
        self.keys(2)
        for body in (b"", b"{}", b" {} "):
            self.ok(
                self.ask("POST", CHANNEL + "/keys/next" if body == b"" else CHANNEL + "/stop", body)
            )
        answer = self.post("/keys/next", {"size": 64})
        self.assertIn("no fields", self.problem(answer, "invalid_request", 400)["detail"])
        self.problem(self.ask("POST", CHANNEL + "/stop", b"now"), "malformed_body", 400)
        self.problem(self.ask("PUT", "/v2/services/x", {"peer": "x"}), "invalid_request", 400)

    def test_what_is_missing_is_named(self) -> None:
        for asked, detail in (
            (b"", "there is no body"),
            (b"{}", "plaintext is missing"),
            (b'{"plaintext":7}', "plaintext is not text"),
            (b'{"plaintext":"hello world"}', "plaintext is not base64, padded and without spaces"),
            (b'{"plaintext":"","mode":"2"}', "mode is not an integer"),
        ):
            answer = self.ask("POST", CHANNEL + "/encrypt", asked)
            self.assertEqual(json.loads(answer.body)["detail"], detail)

    def test_without_a_key_the_state_of_the_channel_is_told(self) -> None:
        for path in ("/encrypt", "/keys/next"):
            problem = self.problem(
                self.post(path, {"plaintext": ""} if "en" in path else {}), "no_key_yet", 503
            )
            self.assertIn("; the channel is down, no link", problem["detail"])
        self.post("/stop", {})
        problem = self.problem(self.post("/encrypt", {"plaintext": ""}), "no_key_yet", 503)
        self.assertTrue(problem["detail"].endswith("; the channel is stopped, no link"))

    def test_a_detail_quotes_nothing_that_was_sent(self) -> None:
        for asked in (b'{"secret plaintext":1}', b'{"plaintext":"secret plaintext"}'):
            answer = self.ask("POST", CHANNEL + "/encrypt", asked)
            self.assertNotIn(b"secret", answer.body)


class KeyTests(NativeCase):
    def test_a_key_is_wiped_once_it_is_written_into_its_answer(self) -> None:
        key = bytearray(range(32))
        self.assertEqual(deliver("id", key).key, b64(bytes(range(32))))
        self.assertEqual(key, bytes(32))

    def test_a_key_is_delivered_once_on_each_side(self) -> None:
        self.partner_keys()
        self.keys()
        taken = self.ok(self.post("/keys/next", {}))
        self.assertEqual(len(unb64(taken["key"])), 32)
        key_id, key = self.partner.take_key()
        fetched = self.ok(self.ask("POST", f"{CHANNEL}/keys/{key_id}"))
        self.assertEqual(fetched, {"key_id": str(key_id), "key": b64(key)})
        self.problem(self.ask("POST", f"{CHANNEL}/keys/{key_id}"), "key_used", 410)
        self.problem(self.post("/keys/next", {}), "no_key_yet", 503)

    def test_an_id_is_a_uuid_that_is_known(self) -> None:
        unknown = f"{CHANNEL}/keys/00000000-0000-0000-0000-000000000000"
        self.problem(self.ask("POST", unknown), "unknown_key", 404)
        for wrong in ("x", "00000000-0000-0000-0000-00000000000G", "0" * 32):
            self.problem(self.ask("POST", f"{CHANNEL}/keys/{wrong}"), "invalid_request", 400)


class NodeTests(NativeCase):
    def test_status_names_the_node_and_its_peers(self) -> None:
        status = self.ok(self.ask("GET", "/v2/status"))
        self.assertEqual((status["name"], status["profile"]), ("here", "fast"))
        (peer,) = status["peers"]
        self.assertEqual(
            (peer["name"], peer["up"], peer["group"]), ("there", True, "X25519MLKEM768")
        )
        self.assertEqual(status["incarnation"], bytes(range(16)).hex())

    def test_an_administrator_sees_the_services_of_all(self) -> None:
        self.node.create_service("till", owner="app:sender")
        self.keys(2)
        listed = self.ok(self.ask("GET", "/v2/node/services", token=b"Authorization: Bearer other"))
        shop, till = listed["services"]
        self.assertEqual(till, {"name": "till", "owner": "app:sender", "channels": []})
        (channel,) = shop["channels"]
        self.assertEqual((shop["owner"], channel["partner"]), ("app:up", "bank"))
        self.assertEqual((channel["state"], channel["keys"]["free"]), ("down", 2))

    def test_an_administrator_removes_what_somebody_left_behind(self) -> None:
        self.node.create_service("till", owner="app:gone")
        self.problem(self.ask("PUT", "/v2/services/till"), "name_taken", 409)
        self.assertEqual(self.ask("DELETE", "/v2/node/services/till").status, 204)
        self.problem(self.ask("DELETE", "/v2/node/services/till"), "unknown_service", 404)
        self.ok(self.ask("PUT", "/v2/services/till"), 201)

    def test_nobody_else_does(self) -> None:
        for name in (b"sender", b"reader", b"keys"):
            given = b"Authorization: Bearer " + name
            for method, path in (("GET", ""), ("DELETE", "/shop")):
                answer = self.ask(method, "/v2/node/services" + path, token=given)
                self.problem(answer, "scope_missing", 403)

    def test_health_asks_for_no_token(self) -> None:
        self.assertEqual(Client(self.site).ask(get("/healthz")).body, b"ok\n")

    def test_ready_means_a_link_and_a_key(self) -> None:
        answer = Client(self.site).ask(get("/readyz"))
        self.assertEqual(answer.status, 503)
        self.assertEqual(json.loads(answer.body), {"ready": False, "reasons": ["no key is ready"]})
        self.keys()
        self.assertEqual(Client(self.site).ask(get("/readyz")).status, 200)
        self.node.peer_is_up = False
        self.assertEqual(Client(self.site).ask(get("/readyz")).status, 503)


class EveryOperationTests(NativeCase):
    def path(self, template: str) -> str:
        names = {"service": "shop", "partner": "bank", "key_id": "x", "code": "x"}
        return "/v2" + template.format(**names)

    def test_asks_for_a_token(self) -> None:
        for operation in OPERATIONS:
            for given in (b"X: y", b"Authorization: Bearer nobody", b"Authorization: Basic eA=="):
                answer = self.ask(operation.method, self.path(operation.path), {}, token=given)
                self.problem(answer, "auth_required", 401)
                self.assertEqual(answer.headers[b"www-authenticate"], b'Bearer realm="dynamicrypt"')

    def test_asks_for_its_scope(self) -> None:
        for operation in OPERATIONS:
            for name in ("sender", "reader", "keys"):
                given = b"Authorization: Bearer " + name.encode()
                answer = self.ask(operation.method, self.path(operation.path), {}, token=given)
                holder = {"sender": "encrypt", "reader": "decrypt", "keys": "key:read"}[name]
                refused = operation.scope is not None and operation.scope.value != holder
                self.assertEqual(answer.status == 403, refused, (operation.name, name))
                if refused:
                    self.problem(answer, "scope_missing", 403)

    def test_other_methods_are_not_allowed(self) -> None:
        by_path: dict[str, set[str]] = {}
        for operation in OPERATIONS:
            by_path.setdefault(operation.path, set()).add(operation.method)
        for path, methods in by_path.items():
            for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"} - methods:
                answer = self.ask(method, self.path(path), {})
                if path.endswith("/keys/{key_id}"):
                    continue
                self.problem(answer, "method_not_allowed", 405)
                allowed = set(answer.headers[b"allow"].decode().split(", "))
                self.assertEqual(allowed - {"HEAD", "OPTIONS"}, methods)

    def test_a_fault_is_a_500_that_tells_nothing(self) -> None:
        self.node.error = KeyError("attack at dawn")
        for operation in OPERATIONS:
            if operation.takes is not None or "{key_id}" in operation.path:
                continue
            with capturedLogs() as logs:
                answer = self.ask(operation.method, self.path(operation.path))
            self.problem(answer, "internal_error", 500)
            self.assertNotIn(b"dawn", answer.body)
            (event,) = logs
            self.assertEqual((event["log_level"], event["kind"]), (LogLevel.critical, "KeyError"))
            self.assertNotIn("dawn", repr(event))

    def test_head_gives_no_body(self) -> None:
        answer = self.ask("HEAD", "/v2/services")
        self.assertEqual((answer.status, answer.body), (200, b""))


class ReferenceTests(SynchronousTestCase):
    def test_operations_have_names_of_their_own(self) -> None:
        names = [operation.name for operation in OPERATIONS]
        self.assertEqual(len(names), len(set(names)))
