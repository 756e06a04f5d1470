"""REST v2: what all operations have in common."""

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.rest.v2.api import OPERATIONS
from tests.rest.native import NativeCase


class EveryOperationTests(NativeCase):
    def path(self, template: str) -> str:
        names = {"service": "shop", "partner": "bank", "key_id": "x", "code": "x"}
        return "/v2" + template.format(**names)

    def test_asks_for_a_token(self) -> None:
        for operation in OPERATIONS:
            for given in (b"X: y", b"Authorization: Bearer nobody", b"Authorization: Basic eA=="):
                answer = self.ask(operation.method, self.path(operation.path), {}, token=given)
                self.problem(answer, "auth_required", 401)
                self.assertEqual(answer.headers[b"www-authenticate"], b'Bearer realm="dynamicrypt"')

    def test_asks_for_its_scope(self) -> None:
        for operation in OPERATIONS:
            for name in ("sender", "reader", "keys"):
                given = b"Authorization: Bearer " + name.encode()
                answer = self.ask(operation.method, self.path(operation.path), {}, token=given)
                holder = {"sender": "encrypt", "reader": "decrypt", "keys": "key:read"}[name]
                refused = operation.scope is not None and operation.scope.value != holder
                self.assertEqual(answer.status == 403, refused, (operation.name, name))
                if refused:
                    self.problem(answer, "scope_missing", 403)

    def test_other_methods_are_not_allowed(self) -> None:
        by_path: dict[str, set[str]] = {}
        for operation in OPERATIONS:
            by_path.setdefault(operation.path, set()).add(operation.method)
        for path, methods in by_path.items():
            for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"} - methods:
                answer = self.ask(method, self.path(path), {})
                if path.endswith("/keys/{key_id}"):
                    continue
                self.problem(answer, "method_not_allowed", 405)
                allowed = set(answer.headers[b"allow"].decode().split(", "))
                self.assertEqual(allowed - {"HEAD", "OPTIONS"}, methods)

    def test_a_fault_is_a_500_that_tells_nothing(self) -> None:
        self.node.error = KeyError("attack at dawn")
        for operation in OPERATIONS:
            if operation.takes is not None or "{key_id}" in operation.path:
                continue
            with capturedLogs() as logs:
                answer = self.ask(operation.method, self.path(operation.path))
            self.problem(answer, "internal_error", 500)
            self.assertNotIn(b"dawn", answer.body)
            (event,) = logs
            self.assertEqual((event["log_level"], event["kind"]), (LogLevel.critical, "KeyError"))
            self.assertNotIn("dawn", repr(event))

    def test_head_gives_no_body(self) -> None:
        answer = self.ask("HEAD", "/v2/services")
        self.assertEqual((answer.status, answer.body), (200, b""))


class ReferenceTests(SynchronousTestCase):
    def test_operations_have_names_of_their_own(self) -> None:
        names = [operation.name for operation in OPERATIONS]
        self.assertEqual(len(names), len(set(names)))
