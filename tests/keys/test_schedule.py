"""The key schedule of wire 2 against its vectors, which a second implementation made."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys import ratchet
from dynamicrypt.keys.schedule import (
    PROBE_HEADER_BYTES,
    ChannelContext,
    EpochKeys,
    Parties,
    first_transcript,
    id_text,
    input_key,
    pack,
    probe_header,
)
from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from tests.keys import link_derivations

EXAMPLES: list[dict[str, Any]] = json.loads(link_derivations.VECTORS.read_text())["examples"]


def context_of(channel: dict[str, Any]) -> ChannelContext:
    kind, _, field = channel["inputs"].partition(":")
    first, second = map(bytes.fromhex, channel["fingerprints"])
    nonces = tuple(map(bytes.fromhex, channel["nonces"]))
    return ChannelContext(
        parties=Parties(fingerprints=(first, second)),
        services=(channel["services"][0], channel["services"][1]),
        nonces=(nonces[0], nonces[1]),
        parameters=ExchangeParameters(
            machine=MachineParameters(
                K=channel["K"], N=channel["N"], L=channel["L"], rule=Rule(channel["rule"])
            ),
            query=int(field) if kind == "query" else None,
            package=channel["B"],
            fusion=channel["m"],
            machines=channel["machines"],
            agreements=channel["agreements"],
            step_limit=channel["step_limit"],
        ),
        channel=channel["channel"],
    )


def key_of(
    context: ChannelContext, *, secret: bytes, epoch: int, number: int, weights: bytes
) -> bytes:
    keys = EpochKeys(epoch, secret, context.parties).channel(context)
    out = bytearray(32)
    keys.derive_into(weights, number, keys.key_id(number), out)
    return bytes(out)


class VectorTests(SynchronousTestCase):
    def test_vectors_are_those_of_the_second_implementation(self) -> None:
        self.assertEqual(link_derivations.VECTORS.read_text(), link_derivations.document())

    def test_epochs(self) -> None:
        for example in EXAMPLES:
            parties = context_of(example["channel"]).parties
            lines = [line.encode() for line in example["lines"]]
            hashed = ratchet.transcript(example["epoch"], *lines)
            self.assertEqual(hashed.hex(), example["exchange"])
            shared = bytearray.fromhex(example["shared"])
            keys = ratchet.next_epoch(
                number=example["epoch"],
                prior=bytes.fromhex(example["prior"]),
                shared=shared,
                exchange=hashed,
                parties=parties,
            )
            self.assertEqual(shared, bytes(64))
            self.assertEqual(keys.next.hex(), example["epoch_keys"]["next"])
            for role in (0, 1):
                self.assertEqual(keys.proof(role, hashed).hex(), example["proofs"][role])

    def test_keys_of_an_epoch(self) -> None:
        for example in EXAMPLES:
            context = context_of(example["channel"])
            secret = bytes.fromhex(example["secret"])
            keys = EpochKeys(example["epoch"], secret, context.parties)
            for label, expected in example["epoch_keys"].items():
                self.assertEqual(keys._row[label.encode()].hex(), expected, label)
            channel = keys.channel(context)
            for label, expected in example["channel_keys"].items():
                self.assertEqual(channel._row[label.encode()].hex(), expected, label)

    def test_inputs_and_transcripts(self) -> None:
        for example in EXAMPLES:
            context = context_of(example["channel"])
            self.assertEqual(input_key(context).hex(), example["input_key"])
            self.assertEqual(first_transcript(context).hex(), example["first_transcript"])

    def test_probes(self) -> None:
        for example in EXAMPLES:
            context = context_of(example["channel"])
            keys = EpochKeys(
                example["epoch"], bytes.fromhex(example["secret"]), context.parties
            ).channel(context)
            message = bytearray(PROBE_HEADER_BYTES)
            probe_header(
                message,
                channel=context.channel,
                machine=example["machine"],
                run=example["run"],
                round_number=example["probe_round"],
                transcript=bytes.fromhex(example["transcript"]),
            )
            message += bytes.fromhex(example["weights"])[: context.parameters.machine.weights]
            self.assertEqual(keys.probe(message), example["probe"])

    def test_keys_ids_and_confirmations(self) -> None:
        for example in EXAMPLES:
            context = context_of(example["channel"])
            keys = EpochKeys(
                example["epoch"], bytes.fromhex(example["secret"]), context.parties
            ).channel(context)
            number = example["key_number"]
            key_id = keys.key_id(number)
            self.assertEqual(key_id.hex(), example["id"])
            key = bytearray(32)
            keys.derive_into(bytes.fromhex(example["weights"]), number, key_id, key)
            self.assertEqual(key.hex(), example["key"])
            for role in (0, 1):
                tag = keys.confirmation(key, role, key_id)
                self.assertEqual(tag.hex(), example["confirmations"][role])


class BindingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = context_of(EXAMPLES[0]["channel"])
        self.weights = bytes.fromhex(EXAMPLES[0]["weights"])
        self.key = key_of(self.context, secret=bytes(32), epoch=1, number=2, weights=self.weights)

    def changed(self, **changes: Any) -> bytes:
        given_: dict[str, Any] = {
            "context": self.context,
            "secret": bytes(32),
            "epoch": 1,
            "number": 2,
            "weights": self.weights,
        }
        given_ |= changes
        return key_of(given_.pop("context"), **given_)

    def test_each_number_and_name_changes_the_key(self) -> None:
        context = self.context
        parameters, machine = context.parameters, context.parameters.machine
        first, second = context.parties.fingerprints
        machines = [
            replace(machine, K=4),
            replace(machine, N=17),
            replace(machine, L=6),
            replace(machine, rule=Rule.HEBBIAN),
        ]
        exchanges = [
            *(replace(parameters, machine=each) for each in machines),
            replace(parameters, package=8),
            replace(parameters, package=1, query=1000),
            replace(parameters, package=1),
            replace(parameters, fusion=3),
        ]
        contexts = [
            *(replace(context, parameters=each) for each in exchanges),
            replace(context, parties=Parties(fingerprints=(bytes(32), second))),
            replace(context, parties=Parties(fingerprints=(first, bytes(32)))),
            replace(context, services=("alicf", "bob")),
            replace(context, services=("alice", "boc")),
            replace(context, services=("aliceb", "ob")),
            replace(context, nonces=(bytes(32), context.nonces[1])),
            replace(context, nonces=(context.nonces[0], bytes(32))),
            replace(context, channel=context.channel + 1),
        ]
        keys = {self.changed(context=each) for each in contexts}
        keys |= {
            self.changed(epoch=2),
            self.changed(number=3),
            self.changed(secret=bytes(31) + b"\x01"),
        }
        self.assertNotIn(self.key, keys)
        self.assertEqual(len(keys), len(contexts) + 3)

    @given(st.integers(0, 95), st.integers(1, 255))
    def test_each_weight_changes_the_key(self, place: int, change: int) -> None:
        weights = bytearray(self.weights)
        weights[place] ^= change
        self.assertNotEqual(self.changed(weights=bytes(weights)), self.key)

    @given(st.integers(0, 127), st.integers(0, 7))
    def test_each_bit_of_a_share_changes_the_epoch(self, place: int, bit: int) -> None:
        shared = bytearray(range(128))
        proofs = []
        for change in (0, 1 << bit):
            shared = bytearray(range(64))
            prior, hashed = bytearray(32), bytearray(32)
            whole = shared + prior + hashed
            whole[place] ^= change
            keys = ratchet.next_epoch(
                number=0,
                prior=whole[64:96],
                shared=whole[:64],
                exchange=bytes(whole[96:]),
                parties=self.context.parties,
            )
            proofs.append(bytes(keys.next))
        self.assertNotEqual(*proofs)

    @given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
    def test_packing_keeps_lists_apart(self, one: list[bytes], other: list[bytes]) -> None:
        self.assertEqual(pack(*one) == pack(*other), one == other)

    def test_ids_do_not_depend_on_weights_and_read_as_uuids(self) -> None:
        keys = EpochKeys(0, bytes(32), self.context.parties).channel(self.context)
        text = id_text(keys.key_id(9))
        self.assertRegex(text, r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertEqual(bytes.fromhex(text.replace("-", "")), keys.key_id(9))

    def test_wiped_keys_are_zeros(self) -> None:
        epoch = EpochKeys(0, bytes(32), self.context.parties)
        channel = epoch.channel(self.context)
        views = [epoch.next, *(channel._row[label] for label in (b"probe", b"salt", b"id"))]
        self.assertTrue(all(any(view) for view in views))
        epoch.wipe()
        channel.wipe()
        self.assertFalse(any(any(view) for view in views))
