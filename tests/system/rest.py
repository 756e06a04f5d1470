"""The few requests of REST v2 that the tests of two hosts make."""

import http.client
import json
from typing import Any


class Rest:
    """A connection to the node on a port of loopback."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def put(self, path: str, **fields: object) -> dict[str, Any]:
        return self._ask("PUT", path, fields or None)

    def post(self, path: str, **fields: object) -> dict[str, Any]:
        return self._ask("POST", path, fields)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, fields: dict[str, object] | None) -> dict[str, Any]:
        """The answer, which has a `code` if it is a problem (RFC 9457)."""
        body = None if fields is None else json.dumps(fields)
        self._connection.request(method, f"/v2{path}", body, self._headers)
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer
