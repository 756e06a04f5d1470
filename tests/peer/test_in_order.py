"""Events that cause others, and fail."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.in_order import InOrder


class InOrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[int] = []
        self.supply: list[int] = []
        self.order = InOrder(self.more)

    def do(self, number: int) -> None:
        """Each number causes those from 20 on that are smaller."""
        self.order.put(range(20, number), self.do)
        self.done.append(number)
        if number < 0:
            raise ZeroDivisionError

    def more(self) -> list[int]:
        return [self.supply.pop()] if self.supply else []

    def test_what_is_caused_waits_for_what_was_there(self) -> None:
        self.order.put([22, 5], self.do)
        self.assertEqual(self.done, [22, 5, 20, 21, 20])

    def test_what_fails_is_logged_and_the_rest_is_done(self) -> None:
        self.order.put([-1, 2, -3, 4], self.do)
        self.assertEqual(self.done, [-1, 2, -3, 4])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_more_is_asked_for_when_all_is_done(self) -> None:
        self.supply = [3, 21]
        self.order.put([22], self.do)
        self.assertEqual(self.done, [22, 20, 21, 20, 21, 20, 3])
        self.order.put([1], self.do)
        self.assertEqual(self.done[-1], 1)
