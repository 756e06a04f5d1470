"""Cells of secret memory."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.cells import KeyCells
from tests.keys.memory import secrets_in


def key(number: int) -> bytes:
    return number.to_bytes(2) * 16


class KeyCellsTests(SynchronousTestCase):
    def test_keeps_each_key_in_its_cell(self) -> None:
        cells = KeyCells()
        numbers = [cells.put(key(number)) for number in range(300)]
        self.assertEqual(len(set(numbers)), 300)
        for number, cell in enumerate(numbers):
            self.assertEqual(bytes(cells.view(cell)), key(number))

    def test_wiped_cell_holds_zeros(self) -> None:
        cells = KeyCells()
        cell = cells.put(key(7))
        view = cells.view(cell)
        cells.wipe(cell)
        self.assertEqual(bytes(view), bytes(32))

    def test_gives_pages_back(self) -> None:
        cells = KeyCells()
        for cell in [cells.put(key(number)) for number in range(1000)]:
            cells.wipe(cell)
        self.assertEqual((len(cells), len(cells._pages)), (0, 1))

    def test_page_that_comes_takes_the_place_of_none_that_stays(self) -> None:
        cells = KeyCells()
        held = {number: cells.put(key(number)) for number in range(3 * 128)}
        for number in (0, *range(128, 256)):
            cells.wipe(held.pop(number))
        self.assertEqual(len(cells._pages), 2)
        held |= {number: cells.put(key(number)) for number in range(400, 700)}
        for number, cell in held.items():
            self.assertEqual(bytes(cells.view(cell)), key(number))

    def test_protection_is_that_of_the_memory(self) -> None:
        cells = KeyCells()
        self.assertIsNone(cells.protection)
        cells.put(key(1))
        self.assertIn(cells.protection, {"secret", "locked", "plain"})

    def test_refuses_other_lengths(self) -> None:
        for length in (0, 31, 33):
            self.assertRaises(ParameterError, KeyCells().put, bytes(length))

    @given(st.lists(st.integers(0, 400), max_size=600))
    def test_any_coming_and_going_keeps_what_is_there(self, moves: list[int]) -> None:
        cells = KeyCells()
        held: dict[int, int] = {}
        for step, move in enumerate(moves):
            if move in held:
                cells.wipe(held.pop(move))
            else:
                held[move] = cells.put(key(move))
            if step % 50 == 0:
                for number, cell in held.items():
                    self.assertEqual(bytes(cells.view(cell)), key(number))
        self.assertEqual(len(cells), len(held))
        expected = b"".join(key(number) for number in held).replace(b"\0", b"")
        self.assertEqual(len(secrets_in(cells)), len(expected))
