import json
import re
from dataclasses import asdict, dataclass
from typing import Annotated

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.rest.openapi.json_schema import BASE64_PATTERN, base64_length, describe, parts_of
from dynamicrypt.rest.v1.shapes import (
    Encrypt,
    Exit,
    Init,
    InitConfig,
    Opened,
    Outcome,
    Sealed,
    Status,
    Sync,
)
from dynamicrypt.web.schema import (
    Base64,
    InvalidRequestError,
    Items,
    Length,
    MalformedBodyError,
    OneOf,
    Range,
    encode,
    from_base64,
    parse,
    to_base64,
)

SHAPES = (Init, InitConfig, Sync, Status, Encrypt, Exit)

ENCRYPT = {"service_name": "s", "message": "m", "operation": 0, "mode": 1}

names = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**63), 2**63 - 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(
    [
        "service_name",
        "partner_name",
        "message",
        "operation",
        "mode",
        "hash",
        "wire",
        "address_of_other_tpm",
        "port_of_other_tpm",
    ]
)


class ParseTests(SynchronousTestCase):
    def test_takes_a_field_of_its_type(self) -> None:
        self.assertEqual(parse(Init, b'{"service_name":"s"}'), Init(service_name="s"))

    def test_ignores_fields_that_the_shape_lacks(self) -> None:
        self.assertEqual(parse(Exit, b'{"service_name":"s","x":[{}]}'), Exit(service_name="s"))

    def test_the_last_of_two_equal_fields_counts(self) -> None:
        body = b'{"service_name":"a","service_name":"b"}'
        self.assertEqual(parse(Exit, body), Exit(service_name="b"))

    def test_optional_fields_may_be_absent_or_null(self) -> None:
        for body in (b'{"service_name":"s"}', b'{"service_name":"s","wire":null}'):
            self.assertIsNone(parse(Init, body).wire)
        self.assertEqual(parse(Init, b'{"service_name":"s","wire":1}').wire, 1)

    def test_refuses_wires_that_do_not_exist(self) -> None:
        for wire in ("0", "3", "-1", "true", "1.0", '"1"', "99999999999999999999", "[]"):
            body = b'{"service_name":"s","wire":%b}' % wire.encode()
            self.assertRaises(InvalidRequestError, parse, Init, body)

    def test_types_are_exact(self) -> None:
        for name in ENCRYPT:
            other: object = "1" if name in {"operation", "mode"} else 1
            wrongs: tuple[object, ...] = (None, True, 1.0, [], {}, other)
            for wrong in wrongs:
                body = json.dumps({**ENCRYPT, name: wrong}).encode()
                self.assertRaises(InvalidRequestError, parse, Encrypt, body)

    def test_every_required_field_is_required(self) -> None:
        for name in ENCRYPT:
            body = json.dumps({key: ENCRYPT[key] for key in ENCRYPT if key != name}).encode()
            self.assertRaises(InvalidRequestError, parse, Encrypt, body)

    def test_an_integer_beyond_64_bits_is_ill_typed(self) -> None:
        body = b'{"service_name":"s","message":"m","operation":0,"mode":18446744073709551616}'
        self.assertRaises(InvalidRequestError, parse, Encrypt, body)

    def test_every_operation_but_0_decrypts_and_needs_the_hash(self) -> None:
        for operation in (1, 2, -1):
            request = {**ENCRYPT, "operation": operation}
            body = json.dumps(request).encode()
            self.assertRaises(InvalidRequestError, parse, Encrypt, body)
            body = json.dumps({**request, "hash": ""}).encode()
            self.assertEqual(parse(Encrypt, body).hash, "")

    def test_what_is_no_json_object_is_malformed(self) -> None:
        bodies = (
            b"",
            b" ",
            b"null",
            b"[]",
            b'"s"',
            b"7",
            b"NaN",
            b"{",
            b"{}{}",
            b'{"a":NaN}',
            b'{"a":Infinity}',
            b"{'a':1}",
            b'{"a":1,}',
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"a":1' + b"0" * 100_000 + b"x}",
        )
        for body in bodies:
            self.assertRaises(MalformedBodyError, parse, Init, body)

    def test_the_error_does_not_carry_the_body(self) -> None:
        try:
            parse(Init, b'{"message":"attack at dawn"')
        except MalformedBodyError as error:
            self.assertIsNone(error.__cause__)
            self.assertTrue(error.__suppress_context__)
            self.assertNotIn("dawn", str(error))

    @given(st.sampled_from(SHAPES), st.binary(max_size=200))
    def test_any_bytes_are_a_shape_or_one_of_two_errors(
        self, shape: type[Init], body: bytes
    ) -> None:
        try:
            parsed = parse(shape, body)
        except (MalformedBodyError, InvalidRequestError):
            return
        self.assertIs(type(parsed), shape)

    @given(st.sampled_from(SHAPES), st.dictionaries(fields | names, values, max_size=8))
    def test_any_object_is_a_shape_or_invalid(
        self, shape: type[Init], content: dict[str, object]
    ) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        try:
            parsed = parse(shape, body)
        except (MalformedBodyError, InvalidRequestError):
            return
        for name, value in asdict(parsed).items():
            self.assertEqual(content.get(name), value)


