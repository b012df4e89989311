"""Details: the worst entries of what did not pass, and where they lie."""

import dataclasses
import json
import re

import numpy as np
import pytest

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.report.details import NO_CURVE, NO_ENTRIES, details, drawable, pattern, worst_table
from bncheck.report.screen import Screen
from tests.report.made import comparison, input_report, with_error
from tests.wrong_backward import right, without_mean_path, wrong_in_one_entry

CHECK = ("gradcheck", "sample_data/wine.csv")


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
    rows = worst_rows(bncheck(*CHECK).stdout)
    assert len(rows) == 5
    for row in rows:
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
        (np.s_[:3, 2:4], "in one block only: rows 0 to 2 of features 2, 3"),
        (np.s_[9, 3], "in one entry only: row 9, feature 3"),
    ],
)
def test_a_sentence_says_where(wrong, where: str) -> None:
    assert pattern(with_error(wrong), None) == f"dLdZ is wrong {where}"


@pytest.mark.parametrize("wrong", [np.eye(10, 6, dtype=bool), np.s_[[3, 8], [0, 2]], np.s_[:9]])
def test_no_sentence_where_there_is_no_pattern(wrong) -> None:
    assert pattern(with_error(wrong), None) is None


def test_features_go_by_their_names() -> None:
    check = with_error(np.s_[:, [1, 4]], shape=(1, 6), name="dLdBW")
    assert pattern(check, tuple("abcdef")) == "dLdBW is wrong in 2 of 6 features only: b, e"


def test_a_long_list_of_rows_is_cut() -> None:
    check = with_error(np.s_[1:20:2], shape=(40, 6))
    assert pattern(check, None) == (
        "dLdZ is wrong in 10 of 40 rows only: 1, 3, 5, 7, 9, 11, 13, 15, and 2 others"
    )


def test_what_is_inconclusive_is_called_so() -> None:
    check = comparison(analytic=np.zeros((10, 6)), known_to=1.0)
    assert pattern(check, None) == "dLdZ is inconclusive in every entry"


def test_an_argument_that_a_layer_changes_is_changed() -> None:
    assert pattern(with_error(np.s_[0], name="Z"), None) == (
        "Z is changed only in the first row, row 0"
    )


def test_a_comma_in_a_name_is_no_row() -> None:
    names = ("alcohol by volume, in percent", *"bcdef")
    (_, row) = (
        Screen().text([worst_table(with_error(np.s_[3, 0], names=names), 1, names)]).split("\n", 1)
    )
    assert row.startswith(" row 3, alcohol by volume, in percent ")
    (_, row) = (
        Screen(40)
        .text([worst_table(with_error(np.s_[3, 0], names=names), 1, names)])
        .split("\n", 1)
    )
    assert row.startswith(" row 3, alc… ")


def test_the_uncertainties_are_below_each_other() -> None:
    check = with_error(np.s_[:3, 0], known_to=1e-9)
    rows = Screen().text([worst_table(check, 3, None)]).splitlines()[1:]
    assert rows == [f" row {i}, feature 0     1.0000e+00  0 ± 1e-09  1.0e+00" for i in range(3)]


def shown(*checks, worst=None, plot=False, alone=True, **more) -> str:
    each = input_report(*checks, **more)
    return Screen().text(details(each, Screen(), worst, plot=plot, alone=alone))


def test_a_passing_check_has_no_details() -> None:
    assert shown(comparison()) == ""


def test_one_failing_input_alone_is_drawn() -> None:
    wrong = with_error(np.s_[:, 0])
    assert "log scale" in shown(wrong)
    assert "log scale" not in shown(wrong, alone=False)
    assert "log scale" in shown(wrong, alone=False, plot=True)


def test_what_is_asked_for_and_missing_is_told() -> None:
    assert NO_CURVE in shown(comparison(), plot=True)
    wrong = comparison(analytic=1.0)
    large = dataclasses.replace(wrong, entries=None)
    assert shown(large) == ""
    assert shown(large, plot=True) == shown(large, worst=3) == f"{NO_ENTRIES}\n\n"


def test_what_is_drawn_is_what_decides_dLdZ_first() -> None:
    checks = {
        name: with_error(np.s_[0], name=name, shape=(1 if name == "dLdBW" else 10, 12))
        for name in ("dLdBW", "BZ", "dLdZ")
    }
    passed = comparison("dLdNZ")
    assert [each.name for each in drawable(input_report(*checks.values(), passed))] == [
        "dLdZ",
        "BZ",
        "dLdBW",
    ]
    assert drawable(input_report(passed)) == []
