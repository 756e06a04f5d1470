"""The key store of a wire 2 channel: bounds, owners, times, erasure."""

import sys
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    KeyExpiredError,
    NoKeyYetError,
    ParameterError,
    UnknownKeyError,
)
from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.limits import MAX_MESSAGES, StoreLimits
from dynamicrypt.keys.pool_key import Mode, Use
from dynamicrypt.keys.store import KeyStore, Levels
from tests.keys.memory import secrets_in
from tests.keys.pair import key, key_id
from tests.keys.stores import LIMITS, filled, put

FAST = Use(Mode.FAST, 0, 1)
SECURE = Use(Mode.SECURE, 0, 1)


class LimitsTests(SynchronousTestCase):
    def test_holder_keeps_a_key_for_its_life_the_late_window_and_a_dead_peer(self) -> None:
        self.assertEqual(LIMITS.held_time, 130.0)

    def test_refuses_contradictions(self) -> None:
        wrong: list[Callable[[], StoreLimits]] = [
            lambda: StoreLimits(low=0),
            lambda: StoreLimits(low=9, high=8),
            lambda: StoreLimits(late=7, high=8, low=4),
            lambda: StoreLimits(remembered=1),
            lambda: StoreLimits(lifetime=-1.0),
            lambda: StoreLimits(gaps=-1),
        ]
        for limits in wrong:
            self.assertRaises(ParameterError, limits)


