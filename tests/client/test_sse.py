"""The parser of server-sent events, against streams cut anywhere."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.client.errors import BadAnswerError
from dynamicrypt.client.sse import MAX_EVENT, EventParser, RawEvent

_TEXT = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=8)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[RawEvent]]:
    """A stream, and what it says."""
    text, end = draw(st.sampled_from(["", "\ufeff"])), draw(_ENDS)
    events, last = [], ""
    for _ in range(draw(st.integers(0, 4))):
        number, kind = draw(st.none() | _TEXT), draw(_TEXT)
        data = draw(st.lists(_TEXT, max_size=3))
        other = draw(st.sampled_from([[], [":"], [": beat"], ["unknown: x"]]))
        lines = [*other, f"event: {kind}", *(f"data: {part}" for part in data)]
        if number is not None:
            lines.append(f"id: {number}")
            last = number
        text += "".join(line + end for line in [*lines, ""])
        if data:
            events.append(RawEvent(id=last, kind=kind or "message", data="\n".join(data)))
    return text.encode(), events


class EventParserTests(SynchronousTestCase):
    @given(streams(), st.data())
    def test_the_events_do_not_depend_on_the_cuts(
        self, stream: tuple[bytes, list[RawEvent]], data: st.DataObject
    ) -> None:
        content, events = stream
        parser, found = EventParser(), []
        while content:
            cut = data.draw(st.integers(1, len(content)))
            found += parser.feed(content[:cut])
            content = content[cut:]
        found += parser.feed(b"\n")  # the second half of a CR that might have been one of CR LF
        self.assertEqual(found, events)

    @given(st.lists(st.binary(max_size=200), max_size=5))
    def test_any_bytes_are_events_or_none(self, parts: list[bytes]) -> None:
        parser = EventParser()
        for part in parts:
            for event in parser.feed(part):
                self.assertIsInstance(event.data, str)

    def test_the_place_to_go_on_is_the_last_whole_event(self) -> None:
        parser = EventParser("a-1")
        parser.feed(b"id: a-2\ndata: {}\n\nid: a-3\ndata: {}\n")
        self.assertEqual(parser.last_id, "a-2")

    def test_an_event_without_id_keeps_the_place(self) -> None:
        (event,) = EventParser("a-1").feed(b"event: gap\ndata: {}\n\n")
        self.assertEqual((event.id, event.kind), ("a-1", "gap"))

    def test_the_service_says_how_soon_to_come_back(self) -> None:
        parser = EventParser()
        for line, retry in (("250", 250), ("-1", 250), ("x", 250), ("99999999", 250), ("0", 0)):
            parser.feed(f"retry: {line}\n\n".encode())
            self.assertEqual(parser.retry, retry)

    def test_an_id_with_nul_is_none(self) -> None:
        parser = EventParser("a-1")
        parser.feed(b"id: a\0b\ndata: x\n\n")
        self.assertEqual(parser.last_id, "a-1")

    def test_an_event_without_end_is_refused(self) -> None:
        for part in (b"data: " + b"x" * MAX_EVENT, b"data: xxxxxxxxxx\n" * (MAX_EVENT // 10)):
            with self.assertRaises(BadAnswerError):
                EventParser().feed(part)
