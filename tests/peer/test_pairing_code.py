"""The code of a pairing and how many an hour may have."""

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer import pairing_code, transcription
from dynamicrypt.peer.errors import MistypedError, StateFileError, TooManyCodesError
from dynamicrypt.peer.pairing_code import CodeAllowance, new_code, read_code, show_code
from dynamicrypt.peer.statedir import StateDirectory

BITS = st.integers(0, 2**pairing_code.BITS - 1)


class CodeTests(SynchronousTestCase):
    @given(number=BITS)
    def test_read_undoes_show(self, number: int) -> None:
        code = new_code(lambda _bits: number)
        self.assertRegex(show_code(code), r"\A[0-9a-z]{3}-[0-9a-z]{3}\Z")
        self.assertEqual(read_code(show_code(code).upper()), code)

    def test_every_bit_counts(self) -> None:
        draws = random.Random(7)
        self.assertEqual(len({new_code(draws.getrandbits) for _ in range(1000)}), 1000)
        codes = {new_code(lambda _bits, bit=bit: 1 << bit) for bit in range(25)}  # type: ignore[misc] # the default binds
        self.assertEqual(len(codes), 25)

    @given(number=BITS, place=st.integers(0, 5), data=st.data())
    def test_a_typing_error_is_found_before_it_voids_the_code(
        self, number: int, place: int, data: st.DataObject
    ) -> None:
        code = new_code(lambda _bits: number)
        others = sorted(set(transcription.ALPHABET) - {code[place]})
        typed = code[:place] + data.draw(st.sampled_from(others)) + code[place + 1 :]
        with self.assertRaises(MistypedError) as caught:
            read_code(typed)
        self.assertNotIn(typed, str(caught.exception))

    @given(text=st.text(max_size=12) | st.text(transcription.ALPHABET, min_size=5, max_size=7))
    def test_reads_or_refuses_any_text(self, text: str) -> None:
        try:
            code = read_code(text)
        except MistypedError:
            return
        self.assertEqual(read_code(show_code(code)), code)


class AllowanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.directory = StateDirectory(Path(self.mktemp()), create=True)

    def take(self, count: int = 1) -> None:
        """As a new process each time."""
        for _ in range(count):
            CodeAllowance(self.directory, self.clock.seconds).take()

    def test_an_hour_has_five_codes_whatever_restarts(self) -> None:
        self.take(5)
        with self.assertRaises(TooManyCodesError) as caught:
            self.take()
        self.assertIn("in 60 min", str(caught.exception))

    def test_each_code_is_given_back_after_an_hour(self) -> None:
        self.take(2)
        self.clock.advance(1800)
        self.take(3)
        self.clock.advance(1799)
        self.assertRaises(TooManyCodesError, self.take)
        self.clock.advance(1)
        self.take(2)
        self.assertRaises(TooManyCodesError, self.take)

    def test_a_refused_code_does_not_count(self) -> None:
        self.take(5)
        for _ in range(10):
            self.clock.advance(300)
            self.assertRaises(TooManyCodesError, self.take)
        self.clock.advance(600)
        self.take(5)

    def test_a_clock_set_back_delays_by_an_hour_at_most(self) -> None:
        self.take(5)
        self.clock.rightNow -= 10_000_000
        self.assertRaises(TooManyCodesError, self.take)
        self.clock.advance(3600)
        self.take(5)

    def test_refuses_a_broken_file(self) -> None:
        for content in (
            b"", b"[]", b"{}", b'{"version":2,"issued":[]}', b'{"version":1,"issued":[true]}',
            b'{"version":1,"issued":[-1]}', b'{"version":1,"issued":[1.5]}',
            b'{"version":1,"issued":[1,2,3,4,5,6]}', b'{"version":1,"issued":7}', b"\xff",
        ):  # fmt: skip
            self.directory.replace(pairing_code.FILE, content)
            self.assertRaises(StateFileError, self.take)
