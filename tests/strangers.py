"""Strangers who knock at the port for nodes: with certificates of their own, with noise, silently.

Each comes from another address of 127.0.0.0/8, so that the limits for one address do not help.
"""

from __future__ import annotations

import datetime
import random
import socket
import ssl
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dynamicrypt.peer.tls import LINK_PROTOCOL

#: A stranger who waits for an answer waits so long (s): the node is to end it.
PATIENCE = 5.0


class Strangers:
    """Comes at most `rate` times a second; `number` of them with each call of `knock`."""

    def __init__(self, port: int, *, rate: float = 50.0, seed: int = 1) -> None:
        self._port = port
        self._pause = 1 / rate
        self._chance = random.Random(seed)
        self._context = _context()
        #: Those that say nothing: the node ends them after its deadline.
        self._silent: list[socket.socket] = []
        #: How many came so far.
        self.came = 0
        #: How many got as far as the judgement of their certificate.
        self.judged = 0

    def knock(self, number: int) -> None:
        """Most shake hands and are refused; some send noise, some nothing."""
        due = time.monotonic()
        for _ in range(number):
            self.came += 1
            kind = self._chance.random()
            if kind < 0.8:
                self._shake_hands()
            elif kind < 0.9:
                self._make_noise()
            else:
                self._say_nothing()
            due = max(due + self._pause, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def leave(self) -> None:
        """Hang up."""
        for connection in self._silent:
            connection.close()
        self._silent.clear()

    def _connect(self) -> socket.socket:
        source = f"127.{self._chance.randrange(1, 255)}.{self._chance.randrange(256)}.2"
        address = ("127.0.0.1", self._port)
        return socket.create_connection(address, PATIENCE, source_address=(source, 0))

    def _shake_hands(self) -> None:
        try:
            with self._context.wrap_socket(self._connect()) as connection:
                # In TLS 1.3 the refusal comes after the client's end of the handshake.
                self.judged += 1
                connection.recv(1)
        except (OSError, ssl.SSLError):
            return

    def _make_noise(self) -> None:
        try:
            with self._connect() as connection:
                connection.sendall(self._chance.randbytes(self._chance.randrange(1, 2000)))
                connection.recv(1)
        except OSError:
            return

    def _say_nothing(self) -> None:
        try:
            self._silent.append(self._connect())
        except OSError:
            return
        if len(self._silent) > 64:
            self._silent.pop(0).close()


def _context() -> ssl.SSLContext:
    """Of a client that has the right protocol and a good certificate that nobody knows."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36500))
        .sign(key, None)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([LINK_PROTOCOL.decode()])
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "stranger.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(file)
    return context
