"""What of a node outlives its process: the services and channels of REST v2, never a key."""

from __future__ import annotations

from dynamicrypt.errors import LocalError, NameTakenError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.exchange import WIRE, Exchange
from dynamicrypt.node.registry import SavedChannel, SavedService, ServicesFile
from dynamicrypt.node.service import Service, Services
from dynamicrypt.peer.errors import StateFileError


class Persistence:
    """Saves the persistent services at every change, and takes them up at a start."""

    def __init__(self, file: ServicesFile, services: Services, exchange: Exchange) -> None:
        self._file = file
        self._services = services
        self._exchange = exchange

    def restore(self) -> None:
        """Take up what was saved, all of it: what is left out would be lost at the next save.

        Channels are wanted, and not opened yet. Raises StateFileError that names the service.
        """
        for saved in self._file.load():
            try:
                self._take_up(saved)
            except LocalError as error:
                raise StateFileError(
                    f"{self._file.path}: service {saved.name!r}: {error}"
                ) from error

    def save(self) -> None:
        """Write down what there is now."""
        self._file.save(_saved(service) for service in self._services if service.persistent)

    def _take_up(self, saved: SavedService) -> None:
        service = self._services.create(saved.name, owner=saved.owner, wire=WIRE)
        service.persistent = True
        for channel in saved.channels:
            if channel.partner in service.channels:
                raise NameTakenError("two channels have one partner")
            self._exchange.add(service, channel.partner, channel.peer).opening.kept = True


def _saved(service: Service) -> SavedService:
    return SavedService(
        name=service.name,
        owner=service.owner,
        channels=tuple(
            SavedChannel(partner=partner, peer=channel.peer)
            for partner, channel in service.channels.items()
            if isinstance(channel, LinkChannel)
        ),
    )
