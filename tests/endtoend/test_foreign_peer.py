"""A wire 1 peer that shares no code with ours, in both roles, against the running service."""

import socket
import threading

from tests.endtoend.service import ServiceTestCase, eventually
from tests.foreign.cipher import open_with_any
from tests.foreign.peer import Conversation


class ForeignPeerTests(ServiceTestCase):
    def setUp(self) -> None:
        self.daemon = self.thesis_node()
        self.app = self.application(self.daemon)
        self.app.init("harbour")

    def called_by_foreigner(self) -> Conversation:
        self.assertTrue(self.app.init_config("boat"))
        return self.dial(self.daemon, "boat", "harbour")

    def calling_foreigner(self) -> Conversation:
        listener = self.listener()
        self.assertTrue(self.app.init_config("lighthouse"))
        self.assertTrue(self.app.sync("127.0.0.1", listener.port))
        return self.called(listener)

    def assertFiveKeysAgree(self, conversation: Conversation) -> None:
        keys = conversation.wait_for_keys(6)[:5]
        self.assertEqual(len(set(keys)), 5)
        for number, key in enumerate(keys):
            self.assertOpens(self.app, key, f"under key {number}", mode=1)

    def assertOursOpensThere(self, conversation: Conversation, parity: int) -> None:
        """What the node encrypts opens under the foreigner's keys, of our half of the numbers."""
        conversation.wait_for_keys(3)
        numbers = []
        for mode in (1, 1, 2, 2, 2):
            sealed = self.app.patiently(f"mode {mode}: grüße", mode)
            self.assertEqual(sealed["mode"], mode)
            opened = open_with_any(list(conversation.side.keys), sealed["message"], sealed["hash"])
            assert opened is not None, "no key of the foreign peer opens the message"
            self.assertEqual(opened[1], f"mode {mode}: grüße")
            numbers.append(opened[0])
        self.assertEqual({number % 2 for number in numbers}, {parity})
        self.assertEqual(len(set(numbers[2:])), 3, "mode 2 used a key twice")
        self.assertTrue(set(numbers[:2]).isdisjoint(numbers[2:]), "mode 2 used a key of mode 1")

    def test_five_keys_agree_when_the_foreigner_calls(self) -> None:
        self.assertFiveKeysAgree(self.called_by_foreigner())

    def test_five_keys_agree_when_we_call(self) -> None:
        self.assertFiveKeysAgree(self.calling_foreigner())

    def test_ciphertexts_open_at_the_foreigner_that_called(self) -> None:
        self.assertOursOpensThere(self.called_by_foreigner(), parity=1)

    def test_ciphertexts_open_at_the_foreigner_that_we_called(self) -> None:
        self.assertOursOpensThere(self.calling_foreigner(), parity=0)

    def test_mode_2_opens_a_message_once(self) -> None:
        key = self.called_by_foreigner().wait_for_keys(3)[1]
        self.assertOpens(self.app, key, "once", mode=2)
        with self.assertRaises(AssertionError):
            self.assertOpens(self.app, key, "twice", mode=2)

    def test_both_detect_keys_in_their_turn(self) -> None:
        """Either side may be first to see equality, and both must store the same key then."""
        conversation = self.called_by_foreigner()
        side = conversation.side

        def both_detected() -> bool:
            return 0 < len(side.detected) < len(side.keys)

        self.assertTrue(eventually(both_detected, 30))
        keys = list(side.keys)
        detected = side.detected[0]
        other = next(number for number in range(len(keys)) if number not in side.detected)
        self.assertMakesKeys(conversation, 1)
        for number in (detected, other):
            self.assertOpens(self.app, keys[number], f"key {number}", mode=1)

    def test_salts_of_any_bytes_are_understood(self) -> None:
        """The foreign peer salts with every byte but TAB and LF, so keys prove it."""
        conversation = self.called_by_foreigner()
        conversation.wait_for_keys(2)
        self.assertIsNone(conversation.failure)

    def test_a_foreigner_at_its_maximum_of_iterations_starts_over_with_us(self) -> None:
        conversation = self.called_by_foreigner()
        conversation.wait_for_keys(1)
        conversation.side.iteration = 18_432
        self.assertTrue(eventually(lambda: conversation.side.restarts == 1))
        known = len(conversation.side.keys)
        keys = conversation.wait_for_keys(known + 2)
        self.assertOpens(self.app, keys[known], "after starting over", mode=1)

    def test_eight_partners_at_once_each_have_keys_of_their_own(self) -> None:
        apps, talks = [], []
        for number in range(8):
            app = self.application(self.daemon)
            app.init(f"quay{number}")
            self.assertTrue(app.init_config(f"boat{number}"))
            apps.append(app)
            talks.append(self.dial(self.daemon, f"boat{number}", f"quay{number}"))
        for number, (app, talk) in enumerate(zip(apps, talks, strict=True)):
            key = talk.wait_for_keys(2, 60)[0]
            self.assertOpens(app, key, f"to quay {number}", mode=1)
        keys = [key for talk in talks for key in talk.side.keys]
        self.assertEqual(len(set(keys)), len(keys))

    def test_sync_answers_only_after_the_partner_accepted(self) -> None:
        """A listener that accepts the connection and says nothing is a failure, in 5 s or so."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.assertTrue(self.app.init_config("nobody"))
        self.assertFalse(self.app.sync("127.0.0.1", silent.getsockname()[1]))
        self.assertFalse(self.app.status())

    def test_a_partner_is_called_by_name(self) -> None:
        listener = self.listener()
        self.assertTrue(self.app.init_config("lighthouse"))
        self.assertTrue(self.app.sync("localhost", listener.port))
        self.called(listener).wait_for_keys(1)

    def test_a_partner_that_leaves_is_seen_and_called_again(self) -> None:
        listener = self.listener()
        self.assertTrue(self.app.init_config("lighthouse"))
        self.assertTrue(self.app.sync("127.0.0.1", listener.port))
        first = self.called(listener)
        old = first.wait_for_keys(2)
        self.assertTrue(self.app.status())
        first.stop()
        second = self.called(listener)
        new = second.wait_for_keys(2)
        self.assertTrue(self.app.status())
        self.assertOpens(self.app, new[0], "the new connection", mode=1)
        self.assertOpens(self.app, old[0], "keys outlive a cut", mode=1)

    def test_exit_hangs_up_and_calls_no_more(self) -> None:
        listener = self.listener()
        self.assertTrue(self.app.init_config("lighthouse"))
        self.assertTrue(self.app.sync("127.0.0.1", listener.port))
        conversation = self.called(listener)
        conversation.wait_for_keys(1)
        self.assertEqual(self.app.exit(), "ok")
        self.assertTrue(eventually(lambda: conversation.left))
        self.assertFalse(self.app.status())
        self.assertEqual(self.app.encrypt("m", 1), "service_not_found")
        self.assertTrue(listener.conversations.empty())

    def test_two_applications_may_be_called_while_one_request_waits(self) -> None:
        """A sync that waits for a silent partner holds nobody else up."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        port = silent.getsockname()[1]
        self.assertTrue(self.app.init_config("nobody"))
        waiting = threading.Thread(target=self.app.sync, args=("127.0.0.1", port))
        waiting.start()
        self.addCleanup(waiting.join, 30)
        other = self.application(self.daemon)
        other.init("other")
        self.assertTrue(other.test_ok())
        self.assertTrue(waiting.is_alive())
