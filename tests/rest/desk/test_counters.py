"""What /metrics tells of the interface, and to whom."""

import re

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.rest.desk.counters import RestCounters
from tests.endtoend.service import ServiceTestCase
from tests.rest.native import NativeCase
from tests.rest.running import SHOP, RunningNode
from tests.web.talk import get, post


class CountTests(NativeCase):
    def test_operations_are_counted_by_result_whichever_way_they_come(self) -> None:
        self.keys()
        for split in (False, True):
            request = self.request("/encrypt", {"plaintext": ""})
            self.client.send(request[:50] if split else request)
            self.client.send(request[50:] if split else b"")
        self.client.received()
        self.ask("GET", "/v2/services/nobody")
        found = self.metrics()
        ok = 'dynamicrypt_operations_total{op="encrypt",result="ok"}'
        unknown = 'dynamicrypt_operations_total{op="get_service",result="unknown_service"}'
        self.assertEqual((found[ok], found[unknown]), (2, 1))
        self.assertEqual(found['dynamicrypt_operation_seconds_count{op="encrypt"}'], 2)
        self.assertEqual(found['dynamicrypt_http_requests_total{code="200"}'], 2)
        self.assertEqual(found['dynamicrypt_http_requests_total{code="404"}'], 1)

    def test_who_waits_is_counted_when_it_is_answered(self) -> None:
        self.client.send(self.request("/encrypt?wait=2s", {"plaintext": ""}))
        self.assertNotIn("encrypt", str(self.metrics()))
        self.keys()
        self.assertIn('dynamicrypt_operations_total{op="encrypt",result="ok"}', self.metrics())

    def test_refused_callers_are_counted(self) -> None:
        self.ask("GET", "/v2/services", token=b"X: y")
        self.client.ask(post("/v1/options/status", b"{}"))
        found = self.metrics()
        self.assertEqual(found["dynamicrypt_auth_failures_total"], 2)
        result = 'dynamicrypt_operations_total{op="v1_status",result="auth_required"}'
        self.assertEqual(found[result], 1)

    def test_the_scope_is_needed(self) -> None:
        self.problem(self.client.ask(get("/metrics")), "auth_required", 401)
        sender = b"Authorization: Bearer sender"
        self.problem(self.ask("GET", "/metrics", token=sender), "scope_missing", 403)
        self.problem(self.ask("POST", "/metrics", {}), "method_not_allowed", 405)


class TextTests(SynchronousTestCase):
    def test_an_unused_interface_has_nothing_but_zero(self) -> None:
        samples = re.findall(rb"(?m)^[a-z].*$", RestCounters().render())
        self.assertEqual(samples, [b"dynamicrypt_auth_failures_total 0.0"])


class PageTests(ServiceTestCase):
    def test_a_running_node_tells_of_channels_and_of_requests(self) -> None:
        node = RunningNode(self.node())
        node.ask("POST", SHOP + "/encrypt", {"plaintext": ""})
        node.connection.request(
            "GET", "/metrics", headers={"Authorization": f"Bearer {node.token}"}
        )
        response = node.connection.getresponse()
        text = response.read().decode()
        self.assertEqual(response.status, 200)
        self.assertIn("version=0.0.4", response.headers["Content-Type"])
        self.assertIn('dynamicrypt_keys_available{channel="shop/bank"}', text)
        self.assertIn('dynamicrypt_operations_total{op="encrypt",result="ok"} 1.0', text)
        families = re.findall(r"(?m)^# TYPE (\S+)", text)
        self.assertEqual(len(families), len(set(families)))
