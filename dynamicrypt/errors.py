"""The one tree of errors; a leaf's docstring tells its user the cause, then the remedy."""

from __future__ import annotations


class DynamiCryptError(Exception):
    """Something that DynamiCrypt could not do."""


class LocalError(DynamiCryptError):
    """We were misused: by a caller on this machine, or by our own code."""


class RemoteError(DynamiCryptError):
    """The node at the other end broke the protocol."""


class ParameterError(LocalError, ValueError):
    """A number or name is outside its stated range. Use a value inside the range that is named."""


class ProtocolStateError(LocalError):
    """A session was asked for a step that its state does not have. This is a fault of the caller."""
