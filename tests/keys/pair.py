"""Two nodes' keys of one channel, fed to each other without a network."""

import hashlib

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import Suite, channel_binding
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.store import KeyStore

PARTICIPANTS = ((b"\x01" * 32, "alice"), (b"\x02" * 32, "bob"))
BINDING = channel_binding(PARTICIPANTS)


def key_id(number: int, epoch: int = 0) -> bytes:
    return hashlib.sha256(b"id %d %d" % (epoch, number)).digest()[:16]


def key(number: int, epoch: int = 0) -> bytes:
    return hashlib.sha256(b"key %d %d" % (epoch, number)).digest()


def channel_cipher(
    role: int, limits: StoreLimits | None = None, suite: Suite = Suite.AES_256_GCM
) -> ChannelCipher:
    return ChannelCipher(role, BINDING, KeyStore(limits), suite)


def pair(
    keys: int = 8, limits: StoreLimits | None = None, suite: Suite = Suite.AES_256_GCM
) -> tuple[ChannelCipher, ChannelCipher]:
    """Return role 0 and role 1 with this many ready keys, made at time 0."""
    sides = channel_cipher(0, limits, suite), channel_cipher(1, limits, suite)
    for number in range(keys):
        for role, side in enumerate(sides):
            owner = number % 2 == role
            side.store.add(key_id(number), key(number), owner=owner, now=0.0)
            side.store.confirm(key_id(number))
    return sides


def failures(
    keys: ChannelCipher, envelopes: list[bytes], context: bytes = b"", now: float = 1.0
) -> set[str]:
    """Return the names of the errors that the envelopes give; each must give one."""
    names = set()
    for envelope in envelopes:
        try:
            keys.open(envelope, context, now)
        except DynamiCryptError as error:
            names.add(type(error).__name__)
        else:
            raise AssertionError(f"opened: {envelope.hex()}")
    return names
