"""The derivations of wire 2 a second time, from docs/protocol.md, with hmac and hashlib alone.

`python -m tests.keys.link_derivations` writes tests/vectors/link-schedule.json anew.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import TypedDict

VECTORS = Path(__file__).parents[1] / "vectors" / "link-schedule.json"


class Channel(TypedDict):
    """What the two sides of a channel have agreed, in the order of the roles."""

    fingerprints: list[str]
    services: list[str]
    nonces: list[str]
    channel: int
    K: int
    N: int
    L: int
    rule: str
    inputs: str
    B: int
    m: int
    machines: int
    agreements: int
    step_limit: int


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def items(*parts: bytes) -> bytes:
    """Each part behind its length in two bytes, big-endian."""
    joined = b""
    for part in parts:
        joined += len(part).to_bytes(2, "big") + part
    return joined


def hkdf(salt: bytes, secret: bytes, info: bytes) -> bytes:
    """HKDF with SHA-256 for 32 bytes of output: one block of the expansion."""
    return expand(mac(salt, secret), info)


def expand(prk: bytes, info: bytes) -> bytes:
    return mac(prk, info + b"\x01")


def number(value: int, size: int = 8) -> bytes:
    return value.to_bytes(size, "big")


def exchange(epoch: int, line0: bytes, line1: bytes) -> bytes:
    hashes = [hashlib.sha256(line).digest() for line in (line0, line1)]
    return hashlib.sha256(items(b"dynamicrypt/2", b"exchange", number(epoch), *hashes)).digest()


def epoch_secret(
    epoch: int, prior: bytes, shared: bytes, transcript: bytes, fingerprints: list[bytes]
) -> bytes:
    info = items(b"dynamicrypt/2", b"epoch", number(epoch), *fingerprints, transcript)
    return hkdf(prior, shared, info)


def epoch_key(label: bytes, epoch: int, secret: bytes, fingerprints: list[bytes]) -> bytes:
    return expand(secret, items(b"dynamicrypt/2", label, number(epoch), *fingerprints))


def proof(key: bytes, role: int, epoch: int, transcript: bytes) -> bytes:
    return mac(key, items(b"dynamicrypt/2", b"proof", bytes([role]), number(epoch), transcript))


def context(channel: Channel) -> list[bytes]:
    first, second = (bytes.fromhex(each) for each in channel["fingerprints"])
    service, partner = (each.encode() for each in channel["services"])
    return [first, service, second, partner, *map(bytes.fromhex, channel["nonces"])]


def numbers(channel: Channel) -> list[bytes]:
    return [
        number(channel["K"], 2),
        number(channel["N"], 2),
        number(channel["L"], 2),
        channel["rule"].encode(),
        channel["inputs"].encode(),
        number(channel["B"], 2),
        number(channel["m"], 2),
    ]


def channel_key(label: bytes, key: bytes, channel: Channel) -> bytes:
    return expand(key, items(b"dynamicrypt/2", b"channel " + label, *context(channel)))


def input_key(channel: Channel) -> bytes:
    nonces = b"".join(bytes.fromhex(nonce) for nonce in channel["nonces"])
    return mac(nonces, items(b"dynamicrypt/2", b"inputs", number(channel["channel"], 4)))


def first_transcript(channel: Channel) -> bytes:
    message = items(
        b"dynamicrypt/2",
        b"transcript",
        number(channel["channel"], 4),
        *context(channel),
        *numbers(channel),
        number(channel["machines"], 2),
        number(channel["agreements"], 2),
        number(channel["step_limit"], 4),
    )
    return mac(bytes(32), message)


def next_transcript(previous: bytes, round_number: int, parts: list[bytes]) -> bytes:
    """Parts: inputs of a query if there is one, then outputs and probes of role 0, of role 1."""
    message = previous + number(round_number)
    for part in parts:
        message += number(len(part), 4) + part
    return hashlib.sha256(message).digest()


def probe(
    *,
    key: bytes,
    channel: int,
    machine: int,
    run: int,
    round_number: int,
    transcript: bytes,
    weights: bytes,
) -> int:
    message = number(channel, 4) + number(machine, 2) + number(run) + number(round_number)
    return mac(key, message + transcript + weights)[0]


def key_id(key: bytes, channel: int, key_number: int) -> bytes:
    return mac(key, items(b"dynamicrypt/2", b"id", number(channel, 4), number(key_number)))[:16]


def key(
    *, salt: bytes, channel: Channel, epoch: int, key_number: int, name: bytes, weights: bytes
) -> bytes:
    info = items(
        b"dynamicrypt/2",
        b"key",
        *context(channel),
        *numbers(channel),
        number(epoch),
        number(key_number),
        name,
    )
    return hkdf(salt, weights, info)


def confirmation(confirm: bytes, key: bytes, role: int, name: bytes) -> bytes:
    sub_key = mac(confirm, key)
    return mac(sub_key, items(b"dynamicrypt/2", b"confirm", bytes([role]), name))[:16]


def stretch(label: str, size: int) -> bytes:
    """Bytes that look random and anyone can make again."""
    return hashlib.shake_256(label.encode()).digest(size)


def example(*, epoch: int, key_number: int, query: bool) -> dict[str, object]:
    """Every derivation once, from made-up secrets."""
    label = f"{epoch} {key_number}"
    channel = Channel(
        fingerprints=sorted(stretch(f"fingerprint {n}", 32).hex() for n in (0, 1)),
        services=["alice", "bob"],
        nonces=[stretch(f"nonce {n} {label}", 32).hex() for n in (0, 1)],
        channel=5,
        K=3,
        N=16,
        L=5,
        rule="random-walk",
        inputs="query:1700" if query else "random",
        B=1 if query else 16,
        m=2,
        machines=64,
        agreements=48,
        step_limit=2000,
    )
    prior, shared = stretch(f"prior {label}", 32), stretch(f"shared {label}", 64)
    lines = [f"a line of role {role} in epoch {epoch}".encode() for role in (0, 1)]
    weights = bytes((byte % 11 - 5) % 256 for byte in stretch(f"weights {label}", 2 * 3 * 16))
    fingerprints = [bytes.fromhex(each) for each in channel["fingerprints"]]

    hashed = exchange(epoch, *lines)
    secret = epoch_secret(epoch, prior, shared, hashed, fingerprints)
    labels = ("probe", "salt", "id", "confirm", "next", "proof")
    epoch_keys = {each: epoch_key(each.encode(), epoch, secret, fingerprints) for each in labels}
    keys = {
        each: channel_key(each.encode(), epoch_keys[each], channel)
        for each in ("probe", "salt", "id", "confirm")
    }
    transcript = first_transcript(channel)
    parts = [stretch(f"part {n} {label}", size) for n, size in enumerate((8, 0, 8, 1))]
    if query:
        parts.insert(0, stretch(f"inputs {label}", 64))
    later = next_transcript(transcript, 1, parts)
    name = key_id(keys["id"], channel["channel"], key_number)
    made = key(
        salt=keys["salt"],
        channel=channel,
        epoch=epoch,
        key_number=key_number,
        name=name,
        weights=weights,
    )
    return {
        "channel": channel,
        "epoch": epoch,
        "key_number": key_number,
        "prior": prior.hex(),
        "shared": shared.hex(),
        "lines": [line.decode() for line in lines],
        "exchange": hashed.hex(),
        "secret": secret.hex(),
        "epoch_keys": {each: value.hex() for each, value in epoch_keys.items()},
        "proofs": [proof(epoch_keys["proof"], role, epoch, hashed).hex() for role in (0, 1)],
        "channel_keys": {each: value.hex() for each, value in keys.items()},
        "input_key": input_key(channel).hex(),
        "first_transcript": transcript.hex(),
        "parts": [part.hex() for part in parts],
        "transcript": later.hex(),
        "weights": weights.hex(),
        "machine": 7,
        "run": 3,
        "probe_round": 2,
        "probe": probe(
            key=keys["probe"],
            channel=channel["channel"],
            machine=7,
            run=3,
            round_number=2,
            transcript=later,
            weights=weights[:48],
        ),
        "id": name.hex(),
        "key": made.hex(),
        "confirmations": [confirmation(keys["confirm"], made, role, name).hex() for role in (0, 1)],
    }


def document() -> str:
    examples = [
        example(epoch=0, key_number=0, query=False),
        example(epoch=3, key_number=(1 << 40) + 1, query=False),
        example(epoch=1, key_number=6, query=True),
    ]
    about = "Derivations of wire 2 (docs/protocol.md); made by tests/keys/link_derivations.py."
    return json.dumps({"about": about, "examples": examples}, indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(document())
