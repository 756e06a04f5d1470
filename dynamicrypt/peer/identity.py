"""Who this node is: an Ed25519 key and a self-signed certificate that says nothing else.

Ed25519 rather than P-256: a signature needs no fresh random number, whose flaw would give the key
away, keys and signatures are small, and a signature costs 42 us. Neither withstands a quantum
computer; one that exists while two nodes shake hands could impersonate them, one that comes later
cannot read what they said (docs/security.md).

A stranger who connects sees the certificate, so it is nameless: no subject, no extension, always
the same serial number and dates. Nodes are known by fingerprint, and identities do not expire
(RFC 5280, 4.1.2.5: 99991231235959Z means that there is no date).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dynamicrypt.peer.errors import IdentityExistsError, NoIdentityError, StateFileError
from dynamicrypt.peer.fingerprint import fingerprint_of
from dynamicrypt.peer.statedir import StateDirectory

#: The file that holds the private key (PKCS #8) and the certificate, both in PEM.
FILE: Final = "identity.pem"

#: How the library says that a file is not what it should be.
_BROKEN: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)
_NAMELESS: Final = x509.Name([])
_FIRST_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NO_LAST_DAY: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The key pair of a node, its certificate, and the fingerprint by which others know it."""

    key: Ed25519PrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    fingerprint: bytes


def generate() -> Identity:
    """A new identity, from the operating system's randomness. Nothing is written."""
    key = Ed25519PrivateKey.generate()
    certificate = (
        x509.CertificateBuilder(issuer_name=_NAMELESS, subject_name=_NAMELESS)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_FIRST_DAY)
        .not_valid_after(_NO_LAST_DAY)
        .sign(key, None)
    )
    return Identity(key=key, certificate=certificate, fingerprint=fingerprint_of(key.public_key()))


def create(directory: StateDirectory) -> Identity:
    """Make this node's identity and write it.

    Raises IdentityExistsError, and leaves the file alone, if the node has one, whatever is in it.
    """
    identity = generate()
    try:
        directory.create(FILE, _encode(identity))
    except FileExistsError as error:
        raise IdentityExistsError(f"{directory.path / FILE} exists") from error
    return identity


def load(directory: StateDirectory) -> Identity:
    """This node's identity.

    Raises NoIdentityError if it has none, and StateFileError for a file that others can read or
    that does not hold exactly one Ed25519 key and its certificate.
    """
    try:
        content = directory.read(FILE)
    except FileNotFoundError as error:
        raise NoIdentityError(f"{directory.path / FILE} does not exist") from error
    try:
        return _decode(content)
    except _BROKEN:
        # From None: the library's message may quote the file, and with it the key.
        fault = f"{directory.path / FILE} does not hold exactly one identity"
        raise StateFileError(fault) from None


def load_or_create(directory: StateDirectory) -> Identity:
    """This node's identity, made now if it has none; two processes that race get the same one."""
    try:
        return load(directory)
    except NoIdentityError:
        try:
            return create(directory)
        except IdentityExistsError:
            return load(directory)


def _encode(identity: Identity) -> bytes:
    return identity.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ) + identity.certificate.public_bytes(Encoding.PEM)


def _decode(content: bytes) -> Identity:
    key = load_pem_private_key(content, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 key")
    certificate = x509.load_pem_x509_certificate(content)
    identity = Identity(
        key=key, certificate=certificate, fingerprint=fingerprint_of(key.public_key())
    )
    certificate.verify_directly_issued_by(certificate)
    if certificate.public_key() != key.public_key() or _encode(identity) != content:
        raise ValueError("not the key's certificate, or something else beside it")
    return identity
