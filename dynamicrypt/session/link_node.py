"""What a node brings to every one of its links."""

from __future__ import annotations

from dataclasses import dataclass, field

from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_bank import Fill, MakeBank
from dynamicrypt.session.link_scratch import Scratch


@dataclass(frozen=True, slots=True, kw_only=True)
class ThisNode:
    """The node as its links need it, the same for all of them.

    `name` and `incarnation`, the mark of this process, are what partners are told. `fill` gives
    random bytes, `make_bank` freshly drawn banks. The links share `scratch`.
    """

    fingerprint: bytes
    name: str
    incarnation: bytes
    make_bank: MakeBank
    fill: Fill
    times: LinkTimes = field(default_factory=LinkTimes)
    scratch: Scratch = field(default_factory=Scratch)
