"""Results that are kept as they come. Clocks are ours."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab import extras
from dynamicrypt.lab.errors import ExtraError, RecordError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.keeper import PAUSE, Keeper
from dynamicrypt.lab.record import load, save
from tests.lab.small import exchange


class KeeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).with_suffix(".csv")
        self.experiment = Experiment(exchange=exchange(3, 10, 1), runs=2000, seed=3)
        self.now = 0.0

    def keeper(self) -> Keeper:
        return Keeper(self.path, self.experiment, clock=lambda: self.now)

    def kept(self) -> list[int]:
        return sorted(load(self.path, self.experiment))

    def test_saves_now_and_then_and_at_the_end(self) -> None:
        groups = [self.experiment.run_group(number) for number in range(4)]
        with self.keeper() as keeper:
            keeper.keep(0, groups[0])
            self.assertEqual(self.kept(), [])
            self.now = PAUSE
            keeper.keep(1, groups[1])
            self.assertEqual(self.kept(), [0, 1])
            keeper.keep(2, groups[2])
            self.assertEqual(self.kept(), [0, 1])
        self.assertEqual(self.kept(), [0, 1, 2])

    def test_saves_what_there_is_when_it_is_interrupted(self) -> None:
        def interrupted() -> None:
            with self.keeper() as keeper:
                keeper.keep(2, self.experiment.run_group(2))
                raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, interrupted)
        self.assertEqual(self.kept(), [2])
        self.assertEqual(self.keeper().runs, self.experiment.groups()[2])

    def test_writes_nothing_without_news(self) -> None:
        with self.keeper():
            pass
        self.assertFalse(self.path.exists())

    def test_a_place_that_takes_no_files_is_told_before_the_work(self) -> None:
        with self.assertRaises(FileNotFoundError):
            Keeper(self.path.parent / "missing" / "runs.csv", self.experiment)


class RecordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.experiment = Experiment(exchange=exchange(3, 10, 1), runs=20, seed=3)

    def test_damaged_results_are_told(self) -> None:
        for ending in (".csv", ".parquet"):
            path = Path(self.mktemp()).with_suffix(ending)
            description = path.with_name(path.name + ".json")
            save(path, self.experiment, {0: self.experiment.run_group(0)})
            told = description.read_text()
            for damaged in (b"", b"garbage", b"group,steps,matched,work\n1,2,3,x\n", b"a\n1,2\n3"):
                path.write_bytes(damaged)
                with self.assertRaises(RecordError, msg=str(damaged)):
                    load(path, self.experiment)
            save(path, self.experiment, {0: self.experiment.run_group(0)})
            for damaged in (b"", b"{", b"[]", b'{"experiment": 5}', b'{"experiment": {}}'):
                description.write_bytes(damaged)
                with self.assertRaises(RecordError, msg=str(damaged)):
                    load(path, self.experiment)
            description.unlink()
            with self.assertRaises(RecordError):
                load(path, self.experiment)
            description.write_text(told)
            self.assertEqual(list(load(path, self.experiment)), [0])

    def test_it_is_told_what_the_results_are_of(self) -> None:
        path = Path(self.mktemp()).with_suffix(".csv")
        save(path, self.experiment, {0: self.experiment.run_group(0)})
        other = Experiment(exchange=exchange(3, 10, 2), runs=20, seed=4)
        with self.assertRaises(RecordError) as caught:
            load(path, other)
        self.assertIn("holds the results of L=1, seed=3", str(caught.exception))

    def test_a_name_has_to_say_what_the_file_holds(self) -> None:
        for name in ("runs.txt", "runs"):
            with self.assertRaises(RecordError):
                save(Path(self.mktemp()) / name, self.experiment, {})

    def test_a_missing_extra_is_named(self) -> None:
        self.patch(extras, "find_spec", lambda module: None)
        with self.assertRaises(ExtraError) as caught:
            extras.require("pyarrow")
        self.assertIn("dynamicrypt[lab]", str(caught.exception))
