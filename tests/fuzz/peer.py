"""Lines of a peer: of wire 2 from one that is known, of wire 1 from anybody.

The first line of an input says to whom they come: to a link that is `new`, `up`, `opening` or
`running`, or on wire 1 to the `listener` or the `dialler`. The other lines are what the peer sends.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dynamicrypt._core import HEBBIAN, Machine
from dynamicrypt.errors import RemoteError
from dynamicrypt.params import THESIS
from dynamicrypt.session.link_events import LinkDown
from dynamicrypt.session.link_states import State
from dynamicrypt.session.thesis import ThesisSession
from dynamicrypt.session.thesis_events import Dialled
from dynamicrypt.session.thesis_states import State as ThesisState
from dynamicrypt.tpm.inputs import PublicStream
from dynamicrypt.wire import link, thesis
from dynamicrypt.wire.link_messages import Unknown
from tests.session.link_pair import Pair, node, seeded, up

CAPTURE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "thesis-sync.json").read_text("utf-8")
)
LINES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "link-lines.json").read_text("utf-8")
)
#: Lines of an input, and turns of the true conversation that follows it, at most.
_LINES = 24
_TURNS = 20
#: What a session answers to one line, in bytes, at most.
_ANSWER = 1 << 20


def stage(name: str) -> Pair:
    """Two nodes whose link is as it is called."""
    if name == "new":
        return Pair(node(0, 1), node(1, 2))
    pair = up(parameters=None)
    if name != "up":
        pair.open()
    if name == "running":
        pair.settle(10)
    return pair


def to_link(name: str, lines: list[bytes]) -> None:
    """Lines to side 1 of a link, and then what else side 0 has to say."""
    for line in lines:
        try:
            message = link.decode(line)
        except RemoteError:
            continue
        if not isinstance(message, Unknown):
            assert link.encode(message) == line + b"\n", "two lines for one message"
    pair = stage(name)
    session = pair.sessions[1]
    for line in lines:
        outputs = session.receive(line + b"\n", 0.0)
        down = any(isinstance(output, LinkDown) for output in outputs)
        assert down == (session.state is State.CLOSED and bool(outputs))
        said = sum(len(output) for output in outputs if isinstance(output, bytes))
        assert said <= _ANSWER, f"{said} bytes for one line"
        pair.perform(1, outputs)
    pair.settle(_TURNS)
    pair.agree()
    session.tick(1.0)
    session.stop("end")
    assert session.state is State.CLOSED


def to_thesis(name: str, lines: list[bytes]) -> None:
    """Lines to a session of wire 1."""
    session = ThesisSession(
        machine=Machine(THESIS.K, THESIS.N, THESIS.L, HEBBIAN, seeded(1)),
        parameters=THESIS,
        inputs=PublicStream(random.Random(1).randbytes),
        own_id=1,
    )
    if name == "dialler":
        session.dial("a", "b")
    for line in lines:
        try:
            message = thesis.decode(line, THESIS.weights)
        except RemoteError:
            continue
        assert thesis.decode(thesis.encode(message), THESIS.weights) == message
        try:
            for result in session.receive(message):
                if isinstance(result, Dialled):
                    session.accept()
        except RemoteError:
            session.close()
            assert session.state is ThesisState.CLOSED


STAGES: dict[str, Callable[[str, list[bytes]], None]] = {
    **dict.fromkeys(("new", "up", "opening", "running"), to_link),
    **dict.fromkeys(("listener", "dialler"), to_thesis),
}


def one_input(data: bytes) -> None:
    """Hear one peer out; anything but a stated refusal ends the run."""
    first, *lines = data.split(b"\n")
    name = first.decode("latin-1")
    hear = STAGES.get(name)
    if hear is not None:
        hear(name, lines[:_LINES])


def seeds() -> list[bytes]:
    """Return each line of the vectors at each stage, true conversations, and the captured one."""
    found = [
        f"{name}\n{vector['line']}\n".encode("latin-1", "replace")
        for kind in ("valid", "invalid")
        for vector in LINES[kind]
        for name in ("new", "running")
        if len(vector["line"]) < 400
    ]
    for name in ("new", "up", "opening", "running"):
        pair = stage(name)
        heard: list[bytes] = []
        pair.tap = lambda side, data, heard=heard: None if side else heard.append(data)  # type: ignore[misc]  # bound early
        pair.settle(4)
        found.append(name.encode() + b"\n" + bytes(pair.pipes[0]) + b"".join(heard[:6]))
    for name, teller in (("listener", "dialler"), ("dialler", "listener")):
        told = [text.encode("latin-1") for who, text in CAPTURE["lines"] if who == teller]
        found.append(b"\n".join([name.encode(), *told[:6]]))
    save = b"4\t1\t0\t0\t1"
    found.append(b"dialler\n" + b"\n".join([*told[:2], save]))
    return found
