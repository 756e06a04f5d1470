"""`dynamicrypt init` and `fingerprint`, and how the command speaks."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt
from dynamicrypt import errors as roots
from dynamicrypt.cli.__main__ import COMMANDS
from dynamicrypt.cli.speech import Exit, cause_and_remedy, complain, exit_of, table
from dynamicrypt.errors import BadCiphertextError, DynamiCryptError, NoKeyYetError
from dynamicrypt.peer import errors, fingerprint, identity
from dynamicrypt.peer.statedir import StateDirectory
from tests.cli.shell import Shell


class NodeCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shell = Shell(Path(self.mktemp()))

    def test_init_makes_an_identity_and_prints_its_fingerprint(self) -> None:
        said = self.shell.run("init")
        own = identity.load(StateDirectory(self.shell.state))
        self.assertEqual(said.out, f"{fingerprint.show(own.fingerprint)}\n")
        self.assertEqual((said.err, said.status), ("", 0))

    def test_init_leaves_an_identity_as_it_is(self) -> None:
        first = self.shell.run("init")
        second = self.shell.run("init")
        self.assertEqual(first.out, second.out)
        self.assertIn("left as it is", second.err)
        self.assertEqual(second.status, 0)

    def test_init_says_in_json_whether_it_made_one(self) -> None:
        self.assertIs(self.shell.run("init", "--json").data["created"], True)
        self.assertIs(self.shell.run("init", "--json").data["created"], False)

    def test_fingerprint_is_for_people_and_for_tools(self) -> None:
        self.shell.run("init")
        data = self.shell.run("fingerprint", "--json").data
        self.assertEqual(fingerprint.read(data["fingerprint"]), bytes.fromhex(data["hex"]))
        self.assertEqual(self.shell.run("fingerprint").out.strip(), data["fingerprint"])

    def test_a_missing_state_directory_is_said_with_a_remedy(self) -> None:
        for command in (["fingerprint"], ["status"], ["peer", "list"]):
            said = self.shell.run(*command)
            self.assertEqual(
                said.err,
                f"dynamicrypt: error: {self.shell.state} does not exist\n"
                "dynamicrypt: hint: create it with `dynamicrypt init`.\n",
            )
            self.assertEqual((said.out, said.status), ("", Exit.FAILED))

    def test_a_broken_identity_is_not_quoted(self) -> None:
        self.shell.run("init")
        StateDirectory(self.shell.state).replace(identity.FILE, b"SECRET")
        said = self.shell.run("fingerprint")
        self.assertEqual(said.status, Exit.FAILED)
        self.assertNotIn("SECRET", said.err)

    def test_the_environment_names_the_state_directory(self) -> None:
        with mock.patch.dict(os.environ, DYNAMICRYPT_STATE_DIR=str(self.shell.state)):
            self.assertEqual(self.shell.plain("init").status, 0)
            self.assertEqual(self.shell.plain("fingerprint").status, 0)


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shell = Shell(Path(self.mktemp()))

    def test_every_command_has_help(self) -> None:
        for name in COMMANDS:
            said = self.shell.plain(name, "--help")
            self.assertIn(f"Usage: dynamicrypt {name}", said.out)
            self.assertEqual((said.err, said.status), ("", 0))
        listed = self.shell.plain("--help").out
        for name in COMMANDS:
            self.assertIn(f"\n  {name} ", listed)

    def test_the_version_is_the_packages(self) -> None:
        self.assertEqual(
            self.shell.plain("--version").out, f"dynamicrypt {dynamicrypt.__version__}\n"
        )

    def test_wrong_usage_points_to_the_help(self) -> None:
        for words, path in (
            (["nonsense"], ""),
            (["--nonsense"], ""),
            (["peer", "add"], " peer add"),
            (["pair", "--port", "x"], " pair"),
            (["pair", "--interface", "everywhere"], " pair"),
            (["pair", "--name", "No Name"], " pair"),
        ):
            said = self.shell.plain(*words)
            self.assertRegex(
                said.err,
                rf"\Adynamicrypt: error: [^A-Z].*\n"
                rf"dynamicrypt: hint: see `dynamicrypt{path} --help`\n\Z",
            )
            self.assertEqual((said.out, said.status), ("", Exit.USAGE))

    def test_exit_statuses_are_fixed(self) -> None:
        for error, status in (
            (DynamiCryptError(), 1),
            (errors.StateFileError(), 1),
            (errors.MistypedError(), 2),
            (errors.PeerEntryError(), 2),
            (errors.UnknownPeerError(), 3),
            (errors.WrongCodeError(), 3),
            (errors.PeerUnreachableError(), 4),
            (NoKeyYetError(), 4),
            (BadCiphertextError(), 5),
        ):
            self.assertEqual(exit_of(error), status)

    def test_every_error_has_a_cause_a_remedy_and_a_word(self) -> None:
        leaves = [
            kind
            for module in (roots, errors)
            for _name, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, DynamiCryptError) and "code" in vars(kind)
        ]
        self.assertGreater(len(leaves), 20)
        for kind in leaves[1:]:
            if kind is DynamiCryptError:
                continue
            cause, remedy = cause_and_remedy(kind)
            self.assertTrue(cause and remedy.endswith("."), kind)
            self.assertRegex(kind.code, r"\A[a-z_]+\Z")

    def test_talk_begins_small_unless_it_is_a_name(self) -> None:
        with mock.patch("click.echo") as echo:
            complain("It failed", "TLS is needed")
            complain("K is 0", "A number is wrong")
        said = [call.args[0].partition(": ")[2] for call in echo.call_args_list]
        self.assertEqual(
            said,
            [
                "error: it failed",
                "hint: TLS is needed",
                "error: K is 0",
                "hint: a number is wrong",
            ],
        )

    def test_columns_are_as_wide_as_they_must_be(self) -> None:
        self.assertEqual(table([("a", "b"), ("long", "c")]), "a     b\nlong  c")

    def test_the_console_script_exits_with_the_status(self) -> None:
        run = subprocess.run(
            [sys.executable, "-m", "dynamicrypt.cli", "status", "--state-dir", "missing"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((run.stdout, run.returncode), ("", 1))
        self.assertIn("dynamicrypt: error: missing does not exist", run.stderr)

    def test_a_file_that_cannot_be_used_is_told(self) -> None:
        said = self.shell.run("encrypt", "a", "b", "missing", "--mode", "1")
        self.assertEqual(
            said.err,
            "dynamicrypt: error: could not open file 'missing': no such file or directory\n",
        )
        self.assertEqual(said.status, Exit.FAILED)

    def test_shells_can_complete_it(self) -> None:
        """click's own completion, as docs/cli.md tells to set it up."""
        environ = os.environ | {
            "_DYNAMICRYPT_COMPLETE": "bash_complete",
            "COMP_WORDS": "dynamicrypt ch",
            "COMP_CWORD": "1",
        }
        run = subprocess.run(
            [sys.executable, "-m", "dynamicrypt.cli"],
            capture_output=True,
            text=True,
            check=False,
            env=environ,
        )
        self.assertEqual(run.stdout, "plain,channel\n")

    def test_a_closed_pipe_is_no_traceback(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as closed:
            run = subprocess.run(
                [sys.executable, "-m", "dynamicrypt.cli", "--help"],
                stdout=closed,
                stderr=subprocess.PIPE,
                check=False,
            )
        self.assertEqual((run.stderr, run.returncode), (b"", Exit.FAILED))
