"""A channel from its first round to its first key, from docs/protocol.md and the plain machines.

`python -m tests.session.link_conversation` writes tests/vectors/link-channel.json anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference_bank import Bank
from tests.keys import link_derivations as derive
from tests.keys.link_derivations import Channel, stretch

VECTORS = Path(__file__).parents[1] / "vectors" / "link-channel.json"
CHANNEL = Channel(
    fingerprints=[bytes(32).hex(), bytes([1] * 32).hex()],
    services=["a", "b"],
    nonces=[stretch(f"conversation nonce {role}", 32).hex() for role in (0, 1)],
    channel=0,
    K=3,
    N=10,
    L=3,
    rule="random-walk",
    inputs="random",
    B=12,
    m=2,
    machines=4,
    agreements=32,
    step_limit=5000,
)
EPOCH = 0
SECRET = stretch("conversation secret", 32)


def weights_of(role: int, machine: int) -> list[int]:
    """The weights that a machine begins with."""
    size = CHANNEL["K"] * CHANNEL["N"]
    return [byte % 7 - 3 for byte in stretch(f"conversation weights {role} {machine}", size)]


def zeros(view: memoryview) -> None:
    """No randomness at all: a machine that is drawn anew has every weight at -L."""
    view[:] = bytes(len(view))


class Side:
    """One side of the channel: its machines, and what both sides know of its rounds."""

    def __init__(self, role: int) -> None:
        self.role = role
        parameters = MachineParameters(
            K=CHANNEL["K"], N=CHANNEL["N"], L=CHANNEL["L"], rule=Rule(CHANNEL["rule"])
        )
        self.bank = Bank(parameters, CHANNEL["machines"], CHANNEL["B"], zeros)
        for machine in range(CHANNEL["machines"]):
            self.bank.set_weights(machine, weights_of(role, machine))
        self.held: list[int] = []

    def inputs(self) -> bytes:
        encryptor = Cipher(AES256(derive.input_key(CHANNEL)), ECB()).encryptor()  # noqa: S305  # counters
        return encryptor.update(self.bank.counter_blocks())

    def decide(self, ours: bytes, theirs: bytes) -> list[bytes]:
        """The weights of the machines that pass."""
        passed = []
        for machine, one, other in zip(self.held, ours, theirs, strict=True):
            if one == other:
                passed.append(self.bank.weights(machine))
                self.bank.redraw(machine)
            else:
                self.bank.release(machine)
        return passed


def rounds(keys: dict[str, bytes]) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """Each round as both sides send it, and the weights of the machines that pass in it."""
    sides = [Side(0), Side(1)]
    transcript = derive.first_transcript(CHANNEL)
    number = 0
    while True:
        number += 1
        outputs, probes = [], []
        for side in sides:
            probes.append(
                bytes(
                    derive.probe(
                        key=keys["probe"],
                        channel=CHANNEL["channel"],
                        machine=machine,
                        run=side.bank.run(machine),
                        round_number=number,
                        transcript=transcript,
                        weights=side.bank.weights(machine),
                    )
                    for machine in side.held
                )
            )
            outputs.append(side.bank.evaluate(side.inputs()))
        for side in sides:
            due, late = side.bank.learn(
                outputs[1 - side.role], CHANNEL["agreements"], CHANNEL["step_limit"]
            )
            assert not late
            passed = side.decide(probes[side.role], probes[1 - side.role])
            side.held = due
            for machine in due:
                side.bank.hold(machine)
        parts = [outputs[0], probes[0], outputs[1], probes[1]]
        transcript = derive.next_transcript(transcript, number, parts)
        yield (
            {
                "outputs": [each.hex() for each in outputs],
                "probes": [each.hex() for each in probes],
                "transcript": transcript.hex(),
            },
            passed,
        )


def document() -> str:
    fingerprints = [bytes.fromhex(each) for each in CHANNEL["fingerprints"]]
    keys = {
        label: derive.channel_key(
            label.encode(), derive.epoch_key(label.encode(), EPOCH, SECRET, fingerprints), CHANNEL
        )
        for label in ("probe", "salt", "id", "confirm")
    }
    told, passed = [], []
    for each, weights in rounds(keys):
        told.append(each)
        passed += weights
        if len(passed) >= CHANNEL["m"]:
            break
    key_id = derive.key_id(keys["id"], CHANNEL["channel"], 0)
    key = derive.key(
        salt=keys["salt"],
        channel=CHANNEL,
        epoch=EPOCH,
        key_number=0,
        name=key_id,
        weights=b"".join(passed[: CHANNEL["m"]]),
    )
    machines = range(CHANNEL["machines"])
    return (
        json.dumps(
            {
                "about": "A channel to its first key; tests/session/link_conversation.py made it.",
                "channel": CHANNEL,
                "epoch": EPOCH,
                "secret": SECRET.hex(),
                "weights": [[weights_of(role, each) for each in machines] for role in (0, 1)],
                "rounds": told,
                "id": key_id.hex(),
                "key": key.hex(),
                "confirmation": derive.confirmation(keys["confirm"], key, 1, key_id).hex(),
            }
        )
        + "\n"
    )


if __name__ == "__main__":
    VECTORS.write_text(document())
