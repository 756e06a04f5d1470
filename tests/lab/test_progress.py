from __future__ import annotations

from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def test_it_shows_share_rate_and_remaining_time(self) -> None:
        terminal = Terminal()
        progress = Progress("runs", 1000, terminal, clock=self.clock)
        self.now = 10.0
        progress.advance(250)
        self.assertEqual(progress.line(), "runs: 25 %, 25/s, 0:30 left")
        self.assertIn("25 %", terminal.getvalue())

    def test_it_is_seen_before_anything_is_done(self) -> None:
        terminal = Terminal()
        with Progress("runs", 1000, terminal, clock=self.clock):
            self.assertEqual(terminal.getvalue(), "runs: 0 %")

    def test_what_was_there_before_counts_as_done_but_not_as_speed(self) -> None:
        progress = Progress("runs", 1000, Terminal(), done=500, clock=self.clock)
        self.assertEqual(progress.line(), "runs: 50 %")
        self.now = 10.0
        progress.advance(100)
        self.assertEqual(progress.line(), "runs: 60 %, 10/s, 0:40 left")

    def test_long_times_have_hours(self) -> None:
        progress = Progress("runs", 7_300_000, Terminal(), clock=self.clock)
        self.now = 1.0
        progress.advance(1000)
        self.assertEqual(progress.line(), "runs: 0 %, 1,000/s, 2:01:39 left")

    def test_it_is_silent_where_nobody_looks(self) -> None:
        file = StringIO()
        with Progress("runs", 10, file, clock=self.clock) as progress:
            self.now = 10.0
            progress.advance(5)
        self.assertEqual(file.getvalue(), "")

    def test_it_leaves_a_clean_line(self) -> None:
        terminal = Terminal()
        with Progress("runs", 10, terminal, clock=self.clock) as progress:
            self.now = 10.0
            progress.advance(5)
        self.assertTrue(terminal.getvalue().endswith("\r\x1b[K"))
