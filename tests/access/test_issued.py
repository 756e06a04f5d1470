"""Tokens of applications: issued, used, revoked, and never kept themselves."""

import json
import stat
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.access.issued import ISSUED_FILE, REREAD, TokenFile, load_tokens
from dynamicrypt.access.tokens import Scope, Token, credential_of
from dynamicrypt.errors import ParameterError, TokenFileError, UnauthorisedError
from dynamicrypt.peer.errors import StateFileError
from dynamicrypt.peer.statedir import StateDirectory


def unreadable(name: str) -> bytes:
    raise StateFileError(f"{name}: too many open files")


class IssuedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = StateDirectory(Path(self.mktemp()), create=True)
        self.path = self.state.path / ISSUED_FILE
        self.file = TokenFile(self.state)
        self.clock = Clock()
        self.tokens = load_tokens(self.state, self.clock.seconds)

    def holder(self, token: str) -> Token:
        return self.tokens.holder(credential_of([b"Bearer " + token.encode()]))


class IssueTests(IssuedCase):
    def test_a_token_is_known_within_a_second(self) -> None:
        token = self.file.issue("mail", [Scope.ENCRYPT, Scope.DECRYPT], rate=50)
        self.clock.advance(REREAD)
        holder = self.holder(token)
        self.assertEqual((holder.id, holder.rate), ("app:mail", 50))
        self.assertEqual(holder.scopes, {Scope.ENCRYPT, Scope.DECRYPT})

    def test_it_is_kept_hashed_in_a_file_of_the_owner(self) -> None:
        token = self.file.issue("mail", [Scope.ENCRYPT])
        self.assertNotIn(token, self.path.read_text())
        self.assertNotIn(token[4:], self.path.read_text())
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_tokens_of_one_application_hold_side_by_side(self) -> None:
        old, new = (self.file.issue("mail", [Scope.ENCRYPT]) for _ in range(2))
        self.clock.advance(REREAD)
        self.assertEqual(self.holder(old).id, self.holder(new).id)
        self.assertEqual(self.file.revoke("mail", keep_newest=True), 1)
        self.clock.advance(REREAD)
        self.assertRaises(UnauthorisedError, self.holder, old)
        self.assertEqual(self.holder(new).id, "app:mail")

    def test_a_revoked_token_is_no_good_within_a_second(self) -> None:
        token, other = (self.file.issue(app, [Scope.ADMIN]) for app in ("mail", "web"))
        self.clock.advance(REREAD)
        self.holder(token)
        self.assertEqual(self.file.revoke("mail"), 1)
        self.clock.advance(REREAD)
        self.assertRaises(UnauthorisedError, self.holder, token)
        self.assertEqual(self.holder(other).id, "app:web")
        self.assertEqual(self.file.revoke("mail"), 0)

    def test_what_is_out_of_range_is_refused(self) -> None:
        for app in ("", "A", "-x", "a b", "a" * 65, "ä"):
            self.assertRaises(ParameterError, self.file.issue, app, [Scope.ADMIN])
        self.assertRaises(ParameterError, self.file.issue, "mail", [])
        for rate in (0, -1, 1_000_001):
            self.assertRaises(ParameterError, self.file.issue, "mail", [Scope.ADMIN], rate=rate)
        self.assertFalse(self.path.exists())


class FileTests(IssuedCase):
    def broken(self) -> list[str]:
        self.file.issue("mail", [Scope.ADMIN])
        whole = json.loads(self.path.read_text())
        (entry,) = whole["tokens"]
        changes: tuple[dict[str, object], ...] = (
            {"app": "A"},
            {"app": 1},
            {"sha256": "xx"},
            {"sha256": "0" * 63},
            {"sha256": None},
            {"scopes": []},
            {"scopes": ["all"]},
            {"scopes": "admin"},
            {"rate": 0},
            {"rate": True},
            {"extra": 1},
        )
        entries = [{**entry, **change} for change in changes]
        documents: list[object] = [{**whole, "tokens": [each]} for each in entries]
        documents += [{"tokens": []}, {**whole, "version": 2}, {**whole, "tokens": {}}, [], None]
        return ["", "{", "[" * 100_000, *map(json.dumps, documents)]

    def test_a_broken_file_is_refused_at_the_start(self) -> None:
        for text in self.broken():
            self.path.write_text(text)
            self.assertRaises(TokenFileError, load_tokens, self.state, self.clock.seconds)

    def test_a_file_that_breaks_opens_no_door_and_is_told_once(self) -> None:
        token = self.file.issue("mail", [Scope.ADMIN])
        self.clock.advance(REREAD)
        self.holder(token)
        good = self.path.read_text()
        with capturedLogs() as logs:
            self.path.write_text("{")
            for _ in range(3):
                self.clock.advance(REREAD)
                self.assertRaises(UnauthorisedError, self.holder, token)
        self.assertEqual(len(logs), 1)
        self.path.write_text(good)
        self.clock.advance(REREAD)
        self.assertEqual(self.holder(token).id, "app:mail")

    def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(self) -> None:
        token = self.file.issue("mail", [Scope.ADMIN])
        with capturedLogs() as logs:
            patch = self.patch(self.state, "read", unreadable)
            for _ in range(3):
                self.clock.advance(REREAD)
                self.assertRaises(UnauthorisedError, self.holder, token)
            patch.restore()
            self.clock.advance(REREAD)
            self.assertEqual(self.holder(token).id, "app:mail")
        self.assertEqual(len(logs), 1)

    def test_a_file_that_others_may_read_opens_no_door(self) -> None:
        token = self.file.issue("mail", [Scope.ADMIN])
        self.path.chmod(0o644)
        self.clock.advance(REREAD)
        with capturedLogs():
            self.assertRaises(UnauthorisedError, self.holder, token)
