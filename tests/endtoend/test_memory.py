"""What lies in the memory of a running service: of secrets that were used, nothing.

What cannot be avoided is not looked for (docs/security.md, "What stays in memory"): OpenSSL keeps
the node's private key and the keys of the TLS connection, from which the exporter's secret can be
computed again, as long as it needs them; a message is in memory while a request is.
"""

import hmac
import os
import signal
import sys

from tests.endtoend.watched import PROGRAM, Watched, WatchedTestCase, by_kind, messages
from tests.foreign.cipher import fold
from tests.process_memory import left_in, pieces, writable_memory

MESSAGES = 40
#: What there must be to search for on wire 2.
LINK = {"key", "sub-key", "weights", "exporter", "shared", "epoch", "extracted", "confirmation"}
#: And on wire 1.
THESIS = {"digits", "folded"}


def used(node: Watched) -> dict[str, list[bytes]]:
    """What no one needs any more, by kind."""
    heard = node.heard()
    told = by_kind(heard)
    ended = told["end"]
    every = {kind: [secret for at, _, secret in heard if at == kind] for kind in told}
    secrets = {
        "key": [key for name, key in told["added"].items() if name in ended],
        "sub-key": [key for at, name, key in heard if at == "sub-key" and name in ended],
        "weights": pieces(every.get("weights", [])),
        "exporter": every.get("exporter", []),
        "shared": pieces(every.get("shared", [])),
        "epoch": every.get("epoch", []),
        "digits": every.get("digits", []),
        "folded": [bytes(fold(key.decode())) for key in every.get("digits", [])],
        # What only passed through a library: the pseudo-random key of a key, and the sub-key of
        # its confirmation.
        "extracted": [
            hmac.digest(told["salt"][name], weights, "sha256")
            for name, weights in told["weights"].items()
        ],
        "confirmation": [
            hmac.digest(told["confirm"][name], key, "sha256") for name, key in told["key"].items()
        ],
    }
    return {kind: found for kind, found in secrets.items() if found}


def needed(node: Watched) -> dict[str, list[bytes]]:
    """What the service still works with: keys that wait, and secrets of the link and channel."""
    told = by_kind(node.heard())
    ended = told["end"]
    return {
        "key": [key for name, key in told["added"].items() if name not in ended],
        "link": list(told["child"].values()),
    }


class MemoryTests(WatchedTestCase):
    """Searches two nodes from outside, as root or as their parent may."""

    def memory(self, node: Watched) -> bytes:
        """All that can be read of a node, at one moment."""
        os.kill(node.pid, signal.SIGSTOP)
        try:
            return writable_memory(node.pid)
        finally:
            os.kill(node.pid, signal.SIGCONT)

    def assertForgotten(self, wanted: set[str], texts: list[str], *, hidden: bool) -> None:
        """Nothing that was used is there; nor, if it is `hidden`, what is still in use.

        What is never wiped is, or the search would find nothing at all.
        """
        self.settle()
        for node in self.nodes:
            memory = self.memory(node)
            secrets = used(node)
            self.assertLessEqual(wanted, secrets.keys())
            secrets["control"] = list(by_kind(node.heard())["control"].values())
            secrets["token"] = [node.token.encode()]
            secrets["plaintext"] = [text.encode() for text in texts]
            if hidden:
                secrets.update({f"needed {kind}": found for kind, found in needed(node).items()})
            names = [kind for kind, found in secrets.items() for _ in found]
            left = left_in(memory, [secret for found in secrets.values() for secret in found])
            self.assertEqual([names[number] for number in left], ["control"])

    def test_both_wires_in_secret_memory(self) -> None:
        self.start("--profile", "fast")
        old_texts, texts = messages(2), messages(MESSAGES)
        self.wired(1)
        self.converse(old_texts)
        self.assertTrue(self.alice.exit())
        self.wired(2)
        self.converse(texts)
        self.assertIn("protection=secret", self.nodes[0].log)
        self.assertForgotten(LINK | THESIS, old_texts + texts, hidden=True)

    def test_wire_2_where_secret_memory_is_refused(self) -> None:
        self.start("--profile", "standard", environment={"STRONGEST": "locked"})
        texts = messages(MESSAGES)
        self.converse(texts)
        self.assertIn("protection=locked", self.nodes[0].log)
        self.assertNotIn("locked memory;", self.nodes[0].log)
        self.assertForgotten(LINK, texts, hidden=False)

    def test_wire_2_where_no_memory_may_be_locked(self) -> None:
        self.start("--profile", "fast", program=(sys.executable, "-m", "tests.unlocked", *PROGRAM))
        texts = messages(MESSAGES)
        self.converse(texts)
        for node in self.nodes:
            self.assertIn("protection=plain", node.log)
            warnings = [line.text for line in node.lines if "not all secrets" in line.text]
            self.assertEqual(len(warnings), 1)
            self.assertIn("limit=0kB: raise it (LimitMEMLOCK= in the unit", warnings[0])
        self.assertForgotten(LINK, texts, hidden=False)
