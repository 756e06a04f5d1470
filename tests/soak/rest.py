"""A million requests and bodies of a gibibyte through a node whose memory stays as it is."""

import base64
import json
import os

from benchmarks.load import load
from tests.endtoend.service import GROWTH_BYTES, ServiceTestCase, descriptors, resident_bytes
from tests.rest.running import SHOP, RunningNode

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000"))
#: Of each run of the load generator.
SECONDS = 10.0


class MemoryTests(ServiceTestCase):
    def test_a_million_requests_leave_nothing(self) -> None:
        daemon = self.node()
        node = RunningNode(daemon)
        plaintext = base64.b64encode(bytes(100)).decode()
        items = [{"plaintext": plaintext}] * 100
        loads = (
            (SHOP + "/encrypt", {"plaintext": plaintext}),
            (SHOP + "/encrypt?wait=1s", {"plaintext": plaintext}),
            (SHOP + "/batch/encrypt", {"items": items}),
            (SHOP + "/decrypt", {"ciphertext": plaintext}),
        )
        done, level = 0, 0
        while done < REQUESTS:
            for path, body in loads:
                outcome = load(
                    node.port,
                    path,
                    [json.dumps(body).encode()],
                    token=node.token,
                    connections=64,
                    seconds=SECONDS,
                )
                done += int(outcome.rate * SECONDS)
            # After the first round everything has been there that will ever be.
            level = level or resident_bytes(daemon)
            self.assertLess(resident_bytes(daemon) - level, GROWTH_BYTES)
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
