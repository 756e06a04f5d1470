"""The session of a pairing: two nodes that know one short code learn each other's fingerprints.

    dialler                                  listener
    share (SPAKE2) ------------------------>
                   <------------------------ share: from here on the code is void
    confirm ------------------------------->
                   <------------------------ confirm: the listener knows the dialler
    done ---------------------------------->  the dialler knows the listener

SPAKE2 turns the code into a common key and gives an attacker one guess at the code, which must be
made while both sides are there. It is that of the `spake2` package, which magic-wormhole uses
(docs/pairing.md, "Derivations"; not quite RFC 9382). Its identities are role and fingerprint, as
each side sees them in TLS; the proofs cover the exporter secret of the TLS connection too. So who
stands between with certificates of his own ends up with keys that do not match, whatever he
forwards. The dialler proves first: a listener never helps anyone to test a guess.

The arithmetic of `spake2` is plain Python and takes time that depends on its secrets. They live
for one run, and what could be learned of them after it is the void code.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from typing import Any, Final, TypeAlias

import spake2

from dynamicrypt.errors import DynamiCryptError, ProtocolStateError
from dynamicrypt.peer.errors import (
    CodeVoidError,
    HalfPairedError,
    PairingBrokenError,
    PairingMessageError,
    WrongCodeError,
)
from dynamicrypt.peer.pairing_code import OneTimeCode
from dynamicrypt.peer.pairing_messages import Confirm, Done, Message, Reason, Refuse, Share

#: The ALPN name of a pairing; it carries the version.
PAIRING_PROTOCOL: Final = b"dynamicrypt-pair/1"
#: Label of the exporter secret that the proofs cover, with an empty context.
EXPORTER_LABEL: Final = b"EXPORTER-dynamicrypt-pair"
#: Bytes of that secret.
EXPORTER_SIZE: Final = 32

#: The field of edwards25519, and the bits of a point that are its y (RFC 8032, 5.1.2).
_FIELD: Final = 2**255 - 19
_SIGN_MASK: Final = 2**255 - 1


class Role(Enum):
    """Who dialled; the values enter SPAKE2's identities and the proofs."""

    DIALLER = b"dialler"
    LISTENER = b"listener"


class State(Enum):
    """Where a pairing stands."""

    LISTENING = auto()
    ANSWERED = auto()
    ASKING = auto()
    PROVED = auto()
    MET = auto()
    PAIRED = auto()
    FAILED = auto()


