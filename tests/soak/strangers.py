"""Ten thousand strangers, 50 a second, at the door of a node whose channel runs at full speed."""

import os
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.link_hosts import Pair, pair
from tests.endtoend.service import GROWTH_BYTES
from tests.strangers import Strangers

STRANGERS = int(os.environ.get("SOAK_STRANGERS", "10000"))
RATE = 50.0
INTERVAL = 2.0
#: A channel that has a processor for itself keeps at least this share of its rate.
KEPT = 0.8


class StrangersTests(SynchronousTestCase):
    def test_a_running_channel_keeps_its_rate_and_nothing_grows(self) -> None:
        with pair("thesis") as nodes:
            nodes.call()
            time.sleep(3)
            strangers = Strangers(nodes.caller.ports[0], rate=RATE)
            self.addCleanup(strangers.leave)
            before = nodes.rates(10, INTERVAL)
            crowd = threading.Thread(target=strangers.knock, args=(STRANGERS,))
            began = nodes.counts()[0]
            crowd.start()
            level, files = 0.0, 0
            while crowd.is_alive():
                crowd.join(INTERVAL)
                # By a quarter the stores hold and remember what they ever will.
                if not level and strangers.came > STRANGERS / 4:
                    level, files = nodes.counts()[0]["memory"], self.files(nodes)
            ended = nodes.counts()[0]
            strangers.leave()
            after = nodes.rates(10, INTERVAL)
            during = {name: ended[name] - began[name] for name in ended}
            # What they cost beyond the keys, which own ones are half of; other programs on this
            # machine change the rates, but hardly this.
            usual = 2e-6 * min(before.cpu_us_per_key, after.cpu_us_per_key)
            cost = (during["cpu"] - during["keys"] * usual) / STRANGERS
            grown = nodes.counts()[0]["memory"] - level
            print(
                f"{strangers.judged} of {STRANGERS} judged, {1000 * cost:.2f} ms each; own keys per"
                f" second {before.keys_per_second / 2:.0f} before,"
                f" {during['keys'] / during['time']:.0f} meanwhile,"
                f" {after.keys_per_second / 2:.0f} after; grown by {grown / 1024:.0f} KiB"
            )
            self.assertGreaterEqual(1 - cost * RATE, KEPT)
            self.assertLess(grown, GROWTH_BYTES)
            self.assertLessEqual(self.files(nodes), files)

    def files(self, nodes: Pair) -> int:
        return len(list(Path(f"/proc/{nodes.caller.pid}/fd").iterdir()))
