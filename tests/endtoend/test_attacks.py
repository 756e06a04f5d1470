"""What broke the thesis' program, line by line, against the running service.

Each of these killed the old process, left a connection open and dead, or gave a stranger a hand
in somebody's keys. What the format of wire 1 forces stays, and docs/security.md says so.
"""

import socket
from pathlib import Path

from tests.endtoend.service import ServiceTestCase, eventually
from tests.foreign.machine import vector_text
from tests.foreign.peer import Conversation, Side

STEP = b"1\t%d\t%d\t1\t" + b"1" * 72 + b"\t1\t1\n"


class AttackTestCase(ServiceTestCase):
    """A node with a service `victim` that keeps making keys with an honest partner meanwhile."""

    def setUp(self) -> None:
        self.daemon = self.thesis_node()
        self.victim = self.application(self.daemon)
        self.victim.init("victim")
        self.victim.init_config("friend")

    def honest(self) -> Conversation:
        conversation = self.dial(self.daemon, "friend", "victim")
        conversation.wait_for_keys(1)
        return conversation

    def assertThrownOut(self, line: bytes) -> None:
        """Send it on a connection of its own; the node must hang up and live."""
        connection = self.connect(self.daemon.thesis_port)
        connection.sendall(line)
        self.assertHungUp(connection)
        self.assertTrue(self.victim.test_ok())


