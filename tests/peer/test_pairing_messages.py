"""The codec of a pairing."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.errors import PairingMessageError
from dynamicrypt.peer.pairing_messages import (
    MAX_LINE,
    PROOF_SIZE,
    SHARE_SIZE,
    Confirm,
    Done,
    Message,
    Reason,
    Refuse,
    Share,
    decode,
    encode,
)
from tests.peer.test_peers import NAMES

MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Share, element=st.binary(min_size=SHARE_SIZE, max_size=SHARE_SIZE)),
    st.builds(
        Confirm,
        proof=st.binary(min_size=PROOF_SIZE, max_size=PROOF_SIZE),
        name=NAMES,
        port=st.integers(0, 65535),
    ),
    st.just(Done()),
    st.builds(Refuse, reason=st.sampled_from(Reason)),
)
PIECES = st.sampled_from(
    [b"share", b"confirm", b"done", b"refuse", b"void", b"wrong-code", b"\t", b"00" * 32, b"0",
     b"65536", b"berlin", b"\xff", b"\r", b""]
)  # fmt: skip


class CodecTests(SynchronousTestCase):
    @given(message=MESSAGES)
    def test_decode_undoes_encode(self, message: Message) -> None:
        line = encode(message)
        self.assertEqual(decode(line), message)
        self.assertLessEqual(len(line), MAX_LINE)
        self.assertNotIn(b"\n", line)

    @given(line=st.binary(max_size=300) | st.lists(PIECES, max_size=9).map(b"".join))
    def test_any_line_is_a_message_with_this_one_encoding_or_refused(self, line: bytes) -> None:
        try:
            message = decode(line)
        except PairingMessageError:
            return
        self.assertEqual(encode(message), line)

    def test_refuses_what_is_almost_a_message(self) -> None:
        share, proof = b"41" * SHARE_SIZE, b"00" * PROOF_SIZE
        for line in (
            b"", b"share", b"share\t", b"share\t" + share[:-2], b"share\t" + share + b"00",
            b"share\t" + share.replace(b"4", b"A"), b"Share\t" + share, b"share \t" + share,
            b"share\t" + share + b"\t", b"share\t" + b" " * 2 * SHARE_SIZE,
            b"confirm\t" + proof + b"\tberlin", b"confirm\t" + proof + b"\t\t0",
            b"confirm\t" + proof + b"\tBerlin\t0", b"confirm\t" + proof + b"\tberlin\t00",
            b"confirm\t" + proof + b"\tberlin\t-1", b"confirm\t" + proof + b"\tberlin\t65536",
            b"confirm\t" + proof + b"\tb\xc3\xbc\t1", b"done\t", b"done\r", b"refuse",
            b"refuse\tno", b"refuse\tVOID", b"refuse\t\xff", b"done" + b" " * MAX_LINE,
        ):  # fmt: skip
            self.assertRaises(PairingMessageError, decode, line)
