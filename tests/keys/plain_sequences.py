"""Envelopes in the order in which a receiver gets them, and what becomes of each.

Whether an envelope is refused may depend on those before it. Here the second implementation plays a
sender that makes mistakes, or somebody who changes, repeats and mixes what it sent. Run as a
program it writes tests/vectors/envelope-sequences.json:

    python -m tests.keys.plain_sequences > tests/vectors/envelope-sequences.json
"""

import hashlib
import json
import sys
from typing import Any

from tests.keys.plain_envelope import SUITES, binding, header, number_of_bytes, seal, split, subkey

BOUND = binding(((bytes([1]) * 32, "alice"), (bytes([2]) * 32, "b\u00f6b"))).hex()
CASE: dict[str, Any] = {"suite": 1, "direction": 0, "binding": BOUND, "context": b"c".hex()}
KEYS = [(number_of_bytes(f"id {n}", 16), number_of_bytes(f"key {n}", 32)) for n in range(4)]
CHUNK = 65536

Step = tuple[bytes, str, str]


def message(mode: int, counter: int, limit: int = 0, suite: int = 1) -> bytes:
    """A message under the first key, whatever was sealed under it before."""
    key_id, key = KEYS[0]
    case = {**CASE, "suite": suite}
    head = header(case, key_id, mode, counter)
    if mode == 3:
        head += limit.to_bytes(4, "big")
    return seal(case, key, head, text(counter))


def text(counter: int) -> bytes:
    return f"message {counter}".encode()


def changed(envelope: bytes, at: int) -> bytes:
    """The envelope with one bit of it changed; a negative place counts from the end."""
    at %= len(envelope)
    return envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1 :]


def opened(mode: int, counter: int, why: str, limit: int = 0) -> Step:
    return message(mode, counter, limit), "opened", why


def mode_1() -> list[Step]:
    return [
        opened(1, 1, "any order will do"),
        (message(1, 1), "key_used", "a replay"),
        opened(1, 0, "an earlier one that was not seen"),
        (message(1, 0), "key_used", "its replay"),
        (changed(message(1, 2), -1), "bad_ciphertext", "the tag was changed"),
        (changed(message(1, 2), 23), "bad_ciphertext", "the counter was changed, to 3"),
        opened(1, 2, "a forgery spoils nothing"),
        opened(1, 3, "neither the one that was changed nor the one that it was changed to"),
        (message(2, 0), "bad_ciphertext", "the mode of a key does not change"),
        (message(3, 9, 10), "bad_ciphertext", "to no mode"),
        (message(1, 9, suite=2), "bad_ciphertext", "nor does its suite"),
        opened(1, 8196, "far ahead"),
        (message(1, 4), "key_used", "not seen, but 8192 behind the highest"),
        opened(1, 5, "8191 behind the highest"),
        (message(1, 5), "key_used", "the replay of the oldest that is looked at"),
        (changed(message(1, 2**32 - 1), -1), "bad_ciphertext", "a forgery far ahead"),
        opened(1, 6, "does not move the window"),
    ]


def mode_2() -> list[Step]:
    return [
        (changed(message(2, 0), 24), "bad_ciphertext", "the ciphertext was changed"),
        opened(2, 0, "the true one still opens"),
        (message(2, 0), "key_used", "a replay"),
        (message(1, 1), "key_used", "the key is gone, for every mode"),
    ]


def mode_3() -> list[Step]:
    return [
        opened(3, 0, "the first of three", 3),
        (message(3, 0, 3), "key_used", "a replay"),
        (message(3, 1, 4), "bad_ciphertext", "the sender has changed n"),
        (changed(message(3, 1, 3), 27), "bad_ciphertext", "somebody has changed n, to 2"),
        (message(1, 1), "bad_ciphertext", "a key for n messages is none for any number"),
        opened(3, 2, "any order will do", 3),
        (message(3, 3, 3), "bad_ciphertext", "a counter that is not less than n"),
        opened(3, 1, "the last of three", 3),
        (message(3, 1, 3), "key_used", "its replay"),
        (message(3, 3, 4), "key_used", "a fourth, whatever its n: the key is gone"),
    ]


