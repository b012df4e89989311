"""Differences of a layer's own forward, about which nothing is assumed but its inputs."""

import numpy as np
from numpy.typing import NDArray

from bncheck.definition import Array, Mask, column_sum
from bncheck.expected import Expected
from bncheck.noise import ROUNDINGS, Noise
from bncheck.numdiff import Derivative, Formula, differentiate
from bncheck.subject import Subject


def difference_forward(
    subject: Subject,
    Z: Array,
    expected: Expected,
    *,
    rows: NDArray[np.intp],
    noise: Noise,
    formula: Formula,
    smooth: Mask,
) -> dict[str, Derivative]:
    """Numeric dLdBb, dLdBW, (1, C), and dLdZ, (N, C), of the layer's forward.

    Parameters
    ----------
    subject
        The layer.
    Z
        The mini-batch in the layer's own type, (N, C).
    expected
        The definition's forward of the same mini-batch.
    rows
        Indices of the rows of Z to perturb. dLdZ is not known in the others: their value is NaN and
        their uncertainty infinite.
    noise
        Of the layer's forward.
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
    e, p = expected, expected.parameters
    complex_step = formula.name == "complex"
    work = Z.astype(complex) if complex_step else Z.copy()
    base = subject.forward(Z, eval=e.eval).astype(float)

    def loss_rise(**parameters: Array) -> Array:
        BZ = subject.forward(work, eval=e.eval, **parameters)
        if complex_step and BZ.dtype.kind != "c":
            raise ValueError("the complex step needs a forward that computes in complex numbers")
        rise: Array = column_sum(e.dLdBZ * (BZ - base))[0]
        return rise

    def from_Z(index: int, row: Array) -> Array:
        at = rows[index]
        work[at] = row
        rise = loss_rise()
        work[at] = Z[at]
        return rise

    scales = e.scales
    # Where Z stays as it is, so does NZ to the last bit: only the last stage's noise is left, that
    # of values as large as the perturbed ones, which are not 0 where BW and Bb are.
    length_of_parameters = 1 + np.abs(p.BW) * e.largest_NZ + np.abs(p.Bb)
    of_entry = ROUNDINGS * float(np.finfo(Z.dtype).eps) * length_of_parameters
    last_stage = of_entry * column_sum(np.abs(e.dLdBZ))
    of_parameter = {
        gradient: differentiate(
            lambda _, row, name=name: loss_rise(**{name: row[None]}),  # type: ignore[misc]
            getattr(p, name).astype(Z.dtype),
            length=length_of_parameters[0],
            unit=scales[gradient][0],
            noise=last_stage[0],
            formula=formula,
            smooth=smooth,
        )
        for gradient, name in (("dLdBb", "Bb"), ("dLdBW", "BW"))
        if subject.has(name)
    }
    of_rows = differentiate(
        from_Z,
        Z[rows],
        length=e.length[0],
        unit=scales["dLdZ"][0],
        noise=noise.loss[0],
        formula=formula,
        smooth=smooth,
    )
    dLdZ = Derivative(np.full(Z.shape, np.nan), np.full(Z.shape, np.inf), of_rows.step)
    dLdZ.value[rows] = of_rows.value
    dLdZ.uncertainty[rows] = of_rows.uncertainty
    return {**of_parameter, "dLdZ": dLdZ}
