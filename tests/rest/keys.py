"""Channels with keys, without a network: what two nodes share, put there by hand."""

from collections.abc import Callable
from typing import cast

from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.node.carrier import Carrier
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.endings import NOT_OPENED
from dynamicrypt.node.events import EventLog
from dynamicrypt.params import PROFILES
from dynamicrypt.session.link_events import ChannelName, KeyConfirmed, KeyMade

HERE, THERE = bytes(32), bytes([1]) * 32


class IdleLink:
    """A link that is up and has not opened the channel."""

    def carries(self, name: ChannelName) -> bool:
        """Whether there is the channel."""
        return False

    def open(self, *_: object) -> None:
        """Ask for the channel, in vain."""

    def close_channel(self, *_: object) -> None:
        """There is none."""

    def pause(self, *_: object) -> None:
        """Nothing goes on."""

    def resume(self, *_: object) -> None:
        """Nothing goes on."""


def make_channel(
    service: str,
    partner: str,
    *,
    owner: str,
    events: EventLog,
    seconds: Callable[[], float],
    later: Callable[[Callable[[], None]], object] = lambda call: call(),
    ends: tuple[bytes, bytes] = (HERE, THERE),
    closed: Callable[[LinkChannel], object] = lambda channel: None,
) -> LinkChannel:
    """One end of a channel; `ends` are the fingerprints of its node and of the other."""
    return LinkChannel(
        name=ChannelName(service, partner),
        owner=owner,
        own=ends[0],
        peer=ends[1],
        profile=PROFILES["fast"],
        limits=StoreLimits(),
        link=lambda: cast("Carrier", IdleLink()),
        absence=lambda: NOT_OPENED,
        events=events,
        seconds=seconds,
        later=later,
        closed=closed,
    )


def other_end(channel: LinkChannel, seconds: Callable[[], float]) -> LinkChannel:
    """The partner's end of a channel."""
    return make_channel(
        channel.name.partner,
        channel.name.service,
        owner="partner",
        events=EventLog(),
        seconds=seconds,
        ends=(THERE, HERE) if channel.peer == THERE else (HERE, THERE),
    )


class KeyMaker:
    """Gives both ends the same keys, as the machines would; equal from one run to the next."""

    def __init__(self) -> None:
        self.made = 0

    def give(self, owner: LinkChannel, holder: LinkChannel | None, count: int = 1) -> None:
        """Keys that `owner` sends under and `holder` opens with."""
        for _ in range(count):
            self.made += 1
            key_id = self.made.to_bytes(16, "big")
            for end, owns in ((owner, True), (holder, False)):
                if end is not None:
                    key = bytearray(self.made.to_bytes(32, "big"))
                    end.happened(None, _made(end, key_id, key, owns))  # type: ignore[arg-type]
            owner.happened(None, KeyConfirmed(channel=owner.name, id=key_id))  # type: ignore[arg-type]


def _made(end: LinkChannel, key_id: bytes, key: bytearray, owns: bool) -> KeyMade:
    number = int.from_bytes(key_id, "big")
    return KeyMade(channel=end.name, number=number, id=key_id, key=key, owner=owns)
