import os
import stat
from pathlib import Path
from threading import Barrier, Thread
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.access.tokens import OWNER, Token, Tokens, credential_of, load_owner
from dynamicrypt.errors import TokenFileError, UnauthorisedError
from dynamicrypt.location import TOKEN_FILE
from dynamicrypt.peer.errors import StateFileError, StorageError
from dynamicrypt.peer.statedir import StateDirectory


def load_tokens(state: StateDirectory) -> Tokens:
    return Tokens([load_owner(state)])


def holder(tokens: Tokens, authorization: list[bytes] | None) -> Token:
    return tokens.holder(credential_of(authorization))


class TokenFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = StateDirectory(Path(self.mktemp()), create=True)
        self.file = self.state.path / TOKEN_FILE

    def token(self) -> bytes:
        return self.file.read_bytes().removesuffix(b"\n")

    def holder(self, tokens: Tokens) -> str:
        return tokens.holder(credential_of([b"Bearer " + self.token()])).id

    def test_first_start_writes_a_token_of_256_bits_for_its_owner_alone(self) -> None:
        tokens = load_tokens(self.state)
        self.assertRegex(self.file.read_text(), r"\Adct_[A-Za-z0-9_-]{43}\n\Z")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(self.holder(tokens), OWNER)

    def test_the_mode_does_not_depend_on_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        load_tokens(self.state)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_leaves_no_other_file(self) -> None:
        load_tokens(self.state)
        self.assertEqual(os.listdir(self.state.path), [TOKEN_FILE])

    def test_later_starts_keep_it(self) -> None:
        load_tokens(self.state)
        token = self.token()
        self.assertEqual(holder(load_tokens(self.state), [b"Bearer " + token]).id, OWNER)
        self.assertEqual(self.token(), token)

    def test_two_directories_have_different_tokens(self) -> None:
        load_tokens(self.state)
        other = StateDirectory(Path(self.mktemp()), create=True)
        tokens = load_tokens(other)
        self.assertRaises(UnauthorisedError, self.holder, tokens)

    def test_starts_at_the_same_time_share_one_token(self) -> None:
        start, loaded = Barrier(8), []

        def load() -> None:
            start.wait()
            loaded.append(load_tokens(self.state))

        threads = [Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([self.holder(tokens) for tokens in loaded], [OWNER] * 8)

    def test_refuses_a_file_that_others_may_read_or_write(self) -> None:
        load_tokens(self.state)
        for mode in (0o640, 0o604, 0o620, 0o602, 0o666, 0o610):
            self.file.chmod(mode)
            error = self.assertRaises(StateFileError, load_tokens, self.state)
            self.assertIn(f"{mode:04o}", str(error))

    def test_refuses_a_link_a_directory_and_a_pipe(self) -> None:
        load_tokens(self.state)
        target = self.file.rename(self.state.path / "elsewhere")
        self.file.symlink_to(target)
        self.assertRaises(StateFileError, load_tokens, self.state)
        self.file.unlink()
        self.file.symlink_to(self.state.path / "missing")
        self.assertRaises(StateFileError, load_tokens, self.state)
        self.file.unlink()
        self.file.mkdir(mode=0o700)
        self.assertRaises(StateFileError, load_tokens, self.state)
        self.file.rmdir()
        os.mkfifo(self.file, 0o600)
        self.assertRaises(StateFileError, load_tokens, self.state)

    def test_refuses_a_file_that_holds_no_whole_token(self) -> None:
        load_tokens(self.state)
        token = self.token()
        for text in (b"", b"\n", token[:-1], token + b"\n\n", token + b"x", b" " + token, b"\xff"):
            self.file.write_bytes(text)
            error = self.assertRaises(TokenFileError, load_tokens, self.state)
            self.assertNotIn(token[4:20].decode(), str(error))

    def test_a_crash_while_writing_leaves_nothing_that_counts(self) -> None:
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(StorageError, load_tokens, self.state)
        self.assertEqual(os.listdir(self.state.path), [])
        self.assertEqual(self.holder(load_tokens(self.state)), OWNER)


class HolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        state = StateDirectory(Path(self.mktemp()), create=True)
        self.tokens = load_tokens(state)
        self.token = (state.path / TOKEN_FILE).read_bytes().removesuffix(b"\n")

    def test_the_scheme_has_no_case_and_spaces_may_follow(self) -> None:
        for form in (b"Bearer %b", b"bearer %b", b"BEARER  %b", b"Bearer %b "):
            self.assertEqual(holder(self.tokens, [form % self.token]).id, OWNER)

    def test_all_else_is_unauthorised(self) -> None:
        token = self.token
        for headers in (
            None,
            [],
            [b""],
            [b"Bearer"],
            [b"Bearer "],
            [token],
            [b"Basic " + token],
            [b"Bearer" + token],
            [b"Bearer " + token[:-1]],
            [b"Bearer " + token + b"A"],
            [b"Bearer " + token.swapcase()],
            [b"Bearer " + token + b", " + token],
            [b"Bearer " + token + b"\xff"],
            [b"Bearer " + token, b"Bearer " + token],
        ):
            self.assertRaises(UnauthorisedError, holder, self.tokens, headers)

    @given(st.lists(st.binary(max_size=80), max_size=2))
    def test_no_other_bytes_open(self, headers: list[bytes]) -> None:
        self.assertRaises(UnauthorisedError, holder, self.tokens, headers)
        guesses = [b"Bearer " + header for header in headers]
        self.assertRaises(UnauthorisedError, holder, self.tokens, guesses)

    def test_the_token_itself_is_not_kept(self) -> None:
        self.assertNotIn(self.token.decode(), repr(vars(self.tokens)))
