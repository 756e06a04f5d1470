"""How many unfinished handshakes a listener bears."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.admission import (
    MAX_FAMILIAR,
    MAX_PER_ADDRESS,
    MAX_UNFINISHED,
    RATE,
    RATE_PER_ADDRESS,
    Admission,
    Ticket,
)

HOSTS = st.sampled_from(
    [f"192.0.2.{number}" for number in range(40)] + ["::1", "::2", "2001:db8::1"]
)


class AdmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.admission = Admission(self.clock.seconds)

    def admit(self, host: str) -> Ticket:
        ticket = self.admission.admit(host)
        assert ticket is not None
        return ticket

    def begin_and_end(self) -> Ticket | None:
        ticket = self.admission.admit("192.0.2.1")
        if ticket is not None:
            ticket.close(passed=False)
        return ticket

    def fill(self) -> list[Ticket]:
        return [self.admit(f"192.0.2.{number}") for number in range(MAX_UNFINISHED)]

    def test_an_address_has_two_handshakes(self) -> None:
        tickets = [self.admit("192.0.2.1") for _ in range(MAX_PER_ADDRESS)]
        self.assertIsNone(self.admission.admit("192.0.2.1"))
        self.admit("192.0.2.2")
        tickets[0].close(passed=False)
        self.admit("192.0.2.1")
        self.assertEqual(self.admission.turned_away, {"address": 1})

    def test_addresses_of_one_ipv6_network_are_one(self) -> None:
        self.admit("2001:db8::1")
        self.admit("2001:db8::2")
        self.assertIsNone(self.admission.admit("2001:db8::3"))
        self.admit("2001:db8:0:1::1")

    def test_a_mapped_address_is_its_ipv4_address(self) -> None:
        for host in ("::ffff:192.0.2.1", "192.0.2.1"):
            self.admit(host)
        self.assertIsNone(self.admission.admit("192.0.2.1"))

    def test_all_strangers_together_are_bounded(self) -> None:
        tickets = self.fill()
        self.assertIsNone(self.admission.admit("198.51.100.1"))
        self.assertEqual(self.admission.unfinished, MAX_UNFINISHED)
        tickets[0].close(passed=False)
        self.admit("198.51.100.1")
        self.assertEqual(self.admission.turned_away, {"unfinished": 1})

    def test_strangers_begin_at_a_bounded_rate(self) -> None:
        def begin(count: int) -> int:
            tickets = [ticket for _ in range(count) if (ticket := self.begin_and_end()) is not None]
            return len(tickets)

        self.assertEqual(begin(1000), RATE)
        self.clock.advance(0.1)
        self.assertEqual(begin(1000), RATE / 10)
        self.clock.advance(3600)
        self.assertEqual(begin(1000), RATE)
        self.assertEqual(self.admission.turned_away["rate"], 3000 - 2.1 * RATE)

    def test_a_clock_that_is_set_back_gives_nothing(self) -> None:
        for _ in range(int(RATE)):
            self.admit("192.0.2.1").close(passed=False)
        self.clock.rightNow -= 3600
        self.assertIsNone(self.admission.admit("192.0.2.1"))
        self.clock.advance(1)
        self.admit("192.0.2.1")

    def test_strangers_do_not_lock_out_a_familiar_address(self) -> None:
        self.admit("198.51.100.1").close(passed=True)
        self.fill()
        self.assertIsNone(self.admission.admit("198.51.100.2"))
        self.admit("198.51.100.1")

    def test_a_familiar_address_has_limits_of_its_own(self) -> None:
        self.admit("198.51.100.1").close(passed=True)
        count = 0
        while (ticket := self.admission.admit("198.51.100.1")) is not None:
            ticket.close(passed=False)
            count += 1
        self.assertEqual(count, RATE_PER_ADDRESS)

    def test_a_familiar_address_does_not_lock_out_another(self) -> None:
        for host in ("198.51.100.1", "198.51.100.2"):
            self.admit(host).close(passed=True)
        while (ticket := self.admission.admit("198.51.100.1")) is not None:
            ticket.close(passed=True)
        self.admit("198.51.100.2")

    def test_a_bounded_number_of_addresses_is_familiar(self) -> None:
        for number in range(MAX_FAMILIAR + 10):
            self.clock.advance(1)
            self.admit(f"10.0.{number // 256}.{number % 256}").close(passed=True)
        self.fill()
        self.assertIsNone(self.admission.admit("10.0.0.9"))
        self.admit("10.0.0.10")

    @given(steps=st.lists(st.tuples(HOSTS, st.floats(0, 1), st.booleans(), st.integers(0, 50))))
    def test_keeps_nothing_of_strangers(self, steps: list[tuple[str, float, bool, int]]) -> None:
        """Over any calls in any order the limits hold, and all tickets back is a fresh start."""
        admission = Admission(self.clock.seconds)
        held: list[Ticket] = []
        for host, pause, passed, number in steps:
            self.clock.advance(pause)
            ticket = admission.admit(host)
            if ticket is not None:
                held.append(ticket)
            if number < len(held):
                held.pop(number).close(passed=passed)
            self.assertEqual(admission.unfinished, len(held))
            self.assertLessEqual(len(held), 2 * MAX_UNFINISHED)
        for ticket in held:
            ticket.close(passed=False)
        self.assertEqual(admission._unfinished, {})
        self.assertEqual(
            [quota.taken for quota in (admission._strangers, admission._friends)], [0, 0]
        )
