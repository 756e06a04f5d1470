"""A client of the DynamiCrypt service, on the standard library alone.

It knows nothing but HTTP: `DynamiCrypt` is the way in, `errors` holds what it raises.
"""

from dynamicrypt.client.batch import Message, Outcome
from dynamicrypt.client.channel import Channel
from dynamicrypt.client.errors import ClientError, ProblemError
from dynamicrypt.client.node import DynamiCrypt
from dynamicrypt.client.shapes import (
    ChannelBrief,
    ChannelState,
    DeliveredKey,
    Event,
    KeyLevels,
    Machine,
    NodeState,
    OwnedService,
    Peer,
    Piece,
    Sealed,
    SealedStream,
    ServiceState,
    Split,
    Stream,
)

__all__ = [
    "Channel",
    "ChannelBrief",
    "ChannelState",
    "ClientError",
    "DeliveredKey",
    "DynamiCrypt",
    "Event",
    "KeyLevels",
    "Machine",
    "Message",
    "NodeState",
    "Outcome",
    "OwnedService",
    "Peer",
    "Piece",
    "ProblemError",
    "Sealed",
    "SealedStream",
    "ServiceState",
    "Split",
    "Stream",
]
