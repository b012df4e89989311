"""What the benchmarks measure against is right, and so is what they say. No test is about time."""

import numpy as np
import pytest

from bncheck import BatchNorm1d
from tests.benchmarks.rows import Row, amount, rendered
from tests.benchmarks.textbook import Textbook

QUANTITIES = (
    *("M", "V", "NZ", "BZ", "running_M", "running_V"),
    *("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"),
)


@pytest.mark.parametrize("shape", [(8, 4), (64, 32), (3000, 7)])
def test_the_textbook_agrees_with_the_layer(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    layer, textbook = BatchNorm1d(shape[1]), Textbook(shape[1])
    Z, dLdBZ = rng.standard_normal((2, *shape))
    BW, Bb = rng.standard_normal((2, 1, shape[1]))
    for each in (layer, textbook):
        each.BW, each.Bb = BW, Bb
        each.forward(Z[::-1].copy())
        each.forward(Z)
        each.backward(dLdBZ)
    for name in QUANTITIES:
        np.testing.assert_allclose(
            getattr(textbook, name), getattr(layer, name), rtol=1e-12, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("x", "", "", (0.4, 0.5, 9.0), 0.5), "met"),
        (Row("x", "", "", (0.1, 0.6, 0.7), 0.5), "MISSED"),
        (Row("x", "", "", (0.1,), 0.5, failed=True), "MISSED"),
        (Row("x", "", "not installed", (), 0.5), ""),
        (Row("x", "", "", (3.0,)), ""),
    ],
)
def test_the_median_is_held_against_the_target(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


def test_the_table_shows_the_ratio_its_range_and_the_verdict() -> None:
    rows = [
        Row("quick", "1 ms", "3 ms", (0.3, 0.3333, 0.4), 0.5),
        Row("slow", "2 s", "1 s", (2.0,), 1.3),
        Row("absent", "", "not installed"),
    ]
    lines = rendered(rows, markdown=True).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["what", "ours", "the other", "ratio", "min to max", "target", ""]
    assert cells[2:] == [
        ["quick", "1 ms", "3 ms", "0.333", "0.3 to 0.4", "<= 0.5", "met"],
        ["slow", "2 s", "1 s", "2", "2 to 2", "<= 1.3", "MISSED"],
        ["absent", "", "not installed", "", "", "", ""],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "12.3 ms"), (4e9, "4 Gs"), (1, "1 s"), (8e-8, "80 ns"), (999.9, "1 ks")],
)
def test_amounts_have_three_digits(value: float, text: str) -> None:
    assert amount(value, "s") == text
