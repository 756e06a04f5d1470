"""What the demo shows, act by act."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dynamicrypt.demo.acquaintance import introduce
from dynamicrypt.demo.application import Application, Sealed, ServiceError
from dynamicrypt.demo.daemon import Daemon, LogLine
from dynamicrypt.demo.screen import Ink, Screen

#: A request that is answered at once takes a few milliseconds.
NOTICEABLE_SECONDS: Final = 0.02
#: Keys to watch before the first message.
KEYS_SHOWN: Final = 6
MODES: Final = {1: "fast: the newest key", 2: "secure: one key, one message"}
LETTERS: Final = {
    1: ("The harbour gate opens at six.", "Understood. Two boats, no lights."),
    2: ("Grüße aus dem Süden ✓", "Every letter has a key of its own now."),
}
OLD_LETTERS: Final = {
    1: ("Is anybody there who still speaks the old tongue?", "Aye. The newest key, as ever."),
    2: ("And one key for one letter?", "That too. But do not whisper secrets in it."),
}
#: Letters sent in one go in mode 2 of wire 1, more than there are keys.
BURST: Final = 12

Pair = tuple[Application, Application]


class Story:
    """One run of the demo on `screen`; `play` raises where something is not as it should be."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._watching = False
        self._arrived = 0

    def play(self) -> None:
        """Show the whole demo, from two fresh nodes to an empty machine."""
        began = time.monotonic()
        self._screen.line("DynamiCrypt: two nodes on this machine, two applications", Ink.HEADING)
        with TemporaryDirectory(prefix="dynamicrypt-demo-") as directory:
            states = (Path(directory) / "north", Path(directory) / "south")
            for state in states:
                state.mkdir(mode=0o700)
            self._meet(states)
            with Daemon(states[0], listen=self._watch) as north, Daemon(states[1]) as south:
                self._start(north, south)
                self._link(north, self._applications(north, south, wire=2))
                self._thesis(north, self._applications(north, south, wire=1))
        seconds = time.monotonic() - began
        self._screen.line()
        self._screen.line(f"{self._arrived} messages arrived, {seconds:.1f} s in all.", Ink.GOOD)

    def _meet(self, states: tuple[Path, Path]) -> None:
        self._screen.heading("Two nodes learn each other's fingerprints")
        for state, fingerprint in zip(states, introduce(states), strict=True):
            self._screen.pair(state.name, fingerprint)

    def _start(self, *nodes: Daemon) -> None:
        self._screen.heading("They start")
        for node in nodes:
            self._screen.pair(
                node.state.name,
                f"process {node.pid}, applications on 127.0.0.1:{node.api_port}, "
                f"nodes on 127.0.0.1:{node.link_port}",
            )

    def _applications(self, north: Daemon, south: Daemon, *, wire: int) -> Pair:
        names = ("alice", "bob") if wire == 2 else ("old-alice", "old-bob")
        alice, bob = (
            Application(name, node.api_port, (node.state / "token").read_text().strip(), wire)
            for name, node in zip(names, (north, south), strict=True)
        )
        return alice, bob

    def _link(self, north: Daemon, pair: Pair) -> None:
        """The protocol of today, between nodes that know each other."""
        self._introduce(pair)
        self._screen.heading("alice's node calls bob's: wire 2, over TLS that both sides prove")
        pair[0].call(pair[1])
        up = north.wait_for("channel up", 30)[0].fields
        first = north.wait_for("first key", 30)[0].fields
        self._screen.pair("key exchange", f"{up['group']}, post-quantum and classical together")
        self._screen.pair("machines", f"profile {up['profile']}, in mutual learning")
        self._screen.pair("first key", f"after {first['milliseconds']} ms")
        sealed = self._converse(pair, LETTERS)
        self._tamper(*pair, sealed)
        self._part(*pair)

    def _thesis(self, north: Daemon, pair: Pair) -> None:
        """The protocol of 2019, where every key can be watched."""
        self._introduce(pair)
        self._screen.heading("The same over wire 1, as the thesis' program of 2019 speaks it")
        self._screen.line("  plain and unauthenticated, for old programs only", Ink.WARNING)
        self._watching = True
        pair[0].call(pair[1])
        north.wait_for("key born", 30, times=KEYS_SHOWN)
        self._watching = False
        self._converse(pair, OLD_LETTERS)
        self._outrun(*pair)
        self._part(*pair)

    def _introduce(self, pair: Pair) -> None:
        self._screen.heading("Two applications register and exchange what they were told")
        for application in pair:
            application.register()
            self._screen.pair(
                application.name, f"is reached at {application.address}:{application.tpm_port}"
            )
        pair[0].expect(pair[1])
        pair[1].expect(pair[0])

    def _watch(self, line: LogLine) -> None:
        if self._watching and "key born" in line.text:
            fields = line.fields
            self._screen.pair(
                f"key 1.{fields['number']}",
                f"{fields['iterations']:>5} iterations {fields['milliseconds']:>6} ms",
            )

    def _converse(self, pair: Pair, letters: dict[int, tuple[str, str]]) -> Sealed:
        for mode, texts in letters.items():
            self._screen.heading(f"Messages in mode {mode}, {MODES[mode]}")
            for text, (sender, receiver) in zip(texts, (pair, pair[::-1]), strict=True):
                sealed = self._send(sender, receiver, text, mode)
        return sealed

    def _send(self, sender: Application, receiver: Application, text: str, mode: int) -> Sealed:
        sealed, waited = sender.encrypt(text, mode)
        read = receiver.decrypt(sealed)
        if read != text:
            raise ServiceError(f"{receiver.name} read {read!r} where {sender.name} wrote {text!r}")
        self._arrived += 1
        delay = f", after {waited * 1000:.0f} ms of waiting" if waited > NOTICEABLE_SECONDS else ""
        self._screen.line(f"  {sender.name} writes: {text}")
        self._screen.pair("  sealed", "".join(sealed.message.split()), Ink.QUIET)
        self._screen.pair("  under", f"key {sealed.key}{delay}", Ink.QUIET)
        self._screen.pair(f"  {receiver.name}", f"reads: {read}", Ink.GOOD)
        return sealed

    def _outrun(self, sender: Application, receiver: Application) -> None:
        self._screen.heading(f"{sender.name} outruns the keys: {BURST} letters at once in mode 2")
        waits, keys = [], set()
        for number in range(BURST):
            sealed, waited = sender.encrypt(f"letter {number}", 2)
            if receiver.decrypt(sealed) != f"letter {number}":
                raise ServiceError(f"letter {number} did not arrive")
            self._arrived += 1
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

    def _tamper(self, receiver: Application, sender: Application, sealed: Sealed) -> None:
        self._screen.heading("A message that is changed on its way, and one that comes twice")
        middle = len(sealed.message) // 2
        letter = "A" if sealed.message[middle] != "A" else "B"
        changed = sealed.message[:middle] + letter + sealed.message[middle + 1 :]
        for attempt in (replace(sealed, message=changed), sealed):
            try:
                receiver.decrypt(attempt)
            except ServiceError as refusal:
                self._screen.line(f"  {refusal}", Ink.GOOD)
            else:
                raise ServiceError(f"{receiver.name} accepted a forged message of {sender.name}")

    def _part(self, alice: Application, bob: Application) -> None:
        self._screen.heading(f"{alice.name} leaves")
        alice.leave()
        deadline = time.monotonic() + 5
        while bob.synchronising():
            if time.monotonic() > deadline:
                raise ServiceError(f"{bob.name}'s node did not notice that {alice.name} left")
            time.sleep(0.02)
        self._screen.line(f"  {bob.name}'s node noticed: not synchronising any more", Ink.GOOD)
        bob.leave()
