"""What a session of wire 1 tells its node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """A partner asks for a service; call `accept`, or close the connection."""

    sender: int
    service: str
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The partner answered; the machines start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBorn:
    """The machines are equal; `key` holds the 72 digits.

    The partner may send under the key from now on. We may only if `confirmed`: the side that
    found the hashes equal does not know yet that its message arrived.
    """

    number: int
    key: bytearray
    iterations: int
    confirmed: bool

    def __repr__(self) -> str:
        return f"KeyBorn(number={self.number}, iterations={self.iterations})"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConfirmed:
    """The partner has answered the message that saved key `number`."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiscarded:
    """The machines did not become equal within the maximum of iterations and start again."""


Event = Dialled | Accepted | KeyBorn | KeyConfirmed | RunDiscarded
