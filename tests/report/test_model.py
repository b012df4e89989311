"""Reports: which verdict follows from which checks."""

import dataclasses

import pytest

from bncheck.compare.comparison import Comparison, Verdict
from bncheck.report.model import LayerNotLoaded
from tests.report.made import comparison, input_report, report

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NOT_LOADED = LayerNotLoaded("a.py", "no layer is found", "write one")


def check(verdict: Verdict) -> Comparison:
    return dataclasses.replace(comparison(), verdict=verdict)


@pytest.mark.parametrize(
    ("verdicts", "overall"),
    [
        ([PASS, PASS], PASS),
        ([PASS, INCONCLUSIVE, PASS], INCONCLUSIVE),
        ([INCONCLUSIVE, FAIL, PASS], FAIL),
        ([], PASS),
    ],
)
def test_the_worst_check_decides(verdicts: list[Verdict], overall: Verdict) -> None:
    alone = input_report(*map(check, verdicts))
    apart = report(*(input_report(check(verdict)) for verdict in verdicts))
    assert alone.verdict is report(alone).verdict is apart.verdict is overall
    assert apart.passed is (overall is PASS)


@pytest.mark.parametrize(("verdict", "overall"), [(PASS, INCONCLUSIVE), (FAIL, FAIL)])
def test_a_layer_that_was_not_loaded_has_not_passed(verdict: Verdict, overall: Verdict) -> None:
    found = report(input_report(check(verdict)), not_loaded=(NOT_LOADED,))
    assert found.verdict is overall
    assert not found.passed
