"""REST v2: messages and keys, and what is said where they cannot be had."""

import json
from uuid import UUID

from dynamicrypt.keys.envelope import parse
from dynamicrypt.rest.v2.sealing import write_key
from dynamicrypt.session.link_events import ChannelRefused
from tests.rest.native import CHANNEL, NativeCase, b64, unb64


class MessageTests(NativeCase):
    def test_modes_1_to_3_reach_the_partner(self) -> None:
        self.keys(5)
        for mode, limit in ((1, None), (2, None), (3, 7)):
            asked = {"plaintext": b64(b"hello"), "mode": mode, "limit": limit, "context": b64(b"c")}
            sealed = self.ok(self.post("/encrypt", asked))
            self.assertEqual(list(sealed), ["mode", "key_id", "ciphertext", "expires_in_seconds"])
            envelope = unb64(sealed["ciphertext"])
            self.assertEqual(sealed["key_id"].replace("-", ""), parse(envelope).key_id.hex())
            self.assertEqual(self.partner.open(envelope, b"c"), b"hello")

    def test_answers_say_for_how_long_the_partner_can_open(self) -> None:
        """600 s of use and 120 s for the way, counted from the key's birth, and rounded down."""
        self.keys(6)
        self.clock.advance(99.5)
        client = self.another_client()
        for path, asked in (
            ("/encrypt", {"plaintext": "", "mode": 1}),
            ("/encrypt", {"plaintext": "", "mode": 2}),
            ("/encrypt", {"plaintext": "", "mode": 4, "pieces": 2}),
            ("/batch/encrypt", {"items": [{"plaintext": ""}]}),
            ("/keys/next", {}),
        ):
            told = self.ok(self.post(path, asked, client=client))
            self.assertEqual(told["expires_in_seconds"], 620)

    def test_a_batch_of_which_nothing_is_encrypted_opens_for_no_time(self) -> None:
        answer = self.ok(self.post("/batch/encrypt", {"items": [{"plaintext": ""}]}))
        self.assertIsNone(answer["expires_in_seconds"])

    def test_mode_4_gives_pieces(self) -> None:
        self.keys(5)
        for given, made in ((None, 3), (2, 2)):
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
        self.problem(self.post("/encrypt", {"plaintext": ""}), "not_opened", 503)
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
            {"plaintext": "", "mode": True},
            {"plaintext": "", "contxt": ""},
        ):
            self.problem(self.post("/encrypt", asked), "invalid_request", 400)
        self.problem(self.ask("POST", CHANNEL + "/encrypt", b"[]"), "malformed_body", 400)

    def test_what_is_outside_its_range_is_refused_and_the_range_is_named(self) -> None:
        for asked, detail in (
            ({"mode": 0}, "mode is outside 1..4"),
            ({"mode": 5}, "mode is outside 1..4"),
            ({"mode": 4, "pieces": 0}, "pieces is outside 2..32"),
            ({"mode": 4, "pieces": 1}, "pieces is outside 2..32"),
            ({"mode": 4, "pieces": 33}, "pieces is outside 2..32"),
            ({"mode": 3, "limit": 0}, "limit is outside 1..4294967295"),
            ({"context": b64(bytes(4097))}, "context has a length outside 0..4096"),
        ):
            answer = self.post("/encrypt", {"plaintext": "", **asked})
            self.assertEqual(self.problem(answer, "bad_parameter", 422)["detail"], detail)
        answer = self.post("/batch/encrypt", {"items": [{"plaintext": ""}], "mode": 5})
        self.problem(answer, "bad_parameter", 422)

    def test_a_mode_that_an_operation_lacks_is_told_apart(self) -> None:
        answer = self.post("/batch/encrypt", {"items": [{"plaintext": ""}], "mode": 4})
        problem = self.problem(answer, "unsupported_mode", 422)
        self.assertEqual(problem["detail"], "a batch has modes 1 to 3")

    def test_a_key_that_this_side_took_is_no_key_of_the_partner(self) -> None:
        self.keys()
        key_id = self.ok(self.post("/keys/next", {}))["key_id"]
        problem = self.problem(self.post(f"/keys/{key_id}", {}), "unknown_key", 404)
        self.assertEqual(problem["detail"], "no key of the partner's with this id is known here")

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
                self.post(path, {"plaintext": ""} if "en" in path else {}), "not_opened", 503
            )
            self.assertIn("; the channel is down: the partner has not opened it", problem["detail"])
            self.assertEqual(problem["retry_after_ms"], 2000)
        self.post("/stop", {})
        problem = self.problem(self.post("/encrypt", {"plaintext": ""}), "channel_stopped", 409)
        self.assertTrue(
            problem["detail"].endswith("; the channel is stopped: the application has stopped it")
        )
        self.assertNotIn("retry_after_ms", problem)

    def test_different_profiles_are_told_and_not_waited_for(self) -> None:
        refused = ChannelRefused(
            channel=self.channel.name, reason="parameters", detail="L is 3 here, 6 there"
        )
        self.channel.happened(None, refused)  # type: ignore[arg-type]
        for path, asked in (
            ("/encrypt", {"plaintext": ""}),
            ("/encrypt?wait=2s", {"plaintext": ""}),
            ("/keys/next?wait=2s", {}),
        ):
            problem = self.problem(self.post(path, asked), "profiles_differ", 409)
            self.assertIn("the partner says: L is 3 here, 6 there", problem["detail"])
            self.assertNotIn("retry_after_ms", problem)
        items = self.ok(self.post("/batch/encrypt?wait=2s", {"items": [{"plaintext": ""}]}))
        self.assertEqual(items["items"][0]["error"]["code"], "profiles_differ")

    def test_a_detail_quotes_nothing_that_was_sent(self) -> None:
        for asked in (b'{"secret plaintext":1}', b'{"plaintext":"secret plaintext"}'):
            answer = self.ask("POST", CHANNEL + "/encrypt", asked)
            self.assertNotIn(b"secret", answer.body)


class KeyTests(NativeCase):
    def test_a_key_is_wiped_once_it_is_written_into_its_answer(self) -> None:
        key = bytearray(range(32))
        self.assertEqual(write_key(key), b64(bytes(range(32))))
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
        self.problem(self.post("/keys/next", {}), "not_opened", 503)

    def test_who_takes_the_key_of_a_message_spoils_it(self) -> None:
        self.partner_keys()
        (envelope,) = self.partner.seal(b"not yet opened", 2)
        self.ok(self.post(f"/keys/{UUID(bytes=parse(envelope).key_id)}", {}))
        refused = self.post("/decrypt", {"ciphertext": b64(envelope)})
        self.problem(refused, "key_used", 410)
        self.assertIn(b"was handed to an application of this side", refused.body)

    def test_an_id_is_a_uuid_that_is_known(self) -> None:
        unknown = f"{CHANNEL}/keys/00000000-0000-0000-0000-000000000000"
        self.problem(self.ask("POST", unknown), "unknown_key", 404)
        for wrong in ("x", "00000000-0000-0000-0000-00000000000G", "0" * 32):
            self.problem(self.ask("POST", f"{CHANNEL}/keys/{wrong}"), "invalid_request", 400)
