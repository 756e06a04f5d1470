"""REST v2: services, channels and the node, and what administrators see of others."""

import json

from dynamicrypt.peer.errors import StorageError
from tests.rest.native import CHANNEL, NativeCase
from tests.web.talk import Client, get


class ServiceTests(NativeCase):
    def test_a_service_is_made_once_and_found_again(self) -> None:
        for status in (201, 200):
            made = self.ok(self.ask("PUT", "/v2/services/caf%C3%A9"), status)
            self.assertEqual(made, {"name": "café", "channels": []})
        names = self.ok(self.ask("GET", "/v2/services"))
        self.assertEqual(names, {"services": ["shop", "café"]})

    def test_to_another_token_it_does_not_exist(self) -> None:
        other = b"Authorization: Bearer other"
        self.problem(self.ask("GET", "/v2/services/shop", token=other), "unknown_service", 404)
        self.problem(self.ask("PUT", "/v2/services/shop", token=other), "name_taken", 409)
        self.assertEqual(self.ok(self.ask("GET", "/v2/services", token=other)), {"services": []})

    def test_a_deleted_service_is_gone(self) -> None:
        answer = self.ask("DELETE", "/v2/services/shop")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.problem(self.ask("GET", "/v2/services/shop"), "unknown_service", 404)
        self.problem(self.ask("DELETE", "/v2/services/shop"), "unknown_service", 404)

    def test_a_disk_that_is_full_is_told_from_a_fault(self) -> None:
        self.node.error = StorageError("services.json cannot be written: no space left on device")
        for ask in (
            lambda: self.ask("PUT", "/v2/services/shop"),
            lambda: self.ask("DELETE", "/v2/services/shop"),
            lambda: self.ask("PUT", CHANNEL, {"peer": "there"}),
            lambda: self.ask("DELETE", CHANNEL),
            lambda: self.ask("DELETE", "/v2/node/services/shop"),
        ):
            self.problem(ask(), "storage_failed", 507)

    def test_names_that_logs_and_paths_would_misread_are_refused(self) -> None:
        for name in ("a%0Ab", "%00", "..", ".", "x%7F", "x" * 64, "%C2%85"):
            self.problem(self.ask("PUT", f"/v2/services/{name}"), "bad_parameter", 422)

    def test_every_name_that_v1_registers_can_be_shown_and_removed(self) -> None:
        for name, path in (("a/b", "a%2Fb"), ("100%", "100%25"), ("..", "%2e%2E"), ("/", "%2f")):
            self.node.create_service(name, owner="app:up")
            shown = self.ok(self.ask("GET", f"/v2/services/{path}"))
            self.assertEqual(shown["name"], name)
            listed = self.ok(self.ask("GET", "/v2/node/services"))["services"]
            self.assertIn(name, [each["name"] for each in listed])
            self.assertEqual(self.ask("DELETE", f"/v2/node/services/{path}").status, 204)
            self.problem(self.ask("GET", f"/v2/services/{path}"), "unknown_service", 404)
            self.problem(self.ask("PUT", f"/v2/services/a{path}%2Fb"), "bad_parameter", 422)

    def test_a_path_that_is_no_utf_8_is_not_found(self) -> None:
        self.problem(self.ask("PUT", "/v2/services/%ff"), "not_found", 404)

    def test_below_a_page_there_is_nothing(self) -> None:
        for path in ("/healthz/", "/healthz/x", "/readyz/x", "/metrics/x", "/v2/status/x"):
            self.assertEqual(self.ask("GET", path).status, 404, path)

    def test_a_path_with_an_empty_part_or_a_slash_inside_one_is_not_found(self) -> None:
        for path in (
            "/v2//services",
            "/v2//openapi.json",
            "/v2/services//shop",
            "//v2/services",
            "/v2/services%2Fshop",
            "/v2/services/shop%2fchannels/bank",
        ):
            self.assertEqual(self.ask("GET", path).status, 404, path)


