"""Two nodes that know each other, and applications of the thesis that know nothing of wire 2."""

import os
import signal
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dynamicrypt.demo.acquaintance import introduce as make_known
from dynamicrypt.demo.daemon import Daemon
from tests.endtoend.service import ServiceTestCase, eventually
from tests.endtoend.test_hostile_bytes import steady
from tests.foreign.application import Application, introduce
from tests.inspectable import PROGRAM

OPTIONS = ("--api-auth", "none")
#: A cut link is dialled again after half a second at first, and after 30 s in the end.
HEALING_SECONDS = 60.0


class TwoNodesTests(ServiceTestCase):
    def setUp(self) -> None:
        state = self.state()
        self.states = (state / "north", state / "south")
        for directory in self.states:
            directory.mkdir(mode=0o700)
        make_known(self.states)
        self.north, self.south = (self.start(directory) for directory in self.states)
        self.alice, self.bob = self.application(self.north), self.application(self.south)

    def start(self, directory: Path, *options: str) -> Daemon:
        node = Daemon(directory, *OPTIONS, *options, program=PROGRAM)
        node.start()
        self.addCleanup(self.end, node)
        return node

    def introduce(self) -> None:
        self.assertTrue(introduce(self.alice, self.bob, ("alice", "bob")))

    def assertTalk(self, sender: Application, receiver: Application, mode: int) -> None:
        message = f"grüße in mode {mode} ✓"
        sealed = sender.patiently(message, mode)
        self.assertEqual(receiver.decrypt(sealed), {"message": message, "mode": mode})

    def test_twenty_messages_in_each_mode_all_decrypt(self) -> None:
        self.introduce()
        self.assertEqual(
            (self.alice.port, self.bob.port), (self.north.link_port, self.south.link_port)
        )
        for mode in (1, 2):
            for number in range(20):
                pair = (self.alice, self.bob) if number % 2 else (self.bob, self.alice)
                self.assertTalk(*pair, mode)

    def test_a_message_of_mode_2_opens_once(self) -> None:
        self.introduce()
        sealed = self.alice.patiently("once", 2)
        self.assertEqual(self.bob.decrypt(sealed), {"message": "once", "mode": 2})
        self.assertEqual(self.bob.decrypt(sealed), "failed_decrypt")

    def test_a_change_anywhere_is_noticed(self) -> None:
        self.introduce()
        sealed = self.alice.patiently("whole", 1)
        for place in range(0, len(sealed["message"]), 7):
            letter = "A" if sealed["message"][place] != "A" else "B"
            text = sealed["message"][:place] + letter + sealed["message"][place + 1 :]
            self.assertEqual(self.bob.decrypt(sealed | {"message": text}), "failed_decrypt", place)
        other = ("0" if sealed["hash"][0] != "0" else "1") + sealed["hash"][1:]
        self.assertEqual(self.bob.decrypt(sealed | {"hash": other}), "failed_decrypt")
        self.assertEqual(self.bob.decrypt(sealed), {"message": "whole", "mode": 1})

    def test_the_hash_says_nothing_about_the_message(self) -> None:
        """In 2019 it was the plaintext's own."""
        self.introduce()
        hashes = {self.alice.patiently("attack at dawn", 1)["hash"] for _ in range(2)}
        self.assertEqual(len(hashes), 2)

    def test_a_node_that_is_not_known_gets_no_channel(self) -> None:
        stranger = self.node(*OPTIONS)
        mallory = self.application(stranger)
        self.bob.init("bob")
        self.bob.init_config("alice")
        mallory.init("alice")
        mallory.init_config("bob")
        self.assertFalse(mallory.sync("127.0.0.1", self.south.link_port))
        self.assertFalse(self.bob.status())
        self.assertEqual(self.bob.encrypt("m", 1), "wait")
        self.assertTrue(introduce(self.alice, self.bob, ("alice", "carol")))

    def test_a_peer_on_wire_1_gets_no_channel_of_wire_2(self) -> None:
        self.bob.init("bob")
        self.bob.init_config("alice")
        connection = self.connect(self.south.thesis_port)
        connection.sendall(b"2\t5\t0\talice\tbob\n")
        self.assertEqual(self.assertHungUp(connection), b"")
        self.assertEqual(self.bob.encrypt("m", 1), "wait")

    def test_the_partner_of_one_that_left_learns_of_it(self) -> None:
        self.introduce()
        self.assertTalk(self.alice, self.bob, 2)
        self.assertEqual(self.alice.exit(), "ok")
        self.assertTrue(eventually(lambda: not self.bob.status()))

    def test_a_node_that_was_killed_comes_back(self) -> None:
        self.introduce()
        self.assertTalk(self.alice, self.bob, 2)
        lost = self.alice.patiently("under a key that dies with bob's node", 1)
        port = str(self.south.link_port)
        os.kill(self.south.pid, signal.SIGKILL)
        self.south.wait(10)
        self.assertTrue(eventually(lambda: not self.alice.status()))
        again = Daemon(self.states[1], *OPTIONS, "--listen-port", port)
        again.start()
        self.addCleanup(self.end, again)
        bob = self.application(again)
        bob.init("bob")
        bob.init_config("alice")
        self.assertTrue(eventually(self.alice.status, HEALING_SECONDS))
        for mode in (1, 2):
            self.assertTalk(self.alice, bob, mode)
            self.assertTalk(bob, self.alice, mode)
        self.assertEqual(bob.decrypt(lost), "failed_decrypt")

    def end(self, daemon: Daemon) -> None:
        """The node that a test killed had no time for good-byes."""
        if "Server Shut Down" in daemon.log or daemon.stop() != -signal.SIGKILL:
            super().end(daemon)

    def test_neither_logs_nor_files_hold_secrets(self) -> None:
        self.introduce()
        secrets = ["the eagle lands at midnight"]
        for mode in (1, 2):
            sealed = self.alice.patiently(secrets[0], mode)
            secrets.append(sealed["hash"])
            self.bob.decrypt(sealed)
            self.assertEqual(self.bob.decrypt(sealed | {"hash": secrets[0]}), "failed_decrypt")
        text = ""
        for node in (self.north, self.south):
            node.stop()
            text += node.log
            secrets += (node.state / "identity.pem").read_text().splitlines()[1:3]
            text += "".join(
                file.read_text() for file in node.state.iterdir() if file.name != "identity.pem"
            )
        self.assertEqual([secret for secret in secrets if secret.lower() in text.lower()], [])
        self.assertIn("first key", text)

    def test_several_channels_share_the_link(self) -> None:
        pairs = [(self.application(self.north), self.application(self.south)) for _ in range(6)]
        for number, pair in enumerate(pairs):
            self.assertTrue(introduce(*pair, (f"caller{number}", f"callee{number}")))
        sealed = [caller.patiently("mine", 1) for caller, _ in pairs]
        for number, (_, callee) in enumerate(pairs):
            self.assertEqual(callee.decrypt(sealed[number]), {"message": "mine", "mode": 1})
            self.assertEqual(callee.decrypt(sealed[number - 1]), "failed_decrypt")
        self.assertEqual(self.north.log.count("link up"), 1)

    def test_streams_at_the_port_for_nodes(self) -> None:
        self.introduce()
        hello = bytes.fromhex("16030100c8010000c40303")

        @steady
        @given(st.binary(max_size=600) | st.binary(max_size=600).map(lambda tail: hello + tail))
        def attack(stream: bytes) -> None:
            self.throw(self.south.link_port, stream)

        self.assertUnmoved(self.south, attack)
        began = time.monotonic()
        self.assertTalk(self.alice, self.bob, 2)
        self.assertLess(time.monotonic() - began, 5)
