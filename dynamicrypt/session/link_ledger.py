"""What is open between the two sides of a channel: confirmations awaited, and not acknowledged.

A ledger outlives its link: after a re-dial the two sides settle from it which keys of the last
link both have. It knows ids and tags only, never keys.

The owner of a key waits for the holder's tag. The holder gets no reply, but the lock-step of the
rounds acknowledges: a tag sent on finishing round r travels before round r + 1, which the partner
has before it sends its round r + 2. So the holder may forget on finishing r + 2, and the owner,
who must recognise a repeated tag, one round later.
"""

from __future__ import annotations

from collections import deque
from hmac import compare_digest
from typing import Final

from dynamicrypt.errors import RemoteError
from dynamicrypt.keys.schedule import ID_BYTES, TAG_BYTES

#: Repeated confirmations that a partner may send at most: more than can ever be open.
MAX_CLAIMS: Final = 1 << 16

#: Bytes of a mark: the first half of a channel's nonce.
MARK_BYTES: Final = 16

_CLAIM: Final = ID_BYTES + TAG_BYTES


class ConfirmationError(RemoteError):
    """The partner confirmed or disowned a key that is not open. Update its program."""


class Ledger:
    """The open confirmations of one channel. See the module."""

    __slots__ = (
        "_awaited",
        "_before",
        "_claims",
        "_earlier",
        "_held",
        "_held_rounds",
        "_settled",
        "_their_mark",
        "mark",
    )

    def __init__(self) -> None:
        #: Random bytes, drawn when the channel is first opened: another mark tells the partner that
        #: this is another ledger, and that the keys of the one before are gone.
        self.mark = b""
        self._their_mark = b""
        self._awaited: dict[bytes, bytes] = {}
        self._earlier: dict[bytes, bytes] = {}
        self._held: dict[bytes, bytes] = {}
        self._held_rounds: deque[tuple[int, bytes]] = deque()
        self._settled: deque[tuple[int, bytes]] = deque()
        # Settled on an earlier link; the partner may not know it.
        self._before: set[bytes] = set()
        self._claims = 0

    def __len__(self) -> int:
        """The number of entries of all kinds."""
        parts = (self._awaited, self._earlier, self._held, self._settled, self._before)
        return sum(map(len, parts))

    @property
    def awaits(self) -> bool:
        """Whether a key of this link waits for its tag."""
        return bool(self._awaited)

    def clear(self) -> None:
        """Forget everything: the partner's process ended, and its keys with it."""
        self.__init__()  # type: ignore[misc]  # back to the state of a new one

    def meet(self, mark: bytes) -> bool:
        """Take note of the partner's mark; whether it has another ledger than before.

        Then nothing is open between the two, for the partner has none of the earlier keys.
        """
        anew = self._their_mark not in {b"", mark}
        if anew:
            ours = self.mark
            self.clear()
            self.mark = ours
        self._their_mark = mark
        return anew

    def begin(self) -> bytes:
        """Prepare for a new link; return the claims to repeat: key ids, each with its tag."""
        self._earlier.update(self._awaited)
        self._awaited = {}
        self._claims = 0
        self._held_rounds = deque((0, key_id) for key_id in self._held)
        self._before.update(key_id for _, key_id in self._settled)
        self._settled = deque()
        return b"".join([key_id + tag for key_id, tag in self._held.items()])

    def reconcile(self, claims: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """The ids of keys that the claims confirm, of those that they do not, and of unknown ones.

        Raises ConfirmationError if there were too many.
        """
        self._claims += len(claims) // _CLAIM
        if self._claims > MAX_CLAIMS:
            raise ConfirmationError("too many repeated confirmations")
        settled = {key_id for _, key_id in self._settled}
        settled |= self._before
        confirmed: list[bytes] = []
        wrong: list[bytes] = []
        unknown: list[bytes] = []
        for at in range(0, len(claims), _CLAIM):
            key_id, tag = claims[at : at + ID_BYTES], claims[at + ID_BYTES : at + _CLAIM]
            expected = self._earlier.pop(key_id, None)
            if expected is None:
                if key_id in self._before:
                    self._before.discard(key_id)
                    self._settled.append((0, key_id))
                elif key_id not in settled:
                    unknown.append(key_id)
            elif compare_digest(expected, tag):
                self._settled.append((0, key_id))
                confirmed.append(key_id)
            else:
                wrong.append(key_id)
        return confirmed, wrong, unknown

    def settle(self) -> list[bytes]:
        """The ids of earlier keys that the partner has not claimed: it does not hold them.

        Of those that were settled before it will not claim any but what it claimed now.
        """
        lost, self._earlier, self._before = list(self._earlier), {}, set()
        return lost

    def await_tag(self, key_id: bytes, tag: bytes) -> None:
        """Expect the holder's tag for a key of ours."""
        self._awaited[key_id] = tag

    def hold(self, key_id: bytes, tag: bytes, round_number: int) -> None:
        """Note a tag that is sent on finishing the round."""
        self._held[key_id] = tag
        self._held_rounds.append((round_number, key_id))

    def confirm(self, tag: bytes, round_number: int) -> tuple[bytes, bool]:
        """Take the tag of the oldest key that waits; return its id, and whether the tag is right.

        Raises ConfirmationError if none waits.
        """
        for key_id in self._awaited:
            matches = compare_digest(self._awaited.pop(key_id), tag)
            if matches:
                self._settled.append((round_number, key_id))
            return key_id, matches
        raise ConfirmationError("a confirmation of a key that was not made")

    def disown(self, key_id: bytes) -> None:
        """The owner does not have this key that we hold.

        Raises ConfirmationError if we do not hold it, or it was acknowledged.
        """
        if self._held.pop(key_id, None) is None:
            raise ConfirmationError("disowned a key that is not open")

    def finish(self, round_number: int) -> None:
        """Forget what finishing this round acknowledges."""
        held, settled = self._held_rounds, self._settled
        while held and held[0][0] + 2 <= round_number:
            self._held.pop(held.popleft()[1], None)
        while settled and settled[0][0] + 3 <= round_number:
            settled.popleft()
