"""Planted mistakes: no right layer may be rejected, and no wrong layer may pass."""

from dataclasses import replace

import numpy as np
import pytest

from tests.planted.data import case
from tests.planted.layers import RIGHT, WRONG
from tests.planted.trial import cases, outcomes, overlooked, rejected, undecided, what_is_true
from tests.planted.truth import Status, truth_of

SEED = 0
MOST_UNDECIDED = 0.01
PLANTED = RIGHT | WRONG
SHARES = 8


@pytest.mark.parametrize("share", range(SHARES))
def test_verdicts(share):
    # Every eighth layer: a cross-section of right and wrong ones, which is what the share of
    # inconclusive verdicts refers to.
    names = list(PLANTED)[share::SHARES]
    found = [each for name in names for each in outcomes(PLANTED[name], SEED)]
    assert not rejected(found), _listed("right, but rejected", rejected(found))
    assert not overlooked(found), _listed("wrong, but passed", overlooked(found))
    assert len(undecided(found)) <= MOST_UNDECIDED * len(found), _listed(
        f"{len(undecided(found))} of {len(found)} inconclusive", undecided(found)
    )


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_shows_somewhere(name):
    layer = WRONG[name]
    assert any(what_is_true(layer, trial) is Status.WRONG for trial in cases(layer, SEED))


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
