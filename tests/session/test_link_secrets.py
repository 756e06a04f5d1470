"""Nothing that a link keeps secret is on the wire, and nothing of it stays behind."""

import base64
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys import schedule
from dynamicrypt.keys.schedule import ChannelKeys, Secret
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import KeyMade
from tests.session.link_pair import Pair, node

TIMES = LinkTimes(epoch=10.0, epoch_keys=1 << 30)


def forms(secret: bytes) -> list[bytes]:
    """The secret and its beginning as bytes, hex digits, and base64 at each of three offsets."""
    shifted = [base64.b64encode(bytes(shift) + secret)[4:36] for shift in range(3)]
    return [secret[:12], secret.hex()[:24].encode(), *shifted]


class SecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parents: list[bytes] = []
        self.children: list[bytes] = []
        self.keys: list[bytes] = []
        self.wire = bytearray()

        expand, confirmation = schedule.expand_into, ChannelKeys.confirmation

        def expand_into(secret: Secret, out: Secret, *context: bytes) -> None:
            expand(secret, out, *context)
            self.parents.append(bytes(secret))
            self.children.append(bytes(out))

        def confirm(keys: ChannelKeys, key: Secret, role: int, key_id: bytes) -> bytes:
            self.keys.append(bytes(key))
            return confirmation(keys, key, role, key_id)

        for target, name, double in (
            (schedule, "expand_into", expand_into),
            (ChannelKeys, "confirmation", confirm),
        ):
            patcher = patch.object(target, name, double)
            patcher.start()
            self.addCleanup(patcher.stop)

    def converse(self) -> Pair:
        pair = Pair(node(0, 1), node(1, 2), times=TIMES, exporter=bytes(range(100, 132)))
        for pipe in pair.pipes:
            self.wire += pipe

        def tap(_side: int, data: bytes) -> None:
            self.wire.extend(data)

        pair.tap = tap
        pair.settle()
        pair.open()
        for _ in range(3):
            pair.settle(30)
            pair.now += 10.0
            pair.perform(0, pair.sessions[0].tick(pair.now))
        return pair

    def test_no_secret_crosses_the_wire(self) -> None:
        self.converse()
        secrets = {*self.parents, *self.children, *self.keys, bytes(range(100, 132))}
        self.assertGreater(len(secrets), 50)
        data = bytes(self.wire)
        for secret in secrets:
            for form in forms(secret):
                self.assertNotIn(form, data)

    def test_the_search_would_find_one(self) -> None:
        secret = bytes(range(32))
        line = b"round\t0\t1\t" + base64.b64encode(b"xy" + secret + b"z") + b"\t\n"
        self.assertTrue(any(form in line for form in forms(secret)))

    def test_no_two_secrets_are_equal(self) -> None:
        pair = self.converse()
        made = [bytes(event.key) for event in pair.nodes[0].events if isinstance(event, KeyMade)]
        self.assertEqual(len(made), len(set(made)))
        self.assertEqual(set(made) & {*self.parents, *self.children}, set())
        # Each side expands six for an epoch and four for a channel in it; the other side the same.
        self.assertEqual(len(set(self.children)) * 2, len(self.children))

    def test_nothing_stays_when_the_link_ends(self) -> None:
        pair = self.converse()
        views = []
        for session in pair.sessions:
            channel = session.channel(session.channels[0])
            keys, epoch = channel._turns._keys, session._dialogue.epochs._current
            assert keys is not None
            assert epoch is not None
            views += [keys._row[b"salt"], keys._row[b"probe"], epoch.next]
            views.append(memoryview(session._dialogue.epochs._prior))
        self.assertTrue(any(any(view) for view in views))
        pair.cut()
        self.assertFalse(any(any(view) for view in views))
