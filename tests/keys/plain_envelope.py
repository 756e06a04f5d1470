"""A second implementation of docs/envelope.md that shares no code with the first.

It is written from the document with HMAC from the standard library and the plain GCM and ChaCha20
primitives, and knows nothing of stores, cells or states. Run as a program it writes
tests/vectors/envelope.json:

    python -m tests.keys.plain_envelope > tests/vectors/envelope.json
"""

import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305


def lengths(*items: bytes) -> bytes:
    return b"".join(len(item).to_bytes(2, "big") + item for item in items)


def hkdf_expand(key: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869, 2.3."""
    out, block = b"", b""
    for number in range(1, -(-size // 32) + 1):
        block = hmac.new(key, block + info + bytes([number]), hashlib.sha256).digest()
        out += block
    return out[:size]


def subkey(key: bytes, purpose: str, suite: int, direction: int) -> bytes:
    label = ("envelope " + purpose).encode()
    info = lengths(b"dynamicrypt/2", label, bytes([suite]), bytes([direction]))
    return hkdf_expand(key, info, 32)


def gcm(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(associated)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return ciphertext + encryptor.tag


def chacha20_poly1305(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """RFC 8439, 2.8: block 0 keys the tag, the rest encrypts."""

    def stream(counter: int, data: bytes) -> bytes:
        full = counter.to_bytes(4, "little") + nonce
        encryptor = Cipher(algorithms.ChaCha20(key, full), mode=None).encryptor()
        return encryptor.update(data) + encryptor.finalize()

    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 16)

    ciphertext = stream(1, plaintext)
    counts = len(associated).to_bytes(8, "little") + len(ciphertext).to_bytes(8, "little")
    tagged = padded(associated) + padded(ciphertext) + counts
    return ciphertext + Poly1305.generate_tag(stream(0, bytes(32)), tagged)


SUITES: dict[int, Callable[[bytes, bytes, bytes, bytes], bytes]] = {1: gcm, 2: chacha20_poly1305}


def binding(participants: Iterable[tuple[bytes, str]]) -> bytes:
    fields = [field for mark, name in participants for field in (mark, name.encode())]
    return hashlib.sha256(lengths(b"dynamicrypt/2", b"envelope", *fields)).digest()


def header(case: dict[str, Any], key_id: bytes, mode: int, counter: int = 0) -> bytes:
    head = bytes([1, case["suite"], mode, case["direction"]]) + key_id
    return head + counter.to_bytes(4, "big")


def seal(case: dict[str, Any], key: bytes, head: bytes, plaintext: bytes) -> bytes:
    """The envelope of a message or a piece whose header is given."""
    nonce = bytes(8) + head[20:24]
    associated = head + bytes.fromhex(case["binding"]) + bytes.fromhex(case["context"])
    message_key = subkey(key, "message", case["suite"], case["direction"])
    return head + SUITES[case["suite"]](message_key, nonce, plaintext, associated)


def envelope_hash(case: dict[str, Any], key: bytes, envelope: bytes) -> str:
    hash_key = subkey(key, "hash", case["suite"], case["direction"])
    return hmac.new(hash_key, envelope, hashlib.sha256).hexdigest().upper()


def split(
    case: dict[str, Any], keys: list[tuple[bytes, bytes]], shares: list[bytes], message_id: bytes
) -> list[bytes]:
    """The pieces of a message; keys are pairs of id and key."""
    number = 0
    for share in shares:
        number ^= int.from_bytes(share, "big")
    data_key, count = number.to_bytes(32, "big"), len(shares)
    common = lengths(
        b"dynamicrypt/2",
        b"envelope split",
        message_id,
        bytes([count, case["suite"], case["direction"]]),
        bytes.fromhex(case["binding"]),
    )
    associated = common + bytes.fromhex(case["context"])
    plaintext = bytes.fromhex(case["plaintext"])
    body = SUITES[case["suite"]](data_key, bytes(12), plaintext, associated)
    pieces = []
    for piece, ((key_id, key), share) in enumerate(zip(keys, shares, strict=True)):
        head = header(case, key_id, 4) + message_id + bytes([piece, count])
        part = body[len(body) * piece // count : len(body) * (piece + 1) // count]
        pieces.append(seal(case, key, head, share + part))
    return pieces


def stream(case: dict[str, Any], key: bytes, key_id: bytes, body: bytes) -> bytes:
    head = header(case, key_id, 5)
    stream_key = subkey(key, "stream", case["suite"], case["direction"])
    associated = head + bytes.fromhex(case["binding"]) + bytes.fromhex(case["context"])
    chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    out = head
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        nonce = bytes(7) + number.to_bytes(4, "big") + bytes([last])
        out += SUITES[case["suite"]](stream_key, nonce, chunk, associated)
    return out


def deliver(key: bytes, size: int, purpose: bytes) -> bytes:
    info = lengths(b"dynamicrypt/2", b"delivery", purpose, size.to_bytes(2, "big"))
    return hkdf_expand(key, info, size)


def number_of_bytes(label: str, size: int) -> bytes:
    """Bytes that look random and come from the label: SHAKE-256."""
    return hashlib.shake_256(label.encode()).digest(size)


def vectors() -> dict[str, Any]:
    participants = ((bytes([1]) * 32, "alice"), (bytes([2]) * 32, "b\u00f6b"))
    marks = [{"fingerprint": mark.hex(), "service": name} for mark, name in participants]
    bound = binding(participants).hex()
    key, key_id = number_of_bytes("key", 32), number_of_bytes("id", 16)
    common = {"key": key.hex(), "key_id": key_id.hex(), "binding": bound}
    messages = []
    cases = [
        (1, 1, 0, b"", b"", 0, 0),
        (1, 1, 0, b"hello", b"", 1, 0),
        (1, 1, 1, b"hello", b"context", 2**32 - 1, 0),
        (1, 2, 0, b"sixteen bytes ok", b"c", 0, 0),
        (1, 3, 1, b"counted", b"", 4, 5),
        (2, 1, 0, b"hello", b"context", 7, 0),
        (2, 2, 1, bytes(100), b"", 0, 0),
    ]
    for suite, mode, direction, plaintext, context, counter, limit in cases:
        case: dict[str, Any] = {
            **common,
            "suite": suite,
            "mode": mode,
            "direction": direction,
            "context": context.hex(),
            "plaintext": plaintext.hex(),
            "counter": counter,
            "limit": limit,
        }
        head = header(case, key_id, mode, counter)
        if mode == 3:
            head += limit.to_bytes(4, "big")
        envelope = seal(case, key, head, plaintext)
        case["envelope"] = envelope.hex()
        case["hash"] = envelope_hash(case, key, envelope)
        messages.append(case)
    return {
        "about": "docs/envelope.md; written by tests/keys/plain_envelope.py; all bytes in hex",
        "channel": {"participants": marks, "binding": bound},
        "subkeys": [
            {
                "key": key.hex(),
                "purpose": purpose,
                "suite": suite,
                "direction": direction,
                "subkey": subkey(key, purpose, suite, direction).hex(),
            }
            for purpose in ("message", "hash", "stream")
            for suite in (1, 2)
            for direction in (0, 1)
        ],
        "messages": messages,
        "splits": [split_vector(bound, suite) for suite in (1, 2)],
        "streams": [stream_vector(common, length) for length in (0, 5, 65536, 65537)],
        "deliveries": [
            {
                "key": key.hex(),
                "purpose": purpose,
                "size": size,
                "delivered": deliver(key, size, purpose.encode()).hex(),
            }
            for purpose, size in (("rest", 32), ("etsi", 32), ("etsi", 8), ("etsi", 44))
        ],
        "refused": refusals(bytes.fromhex(messages[3]["envelope"])),
    }


def split_vector(bound: str, suite: int) -> dict[str, Any]:
    keys = [(number_of_bytes(f"id {n}", 16), number_of_bytes(f"key {n}", 32)) for n in range(3)]
    shares = [number_of_bytes(f"share {n}", 32) for n in range(3)]
    message_id = number_of_bytes("message", 16)
    case: dict[str, Any] = {
        "suite": suite,
        "direction": 0,
        "binding": bound,
        "context": b"context".hex(),
        "plaintext": b"very sensitive".hex(),
    }
    pieces = split(case, keys, shares, message_id)
    case["keys"] = [{"key_id": id_.hex(), "key": key.hex()} for id_, key in keys]
    case["shares"] = [share.hex() for share in shares]
    case["message_id"] = message_id.hex()
    case["pieces"] = [piece.hex() for piece in pieces]
    return case


def stream_vector(common: dict[str, str], length: int) -> dict[str, Any]:
    case: dict[str, Any] = {**common, "suite": 1, "direction": 1, "context": b"file".hex()}
    key, key_id = bytes.fromhex(common["key"]), bytes.fromhex(common["key_id"])
    body = bytes(number % 251 for number in range(length))
    sealed = stream(case, key, key_id, body)
    case["body"] = f"byte i is i modulo 251, {length} bytes"
    case["length"] = length
    case["sha256"] = hashlib.sha256(sealed).hexdigest()
    case["first_bytes"] = sealed[:64].hex()
    return case


def refusals(good: bytes) -> list[dict[str, str]]:
    """Envelopes that role 1, which holds the key, refuses, and the code of its error."""

    def changed(at: int, byte: int) -> bytes:
        return good[:at] + bytes([byte]) + good[at + 1 :]

    refused = [
        (b"", "bad_ciphertext", "empty"),
        (good[:23], "bad_ciphertext", "less than a header"),
        (good[:39], "bad_ciphertext", "less than a header and a tag"),
        (good[:-1], "bad_ciphertext", "last byte is missing"),
        (good + b"\0", "bad_ciphertext", "one byte too many"),
        (changed(0, 0), "bad_ciphertext", "version 0"),
        (changed(0, 2), "bad_ciphertext", "version 2"),
        (changed(1, 0), "bad_ciphertext", "suite 0"),
        (changed(1, 2), "bad_ciphertext", "another suite"),
        (changed(1, 3), "bad_ciphertext", "suite 3"),
        (changed(2, 0), "bad_ciphertext", "mode 0"),
        (changed(2, 1), "bad_ciphertext", "another mode"),
        (changed(2, 6), "bad_ciphertext", "mode 6"),
        (changed(3, 1), "wrong_channel", "the receiver's own direction"),
        (changed(3, 2), "bad_ciphertext", "direction 2"),
        (changed(4, good[4] ^ 1), "unknown_key", "another key id"),
        (changed(23, 1), "bad_ciphertext", "mode 2 with a counter"),
        (changed(24, good[24] ^ 1), "bad_ciphertext", "first byte of the ciphertext"),
        (changed(len(good) - 1, good[-1] ^ 128), "bad_ciphertext", "last bit of the tag"),
    ]
    return [{"envelope": each.hex(), "code": code, "why": why} for each, code, why in refused]


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
