"""The benchmarks' plots: pictures that a browser can draw."""

from xml.etree import ElementTree as ET

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.plot import Plot

SVG = "{http://www.w3.org/2000/svg}"


class PlotTests(SynchronousTestCase):
    def setUp(self) -> None:
        lines = {"B < 8": [(1, 10), (10, 100), (100, 1000)], "B = 8": [(1, 1000), (100, 10)]}
        plot = Plot(title="Keys & rates", x="machines", y="keys", lines=lines)
        self.picture = ET.fromstring(plot.svg())  # noqa: S314 - our own text

    def texts(self) -> list[str]:
        return [element.text or "" for element in self.picture.iter(f"{SVG}text")]

    def test_titles_and_names_are_in_it(self) -> None:
        self.assertLessEqual(
            {"Keys & rates", "machines", "keys", "B < 8", "B = 8"}, {*self.texts()}
        )

    def test_lines_are_straight_on_logarithmic_axes(self) -> None:
        first, second = self.picture.iter(f"{SVG}polyline")
        places = [tuple(map(float, pair.split(","))) for pair in first.attrib["points"].split()]
        (x1, y1), (x2, y2), (x3, y3) = places
        self.assertApproximates(x1 + x3, 2 * x2, 0.2)
        self.assertApproximates(y1 + y3, 2 * y2, 0.2)
        self.assertGreater(y1, y3)
        self.assertEqual(second.attrib["points"].split()[0], f"{x1:.1f},{y3:.1f}")

    def test_round_numbers_are_named(self) -> None:
        self.assertLessEqual({"1", "2", "5", "10", "20", "50", "100", "1000"}, {*self.texts()})

    def test_a_line_of_one_point_is_drawn(self) -> None:
        plot = Plot(title="", x="", y="", lines={"": [(5, 5)]})
        self.assertEqual(len(list(ET.fromstring(plot.svg()).iter(f"{SVG}circle"))), 2)  # noqa: S314

    def test_a_narrow_range_shows_its_scale(self) -> None:
        plot = Plot(title="", x="", y="", lines={"": [(1, 2100), (1000, 3000)]})
        texts = {element.text for element in ET.fromstring(plot.svg()).iter(f"{SVG}text")}  # noqa: S314
        self.assertLessEqual({"2000", "5000"}, texts)
