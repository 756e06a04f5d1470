"""The real service, with witnesses where secrets pass: `python -m tests.witness` is a twistd.

Each secret is told to the file that WITNESS names. It is masked on its way from the place where
the service has it into a buffer of ours, so what a test then searches the process for has no copy
in it on our account. Memory asks for the protection that STRONGEST names at most. FAULTS lets some
callbacks fail that never fail by themselves.
"""

import os
import sys
from collections.abc import Callable
from struct import Struct
from typing import Any, NamedTuple, cast

import numpy as np
from twisted.logger import ILogObserver, LogPublisher, jsonFileLogObserver, textFileLogObserver
from twisted.scripts.twistd import run

from dynamicrypt._core import strongest_protection
from dynamicrypt.keys import ratchet, schedule
from dynamicrypt.keys.pool_key import PoolKey
from dynamicrypt.keys.schedule import ChannelKeys, Parties
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.subkeys import Subkeys
from dynamicrypt.keys.thesis_store import KeyRef, ThesisKeyStore
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.links import Links
from dynamicrypt.node.node import Node
from tests.inspectable import allow_inspection

MASK = 0xA5
#: A search that finds nothing else must find this, which is never wiped.
CONTROL = os.urandom(32)
_HEAD = Struct("=16s16sI")
_MOST = 1 << 16


class Testimony(NamedTuple):
    """What a witness saw: the kind of secret, whose it is, and the secret itself."""

    kind: str
    name: bytes
    secret: bytes


def hearing(report: bytes) -> list[Testimony]:
    """Everything that was told, unmasked."""
    heard, at = [], 0
    while at < len(report):
        kind, name, size = _HEAD.unpack_from(report, at)
        at += _HEAD.size + size
        secret = bytes(np.frombuffer(report, np.uint8, size, at - size) ^ MASK)
        heard.append(Testimony(kind.rstrip(b"\0").decode(), name, secret))
    return heard


class Witness:
    """Tells the file what it is shown."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._buffer = bytearray(_HEAD.size + _MOST)
        self._masked = np.frombuffer(self._buffer, np.uint8, _MOST, _HEAD.size)

    def tell(self, kind: bytes, name: bytes, secret: Any = b"") -> None:
        """Tell of a secret, which is a buffer of at most 64 kB."""
        plain = np.frombuffer(secret, np.uint8) if len(secret) else self._masked[:0]
        np.bitwise_xor(plain, np.uint8(MASK), out=self._masked[: plain.size])
        _HEAD.pack_into(self._buffer, 0, kind, name, plain.size)
        with memoryview(self._buffer) as view:
            os.write(self._file, view[: _HEAD.size + plain.size])

    def watch(
        self, owner: Any, name: str, see: Callable[..., None], *, after: bool = False
    ) -> None:
        """Let `see` look at the arguments of a function, and at the result where it is `after`."""
        original = getattr(owner, name)

        def seen(*args: Any, **kwargs: Any) -> Any:
            if not after:
                see(*args, **kwargs)
                return original(*args, **kwargs)
            result = original(*args, **kwargs)
            see(result, *args, **kwargs)
            return result

        setattr(owner, name, seen)


def swear_in(witness: Witness) -> None:
    """Watch all places that secrets pass."""
    tell = witness.tell

    def key_end(key: PoolKey, cells: object) -> None:
        if key.cell >= 0:
            tell(b"end", key.key_id)

    def expanded(_: None, secret: Any, out: Any, *context: bytes) -> None:
        tell(b"child", context[0], out)

    def epoch(number: int, secret: Any, parties: Parties) -> None:
        tell(b"epoch", number.to_bytes(8), secret)

    def derived(
        _: None, keys: ChannelKeys, weights: Any, number: int, key_id: bytes, out: Any
    ) -> None:
        tell(b"weights", key_id, weights)
        tell(b"salt", key_id, keys._salt)
        tell(b"key", key_id, out)

    def confirmed(keys: ChannelKeys, key: Any, role: int, key_id: bytes) -> None:
        tell(b"confirm", key_id, keys._confirm)

    def thesis_name(store: ThesisKeyStore, ref: KeyRef) -> bytes:
        return ref.connection.to_bytes(8) + ref.number.to_bytes(8)

    witness.watch(KeyStore, "add", lambda store, key_id, key, **_: tell(b"added", key_id, key))
    witness.watch(PoolKey, "wipe", key_end)
    witness.watch(
        Subkeys, "_expand", lambda out, _, key, *__: tell(b"sub-key", key.key_id, out), after=True
    )
    witness.watch(Links, "new_session", lambda _, __, exporter: tell(b"exporter", b"", exporter))
    witness.watch(ratchet, "next_epoch", lambda **known: tell(b"shared", b"", known["shared"]))
    witness.watch(ratchet, "EpochKeys", epoch)
    witness.watch(schedule, "expand_into", expanded, after=True)
    witness.watch(ChannelKeys, "derive_into", derived, after=True)
    witness.watch(ChannelKeys, "confirmation", confirmed)
    witness.watch(
        ThesisKeyStore,
        "hold",
        lambda store, number, digits: tell(
            b"digits", thesis_name(store, KeyRef(store._connection, number)), digits
        ),
    )
    witness.watch(
        ThesisKeyStore, "_erase", lambda store, ref: tell(b"end", thesis_name(store, ref))
    )


def fail_once(owner: Any, name: str, error: Callable[..., Exception]) -> None:
    """Let a function raise at its first call, as a fault would that nobody knows of."""
    original = getattr(owner, name)

    def failing(*args: Any, **kwargs: Any) -> Any:
        setattr(owner, name, original)
        raise error(*args, **kwargs)

    setattr(owner, name, failing)


def sow_faults() -> None:
    """One fault in a route, whose error quotes what it has, and one in a callback of each wire."""
    fail_once(Node, "encrypt", lambda *known, **more: LookupError(known, more))
    fail_once(LinkChannel, "happened", lambda *_: LookupError("a fault of wire 2"))
    fail_once(ThesisKeyStore, "hold", lambda *_: LookupError("a fault of wire 1"))


def talkative() -> ILogObserver:
    """An observer, for twistd --logger, that prints every event as text and all fields of it."""
    publisher = LogPublisher(textFileLogObserver(sys.stdout), jsonFileLogObserver(sys.stdout))
    return cast("ILogObserver", publisher)


def main() -> None:
    """Be twistd."""
    witness = Witness(os.environ["WITNESS"])
    witness.tell(b"control", b"", CONTROL)
    swear_in(witness)
    strongest_protection(os.environ.get("STRONGEST", "secret"))
    if os.environ.get("FAULTS"):
        sow_faults()
    allow_inspection()
    sys.argv[0] = "twistd"
    run()


if __name__ == "__main__":
    main()
