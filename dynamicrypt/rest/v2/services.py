"""The operations of services: the names under which applications talk."""

from __future__ import annotations

from typing import Final

from dynamicrypt.access.tokens import Token
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import RouteTable
from dynamicrypt.rest.shapes.names import fit
from dynamicrypt.rest.shapes.state import Service, Services
from dynamicrypt.rest.v2.views import describe_service

#: What goes wrong with a service of the caller's.
_OWN: Final = ("unknown_service",)


class ServiceRoutes:
    """The caller's services."""

    routes = RouteTable()

    def __init__(self, node: Node) -> None:
        self._node = node

    @routes.add("GET", "/services", gives=[Services])
    def list_services(self, token: Token) -> Services:
        """The names of your services."""
        return Services(services=self._node.service_names(owner=token.id))

    @routes.add(
        "PUT",
        "/services/{service}",
        gives=[Service],
        statuses=(201, 200),
        problems=("bad_parameter", "name_taken", "too_many_services", "storage_failed"),
    )
    def create_service(self, token: Token, *, service: str) -> tuple[int, Service]:
        """Create a service, or find that you have it.

        Names are exact, and unique on the node. Services outlive the process.
        """
        if service in self._node.service_names(owner=token.id):
            return 200, describe_service(self._node, service, owner=token.id)
        self._node.create_service(fit(service), owner=token.id)
        return 201, describe_service(self._node, service, owner=token.id)

    @routes.add("GET", "/services/{service}", gives=[Service], problems=_OWN)
    def get_service(self, token: Token, *, service: str) -> Service:
        """A service and its channels."""
        return describe_service(self._node, service, owner=token.id)

    @routes.add(
        "DELETE", "/services/{service}", statuses=(204,), problems=(*_OWN, "storage_failed")
    )
    def delete_service(self, token: Token, *, service: str) -> None:
        """Remove a service, its channels and their keys."""
        self._node.remove(service, owner=token.id)
