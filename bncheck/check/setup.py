"""What one check starts from: the layer and the definition, given the very same numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.quantities import PARAMETERS, QUANTITIES, STATE
from bncheck.check.random_rows import random_upstream
from bncheck.compare.claims import ALONG, Claim, precision, quantity_of
from bncheck.compare.tolerance import RTOL, Tolerance, tolerance_of
from bncheck.errors import InputError, LayerError
from bncheck.layers.adapters import LayerAdapter, setting
from bncheck.layers.under_test import LayerUnderTest
from bncheck.numdiff import FORMULAS, Formula
from bncheck.reference.derivatives import Numeric
from bncheck.reference.forward import Parameters, ReferenceForward, Statistics, apply_definition

STARTING_VALUES = {name: float(QUANTITIES[name].start or 0) for name in STATE}


@dataclass(frozen=True)
class CheckOptions:
    """How to check, as `bncheck.gradcheck` has it.

    Raises
    ------
    InputError
        Where there is no such mode or formula, or the tolerance is not positive.

    >>> CheckOptions(method="central").formula.order
    2
    """

    mode: str = "train"
    seed: int = 0
    rtol: float = RTOL
    method: str = "richardson"
    full: bool = False
    step_curve: bool = False

    def __post_init__(self) -> None:
        if self.mode not in ("train", "eval"):
            raise InputError(f"mode is {self.mode!r}, expected train or eval", "leave it out")
        if not 0 < self.rtol < np.inf:
            raise InputError(
                f"rtol is {self.rtol:g}, expected a positive number",
                "the tolerance is 1e-6 without it",
            )
        if self.method not in FORMULAS:
            raise InputError(
                f"method is {self.method!r}, expected one of {', '.join(FORMULAS)}", "leave it out"
            )

    @property
    def eval(self) -> bool:
        """Whether the inference mode is checked."""
        return self.mode == "eval"

    @property
    def formula(self) -> Formula:
        """The difference formula."""
        return FORMULAS[self.method]


@dataclass(frozen=True, eq=False)
class MiniBatch:
    """What somebody brings along for a check.

    Attributes
    ----------
    Z
        Finite numbers, (N, C): an array, or the rows of a file.
    dLdBZ
        The upstream gradient, (N, C), if there is one.
    state
        Any of BW, Bb, running_M and running_V, (1, C) each.
    names
        The features' names.
    source
        What reports call it.

    Raises
    ------
    InputError
        Where the parts do not fit together.
    """

    Z: Rows
    dLdBZ: Rows | None = None
    state: Mapping[str, ArrayLike] = field(default_factory=dict)
    names: tuple[str, ...] | None = None
    source: str = "array"

    def __post_init__(self) -> None:
        C = self.Z.shape[1]
        if self.names is not None and len(self.names) != C:
            raise InputError(
                f"names has {len(self.names)} names, expected {C} as Z has columns",
                "name each column, or leave names out",
            )
        unknown = [name for name in self.state if name not in STATE]
        if unknown:
            raise InputError(
                f"state has {', '.join(map(repr, unknown))}, expected {', '.join(STATE)}",
                "leave out what is not among them",
            )
        for name, value in self.state.items():
            A = finite_matrix(name, value, (1, C))
            if name == "running_V" and A.min() < 0:
                raise InputError(
                    f"running_V is {A.min():g} in column {int(A.argmin())}",
                    "a variance is 0 or more",
                )


@dataclass(frozen=True, eq=False)
class CheckSetup:
    """All that one check needs.

    Attributes
    ----------
    layer
        The layer, with the state that it starts from; None where its results came as arrays.
    name
        What reports call the layer.
    Z
        The mini-batch in the layer's own type, (N, C).
    reference
        The definition's forward for the same numbers.
    given
        What was not drawn, among BW, Bb, running_M, running_V and dLdBZ.
    batch, options
        As they came.
    rng
        Of what is drawn from now on.
    """

    layer: LayerUnderTest | None
    name: str
    Z: Rows
    reference: ReferenceForward
    given: frozenset[str]
    batch: MiniBatch
    options: CheckOptions
    rng: np.random.Generator

    @property
    def kind(self) -> np.dtype[Any]:
        """The type that the layer computes in."""
        return self.Z.dtype

    @property
    def dLdBZ(self) -> Rows:
        """The upstream gradient in the layer's own type, (N, C)."""
        upstream = self.reference.dLdBZ
        return (
            upstream.astype(self.kind, copy=False) if isinstance(upstream, np.ndarray) else upstream
        )

    def claim(
        self,
        name: str,
        analytic: Any,
        numeric: Callable[[Array, Tolerance], Numeric],
        *,
        reference: ReferenceForward | None = None,
        BZ_error: Array | None = None,
        against: str = "",
    ) -> Claim:
        """Return the claim that `analytic` is a quantity of the definition.

        Parameters
        ----------
        name
            The row of the report.
        analytic
            What was computed, of any shape.
        numeric
            Gives what it should be, for the unit of its errors and their tolerance.
        reference
            The definition's forward in which it stands, if that is another one.
        BZ_error
            As in `tolerance_of`.
        against
            As in `Claim`.
        """
        r, quantity = reference or self.reference, quantity_of(name)
        scale, shape = r.scales[quantity], r.shape_of(quantity)
        if name.startswith(ALONG):  # errors add up as sums of random signs do
            scale, shape = scale * np.sqrt(r.N), (1, shape[1])
        kind = precision(self.kind, analytic.dtype)
        tolerance = tolerance_of(quantity, r, kind, self.options.rtol, BZ_error)
        stands_in = None if against or name.startswith(ALONG) else r
        return Claim(
            name, analytic, numeric(scale, tolerance), shape, scale, tolerance, stands_in, against
        )