class OwnerTests(SynchronousTestCase):
    def test_own_key_is_used_only_when_it_is_confirmed(self) -> None:
        store = KeyStore(LIMITS)
        put(store, 0)
        self.assertRaises(NoKeyYetError, store.own.take, SECURE, 1, 0.0)
        self.assertRaises(NoKeyYetError, store.own.share, FAST, 0.0)
        self.assertEqual(store.levels.offered, 1)
        self.assertTrue(store.confirm(key_id(0)))
        self.assertEqual(store.own.take(SECURE, 1, 0.0)[0].key_id, key_id(0))

    def test_confirmation_counts_once_and_for_own_keys_that_wait(self) -> None:
        store = filled(2)
        for number in (0, 1, 2):
            self.assertFalse(store.confirm(key_id(number)))
        self.assertEqual(store.levels, Levels(offered=0, free=1, in_use=0, held=1, oldest=0.0))

    def test_key_of_the_partner_is_never_taken(self) -> None:
        store = KeyStore(LIMITS)
        put(store, 1)
        store.confirm(key_id(1))
        self.assertRaises(NoKeyYetError, store.own.take, SECURE, 1, 0.0)

    def test_mode_2_takes_the_oldest_and_mode_1_the_newest(self) -> None:
        store = filled(6)
        self.assertEqual(store.own.share(FAST, 0.0).key_id, key_id(4))
        self.assertEqual(store.own.take(SECURE, 1, 0.0)[0].key_id, key_id(0))

    def test_takes_all_or_none(self) -> None:
        store = filled(6)
        self.assertRaises(NoKeyYetError, store.own.take, SECURE, 4, 0.0)
        taken = store.own.take(SECURE, 3, 0.0)
        self.assertEqual([own.key_id for own in taken], [key_id(0), key_id(2), key_id(4)])

    def test_shared_key_serves_on_until_a_newer_one_is_ready(self) -> None:
        store = filled(4)
        first = store.own.share(FAST, 0.0)
        self.assertIs(store.own.share(FAST, 5.0), first)
        put(store, 4, 5.0)
        self.assertIs(store.own.share(FAST, 5.0), first)
        store.confirm(key_id(4))
        self.assertEqual(store.own.share(FAST, 5.0).key_id, key_id(4))
        self.assertEqual(first.cell, -1)

    def test_shared_key_settles_before_a_newer_one_takes_over(self) -> None:
        store = filled(2)
        first = store.own.share(FAST, 0.0)
        put(store, 2, 0.5)
        store.confirm(key_id(2))
        self.assertIs(store.own.share(FAST, 0.9), first)
        self.assertIsNot(store.own.share(FAST, 1.0), first)

    def test_shared_key_is_replaced_in_time_where_there_is_another(self) -> None:
        store = filled(4)
        first = store.own.share(FAST, 20.0)
        self.assertIs(store.own.share(FAST, 49.0), first)
        second = store.own.share(FAST, 50.0)
        self.assertEqual(second.key_id, key_id(0))
        self.assertIs(store.own.share(FAST, 90.0), second)

    def test_modes_and_their_numbers_never_share_a_key(self) -> None:
        store = filled(8)
        uses = (FAST, Use(Mode.COUNTED, 5, 1), Use(Mode.COUNTED, 6, 1), Use(Mode.FAST, 0, 2))
        self.assertEqual(len({store.own.share(use, 0.0).key_id for use in uses}), 4)

    def test_mode_3_stops_at_n(self) -> None:
        store = filled(4)
        use = Use(Mode.COUNTED, 2, 1)
        first = store.own.share(use, 0.0)
        first.counter = 2
        self.assertIsNot(store.own.share(use, 0.0), first)
        self.assertEqual(first.cell, -1)

    def test_key_is_left_before_its_limit_of_messages(self) -> None:
        for later in (0.0, 2.0):
            store = filled(4)
            first = store.own.share(FAST, 0.0)
            first.counter = MAX_MESSAGES - 1
            self.assertIs(store.own.share(FAST, later), first)
            first.counter = MAX_MESSAGES
            self.assertIsNot(store.own.share(FAST, later), first)
            self.assertEqual(first.cell, -1)

    def test_order_of_the_confirmations_does_not_matter(self) -> None:
        store = KeyStore(LIMITS)
        for number, born in ((0, 0.0), (2, 50.0), (4, 60.0)):
            put(store, number, born)
        for number in (4, 0, 2):
            store.confirm(key_id(number))
        store.own.expire(100.0)
        self.assertEqual(store.levels.free, 2)
        self.assertEqual(store.own.share(FAST, 100.0).key_id, key_id(4))
        self.assertEqual(store.own.take(SECURE, 1, 100.0)[0].key_id, key_id(2))

    def test_keys_in_use_at_once_are_bounded(self) -> None:
        limits = StoreLimits(high=64, low=2, late=64)
        store = filled(100, limits)
        shared = [store.own.share(Use(Mode.COUNTED, n, 1), float(n)) for n in range(1, 40)]
        self.assertEqual(store.levels.in_use, 16)
        self.assertEqual([own.cell >= 0 for own in shared], [False] * 23 + [True] * 16)


class BoundTests(SynchronousTestCase):
    def test_pauses_when_high_and_resumes_when_low(self) -> None:
        store = filled(6)
        self.assertEqual((store.should_pause, store.should_resume), (False, False))
        put(store, 6)
        self.assertEqual((store.should_pause, store.should_resume), (True, False))
        store.confirm(key_id(6))
        self.assertEqual((store.should_pause, store.should_resume), (True, False))
        store.own.take(SECURE, 2, 0.0)
        self.assertEqual((store.should_pause, store.should_resume), (False, True))
        put(store, 8)
        self.assertEqual((store.should_pause, store.should_resume), (False, False))

    def test_neither_half_grows_without_bound(self) -> None:
        store = filled(200)
        self.assertEqual(store.levels, Levels(offered=0, free=4, in_use=0, held=12, oldest=0.0))
        for number in range(200, 300, 2):
            put(store, number)
        self.assertEqual(store.levels.offered, 8)

    def test_owner_drops_before_the_holder(self) -> None:
        store = filled(8)
        for number in range(8, 20, 2):
            put(store, number)
        # The holder keeps the last 12, the owner takes from the last 8.
        self.assertEqual([own.key_id for own in store.own.take(SECURE, 1, 0.0)], [key_id(4)])

    def test_full_store_of_a_channel_is_small(self) -> None:
        store = filled(200, StoreLimits())
        halves = [*store.own._free, *store.held._keys.values()]
        tables = (
            store.own._free,
            store.held._keys,
            store.own._offered,
            store.held._gone._young.stones,
        )
        size = sum(sys.getsizeof(each) + sys.getsizeof(each.key_id) for each in halves)
        size += sum(sys.getsizeof(table) for table in tables) + 4096 * len(store.cells._pages)
        self.assertLess(size, 60_000)


