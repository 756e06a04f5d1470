"""The key schedule of wire 2: from an epoch's secret and synchronised weights to keys.

Everything is HKDF and HMAC with SHA-256 (RFC 5869, RFC 2104). Labels and the order of the fields
are those of docs/protocol.md, "Derivations"; tests/vectors/link-schedule.json has an example of
each. Secrets lie in SecretMemory. CPython's HKDF takes its salt as immutable bytes, so a copy of
a channel's salt key passes through the heap for each key; without the weights it gives nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from dynamicrypt._core import SecretMemory
from dynamicrypt.params import ExchangeParameters

#: Binds every derivation to this protocol and its major version.
PROTOCOL: Final = b"dynamicrypt/2"
#: Bytes of every secret of the schedule.
SECRET_BYTES: Final = 32
#: Bytes of a key id and of a confirmation tag.
ID_BYTES: Final = 16
TAG_BYTES: Final = 16

#: What holds a secret, or receives one.
Secret = bytes | bytearray | memoryview

_SHA256: Final = SHA256()
_KEPT: Final = (b"probe", b"salt", b"id", b"confirm")
_PROBE: Final = Struct(">IHQQ32s")


def pack(*items: bytes) -> bytes:
    """The items, each behind its length in two bytes: no two lists of items look alike."""
    return b"".join([len(item).to_bytes(2) + item for item in items])


_EIGHT: Final = (8).to_bytes(2)
_SIXTEEN: Final = (16).to_bytes(2)
_CONFIRM: Final = tuple(pack(PROTOCOL, b"confirm", bytes([role])) + _SIXTEEN for role in (0, 1))


def expand_into(secret: Secret, out: Secret, *context: bytes) -> None:
    """Fill `out`, SECRET_BYTES long, with HKDF-Expand of the secret; info is the packed context."""
    HKDFExpand(algorithm=_SHA256, length=SECRET_BYTES, info=pack(PROTOCOL, *context)).derive_into(
        secret, out
    )


class SecretRow:
    """A few secrets of SECRET_BYTES side by side in locked memory, known by their labels."""

    __slots__ = ("_memory", "_places")

    def __init__(self, labels: tuple[bytes, ...]) -> None:
        self._memory = SecretMemory(len(labels) * SECRET_BYTES)
        view = memoryview(self._memory)
        self._places = {
            label: view[at * SECRET_BYTES : (at + 1) * SECRET_BYTES]
            for at, label in enumerate(labels)
        }

    def __getitem__(self, label: bytes) -> memoryview:
        """The place of a secret, without a copy; it is zeros after `wipe`."""
        return self._places[label]

    def wipe(self) -> None:
        """Overwrite all of them with zeros."""
        self._memory.wipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The two nodes of a link by their fingerprints, the smaller one, role 0, first."""

    fingerprints: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelContext:
    """What a channel's keys are bound to; pairs are in the order of the roles."""

    parties: Parties
    services: tuple[str, str]
    nonces: tuple[bytes, bytes]
    parameters: ExchangeParameters
    channel: int

    def packed(self) -> tuple[bytes, ...]:
        """Fingerprint and service of each role, then the nonces."""
        (first, second), (service, partner) = self.parties.fingerprints, self.services
        return (first, service.encode(), second, partner.encode(), *self.nonces)

    def numbers(self) -> tuple[bytes, ...]:
        """K, N, L, rule, kind of inputs, B and m."""
        machine = self.parameters.machine
        return (
            machine.K.to_bytes(2),
            machine.N.to_bytes(2),
            machine.L.to_bytes(2),
            machine.rule.value.encode(),
            self.parameters.inputs.encode(),
            self.parameters.package.to_bytes(2),
            self.parameters.fusion.to_bytes(2),
        )


class EpochKeys:
    """What is expanded from the secret of one epoch; the secret itself keys nothing else."""

    __slots__ = ("_row", "number", "parties")

    def __init__(self, number: int, secret: Secret, parties: Parties) -> None:
        self.number: Final = number
        self.parties: Final = parties
        labels = (*_KEPT, b"next", b"proof")
        self._row = SecretRow(labels)
        for label in labels:
            expand_into(secret, self._row[label], label, number.to_bytes(8), *parties.fingerprints)

    @property
    def next(self) -> memoryview:
        """The secret that the next epoch's is extracted with."""
        return self._row[b"next"]

    def proof(self, role: int, transcript: bytes) -> bytes:
        """The MAC by which `role` proves that it has this secret; 32 bytes."""
        message = pack(PROTOCOL, b"proof", bytes([role]), self.number.to_bytes(8), transcript)
        return hmac.digest(self._row[b"proof"], message, "sha256")

    def channel(self, context: ChannelContext) -> ChannelKeys:
        """The keys of one channel in this epoch."""
        row = SecretRow(_KEPT)
        for label in _KEPT:
            expand_into(self._row[label], row[label], b"channel " + label, *context.packed())
        return ChannelKeys(self.number, row, context)

    def wipe(self) -> None:
        """Overwrite everything; keys of channels are their own."""
        self._row.wipe()


