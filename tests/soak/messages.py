"""A hundred thousand messages between two nodes, each under a key of its own, both ways at once.

On a good network every one opens to what it was, and nobody waits longer than he said he would. On
one that is cut and held up, with either process killed on the way, a message that does not open is
one whose key died with a process, and its error says so.
"""

import base64
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tests.endtoend.service import FAULTS, ServiceTestCase
from tests.soak.two_processes import Caller, TwoProcesses

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "100000"))
SEED = int(os.environ.get("SOAK_SEED", "2026"))
#: Applications that send, on each side.
SENDERS = 4
#: Messages of a sender that are under way.
UNDER_WAY = 64
#: How long (s) a caller says that it would wait for a key, and what the answer may take beyond: the
#: machine has more to do than processors.
WAIT, SLACK = 10.0, 2.0
#: How often a message is changed before it is opened, and opened again afterwards.
ATTACKS = 0.05
#: How often one is kept, to be opened again at the very end.
KEPT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message under way, and a moment before it was sealed."""

    content: bytes
    ciphertext: str
    sealed: float


class Post:
    """What all senders together have done."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.waits: list[float] = []
        self.key_ids: set[str] = set()
        self.failed = threading.Event()
        self._lock = threading.Lock()

    @property
    def sealed(self) -> int:
        """How many messages were sealed."""
        return len(self.key_ids)

    @property
    def over(self) -> bool:
        """Whether there is no more to send."""
        return self.failed.is_set() or self.sealed >= MESSAGES

    def note(self, what: str, number: int = 1) -> None:
        """Count it."""
        with self._lock:
            self.counts[what] += number

    def note_key(self, key_id: str) -> bool:
        """Whether a message may be under this key: no other was."""
        with self._lock:
            before = len(self.key_ids)
            self.key_ids.add(key_id)
            return len(self.key_ids) > before


class Sender:
    """An application on one side and its partner on the other: one seals, the other opens.

    `calm` says that the network is good and nobody is killed.
    """

    def __init__(
        self, nodes: TwoProcesses, post: Post, side: int, chance: random.Random, *, calm: bool
    ) -> None:
        self._nodes = nodes
        self._post = post
        self._chance = chance
        self._calm = calm
        self._sealing = Caller(nodes, side)
        self._opening = Caller(nodes, 1 - side)
        self._under_way: list[Letter] = []
        self._kept: list[Letter] = []

    def run(self) -> None:
        """Send until the post is over, then have everything opened."""
        try:
            while not self._post.over:
                self._under_way += self._seal(self._chance.choice((1, 1, 4, 16)))
                while len(self._under_way) > UNDER_WAY:
                    self._open_some()
            while self._under_way and not self._post.failed.is_set():
                self._open_some()
            for letter in self._kept:
                self._expect("key_used", [letter], or_forgotten=True)
        except BaseException:
            self._post.failed.set()
            raise
        finally:
            self._sealing.close()
            self._opening.close()

    def _seal(self, number: int) -> list[Letter]:
        contents = [self._chance.randbytes(self._chance.randrange(200)) for _ in range(number)]
        asked = [{"plaintext": base64.b64encode(content).decode()} for content in contents]
        since = time.monotonic()
        answers = self._ask(self._sealing, f"encrypt?wait={WAIT:g}s", asked, {"mode": 2})
        if answers is None:
            return []
        waited = time.monotonic() - since
        assert waited <= WAIT + SLACK, f"an answer took {waited} s"
        self._post.waits.append(waited)
        letters = []
        for content, answer in zip(contents, answers, strict=True):
            code = _code(answer)
            if code:
                assert code in {"no_key_yet", "not_opened", "peer_down"}, answer
                assert not self._calm, f"no key within {WAIT} s"
                assert waited >= WAIT, f"no key after {waited} s"
                self._post.note("no key in time")
                continue
            ciphertext = answer["ciphertext"]
            # An envelope has the key's id behind four bytes (docs/envelope.md).
            key_id = base64.b64decode(ciphertext)[4:20].hex()
            assert self._post.note_key(key_id), f"{key_id} served twice"
            letters.append(Letter(content=content, ciphertext=ciphertext, sealed=since))
        return letters

    def _open_some(self) -> None:
        number = min(self._chance.choice((1, 1, 4, 16)), len(self._under_way))
        letters = []
        for _ in range(number):
            at = self._chance.randrange(len(self._under_way))
            letters.append(self._under_way.pop(at))
        if self._chance.random() < ATTACKS:
            self._expect("bad_ciphertext", [self._changed(letter) for letter in letters])
        if not self._open(letters):
            self._under_way += letters
        elif self._chance.random() < ATTACKS:
            self._expect("key_used", letters)

    def _open(self, letters: Sequence[Letter]) -> bool:
        """Have them opened; False where the node died instead of an answer."""
        answers = self._ask_to_open(letters)
        if answers is None:
            return False
        for letter, answer in zip(letters, answers, strict=True):
            if "plaintext" in answer:
                assert base64.b64decode(answer["plaintext"]) == letter.content, "a wrong plaintext"
                self._post.note("opened")
                if self._chance.random() < KEPT:
                    self._kept.append(letter)
            else:
                self._excuse(letter, answer)
                self._post.note("died with a process")
        return True

    def _expect(self, code: str, letters: Sequence[Letter], *, or_forgotten: bool = False) -> None:
        """Have opened what must not open; a store forgets used keys after many more."""
        for letter, answer in zip(letters, self._ask_to_open(letters) or (), strict=False):
            if _code(answer) == code:
                self._post.note(code)
            elif or_forgotten and _code(answer) == "unknown_key":
                self._post.note("replays of forgotten keys")
            else:
                self._excuse(letter, answer)

    def _excuse(self, letter: Letter, answer: dict[str, Any]) -> None:
        """The one good reason: the key died with a process."""
        assert _code(answer) == "unknown_key", answer
        assert self._nodes.may_have_lost(letter.sealed, time.monotonic()), "a key was lost"

    def _changed(self, letter: Letter) -> Letter:
        """The same with a bit changed behind the header."""
        envelope = bytearray(base64.b64decode(letter.ciphertext))
        envelope[-1 - self._chance.randrange(16)] ^= 1 << self._chance.randrange(8)
        return replace(letter, ciphertext=base64.b64encode(envelope).decode())

    def _ask_to_open(self, letters: Sequence[Letter]) -> list[dict[str, Any]] | None:
        asked = [{"ciphertext": letter.ciphertext} for letter in letters]
        return self._ask(self._opening, "decrypt", asked, {})

    def _ask(
        self, caller: Caller, what: str, items: list[dict[str, str]], more: dict[str, Any]
    ) -> list[dict[str, Any]] | None:
        """The answers to the items, one alone or a batch; None where the node died instead."""
        try:
            if len(items) == 1:
                _, answer = caller.ask("POST", f"{caller.channel}/{what}", {**items[0], **more})
                return [answer]
            path = f"{caller.channel}/batch/{what}"
            status, answer = caller.ask("POST", path, {"items": items, **more})
        except ConnectionError:
            assert self._nodes.died_since(caller.side, caller.answered), "a living node broke"
            self._post.note("requests to a dead node")
            time.sleep(0.1)
            return None
        assert status == 200, answer
        answers: list[dict[str, Any]] = answer["items"]
        return answers


