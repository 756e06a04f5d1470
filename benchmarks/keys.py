"""Sealing and opening under the keys of a channel, in one process and without HTTP; CPU time.

The baseline of the same run is AES-GCM of the library alone, with an object made for each message.
"""

from __future__ import annotations

import gc
import secrets
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.report import Report, main
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import channel_binding
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import Gatherer, Splitter
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener, StreamSealer

NOW = 0.05
MESSAGE = secrets.token_bytes(100)
BINDING = channel_binding(((bytes(32), "north"), (bytes([1]) * 32, "south")))
#: Keys of one half: enough for every single-use message of a run.
KEYS = 4096


def fill(view: memoryview) -> None:
    """Random bytes for shares."""
    view[:] = secrets.token_bytes(len(view))


def pair(keys: int = KEYS) -> tuple[ChannelCipher, ChannelCipher]:
    """Return sender and receiver that share this many keys of the sender."""
    limits = StoreLimits(high=KEYS, low=1, late=2 * KEYS)
    stores = KeyStore(limits), KeyStore(limits)
    for _ in range(keys):
        key_id, key = secrets.token_bytes(16), secrets.token_bytes(32)
        for store, owner in zip(stores, (True, False), strict=True):
            store.add(key_id, key, owner=owner, now=0.0)
            store.confirm(key_id)
    return ChannelCipher(0, BINDING, stores[0]), ChannelCipher(1, BINDING, stores[1])


def each(run: Callable[[], int], times: int) -> float:
    """Return the CPU seconds of one operation, the median of several runs; `run` counts them."""
    spent = []
    for _ in range(times):
        gc.collect()
        began = time.process_time()
        operations = run()
        spent.append((time.process_time() - began) / operations)
    return statistics.median(spent)


def measure_bare(report: Report, times: int) -> None:
    """The library alone."""
    key, nonce, about = secrets.token_bytes(32), bytes(12), bytes(56)

    def seal() -> int:
        for _ in range(KEYS):
            AESGCM(key).encrypt(nonce, MESSAGE, about)
        return KEYS

    report.add("keys.bare_aesgcm_us", each(seal, times) * 1e6, "us")


def measure_mode(report: Report, mode: int, times: int) -> None:
    """One message after the other."""
    sealed: list[list[bytes]] = []
    pairs = [pair() for _ in range(times)]
    senders, receivers = iter(pairs), iter(pairs)

    def seal() -> int:
        sender, _ = next(senders)
        sealed.append([sender.seal(MESSAGE, mode, b"", NOW) for _ in range(KEYS)])
        return KEYS

    def open_all() -> int:
        _, receiver = next(receivers)
        for envelope in sealed.pop(0):
            receiver.open(envelope, b"", NOW)
        return KEYS

    goal = 3.0 if mode == 1 else None
    report.add(f"keys.seal_mode{mode}_us", each(seal, times) * 1e6, "us, 100 B", at_most=goal)
    report.add(f"keys.open_mode{mode}_us", each(open_all, times) * 1e6, "us, 100 B")


def measure_hashed(report: Report, times: int) -> None:
    """The form of REST v1 in mode 1."""
    sender, receiver = pair(1)
    sealed: list[tuple[bytes, str]] = []

    def seal() -> int:
        sealed[:] = [sender.seal_hashed(MESSAGE, 1, NOW) for _ in range(KEYS)]
        return KEYS

    report.add("keys.seal_hashed_us", each(seal, times) * 1e6, "us, 100 B")
    began = time.process_time()
    for envelope, hash_ in sealed:
        receiver.open_hashed(envelope, hash_, 1, NOW)
    report.add("keys.open_hashed_us", (time.process_time() - began) / KEYS * 1e6, "us, 100 B")


def measure_batches(report: Report, times: int) -> None:
    """Batches of 100 in mode 1: what issue 4 wants 300 000 messages a second through HTTP of."""
    sender, receiver = pair(1)
    batch = [(MESSAGE, b"")] * 100
    rounds = 100
    sealed: list[list[tuple[bytes, bytes]]] = []

    def seal() -> int:
        for _ in range(rounds):
            results = sender.seal_batch(batch, 1, NOW)
            sealed.append([(each, b"") for each in results if isinstance(each, bytes)])
        return 100 * rounds

    def open_all() -> int:
        for _ in range(rounds):
            receiver.open_batch(sealed.pop(0), NOW)
        return 100 * rounds

    seconds = each(seal, times)
    report.add("keys.batch_seal_per_second", 1 / seconds, "1/s", at_least=600_000)
    report.add("keys.batch_open_per_second", 1 / each(open_all, times), "1/s", at_least=400_000)


def measure_pieces(report: Report, times: int) -> None:
    """A message in three pieces, there and back."""
    pairs = iter([pair() for _ in range(times)])

    def run() -> int:
        sender, receiver = next(pairs)
        splitter, gatherer = Splitter(sender, fill), Gatherer(receiver)
        for _ in range(KEYS // 3):
            for piece in splitter.seal(MESSAGE, b"", NOW, 3):
                gatherer.open(piece, b"", NOW)
        return KEYS // 3

    report.add("keys.split_and_gather_us", each(run, times) * 1e6, "us, 3 pieces")


def measure_streams(report: Report, times: int) -> None:
    """A stream in parts of 256 KiB."""
    sender, receiver = pair(times)
    part = secrets.token_bytes(2**18)
    megabytes = 64

    def run() -> int:
        sealer = StreamSealer(sender, b"", NOW)
        opener = StreamOpener(receiver, b"")
        opener.update(sealer.header, NOW)
        for _ in range(megabytes * 4):
            opener.update(sealer.update(part), NOW)
        opener.update(sealer.finish(), NOW)
        opener.finish(NOW)
        return megabytes

    rate = 1 / each(run, times)
    report.add("keys.stream_megabytes_per_second", rate, "MiB/s, sealed and opened")


def measure_memory(report: Report) -> None:
    """A full store of an idle channel: 56 keys of each half."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    store = KeyStore()
    for number in range(2 * store.limits.high):
        key_id = secrets.token_bytes(16)
        store.add(key_id, secrets.token_bytes(32), owner=number % 2 == 0, now=0.0)
        store.confirm(key_id)
    cipher = ChannelCipher(0, BINDING, store)
    heap = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    locked = 4096 * -(-len(store.cells) // 128)
    report.add("keys.bytes_per_full_store", heap + locked, "bytes", at_most=40_000)
    del cipher


def measure(report: Report) -> None:
    """Run every part."""
    times = 3 if report.quick else 9
    measure_bare(report, times)
    for mode in (1, 2):
        report.say(f"mode {mode}")
        measure_mode(report, mode, times)
    report.say("hashed, batches, pieces, streams")
    measure_hashed(report, times)
    measure_batches(report, times)
    measure_pieces(report, times)
    measure_streams(report, times)
    measure_memory(report)


if __name__ == "__main__":
    sys.exit(main("keys and messages", measure))
