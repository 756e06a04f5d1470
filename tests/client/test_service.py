"""The client against a running service."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tempfile
import threading

from dynamicrypt.access.issued import TokenFile
from dynamicrypt.access.tokens import Scope
from dynamicrypt.client import Channel, DynamiCrypt, Message, Sealed
from dynamicrypt.client import errors as wrong
from dynamicrypt.client.errors import ClientError
from dynamicrypt.demo.acquaintance import COMMAND, introduce
from dynamicrypt.demo.daemon import Daemon
from dynamicrypt.peer.statedir import StateDirectory
from tests.client.local import READY_SECONDS, LocalCase
from tests.endtoend.service import ServiceTestCase, eventually

MIB = 2**20


class MessageTests(LocalCase):
    def assertPlain(self, sealed: Sealed, plaintext: bytes, context: bytes = b"") -> None:
        self.assertEqual(self.bob.decrypt(sealed.ciphertext, context=context), plaintext)

    def test_messages_in_every_mode_reach_the_partner(self) -> None:
        self.assertPlain(self.alice.encrypt(b""), b"")
        self.assertPlain(self.alice.encrypt(bytes(500_000), mode=2), bytes(500_000))
        counted = [self.alice.encrypt(b"x", mode=3, limit=2, context=b"c") for _ in range(3)]
        self.assertEqual(len({each.key_id for each in counted}), 2)
        for each in counted:
            self.assertPlain(each, b"x", b"c")
        split = self.alice.encrypt(b"whole", mode=4, pieces=4)
        random.Random(4).shuffle(pieces := list(split.pieces))
        opened = [self.bob.decrypt_piece(each.ciphertext) for each in pieces]
        self.assertEqual(opened, [None, None, None, b"whole"])

    def test_what_does_not_open_says_why(self) -> None:
        sealed = self.alice.encrypt(b"once", mode=2, context=b"here").ciphertext
        changed = bytes([*sealed[:-1], sealed[-1] ^ 1])
        stranger = sealed[:4] + bytes(16) + sealed[20:]
        for ciphertext, context, kind in (
            (changed, b"here", wrong.BadCiphertextError),
            (sealed, b"there", wrong.BadCiphertextError),
            (b"no envelope", b"", wrong.BadCiphertextError),
            (stranger, b"here", wrong.UnknownKeyError),
        ):
            with self.assertRaises(kind):
                self.bob.decrypt(ciphertext, context=context)
        with self.assertRaises(wrong.WrongChannelError):
            self.alice.decrypt(sealed, context=b"here")
        self.assertEqual(self.bob.decrypt(sealed, context=b"here"), b"once")
        with self.assertRaises(wrong.KeyUsedError):
            self.bob.decrypt(sealed, context=b"here")

    def test_asked_again_with_its_key_a_message_opens_again(self) -> None:
        sealed = self.alice.encrypt(b"once", mode=2).ciphertext
        for _ in range(2):
            self.assertEqual(self.bob.decrypt(sealed, idempotency_key="one"), b"once")

    def test_what_cannot_be_asked_is_refused(self) -> None:
        for call, kind in (
            (lambda: self.alice.encrypt(b"", mode=3), wrong.BadParameterError),
            (lambda: self.alice.encrypt(b"", mode=9), wrong.BadParameterError),
            (lambda: self.alice.encrypt(bytes(2 * MIB)), wrong.TooLargeError),
            (lambda: self.alice.key("x"), wrong.InvalidRequestError),
            (lambda: self.client.service("carol"), wrong.UnknownServiceError),
            (lambda: self.client.channel("alice", "carol").state(), wrong.UnknownChannelError),
            (
                lambda: self.client.open_channel("alice", "carol", peer="x"),
                wrong.UnknownPeerError,
            ),
        ):
            with self.assertRaises(kind):
                call()

    def test_more_messages_than_keys_are_ready_are_waited_for(self) -> None:
        messages = [b"%d" % number for number in range(300)]
        named = [Message(data=each, context=b"c", reference=each.decode()) for each in messages]
        sealed = self.alice.encrypt_batch(named, mode=2)
        self.assertEqual([each.reference for each in sealed], [each.decode() for each in messages])
        ciphertexts = [each.result() for each in sealed]
        opened = self.bob.decrypt_batch([Message(data=each, context=b"c") for each in ciphertexts])
        self.assertEqual([each.result() for each in opened], messages)
        (again,) = self.bob.decrypt_batch([Message(data=ciphertexts[0], context=b"c")])
        self.assertIsInstance(again.error, wrong.KeyUsedError)

    def test_threads_may_share_a_client(self) -> None:
        plaintexts: list[bytes] = []

        def talk(number: int) -> None:
            for _ in range(20):
                sealed = self.alice.encrypt(b"%d" % number, mode=2)
                plaintexts.append(self.bob.decrypt(sealed.ciphertext))

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(READY_SECONDS)
        self.assertEqual(sorted(plaintexts), sorted(b"%d" % n for n in range(4) for _ in range(20)))

    def assertPromised(self, seconds: int | None) -> None:
        assert seconds is not None
        self.assertTrue(120 <= seconds <= 720, seconds)

    def test_what_is_sealed_says_for_how_long_it_opens(self) -> None:
        self.assertPromised(self.alice.encrypt(b"m", mode=2).expires_in_seconds)
        self.assertPromised(self.alice.encrypt(b"m", mode=4).expires_in_seconds)
        (sealed,) = self.alice.encrypt_batch([b"m"], mode=2)
        self.assertPromised(sealed.expires_in_seconds)
        (opened,) = self.bob.decrypt_batch([sealed.result()])
        self.assertIsNone(opened.expires_in_seconds)

    def test_both_sides_get_a_key_once(self) -> None:
        taken = self.alice.next_key()
        self.assertPromised(taken.expires_in_seconds)
        fetched = self.bob.key(taken.key_id)
        self.assertEqual(fetched, taken)
        self.assertIsNone(fetched.expires_in_seconds)
        with self.assertRaises(wrong.KeyUsedError):
            self.bob.key(taken.key_id)

    def test_streams_of_any_length_reach_the_partner(self) -> None:
        for size in (0, 1, 65_536, 65_537, 3 * MIB + 1):
            body, sealed, opened = os.urandom(size), io.BytesIO(), io.BytesIO()
            written = self.alice.encrypt_stream(io.BytesIO(body), sealed, context=b"c")
            self.assertEqual(written.size, len(sealed.getvalue()))
            self.assertPromised(written.expires_in_seconds)
            sealed.seek(0)
            self.assertEqual(self.bob.decrypt_stream(sealed, opened, context=b"c"), size)
            self.assertEqual(opened.getvalue(), body)
            sealed.seek(0)
            with self.assertRaises(wrong.KeyUsedError):
                self.bob.decrypt_stream(sealed, io.BytesIO(), context=b"c")

    def test_a_stream_that_was_changed_or_cut_is_no_plaintext(self) -> None:
        for change in (
            lambda sealed: bytes([*sealed[:30], sealed[30] ^ 1]) + sealed[31:],
            lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
            lambda sealed: sealed[: -MIB // 2],
            lambda sealed: sealed + b"x",
            lambda sealed: sealed[:20],
        ):
            sealed = io.BytesIO()
            self.alice.encrypt_stream(io.BytesIO(bytes(MIB)), sealed)
            with self.assertRaises(wrong.BadCiphertextError):
                self.bob.decrypt_stream(io.BytesIO(change(sealed.getvalue())), io.BytesIO())
            opened = io.BytesIO()
            self.bob.decrypt_stream(io.BytesIO(sealed.getvalue()), opened)
            self.assertEqual(opened.getvalue(), bytes(MIB))

    def test_events_go_on_where_they_ended(self) -> None:
        events = self.client.events(after="0-0")
        first = [next(events) for _ in range(3)]
        self.assertEqual([each.kind for each in first], ["gap", "channel-up", "channel-up"])
        resumed = self.client.events(after=first[1].id)
        self.assertEqual(next(resumed), first[2])

    def test_services_and_channels_come_and_go(self) -> None:
        self.assertEqual(self.client.services(), ["alice", "bob"])
        self.assertEqual(self.alice.stop().state, "stopped")
        self.assertNotEqual(self.alice.start().state, "stopped")
        self.alice.close()
        self.assertEqual(self.client.channels("alice"), [])
        self.client.remove_service("alice")
        self.assertEqual(self.client.services(), ["bob"])

    def test_a_token_does_what_its_scopes_say_and_nothing_more(self) -> None:
        tokens = TokenFile(StateDirectory(self.running.state))
        url = f"http://localhost:{self.running.api_port}"
        with DynamiCrypt(url, tokens.issue("shop", [Scope.ENCRYPT])) as shop:
            self.assertTrue(eventually(lambda: self.knows(shop)))
            with self.assertRaises(wrong.NameTakenError):
                shop.create_service("alice")
            with self.assertRaises(wrong.UnknownServiceError):
                shop.channel("alice", "bob").encrypt(b"x")
            with self.assertRaises(wrong.ScopeMissingError):
                shop.channel("alice", "bob").decrypt(b"x")
            tokens.revoke("shop")
            self.assertTrue(eventually(lambda: not self.knows(shop)))
        for call in (
            lambda: DynamiCrypt(url, "dct_wrong").services(),
            lambda: next(DynamiCrypt(url, "dct_wrong").events()),
            lambda: (
                DynamiCrypt(url, "dct_wrong")
                .channel("alice", "bob")
                .decrypt_stream(io.BytesIO(bytes(MIB)), io.BytesIO())
            ),
        ):
            with self.assertRaises(wrong.AuthRequiredError):
                call()

    @staticmethod
    def knows(client: DynamiCrypt) -> bool:
        try:
            client.services()
        except wrong.AuthRequiredError:
            return False
        return True

    def test_a_node_that_starts_again_is_found_on_its_new_port(self) -> None:
        self.client.services()
        self.end(self.running)
        with self.assertRaises(wrong.ServiceUnreachableError):
            self.client.services()
        again = Daemon(self.running.state, *self.options)
        again.start()
        self.addCleanup(self.end, again)
        self.assertEqual(self.client.services(), ["alice", "bob"])
        self.assertTrue(self.alice.wait(READY_SECONDS).ready)
        self.assertEqual(self.bob.decrypt(self.alice.encrypt(b"again").ciphertext), b"again")


class SocketTests(LocalCase):
    def setUp(self) -> None:
        # The path of a socket has at most 107 bytes, less than trial's directories take.
        short = tempfile.TemporaryDirectory()
        self.addCleanup(short.cleanup)
        self.path = f"{short.name}/api.sock"
        self.options = ("--profile", "fast", "--api-socket", self.path)
        super().setUp()

    def test_on_a_unix_socket_the_system_tells_who_asks(self) -> None:
        """The user's own services are not those of the token."""
        with DynamiCrypt(socket=self.path, state_dir=self.state()) as client:
            self.assertEqual(client.services(), [])
            client.create_service("carol")
            self.assertEqual(client.services(), ["carol"])
        with DynamiCrypt(socket=self.path, state_dir=self.running.state) as client:
            self.assertEqual(client.services(), ["alice", "bob"])
            alice, bob = self.channels(client)
            sealed, opened = io.BytesIO(), io.BytesIO()
            alice.encrypt_stream(io.BytesIO(b"over a socket"), sealed)
            sealed.seek(0)
            bob.decrypt_stream(sealed, opened)
            self.assertEqual(opened.getvalue(), b"over a socket")


