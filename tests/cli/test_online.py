"""The commands that ask a running service: status, service, channel, key, events, token."""

import os
import stat
from pathlib import Path
from unittest import mock

from dynamicrypt.cli.speech import Exit
from dynamicrypt.peer import fingerprint
from tests.cli.shell import Said, Shell
from tests.client.local import LocalCase
from tests.endtoend.service import ServiceTestCase, eventually


class OnlineTests(LocalCase):
    def setUp(self) -> None:
        super().setUp()
        self.shell = Shell(self.running.state)

    def ok(self, *words: str, stdin: bytes = b"") -> Said:
        said = self.shell.run(*words, stdin=stdin)
        self.assertEqual((said.status, said.err), (Exit.OK, ""))
        return said

    def assertFails(self, said: Said, status: Exit, words: str) -> None:
        self.assertEqual((said.status, said.raw), (status, b""), said.err)
        self.assertRegex(said.err, rf"\Adynamicrypt: error: .*{words}.*\ndynamicrypt: hint: .*\n\Z")

    def test_services_are_added_listed_and_removed(self) -> None:
        self.assertEqual(self.ok("service", "add", "carol").out, "added carol\n")
        again = self.ok("service", "add", "carol").out
        self.assertEqual(again, "carol exists already; it was left as it is\n")
        self.assertFalse(self.ok("service", "add", "carol", "--json").data["created"])
        self.assertEqual(self.ok("service", "list").out, "alice\nbob\ncarol\n")
        self.ok("service", "remove", "carol")
        self.assertEqual(self.ok("service", "list", "--json").data, ["alice", "bob"])
        self.assertFails(self.shell.run("service", "remove", "carol"), Exit.FAILED, "carol|service")

    def test_an_administrator_sees_and_removes_services_of_others(self) -> None:
        words = ("token", "add", "mail", "--scope", "encrypt", "--json")
        token = self.ok(*words).data["token"]
        add = ("service", "add", "post")
        self.assertTrue(eventually(lambda: self.as_application(token, *add).status == Exit.OK))
        text = self.ok("service", "list", "--any-owner").out
        self.assertRegex(text, r"(?m)^alice +owner +bob \((up|resting)\)$")
        self.assertRegex(text, r"(?m)^post +app:mail$")
        self.assertEqual(self.ok("service", "list").out, "alice\nbob\n")
        refused = self.as_application(token, "service", "remove", "--any-owner", "alice")
        self.assertFails(refused, Exit.AUTHENTICATION, "scope admin")
        self.ok("service", "remove", "--any-owner", "post")
        listed = self.ok("service", "list", "--any-owner", "--json").data
        self.assertEqual([each["name"] for each in listed], ["alice", "bob"])

    def test_channels_are_opened_watched_and_closed(self) -> None:
        own = self.ok("fingerprint").out.strip()
        self.ok("service", "add", "carol")
        opened = self.ok("channel", "open", "carol", "alice", own)
        self.assertEqual(opened.out, "opened carol/alice\n")
        opened = self.ok("channel", "open", "carol", "alice", own)
        self.assertEqual(opened.out, "carol/alice is open already\n")
        shown = self.ok("channel", "show", "carol", "alice").out
        self.assertRegex(shown, rf"(?m)^peer +this node\nfingerprint +{own}$")
        waited = self.shell.run("channel", "wait", "carol", "alice", "--wait", "0")
        self.assertFails(waited, Exit.UNAVAILABLE, "no key is ready; the channel is opening")
        self.ok("channel", "open", "alice", "carol", own)
        self.assertGreater(
            self.ok("channel", "wait", "carol", "alice", "--json").data["keys"]["free"], 0
        )
        self.assertRegex(self.ok("channel", "list").out, r"(?m)^carol +alice +(up|resting) ")
        listed = self.ok("channel", "list", "alice", "--json").data
        self.assertEqual([each["partner"] for each in listed], ["bob", "carol"])
        self.ok("channel", "stop", "carol", "alice")
        self.assertRegex(self.ok("channel", "show", "carol", "alice").out, r"(?m)^state +stopped")
        self.ok("channel", "close", "alice", "carol")
        self.ok("channel", "open", "alice", "carol", own)
        self.ok("channel", "stop", "alice", "carol")
        waited = self.shell.run("channel", "wait", "alice", "carol")
        self.assertFails(waited, Exit.UNAVAILABLE, "the channel is stopped: the application has")
        self.ok("channel", "start", "carol", "alice")
        self.ok("channel", "close", "carol", "alice")
        gone = self.shell.run("channel", "show", "carol", "alice")
        self.assertFails(gone, Exit.FAILED, "no channel")
        self.assertFails(
            self.shell.run("channel", "open", "carol", "x", "nobody"), Exit.FAILED, "peer"
        )

    def test_both_sides_take_a_key_once(self) -> None:
        taken = self.ok("key", "next", "alice", "bob", "--json").data
        text = self.ok("key", "get", "bob", "alice", taken["key_id"]).out
        self.assertEqual(text, f"key_id  {taken['key_id']}\nkey     {taken['key']}\n")
        again = self.shell.run("key", "get", "bob", "alice", taken["key_id"])
        self.assertFails(again, Exit.BAD_CIPHERTEXT, "handed out before")

    def test_events_are_printed_one_a_line(self) -> None:
        lines = self.ok("events", "--after", "0-0", "--count", "3").out.splitlines()
        self.assertRegex(lines[0], r"\A\d\d:\d\d:\d\d  gap")
        self.assertRegex(lines[1], r"  channel-up +(alice/bob|bob/alice)\Z")
        data = self.ok("events", "--after", "0-0", "--count", "1", "--json").data
        self.assertEqual(data, {"id": "0-0", "event": "gap", "data": {}})

    def test_status_shows_peers_and_channels(self) -> None:
        self.ok("peer", "add", "berlin", "00" * 32)
        text = self.ok("status").out
        self.assertRegex(text, r"(?m)^running +yes$")
        self.assertRegex(text, r"(?m)^berlin +down +- +- +0 ")
        self.assertRegex(text, r"(?m)^alice +bob +(up|resting) +\d+ ")
        data = self.ok("status", "--json").data
        self.assertEqual((data["running"], data["profile"]), (True, "fast"))
        self.assertEqual([each["name"] for each in data["peers"]], ["berlin"])
        self.assertEqual([each["service"] for each in data["channels"]], ["alice", "bob"])

    def test_a_channel_is_shown_with_the_name_of_its_peer(self) -> None:
        own = self.ok("fingerprint").out.strip()
        paris = fingerprint.show(bytes(32))
        self.ok("peer", "add", "paris", paris)
        self.ok("channel", "open", "alice", "carol", "paris")
        data = self.ok("channel", "show", "alice", "carol", "--json").data
        self.assertEqual((data["peer"], data["peer_name"]), (paris, "paris"))
        self.ok("peer", "remove", "paris")
        shown = self.ok("channel", "show", "alice", "carol").out
        self.assertRegex(shown, rf"(?m)^peer +known no more\nfingerprint +{paris}$")
        self.assertNotIn(own, shown)

    def test_who_has_no_channel_hears_that_others_have(self) -> None:
        words = ("token", "add", "mail", "--scope", "encrypt", "--scope", "admin", "--json")
        token = self.ok(*words).data["token"]
        self.assertTrue(eventually(lambda: self.as_application(token, "status").status == 0))
        said = self.as_application(token, "status").out
        self.assertIn("no channels of this caller, but 2 of others.", said)
        self.assertIn("`dynamicrypt service list --any-owner`", said)
        for name in ("alice", "bob"):
            self.ok("service", "remove", name)
        self.assertTrue(self.ok("status").out.endswith("\n\nno channels\n"))

    def test_an_application_does_what_its_token_says(self) -> None:
        path = self.running.state / "shop.token"
        words = ("token", "add", "shop", "--scope", "encrypt", "--output", str(path))
        self.assertNotIn("dct_", self.ok(*words).out)
        token = path.read_text().strip()
        self.assertTrue(eventually(lambda: self.as_application(token, "service", "list").out != ""))
        self.assertEqual(self.as_application(token, "service", "list").out, "no services\n")
        refused = self.as_application(token, "key", "next", "alice", "bob")
        self.assertFails(refused, Exit.AUTHENTICATION, "scope key:read")
        self.assertEqual(self.ok("token", "revoke", "shop", "--json").data["revoked"], 1)
        self.assertTrue(eventually(lambda: not self.as_application(token, "service", "list").out))
        refused = self.as_application(token, "service", "list")
        self.assertFails(refused, Exit.AUTHENTICATION, "no valid token")

    def as_application(self, token: str, *words: str) -> Said:
        with mock.patch.dict(os.environ, DYNAMICRYPT_TOKEN=token):
            return self.shell.run(*words)

    def test_the_service_can_be_named_by_its_url(self) -> None:
        url = f"http://localhost:{self.running.api_port}"
        token = (self.running.state / "token").read_text().strip()
        with mock.patch.dict(os.environ, DYNAMICRYPT_TOKEN=token, DYNAMICRYPT_STATE_DIR="nowhere"):
            self.assertEqual(self.shell.plain("service", "list", "--url", url).out, "alice\nbob\n")
            self.assertEqual(self.shell.plain("status", "--url", url).status, Exit.OK)
            os.environ["DYNAMICRYPT_URL"] = url
            self.assertEqual(self.shell.plain("service", "list").out, "alice\nbob\n")
            self.assertEqual(self.shell.plain("status").status, Exit.OK)


