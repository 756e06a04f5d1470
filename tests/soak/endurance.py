"""Hours of traffic, attacks, leaving partners and dying nodes, in twenty minutes or as told."""

import os
import random
import secrets
import time

from dynamicrypt.demo.acquaintance import introduce as make_known
from dynamicrypt.demo.daemon import Daemon
from tests.endtoend.service import (
    GROWTH_BYTES,
    THESIS,
    ServiceTestCase,
    descriptors,
    eventually,
    resident_bytes,
)
from tests.foreign.application import Application, introduce
from tests.inspectable import PROGRAM

#: Of each wire.
SECONDS = float(os.environ.get("SOAK_SECONDS", "1200")) / 2
CHANNELS = 8
#: A re-dial may wait for the longest pause, and then the machines need a moment.
HEALING_SECONDS = 60.0


class Endurance(ServiceTestCase):
    """The run; what follows says over which wire."""

    options: tuple[str, ...]
    port_option: str
    #: What the node that lives through it all may grow by after the first tenth.
    growth_bytes: int

    def setUp(self) -> None:
        self.chance = random.Random(2019)
        place = self.state()
        states = place / "north", place / "south"
        for state in states:
            state.mkdir(mode=0o700)
        make_known(states)
        self.north = Daemon(states[0], *self.options, program=PROGRAM)
        self.north.start()
        self.addCleanup(self.end, self.north)
        self.south = Daemon(states[1], *self.options, program=PROGRAM)
        self.south.start()
        self.pairs: list[tuple[Application, Application]] = []
        for number in range(CHANNELS):
            pair = self.application(self.north), self.application(self.south)
            self.assertTrue(introduce(*pair, (f"north{number}", f"south{number}")))
            self.pairs.append(pair)
        self.addCleanup(lambda: self.end(self.south))

    def endure(self) -> None:
        began, sent, level = time.monotonic(), 0, 0
        deaths = began + SECONDS / 4
        while (now := time.monotonic()) < began + SECONDS:
            for pair in self.pairs:
                sent += self.exchange(*self.chance.sample(pair, 2))
            self.attack()
            if self.chance.random() < 0.02:
                self.leave_and_return(self.chance.randrange(CHANNELS))
            if now > deaths:
                self.die_and_return()
                deaths = now + SECONDS / 4
            if not level and now > began + SECONDS / 10:
                level = resident_bytes(self.north)
        self.assertGreater(sent, SECONDS)
        self.assertLess(resident_bytes(self.north) - level, self.growth_bytes)
        self.assertTrue(eventually(lambda: descriptors(self.north) < 64, 30))

    def exchange(self, sender: Application, receiver: Application) -> int:
        mode = self.chance.choice((1, 2))
        message = self.chance.randbytes(self.chance.randrange(300)).hex()
        sealed = sender.encrypt(message, mode)
        if sealed == "wait":
            return 0
        assert isinstance(sealed, dict), sealed
        self.assertEqual(receiver.decrypt(sealed), {"message": message, "mode": mode})
        return 1

    def attack(self) -> None:
        node = self.chance.choice((self.north, self.south))
        connection = self.connect(self.chance.choice((node.thesis_port, node.link_port)))
        connection.sendall(secrets.token_bytes(200) + b"\n")
        self.assertHungUp(connection)

    def leave_and_return(self, number: int) -> None:
        for application in self.pairs[number]:
            self.assertEqual(application.exit(), "ok")
        self.assertTrue(introduce(*self.pairs[number], (f"north{number}", f"south{number}")))
        for application in self.pairs[number]:
            application.patiently("back", 1, HEALING_SECONDS)

    def die_and_return(self) -> None:
        """The called node ends and starts again; the calling one finds it by itself."""
        port = str(self.pairs[0][1].port)
        self.end(self.south)
        self.south = Daemon(self.south.state, *self.options, self.port_option, port)
        self.south.start()
        for number, (caller, _) in enumerate(self.pairs):
            callee = self.application(self.south)
            callee.init(f"south{number}")
            callee.init_config(caller.service_name)
            self.pairs[number] = (caller, callee)
        for pair in self.pairs:
            self.assertTrue(eventually(pair[0].status, HEALING_SECONDS))
            for application in pair:
                application.patiently("again", 1, HEALING_SECONDS)


class LinkEnduranceTests(Endurance):
    options = ("--api-auth", "none")
    port_option = "--listen-port"
    #: A channel remembers the last 32 768 keys that ended, so as to tell used from unknown.
    growth_bytes = CHANNELS * 8 * 2**20

    def test_no_message_is_lost_and_nothing_grows(self) -> None:
        self.endure()


class ThesisEnduranceTests(Endurance):
    options = THESIS
    port_option = "--thesis-port"
    growth_bytes = GROWTH_BYTES

    def test_no_message_is_lost_and_nothing_grows(self) -> None:
        self.endure()
