"""The compiled core: what one step of one machine costs, seen from Python.

Two banks exchange packages of random inputs, and machines that agreed long enough are drawn anew
on both sides, as on a link. A step is one evaluation and one learning call's share of one side;
figures are medians over rounds. The baseline of the same run is the plain-Python definition.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.report import Report, main
from dynamicrypt._core import Bank, instruction_sets, system_fill
from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.tpm.machine import new_bank, new_machine
from dynamicrypt.tpm.reference_bank import Bank as ReferenceBank

#: The machine of which a step shall take 60 ns at most, in packages of 64.
COMMON = MachineParameters(K=3, N=100, L=3, rule=Rule.RANDOM_WALK)
#: A long machine, whose weights leave the nearest cache sooner.
LONG = MachineParameters(K=3, N=1000, L=10, rule=Rule.RANDOM_WALK)
AGREEMENTS = 32
NEVER = 1 << 40


@contextmanager
def on(name: str) -> Iterator[None]:
    """Banks made inside run on the instruction set of that name."""
    before = os.environ.get("DYNAMICRYPT_CORE")
    os.environ["DYNAMICRYPT_CORE"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["DYNAMICRYPT_CORE"]
        else:
            os.environ["DYNAMICRYPT_CORE"] = before


def step_ns(ours: Bank | ReferenceBank, theirs: Bank | ReferenceBank, seconds: float) -> float:
    """Nanoseconds of a step of `ours` in rounds with `theirs`."""
    clock = time.perf_counter
    costs: list[float] = []
    end = clock() + seconds
    while clock() < end or len(costs) < 3:
        inputs = os.urandom(ours.round_input_bytes)
        steps = ours.active * ours.package
        start = clock()
        outputs = ours.evaluate(inputs)
        evaluated = clock()
        answer = theirs.evaluate(inputs)
        waited = clock()
        agreed, _ = ours.learn(answer, AGREEMENTS, NEVER)
        learned = clock()
        theirs.learn(outputs, AGREEMENTS, NEVER)
        costs.append((learned - waited + evaluated - start) / steps)
        for machine in agreed:
            ours.redraw(machine)
            theirs.redraw(machine)
    return statistics.median(costs) * 1e9


def banks(parameters: MachineParameters, machines: int, package: int) -> tuple[Bank, Bank]:
    """Both sides of an exchange."""
    return (
        new_bank(parameters, machines=machines, package=package),
        new_bank(parameters, machines=machines, package=package),
    )


def call_ns(call: object, seconds: float) -> float:
    """Nanoseconds of a call without arguments, the best of ten runs."""
    assert callable(call)
    number, best = 64, float("inf")
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(number):
            call()
        took = time.perf_counter() - start
        best = min(best, took / number)
        number = max(1, int(seconds / 10 / best))
    return best * 1e9


def measure(report: Report) -> None:
    """Every figure of the core."""
    seconds = 0.5 if report.quick else 3.0
    report.say("one step, K=3, N=100, packages of 64")
    step = step_ns(*banks(COMMON, 64, 64), seconds)
    report.add("core.step_ns", step, "ns", at_most=60)
    report.say("the same in plain Python")
    plain = (ReferenceBank(COMMON, 1, 64, system_fill), ReferenceBank(COMMON, 1, 64, system_fill))
    report.add("core.reference_to_step", step_ns(*plain, seconds) / step, "x")
    for package in (4, 16, 64):
        report.say(f"thesis parameters, packages of {package}")
        cost = step_ns(*banks(THESIS, 2000, package), seconds)
        goal = 20 if package == 16 else None
        report.add(f"core.thesis_step_{package}_ns", cost, "ns", at_most=goal)
    report.say("K=3, N=1000")
    report.add("core.long_step_ns", step_ns(*banks(LONG, 16, 64), seconds), "ns")
    for name in instruction_sets():
        with on(name):
            report.say(f"instruction set {name}")
            report.add(f"core.step_{name}_ns", step_ns(*banks(COMMON, 64, 64), seconds), "ns")
            report.add(
                f"core.thesis_step_{name}_ns", step_ns(*banks(THESIS, 2000, 16), seconds), "ns"
            )
    report.say("single calls")
    bank = new_bank(THESIS, machines=2000, package=16)
    blocks = memoryview(bytearray(bank.round_input_bytes))
    steps = 2000 * 16
    report.add(
        "core.thesis_counters_ns",
        call_ns(lambda: bank.counter_blocks(blocks), seconds / 4) / steps,
        "ns a step",
    )
    report.add("core.redraw_ns", call_ns(lambda: bank.redraw(0), seconds / 4), "ns")
    report.add("core.weights_ns", call_ns(lambda: bank.weights(0), seconds / 4), "ns")
    queried = new_bank(COMMON, machines=1, package=1)
    report.add("core.query_ns", call_ns(lambda: queried.query(1.0, system_fill), seconds / 4), "ns")
    machine, inputs = new_machine(THESIS), b"\x01\xff" * 36
    report.add("core.machine_ns", call_ns(lambda: machine.evaluate(inputs), seconds / 4), "ns")


if __name__ == "__main__":
    sys.exit(main("core", measure))
