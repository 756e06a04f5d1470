"""What of a node outlives its process: the services and channels of REST v2, never a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.logger import Logger

from dynamicrypt.errors import LocalError, NameTakenError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.exchange import WIRE, Exchange
from dynamicrypt.node.registry import SavedChannel, SavedService, ServicesFile
from dynamicrypt.node.service import Service, Services
from dynamicrypt.peer.errors import StateFileError, StorageError


class Persistence:
    """Saves the persistent services at every change, and takes them up at a start.

    Without a file it does nothing.
    What would be lost is not begun: where the file cannot be written, StorageError is raised, and
    the file has what it had. So a removal is written down before it happens.
    """

    _log = Logger()

    def __init__(self, file: ServicesFile | None, services: Services, exchange: Exchange) -> None:
        self._file = file
        self._services = services
        self._exchange = exchange
        self._written: list[SavedService] | None = None

    def restore(self) -> None:
        """Take up what was saved, all of it: what is left out would be lost at the next save.

        Channels are wanted, and not opened yet. Raises StateFileError that names the service.
        """
        if self._file is None:
            return
        for saved in self._file.load():
            try:
                self._take_up(saved)
            except LocalError as error:
                fault = f"{self._file.path}: service {saved.name!r}: {error}"
                raise StateFileError(fault) from error

    def save(self) -> None:
        """Write down what there is now."""
        self._write(self._now())

    def save_without(self, service: Service) -> None:
        """Write down what there is but this service."""
        now = self._now()
        now.pop(service.name, None)
        self._write(now)

    def save_with_channel(self, service: Service, partner: str, peer: bytes) -> None:
        """Write down what there is, and that the service has this channel with the partner."""
        self._save_channels(service, lambda channels: channels.update({partner: peer}))

    def save_without_channel(self, service: Service, partner: str) -> None:
        """Write down what there is but the service's channel with the partner."""
        self._save_channels(service, lambda channels: channels.pop(partner, None))

    def _save_channels(
        self, service: Service, change: Callable[[dict[str, bytes]], object]
    ) -> None:
        now = self._now()
        if service.persistent:
            channels = _channels(service)
            change(channels)
            now[service.name] = _saved(service, channels)
        self._write(now)

    def _now(self) -> dict[str, SavedService]:
        return {
            service.name: _saved(service, _channels(service))
            for service in self._services
            if service.persistent
        }

    def _write(self, services: dict[str, SavedService]) -> None:
        content = list(services.values())
        if self._file is None or content == self._written:
            return
        self._written = None
        try:
            self._file.save(content)
        except StorageError as error:
            self._log.error("services and channels were not saved: {error}", error=str(error))
            raise
        self._written = content

    def _take_up(self, saved: SavedService) -> None:
        service = self._services.create(saved.name, owner=saved.owner, wire=WIRE)
        service.persistent = True
        for channel in saved.channels:
            if channel.partner in service.channels:
                raise NameTakenError("two channels have one partner")
            self._exchange.add(service, channel.partner, channel.peer).opening.kept = True


def _channels(service: Service) -> dict[str, bytes]:
    """The peers of a service's channels by their partners."""
    return {
        partner: channel.peer
        for partner, channel in service.channels.items()
        if isinstance(channel, LinkChannel)
    }


def _saved(service: Service, channels: Mapping[str, bytes]) -> SavedService:
    return SavedService(
        name=service.name,
        owner=service.owner,
        channels=tuple(
            SavedChannel(partner=partner, peer=peer) for partner, peer in channels.items()
        ),
    )
