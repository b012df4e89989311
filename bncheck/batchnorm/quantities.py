"""The one table of the layer's quantities: what each is called, its shape, its formula.

Whoever needs a fact about a quantity asks here. Nothing else in the package lists names of
quantities, but for the formulas themselves.
"""

from dataclasses import dataclass
from enum import Enum


class Shape(Enum):
    """Of a quantity, for a mini-batch of N rows and C features."""

    MATRIX = "(N, C)"
    ROW = "(1, C)"
    NUMBER = "()"


class Loss(Enum):
    """Where a right layer may lose digits of a quantity because a mean is subtracted from Z."""

    NONE = "nothing large is subtracted on the way to it"
    OWN = "it shows at first hand what the subtraction has cost"
    FORWARD = "no more than the layer's own BZ shows"


@dataclass(frozen=True)
class Quantity:
    """One quantity of the layer.

    Attributes
    ----------
    name
        By which everything here calls it.
    shape
        Of its array.
    formula, inference
        How it is computed, in code; in inference mode where that is another formula.
    start
        Its value in a new layer.
    follows
        The quantities that it is computed from and that are checked before it.
    loss
        Where digits of it may be lost.
    inside
        Whether a layer need not show it: a value on the way to others.
    spellings
        What else it is called: in course code, in PyTorch, in files of other programs.
    """

    name: str
    shape: Shape
    formula: str = ""
    inference: str = ""
    start: float | None = None
    follows: tuple[str, ...] = ()
    loss: Loss = Loss.FORWARD
    inside: bool = False
    spellings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called, our own name first."""
        return (self.name, *self.spellings)

    @property
    def method(self) -> str:
        """The method that computes it: "forward" or "backward"."""
        return "backward" if self.name in GRADIENTS else "forward"


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("alpha", Shape.NUMBER, start=0.9, spellings=("momentum", "decay", "rho")),
        Quantity("eps", Shape.NUMBER, start=1e-8, spellings=("epsilon",)),
        Quantity("BW", Shape.ROW, start=1, spellings=("gamma", "weight", "scale")),
        Quantity("Bb", Shape.ROW, start=0, spellings=("beta", "bias", "shift")),
        Quantity("M", Shape.ROW, "M = mean(Z, axis=0, keepdims=True)", inside=True),
        Quantity(
            "V",
            Shape.ROW,
            "V = mean((Z - M) ** 2, axis=0, keepdims=True)",
            inside=True,
            spellings=("var", "variance", "sigma2", "batch_var", "sample_var"),
        ),
        Quantity(
            "NZ",
            Shape.MATRIX,
            "NZ = (Z - M) / sqrt(V + eps)",
            "NZ = (Z - running_M) / sqrt(running_V + eps)",
            inside=True,
        ),
        Quantity(
            "BZ",
            Shape.MATRIX,
            "BZ = BW * (Z - M) / sqrt(V + eps) + Bb",
            "BZ = BW * (Z - running_M) / sqrt(running_V + eps) + Bb",
            loss=Loss.OWN,
            spellings=("out", "output", "y"),
        ),
        Quantity(
            "running_M",
            Shape.ROW,
            "running_M = alpha * running_M + (1 - alpha) * M",
            "in inference mode running_M stays as it is",
            start=0,
            loss=Loss.NONE,
            spellings=("running_mean", "running_mu", "moving_mean", "running_avg"),
        ),
        Quantity(
            "running_V",
            Shape.ROW,
            "running_V = alpha * running_V + (1 - alpha) * mean((Z - M) ** 2, axis=0)",
            "in inference mode running_V stays as it is",
            start=1,
            loss=Loss.OWN,
            spellings=("running_var", "running_variance", "moving_var", "moving_variance"),
        ),
        Quantity(
            "dLdBb",
            Shape.ROW,
            "dLdBb = sum(dLdBZ, axis=0, keepdims=True)",
            loss=Loss.NONE,
            spellings=(
                *("dbeta", "dLdbeta", "dL_dbeta", "dBb", "d_beta", "grad_beta"),
                *("grad_bias", "dbias", "dshift", "bias.grad"),
            ),
        ),
        Quantity(
            "dLdBW",
            Shape.ROW,
            "dLdBW = sum(dLdBZ * NZ, axis=0, keepdims=True)",
            spellings=(
                *("dgamma", "dLdgamma", "dL_dgamma", "dBW", "d_gamma", "grad_gamma"),
                *("grad_weight", "dweight", "dscale", "weight.grad"),
            ),
        ),
        Quantity("dLdNZ", Shape.MATRIX, "dLdNZ = dLdBZ * BW", loss=Loss.NONE, inside=True),
        Quantity(
            "dLdV",
            Shape.ROW,
            "dLdV = -0.5 * sum(dLdNZ * (Z - M), axis=0) * (V + eps) ** -1.5",
            "in inference mode dLdV is 0",
            follows=("dLdNZ",),
            inside=True,
        ),
        Quantity(
            "dLdM",
            Shape.ROW,
            "dLdM = -sum(dLdNZ, axis=0) / sqrt(V + eps)",
            "in inference mode dLdM is 0",
            follows=("dLdNZ",),
            loss=Loss.NONE,
            inside=True,
        ),
        Quantity(
            "dLdZ",
            Shape.MATRIX,
            "dLdZ = dLdNZ / sqrt(V + eps) + dLdV * 2 * (Z - M) / N + dLdM / N",
            "dLdZ = dLdBZ * BW / sqrt(running_V + eps)",
            follows=("dLdNZ", "dLdV", "dLdM"),
            spellings=("dx", "dLdx", "dLdX", "dX", "input.grad"),
        ),
    )
}
"""In the order in which a layer computes them."""

SETTINGS = ("alpha", "eps")
PARAMETERS = ("BW", "Bb")
STATISTICS = ("running_M", "running_V")
STATE = (*PARAMETERS, *STATISTICS)
"""What a layer starts from: its parameters and its running statistics."""

OUTPUTS = ("BZ", *STATISTICS)
"""What a forward gives."""

GRADIENTS = tuple(name for name in QUANTITIES if name.startswith("dLd"))
INTERMEDIATES = tuple(name for name in GRADIENTS if QUANTITIES[name].inside)
RESULTS = (*OUTPUTS, *GRADIENTS)
"""All that a layer's forward and backward give, in order."""

