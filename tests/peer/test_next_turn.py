"""What is left for the next turn of the reactor."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.next_turn import NextTurn


class NextTurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls = 0
        self.turn = NextTurn(self.clock)

    def call(self) -> None:
        self.calls += 1

    def test_calls_once_however_often_it_is_asked(self) -> None:
        self.turn.ask(self.call)
        self.turn.ask(self.call)
        self.assertEqual(self.calls, 0)
        self.clock.advance(0)
        self.assertEqual((self.calls, self.clock.getDelayedCalls()), (1, []))

    def test_the_call_may_ask_for_another(self) -> None:
        def call() -> None:
            self.call()
            if self.calls < 3:
                again.ask(call)

        again = NextTurn(self.clock)
        again.ask(call)
        self.clock.advance(0)
        self.assertEqual((self.calls, self.clock.getDelayedCalls()), (3, []))

    def test_cancelling_tells_whether_a_call_was_to_come(self) -> None:
        self.assertFalse(self.turn.cancel())
        self.turn.ask(self.call)
        self.assertTrue(self.turn.cancel())
        self.assertEqual((self.calls, self.clock.getDelayedCalls()), (0, []))
