"""The entry point of `dynamicrypt`, and its commands by name.

A command's module is imported when it is called: `dynamicrypt peer list` need not load the
laboratory. A new group takes one line in COMMANDS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from dynamicrypt import __version__
from dynamicrypt.cli.speech import Exit, complain, exit_of, report
from dynamicrypt.errors import DynamiCryptError

#: The modules of the commands, each below this package, in the order of `--help`. A module holds
#: its command under the command's name.
COMMANDS: Final = {
    "init": "node",
    "fingerprint": "node",
    "pair": "pair",
    "peer": "peer",
    "status": "status",
    "service": "service",
    "channel": "channel",
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "key": "key",
    "events": "events",
    "token": "token",
    "lab": "lab",
}


class Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dynamicrypt.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{cmd_name} is no command")
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dynamicrypt", message="%(prog)s %(version)s")
def dynamicrypt() -> None:
    """Keep two hosts supplied with matching fresh keys.

    Results are printed on stdout, everything else on stderr. Exit status: 0 done, 1 failed, 2 wrong
    usage, 3 not authenticated, 4 unavailable (try later), 5 bad ciphertext.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's; returns the exit status."""
    try:
        status = dynamicrypt.main(arguments, prog_name="dynamicrypt", standalone_mode=False)
    except DynamiCryptError as error:
        report(error)
        return exit_of(error)
    except click.ClickException as error:
        return _refuse(error)
    except click.Abort:
        complain("interrupted")
        return Exit.FAILED
    except BrokenPipeError:
        _let_output_go()  # whoever read the results has gone
        return Exit.FAILED
    except OSError as error:
        complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
        _let_output_go()
        return Exit.FAILED
    return status if isinstance(status, int) else Exit.OK


def _let_output_go() -> None:
    """Drop what cannot be flushed; Python would try again in the end, and complain in its way."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(error: click.ClickException) -> Exit:
    what = error.format_message().rstrip(".")
    if not isinstance(error, click.UsageError):
        complain(what)
        return Exit.FAILED
    path = "dynamicrypt" if error.ctx is None else error.ctx.command_path
    complain(what, f"see `{path} --help`")
    return Exit.USAGE


if __name__ == "__main__":
    sys.exit(main())
