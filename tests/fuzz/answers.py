"""HTTP answers as they came over a connection, chunked ones and cut ones among them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes
    #: Whether its end has come.
    whole: bool


def read_answers(data: bytes) -> list[Answer]:
    """All answers in what a server sent. No body of ours begins as an answer does."""
    answers = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, f"no whole head: {head!r}"
        first, *lines = head.split(b"\r\n")
        assert first.startswith(b"HTTP/1."), f"no answer: {first!r}"
        status, headers = int(first.split(b" ", 2)[1]), _headers(lines)
        if b"transfer-encoding" in headers:
            body, whole, data = _chunks(data)
        elif status < 200 or status == 204 or data.startswith(b"HTTP/1."):
            body, whole = b"", True
        elif b"content-length" in headers:
            length = int(headers[b"content-length"])
            body, data = data[:length], data[length:]
            whole = len(body) in {0, length}  # an answer to HEAD has only the length of a body
        else:
            body, whole, data = data, True, b""  # to HTTP/1.0, which has no chunks
        answers.append(Answer(status, headers, body, whole))
    return answers


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b": ")
        assert colon, f"no header: {line!r}"
        assert name.lower() not in headers, f"twice: {line!r}"
        headers[name.lower()] = value
    return headers


def _chunks(data: bytes) -> tuple[bytes, bool, bytes]:
    """The body, whether it ended, and what comes after it."""
    body = b""
    while data and not data.startswith(b"HTTP/1."):
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
        if not length:
            return body, True, data
    return body, False, data
