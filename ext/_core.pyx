# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The compiled core: machines, banks of machines and locked memory, in C under Cython."""

include "secret.pxi"
include "hardening.pxi"
include "randomness.pxi"
include "machine.pxi"
include "simulation.pxi"
include "particle.pxi"
include "kernels.pxi"
include "bank_h.pxi"
include "bank.pxi"
