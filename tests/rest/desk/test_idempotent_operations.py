"""Every operation that documents idempotency keys, asked twice under one."""

from typing import Any

from dynamicrypt.rest.desk.idempotency import KEPT
from tests.rest.native import NativeCase, b64

ONCE = b"Idempotency-Key: once"
AGAIN = b"Idempotency-Key: again"


class OperationTests(NativeCase):
    def twice(self, path: str, body: dict[str, Any]) -> Any:
        """The answer, which the second request gets, too, from another connection."""
        first = self.ok(self.post(path, body, ONCE))
        for client in (self.client, self.another_client()):
            self.assertEqual(self.ok(self.post(path, body, ONCE, client=client)), first)
        return first

    def test_encrypting_burns_one_key_for_each_message(self) -> None:
        for path, body, burnt in (
            ("/encrypt", {"plaintext": "", "mode": 2}, 1),
            ("/encrypt", {"plaintext": "", "mode": 4, "pieces": 3}, 3),
            ("/batch/encrypt", {"items": [{"plaintext": ""}] * 2, "mode": 2}, 2),
            ("/keys/next", {}, 1),
        ):
            self.setUp()
            self.keys(20)
            self.twice(path, body)
            self.assertEqual(self.channel.store.levels.free, 20 - burnt, path)

    def test_what_opens_once_is_given_again(self) -> None:
        self.partner_keys(9)
        for mode in (1, 2):
            body = {"ciphertext": b64(self.partner.seal(b"one", mode)[0])}
            self.let_answers_go()
            self.assertEqual(self.twice("/decrypt", body)["plaintext"], b64(b"one"))
            self.problem(self.post("/decrypt", body, AGAIN), "key_used", 410)
        items = [{"ciphertext": b64(self.partner.seal(b"many", 2)[0])} for _ in range(2)]
        self.let_answers_go()
        answer = self.twice("/batch/decrypt", {"items": items})
        self.assertEqual([item["plaintext"] for item in answer["items"]], [b64(b"many")] * 2)
        again = self.ok(self.post("/batch/decrypt", {"items": items}, AGAIN))
        self.assertEqual([item["error"]["code"] for item in again["items"]], ["key_used"] * 2)

    def test_a_key_by_its_id_is_given_again(self) -> None:
        self.partner_keys(2)
        key_id, key = self.partner.take_key()
        self.assertEqual(self.twice(f"/keys/{key_id}", {})["key"], b64(key))
        self.problem(self.post(f"/keys/{key_id}", {}, AGAIN), "key_used", 410)
        self.problem(self.post(f"/keys/{key_id}", {}), "key_used", 410)

    def let_answers_go(self) -> None:
        """Let the answers that are kept be over; the keys live on."""
        self.clock.advance(KEPT)
        self.client = self.another_client()
