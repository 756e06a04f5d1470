"""`dynamicrypt token`: what lets an application ask the service. A running node sees changes."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dynamicrypt.access.issued import IssuedToken, TokenFile
from dynamicrypt.access.tokens import Scope
from dynamicrypt.cli.place import place_options
from dynamicrypt.cli.speech import result, table, talk
from dynamicrypt.peer.statedir import StateDirectory

#: Hex digits of a token's SHA-256 that tell it from others.
_SHOWN = 8


@click.group()
def token() -> None:
    """Issue, list and revoke the tokens of applications."""


@token.command()
@click.argument("application")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; may be given several times.",
)
@click.option("--rate", type=int, help="Requests a second.  [default: the node's limit]")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the token to this new file, for its owner alone.",
)
@click.option("--group-readable", is_flag=True, help="Let the file's group read it, too.")
@place_options
def add(
    *,
    application: str,
    scopes: tuple[str, ...],
    rate: int | None,
    output: Path | None,
    group_readable: bool,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Issue a token to APPLICATION, beside those that it has; it is shown this once.

    Services belong to the application, not to the token, so a new one can take over from an old.
    """
    if group_readable and output is None:
        raise click.UsageError("--group-readable needs --output")
    file = TokenFile(StateDirectory(state_dir))
    wanted = [Scope(scope) for scope in scopes]
    if output is None:
        issued = file.issue(application, wanted, rate=rate)
        data = {"application": application, "scopes": sorted(set(scopes)), "token": issued}
        result(as_json=as_json, data=data, text=issued)
        return
    # Made first: a token that could not be written would be lost.
    descriptor = _new_file(output, 0o640 if group_readable else 0o600)
    with open(descriptor, "w", encoding="ascii") as place:
        try:
            place.write(file.issue(application, wanted, rate=rate) + "\n")
        except BaseException:
            output.unlink()
            raise
    data = {"application": application, "scopes": sorted(set(scopes)), "file": str(output)}
    result(as_json=as_json, data=data, text=f"wrote {output}")


@token.command("list")
@place_options
def list_tokens(*, state_dir: Path, as_json: bool) -> None:
    """Print the tokens of applications, oldest first; not the tokens themselves."""
    issued = TokenFile(StateDirectory(state_dir)).read()
    heading = ("APPLICATION", "SCOPES", "RATE", "SHA-256")
    rows = [
        (
            each.app,
            ",".join(sorted(each.scopes)),
            "-" if each.rate is None else str(each.rate),
            _mark(each),
        )
        for each in issued
    ]
    data = [
        {
            "application": each.app,
            "scopes": sorted(each.scopes),
            "rate": each.rate,
            "sha256": _mark(each),
        }
        for each in issued
    ]
    result(as_json=as_json, data=data, text=table([heading, *rows]) if rows else "no tokens")


@token.command()
@click.argument("application")
@click.option("--keep-newest", is_flag=True, help="Revoke all but the newest one.")
@place_options
def revoke(*, application: str, keep_newest: bool, state_dir: Path, as_json: bool) -> None:
    """Revoke the tokens of APPLICATION. Its services stay.

    A running node refuses them within a second.
    """
    revoked = TokenFile(StateDirectory(state_dir)).revoke(application, keep_newest=keep_newest)
    if not revoked:
        talk(f"{application} has no token that could be revoked")
    data = {"application": application, "revoked": revoked}
    result(as_json=as_json, data=data, text=f"revoked {revoked}")


def _new_file(path: Path, mode: int) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise click.FileError(str(path), (error.strerror or "unusable").lower()) from None
    os.fchmod(descriptor, mode)
    return descriptor


def _mark(issued: IssuedToken) -> str:
    return issued.digest.hex()[:_SHOWN]
