"""What one client, and all together, may take of a site."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes, connections, seconds."""

    #: Body of one request, 1 MiB as is usual; the longest message (rest.v1.api) fits when it comes
    #: back as a ciphertext.
    body: int = 1024 * 1024
    #: Open connections. Descriptors are shared with the links to other nodes.
    connections: int = 256
    #: Connections beyond these that are told so at once; others are cut without a word.
    turned_away: int = 64
    #: From the first byte of a request to its last.
    receive: int = 20
    #: Between the answer and the next request, or until the first.
    idle: int = 60
    #: Requests of one caller in a second, unless its token says otherwise; more than one process
    #: can answer, so it stops nothing but what runs wild.
    rate: int = 100_000
    #: How long the rest of a refused body is read and dropped, so that the client sees the answer;
    #: and how long answers may take that are under way when the site is stopped.
    linger: int = 2
