from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.web.guard import is_local
from tests.rest.native import CHANNEL, UP, NativeCase
from tests.rest.site import fresh_site
from tests.web.talk import Client, Response, get, post

LOCAL = (
    b"localhost",
    b"LocalHost",
    b"localhost:9081",
    b"app.localhost",
    b"a.b-c.localhost:80",
    b"127.0.0.1",
    b"127.0.0.1:1",
    b"127.9.8.7:65535",
    b"[::1]",
    b"[::1]:9081",
    b"[0:0:0:0:0:0:0:1]:9081",
)

FOREIGN = (
    b"",
    b":9081",
    b"evil.example",
    b"evil.example:9081",
    b"localhost.evil.example",
    b"notlocalhost",
    b"localhost@evil.example",
    b"evil.example#localhost",
    b"evil.example/localhost",
    b"localhost evil.example",
    b"localhost,evil.example",
    b"localhost:9081:9081",
    b"localhost:x",
    b"localhost\x00",
    b"local\xffhost",
    b"\xc2\xb2localhost",
    b".localhost",
    b"a..localhost",
    b"0.0.0.0",
    b"10.0.0.1:9081",
    b"127.1",
    b"2130706433",
    b"0x7f.0.0.1",
    b"127.0.0.1.evil.example",
    b"[::]",
    b"[::2]:9081",
    b"[fe80::1%lo]",
    b"::1",
    b"[::1",
    b"[127.0.0.1]",
    b"[localhost]",
    b"l" * 300 + b".localhost",
)

INIT = b'{"service_name":"s"}'


def host(value: bytes) -> bytes:
    return b"Host: " + value + b"\r\n"


class HostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = fresh_site()

    def status(self, request: bytes) -> int:
        return Client(self.site).ask(request).status

    def test_local_names_and_addresses_are_local(self) -> None:
        self.assertEqual([name for name in LOCAL if not is_local(name)], [])

    def test_nothing_else_is_local(self) -> None:
        self.assertEqual([name for name in FOREIGN if is_local(name)], [])

    def test_a_local_host_is_served(self) -> None:
        for name in LOCAL:
            self.assertEqual(self.status(get("/v1/options/test-ok", host=host(name))), 200, name)
            self.assertEqual(self.status(post("/v1/options/init", INIT, host=host(name))), 200)

    def test_a_foreign_host_is_refused_on_every_route(self) -> None:
        paths = ("/v1/options/test-ok", "/v1/options/nosuch", "/", "/v1/other", "/%ff")
        for name, path in product((b"evil.example", b"10.0.0.1:9081", b""), paths):
            self.assertEqual(self.status(get(path, host=host(name))), 403, (name, path))

    def test_no_host_or_two_are_refused(self) -> None:
        self.assertEqual(self.status(get("/v1/options/test-ok", host=b"")), 403)
        twice = host(b"localhost") * 2
        self.assertEqual(self.status(get("/v1/options/test-ok", host=twice)), 403)


class OriginTests(SynchronousTestCase):
    def post(self, *headers: bytes, name: bytes = b"localhost:9081") -> int:
        client = Client(fresh_site())
        return client.ask(post("/v1/options/init", INIT, *headers, host=host(name))).status

    def test_this_server_itself_may_be_the_origin(self) -> None:
        for name in (b"localhost:9081", b"127.0.0.1:9081", b"[::1]:9081", b"LOCALHOST"):
            self.assertEqual(self.post(b"Origin: http://" + name.lower(), name=name), 200, name)

    def test_every_other_origin_is_refused(self) -> None:
        for origin in (
            b"",
            b"null",
            b"http://evil.example",
            b"http://localhost",
            b"http://localhost:3000",
            b"http://127.0.0.1:9081",
            b"https://localhost:9081",
            b"http://localhost:9081/",
            b"http://localhost:9081 http://evil.example",
        ):
            self.assertEqual(self.post(b"Origin: " + origin), 403, origin)

    def test_two_origins_are_refused(self) -> None:
        own = b"Origin: http://localhost:9081"
        self.assertEqual(self.post(own, own), 403)

    def test_reading_from_a_foreign_origin_is_refused_too(self) -> None:
        request = get("/v1/options/test-ok", b"Origin: http://evil.example")
        self.assertEqual(Client(fresh_site()).ask(request).status, 403)

    def test_a_preflight_gets_no_permission(self) -> None:
        preflight = get(
            "/v1/options/init",
            b"Origin: http://evil.example",
            b"Access-Control-Request-Method: POST",
            b"Access-Control-Request-Headers: content-type",
            method="OPTIONS",
        )
        answer = Client(fresh_site()).ask(preflight)
        self.assertEqual(answer.status, 403)
        allowing = [name for name in answer.headers if name.startswith(b"access-control")]
        self.assertEqual(allowing, [])


