"""Names of services and partners, as REST v2 takes them."""

from __future__ import annotations

import re
from typing import Final

from dynamicrypt.errors import ParameterError

#: Characters of a name, at most 4 bytes each, and which ones: none that would end a line of a log
#: or a segment of a path, and not what clients take for directories.
MAX_NAME: Final = 63
NAME_PATTERN: Final = r"^(?!\.{1,2}$)[^/\x00-\x1f\x7f-\x9f]+$"

_NAME: Final = re.compile(NAME_PATTERN)


def fit(name: str) -> str:
    """The name, if it may be given; raises ParameterError."""
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise ParameterError(
            f"a name has 1 to {MAX_NAME} characters, neither / nor control characters,"
            " and is not '.' or '..'"
        )
    return name
