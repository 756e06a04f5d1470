"""What can go wrong for an application: one class for each code that the service answers with.

All are ClientErrors. A refusal by the service is a ProblemError; its class says which, and its
`code` is the word that stands in the answer (RFC 9457), so both can be compared. A leaf's docstring
is its cause, then its remedy.
"""

from __future__ import annotations

from typing import ClassVar

from dynamicrypt.errors import DynamiCryptError


class ClientError(DynamiCryptError):
    """The service could not be asked, or did not do what it was asked."""


class PlaceError(ClientError, ValueError):
    """The service's address cannot be used. Give `http://127.0.0.1:PORT`, or a UNIX socket."""

    code = "bad_place"


class ServiceUnreachableError(ClientError):
    """No service answers there. Start it with `twistd dynamicrypt`, or set DYNAMICRYPT_URL."""

    code = "service_unreachable"


class BadAnswerError(ClientError):
    """What answered does not speak REST v2. Check which program listens at that address."""

    code = "bad_answer"


class StreamBrokenError(ClientError):
    """The stream broke off; what came out is not the whole. Throw it away, and send it again."""

    code = "stream_broken"

    def __init__(self, message: str, *, stream: str | None = None) -> None:
        super().__init__(message)
        #: Its id, as the service named it; None where the answer had not begun.
        self.stream = stream


class PiecesMissingError(ClientError):
    """The message is not whole yet, but the piece was taken. Have the other pieces opened, too."""

    code = "pieces_missing"


class ProblemError(ClientError):
    """The service refused. Its answer says why."""

    #: The classes of the codes that this client knows.
    by_code: ClassVar[dict[str, type[ProblemError]]] = {}

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int = 0,
        retry_after: float | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(detail)
        if code != self.code:
            self.code = code  # type: ignore[misc]  # one that is younger than this client
        self.detail = detail
        #: What to do, in the service's words; empty where it said nothing.
        self.advice = advice
        #: Of the HTTP answer.
        self.status = status
        #: Seconds after which another try makes sense; None where waiting does not help.
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.detail.removesuffix('.')}. {self.advice}" if self.advice else self.detail

    def __init_subclass__(cls) -> None:
        """Register the class under its code."""
        if "code" in vars(cls):
            ProblemError.by_code[cls.code] = cls


class MalformedBodyError(ProblemError):
    """The request was no JSON object. This is a fault of the client: please report it."""

    code = "malformed_body"


class InvalidRequestError(ProblemError, ValueError):
    """The request does not have the form of its operation. Look at the value that is named."""

    code = "invalid_request"


class BadParameterError(ProblemError, ValueError):
    """A number or name is outside its range. Use a value inside the range that is named."""

    code = "bad_parameter"


class UnsupportedModeError(ProblemError, ValueError):
    """The operation does not have this mode. Open streams as streams, all else as messages."""

    code = "unsupported_mode"


class AuthRequiredError(ProblemError):
    """The service does not know the token. Set DYNAMICRYPT_TOKEN to one of `token add`."""

    code = "auth_required"


class ScopeMissingError(ProblemError):
    """The token may not do this. Use one with the scope that is named."""

    code = "scope_missing"


class ForeignHostError(ProblemError):
    """The service answers under names of this machine only. Use localhost in the address."""

    code = "foreign_host"


class ForeignOriginError(ProblemError):
    """The service does not answer to web pages. Let a program on this machine ask instead."""

    code = "foreign_origin"


class NotFoundError(ProblemError, LookupError):
    """The service has no such path. Check that client and service are of one version."""

    code = "not_found"


class UnknownServiceError(ProblemError, LookupError):
    """This token has no service of this name. Create it with `service add`; each has its own."""

    code = "unknown_service"


class UnknownChannelError(ProblemError, LookupError):
    """The service has no channel to this partner. Open it with `channel open`."""

    code = "unknown_channel"


class UnknownPeerError(ProblemError, LookupError):
    """No such node is known here. Name one of `peer list`, or make it known with `pair`."""

    code = "unknown_peer"


