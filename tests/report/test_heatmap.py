"""Maps of errors: cells, shades, names beside them, and the legend."""

import re
from pathlib import Path

import numpy as np
import pytest

from bncheck.compare.comparison import Comparison
from bncheck.report.heatmap import (
    cell_size,
    downsample,
    errors_of,
    glyphs,
    heat_map_lines,
    thresholds,
)
from bncheck.report.screen import Screen
from tests.comparing import compared
from tests.report.made import comparison, with_error
from tests.wrong_backward import without_mean_path, wrong_in_the_last_row

CHECK = ("gradcheck", "sample_data/wine.csv")


@pytest.mark.parametrize(("down", "across"), [(1, 1), (2, 3), (7, 7), (100, 100)])
def test_folding_keeps_the_largest(down: int, across: int) -> None:
    A = np.random.default_rng(0).random((23, 31))
    A[5, 5] = np.nan
    folded = downsample(A, down, across)
    for (i, j), value in np.ndenumerate(folded):
        block = A[i * down : (i + 1) * down, j * across : (j + 1) * across]
        if not np.isnan(block).all():
            assert value == np.nanmax(block)


def test_a_single_wrong_entry_is_seen_in_a_folded_map() -> None:
    check = with_error(np.s_[777, 333], shape=(1000, 500))
    lines = Screen(80).text(heat_map_lines(check, None, Screen(80))).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert sum(len(re.findall("[^·]", line.split()[-1])) for line in lines[1:21]) == 1


def test_shades_begin_at_the_tolerance_and_ascend() -> None:
    errors = np.array([[0, 1e-9, 2e-6, 1e-4, 1e-2, 1.0, np.inf, np.nan]])
    levels = thresholds(errors, 1e-6)
    assert levels[0] == 1e-6
    assert levels == sorted(set(levels))
    assert "".join(glyphs(errors, levels)[0]) == "··░▒▓█!?"


@pytest.mark.parametrize(
    ("largest", "levels"),
    [(1.6e-5, [1e-6, 2e-6, 4e-6, 8e-6]), (3e-6, [1e-6, 2e-6]), (1e-2, [1e-6, 1e-5, 1e-4, 1e-3])],
)
def test_shades_are_equally_far_apart_and_not_too_close(
    largest: float, levels: list[float]
) -> None:
    assert thresholds(np.array([[1e-9, largest]]), 1e-6) == levels


def test_the_legend_names_no_level_beyond_the_largest_error() -> None:
    errors = np.array([[1e-9, 3e-6]])
    assert max(thresholds(errors, 1e-6)) <= 3e-6
    assert thresholds(np.zeros((1, 2)), 1e-6) == []
    assert thresholds(np.array([[np.inf, 1e-12]]), 1e-6) == [1e-6]


def test_a_map_says_the_same_without_colour(bncheck, mistake, wide) -> None:
    mistake(wrong_in_the_last_row)
    wide(80)
    plain = bncheck(*CHECK).stdout
    wide(80, colour=True)
    coloured = bncheck(*CHECK).stdout
    assert "\x1b" in coloured
    words = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()]
    assert words == plain.splitlines()
    assert re.search(r"^ +hue ·+[░▒▓█]$", plain, re.MULTILINE)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("shape", [(1, 30), (40, 1), (8, 500), (3, 2)])
def test_pictures_fit_the_screen(shape: tuple[int, int], width: int, bncheck, wide) -> None:
    np.save("Z.npy", np.sin(np.arange(float(np.prod(shape)))).reshape(shape))
    wide(width)
    result = bncheck("gradcheck", "Z.npy", "--plot")
    assert result.status == 0
    _, picture = result.stdout.split("error by", 1)
    assert max(map(len, picture.splitlines())) <= width


def test_names_keep_the_map_straight(bncheck, mistake, wide) -> None:
    mistake(wrong_in_the_last_row)
    rows = "\n".join(",".join(f"{np.sin(7 * i + j):.3f}" for j in range(4)) for i in range(9))
    Path("Z.csv").write_text(f'"😀","[red]x[/red]","日本語",hue\n{rows}\n', "utf-8")
    wide(80)
    report = bncheck("gradcheck", "Z.csv").stdout
    assert re.findall(r"^ +(\S+) ·+(?:░|▒|▓|█)+$", report, re.MULTILINE) == [
        "😀",
        "[red]x[/red]",
        "日本語",
        "hue",
    ]


def test_what_is_not_finite_is_marked() -> None:
    analytic, numeric = np.zeros((5, 4)), np.zeros((5, 4))
    analytic[1, 2], numeric[3, 0] = np.nan, np.nan
    check = comparison(analytic=analytic, numeric=numeric, shape=(5, 4))
    assert np.isinf(errors_of(check)[2, 1])
    assert np.isnan(errors_of(check)[0, 3])
    *_, legend = Screen(80).text(heat_map_lines(check, None, Screen(80))).splitlines()
    assert "! infinite" in legend
    assert "? unknown" in legend


def test_several_inputs_are_drawn_only_when_asked_for(bncheck, mistake) -> None:
    mistake(without_mean_path)
    two = ("gradcheck", "sample_data/digits_batch_2.npy", "sample_data/digits_batch_3.npy")
    assert "log scale" not in bncheck(*two).stdout
    assert bncheck(*two, "--plot").stdout.count("log scale") == 2


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 1), (1, 1)), ((20, 60), (1, 1)), ((21, 61), (2, 2)), ((500, 7), (25, 1))],
)
def test_cells_are_as_small_as_the_screen_allows(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    assert cell_size(np.zeros(shape), 20, 60) == size


def test_a_quantity_per_feature_is_one_line() -> None:
    check = with_error(np.s_[0, 3], shape=(1, 12), name="dLdBW")
    heading, line, axis, _ = Screen().text(heat_map_lines(check, None, Screen())).splitlines()
    assert heading == " dLdBW, error by feature"
    assert line == f"   dLdBW {'····' * 3}████{'····' * 8}"
    assert axis == " feature 0                   5                   10    11"
    assert axis.index("5") == line.index("█") + 4 * (5 - 3)


def test_a_single_row_that_came_as_a_vector_is_drawn() -> None:
    check = compare_vector(np.array([0.0, 1.0, 0.0]))
    lines = Screen().text(heat_map_lines(check, None, Screen())).splitlines()
    assert lines[1:4] == ["   0 ····", "   1 ████", "   2 ····"]


def compare_vector(analytic: np.ndarray) -> Comparison:
    unit = np.ones((1, len(analytic)))
    return compared("dLdZ", analytic, np.zeros_like(unit), scale=unit)


def test_rows_are_numbered_below_the_map() -> None:
    check = with_error(np.s_[:, 0], shape=(48, 2))
    *_, axis, _ = Screen(80).text(heat_map_lines(check, None, Screen(80))).splitlines()
    assert axis == " row 0         10        20        30        40    47"
