"""The known peers and their file."""

import json
from errno import EIO, EMFILE
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer import peers, peers_file
from dynamicrypt.peer.errors import NoSuchPeerError, PeerEntryError, StateFileError
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from tests.logs import lines_of

NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?\Z").filter(peers.is_name)
HOSTS = st.one_of(
    st.from_regex(r"\A[a-z]{1,10}(\.[a-z]{1,10}){0,3}\Z"),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
ADDRESSES = st.builds(Address, HOSTS, st.integers(1, 65535))
FINGERPRINTS = st.binary(min_size=32, max_size=32)
PEERS = st.builds(
    Peer,
    name=NAMES,
    fingerprint=FINGERPRINTS,
    address=st.none() | ADDRESSES,
    allow_classical=st.booleans(),
)
KNOWN = st.lists(
    PEERS, max_size=5, unique_by=(lambda peer: peer.name, lambda peer: peer.fingerprint)
).map(lambda entries: KnownPeers(tuple(entries)))

BERLIN = Peer(name="berlin", fingerprint=bytes(32), address=Address("10.0.0.1", 7000))
PARIS = Peer(name="paris", fingerprint=b"\1" * 32)


class AddressTests(SynchronousTestCase):
    @given(address=ADDRESSES)
    def test_parse_undoes_str(self, address: Address) -> None:
        self.assertEqual(Address.parse(str(address)), address)

    def test_refuses_what_is_no_address(self) -> None:
        for text in (
            "", "host", "host:", ":1", "host:0", "host:65536", "host:+1", "host:1 ", "a b:1",
            "::1:5", "[::1]", "[::1]:", "[10.0.0.1]:5", "[fe80::1%eth0;]:5x", "-a:1", "a..b:1",
            f"{'a' * 64}:1", "höst:1", "host:\u0661",
        ):  # fmt: skip
            self.assertRaises(PeerEntryError, Address.parse, text)

    @given(text=st.text())
    def test_parses_or_refuses_any_text(self, text: str) -> None:
        try:
            Address.parse(text)
        except PeerEntryError:
            return


class KnownPeersTests(SynchronousTestCase):
    def test_are_found_by_name_and_fingerprint(self) -> None:
        known = KnownPeers((BERLIN, PARIS))
        self.assertIs(known.named("paris"), PARIS)
        self.assertIs(known.owner_of(bytes(32)), BERLIN)
        self.assertIsNone(known.owner_of(b"\2" * 32))
        self.assertRaises(NoSuchPeerError, known.named, "rome")

    def test_have_unique_names_and_fingerprints(self) -> None:
        known = KnownPeers((BERLIN,))
        for double in (
            Peer(name="berlin", fingerprint=b"\1" * 32),
            Peer(name="rome", fingerprint=bytes(32)),
        ):
            self.assertRaises(PeerEntryError, known.with_peer, double)
            self.assertRaises(PeerEntryError, KnownPeers, (BERLIN, double))

    def test_are_bounded(self) -> None:
        many = tuple(
            Peer(name=f"p{number}", fingerprint=number.to_bytes(32))
            for number in range(peers.MAX_PEERS + 1)
        )
        self.assertEqual(len(KnownPeers(many[:-1])), peers.MAX_PEERS)
        self.assertRaises(PeerEntryError, KnownPeers, many)

    def test_a_change_leaves_the_value_alone(self) -> None:
        known = KnownPeers((BERLIN,))
        self.assertEqual(list(known.with_peer(PARIS)), [BERLIN, PARIS])
        self.assertEqual(list(known.without("berlin")), [])
        self.assertEqual(list(known), [BERLIN])

    def test_refuse_bad_names(self) -> None:
        for name in ("", "Berlin", "a b", "-a", "a-", "ä", "a" * 64, "a\n", "a/b", "a\tb"):
            self.assertRaises(PeerEntryError, Peer, name=name, fingerprint=bytes(32))

    def test_refuse_bad_fingerprints(self) -> None:
        self.assertRaises(PeerEntryError, Peer, name="a", fingerprint=bytes(31))

    def test_a_pairing_adds_a_stranger(self) -> None:
        known = KnownPeers().met(bytes(32), name="berlin", address=BERLIN.address)
        self.assertEqual(list(known), [BERLIN])

    def test_a_pairing_numbers_a_taken_name(self) -> None:
        known = KnownPeers((BERLIN,)).met(b"\1" * 32, name="berlin", address=None)
        known = known.met(b"\2" * 32, name="berlin", address=None)
        self.assertEqual([peer.name for peer in known], ["berlin", "berlin-2", "berlin-3"])

    def test_a_pairing_numbers_a_long_name(self) -> None:
        known = KnownPeers()
        for number in range(3):
            known = known.met(bytes([number]) * 32, name="a" * 63, address=None)
        self.assertEqual(len(known), 3)

    def test_a_pairing_keeps_a_known_peers_name_and_rights(self) -> None:
        known = KnownPeers((Peer(name="b", fingerprint=bytes(32), allow_classical=True),))
        address = Address("10.0.0.2", 7000)
        moved = known.met(bytes(32), name="other", address=address)
        self.assertEqual(
            list(moved),
            [Peer(name="b", fingerprint=bytes(32), address=address, allow_classical=True)],
        )
        self.assertEqual(moved.met(bytes(32), name="other", address=None), moved)


class CodecTests(SynchronousTestCase):
    @given(known=KNOWN)
    def test_decode_undoes_encode(self, known: KnownPeers) -> None:
        content = peers_file.encode(known)
        self.assertEqual(peers_file.decode(content), known)
        self.assertEqual(peers_file.encode(peers_file.decode(content)), content)

    @given(content=st.binary() | st.text().map(str.encode))
    def test_refuses_what_is_no_peers_file(self, content: bytes) -> None:
        self.assertRaises(PeerEntryError, peers_file.decode, content)

    def test_refuses_every_departure_from_the_format(self) -> None:
        good = peers_file.describe(BERLIN)
        bad: list[Any] = [
            {**good, "name": 1}, {**good, "fingerprint": None}, {**good, "address": 7},
            {**good, "address": "nowhere"}, {**good, "allow_classical": 1},
            {**good, "allow_clasical": True}, {**good, "fingerprint": "abc"},
            {**good, "name": "A"}, {key: good[key] for key in list(good)[:-1]}, [], None, "berlin",
        ]  # fmt: skip
        documents: list[Any] = [{"version": 1, "peers": [entry]} for entry in bad]
        documents += [
            {"version": 1}, {"version": 1, "peers": [], "more": 1}, {"version": 2, "peers": []},
            {"version": True, "peers": []}, {"version": 1.0, "peers": []}, [], 1, None,
            {"version": 1, "peers": {}}, {"version": 1, "peers": [good, good]},
        ]  # fmt: skip
        for document in documents:
            self.assertRaises(PeerEntryError, peers_file.decode, json.dumps(document).encode())

    def test_refuses_double_fields_and_deep_nesting(self) -> None:
        for content in (
            b'{"version": 1, "peers": [], "peers": []}',
            b'{"version": NaN, "peers": []}',
            b"[" * 100_000,
        ):
            self.assertRaises(PeerEntryError, peers_file.decode, content)

    def test_says_which_entry_is_wrong(self) -> None:
        document = {"version": 1, "peers": [peers_file.describe(BERLIN), {}]}
        with self.assertRaises(PeerEntryError) as caught:
            peers_file.decode(json.dumps(document).encode())
        self.assertIn("peer 2: ", str(caught.exception))

    @given(value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["version", "peers", "name", "fingerprint", "address"]), inner
        ),
    ))  # fmt: skip
    def test_decodes_or_refuses_any_document(self, value: Any) -> None:
        try:
            peers_file.decode(json.dumps({"version": 1, "peers": value}).encode())
        except PeerEntryError:
            return


class PeersFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = StateDirectory(Path(self.mktemp()), create=True)
        self.file = PeersFile(self.directory)

    def test_nobody_is_known_at_first(self) -> None:
        self.assertEqual(len(self.file.current()), 0)

    def test_sees_what_another_process_writes(self) -> None:
        self.assertEqual(len(self.file.current()), 0)
        PeersFile(self.directory).update(lambda known: known.with_peer(BERLIN))
        self.assertEqual(list(self.file.current()), [BERLIN])
        PeersFile(self.directory).update(lambda known: known.without("berlin"))
        self.assertEqual(list(self.file.current()), [])

    def test_reads_an_unchanged_file_once(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        self.assertIs(self.file.current(), self.file.current())

    def test_a_failed_change_writes_nothing(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        before = self.directory.version(peers_file.FILE)
        self.assertRaises(NoSuchPeerError, self.file.update, lambda known: known.without("rome"))
        self.assertEqual(self.directory.version(peers_file.FILE), before)

    def test_a_file_that_is_broken_from_the_first_is_an_error(self) -> None:
        self.directory.replace(peers_file.FILE, b"{}")
        for _ in range(2):
            self.assertRaises(StateFileError, self.file.current)
        self.assertRaises(StateFileError, self.file.update, lambda known: known)
        self.directory.replace(peers_file.FILE, peers_file.encode(KnownPeers((PARIS,))))
        self.assertEqual(list(self.file.current()), [PARIS])

    def test_a_mistake_made_later_changes_nothing_and_is_told_once(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        self.file.current()
        good = peers_file.encode(KnownPeers((PARIS,)))
        with capturedLogs() as events:
            for content, told in ((b"{}", 1), (b"{}", 1), (b"[]", 1), (b"", 2)):
                self.directory.replace(peers_file.FILE, content)
                for _ in range(3):
                    self.assertEqual(list(self.file.current()), [BERLIN])
                self.assertEqual(len(lines_of(events, "dynamicrypt.peer.peers_file")), told)
            self.directory.replace(peers_file.FILE, good)
            self.assertEqual(list(self.file.current()), [PARIS])
            self.directory.replace(peers_file.FILE, b"")
            self.assertEqual(list(self.file.current()), [PARIS])
        lines = lines_of(events, "dynamicrypt.peer.peers_file")
        self.assertEqual(len(lines), 3)
        self.assertIn("known still", lines[0])
        self.assertIn(peers_file.FILE, lines[0])

    def test_sees_a_file_that_can_be_read_again(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        self.file.current()
        PeersFile(self.directory).update(lambda known: known.without("berlin"))
        with mock.patch("os.open", side_effect=OSError(EMFILE, "Too many open files")):
            self.assertEqual(list(self.file.current()), [BERLIN])
        self.assertEqual(list(self.file.current()), [])

    def test_sees_that_its_mode_was_mended(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        self.file.current()
        path = self.directory.path / peers_file.FILE
        self.directory.replace(peers_file.FILE, peers_file.encode(KnownPeers()))
        path.chmod(0o644)
        self.assertEqual(list(self.file.current()), [BERLIN])
        path.chmod(0o600)
        self.assertEqual(list(self.file.current()), [])

    def test_a_disk_that_fails_is_a_fault_of_the_file(self) -> None:
        self.file.update(lambda known: known.with_peer(BERLIN))
        self.file.current()
        PeersFile(self.directory).update(lambda known: known.without("berlin"))
        with mock.patch("os.fstat", side_effect=OSError(EIO, "Input/output error")):
            self.assertEqual(list(self.file.current()), [BERLIN])
        self.assertEqual(list(self.file.current()), [])

    def test_reads_a_broken_file_once(self) -> None:
        self.file.current()
        self.directory.replace(peers_file.FILE, b"{}")
        self.file.current()
        with mock.patch.object(StateDirectory, "read") as read:
            self.file.current()
        read.assert_not_called()