_CANONICAL = {name: quantity.name for quantity in QUANTITIES.values() for name in quantity.names}


def canonical(name: str) -> str | None:
    """Return our name for what somebody calls `name`; None where it is unknown.

    >>> canonical("gamma"), canonical("weight.grad"), canonical("lr")
    ('BW', 'dLdBW', None)
    """
    return _CANONICAL.get(name)


def formula_of(name: str, *, eval: bool) -> str:  # noqa: A002
    """Return the formula of a quantity in the mode asked for, in code.

    >>> formula_of("dLdNZ", eval=True)
    'dLdNZ = dLdBZ * BW'
    """
    quantity = QUANTITIES[name]
    return (quantity.inference if eval else "") or quantity.formula


def is_per_feature(name: str) -> bool:
    """Tell whether a quantity has one value for each feature, (1, C), and not one for each entry.

    >>> is_per_feature("dLdBW"), is_per_feature("dLdZ")
    (True, False)
    """
    quantity = QUANTITIES.get(name)
    return quantity is not None and quantity.shape is Shape.ROW


def is_pytorch_momentum(name: str | None, value: object) -> bool:
    """Tell whether a setting called `name` is the weight of the NEW statistics.

    PyTorch's momentum is, and it is small; other code that says momentum means the weight of the
    old ones, and there it is large.

    >>> is_pytorch_momentum("momentum", 0.1), is_pytorch_momentum("momentum", 0.9)
    (True, False)
    """
    return name == "momentum" and isinstance(value, (int, float)) and value < 0.5
