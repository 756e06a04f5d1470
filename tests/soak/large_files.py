"""A gibibyte through the client and through the commands, none of which holds it."""

from tests.cli import test_messages
from tests.client import test_memory

GIB = 2**30


class ClientTests(test_memory.StreamMemoryTests):
    size = GIB


class CommandTests(test_messages.LargeFileTests):
    size = GIB