def set_up(adapter: LayerAdapter, batch: MiniBatch, options: CheckOptions) -> CheckSetup:
    """Settle state and upstream gradient: brought along, the layer's own, or drawn from the seed.

    All are rounded to the layer's own type first and converted to float64 exactly from there, so
    that the layer and the definition get the very same numbers.

    Raises
    ------
    InputError
        Where something is of another shape than it must be, or beyond the range of its type.
    """
    if options.eval and not adapter.has_eval:
        raise InputError(
            f"{adapter.name} has no inference mode that can be told from outside",
            "check it in train mode, or give its forward an argument eval=False",
        )
    shape = (1, batch.Z.shape[1])
    own = _own_state(adapter, shape)
    given = own | {name: finite_matrix(name, A, shape) for name, A in batch.state.items()}
    untouched = LayerUnderTest(adapter, {})
    kind = untouched.working_type(batch.Z)
    Z = _in_type(batch.Z, kind, as_rows=adapter.takes_rows)
    exact: Rows = Z.astype(float, copy=False) if isinstance(Z, np.ndarray) else Z
    alpha, eps = setting(adapter, "alpha"), _find_eps(adapter, untouched, shape[1])
    rng = np.random.default_rng(options.seed)
    drawn = _draw(rng, shape)
    dLdBZ: Rows = batch.dLdBZ if batch.dLdBZ is not None else random_upstream(rng, exact.shape)

    def parameters_for(statistics: Statistics) -> Parameters:
        values = {
            name: _rounded(given.get(name, start), kind)
            for name, start in drawn.state_for(statistics, eps).items()
        }
        if options.eval:  # which divides by what it is given
            for name, value in values.items():
                finite_matrix(f"{name} in {kind}", value)
        for name, start in STARTING_VALUES.items():
            if not adapter.takes(name) and (adapter.get(name) is not None or name in PARAMETERS):
                # What cannot be set is what it is; a layer without BW is one that has it at 1.
                values[name] = own.get(name, np.full(shape, start))
        return Parameters(**values, alpha=alpha, eps=eps)

    upstream: Rows = _rounded(dLdBZ, kind) if isinstance(dLdBZ, np.ndarray) else dLdBZ
    reference = apply_definition(exact, upstream, parameters_for, eval=options.eval)
    state = {name: getattr(reference.parameters, name) for name in STATE}
    return CheckSetup(
        layer=LayerUnderTest(adapter, state),
        name=adapter.name,
        Z=Z,
        reference=reference,
        given=frozenset(given) | ({"dLdBZ"} if batch.dLdBZ is not None else set()),
        batch=batch,
        options=options,
        rng=rng,
    )


