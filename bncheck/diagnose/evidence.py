"""Evidence: a wrong quantity, all that was computed beside it, and how well things can be told."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array
from bncheck.reference.forward import ReferenceForward


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an explanation of one wrong quantity goes by.

    Attributes
    ----------
    name
        The quantity, by its name in the definition.
    label
        By which the report calls it: `BZ_eval` is BZ in inference mode.
    analytic
        What the layer says, (N, C) or (1, C), float64.
    reference
        The definition's forward for the same numbers.
    others
        The layer's other results that have the right shape, by name, float64.
    resolution
        Errors up to here, in units of the scale, are rounding.
    """

    name: str
    label: str
    analytic: Array
    reference: ReferenceForward
    others: Mapping[str, Array]
    resolution: float

    @property
    def scale(self) -> Array:
        """Unit of the quantity's errors, (1, C)."""
        return self.reference.scales[self.name]

    def is_equal(self, alternative: Array, numeric: Array) -> bool:
        """Whether the analytic values are these, and these can be told from the numeric ones."""
        with np.errstate(all="ignore"):
            size = self.scale + np.abs(alternative)
            same = np.abs(self.analytic - alternative) <= self.resolution * size
            told = np.abs(numeric - alternative) > 10 * self.resolution * size
        return bool(same.all() and told.any())


@dataclass(frozen=True)
class Explanation:
    """What is wrong.

    Attributes
    ----------
    code
        For scripts.
    message
        What was found, with the numbers that show it.
    meant
        The formula as it should be, in code with the names of the definition.
    at
        The quantity whose line is wrong; None for the one that is explained.
    """

    code: str
    message: str
    meant: str
    at: str | None = None
