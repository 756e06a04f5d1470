"""The description says what the code does, and the documents say the same."""

import json
import re
from pathlib import Path
from typing import Any

import dynamicrypt
from dynamicrypt import errors
from dynamicrypt.access import refusals as of_access
from dynamicrypt.rest.desk import refusals as of_operations
from dynamicrypt.rest.desk.problem import KINDS
from dynamicrypt.rest.v2.api import OPERATIONS
from dynamicrypt.web import refusals as of_http
from dynamicrypt.web.schema import InvalidRequestError, MalformedBodyError
from tests.rest.native import NativeCase
from tests.rest.v1.test_api import leaves
from tests.web.talk import Client, get

DOCS = Path(dynamicrypt.__file__).parent.parent / "docs"


class DescriptionTests(NativeCase):
    def setUp(self) -> None:
        super().setUp()
        answer = Client(self.site).ask(get("/v2/openapi.json"))
        self.assertEqual(answer.headers[b"content-type"], b"application/json")
        self.document: dict[str, Any] = self.ok(answer)

    def operations(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (path, operation)
            for path, item in self.document["paths"].items()
            for operation in item.values()
        ]

    def test_it_is_openapi_3_1_and_every_operation_is_in_it(self) -> None:
        self.assertEqual(self.document["openapi"], "3.1.0")
        described = {operation["operationId"] for _, operation in self.operations()}
        self.assertLessEqual({each.name for each in OPERATIONS}, described)
        self.assertEqual(len(described), len(self.operations()))

    def test_every_reference_leads_somewhere(self) -> None:
        schemas = self.document["components"]["schemas"]
        names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(self.document)))
        self.assertEqual(names, set(schemas))

    def test_every_operation_has_a_summary_and_names_its_path(self) -> None:
        for path, operation in self.operations():
            self.assertRegex(operation["summary"], r"\A[A-Z].*\.\Z")
            named = [
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"
            ]
            self.assertEqual(named, re.findall(r"\{(\w+)\}", path))

    def test_the_reference_lists_every_operation(self) -> None:
        text = (DOCS / "rest-v2.md").read_text()
        for path, _ in self.operations():
            short = path.removeprefix("/v2").replace("/services/{service}/channels/{partner}", "C")
            short = short.replace("{service}", "S").replace("{key_id}", "ID")
            short = short.replace("{code}", "CODE")
            last = short.rpartition("/")[2]
            self.assertTrue(short in text or f"`C/{last}`" in text, path)


class ProblemTests(NativeCase):
    def test_the_document_has_each_code_as_it_is(self) -> None:
        text = (DOCS / "problems.md").read_text()
        rows = re.findall(r"(?m)^\| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \|$", text)
        table = [(code, str(kind.status), kind.title, kind.advice) for code, kind in KINDS.items()]
        self.assertEqual(rows, table)

    def test_each_code_has_a_page(self) -> None:
        for code, kind in KINDS.items():
            answer = Client(self.site).ask(get(f"/v2/problems/{code}"))
            self.assertEqual(answer.status, 200)
            self.assertIn(kind.advice.encode(), answer.body)
        self.problem(Client(self.site).ask(get("/v2/problems/x")), "not_found", 404)

    def test_every_error_that_callers_meet_has_a_code_of_its_own(self) -> None:
        elsewhere = {errors.ProtocolStateError, errors.TokenFileError, errors.EventsLostError}
        met = {MalformedBodyError, InvalidRequestError}
        modules = {each.__name__ for each in (errors, of_access, of_operations, of_http)}
        for leaf in leaves(errors.DynamiCryptError):
            if leaf.__module__ in modules:
                met.add(leaf)  # type: ignore[arg-type]  # sets of kinds of errors
        for leaf in met - elsewhere:
            if not issubclass(leaf, errors.RemoteError) and leaf.code != "failed":
                self.assertIn(leaf.code, KINDS, leaf)
