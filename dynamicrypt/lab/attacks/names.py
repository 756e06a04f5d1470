"""Attacks by the names that commands and files use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks.attack import Attack, NoAttack
from dynamicrypt.lab.attacks.genetic import Genetic
from dynamicrypt.lab.attacks.geometric import Geometric
from dynamicrypt.lab.attacks.majority import Majority
from dynamicrypt.lab.attacks.particle import Particle
from dynamicrypt.lab.attacks.probabilistic import Probabilistic
from dynamicrypt.lab.attacks.simple import Simple

_ENSEMBLES: Final[Mapping[str, type[Simple | Geometric | Majority | Genetic | Particle]]] = {
    "simple": Simple,
    "geometric": Geometric,
    "majority": Majority,
    "genetic": Genetic,
    "particle": Particle,
}

#: The names of all attacks.
NAMES: Final = (*_ENSEMBLES, "probabilistic")


def attack_named(name: str, attackers: int | None = None) -> Attack:
    """The attack of this name, "none" for nobody, with its usual number of machines for None.

    Raises ParameterError for an unknown name, or a number where the attack has none.
    """
    if name in _ENSEMBLES:
        kind = _ENSEMBLES[name]
        return kind() if attackers is None else kind(attackers=attackers)
    if attackers is not None:
        raise ParameterError(f"the attack {name!r} has no number of attackers")
    if name == "none":
        return NoAttack()
    if name == "probabilistic":
        return Probabilistic()
    raise ParameterError(f"{name!r} is no attack. Name one of none, {', '.join(NAMES)}")