class EncodeTests(SynchronousTestCase):
    def test_is_compact_and_keeps_the_order_and_the_characters(self) -> None:
        answer = Sealed(message="naïve ✓\t\n", hash="AB", mode=1)
        expected = '{"message":"naïve ✓\\t\\n","hash":"AB","mode":1}'.encode()
        self.assertEqual(encode(answer), expected)

    @given(names, names, names, numbers, st.sampled_from([None, 1, 2]))
    def test_what_was_encoded_parses(
        self, name: str, partner: str, address: str, port: int, wire: int | None
    ) -> None:
        sync = Sync(
            service_name=name,
            partner_name=partner,
            address_of_other_tpm=address,
            port_of_other_tpm=port,
            wire=wire,
        )
        self.assertEqual(parse(Sync, encode(sync)), sync)

    @given(names, numbers)
    def test_what_was_answered_parses(self, text: str, number: int) -> None:
        for answer in (Opened(message=text, mode=number), Outcome(status=number)):
            self.assertEqual(parse(type(answer), encode(answer)), answer)

    def test_plaintexts_are_not_in_reprs(self) -> None:
        asked = Encrypt(service_name="s", message="attack at dawn", operation=0, mode=1)
        for shape in (asked, Opened(message="attack at dawn", mode=1)):
            self.assertNotIn("dawn", repr(shape))


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    number: Annotated[int, Range(1, 3)]


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A whole."""

    data: Annotated[Base64, Length(3)]
    parts: Annotated[list[Inner], Items(2)]
    flag: bool = False
    text: Annotated[str, OneOf(("a", "b"))] | None = None
    number: Annotated[int, Range(0, 9)] = 0


class ExactTests(SynchronousTestCase):
    """What the parser takes is what the description says."""

    def refusal(self, kind: type[Exception], **changes: object) -> str:
        content = {"data": "eHl6", "parts": [{"number": 1}], **changes}
        body = json.dumps({name: value for name, value in content.items() if value != "absent"})
        error = self.assertRaises(kind, parse, Outer, body.encode(), exact=True)
        return str(error)

    def test_takes_what_fits(self) -> None:
        body = b'{"data":"eHl6","parts":[{"number":1}],"flag":true,"text":"a","number":9.0}'
        self.assertEqual(
            parse(Outer, body, exact=True),
            Outer(data=b"xyz", parts=[{"number": 1}], flag=True, text="a", number=9),  # type: ignore[list-item]  # items are left as they are
        )
        body = b'{"data":"","parts":[{}],"flag":null,"text":null,"number":null}'
        self.assertEqual(parse(Outer, body, exact=True), Outer(data=b"", parts=[{}]))  # type: ignore[list-item]  # as above

    def test_names_the_field_and_the_fault_and_quotes_nothing(self) -> None:
        for changes, said in (
            ({"data": "absent"}, "data is missing"),
            ({"data": None}, "data is missing"),
            ({"data": 7}, "data is not text"),
            ({"data": "eHl"}, "data is not base64"),
            ({"parts": [1]}, "parts has an item of the wrong type"),
            ({"number": 1.5}, "number is not an integer"),
            ({"number": True}, "number is not an integer"),
            ({"fllag": 1}, "a field that this request does not have"),
        ):
            self.assertTrue(self.refusal(InvalidRequestError, **changes).startswith(said), said)
        outside: tuple[tuple[dict[str, object], str], ...] = (
            ({"data": "eHl6eA=="}, "data has a length outside 0..3"),
            ({"parts": []}, "parts has a length outside 1..2"),
            ({"number": 10}, "number is outside 0..9"),
            ({"text": "c"}, "text is none of a, b"),
        )
        for values, said in outside:
            self.assertEqual(self.refusal(ParameterError, **values), said)

    def test_is_described_as_it_is_read(self) -> None:
        schema = describe(Outer, exact=True)
        self.assertEqual(schema["required"], ["data", "parts"])
        self.assertIs(schema["additionalProperties"], False)
        properties = schema["properties"]
        self.assertEqual(properties["data"]["maxLength"], 4)
        self.assertEqual(
            properties["parts"],
            {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Inner"},
                "minItems": 1,
                "maxItems": 2,
            },
        )
        self.assertEqual(properties["flag"], {"type": ["boolean", "null"]})
        self.assertEqual(
            properties["number"], {"type": ["integer", "null"], "minimum": 0, "maximum": 9}
        )
        self.assertEqual(parts_of(Outer), [Inner])

    @given(values)
    def test_anything_else_is_refused_with_one_of_three_errors(self, value: object) -> None:
        for exact in (False, True):
            try:
                parse(Outer, json.dumps(value).encode(), exact=exact)
            except (MalformedBodyError, InvalidRequestError, ParameterError):
                continue

    @given(st.binary(max_size=40))
    def test_base64_goes_there_and_back(self, data: bytes) -> None:
        self.assertEqual(from_base64(to_base64(data)), data)
        self.assertLessEqual(len(to_base64(data)), base64_length(len(data)))

    @given(st.text(max_size=12))
    def test_base64_has_the_form_that_the_description_says(self, text: str) -> None:
        try:
            from_base64(text)
        except ValueError:
            self.assertIsNone(re.fullmatch(BASE64_PATTERN, text))
        else:
            self.assertRegex(text, BASE64_PATTERN)
