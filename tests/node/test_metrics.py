"""The node in numbers."""

from prometheus_client.parser import text_string_to_metric_families

from dynamicrypt.node.metrics import NodeMetrics
from tests.node.hosts import ChannelTestCase


class MetricsTests(ChannelTestCase):
    def values(self) -> dict[tuple[str, ...], float]:
        """Every sample of the first host: (name, label values...) to its value."""
        text = NodeMetrics(self.one.node).render().decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def test_a_node_without_channels_can_be_measured(self) -> None:
        values = self.values()
        self.assertEqual(values["dynamicrypt_peer_up", "two"], 0)
        self.assertEqual(values["dynamicrypt_peer_reconnects_total", "two"], 0)

    async def test_counts_keys_links_and_handshakes(self) -> None:
        alice, _ = await self.pair()
        values = self.values()
        self.assertEqual(values["dynamicrypt_peer_up", "two"], 1)
        shakes = values["dynamicrypt_tls_handshakes_total", "X25519MLKEM768", "ok"]
        self.assertGreaterEqual(shakes, 1)
        self.assertEqual(values["dynamicrypt_channel_up", "alice/bob"], 1)
        self.assertEqual(values["dynamicrypt_keys_made_total", "alice/bob"], alice.supply.made)
        self.assertEqual(values["dynamicrypt_keys_available", "alice/bob"], alice.store.levels.free)
        self.assertGreater(values["dynamicrypt_sync_steps_sum", "alice/bob"], 0)
        self.assertGreaterEqual(values["dynamicrypt_key_age_seconds", "alice/bob"], 0)

    async def test_names_no_key(self) -> None:
        alice, _ = await self.pair()
        key_id, key = alice.take_key()
        text = NodeMetrics(self.one.node).render().decode()
        self.assertNotIn(str(key_id), text)
        self.assertNotIn(key.hex(), text)

    async def test_odd_names_stay_labels(self) -> None:
        (peer,) = self.one.known
        self.one.node.create_service('a"\\b', owner="o")
        self.one.node.open_channel('a"\\b', "p", peer=peer.name, owner="o")
        self.assertIn(("dynamicrypt_channel_up", 'a"\\b/p'), self.values())
