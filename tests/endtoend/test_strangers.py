"""Strangers at the port for nodes, as many as are let in: what they cost, and what stays of them.

`tests.soak.strangers` has the long form, beside a running channel.
"""

from benchmarks.wire1 import cpu_seconds
from tests.endtoend.service import ServiceTestCase
from tests.strangers import Strangers

#: 50 of them a second must leave four fifths of a processor to the channels.
MOST_SECONDS_EACH = 0.2 / 50


class StrangersTests(ServiceTestCase):
    def test_they_cost_little_and_leave_nothing(self) -> None:
        node = self.node()
        strangers = Strangers(node.link_port)
        self.addCleanup(strangers.leave)
        used = cpu_seconds(node)

        def attack() -> None:
            strangers.knock(150)
            strangers.leave()

        self.assertUnmoved(node, attack)
        self.assertGreater(strangers.judged, 200)
        self.assertLess((cpu_seconds(node) - used) / 300, MOST_SECONDS_EACH)