class UnknownKeyError(ProblemError, LookupError):
    """The key is not known here; a process that ended took its keys along.

    Have the sender seal the message again, and check that both services are those of the channel.
    """

    code = "unknown_key"


class MethodNotAllowedError(ProblemError):
    """The path does not have this method. Check that client and service are of one version."""

    code = "method_not_allowed"


class TooSlowError(ProblemError):
    """The request stood still, or its answer was not read. Send it again, without long pauses."""

    code = "too_slow"


class NameTakenError(ProblemError):
    """The name is taken. Choose another: names are exact, and unique on the node."""

    code = "name_taken"


class TooManyServicesError(ProblemError):
    """The node holds as many services or channels as it may. Remove one that is not needed."""

    code = "too_many_services"


class IdempotencyInFlightError(ProblemError):
    """The same request is still under way. Ask again in a moment."""

    code = "idempotency_in_flight"


class IdempotencyMismatchError(ProblemError, ValueError):
    """The idempotency key came with another request before. Take a new one for a new request."""

    code = "idempotency_mismatch"


class KeyUsedError(ProblemError):
    """It was opened before, or its key is used up.

    If you have read it (or have the key), drop it: a replay, or a repeated request. If not, have
    the sender seal it again, or take another key.
    """

    code = "key_used"


class KeyExpiredError(ProblemError):
    """It came too late: its key was erased. Have the sender seal it again."""

    code = "key_expired"


class TooLargeError(ProblemError, ValueError):
    """The message is larger than one operation takes. Send it as a stream, or in parts."""

    code = "too_large"


class BadContentTypeError(ProblemError):
    """The service reads another content type. This is a fault of the client: please report it."""

    code = "bad_content_type"


class BadCiphertextError(ProblemError):
    """This is no ciphertext, or it was changed, or the context differs.

    Compare the context, or have the sender seal it again.
    """

    code = "bad_ciphertext"


class WrongChannelError(ProblemError):
    """The message was sealed on this side. Let the partner open it."""

    code = "wrong_channel"


class RateLimitedError(ProblemError):
    """The token asks more often than it may. Ask for many messages at once, as a batch."""

    code = "rate_limited"


class TooManyStreamsError(ProblemError):
    """As many streams of events are open as may be. Close one, or share one."""

    code = "too_many_streams"


class InternalError(ProblemError):
    """The service had a fault of its own. Its log tells more: please report it."""

    code = "internal_error"


class FailedError(ProblemError):
    """The service could not do it. Its log tells more."""

    code = "failed"


class NoKeyYetError(ProblemError):
    """No key is ready yet. Try again while the channel is up; its state says why it is not."""

    code = "no_key_yet"


class NotOpenedError(NoKeyYetError):
    """The partner has not opened the channel. Open it on the other side, too."""

    code = "not_opened"


class ChannelStoppedError(ProblemError):
    """The channel is stopped, and has no key left. Start it where it was stopped."""

    code = "channel_stopped"


class ProfilesDifferError(ProblemError):
    """The two nodes have different profiles. Start both with the same `--profile`."""

    code = "profiles_differ"


class PeerDownError(NoKeyYetError):
    """No key is ready, and the partner's node cannot be reached. It is called again: wait."""

    code = "peer_down"


class TooManyConnectionsError(ProblemError):
    """As many connections to the service are open as may be. Close one, or share one."""

    code = "too_many_connections"


class StoppingError(ProblemError):
    """The service is being stopped. Try again when it has been started again."""

    code = "stopping"


class TooManyPiecesError(ProblemError):
    """Pieces of too many messages wait for the rest. Open the missing ones, or wait a while."""

    code = "too_many_pieces"


class StorageFailedError(ProblemError):
    """The node cannot write its state directory, and changed nothing. Make room on its disk."""

    code = "storage_failed"


def problem(
    code: str,
    detail: str,
    *,
    status: int = 0,
    retry_after: float | None = None,
    advice: str = "",
) -> ProblemError:
    """The error of a code; a plain ProblemError for one that this client does not know."""
    kind = ProblemError.by_code.get(code, ProblemError)
    return kind(detail, code=code, status=status, retry_after=retry_after, advice=advice)
