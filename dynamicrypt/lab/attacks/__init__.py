"""Attacks on the exchange, one to a file, each with its paper."""

from dynamicrypt.lab.attacks.attack import Attack, NoAttack
from dynamicrypt.lab.attacks.genetic import Genetic
from dynamicrypt.lab.attacks.geometric import Geometric
from dynamicrypt.lab.attacks.majority import Majority
from dynamicrypt.lab.attacks.names import NAMES, attack_named
from dynamicrypt.lab.attacks.particle import Particle
from dynamicrypt.lab.attacks.probabilistic import Probabilistic
from dynamicrypt.lab.attacks.simple import Simple

__all__ = [
    "NAMES",
    "Attack",
    "Genetic",
    "Geometric",
    "Majority",
    "NoAttack",
    "Particle",
    "Probabilistic",
    "Simple",
    "attack_named",
]