def _code(answer: dict[str, Any]) -> str:
    """The code of a problem, or of an item's; empty for a success."""
    problem = answer.get("error", answer)
    return str(problem.get("code", ""))


class MessageTests(ServiceTestCase):
    def setUp(self) -> None:
        self.chance = random.Random(SEED)
        self.post = Post()
        self.nodes = TwoProcesses(self.state(), "fast")
        self.addCleanup(self.end_all)

    def end_all(self) -> None:
        for node in self.nodes.nodes:
            self.end(node)
        self.nodes.end_network()
        for node in self.nodes.lost_logs:
            for fault in FAULTS:
                self.assertNotIn(fault, node.log)

    def send(self, *, calm: bool) -> None:
        """Send all messages, in weather or not."""
        began = time.monotonic()
        senders = [
            Sender(self.nodes, self.post, side, random.Random(self.chance.random()), calm=calm)
            for side in (0, 1)
            for _ in range(SENDERS)
        ]
        with ThreadPoolExecutor(len(senders)) as threads:
            runs = [threads.submit(sender.run) for sender in senders]
            if not calm:
                self.weather()
            for run in runs:
                run.result()
        self.report(time.monotonic() - began)

    def weather(self) -> None:
        """The network is bad all the time; each process dies once."""
        deaths = {0: 2 * MESSAGES // 3, 1: MESSAGES // 3}
        try:
            while not self.post.failed.is_set() and (deaths or not self.post.over):
                time.sleep(self.chance.uniform(0.5, 3))
                worse, better = self.chance.choice((("cut", "mend"), ("hold", "release")))
                self.nodes.order(worse)
                time.sleep(self.chance.uniform(0.05, 2))
                self.nodes.order(better)
                self.post.note(f"times: {worse}")
                for side, at in list(deaths.items()):
                    if self.post.sealed >= at:
                        del deaths[side]
                        self.nodes.kill(side)
        except BaseException:
            self.post.failed.set()
            raise

    def report(self, seconds: float) -> None:
        """Say what came of it, and that nothing is missing."""
        waits, counts = sorted(self.post.waits), self.post.counts
        middle, most = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
        print(
            f"{self.post.sealed} messages in {seconds:.0f} s, {dict(counts)}; answers took"
            f" {1000 * middle:.1f} ms in the middle, {1000 * most:.1f} ms for 99 of 100,"
            f" {1000 * waits[-1]:.0f} ms at most"
        )
        self.assertGreaterEqual(self.post.sealed, MESSAGES)
        self.assertEqual(counts["opened"] + counts["died with a process"], self.post.sealed)

    def test_every_message_opens_to_itself_and_no_key_serves_twice(self) -> None:
        self.send(calm=True)
        self.assertEqual(self.post.counts["opened"], self.post.sealed)

    def test_cuts_and_deaths_cost_only_what_died_with_a_process(self) -> None:
        self.send(calm=False)
        for side in (0, 1):
            self.nodes.until_ready(side)
