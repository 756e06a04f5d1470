"""A channel of wire 2: what a service here shares with its partner at one peer."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dynamicrypt._core import system_fill
from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    LocalError,
    NoKeyYetError,
    ParameterError,
    PeerDownError,
    SynchronisationError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id, next_key
from dynamicrypt.keys.envelope import channel_binding, parse
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import DEFAULT_PIECES, Gatherer, Splitter
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.keys.store import KeyStore, Levels
from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from dynamicrypt.node.dialling import REDUNDANT, SUPERSEDED
from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.node.service import SealedMessage
from dynamicrypt.params import ExchangeParameters, Profile
from dynamicrypt.session.allowance import Allowance
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
    KeysForgotten,
    KeyUnmatched,
)
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics

#: Pause (s) before a refused channel is opened again: the partner may not have registered yet.
RETRY: Final = 2.0
#: A partner may open a channel so often at once, and so often in a second: each time draws a bank,
#: which takes up to 15 ms, while no other link is served.
OPENINGS: Final = 16
OPENINGS_PER_SECOND: Final = 4.0
#: A channel logs what it made at most this often (s).
LOG_PERIOD: Final = 10.0
#: Why a channel ends, as the partner is told (docs/protocol.md, "Channels"): the application left;
#: the process ends; the application stopped the machines for a while; a fault of ours.
LEFT: Final = "left"
NODE_STOPPED: Final = "node-stopped"
STOPPED: Final = "stopped"
FAULT: Final = "fault"
#: What that means to the other side, in words.
_BY_PARTNER: Final = {
    LEFT: "the partner has left",
    NODE_STOPPED: "the partner's node was stopped",
    STOPPED: "the partner has stopped its machines",
}
#: Bytes and purpose of a key that an application fetches through the API.
_KEY_BYTES: Final = 32
_REST: Final = b"rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """One machine of a bank: how often it was drawn, and its steps since."""

    id: int
    state: str
    run: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How a channel is.

    `state` is up; resting, with keys enough; opening, while the partner is asked for it; stopped,
    by the application; or down, without a link to the peer, or because nobody here wants it.
    `reason` says why it is not up.
    """

    state: str
    reason: str
    profile: str
    levels: Levels
    rounds: int
    keys_made: int
    keys_confirmed: int
    keys_unmatched: int
    machines: tuple[MachineStatus, ...]


class Carrier(Protocol):
    """What carries a channel: the link to a peer, or this node itself."""

    @property
    def group(self) -> str:
        """The group of the key exchange under it."""

    def carries(self, name: ChannelName) -> bool:
        """Whether there is a channel of this name, opening or open."""

    def statistics(self, name: ChannelName) -> Statistics:
        """What a channel that it carries has done."""

    def machines(self, name: ChannelName) -> list[tuple[int, bool, int, int]]:
        """Of each machine its number, whether it is active, its run, and its steps in it."""

    def open(self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger) -> None:
        """Ask for a channel, unless there is one; ChannelUp or ChannelRefused follows."""

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """End a channel, if there is one."""

    def pause(self, name: ChannelName) -> None:
        """This end has keys enough."""

    def resume(self, name: ChannelName) -> None:
        """This end needs keys."""