def pieces(plaintext: bytes, name: str, keys: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The pieces of a message under these keys."""
    shares = [number_of_bytes(f"share {name} {n}", 32) for n in range(len(keys))]
    case = {**CASE, "plaintext": plaintext.hex()}
    return split(case, keys, shares, number_of_bytes(name, 16))


def piece(key: int, name: str, index: int, count: int, size: int = 10) -> bytes:
    """A piece with any share and slice, as only a sender that errs seals it."""
    key_id, secret = KEYS[key]
    head = header(CASE, key_id, 4) + number_of_bytes(name, 16) + bytes([index, count])
    return seal(CASE, secret, head, number_of_bytes("share and slice", 32 + size))


def mode_4() -> list[Step]:
    first, second, third = pieces(b"in three pieces", "message", KEYS[:3])
    return [
        (second, "gathered", "any order will do"),
        (second, "key_used", "a replay"),
        (changed(first, 41), "bad_ciphertext", "somebody has changed p, to 2"),
        (changed(first, 40), "bad_ciphertext", "somebody has changed the index, to 1"),
        (piece(0, "message", 0, 2), "bad_ciphertext", "the sender has changed p, to 2"),
        (piece(0, "message", 0, 4), "bad_ciphertext", "the sender has changed p, to 4"),
        (piece(0, "message", 1, 3), "bad_ciphertext", "an index that is there, under another key"),
        (piece(0, "message", 3, 3), "bad_ciphertext", "an index that is not less than p"),
        (piece(0, "message", 0, 3, 99), "bad_ciphertext", "a slice that is far too long"),
        (first, "gathered", "what was refused has spoilt nothing"),
        (third, "opened", "the last one"),
        (third, "key_used", "a replay of the last one"),
        (first, "key_used", "and of another one"),
    ]


def mixed() -> list[Step]:
    ours = pieces(b"in two pieces", "message", KEYS[:2])
    other = pieces(b"another one!!", "another message", KEYS[2:])
    key_id, secret = KEYS[3]
    head = header(CASE, key_id, 4) + number_of_bytes("message", 16) + bytes([1, 2])
    forged = seal(CASE, secret, head, number_of_bytes("share another message 1", 32) + bytes(14))
    return [
        (ours[0], "gathered", "one piece of a message"),
        (other[0], "gathered", "one piece of another message: no share fits the other's"),
        (forged, "bad_ciphertext", "the other's second share as the second piece of the first"),
    ]


def sequence(about: str, plaintext: bytes | None, steps: list[Step]) -> dict[str, Any]:
    """The steps in hex; a message of modes 1 to 3 has its counter as plaintext."""
    told = []
    for envelope, result, why in steps:
        step = {"envelope": envelope.hex(), "result": result, "why": why}
        if result == "opened":
            counter = int.from_bytes(envelope[20:24], "big")
            step["plaintext"] = (text(counter) if plaintext is None else plaintext).hex()
        told.append(step)
    keys = [{"key_id": key_id.hex(), "key": key.hex()} for key_id, key in KEYS]
    return {"about": about, **CASE, "keys": keys, "steps": told}


def chunks_of(case: dict[str, Any], chunks: list[list[int]]) -> bytes:
    """A stream of these chunks of the body, each sealed under its number and its flag."""
    key_id, key = KEYS[0]
    head = header(case, key_id, 5)
    stream_key = subkey(key, "stream", case["suite"], case["direction"])
    associated = head + bytes.fromhex(case["binding"]) + bytes.fromhex(case["context"])
    out = head
    for number, last, begin, end in chunks:
        nonce = bytes(7) + number.to_bytes(4, "big") + bytes([last])
        part = bytes(place % 251 for place in range(begin, end))
        out += SUITES[case["suite"]](stream_key, nonce, part, associated)
    return out


def streams() -> list[dict[str, Any]]:
    first, second = [0, 0, 0, CHUNK], [1, 0, CHUNK, 2 * CHUNK]
    third = [2, 1, 2 * CHUNK, 2 * CHUNK + 5]
    cases: list[tuple[str, list[list[int]], int, str]] = [
        ("opened", [first, second, third], 0, "as it should be"),
        ("bad_ciphertext", [], 0, "nothing after the header"),
        ("bad_ciphertext", [first], 0, "two chunks are cut off at the end"),
        ("bad_ciphertext", [first, second], 0, "the last chunk is cut off"),
        ("bad_ciphertext", [first, second, third], 1, "the last byte is cut off"),
        ("bad_ciphertext", [first, second, third], 21, "the last chunk is shorter than a tag"),
        ("bad_ciphertext", [second, first, third], 0, "two chunks in the wrong order"),
        ("bad_ciphertext", [second, third], 0, "the first chunk is missing"),
        ("bad_ciphertext", [first, third], 0, "the second chunk is missing"),
        ("bad_ciphertext", [first, first, third], 0, "the first chunk comes twice"),
        ("bad_ciphertext", [first, second, third, third], 0, "the last chunk comes twice"),
        ("bad_ciphertext", [[0, 0, 0, 5]], 0, "one short chunk that is not flagged as the last"),
        ("bad_ciphertext", [first, [1, 0, CHUNK, CHUNK + 5]], 0, "nor is the second and last one"),
        ("bad_ciphertext", [[0, 1, 0, CHUNK], third], 0, "a chunk after one that is flagged"),
        ("bad_ciphertext", [[1, 1, 0, 5]], 0, "numbers that do not begin at 0"),
    ]
    told = []
    for result, chunks, cut, why in cases:
        case = {**CASE, "key_id": KEYS[0][0].hex(), "key": KEYS[0][1].hex()}
        stream = chunks_of(case, chunks)
        stream = stream[: len(stream) - cut]
        digest = hashlib.sha256(stream).hexdigest()
        told.append(
            {**case, "chunks": chunks, "cut": cut, "sha256": digest, "result": result, "why": why}
        )
    return told


def vectors() -> dict[str, Any]:
    return {
        "about": "docs/envelope.md; written by tests/keys/plain_sequences.py; all bytes in hex."
        " Each sequence begins with keys that are held and new. A chunk of a stream is its number,"
        " its flag, and where its part of the body begins and ends; byte i of a body is i modulo"
        " 251; cut is how many bytes are missing at the end.",
        "sequences": [
            sequence("mode 1", None, mode_1()),
            sequence("mode 2", None, mode_2()),
            sequence("mode 3, n = 3", None, mode_3()),
            sequence("mode 4, p = 3", b"in three pieces", mode_4()),
            sequence("mode 4, two messages mixed", None, mixed()),
        ],
        "streams": streams(),
    }


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
