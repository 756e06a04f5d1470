"""No course of events breaks a promise of the stores of two nodes."""

from random import Random

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys import window
from tests.keys.two_stores import Forgetful, TwoStores


def wander(world: TwoStores, seed: int, steps: int) -> None:
    """Go a long way at random, where a search for the shortest one seldom gets."""
    source = Random(seed)
    world.start()
    for _ in range(steps):
        role = source.randrange(2)
        match source.choices(range(10), (9, 9, 9, 4, 3, 3, 6, 6, 2, 1))[0]:
            case 0 if world.linked:
                world.make_keys(source.randint(1, 8), source.randint(0, 8))
            case 1 if world.number:
                mode = source.choice([(1, 0), (1, 0), (2, 0), (3, 2), (3, 9)])
                world.seal(role, mode, source.randint(1, 6), source.random() < 0.5)
            case 2:
                world.wait(source.choice([0.5, 2.0, 9.0, 9.0, 60.0, 130.0]))
            case 3 if world.number:
                world.split(role, source.randint(2, 3))
            case 4 if world.number:
                world.stream(role)
            case 5 if world.number:
                world.hand_out(role)
            case 6 if world.sent:
                world.open(source.choice([0.02, 0.1, 0.3]), source)
            case 7 if world.sent:
                world.open_batch(source.randint(1, 20), source)
                world.forge(source.randint(1, 5), source)
            case 8:
                world.cut(source.choice([0, 1, None])) if world.linked else world.dial_again()
            case 9 if world.number > 200:
                world.restart(role)
        world.ready_keys_are_held_by_the_partner()
        world.nothing_grows_and_nothing_stays()
        # What is long gone is replayed seldom, but it is.
        if len(world.sent) > 150:
            del world.sent[source.randrange(75)]


class TwoStoresTests(SynchronousTestCase):
    def test_no_course_of_events_breaks_a_promise(self) -> None:
        run_state_machine_as_test(TwoStores, settings=settings(stateful_step_count=60))
        for seed in range(6):
            wander(TwoStores(), seed, 500)

    def test_nor_where_little_is_remembered(self) -> None:
        self.patch(window, "WINDOW_BITS", 4)
        run_state_machine_as_test(Forgetful, settings=settings(stateful_step_count=60))
        for seed in range(6):
            wander(Forgetful(), seed, 500)
