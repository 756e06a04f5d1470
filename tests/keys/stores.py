"""Stores with keys in them, and small bounds."""

from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.store import KeyStore
from tests.keys.pair import key, key_id

LIMITS = StoreLimits(
    high=4,
    low=2,
    late=8,
    lifetime=100.0,
    late_time=20.0,
    dead_peer=10.0,
    settle=1.0,
    reuse=30.0,
    remembered=64,
)


def put(store: KeyStore, number: int, now: float = 0.0) -> None:
    """Add a key as role 0 does: the even ones are its own."""
    store.add(key_id(number), key(number), owner=number % 2 == 0, now=now)


def filled(numbers: int, limits: StoreLimits = LIMITS, now: float = 0.0) -> KeyStore:
    """Return the store of role 0 with keys of both halves, the own ones confirmed."""
    store = KeyStore(limits)
    for number in range(numbers):
        put(store, number, now)
        store.confirm(key_id(number))
    return store
