"""`dynamicrypt encrypt` and `decrypt`, against a running service."""

import base64
import hashlib
import os
import random
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

from dynamicrypt.cli.speech import Exit
from dynamicrypt.demo.acquaintance import COMMAND
from tests.cli.shell import Said, Shell
from tests.client.local import LocalCase, peak_bytes
from tests.endtoend.service import resident_bytes

MIB = 2**20


class MessageTests(LocalCase):
    def setUp(self) -> None:
        super().setUp()
        self.shell = Shell(self.running.state)
        self.place = self.state()

    def encrypt(self, *words: str, stdin: bytes = b"") -> Said:
        return self.ok("encrypt", "alice", "bob", *words, stdin=stdin)

    def decrypt(self, *words: str, stdin: bytes = b"") -> Said:
        return self.shell.run("decrypt", "bob", "alice", *words, stdin=stdin)

    def ok(self, *words: str, stdin: bytes = b"") -> Said:
        said = self.shell.run(*words, stdin=stdin)
        self.assertEqual((said.status, said.err), (Exit.OK, ""))
        return said

    def file(self, content: bytes, name: str = "file") -> str:
        path = self.place / name
        path.write_bytes(content)
        return str(path)

    def assertFails(self, said: Said, status: Exit, words: str) -> None:
        self.assertEqual((said.status, said.raw), (status, b""), said.err)
        self.assertRegex(said.err, rf"\Adynamicrypt: error: .*{words}.*\ndynamicrypt: hint: .*\n\Z")

    def test_what_is_piped_in_comes_out_at_the_other_end(self) -> None:
        body = os.urandom(200_000)
        for armor in ((), ("--armor",)):
            for mode in ((), ("--mode", "1"), ("--mode", "2"), ("--mode", "3", "--limit", "9")):
                for words in ((), ("-",)):
                    sealed = self.encrypt(*armor, *mode, *words, stdin=body).raw
                    self.assertEqual(sealed.isascii(), bool(armor))
                    opened = self.decrypt(*words, stdin=sealed)
                    self.assertEqual((opened.status, opened.raw == body), (Exit.OK, True))

    def test_files_appear_whole_and_the_plaintext_is_its_owners(self) -> None:
        plain, sealed, opened = self.file(b"body"), str(self.place / "s"), str(self.place / "o")
        self.assertEqual(self.encrypt(plain, "-o", sealed).raw, b"")
        self.assertEqual(self.decrypt(sealed, "--output", opened).raw, b"")
        self.assertEqual(Path(opened).read_bytes(), b"body")
        self.assertEqual(stat.S_IMODE(os.stat(opened).st_mode), 0o600)
        self.encrypt(plain, "-o", opened, "--mode", "2")
        self.assertEqual(self.decrypt(opened, "-o", opened).status, Exit.OK)
        self.assertEqual(Path(opened).read_bytes(), b"body")

    def test_what_does_not_open_leaves_no_file(self) -> None:
        sealed = bytearray(self.encrypt(stdin=bytes(MIB)).raw)
        sealed[-1] ^= 1
        opened = self.place / "opened"
        said = self.decrypt("-o", str(opened), stdin=bytes(sealed))
        self.assertFails(said, Exit.BAD_CIPHERTEXT, "changed, moved or lost")
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_ciphertext_opens_once(self) -> None:
        for words in ((), ("--mode", "2")):
            sealed = self.encrypt(*words, stdin=b"x").raw
            self.assertEqual(self.decrypt(stdin=sealed).raw, b"x")
            self.assertFails(self.decrypt(stdin=sealed), Exit.BAD_CIPHERTEXT, "used")

    def test_the_context_must_be_the_same(self) -> None:
        for words in ((), ("--mode", "2")):
            sealed = self.encrypt(*words, "--context", "für Bob", stdin=b"x").raw
            self.assertEqual(self.decrypt(stdin=sealed).status, Exit.BAD_CIPHERTEXT)
            self.assertEqual(self.decrypt("--context", "für Bob", stdin=sealed).raw, b"x")

    def test_what_is_no_ciphertext_is_told(self) -> None:
        for content in (
            b"",
            b"hello",
            b"A",
            b"AQE$",
            b"AQEFAA==\nAQ",
            b"\1",
            b"\1\1\5",
            b"\0" * 99,
        ):
            said = self.decrypt(stdin=content)
            self.assertEqual((said.status, said.raw), (Exit.BAD_CIPHERTEXT, b""), content)

    def test_pieces_open_together_or_one_by_one(self) -> None:
        lines = self.encrypt("--mode", "4", stdin=b"whole").raw
        self.assertEqual(len(lines.splitlines()), 3)
        self.assertEqual(self.decrypt(stdin=lines).raw, b"whole")
        name = str(self.place / "piece")
        for more in ((), ("-a",)):
            self.encrypt("--mode", "4", "--pieces", "2", "-o", name, *more, stdin=b"whole")
            said = self.decrypt(f"{name}.2")
            self.assertFails(said, Exit.UNAVAILABLE, "pieces are missing")
            self.assertEqual(self.decrypt(f"{name}.1").raw, b"whole")
            self.encrypt("--mode", "4", "--pieces", "2", "-o", name, *more, stdin=b"whole")
            self.assertEqual(self.decrypt(f"{name}.2", f"{name}.1").raw, b"whole")

    def test_two_messages_are_not_taken_for_one(self) -> None:
        sealed = [self.encrypt("--mode", "2", "-a", stdin=b"x").raw for _ in range(2)]
        self.assertFails(self.decrypt(stdin=b"".join(sealed)), Exit.USAGE, "pieces of one message")
        self.assertEqual([self.decrypt(stdin=each).raw for each in sealed], [b"x", b"x"])

    def test_programs_read_json(self) -> None:
        data = self.encrypt("--mode", "2", "--json", stdin=b"hi").data
        self.assertEqual(list(data), ["mode", "key_id", "expires_in_seconds", "ciphertext"])
        opened = self.decrypt("--json", stdin=base64.b64decode(data["ciphertext"]))
        self.assertEqual(opened.data, {"plaintext": "aGk="})
        pieces = self.encrypt("--mode", "4", "--json", stdin=b"hi").data["pieces"]
        text = "\n".join(piece["ciphertext"] for piece in pieces).encode()
        self.assertEqual(self.decrypt("--json", stdin=text).data, {"plaintext": "aGk="})
        sealed, opened_to = str(self.place / "s"), str(self.place / "o")
        stream = self.encrypt("-o", sealed, "--json", stdin=b"hi").data
        self.assertTrue(120 <= stream.pop("expires_in_seconds") <= 720)
        self.assertEqual(stream, {"output": sealed, "bytes": 24 + 2 + 16})
        said = self.decrypt(sealed, "-o", opened_to, "--json")
        self.assertEqual(said.data, {"output": opened_to, "bytes": 2})

    def test_what_makes_no_sense_is_wrong_usage(self) -> None:
        for words, content in (
            (("--limit", "3"), b""),
            (("--pieces", "3"), b""),
            (("--mode", "5"), b""),
            (("--mode", "3"), b""),
            (("--mode", "1", "--limit", "2"), b""),
            (("--json",), b""),
            (("--mode", "1"), bytes(MIB + 1)),
        ):
            said = self.shell.run("encrypt", "alice", "bob", *words, stdin=content)
            self.assertEqual((said.status, said.raw), (Exit.USAGE, b""), words)
        sealed = self.encrypt(stdin=b"x").raw
        self.assertEqual(self.decrypt("--json", stdin=sealed).status, Exit.USAGE)

    def test_options_of_a_mode_are_called_as_they_are_given(self) -> None:
        for words, why in (
            (("--mode", "3"), "--mode 3 needs --limit"),
            (("--mode", "2", "--limit", "2"), "--limit is for --mode 3"),
            (("--mode", "1", "--pieces", "2"), "--pieces is for --mode 4"),
            (("--mode", "4", "--pieces", "33"), "--pieces"),
        ):
            self.assertIn(why, self.shell.run("encrypt", "alice", "bob", *words).err)

    def test_a_message_that_is_too_long_is_told(self) -> None:
        said = self.shell.run("encrypt", "alice", "bob", "--mode", "1", stdin=bytes(MIB))
        self.assertFails(said, Exit.FAILED, "")

    def test_a_terminal_gets_no_bytes(self) -> None:
        main, other = os.openpty()
        self.addCleanup(os.close, main)
        words = (*COMMAND, "encrypt", "alice", "bob", "--state-dir", str(self.running.state))
        run = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=other, stderr=subprocess.PIPE, check=False
        )
        os.close(other)
        self.assertEqual(run.returncode, Exit.USAGE)
        self.assertIn(b"a terminal shows no bytes", run.stderr)


