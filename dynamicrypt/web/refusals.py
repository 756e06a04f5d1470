"""Errors that HTTP itself has for its callers, before any route or beside it."""

from __future__ import annotations

from dynamicrypt.errors import DynamiCryptError, LocalError


class NoSuchPageError(LocalError):
    """There is no such path. Compare it with the reference; names in it are percent-encoded."""

    code = "not_found"


class MethodError(LocalError):
    """The path does not have this method. The header Allow names those that it has."""

    code = "method_not_allowed"

    def __init__(self, allow: bytes) -> None:
        super().__init__(f"the path has {allow.decode('ascii')}")
        #: The methods that the path has, as in the header.
        self.allow = allow


class ForeignHostError(LocalError):
    """The Host is not this machine. Use localhost or a loopback address in the URL."""

    code = "foreign_host"


class ForeignOriginError(LocalError):
    """A web page of another origin asks. Let a program on this machine ask instead."""

    code = "foreign_origin"


class ContentTypeError(LocalError):
    """The content type is not what the route reads. Send application/json; bytes to a stream."""

    code = "bad_content_type"


class TooSlowError(LocalError):
    """The client was too slow. Send a request at once; with a stream read and write together."""

    code = "too_slow"


class TooManyConnectionsError(LocalError):
    """As many connections are open as may be. Close one, or ask over one that is open."""

    code = "too_many_connections"


class InternalError(DynamiCryptError):
    """A fault of the node itself. Its log tells the kind and the place: please report them."""

    code = "internal_error"
