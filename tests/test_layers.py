"""The layer table is the architecture: imports point down it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt

ROOT = Path(dynamicrypt.__file__).parent

#: The rooms of the package, top to bottom; a module may import only from a row below its own.
LAYERS = (
    {"cli", "demo", "rest", "etsi", "tap"},
    {"node"},
    {"peer"},
    {"session", "keys"},
    {"wire", "lab", "client"},
    {"tpm"},
    {"params", "errors", "location", "_core"},
)

#: Imports inside one row: (importer, imported), each with its reason.
SIDEWAYS = {
    ("params", "errors"): "a number outside its range is a ParameterError",
    ("session", "keys"): "the session of wire 2 derives its keys with the schedule",
    ("tap", "rest"): "the service puts its parts together",
    ("cli", "rest"): "a person issues the tokens that the API checks",
    ("tap", "cli"): "both tell errors in the same two lines",
}

#: Third-party packages that only some rooms may know.
CONFINED = {
    "twisted": {"cli", "demo", "rest", "etsi", "tap", "node", "peer", "client"},
    "klein": {"rest", "etsi"},
    "OpenSSL": {"peer"},
}

ROW = {room: number for number, row in enumerate(LAYERS) for room in row}


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, anywhere in it, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "dynamicrypt":
                yield from (f"dynamicrypt.{alias.name}" for alias in node.names)
            else:
                yield node.module


def modules() -> Iterator[tuple[Path, str]]:
    """Every module below the package with the room that it lives in."""
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room not in {"__init__", "__main__"}:
            yield path, room


class LayerTests(SynchronousTestCase):
    def test_every_module_lives_in_a_room_of_the_table(self) -> None:
        homeless = [str(path) for path, room in modules() if room not in ROW]
        self.assertEqual(homeless, [])

    def test_imports_point_down(self) -> None:
        wrong = []
        for path, room in modules():
            for name in imports(path):
                package, _, rest = name.partition(".")
                target = rest.partition(".")[0]
                if package != "dynamicrypt" or target in {"", "__version__", room}:
                    continue
                if ROW[target] <= ROW[room] and (room, target) not in SIDEWAYS:
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
        self.assertEqual(wrong, [])

    def test_frameworks_stay_in_their_rooms(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {name}"
            for path, room in modules()
            for name in imports(path)
            if room not in CONFINED.get(name.partition(".")[0], {room})
        ]
        self.assertEqual(wrong, [])
