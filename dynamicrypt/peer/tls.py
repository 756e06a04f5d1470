"""TLS between two nodes: 1.3 only, both sides shown by certificate, trusted by fingerprint alone.

Nothing of the public key infrastructure is used: no names, dates, chains or authorities. A
certificate is accepted if the SHA-256 of its public key is that of a known peer at the moment of
the handshake; possession of the key is proved by TLS. What OpenSSL does not enforce is checked
after the handshake, before any byte of an application is read: the protocol (ALPN, RFC 7301) and
the group of the key exchange.

There are no session tickets that could be redeemed and no 0-RTT (RFC 8446, 2.3). OpenSSL still
sends two tickets, for which pyOpenSSL has no switch; they name sessions that are kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.peer.errors import (
    CertificateChangedError,
    ClassicalGroupError,
    OwnNodeError,
    RefusedByPeerError,
    UnknownPeerError,
    WrongProtocolError,
)
from dynamicrypt.peer.fingerprint import fingerprint_of, show
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.peers import KnownPeers, Peer

#: The ALPN name of wire 2.
LINK_PROTOCOL: Final = b"dynamicrypt/2"
#: The group that makes recorded links safe from a later quantum computer
#: (draft-ietf-tls-ecdhe-mlkem): X25519 and ML-KEM-768, broken only if both are.
HYBRID_GROUP: Final = "X25519MLKEM768"

#: (label, context, length) to keying material of this connection (RFC 8446, 7.5).
Exporter: TypeAlias = Callable[[bytes, bytes, int], bytes]


class Trust(Protocol):
    """Who may be at the other end of one connection."""

    def met(self, fingerprint: bytes) -> None:
        """Raise an error if the owner of this fingerprint may not; called during the handshake."""

    def agreed(self, fingerprint: bytes, group: str) -> None:
        """Raise an error if this group will not do; called after the handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSecurity:
    """What a finished handshake has established.

    `exporter` works as long as the connection lives, and keeps it in memory: drop it with the link.
    """

    fingerprint: bytes
    group: str
    exporter: Exporter = field(repr=False)

    @property
    def hybrid(self) -> bool:
        """Whether the key exchange withstands a later quantum computer."""
        return self.group == HYBRID_GROUP


class NodeConnection(SSL.Connection):
    """A TLS connection that remembers whom it met, or why it would not go on."""

    def __init__(self, context: SSL.Context, protocol: bytes, trust: Trust) -> None:
        super().__init__(context, None)
        self.protocol = protocol
        self.trust = trust
        self.fingerprint: bytes | None = None
        self.refusal: DynamiCryptError | None = None


class TlsIdentity:
    """A node's certificate and the rules of one protocol, as makers of connections."""

    def __init__(self, identity: Identity, protocol: bytes) -> None:
        self._protocol = protocol
        self._context = _context(identity, protocol)

    def client_options(self, trust: Trust) -> IOpenSSLClientConnectionCreator:
        """For TLSMemoryBIOFactory, to dial somebody who satisfies `trust`."""
        return _Maker(self._context, self._protocol, trust)

    def server_options(self, trust: Trust) -> IOpenSSLServerConnectionCreator:
        """For TLSMemoryBIOFactory, to be dialled by those who satisfy `trust`."""
        return _Maker(self._context, self._protocol, trust)


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class _Maker:
    def __init__(self, context: SSL.Context, protocol: bytes, trust: Trust) -> None:
        self._make = lambda: NodeConnection(context, protocol, trust)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803
        return self._make()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N803
        return self._make()