class ContentTypeTests(SynchronousTestCase):
    def post(self, *headers: bytes, path: str = "/v1/options/init") -> int:
        return Client(fresh_site()).post(path, INIT, *headers).status

    def test_json_or_nothing_is_taken(self) -> None:
        self.assertEqual(self.post(), 200)
        for value in (
            b"application/json",
            b"Application/JSON",
            b"application/json; charset=utf-8",
            b"application/json;charset=UTF-8",
            b"application/json ;x",
        ):
            self.assertEqual(self.post(b"Content-Type: " + value), 200, value)

    def test_all_else_is_415(self) -> None:
        for value in (
            b"",
            b"text/plain",
            b"text/plain; application/json",
            b"application/x-www-form-urlencoded",
            b"multipart/form-data; boundary=x",
            b"application/jsonp",
            b"application/json, text/plain",
            b"; application/json",
            b"\xff",
        ):
            self.assertEqual(self.post(b"Content-Type: " + value), 415, value)

    def test_two_content_types_are_415(self) -> None:
        self.assertEqual(
            self.post(b"Content-Type: text/plain", b"Content-Type: application/json"), 415
        )

    def test_it_holds_on_unknown_routes_and_for_other_methods(self) -> None:
        self.assertEqual(self.post(b"Content-Type: text/plain", path="/v1/options/nosuch"), 415)
        request = get("/v1/options/init", b"Content-Type: text/plain", method="DELETE")
        self.assertEqual(Client(fresh_site()).ask(request).status, 415)


class HeaderTests(SynchronousTestCase):
    def test_every_answer_is_kept_out_of_caches_and_typed(self) -> None:
        for request in (
            get("/v1/options/test-ok"),
            get("/"),
            get("/v1/options/init"),
            get("*", method="OPTIONS"),
            post("/v1/options/init", INIT),
            post("/v1/options/init", b"["),
            post("/v1/options/nosuch", INIT),
            post("/v1/options/init", INIT, b"Content-Type: text/plain"),
            get("/", host=host(b"evil.example")),
        ):
            answer = Client(fresh_site()).ask(request)
            self.assertEqual(answer.headers[b"cache-control"], b"no-store", request)
            self.assertEqual(answer.headers[b"x-content-type-options"], b"nosniff", request)
            self.assertEqual(int(answer.headers[b"content-length"]), len(answer.body), request)

    def test_answers_of_routes_are_json(self) -> None:
        answer = Client(fresh_site()).post("/v1/options/init", INIT)
        self.assertEqual(answer.headers[b"content-type"], b"application/json")


class NativeTests(NativeCase):
    """The same guard before v2, in the words of v2."""

    def refused(self, *headers: bytes, name: bytes = b"Host: localhost\r\n") -> Response:
        request = post(CHANNEL + "/encrypt", b'{"plaintext":""}', UP, *headers, host=name)
        return Client(self.site).ask(request)

    def test_every_refusal_is_a_problem(self) -> None:
        kind = b"Content-Type: application/json"
        self.problem(self.refused(kind, name=host(b"evil.example")), "foreign_host", 403)
        self.problem(self.refused(kind, name=b""), "foreign_host", 403)
        self.problem(self.refused(kind, b"Origin: null"), "foreign_origin", 403)
        for other in (b"Content-Type: text/plain", b"X: y", b"Content-Type:"):
            self.problem(self.refused(other), "bad_content_type", 415)
        self.problem(self.refused(kind), "not_opened", 503)

    def test_without_a_body_no_type_is_needed(self) -> None:
        self.ok(Client(self.site).ask(post(CHANNEL + "/stop", b"", UP)))
