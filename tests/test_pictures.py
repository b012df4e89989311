"""Pictures of errors: worst entries, heat maps, step-size curves, and the files they are put in.

Golden texts are in tests/golden/pictures/; `pytest --rewrite-golden` writes them anew.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from bncheck import BatchNorm1d, gradcheck
from bncheck.compare.comparison import Tolerance, compare
from bncheck.report.heatmap import downsample, errors_of, glyphs, heat_map_lines, thresholds
from bncheck.report.details import pattern
from bncheck.report.screen import Screen
from tests.noise_free import noise_free

GOLDEN = Path(__file__).parent / "golden" / "pictures"
CHECK = ("gradcheck", "sample_data/wine.csv")

right = BatchNorm1d.backward


def without_mean_path(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    return right(layer, dLdBZ) - layer.dLdM / layer.N


def wrong_in_one_feature(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[:, -1] *= 2
    return dLdZ


def wrong_in_the_last_row(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[-1] *= 1.01
    return dLdZ


def wrong_in_one_entry(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[7, 1] += 1e-4 * abs(dLdZ).max()
    return dLdZ


def not_finite_here_and_there(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[3, 0], dLdZ[40, 2] = np.nan, np.inf
    return dLdZ


def summed_to_one_number(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    layer.dLdBW = np.full_like(layer.dLdBW, layer.dLdBW.sum())
    return dLdZ


MISTAKES = [
    without_mean_path,
    wrong_in_one_feature,
    wrong_in_the_last_row,
    wrong_in_one_entry,
    not_finite_here_and_there,
    summed_to_one_number,
]


@pytest.fixture
def mistake(monkeypatch: pytest.MonkeyPatch):
    def plant(backward) -> None:
        monkeypatch.setattr(BatchNorm1d, "backward", backward)

    return plant


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch):
    def set_width(width: int, colour: bool = False) -> None:
        monkeypatch.setattr("bncheck.report.screen.screen_of", lambda _: Screen(width, colour))

    return set_width


@pytest.mark.parametrize("width", [None, 80])
@pytest.mark.parametrize("backward", MISTAKES)
def test_what_a_mistake_looks_like(backward, width, bncheck, mistake, wide, request) -> None:
    mistake(backward)
    if width:
        wide(width)
    shown = bncheck(*CHECK).stdout
    path = GOLDEN / f"{backward.__name__}{f'_{width}' if width else ''}.txt"
    if request.config.getoption("--rewrite-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
    assert noise_free(shown) == noise_free(path.read_text("utf-8"))


# Worst entries


def worst_rows(report: str) -> list[str]:
    return re.findall(r"^ .* ± .*$", report, re.MULTILINE)


def test_five_worst_entries_of_what_failed(bncheck, mistake) -> None:
    mistake(without_mean_path)
    rows = worst_rows(bncheck(*CHECK).stdout)
    errors = [float(row.split()[-1]) for row in rows]
    assert len(rows) == 5
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_as_many_as_asked_for(count: int, bncheck, mistake) -> None:
    mistake(without_mean_path)
    assert len(worst_rows(bncheck(*CHECK, "--worst", str(count)).stdout)) == count


def test_only_entries_that_failed_are_listed(bncheck, mistake) -> None:
    mistake(wrong_in_one_entry)
    (row,) = worst_rows(bncheck(*CHECK).stdout)
    assert row.startswith(" row 7, malic_acid ")


def test_none_where_all_is_right_unless_asked_for(bncheck) -> None:
    assert worst_rows(bncheck(*CHECK).stdout) == []
    assert len(worst_rows(bncheck(*CHECK, "--worst", "2").stdout)) == 12


def test_so_many_digits_that_the_values_differ(bncheck, mistake) -> None:
    def slightly_wrong(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
        return right(layer, dLdBZ) * (1 + 1e-5)

    mistake(slightly_wrong)
    for row in worst_rows(bncheck(*CHECK).stdout):
        analytic, numeric = re.findall(r"-?\d\.\d+e[+-]\d+", row)[:2]
        assert analytic != numeric


def test_the_uncertainty_is_in_the_units_of_the_quantity(bncheck, mistake) -> None:
    mistake(without_mean_path)
    document = json.loads(bncheck(*CHECK, "--json").stdout)
    report = bncheck(*CHECK).stdout
    (check,) = [each for each in document["inputs"][0]["checks"] if each["name"] == "dLdZ"]
    entry = check["worst_entries"][0]
    scale = abs(entry["analytic"] - entry["numeric"]) / entry["rel_error"]
    shown = float(re.search(r"± (\S+)", worst_rows(report)[0])[1])
    assert shown == pytest.approx(entry["uncertainty"] * scale, rel=0.5)


def test_document_has_the_worst_entries_of_what_did_not_pass(bncheck, mistake) -> None:
    mistake(without_mean_path)
    document = json.loads(bncheck(*CHECK, "--json", "--worst", "3").stdout)
    for check in document["inputs"][0]["checks"]:
        if check["verdict"] == "pass":
            assert "worst_entries" not in check
        else:
            assert len(check["worst_entries"]) == 3
            assert check["worst_entries"][0] == check["worst"]


# Where the wrong entries are


def comparison(wrong, *, shape: tuple[int, int] = (10, 6), name: str = "dLdZ"):
    claimed, scale = np.zeros(shape), np.ones((1, shape[1]))
    claimed[wrong] = 1.0
    tolerance = Tolerance(1e-6 * scale, 1e-6 * scale)
    return compare(
        name,
        claimed,
        np.zeros(shape),
        np.zeros(shape),
        scale=scale,
        tolerance=tolerance,
        against="",
    )


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (np.s_[:, :], "in every entry"),
        (np.s_[:, 2], "in one feature only: feature 2"),
        (np.s_[2:4, 2], "in one feature only: feature 2, in rows 2, 3"),
        (np.s_[:, 2:5], "in 3 of 6 features only: features 2 to 4"),
        (np.s_[:, [0, 1, 2, 4]], "in 4 of 6 features, not in features 3, 5"),
        (np.s_[-1], "only in the last row, row 9"),
        (np.s_[0], "only in the first row, row 0"),
        (np.s_[4], "only in row 4"),
        (np.s_[4, :2], "only in row 4, in features 0, 1"),
        (np.s_[:4], "in 4 of 10 rows only: 0 to 3"),
        (np.s_[[1, 5, 8]], "in 3 of 10 rows only: 1, 5, 8"),
        (np.s_[4, 3], "in one entry only: row 4, feature 3"),
        (np.s_[9, 0], "in one entry only: row 9, feature 0, a corner"),
        (np.s_[:2, 4:], "in one corner only: rows 0, 1 of features 4, 5"),
        (np.s_[3:6, 2:4], "in one block only: rows 3 to 5 of features 2, 3"),
    ],
)
def test_a_sentence_says_where(wrong, where: str) -> None:
    assert pattern(comparison(wrong), None) == f"dLdZ is wrong {where}"


@pytest.mark.parametrize("wrong", [np.eye(10, 6, dtype=bool), np.s_[[3, 8], [0, 2]], np.s_[:9]])
def test_no_sentence_where_there_is_no_pattern(wrong) -> None:
    assert pattern(comparison(wrong), None) is None


def test_features_go_by_their_names() -> None:
    check = comparison(np.s_[:, [1, 4]], shape=(1, 6), name="dLdBW")
    assert pattern(check, tuple("abcdef")) == "dLdBW is wrong in 2 of 6 features only: b, e"


# Heat maps


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
    check = comparison(np.s_[777, 333], shape=(1000, 500))
    lines = [line.plain for line in heat_map_lines(check, None, Screen(80))]
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert sum(len(re.findall("[^·]", line.split()[-1])) for line in lines[1:21]) == 1


def test_shades_begin_at_the_tolerance_and_ascend() -> None:
    errors = np.array([[0, 1e-9, 2e-6, 1e-4, 1e-2, 1.0, np.inf, np.nan]])
    levels = thresholds(errors, 1e-6)
    assert levels[0] == 1e-6
    assert levels == sorted(set(levels))
    assert "".join(glyphs(errors, levels)[0]) == "··░▒▓█!?"


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
    claimed, true = np.zeros((5, 4)), np.zeros((5, 4))
    claimed[1, 2], true[3, 0] = np.nan, np.nan
    tolerance = Tolerance(np.full((1, 4), 1e-6), np.full((1, 4), 1e-6))
    check = compare(
        "dLdZ",
        claimed,
        true,
        np.zeros((5, 4)),
        scale=np.ones((1, 4)),
        tolerance=tolerance,
        against="",
    )
    assert np.isinf(errors_of(check)[2, 1])
    assert np.isnan(errors_of(check)[0, 3])
    *_, legend = [line.plain for line in heat_map_lines(check, None, Screen(80))]
    assert "! infinite" in legend
    assert "? not known" in legend


def test_several_inputs_are_drawn_only_when_asked_for(bncheck, mistake) -> None:
    mistake(without_mean_path)
    two = ("gradcheck", "sample_data/digits_batch_2.npy", "sample_data/digits_batch_3.npy")
    assert "log scale" not in bncheck(*two).stdout
    assert bncheck(*two, "--plot").stdout.count("log scale") == 2


# The step-size curve


def wine() -> np.ndarray:
    return np.loadtxt("sample_data/wine.csv", delimiter=",", skiprows=1)


def test_the_curve_is_computed_only_when_asked_for(folder) -> None:
    layer, Z = BatchNorm1d(13), wine()
    with_curve, without = gradcheck(layer, Z, curve=True), gradcheck(layer, Z)
    assert without.inputs[0].curve is None
    assert with_curve.inputs[0].curve is not None
    assert with_curve.inputs[0].checks == without.inputs[0].checks


def test_the_curve_has_the_orders_of_the_formulas(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    curve = report.curve
    truncated = (curve.steps > 5e-3) & (curve.steps < 0.1)
    for errors, order in ((curve.central, 2), (curve.richardson, 4)):
        slope = np.polyfit(np.log(curve.steps[truncated]), np.log(errors[truncated]), 1)[0]
        assert slope == pytest.approx(order, abs=0.2)
    assert curve.central[0] > 1e-8  # rounding noise, divided by a tiny step


def test_the_chosen_step_is_near_the_best(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    curve = report.curve
    at_chosen = curve.richardson[np.argmin(np.abs(np.log(curve.steps / curve.chosen)))]
    assert at_chosen < 1e-9


def test_the_curve_is_of_the_worst_entry(folder, mistake) -> None:
    mistake(wrong_in_one_entry)
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    assert (report.curve.row, report.curve.feature) == (7, 1)


def test_steps_too_short_for_float32_are_left_out(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13, dtype="float32"), wine(), curve=True).inputs
    assert np.isinf(report.curve.central[0])
    assert np.isfinite(report.curve.central[-1])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_plot_shows_the_curve(width: int, bncheck, wide) -> None:
    wide(width)
    report = bncheck(*CHECK, "--plot").stdout
    picture = report[report.index(" error of dLdZ by step size") :].split("\n\n")[0].splitlines()
    assert len(picture) <= 17
    assert any("○" in line and "┊" in line for line in picture)
    assert re.search("1e-12 +1e-9 +1e-6 +1e-3 +1$", report, re.MULTILINE)
    assert "chosen: " in report


def test_without_a_forward_there_is_no_curve(bncheck) -> None:
    np.savez("results.npz", BZ=np.zeros((178, 13)))
    report = bncheck(*CHECK, "--results", "results.npz", "--plot").stdout
    assert "no step-size curve: there is no forward to difference" in report


# Figures


STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("ending", STARTS)
def test_a_figure_is_written_whole_and_always_the_same(ending: str, bncheck) -> None:
    for name in ("a", "b"):
        result = bncheck(*CHECK, "--columns", "1-3", "--figure", f"{name}.{ending}")
        assert (result.status, result.stderr) == (0, "")
        assert f"saved: pictures in `{name}.{ending}`" in result.stdout
    content = Path(f"a.{ending}").read_bytes()
    assert content.startswith(STARTS[ending])
    assert content == Path(f"b.{ending}").read_bytes()
    assert list(Path().glob(".bncheck-*")) == []


def test_the_last_line_is_still_the_answer(bncheck, mistake) -> None:
    mistake(without_mean_path)
    result = bncheck(*CHECK, "--figure", "a.svg", "--report", "a.html")
    assert result.status == 1
    assert result.stdout.splitlines()[-1].startswith("fail: ")


@pytest.mark.parametrize("backward", [*MISTAKES, lambda layer, dLdBZ: 1 / 0])
def test_every_failure_can_be_drawn(backward, bncheck, mistake) -> None:
    mistake(backward)
    result = bncheck(*CHECK, "-q", "--figure", "a.svg", "--report", "a.html")
    assert (result.status, result.stderr) == (1, "")
    assert Path("a.svg").stat().st_size
    assert Path("a.html").stat().st_size


def test_names_are_no_formulas(bncheck) -> None:
    Path("$x.csv").write_text('"$a$","\\frac{",😀\n1,2,3\n4,3,5\n7,9,1\n', "utf-8")
    assert bncheck("gradcheck", "$x.csv", "--figure", "a.svg").status == 0
    assert "$a$" in Path("a.svg").read_text("utf-8")


@pytest.mark.parametrize("option", ["--figure", "--report"])
@pytest.mark.parametrize("path", ["a.jpg", "a", "-"])
def test_another_ending_is_refused_before_the_work(option: str, path: str, bncheck) -> None:
    result = bncheck("gradcheck", "missing.csv", option, path)
    assert result.status == 2
    assert "has an ending that cannot be written here" in result.stderr


def test_without_matplotlib_the_remedy_is_told(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = bncheck(*CHECK, "--figure", "a.png")
    assert result.status == 2
    assert "a figure needs matplotlib" in result.stderr
    assert "help: pip install 'bncheck[figure]'" in result.stderr
    assert not Path("a.png").exists()


def test_nothing_is_loaded_for_the_help(program) -> None:
    loaded = program("gradcheck", "--help", python=("-X", "importtime")).stderr
    assert "bncheck.pictures" not in loaded
    assert "matplotlib" not in loaded


# Pages


def test_a_page_has_what_the_terminal_shows(bncheck, mistake) -> None:
    mistake(without_mean_path)
    shown = bncheck(*CHECK, "--plot").stdout
    bncheck(*CHECK, "--plot", "--report", "a.html", "-q")
    page = Path("a.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", page[page.index("<pre>") :])
    assert text.count("█") == shown.count("█")
    assert [each in text for each in ("worst entries", "chosen: ", "fail: dLdZ is wrong")] == [
        True
    ] * 3


def test_a_page_needs_nothing_else(bncheck) -> None:
    bncheck(*CHECK, "--plot", "--report", "a.html")
    page = Path("a.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert '<meta charset="utf-8">' in page
    assert "<title>bncheck: pass, sample_data/wine.csv</title>" in page
    assert "color-scheme: light dark" in page
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(", page)
    assert "color: #000000" not in page  # black on a dark page


def test_names_are_no_markup_in_a_page(bncheck) -> None:
    Path("{x}<b>&.csv").write_text("<i>,{code},[bold]x[/]\n1,2,3\n4,3,5\n7,9,1\n", "utf-8")
    assert bncheck("gradcheck", "{x}<b>&.csv", "--plot", "--report", "a.html").status == 0
    page = Path("a.html").read_text("utf-8")
    assert "<title>bncheck: pass, {x}&lt;b&gt;&amp;.csv</title>" in page
    assert "&lt;i&gt;" in page
    assert "{code}" in page
    assert "[bold]x[/]" in page


def test_an_existing_file_survives_a_failed_run(bncheck) -> None:
    Path("a.html").write_text("old", "utf-8")
    result = bncheck(*CHECK, "--report", "a.html", "--figure", "no/folder/a.png")
    assert result.status == 2
    assert Path("a.html").read_text("utf-8") == "old"


def test_two_outputs_need_two_files(bncheck) -> None:
    Path("a.html").symlink_to("a.svg")
    result = bncheck(*CHECK, "--report", "a.html", "--figure", "a.svg")
    assert result.status == 2
    assert "is named for two outputs" in result.stderr
