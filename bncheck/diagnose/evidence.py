"""Evidence: a wrong quantity beside the right one, and what explanations are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bncheck.arrays import Array
from bncheck.compare.claims import quantity_of
from bncheck.reference.forward import ReferenceForward


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the explanation of one wrong quantity is based on.

    Attributes
    ----------
    label
        The row of the report: BZ, or BZ_eval.
    analytic, numeric
        What the layer says and what is right, (N, C) or (1, C), float64.
    reference
        The definition's forward on the same mini-batch.
    resolution
        Errors up to here, in units of the scale, are rounding.
    """

    label: str
    analytic: Array
    numeric: Array
    reference: ReferenceForward
    resolution: float

    @property
    def name(self) -> str:
        """The quantity, by its name in the definition: BZ for BZ_eval."""
        return quantity_of(self.label)

    @property
    def scale(self) -> Array:
        """Unit of the quantity's errors, (1, C)."""
        return self.reference.scales[self.name]

    def fits(self, values: Array) -> bool:
        """Tell whether the analytic values are these, and these are certainly wrong."""
        same = np.isclose(
            self.analytic, values, rtol=self.resolution, atol=self.resolution * self.scale
        )
        if not same.all():
            return False
        far = 10 * self.resolution * (self.scale + np.abs(values))
        return bool((np.abs(self.numeric - values) > far).any())


class Explanation(NamedTuple):
    """What is wrong.

    Attributes
    ----------
    code
        For scripts.
    message
        What was found, with the numbers that show it.
    at
        The quantities whose formulas are wrong, if it is not the one that is explained: the first
        is the one whose line to show.
    """

    code: str
    message: str
    at: Sequence[str] = ()
