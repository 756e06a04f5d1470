"""What the log says of a partner of wire 1 that is dialled in vain."""

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.node.thesis import ThesisChannel
from dynamicrypt.peer.thesis import dial


class NotReachedTests(SynchronousTestCase):
    def test_the_first_failure_is_the_callers_and_a_later_one_is_logged(self) -> None:
        channel = ThesisChannel(service="shop", partner="bank", clock=Clock())
        endpoint: Any = None
        build: Any = None
        dialler = channel.dialler = dial(endpoint, build, channel.not_reached, Clock())
        with capturedLogs() as logged:
            channel.not_reached(SynchronisationError("nobody there"))
            self.assertEqual(logged, [])
            dialler.tried = True
            channel.not_reached(SynchronisationError("nobody there"))
        (event,) = logged
        self.assertEqual((event["channel"], str(event["error"])), ("shop/bank", "nobody there"))
