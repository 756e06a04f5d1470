"""Texts in locked memory: they stay until they are wiped, in any order."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.rest.desk.secret_pages import PAGE, Kept, SecretPages, pages_of


class SecretPagesTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.integers(0, 7 * PAGE), st.integers(0, 3)), max_size=60))
    def test_texts_stay_until_they_are_wiped_in_any_order(
        self, steps: list[tuple[int, int]]
    ) -> None:
        pages = SecretPages(10)
        kept: dict[int, tuple[Kept, bytes]] = {}
        free = 10
        for number, (size, wiped) in enumerate(steps):
            if pages_of(size) <= free:
                free -= pages_of(size)
                text = bytes([number % 255 + 1]) * size
                kept[number] = pages.put(text), text
            for place in list(kept)[wiped : 2 * wiped]:
                at, text = kept.pop(place)
                pages.wipe(at)
                free += pages_of(len(text))
            for at, text in kept.values():
                self.assertEqual(pages.get(at), text)
        for at, _ in kept.values():
            pages.wipe(at)
        if pages._memory is not None:
            self.assertEqual(bytes(pages._memory), bytes(10 * PAGE))
        self.assertEqual(pages.get(pages.put(b"x" * 10 * PAGE)), b"x" * 10 * PAGE)

    def test_what_was_kept_in_a_page_does_not_come_with_a_shorter_text(self) -> None:
        pages = SecretPages(1)
        pages.wipe(pages.put(b"x" * PAGE))
        self.assertEqual(pages.get(pages.put(b"y")), b"y")
