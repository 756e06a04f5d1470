"""What the demo shows, act by act."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dynamicrypt.demo.application import Application, Sealed, ServiceError
from dynamicrypt.demo.daemon import Daemon, LogLine
from dynamicrypt.demo.screen import Ink, Screen

#: A request that is answered at once takes a few milliseconds.
NOTICEABLE_SECONDS: Final = 0.02
#: Keys to watch before the first message.
KEYS_SHOWN: Final = 6
MODES: Final = {1: "fast: the newest key", 2: "secure: one key, one message"}
MESSAGES: Final = (
    (1, "The harbour gate opens at six."),
    (1, "Understood. Two boats, no lights."),
    (1, "The same key may serve twice in this mode."),
    (1, "Grüße aus dem Süden ✓"),
    (2, "Now every message has a key of its own."),
    (2, "Mine too, and never one of yours."),
    (2, "Nobody can read the last letter with the key of this one."),
    (2, "And whoever sends faster than keys are born waits."),
)
#: Letters sent in one go in mode 2, more than there are keys.
BURST: Final = 12


class Story:
    """One run of the demo on `screen`; `play` raises where something is not as it should be."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._watching = False
        self._born = 0

    def play(self) -> None:
        """Show the whole demo, from two fresh nodes to an empty machine."""
        began = time.monotonic()
        self._screen.line("DynamiCrypt: two nodes on this machine, two applications", Ink.HEADING)
        self._screen.line(
            "Wire 1, the protocol of the thesis: plain, unauthenticated, for old programs only.",
            Ink.WARNING,
        )
        with TemporaryDirectory(prefix="dynamicrypt-demo-") as directory:
            states = [Path(directory) / name for name in ("north", "south")]
            for state in states:
                state.mkdir(mode=0o700)
            options = ("--default-wire", "1")
            with (
                Daemon(states[0], *options, listen=self._watch) as north,
                Daemon(states[1], *options) as south,
            ):
                self._play_between(north, south)
        seconds = time.monotonic() - began
        self._screen.line()
        sent = len(MESSAGES) + BURST
        self._screen.line(
            f"{sent} messages arrived, {self._born} keys were born, {seconds:.1f} s.", Ink.GOOD
        )

    def _play_between(self, north: Daemon, south: Daemon) -> None:
        self._screen.heading("Two nodes have started")
        for node in (north, south):
            self._screen.pair(
                node.state.name,
                f"process {node.pid}, applications on 127.0.0.1:{node.api_port}, "
                f"partners on 127.0.0.1:{node.thesis_port}",
            )
        alice, bob = (
            Application(name, node.api_port, (node.state / "token").read_text().strip())
            for name, node in (("alice", north), ("bob", south))
        )
        self._introduce(alice, bob)
        self._watch_keys(north, alice, bob)
        for mode in MODES:
            self._screen.heading(f"Messages in mode {mode}, {MODES[mode]}")
            texts = [text for of_mode, text in MESSAGES if of_mode == mode]
            for number, text in enumerate(texts):
                sender, receiver = (alice, bob) if number % 2 == 0 else (bob, alice)
                sealed = self._send(sender, receiver, text, mode)
        self._outrun(alice, bob)
        self._tamper(sender, receiver, sealed)
        self._part(alice, bob)

    def _introduce(self, alice: Application, bob: Application) -> None:
        self._screen.heading("Two applications register and exchange what they were told")
        for application in (alice, bob):
            application.register()
            self._screen.pair(
                application.name, f"is reached at {application.address}:{application.tpm_port}"
            )
        alice.expect(bob)
        bob.expect(alice)

    def _watch_keys(self, north: Daemon, alice: Application, bob: Application) -> None:
        self._screen.heading("alice's node calls bob's; keys are born as the machines become equal")
        self._watching = True
        alice.call(bob)
        north.wait_for("key born", 30, times=KEYS_SHOWN)
        self._watching = False

    def _watch(self, line: LogLine) -> None:
        if "key born" not in line.text:
            return
        self._born += 1
        if self._watching:
            fields = line.fields
            self._screen.pair(
                f"key {fields['number']}",
                f"{fields['iterations']:>5} iterations {fields['milliseconds']:>6} ms",
            )

    def _send(self, sender: Application, receiver: Application, text: str, mode: int) -> Sealed:
        sealed, waited = sender.encrypt(text, mode)
        read = receiver.decrypt(sealed)
        if read != text:
            raise ServiceError(f"{receiver.name} read {read!r} where {sender.name} wrote {text!r}")
        delay = f", after {waited * 1000:.0f} ms of waiting" if waited > NOTICEABLE_SECONDS else ""
        self._screen.line(f"  {sender.name} writes: {text}")
        self._screen.pair("  sealed", "".join(sealed.message.split()), Ink.QUIET)
        self._screen.pair("  under", f"key {sealed.number}{delay}", Ink.QUIET)
        self._screen.pair(f"  {receiver.name}", f"reads: {read}", Ink.GOOD)
        return sealed

    def _outrun(self, sender: Application, receiver: Application) -> None:
        self._screen.heading(f"{sender.name} outruns the keys: {BURST} letters at once in mode 2")
        waits, keys = [], set()
        for number in range(BURST):
            sealed, waited = sender.encrypt(f"letter {number}", 2)
            if receiver.decrypt(sealed) != f"letter {number}":
                raise ServiceError(f"letter {number} did not arrive")
            waits.append(waited)
            keys.add(sealed.key)
        if len(keys) != BURST:
            raise ServiceError("mode 2 used a key twice")
        late = [waited for waited in waits if waited > NOTICEABLE_SECONDS]
        self._screen.line(
            f"  {BURST} letters arrived under {len(keys)} keys; {len(late)} had to wait for"
            f" theirs, {1000 * max(waits):.0f} ms at most",
            Ink.GOOD,
        )

    def _tamper(self, sender: Application, receiver: Application, sealed: Sealed) -> None:
        self._screen.heading("A message that was changed on its way")
        changed = ("A" if sealed.message[0] != "A" else "B") + sealed.message[1:]
        try:
            receiver.decrypt(replace(sealed, message=changed))
        except ServiceError as refusal:
            self._screen.line(f"  {refusal}", Ink.GOOD)
        else:
            raise ServiceError(f"{receiver.name} accepted a changed message of {sender.name}")

    def _part(self, alice: Application, bob: Application) -> None:
        self._screen.heading("alice leaves")
        alice.leave()
        deadline = time.monotonic() + 5
        while bob.synchronising():
            if time.monotonic() > deadline:
                raise ServiceError("bob's node did not notice that alice left")
            time.sleep(0.02)
        self._screen.line("  bob's node noticed and tells bob: not synchronising", Ink.GOOD)
        bob.leave()
