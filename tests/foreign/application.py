"""An application of the thesis: it follows the thesis' order and reads only the thesis' fields."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

ERRORS = ("wait", "service_not_found", "failed_decrypt", "invalid request")


class UnexpectedAnswerError(AssertionError):
    """The service answered something that an application of the thesis cannot read."""


class Application:
    """Talks to the service on a port of this machine; keeps one connection alive."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        self.headers = {"Content-Type": "application/json"}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        self.service_name = ""
        self.partner_name = ""
        self.address = ""
        self.port = 0

    def raw(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Status and body of one request, sent exactly as given."""
        sent = self.headers if headers is None else dict(headers)
        try:
            self.connection.request(method, path, body, sent)
            response = self.connection.getresponse()
            return response.status, response.read().decode()
        except (http.client.HTTPException, OSError):
            self.connection.close()  # so that the next request opens a new one
            raise

    def post(self, option: str, **fields: object) -> dict[str, Any]:
        status, body = self.raw("POST", f"/v1/options/{option}", json.dumps(fields).encode())
        if status != 200:
            raise UnexpectedAnswerError(f"{option}: {status} {body}")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise UnexpectedAnswerError(f"{option}: {body}")
        return answer

    def test_ok(self) -> bool:
        return self.raw("GET", "/v1/options/test-ok", headers={}) == (200, "ok")

    def init(self, name: str) -> None:
        """Register; afterwards `service_name`, `address` and `port` go to the partner."""
        answer = self.post("init", service_name=name)
        self.service_name = answer["service_name"]
        self.address = answer["address_of_this_tpm"]
        self.port = answer["port_of_this_tpm"]
        if not (
            self.service_name.startswith(name)
            and type(self.address) is str
            and type(self.port) is int
        ):
            raise UnexpectedAnswerError(f"init: {answer}")

    def init_config(self, partner_name: str) -> bool:
        self.partner_name = partner_name
        names = {"service_name": self.service_name, "partner_name": partner_name}
        return self._status(self.post("init_config", **names))

    def sync(self, address: str, port: int) -> bool:
        return self._status(
            self.post(
                "sync",
                service_name=self.service_name,
                partner_name=self.partner_name,
                address_of_other_tpm=address,
                port_of_other_tpm=port,
            )
        )

    def status(self) -> bool:
        return self._status(self.post("status", service_name=self.service_name))

    def _status(self, answer: dict[str, Any]) -> bool:
        if answer.get("status") not in (0, 1):
            raise UnexpectedAnswerError(f"status: {answer}")
        return bool(answer["status"])

    def encrypt(self, message: str, mode: int) -> dict[str, Any] | str:
        """The sealed message, `{"message", "hash", "mode"}`, or the error string."""
        fields = {"message": message, "operation": 0, "mode": mode}
        answer = self.post("encrypt", service_name=self.service_name, **fields)
        return self._sealed(answer)

    def patiently(self, message: str, mode: int, seconds: float = 20.0) -> dict[str, Any]:
        """Encrypt as soon as the service stops saying `wait`; the sealed message."""
        deadline = time.monotonic() + seconds
        while (sealed := self.encrypt(message, mode)) == "wait":
            if time.monotonic() > deadline:
                raise UnexpectedAnswerError(f"no key for mode {mode} in {seconds} s")
            time.sleep(0.02)
        if isinstance(sealed, str):
            raise UnexpectedAnswerError(f"encrypt: {sealed}")
        return sealed

    def decrypt(self, sealed: Mapping[str, Any]) -> dict[str, Any] | str:
        """The opened message, `{"message", "mode"}`, or the error string."""
        answer = self.post("encrypt", service_name=self.service_name, operation=1, **sealed)
        return self._sealed(answer)

    def _sealed(self, answer: dict[str, Any]) -> dict[str, Any] | str:
        error = answer.get("error")
        if error is not None:
            if error not in ERRORS:
                raise UnexpectedAnswerError(f"encrypt: {answer}")
            return str(error)
        if not isinstance(answer.get("message"), str) or type(answer.get("mode")) is not int:
            raise UnexpectedAnswerError(f"encrypt: {answer}")
        return answer

    def exit(self) -> str:
        """`ok`, or the error string."""
        answer = self.post("exit", service_name=self.service_name)
        return str(answer.get("status", answer.get("error")))

    def close(self) -> None:
        self.connection.close()


def introduce(caller: Application, listener: Application, names: tuple[str, str]) -> bool:
    """The thesis' order up to `sync`: register both, exchange the answers, tell, call."""
    caller.init(names[0])
    listener.init(names[1])
    if not caller.init_config(listener.service_name):
        raise UnexpectedAnswerError("init_config of the caller failed")
    if not listener.init_config(caller.service_name):
        raise UnexpectedAnswerError("init_config of the listener failed")
    return caller.sync(listener.address, listener.port)
