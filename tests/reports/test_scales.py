import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.reports.scales import Scale, around, ticks


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