class ChannelKeys:
    """The keys of one channel in one epoch."""

    __slots__ = ("_confirm", "_id", "_id_info", "_key_info", "_probe", "_row", "_salt", "epoch")

    def __init__(self, epoch: int, row: SecretRow, context: ChannelContext) -> None:
        self.epoch: Final = epoch
        self._row = row
        self._probe = row[b"probe"]
        self._salt = row[b"salt"]
        self._id = row[b"id"]
        self._confirm = row[b"confirm"]
        # Fields that vary are packed behind these: they have lengths of their own.
        self._id_info = pack(PROTOCOL, b"id", context.channel.to_bytes(4)) + _EIGHT
        self._key_info = (
            pack(PROTOCOL, b"key", *context.packed(), *context.numbers(), epoch.to_bytes(8))
            + _EIGHT
        )

    def probe(self, message: Secret) -> int:
        """8 bits of the HMAC over a message: `probe_header`, then the weights."""
        return hmac.digest(self._probe, message, "sha256")[0]

    def key_id(self, number: int) -> bytes:
        """The id of key `number`: never from weights."""
        message = self._id_info + number.to_bytes(8)
        return hmac.digest(self._id, message, "sha256")[:ID_BYTES]

    def derive_into(self, weights: Secret, number: int, key_id: bytes, out: Secret) -> None:
        """Fill `out` with key `number`, from the canonical weights of its m machines in order."""
        HKDF(
            algorithm=_SHA256,
            length=SECRET_BYTES,
            salt=bytes(self._salt),
            info=b"".join((self._key_info, number.to_bytes(8), _SIXTEEN, key_id)),
        ).derive_into(weights, out)

    def confirmation(self, key: Secret, role: int, key_id: bytes) -> bytes:
        """The tag by which `role` shows that it holds the key: HMAC under a sub-key of its own.

        The sub-key is HKDF-Extract with the confirm key of the channel as salt.
        """
        sub_key = hmac.digest(self._confirm, key, "sha256")
        message = _CONFIRM[role] + key_id
        return hmac.digest(sub_key, message, "sha256")[:TAG_BYTES]

    def wipe(self) -> None:
        """Overwrite everything."""
        self._row.wipe()


#: Bytes before the weights in the message of a probe.
PROBE_HEADER_BYTES: Final = _PROBE.size


def probe_header(
    out: bytearray | memoryview,
    *,
    channel: int,
    machine: int,
    run: int,
    round_number: int,
    transcript: bytes,
) -> None:
    """Write what stands before the weights in the message of a probe.

    There is no role in it: both sides' probes must be comparable with each other, or a pair of
    unequal machines could pass on one side alone.
    """
    _PROBE.pack_into(out, 0, channel, machine, run, round_number, transcript)


def id_text(key_id: bytes) -> str:
    """A key id in the form of a UUID (RFC 9562, section 4), with all 128 bits from the HMAC."""
    digits = key_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def input_key(context: ChannelContext) -> bytes:
    """The AES-256 key that expands the public inputs; both nonces seed it, and it is no secret."""
    first, second = context.nonces
    return hmac.digest(
        first + second, pack(PROTOCOL, b"inputs", context.channel.to_bytes(4)), "sha256"
    )


def first_transcript(context: ChannelContext) -> bytes:
    """The transcript of a channel before its first round: all that was agreed when it opened."""
    parameters = context.parameters
    message = pack(
        PROTOCOL,
        b"transcript",
        context.channel.to_bytes(4),
        *context.packed(),
        *context.numbers(),
        parameters.machines.to_bytes(2),
        parameters.agreements.to_bytes(2),
        parameters.step_limit.to_bytes(4),
    )
    return hmac.digest(bytes(SECRET_BYTES), message, "sha256")
