"""Applications of the thesis, unchanged: its order, its fields, its error strings."""

import time

from tests.endtoend.service import ServiceTestCase, eventually
from tests.foreign.application import introduce
from tests.foreign.cipher import digest


class TwoApplicationsTests(ServiceTestCase):
    def setUp(self) -> None:
        self.nodes = [self.thesis_node(), self.thesis_node()]
        self.alice, self.bob = (self.application(node) for node in self.nodes)

    def introduce(self) -> None:
        self.assertTrue(introduce(self.alice, self.bob, ("alice", "bob")))

    def test_twenty_messages_in_each_mode_decrypt_or_wait(self) -> None:
        self.introduce()
        waits = {1: 0, 2: 0}
        for mode in (1, 2):
            self.alice.patiently("ready?", 1)
            self.bob.patiently("ready?", 1)
            for number in range(20):
                pair = (self.alice, self.bob) if number % 2 else (self.bob, self.alice)
                message = f"{number} in mode {mode}: grüße ✓"
                time.sleep(0.02 * mode)
                sealed = pair[0].encrypt(message, mode)
                if sealed == "wait":
                    waits[mode] += 1
                    continue
                assert isinstance(sealed, dict), sealed
                self.assertEqual(sealed["hash"], digest(message))
                self.assertEqual(pair[1].decrypt(sealed), {"message": message, "mode": mode})
        self.assertEqual(waits[1], 0)
        self.assertLess(waits[2], 20)

    def test_every_waiting_message_of_mode_2_goes_out_in_the_end(self) -> None:
        self.introduce()
        for number in range(12):
            sealed = self.alice.patiently(f"message {number}", 2)
            self.assertEqual(self.bob.decrypt(sealed), {"message": f"message {number}", "mode": 2})

    def test_the_order_of_the_thesis_from_init_to_exit(self) -> None:
        self.assertTrue(self.alice.test_ok())
        self.introduce()
        self.assertEqual(self.alice.port, self.nodes[0].thesis_port)
        self.assertEqual(self.bob.port, self.nodes[1].thesis_port)
        self.assertTrue(self.alice.status())
        self.assertTrue(self.bob.status())
        self.assertEqual(self.alice.exit(), "ok")
        self.assertFalse(self.alice.status())
        self.assertEqual(self.alice.exit(), "service_name not found")

    def test_the_partner_of_one_that_left_learns_of_it(self) -> None:
        self.introduce()
        self.bob.patiently("ready?", 1)
        self.assertEqual(self.alice.exit(), "ok")
        self.assertTrue(eventually(lambda: not self.bob.status()))
        self.assertEqual(self.bob.exit(), "ok")

    def test_the_death_of_a_partners_node_is_seen(self) -> None:
        self.introduce()
        self.assertTrue(self.bob.status())
        self.nodes[0].stop()
        self.assertTrue(eventually(lambda: not self.bob.status()))
        self.assertTrue(self.bob.test_ok())

    def test_ciphertexts_under_older_keys_open(self) -> None:
        """720 of 720 failed in 2019: only the newest key was tried."""
        self.introduce()
        self.alice.patiently("ready?", 1)
        self.bob.patiently("ready?", 1)
        texts = ("first letter", "second letter")
        letters = [(text, self.alice.patiently(text, 1)) for text in texts]
        self.nodes[1].wait_for("key born", 60, times=12)
        for message, sealed in letters:
            self.assertEqual(self.bob.decrypt(sealed), {"message": message, "mode": 1})

    def test_both_sides_may_send_at_the_same_moment(self) -> None:
        """Whoever reads last still has the key that the other took first."""
        self.introduce()
        self.alice.patiently("ready?", 1)
        self.bob.patiently("ready?", 1)
        for number in range(10):
            message = f"crossing {number}"
            crossing = [self.alice.patiently(message, 2), self.bob.patiently(message, 2)]
            for reader, sealed in zip((self.bob, self.alice), crossing, strict=True):
                self.assertEqual(reader.decrypt(sealed), {"message": message, "mode": 2})

    def test_several_channels_between_the_same_two_nodes(self) -> None:
        """A second one killed the old program in most runs."""
        pairs = [(self.alice, self.bob)]
        pairs += [
            (self.application(self.nodes[0]), self.application(self.nodes[1])) for _ in range(3)
        ]
        for number, (caller, callee) in enumerate(pairs):
            self.assertTrue(introduce(caller, callee, (f"caller{number}", f"callee{number}")))
            callee.patiently("ready?", 1)
        for number, (caller, callee) in enumerate(pairs):
            sealed = caller.patiently(f"channel {number}", 1)
            self.assertEqual(callee.decrypt(sealed), {"message": f"channel {number}", "mode": 1})
            others = [other for _, other in pairs if other is not callee]
            self.assertEqual({other.decrypt(sealed) for other in others}, {"failed_decrypt"})

    def test_both_partners_may_call(self) -> None:
        self.introduce()
        self.assertTrue(self.bob.sync(self.alice.address, self.alice.port))
        sealed = self.alice.patiently("one channel", 1)
        self.assertEqual(self.bob.decrypt(sealed), {"message": "one channel", "mode": 1})


class OneNodeTests(ServiceTestCase):
    def test_two_applications_of_one_node_are_partners_too(self) -> None:
        node = self.thesis_node()
        alice, bob = self.application(node), self.application(node)
        self.assertTrue(introduce(alice, bob, ("alice", "bob")))
        sealed = alice.patiently("next door", 2)
        self.assertEqual(bob.decrypt(sealed), {"message": "next door", "mode": 2})

    def test_the_token_is_asked_for_by_default(self) -> None:
        node = self.node()
        stranger = self.application(node)
        self.assertEqual(stranger.raw("POST", "/v1/options/init", b'{"service_name":"s"}')[0], 401)
        owner = self.application(node, (node.state / "token").read_text().strip())
        owner.init("s")
        self.assertEqual(owner.exit(), "ok")
