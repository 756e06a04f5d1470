"""What the documents say that the interface may answer: openapi.json, and docs/rest-v1.md."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from dynamicrypt.rest.shapes.names import MAX_NAME, NAME_PATTERN
from tests.fuzz.answers import Answer

V1: Final = b"/v1/options/"
#: Outside of all operations: nothing there, not with this method, or kept out.
_NOWHERE: Final[Mapping[int, frozenset[str]]] = {
    403: frozenset({"foreign_host", "foreign_origin"}),
    404: frozenset({"not_found"}),
    405: frozenset({"method_not_allowed"}),
    413: frozenset({"too_large"}),
    415: frozenset({"bad_content_type"}),
}
#: What a name gets that the description does not allow, beside what is listed.
_IMPROPER: Final = {404: {"not_found"}, 422: {"bad_parameter"}}
PROBLEM: Final = "application/problem+json"
_NATIVE: Final = re.compile(rb"/(?:v2(?:/.*)?|healthz|readyz|metrics)?", re.DOTALL)


class Native:
    """REST v2, from its description."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path)).encode()), item)
            for path, item in description["paths"].items()
        ]

    def check(self, method: str, path: bytes, answer: Answer) -> None:
        """Raise AssertionError unless the answer is one that the description lists."""
        codes, media = self._listed(method, path, answer.status)
        kind = answer.headers.get(b"content-type", b"").decode()
        if kind != PROBLEM:
            assert kind in media, f"{answer.status} of {kind!r} is not listed"
        elif method == "HEAD":
            assert codes, f"{answer.status} is not listed"
        else:
            problem = json.loads(answer.body)
            assert problem["status"] == answer.status, problem
            assert problem["code"] in codes, f"{answer.status} {problem['code']} is not listed"

    def _listed(self, method: str, path: bytes, status: int) -> tuple[set[str], set[str]]:
        """The codes of problems, and the media types of other answers, with this status."""
        asked = "get" if method == "HEAD" else method.lower()
        for pattern, item in self._paths:
            match = pattern.fullmatch(path)
            if match is not None and asked in item:
                response = item[asked]["responses"].get(str(status), {})
                codes = set(re.findall(r"`(\w+)`:", response.get("description", "")))
                if not all(map(_is_name, match.groups())):
                    codes |= _IMPROPER.get(status, set())
                return codes, set(response.get("content", ())) or ({""} if response else set())
        return set(_NOWHERE.get(status, ())), set()


def _is_name(raw: bytes) -> bool:
    try:
        name = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return False
    return len(name) <= MAX_NAME and re.fullmatch(NAME_PATTERN, name) is not None


class Thesis:
    """REST v1, from its page."""

    def __init__(self, page: Path) -> None:
        self._text = text = page.read_text("utf-8")
        self._successes = {
            route: {frozenset(re.findall(r"`(\w+)`", answer))}
            for route, answer in re.findall(
                r"^\| POST `(\w+)` \|.*\| ((?:`\w+`[^|`]*)+)\|$", text, re.MULTILINE
            )
        }
        self._successes["encrypt"] = {
            frozenset({"message", "hash", "mode"}),
            frozenset({"message", "mode"}),
        }
        #: What is answered with 200, and by which routes; by all where none is named.
        self._refusals = {
            error: frozenset(re.findall(r"`(\w+)`:", meaning))
            for error, meaning in re.findall(r"^\| `(\{.*\})` \| (.*) \|$", text, re.MULTILINE)
        }
        self._statuses = {
            int(status): meaning
            for numbers, meaning in re.findall(r"^\| ([\d, ]+) \| (.*) \|$", text, re.MULTILINE)
            for status in numbers.split(", ")
            if numbers.strip()
        }
        assert len(self._successes) >= 2
        assert len(self._refusals) >= 8
        assert len(self._statuses) >= 8

    def check(self, method: str, path: bytes, answer: Answer) -> None:
        """Raise AssertionError unless the answer is one that the page lists."""
        route = path.removeprefix(V1).decode("latin-1")
        if answer.status != 200:
            assert answer.status in self._statuses, f"{answer.status} is not listed"
            if answer.status in {400, 401, 429}:
                assert f"`{answer.body.decode()}`" in self._text, "a body that is not listed"
        elif method == "POST":
            self._check_content(route, answer.body.decode())

    def _check_content(self, route: str, text: str) -> None:
        content = json.loads(text)
        if text in self._refusals:
            named = self._refusals[text]
            assert not named or route in named, f"{text} is not listed for {route}"
        elif route in self._successes:
            assert frozenset(content) in self._successes[route], f"{text} is not listed"
        else:
            assert text in {'{"status":1}', '{"status":"ok"}'}, f"{text} is not listed"


def is_native(path: bytes) -> bool:
    """Whether a path is of REST v2."""
    return _NATIVE.fullmatch(path) is not None
