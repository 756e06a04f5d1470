"""Experiments on a Dask cluster (the extra `dynamicrypt[cluster]`)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.extras import require

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """An executor whose tasks run on the workers of the scheduler at `address`.

    The workers need DynamiCrypt of the same version. Raises SynchronisationError if the scheduler
    does not answer within ten seconds, ExperimentError for what is no address, ExtraError if
    `distributed` is not installed.
    """
    require("distributed")
    from distributed import Client  # noqa: PLC0415 - an extra

    try:
        client = Client(address, timeout="10s")
    except (OSError, TimeoutError) as error:
        raise SynchronisationError(f"no Dask scheduler answers at {address}") from error
    except ValueError as error:
        raise ExperimentError(f"{address} is no address like tcp://HOST:8786") from error
    with client:
        yield executor_of(client)


def executor_of(client: Client) -> Executor:
    """The executor of a client that is connected already."""
    executor: Executor = client.get_executor(pure=False)
    return executor
