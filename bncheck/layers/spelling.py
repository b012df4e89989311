"""What other people's code calls the quantities of a layer."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "BW": ("BW", "gamma", "weight", "scale"),
    "Bb": ("Bb", "beta", "bias", "shift"),
    "running_M": ("running_M", "running_mean", "running_mu", "moving_mean", "running_avg"),
    "running_V": (
        "running_V",
        "running_var",
        "running_variance",
        "moving_var",
        "moving_variance",
    ),
    "dLdBW": (
        "dLdBW",
        "dgamma",
        "dLdgamma",
        "dL_dgamma",
        "dBW",
        "d_gamma",
        "grad_gamma",
        "grad_weight",
        "dweight",
        "dscale",
    ),
    "dLdBb": (
        "dLdBb",
        "dbeta",
        "dLdbeta",
        "dL_dbeta",
        "dBb",
        "d_beta",
        "grad_beta",
        "grad_bias",
        "dbias",
        "dshift",
    ),
    "alpha": ("alpha", "momentum", "decay", "rho"),
    "eps": ("eps", "epsilon"),
}
"""The first of each is the name that reports use."""

INTERMEDIATES = ("dLdNZ", "dLdV", "dLdM")
"""Looked for under these names only: what others call `dvar` need not be the same thing."""

EVAL_SWITCHES = ("eval", "inference", "test")
TRAIN_SWITCHES = ("training", "train", "train_flg", "is_training", "is_train")
MODE_SWITCHES = ("mode",)
WORDS_OF_MODE = {False: "train", True: "test"}
"""Names of what tells a forward its mode: True in inference, True in training, or a word."""


INSIDE: dict[str, tuple[str, ...]] = {
    "BZ": ("BZ", "out", "output", "y"),
    "V": ("V", "var", "variance", "sigma2", "batch_var", "sample_var"),
    "dLdZ": ("dLdZ", "dx", "dLdx", "dLdX", "dX"),
}
"""What else is called inside a layer."""


def spellings_of(quantity: str) -> tuple[str, ...]:
    """All that a quantity is called in other people's code."""
    return SPELLINGS.get(quantity) or INSIDE.get(quantity) or (quantity,)


def canonical(name: str) -> str | None:
    """The name that reports use for what somebody calls `name`; None where it is unknown."""
    for quantity, names in SPELLINGS.items():
        if name in names:
            return quantity
    return None
