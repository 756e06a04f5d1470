"""`dynamicrypt peer`."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.cli.speech import Exit
from dynamicrypt.peer import fingerprint, peers_file
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from tests.cli.shell import Shell

BERLIN = fingerprint.show(bytes(range(32)))
PARIS = fingerprint.show(bytes(32))


class PeerCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shell = Shell(Path(self.mktemp()))
        self.shell.run("init")

    def add(self) -> None:
        said = self.shell.run("peer", "add", "berlin", BERLIN, "berlin.example:9082")
        self.assertEqual((said.out, said.err, said.status), ("added berlin\n", "", 0))

    def test_adds_a_peer_that_a_running_daemon_sees(self) -> None:
        daemon = PeersFile(StateDirectory(self.shell.state))
        self.assertEqual(len(daemon.current()), 0)
        self.add()
        (peer,) = daemon.current()
        self.assertEqual(peer.fingerprint, bytes(range(32)))
        self.assertEqual(str(peer.address), "berlin.example:9082")
        self.assertFalse(peer.allow_classical)

    def test_takes_the_fingerprint_as_it_was_typed(self) -> None:
        typed = BERLIN.upper().replace("-", " ").replace("0", "O")
        self.assertEqual(self.shell.run("peer", "add", "berlin", typed).status, 0)

    def test_lists_peers_by_name(self) -> None:
        self.assertEqual(self.shell.run("peer", "list").out, "no peers\n")
        self.shell.run("peer", "add", "paris", PARIS, "--allow-classical")
        self.add()
        self.assertEqual(
            self.shell.run("peer", "list").out,
            "NAME    ADDRESS              CLASSICAL  FINGERPRINT\n"
            f"berlin  berlin.example:9082  refused    {BERLIN}\n"
            f"paris   -                    allowed    {PARIS}\n",
        )
        self.assertEqual(
            self.shell.run("peer", "list", "--json").data[1],
            {"name": "paris", "fingerprint": PARIS, "address": None, "allow_classical": True},
        )

    def test_removes_a_peer(self) -> None:
        self.add()
        self.assertEqual(self.shell.run("peer", "remove", "berlin").out, "removed berlin\n")
        self.assertEqual(self.shell.run("peer", "list", "--json").data, [])

    def test_changes_a_peer(self) -> None:
        self.add()
        said = self.shell.run(
            "peer", "set", "berlin", "--name", "b", "--address", "[::1]:5", "--allow-classical"
        )
        self.assertEqual(said.out, "changed b\n")
        self.assertEqual(
            self.shell.run("peer", "list", "--json").data,
            [{"name": "b", "fingerprint": BERLIN, "address": "[::1]:5", "allow_classical": True}],
        )
        self.shell.run("peer", "set", "b", "--no-address", "--refuse-classical")
        (entry,) = self.shell.run("peer", "list", "--json").data
        self.assertEqual((entry["address"], entry["allow_classical"]), (None, False))

    def test_a_double_is_told_from_what_cannot_be_a_peer(self) -> None:
        self.add()
        for words, why in (
            (("berlin", PARIS), "error: a peer is called 'berlin' already\n"),
            (("other", BERLIN), "error: this fingerprint is that of the peer 'berlin'\n"),
        ):
            said = self.shell.run("peer", "add", *words)
            self.assertEqual(said.status, Exit.USAGE)
            self.assertIn(why, said.err)
            self.assertIn("hint: change it with `peer set`", said.err)

    def test_refuses_what_cannot_be_a_peer(self) -> None:
        self.add()
        own = self.shell.run("fingerprint").out.strip()
        for words in (
            ["berlin", PARIS],
            ["other", BERLIN],
            ["self", own],
            ["Bad Name", PARIS],
            ["other", PARIS[:-1]],
            ["other", PARIS, "nowhere"],
        ):
            said = self.shell.run("peer", "add", *words)
            self.assertEqual((said.out, said.status), ("", Exit.USAGE))
            self.assertRegex(said.err, r"\Adynamicrypt: error: .*\ndynamicrypt: hint: .*\n\Z")
        self.assertEqual(len(self.shell.run("peer", "list", "--json").data), 1)

    def test_says_which_groups_are_mistyped(self) -> None:
        said = self.shell.run("peer", "add", "berlin", f"1{BERLIN[1:]}")
        self.assertIn("error: group 1 or 2 is mistyped", said.err)

    def test_an_unknown_name_is_an_error(self) -> None:
        for words in (["remove", "rome"], ["set", "rome", "--no-address"]):
            said = self.shell.run("peer", *words)
            self.assertEqual(said.status, Exit.FAILED)
            self.assertIn("error: no peer is called 'rome'", said.err)

    def test_a_change_must_say_what(self) -> None:
        self.add()
        for words in ([], ["--address", "a:1", "--no-address"]):
            self.assertEqual(self.shell.run("peer", "set", "berlin", *words).status, Exit.USAGE)

    def test_a_broken_file_is_left_alone(self) -> None:
        StateDirectory(self.shell.state).create(peers_file.FILE, b"{}")
        said = self.shell.run("peer", "add", "berlin", BERLIN)
        self.assertEqual(said.status, Exit.FAILED)
        self.assertEqual((self.shell.state / peers_file.FILE).read_bytes(), b"{}")