class OfflineTests(ServiceTestCase):
    def setUp(self) -> None:
        self.shell = Shell(self.state())
        self.shell.run("init")

    def test_no_service_is_unavailable(self) -> None:
        for words in (
            ("service", "list"),
            ("channel", "list"),
            ("encrypt", "a", "b"),
            ("events",),
            ("key", "next", "a", "b"),
        ):
            said = self.shell.run(*words)
            self.assertEqual((said.status, said.out), (Exit.UNAVAILABLE, ""))
            self.assertEqual(
                said.err,
                f"dynamicrypt: error: no service runs on {self.shell.state}\n"
                "dynamicrypt: hint: start it with `twistd dynamicrypt`, or set DYNAMICRYPT_URL.\n",
            )

    def test_status_of_a_node_that_does_not_run_is_what_its_files_say(self) -> None:
        self.shell.run("peer", "add", "berlin", "00" * 32)
        said = self.shell.run("status", "--json")
        self.assertEqual(said.status, Exit.UNAVAILABLE)
        self.assertEqual(
            (said.data["running"], [each["name"] for each in said.data["peers"]]),
            (False, ["berlin"]),
        )
        text = self.shell.run("status")
        self.assertRegex(text.out, r"(?m)^running +no$")
        self.assertRegex(text.out, r"(?m)^peers +1$")
        self.assertIn("no service runs", text.err)

    def test_a_url_of_another_machine_is_refused(self) -> None:
        said = self.shell.run("service", "list", "--url", "http://192.0.2.1:9081")
        self.assertEqual((said.status, said.out), (Exit.USAGE, ""))
        self.assertIn("not one of this machine", said.err)

    def test_tokens_are_issued_listed_and_revoked(self) -> None:
        issued = self.shell.run("token", "add", "shop", "--scope", "encrypt", "--scope", "key:read")
        self.assertRegex(issued.out, r"\Adct_[\w-]{43}\n\Z")
        self.shell.run("token", "add", "shop", "--scope", "admin", "--rate", "5")
        listed = self.shell.run("token", "list", "--json")
        self.assertNotIn("dct_", listed.out)
        self.assertEqual(
            [(each["application"], each["scopes"], each["rate"]) for each in listed.data],
            [("shop", ["encrypt", "key:read"], None), ("shop", ["admin"], 5)],
        )
        self.assertRegex(self.shell.run("token", "list").out, r"(?m)^shop +encrypt,key:read +- +")
        revoked = self.shell.run("token", "revoke", "shop", "--keep-newest")
        self.assertEqual(revoked.out, "revoked 1\n")
        self.shell.run("token", "revoke", "shop")
        self.assertEqual(self.shell.run("token", "list").out, "no tokens\n")
        self.assertIn("no token", self.shell.run("token", "revoke", "shop").err)

    def test_a_tokens_file_is_its_owners_unless_the_person_says_more(self) -> None:
        for more, mode in (((), 0o600), (("--group-readable",), 0o640)):
            path = self.shell.state / f"file{len(more)}"
            words = ("token", "add", "shop", "--scope", "decrypt", "-o", str(path), *more)
            self.assertEqual(self.shell.run(*words).out, f"wrote {path}\n")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode)
            self.assertEqual(self.shell.run(*words).status, Exit.FAILED)
        self.assertEqual(len(self.shell.run("token", "list", "--json").data), 2)

    def test_a_token_that_cannot_be_issued_leaves_no_file(self) -> None:
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        said = self.shell.run("token", "add", "No Name", "--scope", "admin", "-o", str(path))
        self.assertEqual(said.status, Exit.USAGE)
        self.assertFalse(path.exists())
        for words in (("shop",), ("shop", "--scope", "all"), ("shop", "--group-readable")):
            self.assertEqual(self.shell.run("token", "add", *words).status, Exit.USAGE)
