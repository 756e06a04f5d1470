"""How many unfinished handshakes a listener bears, and from whom.

Until a handshake is finished a caller is a stranger, and 0.4 ms of this processor is all that one
should cost. Those above the limits are closed before a byte is read. Nothing is kept of a
stranger; of the addresses from which known peers came, the last MAX_FAMILIAR are remembered, and
have limits of their own: strangers cannot lock out a peer that dials again, nor can one such
address lock out another.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from dynamicrypt.session.allowance import Allowance, Allowances

#: Handshakes that may be unfinished at a time, of strangers and of familiar addresses each.
MAX_UNFINISHED: Final = 32
#: Of these, from one address.
MAX_PER_ADDRESS: Final = 2
#: Seconds that a handshake may take.
HANDSHAKE_SECONDS: Final = 10.0
#: Handshakes begun in a second, of strangers and of familiar addresses each; as many in a burst.
RATE: Final = 50
#: Of these, from one familiar address: the others have as many left.
RATE_PER_ADDRESS: Final = RATE // 2
#: Addresses of known peers that are remembered.
MAX_FAMILIAR: Final = 1024

#: An IPv6 host commonly owns the addresses below its /64.
_IPV6_HOST_BITS: Final = 64


@dataclass(slots=True)
class Ticket:
    """One admitted handshake; `close` is called once, when it has passed or failed."""

    admission: Admission
    source: str
    quota: _Quota

    def close(self, *, passed: bool) -> None:
        """The handshake is over; if it `passed`, its address is that of a known peer."""
        self.admission.leave(self, passed=passed)


class _Quota:
    """A number of places, and how often one is taken."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._allowance = Allowance(RATE, RATE, seconds())
        self.taken = 0

    def refusal(self) -> str | None:
        """Why nobody gets in now; None, and a token is gone, if somebody does."""
        if self.taken >= MAX_UNFINISHED:
            return "unfinished"
        return None if self._allowance.take(self._seconds()) else "rate"


class Admission:
    """Admits handshakes up to the limits above; `seconds` is the clock.

    `turned_away` counts those that were not, by the limit that they met: `address`, `unfinished`,
    `rate`.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.turned_away: Counter[str] = Counter()
        self._seconds = seconds
        self._strangers = _Quota(seconds)
        self._friends = _Quota(seconds)
        self._unfinished: Counter[str] = Counter()
        # Which known peer came last is at the end.
        self._familiar: OrderedDict[str, None] = OrderedDict()
        self._shares: Allowances[str] = Allowances(RATE_PER_ADDRESS, RATE_PER_ADDRESS)

    @property
    def unfinished(self) -> int:
        """Handshakes that are going on."""
        return self._unfinished.total()

    def admit(self, host: str) -> Ticket | None:
        """A ticket for a caller from this IP address, None if it is to be closed at once."""
        source = _source(host)
        quota = self._friends if source in self._familiar else self._strangers
        refusal = self._refusal(source, quota)
        if refusal is not None:
            self._forget(source)
            self.turned_away[refusal] += 1
            return None
        quota.taken += 1
        self._unfinished[source] += 1
        return Ticket(self, source, quota)

    def leave(self, ticket: Ticket, *, passed: bool) -> None:
        """Take back a ticket."""
        ticket.quota.taken -= 1
        self._unfinished[ticket.source] -= 1
        self._forget(ticket.source)
        if passed:
            self._familiar[ticket.source] = None
            self._familiar.move_to_end(ticket.source)
            if len(self._familiar) > MAX_FAMILIAR:
                self._familiar.popitem(last=False)

    def _refusal(self, source: str, quota: _Quota) -> str | None:
        if self._unfinished[source] >= MAX_PER_ADDRESS:
            return "address"
        if source in self._familiar and not self._shares.take(source, self._seconds()):
            return "rate"
        return quota.refusal()

    def _forget(self, source: str) -> None:
        if not self._unfinished[source]:
            del self._unfinished[source]


def _source(host: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> _IPV6_HOST_BITS:x}::/64"
    return host
