"""A million requests and bodies of a gibibyte through a node whose memory stays as it is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.api import BATCH, Server, decrypt_batch_body, encrypt_batch_body, encrypt_body
from benchmarks.load import load
from tests.endtoend.service import GROWTH_BYTES, ServiceTestCase, descriptors, resident_bytes
from tests.rest.running import BANK, SHOP, RunningNode

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000"))
CONNECTIONS = 64
#: Messages that are opened in a round, singly and then in batches.
OPENED, OPENED_IN_BATCHES = 12_000, 200 * BATCH
#: Keys that are used up in a round for one message, and keys that applications take.
KEYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many requests of a kind, all of which succeed or all of which `fail`."""

    path: str
    bodies: Sequence[bytes] = (b"",)
    number: int
    method: str = "POST"
    fail: bool = False
    token: str = ""


class MemoryTests(ServiceTestCase):
    def round(self, server: Server) -> list[Load]:
        """Of all that an application does, and of what it should not do."""
        sealed = server.sealed(100, OPENED + OPENED_IN_BATCHES)
        single, many = sealed[:OPENED], sealed[OPENED:]
        opening = [b'{"ciphertext":"%b"}' % each for each in single]
        batches = [decrypt_batch_body(many[at : at + BATCH]) for at in range(0, len(many), BATCH)]
        return [
            Load(path=BANK + "/encrypt", bodies=[encrypt_body(100)], number=12_000),
            Load(path=BANK + "/batch/encrypt", bodies=[encrypt_batch_body(100, BATCH)], number=500),
            Load(path=SHOP + "/decrypt", bodies=opening, number=OPENED),
            Load(path=SHOP + "/batch/decrypt", bodies=batches, number=len(batches)),
            Load(path=SHOP, number=6_000, method="GET"),
            Load(path="/v2/status", number=6_000, method="GET"),
            Load(path=SHOP + "/decrypt", bodies=opening, number=4_000, fail=True),
            Load(path=SHOP + "/decrypt", bodies=[b'{"cipher":1}'], number=2_000, fail=True),
            Load(path=SHOP + "/encrypt", bodies=[b"{"], number=2_000, fail=True),
            Load(path=SHOP + "/nowhere", bodies=[b"{}"], number=2_000, fail=True),
            Load(path=SHOP, number=2_000, method="GET", fail=True, token="dct_nobody"),
        ]

    def use_up(self, node: RunningNode) -> int:
        """Use up keys of both sides in turns, or the one's pile up; returns the requests."""
        message = {"plaintext": "aGVsbG8=", "mode": 2}
        for number in range(KEYS):
            sender, receiver = (BANK, SHOP) if number % 2 else (SHOP, BANK)
            sealed = node.ask("POST", sender + "/encrypt?wait=30s", message)
            node.ask("POST", receiver + "/decrypt", {"ciphertext": sealed["ciphertext"]})
            key_id = node.ask("POST", sender + "/keys/next?wait=30s", {})["key_id"]
            node.ask("POST", f"{receiver}/keys/{key_id}", {})
        return 4 * KEYS

    def test_a_million_requests_leave_nothing(self) -> None:
        daemon = self.node("--profile", "fast")
        node = RunningNode(daemon)
        server = Server(
            pid=node.pid, port=node.port, token=node.token, sealing=BANK + "/", opening=SHOP + "/"
        )
        done, level, most = 0, 0, 0
        while done < REQUESTS:
            for each in self.round(server):
                outcome = load(
                    node.port,
                    each.path,
                    each.bodies,
                    token=each.token or node.token,
                    connections=CONNECTIONS,
                    number=each.number,
                    method=each.method,
                )
                self.assertEqual(outcome.failed, outcome.answered if each.fail else 0, each.path)
                done += outcome.answered
            done += self.use_up(node)
            most = max(most, resident_bytes(daemon))
            # After the first round everything has been there that will ever be, but for the ids of
            # used keys, 85 bytes each, and the windows of keys that may still get messages.
            level = level or most
            self.assertLess(most - level, GROWTH_BYTES, f"after {done} requests")
        print(f"{done} requests; memory {level // 1024} KiB, at most {most // 1024} KiB")
        node.ask("GET", "/v2/services")
        self.assertLess(descriptors(daemon), 40)

    def test_a_gibibyte_passes_in_constant_memory(self) -> None:
        daemon = self.node()
        node = RunningNode(daemon)
        self.assertTrue(node.there_and_back(2**24, lambda: None))
        before, peak = resident_bytes(daemon), 0

        def watch() -> None:
            nonlocal peak
            peak = max(peak, resident_bytes(daemon))

        self.assertTrue(node.there_and_back(2**30, watch))
        self.assertLess(peak - before, 2 * GROWTH_BYTES)
