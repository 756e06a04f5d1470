"""A link between two hosts: pairing, a cut network, a killed process, a moved host, an impostor."""

import base64
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.system.capture import HYBRID, TLS_1_3, TLS_KINDS, Capture
from tests.system.two_hosts import LINK_PORT, MOVED, NORTH, SOUTH, Host, Network, pair, within

#: Longest time (s) from a mended network, or a restarted process, to fresh keys.
HEALING = 10.0
SECRET = 2


def text(message: str) -> str:
    return base64.b64encode(message.encode()).decode()


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = Network()
        self.addCleanup(self.network.close)
        place = Path(self.mktemp()).absolute()
        self.north, self.south = (
            Host(self.network.hosts[address], address, place / name, service=service)
            for address, name, service in ((NORTH, "north", "alice"), (SOUTH, "south", "bob"))
        )
        for host in (self.north, self.south):
            host.state.mkdir(mode=0o700, parents=True)
        pair(self.south, self.north)

    def start(self, host: Host, *options: str) -> None:
        host.start(*options)
        self.addCleanup(host.daemon.stop)

    def meet(self) -> None:
        """Both start, and have keys."""
        for host in (self.north, self.south):
            self.start(host)
        self.north.open(self.south)
        self.south.open(self.north)
        within(HEALING, self.flow)

    def sealed(self, sender: Host, receiver: Host, message: str) -> str:
        """A message under a key of its own."""
        answer = sender.ask(receiver, "encrypt", plaintext=text(message), mode=SECRET)
        self.assertIn("ciphertext", answer)
        return str(answer["ciphertext"])

    def opened(self, sender: Host, receiver: Host, ciphertext: str) -> Any:
        """The plaintext, or the code of the problem."""
        answer = receiver.ask(sender, "decrypt", ciphertext=ciphertext)
        return answer["code"] if "code" in answer else base64.b64decode(answer["plaintext"])

    def up(self, host: Host, other: Host) -> bool:
        return host.channel(other)["state"] in {"up", "resting"}

    def flow(self) -> bool:
        """Whether both channels are up, and a message each way under its own key arrives."""
        for sender, receiver in ((self.north, self.south), (self.south, self.north)):
            if not self.up(sender, receiver):
                return False
            answer = sender.ask(receiver, "encrypt", plaintext=text("hello"), mode=SECRET)
            if "code" in answer:
                self.assertIn(answer["code"], {"no_key_yet", "not_opened", "peer_down"})
                return False
            self.assertEqual(self.opened(sender, receiver, answer["ciphertext"]), b"hello")
        return True

    def use_up(self, sender: Host, receiver: Host) -> int:
        """Send until no key is left, each message arrives; how many there were."""
        sent = 0
        while True:
            answer = sender.ask(receiver, "encrypt", plaintext=text("bye"), mode=SECRET)
            if "code" in answer:
                return sent
            self.assertEqual(self.opened(sender, receiver, answer["ciphertext"]), b"bye")
            sent += 1

    def test_keys_flow_again_after_thirty_seconds_without_network(self) -> None:
        self.meet()
        self.network.cut()
        cut = time.monotonic()
        within(40, lambda: not self.up(self.north, self.south))
        within(10, lambda: not self.up(self.south, self.north))
        for pair_ in ((self.north, self.south), (self.south, self.north)):
            self.assertGreater(self.use_up(*pair_), 10, "keys that were ready are gone")
        time.sleep(max(0.0, 30 - (time.monotonic() - cut)))
        self.network.mend()
        print(f"healed after {within(HEALING, self.flow):.1f} s")

    def test_keys_flow_again_after_a_node_was_killed(self) -> None:
        self.meet()
        to_south = self.sealed(self.north, self.south, "lost")
        to_north = self.sealed(self.south, self.north, "lost")
        self.south.kill()
        self.start(self.south)
        print(f"healed after {within(HEALING, self.flow):.1f} s")
        self.assertEqual(self.opened(self.north, self.south, to_south), "unknown_key")
        self.assertEqual(self.opened(self.south, self.north, to_north), "unknown_key")

    def test_keys_flow_again_after_a_host_moved(self) -> None:
        anywhere = ("--listen-interface", "0.0.0.0", "--advertise", SOUTH)  # noqa: S104
        self.start(self.north)
        self.start(self.south, *anywhere)
        self.north.open(self.south)
        self.south.open(self.north)
        within(HEALING, self.flow)
        self.network.move_south()
        self.south.address = MOVED
        # South, whose new address nobody knows, dials: it was paired with north's.
        self.south.daemon.wait_for("link up", 60, times=2)
        print(f"healed after {within(2 * HEALING, self.flow):.1f} s")

    def test_a_wire_tap_sees_tls_1_3_the_hybrid_group_and_nothing_else(self) -> None:
        with Capture(self.network.router) as capture:
            self.meet()
            self.use_up(self.north, self.south)
        hellos = capture.server_hellos(LINK_PORT)
        self.assertEqual({(hello.version, hello.group) for hello in hellos}, {(TLS_1_3, HYBRID)})
        records = [record for stream in capture.streams(LINK_PORT) for record in stream]
        self.assertLessEqual({record.kind for record in records}, TLS_KINDS)
        seen = b"".join(record.body for record in records)
        self.assertGreater(len(seen), 50_000)
        for word in (b"alice", b"north", b"south", b"hello", b"round", b"confirm"):
            self.assertNotIn(word, seen)
