"""Tells twistd about the service; everything else is in dynamicrypt.tap."""

from twisted.application.service import ServiceMaker

dynamicrypt = ServiceMaker(
    "DynamiCrypt",
    "dynamicrypt.tap",
    "Keeps tree parity machines in step with other nodes and serves keys on localhost.",
    "dynamicrypt",
)
