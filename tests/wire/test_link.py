"""The codec of wire 2."""

import json
from pathlib import Path
from typing import get_args

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError, RemoteError
from dynamicrypt.params import (
    MAX_ROUND_OUTPUT,
    PROFILES,
    ExchangeParameters,
    MachineParameters,
    Rule,
)
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link_lines import LineCutter
from tests.wire.link_messages import MESSAGES

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "link-lines.json").read_text())


class CodecTests(SynchronousTestCase):
    @given(MESSAGES)
    def test_decodes_what_it_encodes(self, message: messages.Message) -> None:
        line = wire.encode(message)
        self.assertEqual(line[-1:], b"\n")
        self.assertEqual(wire.decode(line[:-1]), message)

    @given(
        st.one_of(st.binary(max_size=300), MESSAGES.map(wire.encode).map(lambda line: line[:-1]))
    )
    @example(b"")
    @example(b"\t")
    @example(b"round\t1\t1\t\t")
    @example(b"hello")
    def test_any_line_is_a_message_or_a_remote_error(self, line: bytes) -> None:
        try:
            message = wire.decode(line)
        except RemoteError:
            return
        if isinstance(message, messages.Unknown):
            self.assertEqual(line.partition(b"\t")[0].decode(), message.word)
        else:
            self.assertEqual(wire.encode(message), line + b"\n")

    @given(MESSAGES, st.data())
    def test_a_changed_line_is_another_message_or_a_remote_error(
        self, message: messages.Message, data: st.DataObject
    ) -> None:
        line = bytearray(wire.encode(message)[:-1])
        at = data.draw(st.integers(0, len(line) - 1))
        line[at] ^= data.draw(st.integers(1, 255))
        try:
            other = wire.decode(bytes(line))
        except RemoteError:
            return
        self.assertNotEqual(other, message)

    def test_the_vectors_cover_every_message(self) -> None:
        named = {vector["message"] for vector in VECTORS["valid"]}
        self.assertEqual(named, {form.__name__ for form in get_args(messages.Message)})

    def test_lines_of_the_vectors(self) -> None:
        for vector in VECTORS["valid"]:
            line = vector["line"].encode()
            message = wire.decode(line)
            self.assertEqual(type(message).__name__, vector["message"])
            assert not isinstance(message, messages.Unknown)
            self.assertEqual(wire.encode(message), line + b"\n")

    def test_refuses_the_invalid_lines_of_the_vectors(self) -> None:
        for vector in VECTORS["invalid"]:
            with self.assertRaises(RemoteError, msg=vector["fault"]) as caught:
                wire.decode(vector["line"].encode("latin-1"))
            self.assertEqual(type(caught.exception).__name__, vector["error"], vector["fault"])

    def test_another_major_version_is_told_apart(self) -> None:
        for line in (b"hello\t3.0", b"hello\t1.7\tanything", b"hello\t3.0\ta\tb\tc\td\te\tf"):
            with self.assertRaises(wire.VersionError):
                wire.decode(line)

    def test_unknown_words_are_known_as_such(self) -> None:
        self.assertEqual(wire.decode(b"rumour\t1\t2"), messages.Unknown(word="rumour"))

    def test_the_largest_messages_fit_a_line(self) -> None:
        big = wire.MAX_CHANNEL, wire.MAX_ROUND
        largest: list[messages.Message] = [
            messages.Round(
                channel=big[0], round=big[1], outputs=bytes(MAX_ROUND_OUTPUT), probes=bytes(8192)
            ),
            messages.Held(channel=big[0], claims=bytes(32 * wire.MAX_KEYS), more=True),
            messages.Confirm(channel=big[0], first=big[1], tags=bytes(16 * wire.MAX_KEYS)),
            messages.Epoch(
                epoch=big[1],
                share=bytes(wire.OFFER_BYTES),
                rounds=tuple((big[0] - n, big[1]) for n in reversed(range(wire.MAX_CHANNELS))),
            ),
        ]
        for message in largest:
            line = wire.encode(message)
            self.assertLessEqual(len(line), wire.MAX_LINE)
            self.assertEqual(wire.decode(line[:-1]), message)

    def test_the_largest_round_of_queries_fits_a_line(self) -> None:
        parameters = ExchangeParameters(
            machine=MachineParameters(K=1, N=128, L=3, rule=Rule.RANDOM_WALK),
            query=1000,
            package=1,
            fusion=1,
            machines=2048,
            step_limit=1000,
        )
        query = messages.Query(
            channel=wire.MAX_CHANNEL,
            round=wire.MAX_ROUND,
            inputs=bytes(parameters.package_input_bytes * parameters.machines),
            outputs=bytes(parameters.machines // 8),
            probes=bytes(parameters.machines),
        )
        self.assertLessEqual(len(wire.encode(query)), wire.MAX_LINE)

    def test_refuses_a_line_over_the_limit(self) -> None:
        line = b"goodbye\t" + b"x" * wire.MAX_LINE
        with self.assertRaises(wire.LinkLineError):
            wire.decode(line)

    def test_every_profile_can_be_opened(self) -> None:
        for profile in PROFILES.values():
            message = messages.Open(
                channel=0,
                service="a",
                partner="b",
                nonce=bytes(32),
                parameters=profile.exchange,
            )
            self.assertEqual(wire.decode(wire.encode(message)[:-1]), message)

    def test_names_are_checked_before_they_are_sent(self) -> None:
        wire.check_name("näme mit blank")
        for name in ("", "a\tb", "a\nb", "x" * 256, "\ud800", "\x00"):
            with self.assertRaises(ParameterError):
                wire.check_name(name)

    @given(st.text(max_size=400))
    def test_clipped_text_can_be_sent(self, text: str) -> None:
        message = messages.Goodbye(reason=wire.clip(text))
        self.assertEqual(wire.decode(wire.encode(message)[:-1]), message)


class LineCutterTests(SynchronousTestCase):
    @given(
        st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8),
        st.data(),
    )
    def test_pieces_make_no_difference(self, lines: list[bytes], data: st.DataObject) -> None:
        stream = b"".join(line + b"\n" for line in lines)
        cutter, cut = LineCutter(), []
        while stream:
            size = data.draw(st.integers(1, len(stream)))
            cut += cutter.cut(stream[:size])
            stream = stream[size:]
        self.assertEqual(cut, lines)

    def test_an_unfinished_line_has_a_limit(self) -> None:
        cutter = LineCutter()
        for _ in range(wire.MAX_LINE // 1024 - 1):
            cutter.cut(bytes(1024))
        with self.assertRaises(wire.LinkLineError):
            cutter.cut(bytes(1024))

    def test_single_bytes_cost_linear_time(self) -> None:
        cutter = LineCutter()
        for _ in range(wire.MAX_LINE - 1):
            self.assertEqual(cutter.cut(b"x"), [])
        self.assertEqual(len(cutter.cut(b"\n")[0]), wire.MAX_LINE - 1)
