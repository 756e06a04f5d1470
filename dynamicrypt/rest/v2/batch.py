"""Batches: many messages in one request, each with an answer of its own in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import orjson

from dynamicrypt.errors import DynamiCryptError, NoKeyYetError, ParameterError
from dynamicrypt.rest.desk.patience import may_come
from dynamicrypt.rest.desk.problem import problem_of
from dynamicrypt.rest.shapes.messages import MAX_CONTEXT, MAX_REFERENCE
from dynamicrypt.web.reply import Reply
from dynamicrypt.web.schema import InvalidRequestError, from_base64, to_base64

#: Seals or opens (bytes, context) pairs; errors stand in the place of results.
Work: TypeAlias = Callable[[Sequence[tuple[bytes, bytes]]], "Sequence[bytes | DynamiCryptError]"]

_OPTIONAL: Final = frozenset({"context", "reference"})


class Batch:
    """The items of a request; what is wrong with one does not touch the others.

    `takes` and `gives` name the fields of an item and of its answer that hold the bytes.
    """

    def __init__(self, items: Sequence[Any], *, takes: str, gives: str) -> None:
        self._takes = takes
        self._gives = gives
        self._items = items
        self._messages: list[tuple[bytes, bytes]] = []
        #: Places of the messages among the items.
        self._places: list[int] = []
        self._results: list[bytes | DynamiCryptError] = []
        for place, item in enumerate(items):
            try:
                message = self._read(item)
            except (InvalidRequestError, ParameterError) as error:
                self._results.append(error)
            else:
                self._messages.append(message)
                self._places.append(place)
                self._results.append(_UNDONE)

    def run(self, work: Work) -> None:
        """Do the work on all items that wait for it."""
        results = work(self._messages)
        for place, result in zip(self._places, results, strict=True):
            self._results[place] = result

    def starves(self) -> bool:
        """Whether some items lack but a key that may come; `run` tries only these again."""
        waiting = [
            (place, message)
            for place, message in zip(self._places, self._messages, strict=True)
            if may_come(self._results[place])
        ]
        self._places = [place for place, _ in waiting]
        self._messages = [message for _, message in waiting]
        return bool(waiting)

    @property
    def succeeded(self) -> bool:
        """Whether an item succeeded."""
        return any(isinstance(result, bytes) for result in self._results)

    def reply(self, **beside: object) -> Reply:
        """The answer, with what is told of all items; it lasts if an item succeeded.

        Else nothing was done, and who asks again may have more luck. Items that succeeded are not
        done twice: then the failures beside them last, too.
        """
        gives = self._gives
        answers = []
        for item, result in zip(self._items, self._results, strict=True):
            if isinstance(result, bytes):
                answer: dict[str, object] = {gives: to_base64(result)}
            else:
                answer = {"error": problem_of(result)}
            if len(item) > 1 and "reference" in item:
                reference = item["reference"]
                if type(reference) is str and len(reference) <= MAX_REFERENCE:
                    answer["reference"] = reference
            answers.append(answer)
        return Reply(200, orjson.dumps({"items": answers} | beside), lasting=self.succeeded)

    def _read(self, item: dict[str, Any]) -> tuple[bytes, bytes]:
        try:
            data = from_base64(item.get(self._takes))
        except ValueError as error:
            raise InvalidRequestError(f"{self._takes} {error}") from None
        if len(item) == 1:
            return data, b""
        if item.keys() - _OPTIONAL - {self._takes}:
            raise InvalidRequestError("a field that an item does not have")
        reference, context = item.get("reference"), item.get("context")
        if reference is not None and type(reference) is not str:
            raise InvalidRequestError("reference is not text")
        if reference is not None and len(reference) > MAX_REFERENCE:
            raise ParameterError(f"reference has {MAX_REFERENCE} characters at most")
        if context is None:
            return data, b""
        try:
            about = from_base64(context)
        except ValueError as error:
            raise InvalidRequestError(f"context {error}") from None
        if len(about) > MAX_CONTEXT:
            raise ParameterError(f"context has {MAX_CONTEXT} bytes at most")
        return data, about


#: In the place of a result that is not there yet.
_UNDONE: Final = NoKeyYetError("the item was not reached")
