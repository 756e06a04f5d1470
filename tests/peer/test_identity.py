"""The identity of a node and the state directory that keeps it."""

import os
import pwd
import stat
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.location import default_state_directory
from dynamicrypt.peer import identity, statedir
from dynamicrypt.peer.errors import (
    DirectoryInUseError,
    IdentityExistsError,
    NoIdentityError,
    StateDirectoryError,
    StateFileError,
    StorageError,
)
from dynamicrypt.peer.statedir import StateDirectory


class StateDirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.directory = StateDirectory(self.path, create=True)

    def test_is_for_one_user(self) -> None:
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)

    def test_files_are_for_one_user_whatever_the_umask(self) -> None:
        previous = os.umask(0)
        try:
            self.directory.create("file", b"text")
            self.directory.replace("other", b"text")
        finally:
            os.umask(previous)
        modes = {stat.S_IMODE((self.path / name).stat().st_mode) for name in ("file", "other")}
        self.assertEqual(modes, {0o600})

    def test_refuses_a_directory_that_others_may_enter(self) -> None:
        self.path.chmod(0o750)
        with self.assertRaises(StateDirectoryError) as caught:
            StateDirectory(self.path, create=True)
        self.assertIn("mode 0750", str(caught.exception))

    def test_refuses_what_is_missing_or_no_directory(self) -> None:
        self.directory.create("file", b"")
        for name in ("missing", "file"):
            self.assertRaises(StateDirectoryError, StateDirectory, self.path / name)
        self.assertRaises(StateDirectoryError, StateDirectory, self.path / "file", create=True)

    def test_refuses_the_directory_of_another_user(self) -> None:
        with mock.patch.object(os, "geteuid", return_value=os.geteuid() + 1):
            self.assertRaises(StateDirectoryError, StateDirectory, self.path)
            self.directory.create("file", b"text")
            self.assertRaises(StateFileError, self.directory.read, "file")

    def test_create_never_overwrites(self) -> None:
        self.directory.create("file", b"first")
        self.assertRaises(FileExistsError, self.directory.create, "file", b"second")
        self.assertEqual(self.directory.read("file"), b"first")

    def test_replace_overwrites(self) -> None:
        self.directory.create("file", b"first")
        before = self.directory.version("file")
        self.directory.replace("file", b"later")
        self.assertEqual(self.directory.read("file"), b"later")
        self.assertNotEqual(self.directory.version("file"), before)

    def test_leaves_no_drafts(self) -> None:
        self.directory.create("file", b"first")
        self.assertRaises(FileExistsError, self.directory.create, "file", b"second")
        self.directory.replace("file", b"third")
        self.assertEqual(os.listdir(self.path), ["file"])

    def test_a_full_disk_changes_nothing(self) -> None:
        self.directory.create("file", b"first")
        full = OSError(28, "No space left on device")
        with (
            mock.patch.object(os, "fsync", side_effect=full),
            self.assertRaises(StorageError) as caught,
        ):
            self.directory.replace("file", b"second")
        self.assertIn("no space left", str(caught.exception))
        self.assertEqual(os.listdir(self.path), ["file"])
        self.assertEqual(self.directory.read("file"), b"first")

    def test_what_cannot_be_written_or_locked_is_an_error(self) -> None:
        (self.path / "lock").mkdir()
        (self.path / "running").mkdir()
        with self.assertRaises(StorageError), self.directory.lock():
            pass
        self.assertRaises(StorageError, self.directory.claim)
        self.assertRaises(StorageError, self.directory.remove, "lock")
        self.assertRaises(StorageError, self.directory.replace, "lock", b"")

    def test_one_node_has_it_and_commands_need_not_wait(self) -> None:
        self.directory.claim()
        other = StateDirectory(self.path)
        with self.assertRaises(DirectoryInUseError) as caught:
            other.claim()
        self.assertIn(str(self.path), str(caught.exception))
        with other.lock():
            other.replace("file", b"text")

    def test_removes_what_may_be_missing(self) -> None:
        self.directory.create("file", b"")
        for _ in range(2):
            self.directory.remove("file")
        self.assertFalse((self.path / "file").exists())

    def test_tells_whose_it_is(self) -> None:
        with mock.patch.object(os, "geteuid", return_value=2**31 - 2):
            self.directory.create("file", b"")
            for asked in (lambda: StateDirectory(self.path), lambda: self.directory.read("file")):
                with self.assertRaises((StateDirectoryError, StateFileError)) as caught:
                    asked()
                owner = pwd.getpwuid(self.path.stat().st_uid).pw_name
                self.assertIn(f" belongs to {owner}, and this", str(caught.exception))
                self.assertIn(f" user {2**31 - 2}", str(caught.exception))

    def test_refuses_files_that_are_not_its_own(self) -> None:
        self.directory.create("file", b"text")
        os.symlink("file", self.path / "link")
        os.mkfifo(self.path / "pipe", 0o600)
        (self.path / "folder").mkdir()
        self.directory.create("open", b"text")
        (self.path / "open").chmod(0o640)
        for name in ("link", "pipe", "folder", "open"):
            self.assertRaises(StateFileError, self.directory.read, name)

    def test_refuses_large_files(self) -> None:
        self.directory.create("file", bytes(statedir.MAX_FILE))
        self.assertEqual(len(self.directory.read("file")), statedir.MAX_FILE)
        self.directory.replace("file", bytes(statedir.MAX_FILE + 1))
        self.assertRaises(StateFileError, self.directory.read, "file")

    def test_a_missing_file_is_no_fault(self) -> None:
        self.assertRaises(FileNotFoundError, self.directory.read, "file")
        self.assertIsNone(self.directory.version("file"))

    def test_the_default_follows_the_environment(self) -> None:
        places = {"XDG_STATE_HOME": "/xdg"}
        self.assertEqual(default_state_directory(places), Path("/xdg/dynamicrypt"))
        places["STATE_DIRECTORY"] = "/systemd"
        self.assertEqual(default_state_directory(places), Path("/systemd"))
        places["DYNAMICRYPT_STATE_DIR"] = "/own"
        self.assertEqual(default_state_directory(places), Path("/own"))
        home = default_state_directory({})
        self.assertEqual(home, Path.home() / ".local/state/dynamicrypt")


class IdentityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.directory = StateDirectory(self.path, create=True)

    def test_load_gives_what_create_made(self) -> None:
        made = identity.create(self.directory)
        loaded = identity.load(self.directory)
        self.assertEqual(loaded.fingerprint, made.fingerprint)
        self.assertEqual(loaded.certificate, made.certificate)

    def test_every_node_has_its_own(self) -> None:
        self.assertNotEqual(identity.generate().fingerprint, identity.generate().fingerprint)

    def test_the_certificate_says_nothing_but_the_key(self) -> None:
        one, other = (identity.generate().certificate for _ in range(2))
        self.assertEqual(list(one.subject), [])
        self.assertEqual(list(one.issuer), [])
        self.assertEqual(list(one.extensions), [])
        self.assertEqual(one.serial_number, other.serial_number)
        self.assertEqual(one.not_valid_before_utc, other.not_valid_before_utc)

    def test_is_made_once(self) -> None:
        made = identity.load_or_create(self.directory)
        self.assertEqual(identity.load_or_create(self.directory).fingerprint, made.fingerprint)

    def test_two_processes_that_race_get_one(self) -> None:
        made = identity.create(self.directory)
        outcomes = [NoIdentityError(), identity.load(self.directory)]
        with mock.patch.object(identity, "load", side_effect=outcomes):
            self.assertEqual(identity.load_or_create(self.directory).fingerprint, made.fingerprint)

    def test_is_never_overwritten(self) -> None:
        (self.path / identity.FILE).write_bytes(b"")
        self.assertRaises(IdentityExistsError, identity.create, self.directory)
        self.assertEqual((self.path / identity.FILE).read_bytes(), b"")

    def test_a_missing_one_is_told_from_a_broken_one(self) -> None:
        self.assertRaises(NoIdentityError, identity.load, self.directory)
        self.directory.create(identity.FILE, b"")
        self.assertRaises(StateFileError, identity.load, self.directory)

    def test_a_file_that_others_can_read_is_refused(self) -> None:
        identity.create(self.directory)
        (self.path / identity.FILE).chmod(0o644)
        with self.assertRaises(StateFileError) as caught:
            identity.load(self.directory)
        self.assertIn("open to others, mode 0644", str(caught.exception))

    def test_refuses_a_foreign_certificate(self) -> None:
        mine, other = identity.generate(), identity.generate()
        self.write(self.pem(mine) + other.certificate.public_bytes(Encoding.PEM))
        self.assertRaises(StateFileError, identity.load, self.directory)

    def test_refuses_another_kind_of_key(self) -> None:
        key = generate_private_key(SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.write(pem + identity.generate().certificate.public_bytes(Encoding.PEM))
        self.assertRaises(StateFileError, identity.load, self.directory)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_refuses_every_damaged_file_without_quoting_it(self, data: st.DataObject) -> None:
        content = bytearray(self.content())
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] ^= data.draw(st.integers(1, 255))
        else:
            del content[place:]
        self.write(bytes(content))
        with self.assertRaises(StateFileError) as caught:
            identity.load(self.directory)
        self.assertTrue(str(caught.exception).endswith("does not hold exactly one identity"))
        self.assertTrue(caught.exception.__suppress_context__)

    def test_the_key_is_not_in_the_repr(self) -> None:
        self.assertNotIn("key", repr(identity.generate()))

    def content(self) -> bytes:
        node = identity.generate()
        return self.pem(node) + node.certificate.public_bytes(Encoding.PEM)

    def pem(self, node: identity.Identity) -> bytes:
        return node.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, content: bytes) -> None:
        self.directory.replace(identity.FILE, content)

    def test_the_file_is_one_that_other_tools_read(self) -> None:
        made = identity.create(self.directory)
        content = (self.path / identity.FILE).read_bytes()
        self.assertEqual(load_pem_x509_certificate(content), made.certificate)
