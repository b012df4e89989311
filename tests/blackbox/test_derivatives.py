"""The uncertainty that a numeric derivative states must be true, and small enough to be of use."""

import numpy as np
import pytest

from tests.planted.layers import RIGHT
from tests.planted.uncertainty import uncertainties

SEED = 0
DOUBLE = [name for name, layer in RIGHT.items() if layer.dtype == np.float64]


@pytest.mark.parametrize("name", DOUBLE)
def test_true_error_is_within_stated_uncertainty(name):
    stated = uncertainties(RIGHT[name], SEED)
    assert stated.coverage >= 0.999
    assert stated.median < 1e-9
