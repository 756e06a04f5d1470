"""The operations of the node as a whole."""

from __future__ import annotations

from dynamicrypt.node.node import Node
from dynamicrypt.rest import state_shapes
from dynamicrypt.rest.operation import RouteTable
from dynamicrypt.rest.tokens import Token
from dynamicrypt.rest.views import describe_node


class NodeRoutes:
    """The node, and the nodes that it knows."""

    routes = RouteTable()

    def __init__(self, node: Node) -> None:
        self._node = node

    @routes.add("GET", "/status", gives=[state_shapes.Node])
    def status(self, token: Token) -> state_shapes.Node:
        """This node, and the nodes that it knows."""
        return describe_node(self._node)
