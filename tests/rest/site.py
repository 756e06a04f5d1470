"""A site of the REST interface, on a node that needs no network."""

from twisted.internet.task import Clock

from dynamicrypt.access.tokens import Tokens
from dynamicrypt.node.node import Node
from dynamicrypt.rest.site import make_site
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.site import BoundedSite
from tests.rest.fake import FakeNode


def fresh_site(
    node: Node | None = None,
    *,
    tokens: Tokens | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> BoundedSite:
    """A site; without tokens its v1 routes are open to all."""
    return make_site(
        node or FakeNode(),
        tokens=tokens or Tokens([]),
        open_v1=tokens is None,
        reactor=clock or Clock(),
        limits=limits,
    )