#: What each state waits for, and where it leads if the message is good.
TRANSITIONS: Final[dict[tuple[State, type[Message]], State]] = {
    (State.LISTENING, Share): State.ANSWERED,
    (State.ANSWERED, Confirm): State.MET,
    (State.MET, Done): State.PAIRED,
    (State.ASKING, Share): State.PROVED,
    (State.ASKING, Refuse): State.FAILED,
    (State.PROVED, Confirm): State.PAIRED,
    (State.PROVED, Refuse): State.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two ends of the TLS connection, as one side sees them."""

    own: bytes
    other: bytes
    exporter: bytes

    def __repr__(self) -> str:
        return "Ends(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a node says of itself: its name, and its link port (0: it cannot be dialled)."""

    name: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUsed:
    """An answer to a guess is on its way: the code is void, whatever comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The other side has proved that it knew the code: it may be trusted from now on."""

    fingerprint: bytes
    announced: Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Both sides know each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There is no pairing, for this reason."""

    error: DynamiCryptError


Event: TypeAlias = CodeUsed | Met | Paired | Failed


class Pairing:
    """One run of the protocol, for one side.

    `entropy(n)` gives n random bytes for the SPAKE2 scalar. The dialler calls `start`; then both
    feed every message to `receive` and send and do what it returns, in that order. `lost` tells
    what it means if the connection ends now.
    """

    def __init__(
        self,
        role: Role,
        code: OneTimeCode,
        ends: Ends,
        own: Announcement,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.state = State.LISTENING if role is Role.LISTENER else State.ASKING
        self._role = role
        self._code = code
        self._ends = ends
        self._own = own
        self._entropy = entropy
        # Typed Any: the package carries no types.
        self._exchange: Any = None
        self._share = b""
        self._proofs = _Proofs(b"", b"")

    def start(self) -> Share:
        """The dialler's first message."""
        if self._role is not Role.DIALLER or self._share:
            raise ProtocolStateError("only the dialler starts, and once")
        self._begin()
        return Share(element=self._share)

    def receive(self, message: Message) -> list[Message | Event]:
        """Messages to send and events to act on.

        Raises PairingMessageError for a message that does not fit the state, which changes
        nothing, and for a share that is no SPAKE2 message, which ends the run: it is not answered,
        and the code stays good.
        """
        target = TRANSITIONS.get((self.state, type(message)))
        if target is None:
            raise PairingMessageError(f"{type(message).__name__} came in {self.state.name}")
        match message:
            case Share():
                output = self._shared(message)
            case Confirm():
                output = self._confirmed(message)
            case Done():
                output = [Paired()]
            case Refuse(reason=Reason.VOID):
                output = [Failed(error=CodeVoidError("the listener says that the code is void"))]
            case Refuse():
                output = [Failed(error=WrongCodeError("the listener did not accept the code"))]
        failed = any(isinstance(item, Failed) for item in output)
        self.state = State.FAILED if failed else target
        return output

    def lost(self) -> DynamiCryptError | None:
        """What it means that the connection is gone; None if it means nothing."""
        match self.state:
            case State.ANSWERED | State.PROVED:
                return WrongCodeError("the other side went away instead of proving the code")
            case State.ASKING:
                return PairingBrokenError("the listener went away before it used the code")
            case State.MET:
                return HalfPairedError("the dialler did not say that it has finished")
        return None

    def _shared(self, message: Share) -> list[Message | Event]:
        if self._code.void:
            return [Refuse(reason=Reason.VOID), Failed(error=CodeVoidError("the code was used"))]
        if self._role is Role.LISTENER:
            self._begin()
        self.state = State.FAILED
        key = self._key(message.element)
        self._code.void = True
        if self._role is Role.LISTENER:
            self._proofs = _Proofs(key, self._ends.exporter, message.element, self._share)
            return [CodeUsed(), Share(element=self._share)]
        self._proofs = _Proofs(key, self._ends.exporter, self._share, message.element)
        return [CodeUsed(), self._confirm()]

    def _begin(self) -> None:
        ends, code = self._ends, self._code.code.encode()
        if self._role is Role.DIALLER:
            side, dialler, listener = spake2.SPAKE2_A, ends.own, ends.other
        else:
            side, dialler, listener = spake2.SPAKE2_B, ends.other, ends.own
        self._exchange = side(
            code,
            idA=Role.DIALLER.value + b" " + dialler,
            idB=Role.LISTENER.value + b" " + listener,
            entropy_f=self._entropy,
        )
        self._share = self._exchange.start()

    def _key(self, element: bytes) -> bytes:
        """SPAKE2's key. The package itself refuses points outside the group of prime order."""
        y = int.from_bytes(element[1:], "little") & _SIGN_MASK
        if not 1 < y < _FIELD:
            raise PairingMessageError("a share is not canonical, or the neutral element")
        try:
            key: bytes = self._exchange.finish(element)
        except Exception:
            # It says no by five kinds of exception, of which some quote the share.
            raise PairingMessageError("a share is no SPAKE2 message") from None
        return key

    def _confirmed(self, message: Confirm) -> list[Message | Event]:
        said = Announcement(name=message.name, port=message.port)
        dialled = self._role is Role.DIALLER
        expected = self._proofs.of(Role.LISTENER if dialled else Role.DIALLER, said)
        if not hmac.compare_digest(expected, message.proof):
            wrong = Failed(
                error=WrongCodeError("the other side did not prove that it knows the code")
            )
            return [wrong] if dialled else [Refuse(reason=Reason.WRONG_CODE), wrong]
        met = Met(fingerprint=self._ends.other, announced=said)
        return [met, Done(), Paired()] if dialled else [met, self._confirm()]

    def _confirm(self) -> Confirm:
        proof = self._proofs.of(self._role, self._own)
        return Confirm(proof=proof, name=self._own.name, port=self._own.port)


class _Proofs:
    """Who can compute these knew the code and sits at the end of this very TLS connection."""

    def __init__(self, key: bytes, exporter: bytes, *shares: bytes) -> None:
        self._key = key
        self._run = (PAIRING_PROTOCOL, exporter, *shares)

    def of(self, role: Role, said: Announcement) -> bytes:
        """The proof of one side, with what it says of itself."""
        fields = (*self._run, role.value, said.name.encode(), str(said.port).encode())
        framed = b"".join(len(field).to_bytes(2) + field for field in fields)
        return hmac.digest(self._key, framed, sha256)
