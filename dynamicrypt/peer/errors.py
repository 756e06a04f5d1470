"""What can go wrong between two nodes before and while they trust each other.

Each leaf's docstring is its cause and then its remedy, in words for the person at the terminal.
"""

from __future__ import annotations

from dynamicrypt.errors import DynamiCryptError, LocalError, RemoteError


class StateDirectoryError(LocalError):
    """The state directory cannot be used. Make it a directory of mode 0700, or name another."""

    code = "bad_state_directory"


class ForeignDirectoryError(StateDirectoryError):
    """The state directory is another user's. Run this as that user, by `sudo -u`.

    The directory must stay theirs: a node cannot use one that was given to somebody else.
    """

    code = "foreign_state_directory"


class DirectoryInUseError(StateDirectoryError):
    """A node runs on this state directory. Stop that node, or give this one another directory."""

    code = "state_directory_in_use"


class NoStateDirectoryError(StateDirectoryError):
    """This node has no state directory yet. Create it with `dynamicrypt init`."""

    code = "no_state_directory"


class StateFileError(LocalError):
    """A file in the state directory cannot be used. Repair it, or restore it from a backup."""

    code = "bad_state_file"


class ForeignFileError(StateFileError):
    """A file in the state directory is another user's. Give it to the directory's owner."""

    code = "foreign_state_file"


class OpenFileError(StateFileError):
    """A file in the state directory is open to others. Ask who has read it, then `chmod 600` it."""

    code = "open_state_file"


class StorageError(LocalError):
    """The state directory cannot be written. Make room on its disk, or let its owner write."""

    code = "storage_failed"


class NoIdentityError(LocalError):
    """This node has no identity yet. Create it with `dynamicrypt init`."""

    code = "no_identity"


class IdentityExistsError(LocalError):
    """This node has an identity, and it is never overwritten. Use it, or another directory."""

    code = "identity_exists"


class MistypedError(LocalError, ValueError):
    """The text is not as it was shown. Compare it with the original and type it again."""

    code = "mistyped"


class PeerEntryError(LocalError, ValueError):
    """This cannot be an entry of the known peers. Give a name, a fingerprint and host:port."""

    code = "bad_peer"


class PeerKnownError(PeerEntryError):
    """A peer has this name or fingerprint already. Change it with `peer set` or remove it first."""

    code = "peer_known"


class NoSuchPeerError(LocalError, KeyError):
    """No peer of this name is known. `dynamicrypt peer list` shows those that are."""

    code = "unknown_peer"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class AuthenticationError(RemoteError):
    """The other node is not who it should be. Nothing was sent to it."""

    code = "peer_not_authenticated"


class UnknownPeerError(AuthenticationError):
    """The certificate belongs to no known peer. Pair with `dynamicrypt pair`, or add the peer."""

    code = "peer_unknown"


class CertificateChangedError(AuthenticationError):
    """The certificate is not the one this peer was paired with: someone may stand between you.

    Ask the peer's owner over another way. Only if its identity was really made anew, remove the
    peer and pair again.
    """

    code = "peer_certificate_changed"


class ClassicalGroupError(AuthenticationError):
    """The peer agreed no post-quantum key exchange. Update it, or allow it by --allow-classical."""

    code = "peer_classical"


class RefusedByPeerError(AuthenticationError):
    """The peer does not accept our certificate. Pair the two nodes, or add ours on the peer."""

    code = "refused_by_peer"


class WrongProtocolError(RemoteError):
    """The other end does not speak this protocol. Check the host, the port and both versions."""

    code = "wrong_protocol"


class HandshakeTimeoutError(RemoteError):
    """The other end took the connection and then fell silent. Check the port, or try later."""

    code = "handshake_timeout"


class TooManyConnectionsError(RemoteError):
    """The peer connects too often, or has many connections. Look why it does not keep its link."""

    code = "too_many_connections"


class PeerUnreachableError(DynamiCryptError):
    """No connection could be made. Check the address, the firewall, and that the peer runs."""

    code = "peer_unreachable"


class NobodyWaitsError(PeerUnreachableError):
    """Nobody waits there for a pairing. Run `dynamicrypt pair` there first; type what it shows."""

    code = "nobody_waits"


class NoPairingThereError(WrongProtocolError):
    """This is no port of a pairing. Run `dynamicrypt pair` there; type the port that it shows."""

    code = "no_pairing_there"


class WrongCodeError(AuthenticationError):
    """The code was wrong, or someone stands between the nodes. It is void: make a new one."""

    code = "wrong_code"


class CodeVoidError(AuthenticationError):
    """The code was used before, and each is good for one use. Make a new one on the other host."""

    code = "code_void"


class PairingBrokenError(RemoteError):
    """The other side went away before the pairing was over. Start it again on both hosts."""

    code = "pairing_broken"


class HalfPairedError(RemoteError):
    """It is not certain that the other side finished too. Look there at `dynamicrypt peer list`."""

    code = "half_paired"


class PairingMessageError(RemoteError):
    """The other end sent what is no message of a pairing. Check the port and both versions."""

    code = "bad_pairing_message"


class NobodyPairedError(DynamiCryptError):
    """Nobody came with the code in time. Make a new one, and check address, port and firewall."""

    code = "nobody_paired"


class TooManyCodesError(DynamiCryptError):
    """As many codes were made as an hour may have; more would let others guess. Wait, try again."""

    code = "too_many_codes"


class OwnNodeError(AuthenticationError):
    """The node at the other end is this node itself. Give the address of the other one."""

    code = "own_node"


class PortTakenError(LocalError):
    """The port is taken. Stop what holds it, or choose another; 0 takes a free one."""

    code = "port_taken"


class NotOurAddressError(LocalError):
    """The address cannot be listened on. Name one of this machine's: see `ip address`."""

    code = "not_our_address"


class PortForbiddenError(LocalError):
    """This user may not listen on the port. Choose one above 1023; 0 takes a free one."""

    code = "port_forbidden"