class TimeTests(SynchronousTestCase):
    def test_own_key_expires(self) -> None:
        store = filled(4)
        shared = store.own.share(FAST, 0.0)
        self.assertEqual(len(store.own.take(SECURE, 1, 99.0)), 1)
        store = filled(4)
        self.assertRaises(NoKeyYetError, store.own.take, SECURE, 1, 100.0)
        self.assertEqual(shared.born, 0.0)
        store = filled(4)
        self.assertRaises(NoKeyYetError, store.own.share, FAST, 100.0)

    def test_shared_key_expires(self) -> None:
        store = filled(2)
        shared = store.own.share(FAST, 99.5)
        self.assertIs(store.own.share(FAST, 99.9), shared)
        self.assertRaises(NoKeyYetError, store.own.share, FAST, 100.0)
        self.assertEqual(shared.cell, -1)

    def test_confirmation_that_never_comes_is_not_awaited_for_long(self) -> None:
        store = KeyStore(LIMITS)
        put(store, 0)
        store.expire(9.0)
        self.assertEqual(store.levels.offered, 1)
        store.expire(10.0)
        self.assertEqual(store.levels.offered, 0)
        self.assertFalse(store.confirm(key_id(0)))

    def test_held_key_outlives_the_own_one(self) -> None:
        store = filled(2)
        self.assertEqual(store.held.find(key_id(1), 129.0).key_id, key_id(1))
        self.assertRaises(KeyExpiredError, store.held.find, key_id(1), 130.0)

    def test_idle_store_forgets_everything_in_time(self) -> None:
        store = filled(8)
        store.own.share(FAST, 0.0)
        for now in (100.0, 130.0, 260.0, 390.0, 520.0):
            store.expire(now)
        self.assertEqual(store.levels, Levels(offered=0, free=0, in_use=0, held=0, oldest=None))
        self.assertEqual(secrets_in(store.cells), b"")
        self.assertRaises(UnknownKeyError, store.held.find, key_id(1), 520.0)


class ErasureTests(SynchronousTestCase):
    def test_key_that_is_not_shared_is_erased_wherever_it_is(self) -> None:
        store = filled(4)
        for number in (4, 5):
            put(store, number)
        for number in (0, 4, 5, 99):
            store.discard(key_id(number))
        self.assertEqual(store.levels, Levels(offered=0, free=1, in_use=0, held=2, oldest=0.0))
        self.assertEqual(len(store.cells), 3)
        self.assertRaises(UnknownKeyError, store.held.find, key_id(5), 0.0)

    def test_end_of_a_process_erases_everything(self) -> None:
        store = filled(8)
        store.own.share(FAST, 0.0)
        put(store, 8)
        store.held.spend(store.held.find(key_id(1), 0.0), 0.0)
        store.erase()
        self.assertEqual(store.levels, Levels(offered=0, free=0, in_use=0, held=0, oldest=None))
        self.assertEqual(secrets_in(store.cells), b"")
        for number in (1, 3):
            self.assertRaises(UnknownKeyError, store.held.find, key_id(number), 0.0)

    def test_stores_that_share_cells_keep_to_themselves(self) -> None:
        cells = KeyCells()
        first, second = KeyStore(LIMITS, cells), KeyStore(LIMITS, cells)
        for store, number in ((first, 0), (second, 2)):
            put(store, number)
            store.confirm(key_id(number))
        first.erase()
        (own,) = second.own.take(SECURE, 1, 0.0)
        self.assertEqual(bytes(cells.view(own.cell)), key(2))