class OneLineTests(AttackTestCase):
    """One unauthenticated line killed the process, or the connection stayed open and dead."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.assertMakesKeys, self.honest())

    def test_empty_line(self) -> None:
        self.assertThrownOut(b"\n")

    def test_type_that_is_no_number(self) -> None:
        self.assertThrownOut(b"hello\t1\t0\ta\tb\n")

    def test_huge_type(self) -> None:
        self.assertThrownOut(b"9" * 400 + b"\t1\t0\ta\tb\n")

    def test_unknown_type(self) -> None:
        self.assertThrownOut(b"7\t1\t0\ta\tb\n")

    def test_too_few_fields(self) -> None:
        for line in (b"1\n", b"2\n", b"2\t1\n", b"3\n", b"4\n", b"2\t1\t0\tfriend\n"):
            self.assertThrownOut(line)

    def test_http_request(self) -> None:
        self.assertThrownOut(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def test_tls_hello(self) -> None:
        self.assertThrownOut(bytes.fromhex("16030100c8010000c40303") + bytes(range(256)) + b"\n")

    def test_1024_bytes_without_an_end_of_line(self) -> None:
        self.assertThrownOut(b"x" * 1024)

    def test_longest_line_and_a_byte(self) -> None:
        self.assertThrownOut(b"2\t1\t0\t" + b"x" * 1100 + b"\tvictim\n")

    def test_second_hello(self) -> None:
        other = self.application(self.daemon)
        other.init("other")
        other.init_config("guest")
        connection = self.connect(self.daemon.thesis_port)
        hello = b"2\t5\t0\tguest\tother\n"
        connection.sendall(hello)
        self.assertTrue(connection.recv(1024).startswith(b"3\t"))
        connection.sendall(hello)
        self.assertHungUp(connection)

    def test_unknown_partner_id(self) -> None:
        self.assertThrownOut(STEP % (77, 77))

    def test_unasked_welcome(self) -> None:
        self.assertThrownOut(b"3\t5\t0\t5\n")

    def test_unasked_end_of_a_run(self) -> None:
        for save in b"01":
            self.assertThrownOut(b"4\t5\t0\t0\t%c\n" % save)

    def test_half_a_line_and_silence_time_out(self) -> None:
        connections = [self.connect(self.daemon.thesis_port) for _ in range(2)]
        connections[0].sendall(b"2\t5\t0\tfriend")
        for connection in connections:
            self.assertHungUp(connection)

    def test_line_that_arrives_byte_by_byte_is_a_line(self) -> None:
        other = self.application(self.daemon)
        other.init("slow")
        other.init_config("guest")
        connection = self.connect(self.daemon.thesis_port)
        for byte in b"2\t5\t0\tguest\tslow\n":
            connection.sendall(bytes([byte]))
        self.assertTrue(connection.recv(1024).startswith(b"3\t"))


class StrangerTests(AttackTestCase):
    """A stranger could put keys into any service, forge one, or delete the service."""

    def greet(self, name: bytes, partner: bytes) -> bytes:
        """What the node says to a hello before it hangs up or waits for a step."""
        connection = self.connect(self.daemon.thesis_port, 3)
        connection.sendall(b"2\t5\t0\t" + name + b"\t" + partner + b"\n")
        try:
            return connection.recv(1024)
        except ConnectionResetError:
            return b""

    def test_service_that_does_not_exist(self) -> None:
        self.assertEqual(self.greet(b"friend", b"nobody"), b"")

    def test_service_that_expects_somebody_else(self) -> None:
        self.assertEqual(self.greet(b"stranger", b"victim"), b"")
        self.assertEqual(self.victim.encrypt("m", 1), "wait")

    def test_service_that_expects_nobody(self) -> None:
        other = self.application(self.daemon)
        other.init("hermit")
        self.assertEqual(self.greet(b"friend", b"hermit"), b"")
        self.assertEqual(self.greet(b"", b"hermit"), b"")
        self.assertEqual(other.encrypt("m", 1), "wait")

    def test_service_that_has_its_partner_already(self) -> None:
        friend = self.honest()
        self.assertEqual(self.greet(b"friend", b"victim"), b"")
        self.assertMakesKeys(friend)
        self.assertOpens(self.victim, friend.side.keys[0], "still ours", mode=1)

    def test_connecting_and_closing_deletes_nothing(self) -> None:
        for _ in range(3):
            connection = self.connect(self.daemon.thesis_port)
            connection.sendall(b"2\t5\t0\tfriend\tvictim\n")
            connection.recv(1024)
            connection.close()
        self.assertEqual(self.victim.encrypt("m", 1), "wait")
        self.assertTrue(eventually(lambda: not self.victim.status()))
        friend = self.honest()
        self.assertOpens(self.victim, friend.wait_for_keys(2)[0], "registered still", mode=1)

    def test_a_key_cannot_be_forced_before_a_step(self) -> None:
        connection = self.connect(self.daemon.thesis_port)
        connection.sendall(b"2\t5\t0\tfriend\tvictim\n")
        connection.recv(1024)
        connection.sendall(b"4\t5\t0\t0\t1\n")
        self.assertHungUp(connection)
        self.assertEqual(self.victim.encrypt("m", 1), "wait")

    def test_a_key_cannot_be_forced_after_a_disagreement(self) -> None:
        """Only our step 2 with flag 1 may be answered by a saving type 4."""
        for _ in range(20):
            connection = self.connect(self.daemon.thesis_port)
            connection.sendall(b"2\t5\t0\tfriend\tvictim\n")
            connection.recv(1024)
            connection.sendall(STEP % (5, 5))
            reply = connection.recv(2048).split(b"\t")
            if reply[7] == b"0":
                break
            connection.close()
            self.assertTrue(eventually(lambda: not self.victim.status()))
        self.assertEqual(reply[7], b"0")
        connection.sendall(b"4\t5\t0\t0\t1\n")
        self.assertHungUp(connection)
        self.assertEqual(self.victim.encrypt("m", 1), "wait")

    def test_an_echo_of_another_vector_ends_the_conversation(self) -> None:
        connection = self.connect(self.daemon.thesis_port)
        side = Side(5)
        connection.sendall(side.hello("friend", "victim") + b"\n")
        connection.sendall(side.answer(connection.recv(1024).rstrip(b"\n")) + b"\n")
        reply = side.answer(connection.recv(2048).rstrip(b"\n")).split(b"\t")
        reply[8] = vector_text([-1] * 72)
        connection.sendall(b"\t".join(reply) + b"\n")
        self.assertHungUp(connection)

    def test_a_message_in_the_name_of_another_machine_ends_the_conversation(self) -> None:
        connection = self.connect(self.daemon.thesis_port)
        connection.sendall(b"2\t5\t0\tfriend\tvictim\n")
        connection.recv(1024)
        connection.sendall(STEP % (6, 6))
        self.assertHungUp(connection)

    def test_a_partner_that_falls_silent_is_dropped(self) -> None:
        connection = self.connect(self.daemon.thesis_port)
        connection.sendall(b"2\t5\t0\tfriend\tvictim\n")
        connection.recv(1024)
        self.assertTrue(self.victim.status())
        self.assertHungUp(connection)
        self.assertTrue(eventually(lambda: not self.victim.status()))

    def test_many_silent_strangers_do_not_keep_the_partner_out_for_long(self) -> None:
        for _ in range(80):
            self.connect(self.daemon.thesis_port)
        friend: list[Conversation] = []

        def admitted() -> bool:
            friend.append(self.dial(self.daemon, "friend", "victim"))
            return eventually(lambda: bool(friend[-1].side.keys), 3)

        self.assertTrue(eventually(admitted, 30))
        self.assertMakesKeys(friend[-1])


class ApiTests(AttackTestCase):
    """Bodies and requests that aborted the process, or were answered with a lie."""

    def assertInvalid(self, body: bytes) -> None:
        for option in ("init", "init_config", "sync", "status", "encrypt", "exit"):
            answer = self.victim.raw("POST", f"/v1/options/{option}", body)
            self.assertEqual(answer, (400, '{"error":"invalid request"}'), option)
        self.assertTrue(self.victim.test_ok())

    def test_malformed_json(self) -> None:
        self.assertInvalid(b'{"service_name":')

    def test_empty_body(self) -> None:
        self.assertInvalid(b"")

    def test_json_array(self) -> None:
        self.assertInvalid(b'["victim"]')

    def test_json_string(self) -> None:
        self.assertInvalid(b'"victim"')

    def test_json_number_and_null(self) -> None:
        self.assertInvalid(b"17")
        self.assertInvalid(b"null")

    def test_deeply_nested_json(self) -> None:
        self.assertInvalid(b"[" * 100_000)

    def test_body_that_is_no_utf8(self) -> None:
        self.assertInvalid(b'{"service_name":"\xff\xfe"}')

    def test_sync_to_a_refused_port_says_so(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.assertFalse(self.victim.sync("127.0.0.1", port))
        self.assertFalse(self.victim.status())
        self.assertTrue(self.victim.test_ok())

    def test_sync_to_no_address_says_so(self) -> None:
        for address, port in (("not-an-address", 8999), ("", 1), ("127.0.0.1", 99_999_999)):
            self.assertFalse(self.victim.sync(address, port), address)
        self.assertTrue(self.victim.test_ok())

    def test_sync_of_a_service_that_was_never_registered(self) -> None:
        self.victim.service_name = "never"
        self.assertFalse(self.victim.sync("127.0.0.1", self.daemon.thesis_port))

    def test_modes_that_do_not_exist(self) -> None:
        self.honest()
        for mode in (-1, 0, 3, 4, 2**40):
            self.assertEqual(self.victim.encrypt("m", mode), "invalid request")

    def test_ciphertexts_that_are_none(self) -> None:
        # The victim listens, so its own keys have odd numbers, and it must know that they arrived.
        self.honest().wait_for_keys(4)
        good = self.victim.encrypt("m", 1)
        assert isinstance(good, dict), good
        for message in ("", "!!!notbase64", "YWJjZGU=", "A" * 64, good["message"][:-6]):
            changed = good | {"message": message}
            self.assertEqual(self.victim.decrypt(changed), "failed_decrypt", message)
        for digest in ("", "0" * 64, "grüße"):
            self.assertEqual(self.victim.decrypt(good | {"hash": digest}), "failed_decrypt", digest)

    def test_the_api_listens_on_loopback_only(self) -> None:
        listening = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path("/proc/net", table).read_text().splitlines()[1:]
        ]
        ports = {f"{port:04X}" for port in (self.daemon.api_port, self.daemon.thesis_port)}
        local = [row[1].split(":") for row in listening if row[3] == "0A"]
        ours = [address for address, port in local if port in ports]
        self.assertEqual(ours, ["0100007F", "0100007F"])

    def test_foreign_hosts_and_origins_are_refused(self) -> None:
        body = b'{"service_name":"victim"}'
        json = {"Content-Type": "application/json"}
        for headers in (
            json | {"Host": "attacker.example"},
            json | {"Origin": "http://attacker.example"},
            {"Content-Type": "text/plain"},
        ):
            status, _ = self.victim.raw("POST", "/v1/options/exit", body, headers)
            self.assertIn(status, (403, 415), headers)
        self.assertEqual(self.victim.encrypt("m", 1), "wait")
