"""No value that REST or its client makes shows a secret in its repr, which ends up in logs."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import access, cli, client, rest, web
from dynamicrypt.client.connection import Answer
from dynamicrypt.web.reply import Reply

#: Fields that hold secrets as text.
SECRET = {"plaintext", "context", "key", "message", "body", "token"}
#: Bytes that are none, and texts that only have the name of one.
PUBLIC = {
    "ciphertext": "what anybody may see",
    "digest": "of a token: 256 random bits are not found from it",
    "credential": "the digest of a token",
    "method": "of HTTP",
    "path": "names of services",
    "waits": "of a query",
    "idempotency_keys": "opens nothing",
    "Sealed.message": "the ciphertext of v1",
    "Keyed.key": "names a key",
    "Limits.body": "a number",
}


def shapes() -> Iterator[type]:
    """Every class of the rooms that is a dataclass or a named tuple."""
    for room in (access, web, rest, client, cli):
        yield from classes(room)


def classes(room: ModuleType) -> Iterator[type]:
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__ and fields(value):
                yield value


def fields(shape: type) -> dict[str, str]:
    """The fields of a dataclass or a named tuple, with their types as they are written."""
    if dataclasses.is_dataclass(shape):
        return {each.name: str(each.type) for each in dataclasses.fields(shape)}
    return {name: str(shape.__annotations__[name]) for name in getattr(shape, "_fields", ())}


def holds_secret(shape: type, name: str, hint: str) -> bool:
    """Whether a field may hold what must not be shown."""
    if name in PUBLIC or f"{shape.__name__}.{name}" in PUBLIC:
        return False
    return name in SECRET or "bytes" in hint or "Base64" in hint


class ReprTests(SynchronousTestCase):
    def test_no_shape_shows_a_field_that_may_hold_a_secret(self) -> None:
        shown = []
        for shape in filter(dataclasses.is_dataclass, shapes()):
            hints = fields(shape)
            shown += [
                f"{shape.__module__}.{shape.__name__}.{field.name}"
                for field in dataclasses.fields(shape)
                if field.repr and holds_secret(shape, field.name, hints[field.name])
            ]
        self.assertEqual(shown, [])

    def test_named_tuples_that_hold_bodies_show_their_length(self) -> None:
        self.assertEqual(
            repr(Reply(200, b"attack at dawn")), "Reply(status=200, result='ok', 14 bytes)"
        )
        self.assertEqual(repr(Answer(200, b"attack at dawn")), "Answer(status=200, 14 bytes)")

    def test_every_named_tuple_with_bytes_hides_them(self) -> None:
        for shape in shapes():
            if dataclasses.is_dataclass(shape) or shape in {Reply, Answer}:
                continue
            for name, hint in fields(shape).items():
                self.assertFalse(holds_secret(shape, name, hint), f"{shape}.{name}")

    def test_the_walk_finds_what_there_is(self) -> None:
        self.assertLessEqual(
            {"EncryptItem", "DecryptedItem", "Ask", "Request", "Message", "DeliveredKey", "Place"},
            {shape.__name__ for shape in shapes()},
        )
