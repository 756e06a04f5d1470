"""Where the client looks for the service, and for the token."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.client.errors import PlaceError, ServiceUnreachableError
from dynamicrypt.client.place import find_place


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.state.mkdir()
        (self.state / "token").write_text("dct_owner\n")
        (self.state / "ports.json").write_text('{"api": 9081, "link": 9082}')
        self.environ = {"DYNAMICRYPT_STATE_DIR": str(self.state)}

    def test_the_state_directory_names_port_and_token(self) -> None:
        place = find_place(self.environ)
        self.assertEqual((place.host, place.port, place.token), ("127.0.0.1", 9081, "dct_owner"))

    def test_the_environment_comes_before_it(self) -> None:
        environ = self.environ | {
            "DYNAMICRYPT_URL": "http://localhost:7000/",
            "DYNAMICRYPT_TOKEN": "dct_app",
        }
        place = find_place(environ)
        self.assertEqual((place.host, place.port, place.token), ("localhost", 7000, "dct_app"))

    def test_arguments_come_before_both(self) -> None:
        environ = self.environ | {"DYNAMICRYPT_URL": "http://localhost:7000"}
        self.assertEqual(find_place(environ, url="http://[::1]:7001", token="t").port, 7001)
        place = find_place(environ, socket="s.sock")
        self.assertEqual((place.socket, str(place)), ("s.sock", "s.sock"))

    def test_who_is_not_the_owner_has_no_token(self) -> None:
        (self.state / "token").unlink()
        self.assertIsNone(find_place(self.environ).token)

    def test_a_token_is_not_sent_off_this_machine(self) -> None:
        for url in (
            "http://example.org:9081",
            "https://localhost:9081",
            "http://localhost.example.org",
            "http://10.0.0.1:9081",
            "http://user@localhost:9081",
            "http://localhost:9081/v2",
            "http://localhost:port",
            "http://[::1",
            "",
            "localhost:9081",
        ):
            with self.assertRaises(PlaceError):
                find_place({}, url=url, state_dir=self.state)

    def test_two_places_are_one_too_many(self) -> None:
        environ = {"DYNAMICRYPT_URL": "http://localhost", "DYNAMICRYPT_SOCKET": "s"}
        with self.assertRaises(PlaceError):
            find_place(environ, state_dir=self.state)

    def test_no_running_node_is_unreachable(self) -> None:
        for content in (None, "", "[]", "{}", '{"api": "x"}', '{"api": 0}', '{"api": 65536}'):
            (self.state / "ports.json").unlink(missing_ok=True)
            if content is not None:
                (self.state / "ports.json").write_text(content)
            with self.assertRaises(ServiceUnreachableError):
                find_place(self.environ)

    def test_a_token_cannot_end_its_header(self) -> None:
        for token in ("a b", "a\r\nX: y", "ä"):
            with self.assertRaises(PlaceError) as raised:
                find_place(self.environ, token=token)
            self.assertNotIn(token, str(raised.exception))

    def test_a_place_does_not_show_its_token(self) -> None:
        self.assertNotIn("dct_", repr(find_place(self.environ)))
