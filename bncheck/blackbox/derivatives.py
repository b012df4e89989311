"""Differences of a layer's own forward, about which nothing is assumed but its inputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array, Mask, Rows
from bncheck.blackbox.loss import Losses
from bncheck.blackbox.noise import ROUNDINGS
from bncheck.numdiff import Derivative, Formula, Increments, differentiate
from bncheck.reference.forward import ReferenceForward


@dataclass(frozen=True, eq=False)
class BlackBox:
    """A layer's losses, to be differenced.

    Attributes
    ----------
    losses
        The layer's.
    reference
        The definition's forward for the mini-batch.
    formula
        The difference formula.
    noise
        A bound on the rounding noise of the loss, (1, C).
    smooth
        Columns, (C,), in which the forward is known to bend as the definition does.
    kind
        The type that the layer computes in.

    Raises
    ------
    InputError
        By each method, where the complex step is asked for and the forward drops the imaginary
        part.
    LayerError
        By each method, where the layer raises.
    """

    losses: Losses
    reference: ReferenceForward
    formula: Formula
    noise: Array
    smooth: Mask
    kind: np.dtype[np.floating]

    def difference_rows(self, Z: Array, rows: NDArray[np.intp]) -> Derivative:
        """Return numeric dLdZ of some rows, (R, C), which are Z, (R, C), in the layer's type."""
        return self._difference(
            lambda some, nodes: self.losses.replace_rows(rows[some], nodes),
            Z,
            self.reference.length_scale,
            self.reference.scales["dLdZ"],
            self.noise,
        )

    def difference_parameter(self, name: str) -> Derivative:
        """Return numeric dLdBW or dLdBb, (1, C).

        Where Z stays as it is, so does NZ to the last bit: only the last stage's noise is left,
        that of values as large as the perturbed ones, which are not 0 where BW and Bb are.
        """
        r, p = self.reference, self.reference.parameters
        length = 1 + np.abs(p.BW) * r.largest_NZ + np.abs(p.Bb)
        precision = float(np.finfo(self.kind).eps)
        return self._difference(
            lambda _, row: self.losses.replace_parameter(name, row),
            getattr(p, name).astype(self.kind),
            length,
            r.scales[f"dLd{name}"],
            ROUNDINGS * precision * length * r.total_dLdBZ,
        )

    def difference_along(self, direction: Rows) -> Derivative:
        """Return the sum over the rows of direction * dLdZ, (1, C), for a direction of 1 and -1.

        All rows of Z move at once by a step t, so that V' = V + 2 t cov(Z, direction) + t**2 at
        most: the loss bends over one unit of length, sqrt(V + eps), where it takes sqrt(N) of them
        for one row. Rounded entries of Z + t move it by about the rounding of Z times dLdZ, which
        counts as noise.
        """
        r = self.reference
        scale = r.scales["dLdZ"] * np.sqrt(r.N)
        rounding = float(np.finfo(self.kind).eps) * r.largest_Z * scale
        return self._difference(
            lambda _, step: self.losses.move_along(direction, step),
            np.zeros_like(r.M),
            r.root,
            scale,
            self.noise + ROUNDINGS * rounding,
        )

    def _difference(
        self, increments: Increments, points: Array, length: Array, unit: Array, noise: Array
    ) -> Derivative:
        return differentiate(
            increments,
            points,
            length=length[0],
            unit=unit[0],
            noise=noise[0],
            formula=self.formula,
            smooth=self.smooth,
        )