class LargeFileTests(LocalCase):
    """A body through two commands and one node, none of which holds it."""

    size = 32 * MIB
    #: The interpreter with its modules takes 34 MiB; who held the body would take twice that.
    most = 48 * MIB
    #: The node may grow by so much over what it needs for a body of 1 MiB.
    growth = 8 * MIB

    def test_memory_does_not_depend_on_the_size(self) -> None:
        self.pass_through(MIB)
        before = resident_bytes(self.running)
        for peak in self.pass_through(self.size):
            self.assertTrue(0 < peak < self.most, peak)
        self.assertLess(peak_bytes(self.running.pid) - before, self.growth)

    def pass_through(self, size: int) -> tuple[int, ...]:
        """Peak memory of the commands; the body must come out as it went in."""
        encrypt = self.command("encrypt", "alice", "bob", stdin=subprocess.PIPE)
        decrypt = self.command("decrypt", "bob", "alice", stdin=encrypt.stdout)
        assert encrypt.stdin is not None
        assert encrypt.stdout is not None
        assert decrypt.stdout is not None
        encrypt.stdout.close()
        block = random.Random(size).randbytes(MIB)
        given, got = hashlib.sha256(), hashlib.sha256()

        def feed(sink: Any) -> None:
            with sink:
                for number in range(size // MIB):
                    part = number.to_bytes(8, "big") + block[8:]
                    given.update(part)
                    sink.write(part)

        feeder = threading.Thread(target=feed, args=(encrypt.stdin,))
        feeder.start()
        peaks = [0, 0]
        while part := decrypt.stdout.read(MIB):
            got.update(part)
            now = [peak_bytes(process.pid) for process in (encrypt, decrypt)]
            peaks = list(map(max, peaks, now))
        feeder.join()
        decrypt.stdout.close()
        for process in (encrypt, decrypt):
            self.assertEqual(process.wait(30), Exit.OK)
        self.assertEqual(got.digest(), given.digest())
        return tuple(peaks)

    def command(self, *words: str, stdin: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            (*COMMAND, *words, "--state-dir", str(self.running.state)),
            stdin=stdin,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.kill)
        return process
