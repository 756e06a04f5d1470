"""The one tree of errors; a leaf's docstring tells its user the cause, then the remedy.

Leaves that reach applications carry `code`, the stable word that interfaces show for them.
"""

from __future__ import annotations

from typing import ClassVar


class DynamiCryptError(Exception):
    """Something that DynamiCrypt could not do."""

    code: ClassVar[str] = "failed"


class LocalError(DynamiCryptError):
    """We were misused: by a caller on this machine, or by our own code."""


class RemoteError(DynamiCryptError):
    """The node at the other end broke the protocol."""


class ParameterError(LocalError, ValueError):
    """A number or name is outside its stated range. Use a value inside the range that is named."""

    code = "bad_parameter"


class ProtocolStateError(LocalError):
    """A session was asked for what its state does not allow. This is a fault of the caller."""


class UnknownServiceError(LocalError):
    """No service of this name is registered by this caller. Register it with `init` first."""

    code = "unknown_service"


class TooManyServicesError(LocalError):
    """The node holds as many services as it may. Remove one with `exit`, or raise the limit."""

    code = "too_many_services"


class NameTakenError(LocalError):
    """A service of this name is registered already. Choose another name."""

    code = "name_taken"


class UnknownChannelError(LocalError):
    """The service has no channel with this partner. Open it first."""

    code = "unknown_channel"


class StoppingError(LocalError):
    """The node is being stopped. Ask again when it has been started again."""

    code = "stopping"


class EventsLostError(LocalError):
    """Events were missed: they are older than what is kept. Read the status, then watch on."""

    code = "events_lost"


class UnsupportedModeError(LocalError, ValueError):
    """The channel does not have this encryption mode. Channels of wire 1 have modes 1 and 2."""

    code = "unsupported_mode"


class SynchronisationError(DynamiCryptError):
    """The partner was not reached or did not accept. Check its address, port and service name."""

    code = "peer_down"


class NoKeyYetError(DynamiCryptError):
    """No key is ready for this operation yet. Try again in a moment; keys arrive all the time."""

    code = "no_key_yet"


class PeerDownError(NoKeyYetError):
    """No key is ready, and there is no link to the partner's node. It is called again: wait."""

    code = "peer_down"


class NotOpenedError(NoKeyYetError):
    """No key is ready, and the partner has not opened the channel. Open it on the other side."""

    code = "not_opened"


class NoKeyComesError(NoKeyYetError):
    """No key is ready, and none comes before somebody has done something about it."""


class ChannelStoppedError(NoKeyComesError):
    """No key is ready, and an application has stopped the channel. Start it on that side."""

    code = "channel_stopped"


class PeerRemovedError(NoKeyComesError):
    """No key is ready, and the partner's node is known no more. Pair with it to have new ones."""

    code = "unknown_peer"


class ProfilesDifferError(NoKeyComesError):
    """The two nodes have different profiles. Start both with the same `--profile`."""

    code = "profiles_differ"


class BadCiphertextError(DynamiCryptError):
    """No stored key opens this message. It was changed, is too old, or is not for you."""

    code = "bad_ciphertext"


class KeyUsedError(DynamiCryptError):
    """The message was opened before, or its key is used up.

    If you have read it (or have the key), drop it: a replay, or a repeated request. If not, have
    the sender seal it again, or take another key.
    """

    code = "key_used"


class KeyExpiredError(DynamiCryptError):
    """The message came too late: its key was erased. Have the sender seal it again."""

    code = "key_expired"


class UnknownKeyError(DynamiCryptError):
    """The message's key is not known here; a process that ended took its keys along.

    Have the sender seal it again, and check that both services are those that the channel joins.
    """

    code = "unknown_key"


class WrongChannelError(DynamiCryptError):
    """The message was sealed on this side of the channel. Let the partner open it."""

    code = "wrong_channel"


class TooManyPiecesError(LocalError):
    """Pieces of too many messages wait for the rest. Open the missing ones, or wait a while."""

    code = "too_many_pieces"


class MessageTooLargeError(LocalError, ValueError):
    """The message is larger than one operation takes. Send it in parts."""

    code = "too_large"


class UnauthorisedError(LocalError):
    """The request carries no token of this node. Send `Authorization: Bearer` with a valid one."""

    code = "auth_required"


class TokenFileError(LocalError):
    """The token file is damaged. Delete it, and the service makes a new token when it starts."""

    code = "bad_token_file"
