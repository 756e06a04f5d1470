"""For how long what is sealed opens at the partner, as the sender is told."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import KeyExpiredError, NoKeyYetError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id, next_key
from dynamicrypt.keys.pieces import Gatherer, Splitter
from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from tests.keys.pair import channel_cipher, key, key_id

#: Opens at a time of the receiver's.
Open = Callable[[float], object]
MESSAGES = [(b"m", b"")] * 5


def seal_message(mode: int, limit: int) -> Callable[[ChannelCipher, ChannelCipher, float], Open]:
    def seal(sender: ChannelCipher, receiver: ChannelCipher, now: float) -> Open:
        sealed = sender.seal(b"m", mode, b"", now, limit)
        return lambda later: receiver.open(sealed, b"", later)

    return seal


def seal_batch(mode: int, limit: int) -> Callable[[ChannelCipher, ChannelCipher, float], Open]:
    def seal(sender: ChannelCipher, receiver: ChannelCipher, now: float) -> Open:
        results = sender.seal_batch(MESSAGES, mode, now, limit)
        sealed = [each for each in results if isinstance(each, bytes)]
        if not sealed:
            raise NoKeyYetError
        return lambda later: [receiver.open(each, b"", later) for each in sealed]

    return seal


def seal_pieces(sender: ChannelCipher, receiver: ChannelCipher, now: float) -> Open:
    pieces = Splitter(sender, lambda view: None).seal(b"m", b"", now, 3)
    gatherer = Gatherer(receiver)
    return lambda later: [gatherer.open(each, b"", later) for each in pieces]


def seal_stream(sender: ChannelCipher, receiver: ChannelCipher, now: float) -> Open:
    sealer = StreamSealer(sender, b"", now)
    stream = sealer.header + sealer.finish()
    opener = StreamOpener(receiver, b"")
    return lambda later: opener.update(stream, later) + opener.finish(later)


def take_key(sender: ChannelCipher, receiver: ChannelCipher, now: float) -> Open:
    taken, _ = next_key(sender.store, 32, b"rest", now)
    return lambda later: key_by_id(receiver.store, taken, 32, b"rest", later)


WAYS = (
    seal_message(1, 0),
    seal_message(2, 0),
    seal_message(3, 2),
    seal_batch(1, 0),
    seal_batch(2, 0),
    seal_batch(3, 2),
    seal_pieces,
    seal_stream,
    take_key,
)


def pair_with(births: list[float], late: float) -> tuple[ChannelCipher, ChannelCipher]:
    """Both sides of a channel, whose holder made each key `late` seconds before its owner did."""
    sides = channel_cipher(0), channel_cipher(1)
    for number, born in enumerate(sorted(births)):
        for side, owner, made in ((sides[0], True, born), (sides[1], False, born - late)):
            side.store.add(key_id(2 * number), key(2 * number), owner=owner, now=made)
        sides[0].store.confirm(key_id(2 * number))
    return sides


class PromiseTests(SynchronousTestCase):
    @given(
        st.sampled_from(WAYS),
        st.lists(st.floats(0, 1000), min_size=1, max_size=12),
        st.lists(st.floats(0, 200), min_size=1, max_size=6),
        st.floats(0, 29.9),
    )
    def test_what_is_sealed_opens_as_long_as_was_told(
        self,
        seal: Callable[[ChannelCipher, ChannelCipher, float], Open],
        births: list[float],
        pauses: list[float],
        late: float,
    ) -> None:
        sender, receiver = pair_with(births, late)
        now, sealed = max(births), []
        for pause in pauses:
            now += pause
            try:
                opened = seal(sender, receiver, now)
            except NoKeyYetError:
                continue
            until = sender.store.own.opens_until
            self.assertTrue(120.0 < until - now <= 720.001, until - now)
            sealed.append((until - 0.001, opened))
        for until, opened in sorted(sealed, key=lambda each: each[0]):
            opened(until)

    def test_it_is_as_long_as_it_can_be_said(self) -> None:
        sender, receiver = pair_with([0.0], 29.9)
        sealed = sender.seal(b"m", 2, b"", 100.0)
        self.assertEqual(sender.store.own.opens_until, 720.0)
        self.assertRaises(KeyExpiredError, receiver.open, sealed, b"", 720.2)

    def test_of_a_batch_it_is_that_of_the_oldest_key(self) -> None:
        for mode, limit in ((2, 0), (3, 1)):
            sender, _ = pair_with([10.0, 20.0, 30.0], 0.0)
            sender.seal_batch(MESSAGES[:3], mode, 40.0, limit)
            self.assertEqual(sender.store.own.opens_until, 730.0)
        sender, _ = pair_with([10.0, 20.0, 30.0], 0.0)
        sender.seal_batch(MESSAGES[:3], 1, 40.0)
        self.assertEqual(sender.store.own.opens_until, 750.0)
