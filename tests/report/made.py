"""Comparisons and reports that are made for a test, with no layer behind them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.compare.comparison import Comparison
from bncheck.report.model import InputReport, Report
from tests.comparing import compared


def comparison(
    name: str = "dLdZ",
    analytic: ArrayLike = 0.0,
    numeric: ArrayLike = 0.0,
    *,
    shape: tuple[int, int] = (10, 6),
    known_to: float = 0.0,
    against: str = "definition",
    names: tuple[str, ...] | None = None,
) -> Comparison:
    """Both arrays, or one number for all entries, compared at a scale of 1 and rtol 1e-6."""
    return compared(
        name,
        np.broadcast_to(analytic, shape),
        np.broadcast_to(numeric, shape),
        scale=np.ones((1, shape[1])),
        uncertainty=known_to,
        against=against,
        names=names,
    )


def with_error(where: Any, error: float = 1.0, **more: Any) -> Comparison:
    """A comparison with this error in these entries and none elsewhere."""
    analytic = np.zeros(more.get("shape", (10, 6)))
    analytic[where] = error
    return comparison(analytic=analytic, **more)


def input_report(*checks: Comparison, **more: Any) -> InputReport:
    """The report of one input."""
    given = {"input": "Z.npy", "layer": "a layer", "shape": (10, 6), "dtype": "float64"}
    given |= {"mode": "train", "names": None, "notes": (), "rows_sampled": 10}
    return InputReport(checks=checks, **(given | more))


def report(*inputs: InputReport, **more: Any) -> Report:
    """The report of one run."""
    return Report(**({"seed": 0, "rtol": 1e-6, "method": "richardson", "inputs": inputs} | more))
