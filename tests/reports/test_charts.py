import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.reports.charts import WHISKER_WIDTH, Scale, around, colour_of, histogram, line_chart, ticks, whiskers


def test_values_stand_in_proportion_and_never_outside():
    scale = Scale(0.0, 10.0, 100, 200)
    assert [scale.at(value) for value in (0, 2.5, 10, -5, 99)] == [100, 125, 200, 100, 200]
    assert Scale(0.0, 10.0, 200, 100).at(2.5) == 175
    hundred = Scale(1, 100, 0, 200, logarithmic=True)
    assert [hundred.at(value) for value in (1, 10, 100)] == [0, 100, 200]
    assert [tick.label for tick in ticks(hundred)] == ["1", "2", "5", "10", "20", "50", "100"]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.41, 0.93], ["0.40", "0.60", "0.80", "1.00"]),
        ([-4.2, 4.0], ["-5.0", "-2.5", "0.0", "2.5", "5.0"]),
        ([0, 30], ["0", "10", "20", "30"]),
        ([0.5, 0.5], None),
        ([], None),
    ],
)
def test_labels_are_round(values, labels):
    scale = around(values, start=0, end=100)
    written = [tick.label for tick in ticks(scale)]
    assert len(set(written)) == len(written) >= 2
    if labels:
        assert [float(label.replace("−", "-")) for label in written] == [float(label) for label in labels]


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5))
def test_every_value_is_on_the_scale(values):
    scale = around(values, start=0, end=100)
    margin = 1e-6 * max(1, *map(abs, values))
    assert scale.low - margin <= min(values) and max(values) <= scale.high + margin
    written = ticks(scale)
    assert 2 <= len(written) <= 8
    assert all(0 <= tick.at <= 100 for tick in written)


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]


def test_lines_rise_where_values_do_and_stay_inside():
    chart = line_chart(
        {"base": [(1, 0.5), (10, 0.9)], "tuned": [(1, 0.6), (10, 0.7)]},
        title="t", x_label="k", y_label="hit rate", level=("level", 0.55),
    )  # fmt: skip
    base, tuned = chart.lines
    assert (base.name, base.colour, tuned.colour) == ("base", colour_of("base"), colour_of("tuned"))
    (x1, y1), (x2, y2) = base.dots
    assert (x1, x2) == (46, 430) and y2 < y1  # up is a smaller y
    assert all(10 <= y <= 208 for _, y in base.dots + tuned.dots)
    assert y2 < chart.level[0] < y1
    assert [tick.label for tick in chart.x_ticks] == ["1", "10"]


def test_many_points_have_no_dots_and_one_has_a_place():
    many = line_chart({"a": [(x, x) for x in range(1, 101)]}, title="t", x_label="x", y_label="y", logarithmic=True)
    assert many.lines[0].dots == [] and len(numbers(many.lines[0].path)) == 200
    one = line_chart({"a": [(46, 0.3)]}, title="t", x_label="x", y_label="y")
    assert len(one.lines[0].dots) == 1 and [tick.label for tick in one.x_ticks] == ["46"]


def test_a_histogram_is_as_high_as_its_counts():
    drawn = histogram([0.0, 0.5, 1.0], [10, 0], [0, 5], most=10, title="t")
    right, wrong = numbers(drawn.right), numbers(drawn.wrong)
    assert min(right[1::2]) == 10  # the highest of all reaches the top
    assert 10 < min(wrong[1::2]) < 208
    assert drawn.right.endswith("Z")
    assert all(float(tick.label) == int(tick.label) for tick in drawn.y_ticks)
    assert histogram([0.0, 1.0], [1], [0], most=1, title="t").y_ticks[0].label == "0"


def test_whiskers_share_one_scale_and_its_zero():
    (wide, bare), ends = whiskers([((-4.0, 6.0), 1.0), (None, -2.0)], zero=True)
    assert 0 <= wide.low < wide.zero < wide.mid < wide.high <= WHISKER_WIDTH
    assert (bare.low, bare.high, bare.zero) == (None, None, wide.zero)
    assert bare.mid < wide.zero
    assert ends == ("−5", "7.5")
    (score,), _ = whiskers([((0.7, 0.8), 0.75)], zero=False)
    assert score.zero is None


def test_added_systems_have_colours_too():
    assert {colour_of("bm25"), colour_of("base"), colour_of("tuned")} == {0, 1, 2}
    assert len({colour_of("mine", number) for number in range(6)}) == 3
