"""What the tool that reads our description is told beside it."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

_TIME = re.compile(r"([0-9]+)(m?s)")


@schemathesis.hook
def map_query(_context: schemathesis.HookContext, query: dict[str, Any] | None) -> Any:
    """Who asks to wait, waits for some milliseconds only: most keys here never come."""
    if query:
        asked = _TIME.fullmatch(str(query.get("wait")))
        if asked is not None:
            query["wait"] = f"{int(asked[1]) % 40}ms"
    return query
