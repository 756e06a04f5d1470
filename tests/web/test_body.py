"""Bodies keep what came, in little more room than it takes, and leave nothing behind."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.web.body import Body, BodyTooLargeError, Gathered

parts = st.lists(st.binary(max_size=200), max_size=50)


class GatheredTests(SynchronousTestCase):
    @given(parts)
    def test_gives_what_came_once(self, parts: list[bytes]) -> None:
        gathered = Gathered()
        for part in parts:
            gathered.append(part)
        self.assertEqual(len(gathered), sum(map(len, parts)))
        self.assertEqual(gathered.take(), b"".join(parts))
        self.assertEqual((len(gathered), gathered.take()), (0, b""))

    @given(parts)
    def test_leaves_nothing_where_it_was(self, parts: list[bytes]) -> None:
        gathered = Gathered()
        places = [gathered._held]
        for part in parts:
            gathered.append(part)
            if places[-1] is not gathered._held:
                places.append(gathered._held)
            self.assertFalse(any(map(any, places[:-1])))
            self.assertLessEqual(len(gathered._held), max(200, 2 * len(gathered)))
        gathered.clear()
        self.assertFalse(any(map(any, places)))


class BodyTests(SynchronousTestCase):
    def test_keeps_nothing_of_what_is_too_much(self) -> None:
        body = Body(10)
        body.write(b"0123456789")
        self.assertRaises(BodyTooLargeError, body.write, b"x")
        self.assertEqual((body.tell(), body.read()), (0, b""))

    def test_keeps_nothing_when_the_request_is_over(self) -> None:
        body = Body(10)
        body.write(b"secret")
        held = body._held._held
        body.close()
        self.assertFalse(any(held))