class LinkChannel:
    """The keys that a service here shares with its partner at one peer, and what they are for.

    While `wanted`, this side opens it whenever there is a link. Keys stay when the link goes, and
    are erased when the partner's process or this channel ends.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        name: ChannelName,
        owner: str,
        own: bytes,
        peer: bytes,
        profile: Profile,
        limits: StoreLimits,
        link: Callable[[], Carrier | None],
        absence: Callable[[], str],
        events: EventLog,
        seconds: Callable[[], float],
        closed: Callable[[LinkChannel], object],
    ) -> None:
        self.name: Final = name
        self.owner: Final = owner
        self.peer: Final = peer
        self.profile: Final = profile
        self.ledger: Final = Ledger()
        #: How often the partner may open it.
        self.openings: Final = Allowance(OPENINGS, OPENINGS_PER_SECOND, seconds())
        self.wanted = False
        #: The application has stopped the machines.
        self.stopped = False
        role = int((own, name.service) > (peer, name.partner))
        ends = ((own, name.service), (peer, name.partner))
        binding = channel_binding(ends if role == 0 else (ends[1], ends[0]))
        self.cipher: Final = ChannelCipher(role, binding, KeyStore(limits))
        self.keys_made = 0
        self.keys_confirmed = 0
        self.keys_unmatched = 0
        self._splitter = Splitter(self.cipher, system_fill)
        self._gatherer = Gatherer(self.cipher)
        self._link = link
        self._absence = absence
        self._events = events
        self._seconds = seconds
        self._closed = closed
        self._up = False
        self._resting = False
        self._low = True
        self._reason = "the partner has not opened it"
        self._up_since = 0.0
        self._retry_at = 0.0
        self._logged_at = float("-inf")
        self._opening: list[Deferred[None]] = []
        self._starving: list[tuple[int, Deferred[None]]] = []

    # Messages and keys.

    def seal(
        self,
        plaintext: bytes,
        mode: int,
        context: bytes = b"",
        *,
        limit: int = 0,
        pieces: int = DEFAULT_PIECES,
    ) -> list[bytes]:
        """The envelope of a message; in mode 4, those of its pieces.

        `limit` is n of mode 3. Raises NoKeyYetError, UnsupportedModeError, ParameterError.
        """
        now = self._seconds()
        try:
            if mode == Mode.SPLIT:
                sealed = self._splitter.seal(plaintext, context, now, pieces)
            else:
                sealed = [self.cipher.seal(plaintext, mode, context, now, limit)]
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._used()
        return sealed

    def open(self, envelope: bytes, context: bytes = b"") -> bytes | None:
        """The plaintext of an envelope; None after a piece while others are missing.

        Raises a leaf that says why it cannot be opened.
        """
        if parse(envelope).mode == Mode.SPLIT:
            return self._gatherer.open(envelope, context, self._seconds())
        return self.cipher.open(envelope, context, self._seconds())

    def seal_batch(
        self, messages: Iterable[tuple[bytes, bytes]], mode: int, limit: int = 0
    ) -> list[bytes | DynamiCryptError]:
        """For each (plaintext, context) its envelope or, in its place, its error."""
        sealed = self.cipher.seal_batch(messages, mode, self._seconds(), limit)
        self._used()
        if self._link() is None:
            return [
                self._starved(each) if isinstance(each, NoKeyYetError) else each for each in sealed
            ]
        return sealed

    def open_batch(self, messages: Iterable[tuple[bytes, bytes]]) -> list[bytes | DynamiCryptError]:
        """For each (envelope, context) its plaintext or, in its place, its error."""
        return self.cipher.open_batch(messages, self._seconds())

    def stream_sealer(self, context: bytes = b"") -> StreamSealer:
        """Seals a body of any length; raises NoKeyYetError."""
        try:
            sealer = StreamSealer(self.cipher, context, self._seconds())
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._used()
        return sealer

    def stream_opener(self, context: bytes = b"") -> StreamOpener:
        """Opens what a stream sealer made."""
        return StreamOpener(self.cipher, context)

    def take_key(self) -> tuple[uuid.UUID, bytearray]:
        """A fresh key for the application and its id; the caller wipes it. Raises NoKeyYetError."""
        try:
            key_id, key = next_key(self.store, _KEY_BYTES, _REST, self._seconds())
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._used()
        return uuid.UUID(bytes=key_id), key

    def fetch_key(self, key_id: uuid.UUID) -> bytearray:
        """The key that the partner's application took, once; the caller wipes it.

        Raises UnknownKeyError, KeyUsedError or KeyExpiredError.
        """
        return key_by_id(self.store, key_id.bytes, _KEY_BYTES, _REST, self._seconds())

    def when_ready(self, count: int = 1) -> Deferred[None]:
        """Fires when so many keys are ready at once; to be cancelled by who stops waiting.

        Raises ParameterError for more than a store ever has.
        """
        if not 0 < count <= self.store.limits.high:
            raise ParameterError(f"a channel has at most {self.store.limits.high} keys ready")
        waiting: Deferred[None] = Deferred(self._stop_starving)
        if self.store.levels.free >= count:
            waiting.callback(None)
        else:
            self._starving.append((count, waiting))
        return waiting

    # REST v1.

    @property
    def partner(self) -> str:
        """Name of the service at the other end."""
        return self.name.partner

    @property
    def live(self) -> bool:
        """Whether machines synchronise now, or rest because there are keys enough."""
        return self._up

    def encrypt(self, text: str, mode: int) -> SealedMessage:
        """Seal for the partner; the message is the envelope in base64."""
        envelope, digest = self.cipher.seal_hashed(text.encode(), mode, self._seconds())
        self._used()
        key = str(uuid.UUID(bytes=parse(envelope).key_id))
        return SealedMessage(
            message=base64.b64encode(envelope).decode("ascii"), hash=digest, key=key
        )

    def decrypt(self, message: str, hash_: str, mode: int) -> str:
        """Open what the partner sealed."""
        try:
            envelope = base64.b64decode("".join(message.split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadCiphertextError("the message is not base64") from None
        plaintext = self.cipher.open_hashed(envelope, hash_, mode, self._seconds())
        return plaintext.decode(errors="replace")

    # Life.

    @property
    def store(self) -> KeyStore:
        """The keys."""
        return self.cipher.store

    @property
    def statistics(self) -> Statistics | None:
        """What the machines did since the channel came up; None while nothing carries it."""
        link = self._link()
        return link.statistics(self.name) if link is not None and link.carries(self.name) else None

    def describe(self) -> ChannelStatus:
        """How it is now."""
        state, reason = self._state()
        link = self._link()
        if link is not None and not link.carries(self.name):
            link = None
        return ChannelStatus(
            state=state,
            reason=reason,
            profile=self.profile.name,
            levels=self.store.levels,
            rounds=0 if link is None else link.statistics(self.name).rounds,
            keys_made=self.keys_made,
            keys_confirmed=self.keys_confirmed,
            keys_unmatched=self.keys_unmatched,
            machines=()
            if link is None
            else tuple(
                MachineStatus(id=number, state="active" if active else "held", run=run, steps=steps)
                for number, active, run, steps in link.machines(self.name)
            ),
        )

    def when_live(self) -> Deferred[None]:
        """Fires when the channel is up; fails with SynchronisationError when it is refused."""
        waiting: Deferred[None] = Deferred(self._opening.remove)
        if self.live:
            waiting.callback(None)
        else:
            self._opening.append(waiting)
        return waiting

    def linked(self) -> None:
        """There is a link to the peer."""
        if self.wanted:
            self._reason = "the partner is asked"
            self.open_on_link()
        else:
            self._reason = "the partner has not opened it"

    def open_on_link(self) -> None:
        """Ask the partner for the channel, if there is a link."""
        link = self._link()
        if link is None or self.stopped:
            return
        try:
            link.open(self.name, self.profile.exchange, self.ledger)
        except LocalError as error:
            self._not_opened(f"the link has no room: {error}")

    def stop(self) -> None:
        """Let the machines be; the keys stay usable until they expire."""
        self.stopped = True
        link = self._link()
        if link is not None:
            link.close_channel(self.name, STOPPED)

    def start(self) -> None:
        """Let the machines go on."""
        self.stopped = False
        self.open_on_link()

    def tick(self) -> None:
        """Forget what is old; try again to open a channel that was refused."""
        now = self._seconds()
        self.store.expire(now)
        self._gatherer.expire(now)
        self._used()
        if self.wanted and not self._up and now >= self._retry_at:
            self._retry_at = now + RETRY
            self.open_on_link()

    def partner_restarted(self) -> None:
        """The partner's keys are gone with its process, and so is the use of ours."""
        self._erase()
        self.ledger.clear()

    def close(self, reason: str = LEFT) -> None:
        """End the channel, here and at the partner, and erase the keys."""
        self.wanted = False
        link = self._link()
        if link is not None:
            link.close_channel(self.name, reason)
        self._fail_opening("the channel was closed")
        starving, self._starving = self._starving, []
        for _, waiting in starving:
            waiting.errback(SynchronisationError("the channel was closed"))
        self._erase()
        self._closed(self)

    def happened(self, link: Carrier, event: ChannelEvent) -> None:
        """Keep the keys, and keep track of the channel."""
        match event:
            case KeyMade():
                self._keep(event)
            case KeyConfirmed():
                self._confirm(event)
            case KeyUnmatched():
                self.keys_unmatched += 1
                self.store.discard(event.id)
            case KeysForgotten():
                self._erase()
            case ChannelUp():
                self._come_up(link)
            case ChannelRefused():
                self._refused(event)
            case ChannelDown():
                self._go_down(event)
            case _:
                pass

    def _state(self) -> tuple[str, str]:
        """The state, and why it is not up."""
        if self.stopped:
            return "stopped", "the application has stopped it"
        if self._up:
            return ("resting" if self._resting else "up"), ""
        if self._link() is None:
            return "down", self._absence()
        return ("opening" if self.wanted else "down"), self._reason

    def _starved(self, error: NoKeyYetError) -> NoKeyYetError:
        """Why there is no key, where that is because the channel is not up."""
        state, reason = self._state()
        if not reason:
            return error
        kind = PeerDownError if self._link() is None else NoKeyYetError
        return kind(f"{error}; the channel is {state}: {reason}")

    def _erase(self) -> None:
        self._gatherer.erase()
        self.store.erase()

    def _stop_starving(self, waiting: Deferred[None]) -> None:
        self._starving = [pair for pair in self._starving if pair[1] is not waiting]

    def _keep(self, made: KeyMade) -> None:
        self.keys_made += 1
        try:
            self.store.add(made.id, made.key, owner=made.owner, now=self._seconds())
        finally:
            made.key[:] = bytes(len(made.key))
        self._rest_when_full()

    def _confirm(self, event: KeyConfirmed) -> None:
        self.keys_confirmed += 1
        if not self.store.confirm(event.id):
            # It was waited for too long, during a cut, and is gone: no key is ready because of it.
            return
        if self._low:
            self._low = False
            self._publish(Kind.KEY_READY)
            self._log_first()
        if self._starving:
            free = self.store.own.free
            due = [pair for pair in self._starving if pair[0] <= free]
            self._starving = [pair for pair in self._starving if pair[0] > free]
            for _, waiting in due:
                waiting.callback(None)

    def _rest_when_full(self) -> None:
        link = self._link()
        if link is not None and not self._resting and self.store.should_pause:
            self._resting = True
            link.pause(self.name)
            self._report(link)

    def _used(self) -> None:
        """Keys may have been taken: wake the machines before there is none."""
        store = self.store
        if self._resting and store.should_resume:
            link = self._link()
            if link is not None:
                self._resting = False
                link.resume(self.name)
        if not self._low and not store.own.free:
            self._low = True
            self._publish(Kind.KEY_LOW)

    def _come_up(self, link: Carrier) -> None:
        self._up = True
        self._resting = False
        self._up_since = self._seconds()
        self._log.info(
            "channel up channel={service}/{partner} wire=2 profile={profile} group={group}",
            service=self.name.service,
            partner=self.name.partner,
            profile=self.profile.name,
            group=link.group,
        )
        self._publish(Kind.CHANNEL_UP)
        opening, self._opening = self._opening, []
        for waiting in opening:
            waiting.callback(None)
        self._rest_when_full()

    def _refused(self, event: ChannelRefused) -> None:
        if event.reason == "crossed":
            return
        self._not_opened(f"refused by the partner: {event.reason} {event.detail}".rstrip())

    def _not_opened(self, reason: str) -> None:
        self._reason = reason
        self._retry_at = self._seconds() + RETRY
        self._fail_opening(reason)

    def _go_down(self, event: ChannelDown) -> None:
        self._up = False
        self._reason = event.reason
        if event.by_partner:
            self._reason = _BY_PARTNER.get(event.reason, f"closed by the partner: {event.reason}")
            self._retry_at = self._seconds() + RETRY
            if event.reason in {LEFT, NODE_STOPPED}:
                # The partner has erased the keys that we would send under.
                self.store.own.erase()
                self._used()
        self._log.info(
            "channel down channel={service}/{partner}: {reason}",
            service=self.name.service,
            partner=self.name.partner,
            reason=self._reason,
        )
        self._publish(Kind.CHANNEL_DOWN, reason=self._reason)
        if event.reason not in {REDUNDANT, SUPERSEDED}:
            # Else the other link, which stays, carries the channel on.
            self._fail_opening(self._reason)

    def _fail_opening(self, reason: str) -> None:
        opening, self._opening = self._opening, []
        for waiting in opening:
            waiting.errback(SynchronisationError(reason))

    def _publish(self, kind: Kind, **more: object) -> None:
        service, partner = self.name
        self._events.publish(kind, owner=self.owner, service=service, partner=partner, **more)

    def _log_first(self) -> None:
        now = self._seconds()
        if self.keys_confirmed == 1:
            self._log.info(
                "first key channel={service}/{partner} milliseconds={milliseconds:.1f}",
                service=self.name.service,
                partner=self.name.partner,
                milliseconds=(now - self._up_since) * 1000,
            )

    def _report(self, link: Carrier) -> None:
        now = self._seconds()
        # The link may have ended the channel after it made the key that is told of now.
        if now - self._logged_at < LOG_PERIOD or not link.carries(self.name):
            return
        statistics = link.statistics(self.name)
        self._log.info(
            "enough keys channel={service}/{partner} rounds={rounds} passes={passes}"
            " restarts={restarts} keys={keys} milliseconds={milliseconds:.0f}",
            service=self.name.service,
            partner=self.name.partner,
            rounds=statistics.rounds,
            passes=statistics.passes,
            restarts=statistics.restarts,
            keys=statistics.keys,
            milliseconds=(now - self._up_since) * 1000,
        )
        self._logged_at = now
