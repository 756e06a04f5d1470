"""The layer table is the architecture: imports point down it."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt

ROOT = Path(dynamicrypt.__file__).parent

#: The rooms of the package, top to bottom; a module may import only from a row below its own.
LAYERS = (
    {"cli", "demo", "rest", "etsi", "tap"},
    {"node", "web"},
    {"access"},
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
    ("tap", "cli"): "both tell errors in the same two lines",
}

#: The modules and packages of rooms that are houses themselves, top to bottom; inside a package
#: modules import as they like, in no circle.
INSIDE = {
    "rest": (
        {"site"},
        {"dialects", "health", "metrics"},
        {"v1", "v2"},
        {"streams", "openapi"},
        {"desk"},
        {"shapes"},
    ),
    "web": (
        {"site"},
        {"channel", "told", "turned_away"},
        {"request"},
        {"host"},
        {"body", "fast"},
        {"guard", "head", "unix"},
        {"fault", "limits", "listener", "refusals", "reply", "schema"},
    ),
}

#: Third-party packages that only some rooms may know.
CONFINED = {
    "twisted": {"cli", "demo", "rest", "etsi", "tap", "web", "access", "node", "peer", "client"},
    "klein": {"rest", "etsi", "web"},
    "OpenSSL": {"peer"},
}


def rows(layers: tuple[set[str], ...]) -> dict[str, int]:
    """The row of each name, from the top."""
    return {name: number for number, row in enumerate(layers) for name in row}


ROW = rows(LAYERS)


def imports(path: Path) -> Iterator[str]:
    """Every module and name that the file imports, anywhere in it, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> Iterator[tuple[Path, str]]:
    """Every module below the package with the room that it lives in."""
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room not in {"__init__", "__main__"}:
            yield path, room


def dotted(path: Path) -> str:
    """The name under which a file is imported."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


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

    def test_inside_a_house_imports_point_down(self) -> None:
        wrong = []
        for house, layers in INSIDE.items():
            row = rows(layers)
            for path in sorted((ROOT / house).rglob("*.py")):
                own = path.relative_to(ROOT / house).parts[0].removesuffix(".py")
                if own == "__init__":
                    continue
                for name in imports(path):
                    _, found, below = name.partition(f"dynamicrypt.{house}.")
                    target = below.partition(".")[0]
                    if found and target != own and row[target] <= row[own]:
                        wrong.append(f"{path.relative_to(ROOT)} imports {name}")
        self.assertEqual(wrong, [])

    def test_no_import_goes_in_a_circle_not_even_for_types(self) -> None:
        files = {dotted(path): path for path in sorted(ROOT.rglob("*.py"))}
        graph = {
            module: {name if name in files else name.rpartition(".")[0] for name in imports(path)}
            & files.keys() - {module}
            for module, path in files.items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            self.fail(f"{' <- '.join(error.args[1])}")

    def test_frameworks_stay_in_their_rooms(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} imports {name}"
            for path, room in modules()
            for name in imports(path)
            if room not in CONFINED.get(name.partition(".")[0], {room})
        ]
        self.assertEqual(wrong, [])
