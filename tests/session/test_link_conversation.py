"""The session against a conversation that plain machines and a second schedule had."""

import json
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import Bank
from dynamicrypt.keys.schedule import EpochKeys, Parties
from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from dynamicrypt.session.channel import ChannelSession
from dynamicrypt.session.link_bank import Fill
from dynamicrypt.session.link_events import ChannelName, KeyMade
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_mint import Output
from dynamicrypt.session.link_scratch import Scratch
from dynamicrypt.wire.link_messages import Accept, ChannelMessage, Confirm, Message, Open, Round
from tests.session import link_conversation
from tests.session.link_conversation import zeros
from tests.session.link_pair import make_bank

VECTOR: dict[str, Any] = json.loads(link_conversation.VECTORS.read_text())


class OneEpoch:
    """A link that stays in one epoch."""

    def __init__(self, parties: Parties) -> None:
        self.number = VECTOR["epoch"]
        self._keys = EpochKeys(self.number, bytes.fromhex(VECTOR["secret"]), parties)

    def keys(self, number: int) -> EpochKeys | None:
        return self._keys if number == self.number else None


def bank_of(role: int) -> Callable[[ExchangeParameters, Fill], Bank]:
    """Makes the bank of a side with the weights of the vector."""

    def make(parameters: ExchangeParameters, fill: Fill) -> Bank:
        bank = make_bank(parameters, fill)
        for machine, weights in enumerate(VECTOR["weights"][role]):
            bank.set_weights(machine, bytes(weight % 256 for weight in weights))
        return bank

    return make


def side(role: int) -> ChannelSession:
    channel = VECTOR["channel"]
    first, second = map(bytes.fromhex, channel["fingerprints"])
    parties = Parties(fingerprints=(first, second))
    services = channel["services"]
    return ChannelSession(
        number=channel["channel"],
        role=role,
        parties=parties,
        name=ChannelName(services[role], services[1 - role]),
        parameters=ExchangeParameters(
            machine=MachineParameters(
                K=channel["K"], N=channel["N"], L=channel["L"], rule=Rule(channel["rule"])
            ),
            package=channel["B"],
            fusion=channel["m"],
            machines=channel["machines"],
            agreements=channel["agreements"],
            step_limit=channel["step_limit"],
        ),
        nonce=bytes.fromhex(channel["nonces"][role]),
        epochs=OneEpoch(parties),
        ledger=Ledger(),
        make_bank=bank_of(role),
        fill=zeros,
        scratch=Scratch(),
    )


class ConversationTests(SynchronousTestCase):
    def converse(self) -> list[list[Output]]:
        """What each side put out until it had made a key."""
        sides = [side(0), side(1)]
        out: list[list[Output]] = [[], []]
        queues: list[list[Message]] = [[], []]

        def put(role: int, outputs: list[Output]) -> None:
            out[role] += outputs
            queues[1 - role] += [each for each in outputs if isinstance(each, Message)]

        put(0, sides[0].offer())
        while not all(any(isinstance(each, KeyMade) for each in told) for told in out):
            for role in (0, 1):
                waiting, queues[role] = queues[role], []
                for message in waiting:
                    if isinstance(message, Open):
                        put(role, sides[role].admit(message.nonce))
                    else:
                        assert isinstance(message, ChannelMessage)
                        put(role, sides[role].receive(message))
        return out

    def test_the_vector_is_what_the_plain_machines_say(self) -> None:
        self.assertEqual(link_conversation.VECTORS.read_text(), link_conversation.document())

    def test_rounds_keys_and_confirmation(self) -> None:
        for role, told in enumerate(self.converse()):
            rounds = [each for each in told if isinstance(each, Round)]
            for expected, each in zip(VECTOR["rounds"], rounds, strict=False):
                self.assertEqual(each.outputs.hex(), expected["outputs"][role])
                self.assertEqual(each.probes.hex(), expected["probes"][role])
            self.assertGreaterEqual(len(rounds), len(VECTOR["rounds"]))
            made = next(each for each in told if isinstance(each, KeyMade))
            self.assertEqual(made.id.hex(), VECTOR["id"])
            self.assertEqual(made.key.hex(), VECTOR["key"])
            self.assertEqual(made.owner, role == 0)
            tags = [each.tags.hex() for each in told if isinstance(each, Confirm)]
            self.assertEqual(tags, [VECTOR["confirmation"]] if role == 1 else [])
            self.assertEqual(len([each for each in told if isinstance(each, Accept)]), role)