class TwoNodesTests(ServiceTestCase):
    def test_two_hosts_talk_and_know_how_their_link_is(self) -> None:
        place = self.state()
        states = place / "north", place / "south"
        for state in states:
            state.mkdir(mode=0o700)
        introduce(states)
        south = self.start(Daemon(states[1], "--profile", "fast"))
        address = f"127.0.0.1:{south.link_port}"
        words = ("peer", "set", "south", "--address", address, "--state-dir", str(states[0]))
        subprocess.run((*COMMAND, *words), check=True, stdout=subprocess.DEVNULL)
        self.start(Daemon(states[0], "--profile", "fast"))
        clients = [DynamiCrypt(state_dir=state) for state in states]
        for client in clients:
            self.addCleanup(client.close)
        clients[0].create_service("alice")
        clients[1].create_service("bob")
        alice = clients[0].open_channel("alice", "bob", peer="south")
        with self.assertRaises(ClientError):
            DynamiCrypt(state_dir=states[0], patience=0.0).channel("alice", "bob").encrypt(b"x")
        bob = clients[1].open_channel("bob", "alice", peer="north")
        self.assertTrue(alice.wait(READY_SECONDS).ready and bob.wait(READY_SECONDS).ready)
        for sender, receiver in ((alice, bob), (bob, alice)):
            self.assertTalk(sender, receiver)
        (peer,) = clients[0].status().peers
        self.assertEqual((peer.name, peer.up, peer.group), ("south", True, "X25519MLKEM768"))
        self.end(south)
        self.assertTrue(eventually(lambda: not clients[0].status().peers[0].up))
        self.assertNotIn(alice.state().state, {"up", "resting"})

    def start(self, daemon: Daemon) -> Daemon:
        daemon.start()
        self.addCleanup(self.end, daemon)
        return daemon

    def assertTalk(self, sender: Channel, receiver: Channel) -> None:
        for mode in (1, 2):
            sealed = sender.encrypt(b"over the link", mode=mode)
            assert isinstance(sealed, Sealed)
            self.assertEqual(receiver.decrypt(sealed.ciphertext), b"over the link")
