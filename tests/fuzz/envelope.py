"""Whatever arrives to be opened: messages, pieces, streams, and those of the thesis.

The first byte of an input chooses the way in, the rest is what arrives. The receiver holds the keys
of tests/vectors/envelope.json, so the messages of the vectors are genuine: nothing else may open.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.pieces import Gatherer
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener
from dynamicrypt.keys.thesis_store import ThesisKeyStore

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "envelope.json").read_text("utf-8")
)
BINDING = bytes.fromhex(VECTORS["channel"]["binding"])
CONTEXT = b"context"
NOW = 1.0


def genuine() -> set[bytes]:
    """Return every envelope of the vectors that role 1 may open, whichever its context."""
    messages = {case["envelope"] for case in VECTORS["messages"]}
    pieces = {piece for case in VECTORS["splits"] for piece in case["pieces"]}
    return {bytes.fromhex(envelope) for envelope in messages | pieces}


GENUINE = genuine()
#: Streams that the vectors give whole; others are longer than any input.
STREAMS = {bytes.fromhex(case["first_bytes"]) for case in VECTORS["streams"] if case["length"] < 9}


def receiver(role: int = 1) -> ChannelCipher:
    """Return one side with the keys of the vectors, all of them the partner's."""
    message, split = VECTORS["messages"][0], VECTORS["splits"][0]
    store = KeyStore()
    for case in (message, *split["keys"]):
        key_id, key = bytes.fromhex(case["key_id"]), bytes.fromhex(case["key"])
        store.add(key_id, key, owner=False, now=0.0)
    return ChannelCipher(role, BINDING, store)


def open_message(data: bytes) -> None:
    """A message on REST v2."""
    cipher = receiver()
    held = cipher.store.levels.held
    for context in (b"", b"c", CONTEXT):
        try:
            cipher.open(data, context, NOW)
        except DynamiCryptError:
            assert data in GENUINE or cipher.store.levels.held == held
        else:
            assert data in GENUINE, "a message that nobody sealed has opened"


def open_hashed(data: bytes) -> None:
    """A message on REST v1: mode, 64 bytes of hash, envelope."""
    mode, hash_, envelope = data[:1], data[1:65].decode("latin-1"), data[65:]
    try:
        receiver().open_hashed(envelope, hash_, int.from_bytes(mode, "big"), NOW)
    except DynamiCryptError:
        return
    assert envelope in GENUINE, "a message that nobody sealed has opened"


def open_pieces(data: bytes) -> None:
    """Pieces, each behind its length in two bytes."""
    gatherer = Gatherer(receiver())
    while data:
        length = int.from_bytes(data[:2], "big")
        piece, data = data[2 : 2 + length], data[2 + length :]
        try:
            gatherer.open(piece, CONTEXT, NOW)
        except DynamiCryptError:
            continue
        assert piece in GENUINE, "a piece that nobody sealed has opened"


def open_stream(data: bytes) -> None:
    """A stream in parts, the first byte says how large."""
    opener = StreamOpener(receiver(role=0), b"file")
    size = 1 + int.from_bytes(data[:1], "big") * 16
    try:
        for at in range(1, len(data), size):
            opener.update(data[at : at + size], NOW)
        opener.finish(NOW)
    except DynamiCryptError:
        return
    assert data[1:] in STREAMS, "a stream that nobody sealed has opened"


def open_thesis(data: bytes) -> None:
    """A message of wire 1: 64 bytes of hash, then text."""
    store = ThesisKeyStore()
    store.new_connection(dialler=True)
    store.hold(0, b"4" * 72)
    for mode in (1, 2):
        try:
            store.decrypt(data[64:].decode("latin-1"), data[:64].decode("latin-1"), mode)
        except DynamiCryptError:
            continue
        raise AssertionError("a message that nobody encrypted has opened")


WAYS: tuple[Callable[[bytes], None], ...] = (
    open_message,
    open_hashed,
    open_pieces,
    open_stream,
    open_thesis,
)


def one_input(data: bytes) -> None:
    """Open one input; anything but a stated error ends the run."""
    if data:
        WAYS[data[0] % len(WAYS)](data[1:])


def seeds() -> list[bytes]:
    """Return inputs to begin with: what is genuine, and what the vectors refuse."""
    found = []
    refused = [bytes.fromhex(case["envelope"]) for case in VECTORS["refused"]]
    for envelope in [*sorted(GENUINE), *refused]:
        found.append(b"\0" + envelope)
        found.append(b"\2" + len(envelope).to_bytes(2, "big") + envelope)
    for case in VECTORS["messages"]:
        mode, hash_ = bytes([case["mode"]]), case["hash"].encode("ascii")
        found.append(b"\1" + mode + hash_ + bytes.fromhex(case["envelope"]))
    for case in VECTORS["splits"]:
        pieces = [bytes.fromhex(piece) for piece in case["pieces"]]
        found.append(b"\2" + b"".join(len(each).to_bytes(2, "big") + each for each in pieces))
    found += [b"\3\1" + bytes.fromhex(case["first_bytes"]) for case in VECTORS["streams"]]
    found.append(b"\4" + b"0" * 64 + b"uFSN1pwDQ7sFi7mBUXUhfQ==\n")
    return found
