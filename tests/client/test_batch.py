"""Batches: as many requests as it takes, an outcome for each message."""

import json
from base64 import b64encode
from typing import Any

from dynamicrypt.client import Message
from dynamicrypt.client.errors import BadAnswerError
from tests.client.fake import Asked, FakeServiceCase, answer


def echo(asked: Asked) -> bytes:
    """A batch that seals to itself."""
    items = [
        {"ciphertext": item["plaintext"]}
        | ({"reference": item["reference"]} if "reference" in item else {})
        for item in asked.fields["items"]
    ]
    return answer(200, {"items": items})


class BatchTests(FakeServiceCase):
    def test_items_keep_their_order_and_references(self) -> None:
        self.says(echo)
        outcomes = self.channel.encrypt_batch([b"a", Message(data=b"b", reference="r")])
        self.assertEqual([each.result() for each in outcomes], [b"a", b"b"])
        self.assertEqual(outcomes[1].reference, "r")

    def test_many_and_long_items_go_in_several_requests(self) -> None:
        self.says(*[echo] * 9)
        messages = [b"%d" % number for number in range(600)] + [bytes(200_000)] * 6
        outcomes = self.channel.encrypt_batch(messages)
        self.assertEqual([each.result() for each in outcomes], messages)
        sizes = [len(asked.body) for asked in self.service.asked]
        self.assertEqual(len(sizes), 4)
        self.assertLess(max(sizes), 2**20)

    def test_an_item_that_failed_has_its_error(self) -> None:
        members = {"code": "bad_ciphertext", "detail": "no", "status": 422}
        self.says(answer(200, {"items": [{"error": members}, {"plaintext": "aGk="}]}))
        bad, good = self.channel.decrypt_batch([b"x", b"y"])
        self.assertEqual((bad.data, good.result()), (None, b"hi"))
        with self.assertRaisesRegex(Exception, "no"):
            bad.result()

    def test_items_that_lack_a_key_are_asked_for_again(self) -> None:
        starved = {"error": {"code": "no_key_yet", "detail": "", "status": 503}}
        sealed = {"ciphertext": b64encode(b"s").decode()}
        self.says(answer(200, {"items": [sealed, starved, sealed, starved]}), echo)
        outcomes = self.channel.encrypt_batch([b"a", b"b", b"c", b"d"], mode=2)
        self.assertEqual([each.result() for each in outcomes], [b"s", b"b", b"s", b"d"])
        again = self.service.asked[1]
        self.assertIn("?wait=", again.target)
        self.assertEqual(len(json.loads(again.body)["items"]), 2)

    def test_another_number_of_items_is_a_bad_answer(self) -> None:
        wrong: list[Any] = [[], [{}, {}], [{}], [{"ciphertext": "", "error": {"code": "x"}}], None]
        for items in wrong:
            self.says(answer(200, {"items": items}))
            with self.assertRaises(BadAnswerError):
                self.channel.encrypt_batch([b"a"])

    def test_reprs_tell_what_came_of_it_and_no_secret(self) -> None:
        self.says(answer(200, {"items": [{"ciphertext": "AQE="}, {"error": {
            "code": "failed", "detail": "because", "advice": "Look."}}]}))  # fmt: skip
        message = Message(data=b"secret", context=b"secret", reference="a")
        told = repr((message, *self.channel.encrypt_batch([message, b"secret"])))
        self.assertIn("Message(data=<6 bytes>, reference='a')", told)
        self.assertIn("Outcome(data=<2 bytes>, reference=None)", told)
        self.assertIn("Outcome(error=FailedError('because'), reference=None)", told)
        self.assertNotIn("secret", told)
