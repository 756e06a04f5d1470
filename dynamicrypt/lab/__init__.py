"""The laboratory: exchanges between tree parity machines, simulated, attacked and measured.

An Experiment is an Exchange, an attack, a number of runs and a seed; its Outcome has numpy arrays
with an entry for each run. `synchronise` and `attack` are the short forms. What else can be
measured has a module of its own: `sweep`, `finish`, `near_miss`, `cost`, `strength`, `frontier`,
`weights`, `randomness`, `reproduce`. Nothing here touches the node or its keys.
"""

from dynamicrypt.lab.attacks import (
    Genetic,
    Geometric,
    Majority,
    NoAttack,
    Probabilistic,
    Simple,
    attack_named,
)
from dynamicrypt.lab.errors import ExperimentError, ExtraError, RecordError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment, attack, synchronise
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.statistics import Estimate, Proportion
from dynamicrypt.params import MachineParameters, Rule

__all__ = [
    "Criterion",
    "Estimate",
    "Exchange",
    "Experiment",
    "ExperimentError",
    "ExtraError",
    "Genetic",
    "Geometric",
    "MachineParameters",
    "Majority",
    "NoAttack",
    "Outcome",
    "Probabilistic",
    "Proportion",
    "RecordError",
    "Rule",
    "Simple",
    "attack",
    "attack_named",
    "synchronise",
]
