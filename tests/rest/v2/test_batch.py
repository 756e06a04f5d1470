"""Batches: order, references, and one bad item that harms no other."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.rest.native import NativeCase, b64, unb64

#: What may stand in an item, and whether it can be encrypted.
GOOD: list[dict[str, Any]] = [
    {"plaintext": ""},
    {"plaintext": b64(b"one")},
    {"plaintext": b64(b"two"), "context": b64(b"c")},
    {"plaintext": b64(b"three"), "context": None, "reference": "r"},
    {"plaintext": b64(b"four"), "reference": None},
]
BAD: list[dict[str, Any]] = [
    {},
    {"plaintext": None},
    {"plaintext": "?"},
    {"plaintext": 4},
    {"plaintext": "", "contxt": ""},
    {"plaintext": "", "context": "x"},
    {"plaintext": "", "context": 3},
    {"plaintext": "", "context": b64(bytes(4097))},
    {"plaintext": "", "reference": 3},
    {"plaintext": "", "reference": "r" * 257},
    {"ciphertext": ""},
]
ITEMS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 50)).map(
        lambda pick: (BAD if pick[0] else GOOD)[pick[1] % len(BAD if pick[0] else GOOD)]
    ),
    min_size=1,
    max_size=20,
)


class EncryptBatchTests(NativeCase):
    def items(self, items: list[dict[str, Any]], query: str = "", **more: Any) -> list[Any]:
        answer = self.ok(self.post("/batch/encrypt" + query, {"items": items, **more}))
        content: list[Any] = answer["items"]
        return content

    @given(ITEMS)
    def test_each_item_has_its_answer_in_its_place(self, items: list[dict[str, Any]]) -> None:
        self.setUp()
        self.keys()
        for item, answer in zip(items, self.items(items), strict=True):
            if item in GOOD:
                opened = self.partner.open_batch([(unb64(answer["ciphertext"]), about(item))])
                self.assertEqual(opened, [unb64(item["plaintext"])])
                self.assertEqual(answer.get("reference"), item.get("reference"))
            else:
                self.assertIn(answer["error"]["code"], {"invalid_request", "bad_parameter"}, item)

    def test_items_without_a_key_say_so_and_the_others_do_not_mind(self) -> None:
        self.keys(2)
        answers = self.items([{"plaintext": "", "reference": str(n)} for n in range(3)], mode=2)
        self.assertEqual([answer["reference"] for answer in answers], ["0", "1", "2"])
        self.assertEqual(["ciphertext" in answer for answer in answers], [True, True, False])
        error = answers[2]["error"]
        self.assertEqual((error["code"], error["status"]), ("not_opened", 503))
        self.assertNotIn("instance", error)

    def test_with_wait_items_are_sealed_as_keys_come(self) -> None:
        self.keys()
        body = {"items": [{"plaintext": b64(bytes([n]))} for n in range(3)], "mode": 2}
        self.client.send(self.request("/batch/encrypt?wait=2s", body))
        self.assertEqual(self.client.received(), [])
        for _ in range(2):
            self.clock.advance(0.5)
            self.keys()
        (answer,) = self.client.received()
        told = self.ok(answer)
        self.assertEqual(told["expires_in_seconds"], 719)
        sealed = [(unb64(item["ciphertext"]), b"") for item in told["items"]]
        self.assertEqual(self.partner.open_batch(sealed), [b"\0", b"\1", b"\2"])

    def test_when_the_wait_is_over_what_there_is_is_given(self) -> None:
        self.keys()
        body = {"items": [{"plaintext": ""}] * 2, "mode": 2}
        self.client.send(self.request("/batch/encrypt?wait=500ms", body))
        self.clock.advance(0.5)
        (answer,) = self.client.received()
        self.assertEqual(["ciphertext" in item for item in self.ok(answer)["items"]], [True, False])

    def test_a_batch_of_another_form_is_refused_whole(self) -> None:
        bodies: tuple[dict[str, Any], ...] = (
            {},
            {"items": [1]},
            {"items": [{"plaintext": ""}, []]},
            {"items": {"plaintext": ""}},
        )
        for body in bodies:
            self.problem(self.post("/batch/encrypt", body), "invalid_request", 400)
        for items in ([], [{"plaintext": ""}] * 257):
            self.problem(self.post("/batch/encrypt", {"items": items}), "bad_parameter", 422)
        self.assertEqual(len(self.items([{"plaintext": ""}] * 256)), 256)


class DecryptBatchTests(NativeCase):
    def test_a_replay_and_a_forgery_harm_no_other(self) -> None:
        self.partner_keys()
        envelopes = [self.partner.seal(bytes([n]), 1)[0] for n in range(3)]
        forged = envelopes[1][:-1] + bytes([envelopes[1][-1] ^ 1])
        items = [
            {"ciphertext": b64(each), "reference": str(place)}
            for place, each in enumerate((envelopes[0], forged, envelopes[0], *envelopes[1:]))
        ]
        answers = self.ok(self.post("/batch/decrypt", {"items": items}))["items"]
        self.assertEqual([answer["reference"] for answer in answers], ["0", "1", "2", "3", "4"])
        told = [answer.get("plaintext") or answer["error"]["code"] for answer in answers]
        self.assertEqual(told, [b64(b"\0"), "bad_ciphertext", "key_used", b64(b"\1"), b64(b"\2")])


def about(item: dict[str, Any]) -> bytes:
    return unb64(item.get("context") or "")
