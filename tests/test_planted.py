"""Planted mistakes: no right layer may be rejected, and no wrong layer may pass."""

from dataclasses import replace

import numpy as np
import pytest

from tests.planted.data import case
from tests.planted.layers import RIGHT, WRONG
from tests.planted.trial import outcomes, overlooked, rejected, undecided
from tests.planted.truth import Status, truth_of

SEED = 0
MOST_UNDECIDED = 0.01
PLANTED = RIGHT | WRONG


@pytest.mark.parametrize("name", PLANTED)
def test_verdicts(name):
    found = outcomes(PLANTED[name], SEED)
    assert not rejected(found), _listed("right, but rejected", rejected(found))
    assert not overlooked(found), _listed("wrong, but passed", overlooked(found))
    assert len(undecided(found)) <= MOST_UNDECIDED * len(found), _listed(
        f"too many of {len(found)} inconclusive", undecided(found)
    )
    if name in WRONG:
        assert any(each.status is Status.WRONG for each in found), "the mistake shows nowhere"


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", ["5 rows", "pixels", "eps like variance"])
def test_truth_is_the_derivative_of_its_own_forward(name, mode):
    at = case(name, mode, SEED, np.dtype(float))
    scale = truth_of(at).scales["dLdZ"]
    step = 2.0**-14 * np.sqrt(at.Z.var(axis=0) + at.eps)
    for row in range(5):
        rise = _loss(at, row, step) - _loss(at, row, -step)
        error = rise / (2 * step) - truth_of(at).values["dLdZ"][row]
        assert (np.abs(error) < 1e-7 * scale).all()


def _loss(at, row, step):
    Z = at.Z.copy()
    Z[row] += step
    return (at.dLdBZ * truth_of(replace(at, Z=Z)).values["BZ"]).sum(axis=0)


def _listed(what, those):
    return "\n  ".join([f"{what}:", *map(str, those)])
