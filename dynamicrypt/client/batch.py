"""Batches as an application sees them: any number of messages, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dynamicrypt.client.answer import problem_of, read_object, read_value
from dynamicrypt.client.caller import Caller
from dynamicrypt.client.errors import BadAnswerError, NoKeyYetError, ProblemError
from dynamicrypt.client.request import MAX_WAIT, Request, batches, octets, post


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a batch: plaintext or ciphertext, what it is bound to, and a name for it."""

    data: bytes = field(repr=False)
    context: bytes = field(default=b"", repr=False)
    reference: str | None = None

    def __post_init__(self) -> None:
        octets("data", self.data)
        octets("context", self.context)

    def __repr__(self) -> str:
        return f"Message(data=<{len(self.data)} bytes>, reference={self.reference!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message of a batch: bytes, or else the error.

    The partner can open a ciphertext for at least `expires_in_seconds` from the answer on; it is
    None for all else.
    """

    data: bytes | None = field(default=None, repr=False)
    error: ProblemError | None = None
    reference: str | None = None
    expires_in_seconds: int | None = None

    def __repr__(self) -> str:
        what = f"error={self.error!r}" if self.data is None else f"data=<{len(self.data)} bytes>"
        return f"Outcome({what}, reference={self.reference!r})"

    def result(self) -> bytes:
        """The bytes; raises the error where there are none."""
        if self.error is not None:
            raise self.error
        assert self.data is not None, "one of the two is there"
        return self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """An item of the answer to a batch."""

    ciphertext: bytes | None = None
    plaintext: bytes | None = field(default=None, repr=False)
    error: dict[str, Any] | None = None
    reference: str | None = None


class Batch:
    """Messages for one path of the service, in as many requests as it needs.

    `takes` and `gives` name the fields of an item and of its answer that hold the bytes; `fields`
    are those of the request beside the items.
    """

    def __init__(
        self,
        caller: Caller,
        path: str,
        *,
        takes: str,
        gives: str,
        fields: Mapping[str, Any],
    ) -> None:
        self._caller = caller
        self._path = path
        self._takes = takes
        self._gives = gives
        self._fields = fields

    def run(self, messages: Iterable[bytes | Message]) -> list[Outcome]:
        """An outcome for each message, in order; items without a key are sent again meanwhile.

        Raises ClientError where a whole request failed.
        """
        outcomes: list[Outcome] = []
        for part in batches([_item(message, self._takes) for message in messages], self._takes):
            outcomes += self._part(part)
        return outcomes

    def _part(self, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        patience = self._caller.new_patience()
        found = self._ask(items)
        while starved := [
            place for place, each in enumerate(found) if isinstance(each.error, NoKeyYetError)
        ]:
            if not patience.pause():
                break
            wait = min(patience.left, MAX_WAIT)
            answers = self._ask([items[place] for place in starved], wait=wait)
            for place, outcome in zip(starved, answers, strict=True):
                found[place] = outcome
        return found

    def _ask(self, items: Sequence[Mapping[str, Any]], *, wait: float = 0.0) -> list[Outcome]:
        request: Request = post(self._path, {"items": items, **self._fields})
        told = read_object(self._caller.call(request, wait=wait))
        answers, expires = told.get("items"), told.get("expires_in_seconds")
        if not isinstance(answers, list) or len(answers) != len(items):
            raise BadAnswerError("the answer has another number of items")
        if expires is not None and type(expires) is not int:
            raise BadAnswerError("the answer has an ill-typed expires_in_seconds")
        return [_outcome(answer, self._gives, expires) for answer in answers]


def _item(message: bytes | Message, takes: str) -> dict[str, Any]:
    if not isinstance(message, Message):
        return {takes: octets("a message", message)}
    item: dict[str, Any] = {takes: message.data}
    if message.context:
        item["context"] = message.context
    if message.reference is not None:
        item["reference"] = message.reference
    return item


def _outcome(answer: object, gives: str, expires: int | None) -> Outcome:
    item = read_value(_Item, answer)
    data = item.ciphertext if gives == "ciphertext" else item.plaintext
    error = None if item.error is None else problem_of(item.error)
    if (data is None) == (error is None):
        raise BadAnswerError("an item has not one of data and error")
    return Outcome(
        data=data,
        error=error,
        reference=item.reference,
        expires_in_seconds=None if data is None else expires,
    )
