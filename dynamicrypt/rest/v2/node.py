"""The operations of the node as a whole, and what administrators do with services of others."""

from __future__ import annotations

from dynamicrypt.access.tokens import Scope, Token
from dynamicrypt.errors import UnknownServiceError
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import RouteTable
from dynamicrypt.rest.shapes import state as shapes
from dynamicrypt.rest.shapes.state import OwnedServices
from dynamicrypt.rest.v2.views import describe_all, describe_node


class NodeRoutes:
    """The node, and the nodes that it knows."""

    routes = RouteTable()

    def __init__(self, node: Node) -> None:
        self._node = node

    @routes.add("GET", "/status", gives=[shapes.Node])
    def status(self, token: Token) -> shapes.Node:
        """This node, and the nodes that it knows."""
        return describe_node(self._node)

    @routes.add("GET", "/node/services", scope=Scope.ADMIN, gives=[OwnedServices])
    def list_all_services(self, token: Token) -> OwnedServices:
        """The services of the whole node, whoever made them, with their channels."""
        return describe_all(self._node)

    @routes.add(
        "DELETE",
        "/node/services/{service}",
        scope=Scope.ADMIN,
        statuses=(204,),
        problems=("unknown_service", "storage_failed"),
    )
    def delete_any_service(self, token: Token, *, service: str) -> None:
        """Remove a service of anybody, its channels and their keys.

        So the name of an application that is gone becomes free.
        """
        owner = self._node.owners().get(service)
        if owner is None:
            raise UnknownServiceError("the node has no such service")
        self._node.remove(service, owner=owner)
