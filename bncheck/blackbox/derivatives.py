"""Differences of a layer's own forward, about which nothing is assumed but its inputs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array, Mask, Rows
from bncheck.blackbox.loss import Losses
from bncheck.blackbox.noise import ROUNDINGS
from bncheck.numdiff import Derivative, Formula, differentiate
from bncheck.reference.forward import Columns


def difference_rows(
    losses: Losses,
    Z: Array,
    columns: Columns,
    *,
    rows: NDArray[np.intp],
    noise: Array,
    formula: Formula,
    smooth: Mask,
) -> Derivative:
    """Numeric dLdZ of some rows, (R, C).

    Parameters
    ----------
    losses
        The layer's.
    Z
        These rows in the layer's own type, (R, C).
    columns
        What is known of the mini-batch.
    rows
        Which rows of the mini-batch they are.
    noise
        A bound on the rounding noise of the loss, (1, C).
    formula
        The difference formula.
    smooth
        Columns, (C,), in which the forward is known to bend as the definition does.

    Raises
    ------
    ValueError
        Where the complex step is asked for and the layer's forward drops the imaginary part.
    LayerError
        Where the layer raises.
    """

    def rise(some: slice, nodes: Array) -> Array:
        return losses.of_rows(rows[some], nodes)

    return differentiate(
        rise,
        Z,
        length=columns.length[0],
        unit=columns.scales["dLdZ"][0],
        noise=noise[0],
        formula=formula,
        smooth=smooth,
    )


def difference_parameters(
    losses: Losses,
    names: Sequence[str],
    columns: Columns,
    *,
    kind: np.dtype[np.floating],
    formula: Formula,
    smooth: Mask,
) -> dict[str, Derivative]:
    """Numeric dLdBb and dLdBW, (1, C), as far as the layer has these parameters.

    Parameters
    ----------
    losses, columns, formula, smooth
        As in `difference_rows`.
    names
        Which of BW and Bb there are.
    kind
        The type that the layer computes in.
    """
    p = columns.parameters
    # Where Z stays as it is, so does NZ to the last bit: only the last stage's noise is left, that
    # of values as large as the perturbed ones, which are not 0 where BW and Bb are.
    length = 1 + np.abs(p.BW) * columns.largest_NZ + np.abs(p.Bb)
    noise = ROUNDINGS * float(np.finfo(kind).eps) * length * columns.total_dLdBZ

    def derivative(gradient: str, name: str) -> Derivative:
        return differentiate(
            lambda _, row: losses.of_parameter(name, row),
            getattr(p, name).astype(kind),
            length=length[0],
            unit=columns.scales[gradient][0],
            noise=noise[0],
            formula=formula,
            smooth=smooth,
        )

    wanted = {"dLdBb": "Bb", "dLdBW": "BW"}
    return {
        gradient: derivative(gradient, name) for gradient, name in wanted.items() if name in names
    }


def difference_along(
    losses: Losses,
    direction: Rows,
    columns: Columns,
    *,
    noise: Array,
    kind: np.dtype[np.floating],
    formula: Formula,
    smooth: Mask,
) -> Derivative:
    """Numeric sum over the rows of direction * dLdZ, (1, C), for a direction of 1 and -1.

    All rows of Z move at once by a step t, so that V' = V + 2 t cov(Z, direction) + t**2 at most:
    the loss bends over one unit of length, sqrt(V + eps), where it takes sqrt(N) of them for one
    row. Rounded entries of Z + t move it by about the rounding of Z times dLdZ, which counts as
    noise: `kind` is the type that they are rounded to.
    """
    scale = columns.scales["dLdZ"] * np.sqrt(columns.N)
    rounding = float(np.finfo(kind).eps) * columns.largest_Z * scale

    def rise(_: slice, step: Array) -> Array:
        return losses.along(direction, step)

    return differentiate(
        rise,
        np.zeros_like(columns.M),
        length=columns.root[0],
        unit=scale[0],
        noise=(noise + ROUNDINGS * rounding)[0],
        formula=formula,
        smooth=smooth,
    )
