"""A partner that is who it says it is, and lies: what it cannot make of a node."""

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.link_events import ChannelName, LinkDown
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from tests.session.link_pair import SMALL, Pair, node, up

OURS = ChannelName("b", "a")


def said(pair: Pair) -> Iterator[messages.Received]:
    """Take what side 1 has sent."""
    data = bytes(pair.pipes[1])
    pair.pipes[1].clear()
    yield from map(wire.decode, data.split(b"\n")[:-1])


class EchoTests(SynchronousTestCase):
    """Side 0 opens a channel and then says what it hears, so every machine and probe agrees."""

    def setUp(self) -> None:
        self.pair = up()
        self.pair.deliver(0)
        self.pair.deliver(1)
        # Its own first round gives way to the echo of ours.
        at = self.pair.pipes[0].index(b"round\t")
        del self.pair.pipes[0][at:]
        self.pair.deliver(0)
        self.channel = self.pair.sessions[1].channel(OURS)

    def echo(self, rounds: int, *, confirm: bool) -> None:
        """Say so many rounds; `confirm` keys of ours with tags that are guessed."""
        for _ in range(rounds):
            for message in said(self.pair):
                if isinstance(message, messages.Round):
                    guess = self.guess() if confirm else b""
                    self.pair.receive(1, guess + wire.encode(message))

    def guess(self) -> bytes:
        """A confirmation of all keys that wait for one, if there are any."""
        tags = bytes(16 * len(self.pair.nodes[1].ledger(OURS)._awaited))
        first = self.channel._mint._to_confirm
        return wire.encode(messages.Confirm(channel=0, first=first, tags=tags)) if tags else b""

    def test_keys_that_it_cannot_confirm_end_the_link(self) -> None:
        self.echo(200, confirm=False)
        end = self.pair.nodes[1].events[-1]
        assert isinstance(end, LinkDown)
        self.assertIn("before the confirmations", end.reason)
        self.assertGreater(self.channel.statistics.keys, 0)
        self.assertLessEqual(self.channel.statistics.keys, SMALL.machines)
        self.assertEqual(self.pair.nodes[1].usable, set())

    def test_keys_that_it_confirms_by_guessing_are_never_used(self) -> None:
        self.echo(200, confirm=True)
        own, statistics = self.pair.nodes[1], self.channel.statistics
        self.assertNotIn("LinkDown", own.kinds())
        self.assertEqual(statistics.passes, statistics.keys)
        self.assertGreater(statistics.keys, 100)
        self.assertEqual(own.usable, set())
        self.assertEqual(own.confirmed, set())
        self.assertLessEqual(len(own.owned), SMALL.machines)
        self.assertLessEqual(len(own.ledger(OURS)), 3 * SMALL.machines)

    def test_a_round_draws_no_machine_twice(self) -> None:
        self.echo(200, confirm=True)
        statistics = self.channel.statistics
        drawn = statistics.passes + statistics.restarts
        self.assertLessEqual(drawn, SMALL.machines * statistics.rounds)


class RedialTests(SynchronousTestCase):
    """Side 0 ends the link when it likes; what we remember of its keys does not grow."""

    def setUp(self) -> None:
        self.nodes = node(0, 1), node(1, 2)

    def dial(self) -> Pair:
        pair = Pair(*self.nodes)
        pair.settle()
        pair.open()
        return pair

    def remembered(self) -> int:
        return len(self.nodes[1].ledger(OURS))

    def withhold(self, turns: int) -> None:
        """A link without confirmations of side 0."""
        pair = self.dial()
        for _ in range(turns):
            lines = bytes(pair.pipes[0]).splitlines(keepends=True)
            pair.pipes[0][:] = b"".join(one for one in lines if not one.startswith(b"confirm\t"))
            pair.deliver(0)
            pair.deliver(1)
        pair.cut()

    def test_confirmations_that_are_withheld_on_every_link_do_not_add_up(self) -> None:
        sizes = []
        for _ in range(40):
            self.withhold(60)
            sizes.append(self.remembered())
        self.assertTrue(any(sizes))
        self.assertLessEqual(max(sizes), 4 * SMALL.machines)

    def test_links_that_end_before_the_claims_do_not_add_up(self) -> None:
        self.withhold(60)
        before = self.remembered()
        for _ in range(40):
            pair = self.dial()
            pair.deliver(0)
            pair.cut()
        self.assertLessEqual(self.remembered(), before)
