"""Answers are read whatever they hold, and the client's shapes are the service's."""

import json
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.cli.speech import cause_and_remedy
from dynamicrypt.client import errors, shapes
from dynamicrypt.client.answer import problem_of, read_answer, read_problem
from dynamicrypt.client.errors import BadAnswerError, ClientError, ProblemError
from dynamicrypt.rest.desk.problem import KINDS
from dynamicrypt.rest.shapes import messages, state
from dynamicrypt.web.schema import encode

#: Of the client and of the service.
PAIRS = (
    (shapes.Sealed, messages.Sealed),
    (shapes.Piece, messages.Piece),
    (shapes.Split, messages.Split),
    (shapes.Opened, messages.Opened),
    (shapes.Stream, messages.Stream),
    (shapes.Streams, messages.Streams),
    (shapes.DeliveredKey, messages.FreshKey),
    (shapes.Machine, state.Machine),
    (shapes.KeyLevels, state.KeyLevels),
    (shapes.ChannelState, state.Channel),
    (shapes.ServiceState, state.Service),
    (shapes.ChannelBrief, state.ChannelBrief),
    (shapes.OwnedService, state.OwnedService),
    (shapes.OwnedServices, state.OwnedServices),
    (shapes.Peer, state.Peer),
    (shapes.NodeState, state.Node),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


class AnswerTests(SynchronousTestCase):
    def test_the_client_knows_every_field_of_the_service(self) -> None:
        for ours, theirs in PAIRS:
            self.assertEqual(
                [each.name for each in fields(ours)], [each.name for each in fields(theirs)]
            )

    @given(st.binary(max_size=60), st.sampled_from(PAIRS))
    def test_any_bytes_are_a_value_or_an_error(self, body: bytes, pair: tuple[type, type]) -> None:
        self.assertReads(pair[0], body)

    @given(st.data(), st.sampled_from(PAIRS))
    def test_any_fields_are_a_value_or_an_error(
        self, data: st.DataObject, pair: tuple[type, type]
    ) -> None:
        names = [each.name for each in fields(pair[0])]
        document = data.draw(st.fixed_dictionaries(dict.fromkeys(names, JSON)))
        self.assertReads(pair[0], json.dumps(document).encode())

    def assertReads(self, shape: type, body: bytes) -> None:
        try:
            value: object = read_answer(shape, body)
        except BadAnswerError:
            return
        self.assertIsInstance(value, shape)

    def test_what_the_service_writes_is_read(self) -> None:
        levels = state.KeyLevels(offered=1, free=2, in_use=0, held=4)
        channel = state.Channel(
            service="shop",
            partner="bank",
            peer="f",
            state="up",
            reason="",
            code="",
            profile="fast",
            keys=levels,
            keys_made=7,
            rounds=9,
        )
        body = encode(state.Service(name="shop", channels=[channel]))
        (read,) = read_answer(shapes.ServiceState, body).channels
        self.assertTrue(read.ready)
        self.assertEqual((read.keys.held, read.rounds), (4, 9))
        machine = state.Machine(id=0, state="active", run=1, steps=64)
        machines = read_answer(shapes.Machines, encode(state.Machines(machines=[machine])))
        self.assertEqual(machines.machines[0].steps, 64)

    def test_a_younger_service_may_say_more(self) -> None:
        body = b'{"key_id":"i","key":"AAE=","new":[1]}'
        self.assertEqual(read_answer(shapes.DeliveredKey, body).key, b"\0\1")

    def test_values_with_secrets_do_not_show_them(self) -> None:
        key = shapes.DeliveredKey(key_id="i", key=b"secret")
        opened = shapes.Opened(complete=True, plaintext=b"secret")
        self.assertNotIn("secret", repr((key, opened)))


class ProblemTests(SynchronousTestCase):
    def test_each_code_has_a_class_and_no_class_lacks_one(self) -> None:
        self.assertEqual(set(ProblemError.by_code), set(KINDS))

    def test_every_error_has_a_cause_a_remedy_and_a_word(self) -> None:
        for kind in vars(errors).values():
            if isinstance(kind, type) and issubclass(kind, ClientError) and "code" in vars(kind):
                cause, remedy = cause_and_remedy(kind)
                self.assertTrue(cause and remedy.endswith("."), kind)
                self.assertRegex(kind.code, r"\A[a-z_]+\Z")

    def test_an_answer_becomes_the_error_of_its_code(self) -> None:
        body = b'{"code":"no_key_yet","detail":"none","status":503,"retry_after_ms":250}'
        error = read_problem(503, body)
        assert isinstance(error, errors.NoKeyYetError)
        self.assertEqual((str(error), error.status, error.retry_after), ("none", 503, 0.25))

    def test_an_error_carries_the_advice_of_the_service(self) -> None:
        body = b'{"code":"unknown_peer","detail":"no such node.","advice":"Pair with it."}'
        error = read_problem(404, body)
        assert isinstance(error, ProblemError)
        self.assertEqual(
            (str(error), error.detail, error.advice),
            ("no such node. Pair with it.", "no such node.", "Pair with it."),
        )

    def test_a_code_that_is_younger_than_the_client_is_kept(self) -> None:
        error = read_problem(418, b'{"code":"teapot"}')
        assert isinstance(error, ProblemError)
        self.assertEqual(
            (type(error), error.code, error.detail), (ProblemError, "teapot", "teapot")
        )

    @given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
    def test_any_refusal_is_an_error(self, body: bytes) -> None:
        self.assertIsInstance(read_problem(500, body), ClientError)

    @given(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(("code", "detail", "status", "retry_after_ms", "advice"), JSON),
        )
    )
    def test_any_members_are_a_problem_or_an_error(self, members: dict[str, object]) -> None:
        try:
            problem = problem_of(members)
        except BadAnswerError:
            return
        self.assertTrue(problem.retry_after is None or problem.retry_after >= 0)