def finite_matrix(name: str, A: ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    """Return A as a matrix of finite floating-point numbers, in native byte order and C order.

    Raises
    ------
    InputError
        Where it is something else, or not of the shape asked for.

    >>> finite_matrix("Z", [[1, 2]])
    array([[1., 2.]])
    """
    A = np.asarray(A)
    if A.dtype.kind in "iu":
        A = A.astype(float)
    if A.dtype.kind != "f" or A.dtype.itemsize > 8:
        raise InputError(
            f"{name} is of {A.dtype}, expected float64, float32 or float16",
            "convert it with A.astype(np.float64)",
        )
    if A.ndim != 2 or A.size == 0 or (shape is not None and A.shape != shape):
        raise InputError(
            f"{name} has shape {A.shape}, expected {shape or '(N, C)'}",
            "give one row for each sample and one column for each feature",
        )
    if not np.isfinite(A).all():
        row, column = np.argwhere(~np.isfinite(A))[0]
        raise InputError(
            f"{name} is {A[row, column]} in row {row}, column {column}",
            "scale the input down, or leave the column out with --columns",
        )
    return np.ascontiguousarray(A, dtype=A.dtype.newbyteorder("="))


@dataclass(frozen=True, eq=False)
class _Draws:
    """One draw of parameters and running statistics, (1, C) each.

    The starting values of a layer hide mistakes: BW = 1 hides a forgotten BW, Bb = 0 hides BZ used
    for NZ, running statistics of 0 and 1 hide most mistakes of the inference mode. BW and Bb have
    both signs and absolute values from 0.5 to 2. The running statistics are those of a batch like
    the one at hand: within about one standard deviation of its mean, and from half to twice its
    variance.
    """

    BW: Array
    Bb: Array
    deviation: Array
    factor: Array

    def state_for(self, statistics: Statistics, eps: float) -> dict[str, Array]:
        """The state for a mini-batch."""
        spread = statistics.V + eps
        return {
            "BW": self.BW,
            "Bb": self.Bb,
            "running_M": statistics.M + np.sqrt(spread) * self.deviation,
            "running_V": spread * self.factor,
        }


def _draw(rng: np.random.Generator, shape: tuple[int, int]) -> _Draws:
    """Draw everything every time, so that bringing one thing along does not change the others."""
    BW, Bb = (rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape) for _ in range(2))
    return _Draws(BW, Bb, rng.standard_normal(shape), rng.uniform(0.5, 2, shape))


def _in_type(Z: Rows, kind: np.dtype[Any], *, as_rows: bool) -> Rows:
    """Z in the layer's own type: rows of a file where it takes them, else an array."""
    if as_rows and isinstance(Z, LazyRows):
        return Z
    with np.errstate(over="ignore"):
        return finite_matrix(f"Z in {kind}", Z[:].astype(kind, copy=False))


def _own_state(adapter: LayerAdapter, shape: tuple[int, int]) -> dict[str, Array]:
    """The layer's own state, as far as it is no longer its starting values."""
    own = {}
    for name, start in STARTING_VALUES.items():
        value = adapter.get(name)
        if value is None or np.size(value) != shape[1]:
            continue
        A = finite_matrix(name, np.asarray(value, dtype=float).reshape(shape))
        if (A != start).any():
            own[name] = A
    return own


SPREADS = (1e-3, 1e-5)
"""Standard deviations of the inputs: so small that any usual eps shows beside their squares."""

AGREEMENT = 1e-3
"""Two readings of one eps agree to this; those of an eps at another place are far apart."""


def _find_eps(adapter: LayerAdapter, layer: LayerUnderTest, C: int) -> float:
    """The layer's eps: what it says, or else what its output tells, or else the usual one.

    In training mode with BW = 1 and Bb = 0, the mean square of the output is V / (V + eps) for any
    input of variance V.
    """
    if adapter.get("eps") is not None:
        return setting(adapter, "eps")

    def reading(spread: float) -> float:
        Z = np.repeat([[-spread], [spread], [-spread], [spread]], C, axis=1)
        ones = np.ones((1, C))
        BZ = layer.forward(Z, eval=False, BW=ones, Bb=0 * ones)
        with np.errstate(all="ignore"):
            return float(spread**2 / np.mean(np.square(BZ)) - spread**2)

    try:
        first, second = map(reading, SPREADS)
    except LayerError:
        return setting(adapter, "eps")
    told = np.isfinite([first, second]).all() and abs(first - second) <= AGREEMENT * second
    return float(f"{second:.3g}") if told and second > 0 else setting(adapter, "eps")


def _rounded(A: Array, kind: np.dtype[Any]) -> Array:
    """A, each entry rounded to the type of this kind, as float64."""
    with np.errstate(over="ignore"):
        return A.astype(kind, copy=False).astype(float, copy=False)