class KnownPeersOnly:
    """Trust in the known peers as they are at the moment; in one of them if `expected` is given.

    `own` is this node's fingerprint, which is refused at the other end.
    """

    def __init__(
        self, own: bytes, peers: Callable[[], KnownPeers], expected: bytes | None = None
    ) -> None:
        self._own = own
        self._peers = peers
        self._expected = expected

    def met(self, fingerprint: bytes) -> None:
        """Raise OwnNodeError, UnknownPeerError or CertificateChangedError."""
        if fingerprint == self._own:
            raise OwnNodeError("the node at the other end is this node itself")
        if self._expected is not None and fingerprint != self._expected:
            raise CertificateChangedError(
                f"the peer has {show(fingerprint)} instead of {show(self._expected)}"
            )
        self._peer(fingerprint)

    def agreed(self, fingerprint: bytes, group: str) -> None:
        """Raise ClassicalGroupError unless the group is hybrid or the peer is allowed others."""
        peer = self._peer(fingerprint)
        if group != HYBRID_GROUP and not peer.allow_classical:
            raise ClassicalGroupError(f"{peer.name} agreed {group}, not {HYBRID_GROUP}")

    def _peer(self, fingerprint: bytes) -> Peer:
        peer = self._peers().owner_of(fingerprint)
        if peer is None:
            raise UnknownPeerError(f"nobody known has {show(fingerprint)}")
        return peer


def inspect(connection: NodeConnection) -> LinkSecurity:
    """What the finished handshake of `connection` has established.

    Raises WrongProtocolError if no or another protocol was agreed (OpenSSL lets that pass
    silently), and what the connection's trust raises. A client must know that its own
    certificate may yet be refused: only bytes of the application prove that it was accepted.
    """
    if connection.get_alpn_proto_negotiated() != connection.protocol:
        raise WrongProtocolError(f"the other end does not offer {connection.protocol.decode()}")
    certificate = connection.get_peer_certificate()
    fingerprint = None if certificate is None else _fingerprint(certificate)
    if fingerprint is None or fingerprint != connection.fingerprint:
        raise UnknownPeerError("the other end showed no certificate")
    group = connection.get_group_name() or "none"
    connection.trust.agreed(fingerprint, group)

    def exporter(label: bytes, context: bytes, length: int) -> bytes:
        return connection.export_keying_material(label, length, context)

    return LinkSecurity(fingerprint=fingerprint, group=group, exporter=exporter)


def explain(connection: NodeConnection | None, reason: BaseException) -> BaseException:
    """Why a connection ended, as a leaf of our errors if TLS was the cause, else `reason`."""
    if connection is not None and connection.refusal is not None:
        return connection.refusal
    if not isinstance(reason, SSL.Error):
        return reason
    said = "; ".join(str(part[-1]) for part in reason.args[0]) if reason.args else ""
    if "alert" in said and ("certificate" in said or "unknown ca" in said):
        return RefusedByPeerError("the peer refused this node's certificate")
    return WrongProtocolError(f"the TLS handshake failed: {said or 'no reason given'}")


def _context(identity: Identity, protocol: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # An idle link then holds no record buffers, 34 kB each.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.use_privatekey(identity.key)
    context.use_certificate(identity.certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    context.set_alpn_protos([protocol])

    def select(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
        if protocol in offered:
            return protocol
        # An SSL.Error ends the handshake with alert no_application_protocol, before we have
        # signed anything for a stranger.
        raise SSL.Error([("dynamicrypt", "", "no common application protocol")])

    context.set_alpn_select_callback(select)
    return context


def _verify(
    connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int
) -> bool:
    """Accept the peer's one certificate by its fingerprint, whatever OpenSSL thinks of it."""
    if not isinstance(connection, NodeConnection):
        return False
    try:
        fingerprint = _fingerprint(certificate)
        if depth != 0 or fingerprint is None:
            raise UnknownPeerError("the other end shows no node's certificate")
        connection.trust.met(fingerprint)
    except DynamiCryptError as refusal:
        # Its traceback holds this frame, and with it the connection: a cycle, and 60 kB of memory
        # for each stranger until the garbage collector comes by.
        connection.refusal = refusal.with_traceback(None)
        return False
    connection.fingerprint = fingerprint
    return True


def _fingerprint(certificate: crypto.X509) -> bytes | None:
    """The fingerprint of a node's certificate; None for one that no node makes.

    Other keys than Ed25519 are not looked at: a stranger cannot make us compute with a huge one.
    """
    try:
        key = certificate.to_cryptography().public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    return fingerprint_of(key) if isinstance(key, Ed25519PublicKey) else None
