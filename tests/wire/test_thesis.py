"""The codec of wire 1."""

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.wire.thesis import (
    MAX_LINE,
    Hello,
    MalformedLineError,
    Message,
    Reply,
    Restart,
    Step,
    Welcome,
    decode,
    encode,
)

VECTORS = Path(__file__).parent.parent / "vectors"
WEIGHTS = 72

ids = st.integers(min_value=-(10**17), max_value=10**17)
names = st.text(st.characters(codec="utf-8", exclude_characters="\t\n"), min_size=1, max_size=60)
vectors = st.lists(st.sampled_from([1, 255]), min_size=WEIGHTS, max_size=WEIGHTS).map(bytes)
outputs = st.sampled_from([-1, 1])
checks = st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex().upper().encode())
salts = st.binary(max_size=50).map(lambda raw: raw.replace(b"\t", b"").replace(b"\n", b""))
messages = st.one_of(
    st.builds(Hello, sender=ids, iteration=ids, service=names, partner=names),
    st.builds(Welcome, sender=ids, iteration=ids, addressee=ids),
    st.builds(Step, sender=ids, iteration=ids, vector=vectors, output=outputs),
    st.builds(
        Reply,
        sender=ids,
        iteration=ids,
        vector=vectors,
        output=outputs,
        agreed=st.booleans(),
        echo=vectors,
        check=checks,
        salt=salts,
    ),
    st.builds(Restart, sender=ids, iteration=ids, save=st.booleans()),
)

STEP = b"1\t7\t7\t1\t" + b"1" * WEIGHTS + b"\t1\t1"

MALFORMED = {
    "nothing": b"",
    "no number": b"x",
    "huge type": b"99999999999999999999\t1",
    "unknown type": b"5\t1\t0\t0\t1",
    "too few fields": b"2\t1",
    "too many fields": b"4\t1\t0\t0\t1\t1",
    "an HTTP request": b"GET / HTTP/1.1\r",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303"),
    "a sign": b"2\t+1\t0\ta\tb",
    "a leading zero": b"2\t01\t0\ta\tb",
    "a minus zero": b"2\t-0\t0\ta\tb",
    "other digits": "2\t\u0661\t0\ta\tb".encode(),
    "a huge id": b"2\t" + b"9" * 19 + b"\t0\ta\tb",
    "an empty name": b"2\t1\t0\t\tb",
    "a long name": b"2\t1\t0\t" + b"a" * 256 + b"\tb",
    "a name that is not UTF-8": b"2\t1\t0\t\xff\tb",
    "two different ids": STEP.replace(b"7\t7", b"7\t8"),
    "output zero": STEP.replace(b"\t1\t1", b"\t0\t1"),
    "step three": STEP[:-1] + b"3",
    "a short vector": STEP.replace(b"1" * WEIGHTS, b"1" * 71),
    "a vector that ends in a minus, short": STEP.replace(b"1" * WEIGHTS, b"1" * 70 + b"-"),
    "save two": b"4\t1\t0\t0\t2",
    "a carriage return": b"4\t1\t0\t0\t1\r",
    "too long": b"2\t1\t0\ta\t" + b"b" * MAX_LINE,
}


class ThesisCodecTests(SynchronousTestCase):
    @given(messages)
    def test_decodes_what_it_encodes(self, message: Message) -> None:
        line = encode(message)
        self.assertNotIn(b"\n", line)
        self.assertEqual(decode(line, WEIGHTS), message)

    def test_encodes_the_captured_lines_to_the_same_bytes(self) -> None:
        lines = json.loads((VECTORS / "thesis-sync.json").read_text())["lines"]
        self.assertGreater(len(lines), 900)
        for _, text in lines:
            line = text.encode("latin-1")
            self.assertEqual(encode(decode(line, WEIGHTS)), line)

    @given(st.binary(max_size=1100))
    @example(b"1\t7\t7\t1\t" + b"-" * 200 + b"\t1\t1")
    def test_any_bytes_give_a_message_or_an_error(self, line: bytes) -> None:
        try:
            message = decode(line, WEIGHTS)
        except MalformedLineError:
            return
        self.assertEqual(decode(encode(message), WEIGHTS), message)

    def test_refuses_what_is_no_message(self) -> None:
        for what, line in MALFORMED.items():
            with self.subTest(what):
                self.assertRaises(MalformedLineError, decode, line, WEIGHTS)

    def test_reads_a_vector_as_the_2019_program_does(self) -> None:
        """A minus swallows the next character, anything else is +1, the rest is not read."""
        text = b"-1" + b"--" + b"x" + b"\xff" + b"1" * 68 + b"ignored"
        message = decode(STEP.replace(b"1" * WEIGHTS, text), WEIGHTS)
        assert isinstance(message, Step)
        self.assertEqual(message.vector, b"\xff\xff" + b"\x01" * 70)

    def test_salt_may_hold_any_byte_but_tab_and_line_feed(self) -> None:
        salt = bytes(set(range(256)) - {9, 10})
        reply = Reply(
            sender=1,
            iteration=2,
            vector=b"\x01" * WEIGHTS,
            output=-1,
            agreed=True,
            echo=b"\xff" * WEIGHTS,
            check=b"0" * 64,
            salt=salt,
        )
        self.assertEqual(decode(encode(reply), WEIGHTS), reply)

    def test_longest_message_fits_a_line(self) -> None:
        reply = Reply(
            sender=-(10**17),
            iteration=-(10**17),
            vector=b"\xff" * WEIGHTS,
            output=-1,
            agreed=True,
            echo=b"\xff" * WEIGHTS,
            check=b"0" * 64,
            salt=b"s" * 50,
        )
        self.assertLess(len(encode(reply)), MAX_LINE)
