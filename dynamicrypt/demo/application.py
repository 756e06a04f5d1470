"""What a local application does with a node: JSON over HTTP on the loopback interface."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Final

#: A key takes about a fifth of a second; a machine that is busy with other things takes longer.
PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.02


class ServiceError(Exception):
    """The node refused a request, or no key came in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An encrypted message on its way, and the name of the key that it is under."""

    message: str
    hash: str
    mode: int
    key: str


class Application:
    """One application, registered as a service of the node on `port` of this machine.

    `wire` is the protocol that the nodes are to speak for it.
    """

    def __init__(self, name: str, port: int, token: str, wire: int) -> None:
        self.name = name
        self.wire = wire
        self.address = ""
        self.tpm_port = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def register(self) -> None:
        """Get a name at the node, and the address and port at which partners reach it."""
        answer, _ = self._call("init", service_name=self.name, wire=self.wire)
        self.name = answer["service_name"]
        self.address, self.tpm_port = answer["address_of_this_tpm"], answer["port_of_this_tpm"]

    def expect(self, partner: Application) -> None:
        """Tell the node whom we talk to."""
        self._succeed("init_config", service_name=self.name, partner_name=partner.name)

    def call(self, partner: Application) -> None:
        """Have the node call the partner's node; the machines start to synchronise."""
        self._succeed(
            "sync",
            service_name=self.name,
            partner_name=partner.name,
            address_of_other_tpm=partner.address,
            port_of_other_tpm=partner.tpm_port,
            wire=self.wire,
        )

    def synchronising(self) -> bool:
        """Whether the machines exchange keys now."""
        return self._call("status", service_name=self.name)[0] == {"status": 1}

    def encrypt(self, text: str, mode: int) -> tuple[Sealed, float]:
        """Return the sealed message and how many seconds it waited for a key."""
        began = time.monotonic()
        while True:
            answer, key = self._call(
                "encrypt", service_name=self.name, message=text, operation=0, mode=mode
            )
            waited = time.monotonic() - began
            if answer.get("error") != "wait":
                break
            if waited > PATIENCE_SECONDS:
                raise ServiceError(f"{self.name}: no key came in {PATIENCE_SECONDS:.0f} seconds")
            time.sleep(_PAUSE_SECONDS)
        if "error" in answer:
            raise ServiceError(f"{self.name}: encrypt: {answer['error']}")
        sealed = Sealed(
            message=answer["message"], hash=answer["hash"], mode=answer["mode"], key=key
        )
        return sealed, waited

    def decrypt(self, sealed: Sealed) -> str:
        """Return the text; ServiceError when no key opens the message."""
        answer, _ = self._call(
            "encrypt",
            service_name=self.name,
            message=sealed.message,
            hash=sealed.hash,
            operation=1,
            mode=sealed.mode,
        )
        if "error" in answer:
            raise ServiceError(f"{self.name}: decrypt: {answer['error']}")
        return str(answer["message"])

    def leave(self) -> None:
        """Unregister; the node forgets the keys and hangs up."""
        answer, _ = self._call("exit", service_name=self.name)
        if answer != {"status": "ok"}:
            raise ServiceError(f"{self.name}: exit: {answer}")
        self._connection.close()

    def _succeed(self, option: str, **fields: object) -> None:
        answer, _ = self._call(option, **fields)
        if answer != {"status": 1}:
            raise ServiceError(f"{self.name}: {option}: {answer}")

    def _call(self, option: str, **fields: object) -> tuple[dict[str, Any], str]:
        """Return the answer, and the key that its header names (empty where there is none)."""
        path = f"/v1/options/{option}"
        self._connection.request("POST", path, json.dumps(fields), self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise ServiceError(f"{self.name}: {option}: {response.status} {body.decode()}")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise ServiceError(f"{self.name}: {option}: the answer is no object")
        return answer, response.headers.get("DynamiCrypt-Key", "")
