"""Where requests end that reach no route."""

from __future__ import annotations

from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.host import Dialect
from dynamicrypt.web.refusals import NoSuchPageError
from dynamicrypt.web.reply import send


class Told(Resource):
    """Tells an error to everyone."""

    isLeaf = True

    def __init__(self, error: DynamiCryptError, dialect: Dialect) -> None:
        super().__init__()
        self._error = error
        self._dialect = dialect

    def render(self, request: Request) -> bytes:
        """Answer."""
        return send(request, self._dialect.tell(self._error, request.path))


def no_page(dialect: Dialect) -> Told:
    """Tells that there is no such path."""
    return Told(NoSuchPageError("no such path"), dialect)


class Root(Resource):
    """The top of a site's paths; twisted.web's own answers a page of HTML where there is none."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def getChild(self, path: bytes, request: HTTPRequest) -> Resource:
        """What no child was put for."""
        return no_page(self._dialect)
