"""Rounds of two banks in one process, and what they cost, held against the session and the link."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.link_hosts import Pair, pair
from dynamicrypt.lab import cost
from dynamicrypt.lab.bank import Banks, Log
from dynamicrypt.params import PROFILES, ExchangeParameters, MachineParameters, Rule
from dynamicrypt.wire.link import encode
from dynamicrypt.wire.link_messages import Confirm, Query, Round

#: How far the calculated bytes of a round may be from those of a real link, as a share: at the
#: beginning numbers have fewer digits, and the link carries a little else.
ROUND_TOLERANCE = 0.04
#: The same for the rounds of a key: of so many keys, their number has a spread of two percent.
KEYS = 2000
KEY_TOLERANCE = 0.15


def small(**changes: object) -> ExchangeParameters:
    machine = MachineParameters(K=3, N=16, L=3, rule=Rule.RANDOM_WALK)
    plain = ExchangeParameters(machine=machine, package=8, fusion=2, machines=40, step_limit=300)
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests' own


def keys_of(nodes: Pair, keys: int) -> tuple[float, float]:
    """Wait until a link made so many keys; rounds and bytes for one."""
    before = nodes.counts()
    made = 0.0
    while made < keys:
        nodes.rates(1, 0.2)
        after = nodes.counts()
        made = sum(now["keys"] - then["keys"] for now, then in zip(after, before, strict=True))
    rounds, size = (after[0][name] - before[0][name] for name in ("rounds", "bytes"))
    return rounds / made, size / made


class RoundTests(SynchronousTestCase):
    def test_runs_end_in_a_pass_at_the_limit_or_with_the_fourth_failed_probe(self) -> None:
        log = Banks(small(), seed=1).play(400)
        self.assertGreater(len(log.pass_steps), 200)
        self.assertGreater(len(log.differing_at_limit), 20)
        self.assertGreater(len(log.differing_at_probe), 20)
        self.assertEqual(sum(log.passes), len(log.pass_steps))
        self.assertTrue(all(active + probed <= 40 for active, probed in _counts(log)))
        # 32 agreements in a row are four packages at least; no run goes on far after the limit.
        self.assertGreaterEqual(min(log.pass_steps), 32)
        self.assertLess(max(log.pass_steps), 300 + 4 * 40)

    def test_few_unequal_machines_pass(self) -> None:
        log = Banks(small(), seed=2).play(3000)
        unequal = len(log.differing_at_pass) + len(log.differing_at_probe)
        self.assertLess(len(log.differing_at_pass), 5 * unequal / 256)
        self.assertTrue(all(log.differing_at_probe))

    def test_seeds_fix_the_rounds(self) -> None:
        first, same, other = (Banks(small(), seed=seed).play(60) for seed in (1, 1, 2))
        self.assertEqual(first.pass_steps, same.pass_steps)
        self.assertNotEqual(first.pass_steps, other.pass_steps)

    def test_partners_take_turns_with_queries(self) -> None:
        log = Banks(small(package=1, query=900, step_limit=600), seed=3).play(500)
        self.assertGreater(len(log.pass_steps), 20)


def _counts(log: Log) -> list[tuple[int, int]]:
    return list(zip(log.active, log.probed, strict=True))


class LineTests(SynchronousTestCase):
    def test_lines_are_as_long_as_the_codec_makes_them(self) -> None:
        parameters = small()
        for active, probed in ((40, 0), (33, 7), (0, 40)):
            line = Round(
                channel=1, round=12345, outputs=bytes(-(-active * 8 // 8)), probes=bytes(probed)
            )
            self.assertEqual(len(encode(line)), cost.package_line(parameters, active, probed))
        asking = small(package=1, query=900)
        question = Query(
            channel=1,
            round=12345,
            inputs=bytes(asking.package_input_bytes * 9),
            outputs=bytes(2),
            probes=b"p",
        )
        self.assertEqual(len(encode(question)), cost.asking_line(asking, 9, 1))
        confirm = Confirm(channel=1, first=12345, tags=bytes(48))
        self.assertEqual(len(encode(confirm)), cost.confirmation_line(3))
        self.assertEqual(cost.confirmation_line(0), 0)


class CostTests(SynchronousTestCase):
    def test_a_key_of_more_machines_costs_as_much_more(self) -> None:
        one, four = (cost.measure(small(fusion=m), passes=1500, seed=4) for m in (1, 4))
        self.assertApproximates(four.steps / one.steps, 4, 0.1)
        self.assertLess(four.bytes / one.bytes, 4)  # tags are for keys, not for machines

    def test_larger_packages_need_fewer_rounds(self) -> None:
        few, many = (cost.measure(small(package=B), passes=600, seed=5) for B in (2, 16))
        self.assertGreater(few.run_rounds.value, 5 * many.run_rounds.value)

    def test_nothing_costs_nothing(self) -> None:
        with self.assertRaises(ValueError):
            cost.cost_of(Log(parameters=small()))

    def test_the_link_costs_what_is_calculated(self) -> None:
        # Every run passes in the end, so that the rate is even, and after some tens of rounds.
        free: dict[str, Any] = {"step_limit": 1 << 20, "machines": 64}
        for changes in ({**free, "package": 32}, {**free, "package": 8, "fusion": 2}):
            parameters = replace(PROFILES["fast"].exchange, **changes)
            calculated = cost.measure(parameters, passes=3000, seed=6)
            with pair("fast", changes) as nodes:
                nodes.call()
                keys_of(nodes, KEYS // 2)  # a bank begins with all its machines at the same step
                rounds, size = keys_of(nodes, KEYS)
            a_round = size / rounds
            low = calculated.bytes / calculated.rounds
            self.assertGreater(a_round, low * (1 - ROUND_TOLERANCE), str(changes))
            high = low + cost.RECORD_OVERHEAD  # where the partners do not fall into turns
            self.assertLess(a_round, high * (1 + ROUND_TOLERANCE), str(changes))
            for ratio in calculated.rounds / rounds, calculated.bytes / size:
                self.assertLess(abs(float(np.log(ratio))), KEY_TOLERANCE, str(changes))
