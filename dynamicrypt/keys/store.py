"""The key store of a wire 2 channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.held import HeldHalf
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.own import OwnHalf

#: Bytes of a key id, shown to people as a UUID.
KEY_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How full a store is, in keys."""

    #: Own keys whose confirmation is under way.
    offered: int
    #: Own keys that are ready.
    free: int
    #: Own keys that serve messages of modes 1 and 3 now.
    in_use: int
    #: The partner's keys, ready, in use, or with a message under way.
    held: int
    #: When the oldest free key was made, in seconds of the store's clock.
    oldest: float | None


class KeyStore:
    """The keys that two services share, in memory only.

    Every key has one owner: role 0 has the even, role 1 the odd numbers (docs/protocol.md). Only
    the owner sends under a key, so both sides may send at once and never under the same one. It
    starts to use a key when the partner has confirmed that it holds it, and stops before the
    partner may have dropped it. Used and expired keys are wiped.

    Times are seconds of one monotonic clock. No method waits.
    """

    __slots__ = ("cells", "held", "limits", "own")

    def __init__(self, limits: StoreLimits | None = None, cells: KeyCells | None = None) -> None:
        self.limits: Final = StoreLimits() if limits is None else limits
        self.cells: Final = KeyCells() if cells is None else cells
        self.own: Final = OwnHalf(self.limits, self.cells)
        self.held: Final = HeldHalf(self.limits, self.cells)

    @property
    def levels(self) -> Levels:
        """How full the store is."""
        return Levels(
            offered=self.own.offered,
            free=self.own.free,
            in_use=self.own.in_use,
            held=len(self.held),
            oldest=self.own.oldest,
        )

    @property
    def should_pause(self) -> bool:
        """Whether the own half needs no more keys; machines may rest when both sides say so."""
        return self.own.free + self.own.offered >= self.limits.high

    @property
    def should_resume(self) -> bool:
        """Whether the own half runs low; one side that says so is enough to wake the machines."""
        return self.own.free + self.own.offered <= self.limits.low

    def add(
        self, key_id: bytes, key: bytes | bytearray | memoryview, *, owner: bool, now: float
    ) -> None:
        """Take a key that the machines have made; the source stays the caller's to wipe.

        With `owner` it is an own key, which waits for `confirm`; else it is held from now on.
        Raises ParameterError for an id or a key of a wrong length, or an id that waits, is or was
        held.
        """
        if len(key_id) != KEY_ID_BYTES:
            raise ParameterError(f"a key id has {KEY_ID_BYTES} bytes, not {len(key_id)}")
        if key_id in self.own or key_id in self.held:
            raise ParameterError("a key with this id was added before")
        (self.own if owner else self.held).add(key_id, key, now)

    def confirm(self, key_id: bytes) -> bool:
        """Take note that the partner holds this own key: it is ready.

        False, and nothing changes, for a key that does not wait for it: one that is ready already,
        that waited too long, or that was never offered.
        """
        return self.own.confirm(key_id)

    def discard(self, key_id: bytes) -> None:
        """Wipe a key that the two sides do not share; no other fate of it is remembered."""
        self.own.discard(key_id)
        self.held.discard(key_id)

    def expire(self, now: float) -> None:
        """Wipe what is too old; to be called now and then, so that idle channels forget too."""
        self.own.expire(now)
        self.own.expire_current(now)
        self.held.expire(now)

    def erase(self) -> None:
        """Wipe every key, because the channel or the partner's process has ended."""
        self.own.erase()
        self.held.erase()
