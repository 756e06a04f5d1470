"""A large body through the client, which does not hold it."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc

from tests.client.local import LocalCase

MIB = 2**20


class Counted:
    """A body of numbered blocks, made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.digest = hashlib.sha256()
        self._block = os.urandom(2**16 - 8)

    def read(self, size: int, /) -> bytes:
        if not self.left:
            return b""
        part = (self.left.to_bytes(8, "big") + self._block)[: min(size, self.left)]
        self.left -= len(part)
        self.digest.update(part)
        return part


class Hashed:
    """Keeps nothing but a digest."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self.digest.update(data)


class StreamMemoryTests(LocalCase):
    size = 32 * MIB

    def test_a_stream_is_not_held(self) -> None:
        source, sink = Counted(self.size), Hashed()
        reader, writer = os.pipe()

        def seal() -> None:
            with open(writer, "wb") as sealed:
                self.alice.encrypt_stream(source, sealed)

        sender = threading.Thread(target=seal)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        sender.start()
        with open(reader, "rb") as sealed:
            size = self.bob.decrypt_stream(sealed, sink)
        sender.join()
        peak = tracemalloc.get_traced_memory()[1]
        self.assertEqual((size, sink.digest.digest()), (self.size, source.digest.digest()))
        self.assertLess(peak, 2 * MIB)
