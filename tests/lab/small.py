"""Machines small enough for plain Python, of every number of bits a weight can have."""

from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.params import MachineParameters, Rule

SHAPES = [
    (1, 9, 2),
    (2, 8, 1),
    (3, 13, 3),
    (4, 5, 4),
    (8, 9, 6),
    (3, 3, 10),
    (3, 7, 20),
    (5, 12, 40),
    (2, 9, 127),
]


def machine(K: int, N: int, L: int, rule: Rule = Rule.RANDOM_WALK) -> MachineParameters:
    return MachineParameters(K=K, N=N, L=L, rule=rule)


def exchange(K: int, N: int, L: int, rule: Rule = Rule.RANDOM_WALK, **options: int) -> Exchange:
    return Exchange(machine=machine(K, N, L, rule), **options)  # type: ignore[arg-type]  # tests'


def signed(values: bytes) -> list[int]:
    return [value - 256 if value > 127 else value for value in values]