class ChannelTests(NativeCase):
    def test_a_channel_is_opened_once_and_described(self) -> None:
        path = "/v2/services/shop/channels/mint"
        for status in (201, 200):
            made = self.ok(self.ask("PUT", path, {"peer": "there"}), status)
        self.assertEqual(
            made,
            {
                "service": "shop",
                "partner": "mint",
                "peer": made["peer"],
                "state": "down",
                "reason": "the partner has not opened it",
                "code": "not_opened",
                "profile": "fast",
                "keys": {"offered": 0, "free": 0, "in_use": 0, "held": 0},
                "keys_made": 0,
                "rounds": 0,
            },
        )
        listed = self.ok(self.ask("GET", "/v2/services/shop/channels"))
        self.assertEqual([each["partner"] for each in listed["channels"]], ["bank", "mint"])

    def test_its_machines_are_shown_apart(self) -> None:
        self.assertEqual(self.ok(self.ask("GET", CHANNEL + "/machines")), {"machines": []})
        self.problem(
            self.ask("GET", "/v2/services/shop/channels/x/machines"), "unknown_channel", 404
        )

    def test_one_that_moves_to_another_peer_is_made_anew(self) -> None:
        self.keys()
        for status in (201, 200):
            moved = self.ok(self.ask("PUT", CHANNEL, {"peer": "elsewhere"}), status)
            self.assertEqual(moved["keys"]["free"], 0)

    def test_a_peer_that_is_not_known_is_a_problem(self) -> None:
        answer = self.ask("PUT", "/v2/services/shop/channels/x", {"peer": "nobody"})
        self.problem(answer, "unknown_peer", 404)

    def test_it_stops_and_starts(self) -> None:
        self.assertEqual(self.ok(self.post("/stop", {}))["state"], "stopped")
        self.assertEqual(self.ok(self.post("/start", {}))["state"], "down")

    def test_a_closed_channel_is_gone(self) -> None:
        self.assertEqual(self.ask("DELETE", CHANNEL).status, 204)
        for response in (
            self.ask("GET", CHANNEL),
            self.ask("DELETE", CHANNEL),
            self.post("/encrypt", {"plaintext": ""}),
        ):
            self.problem(response, "unknown_channel", 404)


class NodeTests(NativeCase):
    def test_status_names_the_node_and_its_peers(self) -> None:
        status = self.ok(self.ask("GET", "/v2/status"))
        self.assertEqual((status["name"], status["profile"]), ("here", "fast"))
        (peer,) = status["peers"]
        self.assertEqual(
            (peer["name"], peer["up"], peer["group"]), ("there", True, "X25519MLKEM768")
        )
        self.assertEqual(status["incarnation"], bytes(range(16)).hex())

    def test_an_administrator_sees_the_services_of_all(self) -> None:
        self.node.create_service("till", owner="app:sender")
        self.keys(2)
        listed = self.ok(self.ask("GET", "/v2/node/services", token=b"Authorization: Bearer other"))
        shop, till = listed["services"]
        self.assertEqual(till, {"name": "till", "owner": "app:sender", "channels": []})
        (channel,) = shop["channels"]
        self.assertEqual((shop["owner"], channel["partner"]), ("app:up", "bank"))
        self.assertEqual((channel["state"], channel["keys"]["free"]), ("down", 2))

    def test_an_administrator_removes_what_somebody_left_behind(self) -> None:
        self.node.create_service("till", owner="app:gone")
        self.problem(self.ask("PUT", "/v2/services/till"), "name_taken", 409)
        self.assertEqual(self.ask("DELETE", "/v2/node/services/till").status, 204)
        self.problem(self.ask("DELETE", "/v2/node/services/till"), "unknown_service", 404)
        self.ok(self.ask("PUT", "/v2/services/till"), 201)

    def test_nobody_else_does(self) -> None:
        for name in (b"sender", b"reader", b"keys"):
            given = b"Authorization: Bearer " + name
            for method, path in (("GET", ""), ("DELETE", "/shop")):
                answer = self.ask(method, "/v2/node/services" + path, token=given)
                self.problem(answer, "scope_missing", 403)

    def test_health_asks_for_no_token(self) -> None:
        self.assertEqual(Client(self.site).ask(get("/healthz")).body, b"ok\n")

    def test_the_front_page_says_what_is_where(self) -> None:
        answer = Client(self.site).ask(get("/"))
        self.assertEqual(answer.status, 200)
        self.assertIn(b"/v2/openapi.json ", answer.body)
        self.assertEqual(Client(self.site).ask(get("/", method="DELETE")).status, 405)

    def ready(self, *reasons: str) -> None:
        answer = Client(self.site).ask(get("/readyz"))
        self.assertEqual(answer.status, 503 if reasons else 200)
        self.assertEqual(json.loads(answer.body), {"ready": not reasons, "reasons": list(reasons)})

    def test_ready_means_that_no_channel_is_without_a_key_that_is_to_be_open(self) -> None:
        self.ready()
        self.channel.opening.kept = True
        self.channel.start()
        self.ready("1 of 1 channels: No key is ready yet")
        self.keys()
        self.ready()
        other = self.node.open_channel("shop", "mint", peer="there", owner="app:up")
        other.opening.kept = True
        self.ready("1 of 2 channels: The partner has not opened the channel")
        other.stop()
        self.ready()

    def test_a_channel_that_is_up_is_ready_while_its_keys_are_used_up(self) -> None:
        self.channel.opening.kept = True
        self.keys()
        self.ok(self.post("/encrypt", {"plaintext": "", "mode": 2}))
        self.ready("1 of 1 channels: The partner has not opened the channel")
        self.channel.opening.up = True
        self.ready()
