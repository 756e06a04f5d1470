"""What somebody on the way sees: packets by tcpdump, TLS records and hellos out of them."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.system.two_hosts import Namespace

#: Numbers of IANA's registry of TLS parameters.
TLS_1_3 = 0x0304
HYBRID = 4588  # X25519MLKEM768
HANDSHAKE, SERVER_HELLO = 22, 2
#: Of records: change cipher spec (for middle boxes only), handshake, application data.
TLS_KINDS = {20, HANDSHAKE, 23}
SUPPORTED_VERSIONS, KEY_SHARE = 43, 51

#: Capture of "any" interface: a pseudo header of 20 bytes before IP (LINKTYPE_LINUX_SLL2).
SLL2, SLL2_BYTES = 276, 20
IPV4, TCP = 0x0800, 6


@dataclass(frozen=True, slots=True)
class Record:
    """A TLS record."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose."""

    version: int
    group: int


class Capture:
    """tcpdump in a namespace, from enter to exit."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._directory = tempfile.TemporaryDirectory(prefix="dynamicrypt-capture-")
        self._file = Path(self._directory.name) / "packets"
        self._packets: list[tuple[tuple[bytes, int, bytes, int], int, bytes]] = []

    def __enter__(self) -> Self:
        with self._namespace.inside():
            self._dump = subprocess.Popen(
                ["tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-U", "-s", "0", "-B", "65536",
                 "-Z", "root", "-w", str(self._file), "tcp"],
                stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
        assert self._dump.stderr is not None
        for line in self._dump.stderr:
            if "listening on" in line:
                break
        return self

    def __exit__(self, *_: object) -> None:
        with self._dump:
            self._dump.terminate()
        self._packets = list(_packets(self._file.read_bytes()))
        self._directory.cleanup()

    def streams(self, port: int) -> list[list[Record]]:
        """The records of each direction of each connection to or from the port."""
        data: dict[tuple[bytes, int, bytes, int], dict[int, bytes]] = {}
        for ends, sequence, payload in self._packets:
            if payload and port in (ends[1], ends[3]):
                data.setdefault(ends, {}).setdefault(sequence, payload)
        return [list(_records(_joined(pieces))) for pieces in data.values()]

    def server_hellos(self, port: int) -> list[ServerHello]:
        """Every ServerHello of connections to the port."""
        return [
            _server_hello(record.body)
            for stream in self.streams(port)
            for record in stream[:1]
            if record.kind == HANDSHAKE and record.body[0] == SERVER_HELLO
        ]


def _packets(dump: bytes) -> Iterator[tuple[tuple[bytes, int, bytes, int], int, bytes]]:
    """Both ends, sequence number and payload of each TCP segment of a pcap file."""
    magic, link_type = struct.unpack_from("<I16xI", dump)
    assert (magic, link_type) == (0xA1B2C3D4, SLL2)
    at = 24
    while at < len(dump):
        (length,) = struct.unpack_from("<8xI", dump, at)
        frame = dump[at + 16 : at + 16 + length]
        at += 16 + length
        packet = frame[SLL2_BYTES:]
        if struct.unpack_from(">H", frame)[0] != IPV4 or packet[9] != TCP:
            continue
        total, header = struct.unpack_from(">H", packet, 2)[0], packet[0] % 16 * 4
        segment = packet[header:total]
        source, target, sequence = struct.unpack_from(">HHI", segment)
        ends = (packet[12:16], source, packet[16:20], target)
        yield ends, sequence, segment[segment[12] // 16 * 4 :]


def _joined(pieces: dict[int, bytes]) -> bytes:
    """The stream up to its first gap; a sequence number may wrap, but not twice."""
    start = next(iter(pieces))
    stream = b""
    for sequence in sorted(pieces, key=lambda number: (number - start) % 2**32):
        place = (sequence - start) % 2**32
        if place > len(stream):
            break
        stream += pieces[sequence][len(stream) - place :]
    return stream


def _records(stream: bytes) -> Iterator[Record]:
    at = 0
    while at + 5 <= len(stream):
        kind, length = struct.unpack_from(">B2xH", stream, at)
        yield Record(kind, stream[at + 5 : at + 5 + length])
        at += 5 + length


def _server_hello(body: bytes) -> ServerHello:
    # RFC 8446, 4.1.3: type, length, version, random, session id, suite, compression, extensions.
    at = 4 + 2 + 32
    at += 1 + body[at] + 2 + 1
    end = at + 2 + struct.unpack_from(">H", body, at)[0]
    at += 2
    found = {}
    while at < end:
        number, length = struct.unpack_from(">HH", body, at)
        found[number] = struct.unpack_from(">H", body, at + 4)[0]
        at += 4 + length
    return ServerHello(version=found[SUPPORTED_VERSIONS], group=found[KEY_SHARE])
