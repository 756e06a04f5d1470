"""What the messages and keys of REST v2 leave in the memory of a running service: nothing."""

import base64

from tests.endtoend.native import NativeTestCase
from tests.endtoend.watched import by_kind
from tests.process_memory import left_in, pieces, writable_memory


class NativeMemoryTests(NativeTestCase):
    """Each secret is searched for in both nodes when the last request is done."""

    def assertForgotten(self) -> None:
        """No part of a secret is left, neither as it is nor in base64."""
        self.settle()
        forms: dict[str, list[bytes]] = {}
        for kind, found in self.secrets.items():
            forms[kind] = pieces(found)
            forms[f"{kind} in base64"] = pieces(base64.b64encode(each) for each in found)
        names = [kind for kind, found in forms.items() for _ in found]
        for node in self.nodes:
            memory = writable_memory(node.pid)
            self.assertEqual(left_in(memory, list(by_kind(node.heard())["control"].values())), [0])
            left = left_in(memory, [each for found in forms.values() for each in found])
            self.assertEqual({names[number] for number in left}, set(), node.state.name)

    def test_nothing_is_left_of_messages_keys_and_streams(self) -> None:
        self.start("--profile", "fast")
        self.converse_natively()
        self.assertForgotten()
