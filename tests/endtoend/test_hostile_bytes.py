"""Arbitrary bytes at the peer port and at the API, while a channel makes keys."""

import json
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.endtoend.service import ServiceTestCase

steady = settings(max_examples=150, suppress_health_check=list(HealthCheck))

tokens = st.one_of(
    st.sampled_from(["", "0", "1", "2", "3", "4", "5", "-", "guest", "host", "friend", "victim"]),
    st.integers(-(2**70), 2**70).map(str),
    st.lists(st.sampled_from(["1", "-1"]), min_size=70, max_size=74).map("".join),
    st.text(max_size=40),
)
#: Lines that look like wire 1 more often than chance would have it.
lines = st.builds(
    lambda kind, fields: "\t".join([kind, *fields]).encode() + b"\n",
    st.sampled_from(["1", "2", "3", "4"]),
    st.lists(tokens, max_size=12),
)
streams = st.one_of(
    st.binary(max_size=2048),
    st.lists(lines, max_size=6).map(b"".join),
    # a service that waits for its partner is open to whoever knows both names
    st.lists(st.one_of(lines, st.binary(max_size=40)), max_size=6).map(
        lambda parts: b"2\t5\t0\tguest\thost\n" + b"".join(parts)
    ),
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
#: Not the victim: who may call the API may also reconfigure it, and it is to survive.
names = st.sampled_from(["host", "guest", "", "nobody"]) | values
bodies = st.one_of(
    st.binary(max_size=200),
    values.map(json.dumps).map(str.encode),
    st.fixed_dictionaries(
        {},
        optional={
            "service_name": names,
            "partner_name": names,
            "message": values,
            "hash": values,
            "operation": st.sampled_from([0, 1]) | values,
            "mode": st.sampled_from([1, 2]) | values,
            "wire": st.sampled_from([1, 2]) | values,
            # No names and no ports that exist: the test calls nobody else on this machine.
            "address_of_other_tpm": st.just("127.0.0.1"),
            "port_of_other_tpm": st.sampled_from([-1, 0, 65536, 2**70, "1", None, 1.5]),
        },
    )
    .map(json.dumps)
    .map(str.encode),
)
options = st.sampled_from(["init", "init_config", "sync", "status", "encrypt", "exit", "test-ok"])


class HostileTests(ServiceTestCase):
    def setUp(self) -> None:
        self.daemon = self.thesis_node()
        self.api = self.application(self.daemon)
        self.api.init("victim")
        self.api.init_config("friend")
        self.friend = self.dial(self.daemon, "friend", "victim")
        host = self.application(self.daemon)
        host.init("host")
        host.init_config("guest")
        self.friend.wait_for_keys(2)

    def assertSurvives(self, attack: Callable[[], None]) -> None:
        self.assertUnmoved(self.daemon, attack)
        self.assertTrue(self.api.test_ok())
        self.assertMakesKeys(self.friend)
        self.assertOpens(self.api, self.friend.side.keys[-2], "still whole", mode=1)

    def test_streams_at_the_peer_port(self) -> None:
        @steady
        @given(streams)
        def attack(stream: bytes) -> None:
            self.throw(self.daemon.thesis_port, stream)

        self.assertSurvives(attack)

    def test_streams_at_the_api(self) -> None:
        @steady
        @given(st.binary(max_size=500) | streams)
        def attack(stream: bytes) -> None:
            self.throw(self.daemon.api_port, stream)

        self.assertSurvives(attack)

    def test_bodies_at_the_api(self) -> None:
        @steady
        @given(options, bodies)
        def attack(option: str, body: bytes) -> None:
            status, text = self.api.raw("POST", f"/v1/options/{option}", body)
            self.assertIn(status, (200, 400, 403))
            if status != 403:
                self.assertIsInstance(json.loads(text), dict)

        self.assertSurvives(attack)

    def test_bodies_without_end(self) -> None:
        """More than the node takes is refused, and what was sent of it is not kept."""

        def attack() -> None:
            for _ in range(8):
                head = b"POST /v1/options/encrypt HTTP/1.1\r\nHost: localhost\r\n"
                head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                self.throw(
                    self.daemon.api_port, head + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 32
                )

        self.assertSurvives(attack)
