"""The file of services that outlive the process."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.node.registry import (
    FILE,
    SavedChannel,
    SavedService,
    ServicesFile,
    decode,
    encode,
)
from dynamicrypt.peer.errors import StateFileError
from dynamicrypt.peer.statedir import StateDirectory

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
services = st.lists(
    st.builds(
        SavedService,
        name=texts,
        owner=texts,
        channels=st.lists(
            st.builds(SavedChannel, partner=texts, peer=st.binary(min_size=32, max_size=32)),
            max_size=3,
        ).map(tuple),
    ),
    max_size=3,
)
GOOD = {"name": "s", "owner": "o", "channels": []}

BROKEN: dict[str, object] = {
    "no object": [],
    "another version": {"version": 2, "services": []},
    "no services": {"version": 1},
    "more than there is": {"version": 1, "services": [], "keys": []},
    "services of another type": {"version": 1, "services": 3},
    "a service that is a text": {"version": 1, "services": ["s"]},
    "a name that is a number": {"version": 1, "services": [GOOD | {"name": 1}]},
    "a service with more": {"version": 1, "services": [GOOD | {"key": "k"}]},
    "channels that are a number": {"version": 1, "services": [GOOD | {"channels": 1}]},
    "a channel without a peer": {
        "version": 1,
        "services": [GOOD | {"channels": [{"partner": "p"}]}],
    },
    "a peer that is none": {
        "version": 1,
        "services": [GOOD | {"channels": [{"partner": "p", "peer": "x"}]}],
    },
}


class RegistryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = StateDirectory(Path(self.mktemp()), create=True)
        self.file = ServicesFile(self.directory)

    @given(services)
    def test_decodes_what_it_encodes(self, saved: list[SavedService]) -> None:
        self.assertEqual(decode(encode(saved)), saved)

    def test_missing_file_is_no_services(self) -> None:
        self.assertEqual(self.file.load(), [])

    def test_loads_what_was_saved(self) -> None:
        saved = [
            SavedService(
                name="shop",
                owner="owner",
                channels=(SavedChannel(partner="bank", peer=bytes(range(32))),),
            )
        ]
        self.file.save(saved)
        self.assertEqual(self.file.load(), saved)
        self.assertEqual((self.directory.path / FILE).stat().st_mode & 0o777, 0o600)

    def test_refuses_what_is_not_just_that(self) -> None:
        for what, document in BROKEN.items():
            with self.subTest(what):
                self.directory.replace(FILE, json.dumps(document).encode())
                self.assertRaises(StateFileError, self.file.load)

    def test_refuses_what_is_no_json(self) -> None:
        for content in (b"", b"\xff", b"[" * 100_000, b"{"):
            self.directory.replace(FILE, content)
            self.assertRaises(StateFileError, self.file.load)
