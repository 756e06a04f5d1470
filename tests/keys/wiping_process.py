"""A process that uses keys up and then waits to have its memory searched (test_wiping)."""

import os
import sys

from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import Gatherer, Splitter
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener, StreamSealer


def fill(view: memoryview) -> None:
    view[:] = os.urandom(len(view))


def main(keys: int) -> None:
    """Read keys from the standard input into memory that can be wiped, and use each in some way."""
    limits = StoreLimits(high=keys, low=1, late=keys)
    ciphers = [ChannelCipher(role, bytes(32), KeyStore(limits)) for role in (0, 1)]
    buffer = bytearray(32)
    source = os.fdopen(0, "rb", buffering=0)
    for number in range(keys):
        source.readinto(buffer)
        for role, cipher in enumerate(ciphers):
            key_id = number.to_bytes(16, "big")
            cipher.store.add(key_id, buffer, owner=role == 0, now=0.0)
            cipher.store.confirm(key_id)
        buffer[:] = bytes(32)
    sender, receiver = ciphers
    splitter, gatherer = Splitter(sender, fill), Gatherer(receiver)
    for _ in range(keys // 4):
        receiver.open(sender.seal(b"message", 2, b"", 0.0), b"", 0.0)
        receiver.open(sender.seal(b"message", 3, b"", 0.0, 1), b"", 0.0)
        for piece in splitter.seal(b"message", b"", 0.0, 2):
            gatherer.open(piece, b"", 0.0)
    sealer, opener = StreamSealer(sender, b"", 0.0), StreamOpener(receiver, b"")
    opener.update(sealer.header + sealer.update(b"body") + sealer.finish(), 0.0)
    opener.finish(0.0)
    print(sender.store.levels.free, receiver.store.levels.held, flush=True)
    source.read(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
