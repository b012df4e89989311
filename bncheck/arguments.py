"""From the command line's arguments to matrices and layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bncheck.batchnorm import BatchNorm1d
from bncheck.definition import Array
from bncheck.errors import InputError
from bncheck.matrix import Matrix, read_matrix
from bncheck.state import State, read_state
from bncheck.wording import counted, quoted

DEFAULT_ALPHA = 0.9
DEFAULT_EPS = 1e-8


def read_batches(inputs: Sequence[str], columns: str | None) -> list[Matrix]:
    """Read the mini-batches, which all have the same number of features.

    Raises
    ------
    InputError
        Where one cannot be read, or has other features than the first.
    """
    if list(inputs).count("-") > 1:
        raise InputError("stdin is named twice", "it can be read once only")
    batches = [read_matrix(argument, columns) for argument in inputs]
    first = batches[0]
    for batch in batches[1:]:
        if batch.values.shape[1] != first.values.shape[1]:
            raise InputError(
                f"{quoted(batch.source)} has {counted(batch.values.shape[1], 'feature')} where "
                f"{quoted(first.source)} has {first.values.shape[1]}",
                "pass mini-batches of one and the same layer",
            )
        if batch.names and first.names and batch.names != first.names:
            raise InputError(
                f"the features of {quoted(batch.source)} are named or ordered otherwise than those "
                f"of {quoted(first.source)}",
                "give both the same header row, or pick the columns with --columns",
            )
    return batches


def read_upstream(argument: str, batch: Matrix, columns: str | None) -> Array:
    """Read the upstream gradient of a mini-batch.

    Raises
    ------
    InputError
        Where it cannot be read, or is not of the mini-batch's shape.
    """
    upstream = read_matrix(argument, columns)
    if upstream.values.shape != batch.values.shape:
        raise InputError(
            f"{quoted(upstream.source)} has shape {upstream.values.shape} where "
            f"{quoted(batch.source)} has {batch.values.shape}",
            "the upstream gradient has one value for each value of the input",
        )
    return upstream.values


def read_optional_state(path: str | None, batch: Matrix) -> State:
    """Read a state file, or an empty state where there is none."""
    return State() if path is None else read_state(path, batch.values.shape[1])


def trained_layer(
    batch: Matrix,
    state_path: str | None,
    alpha: float | None,
    eps: float | None,
    *,
    for_eval: bool = False,
) -> BatchNorm1d:
    """The built-in layer with a state file's parameters and running statistics.

    Raises
    ------
    InputError
        Where the state cannot be used, or inference is asked for without running statistics.
    """
    state = read_optional_state(state_path, batch)
    if for_eval and (state.running_M is None or state.running_V is None):
        where = "there is no --state" if state_path is None else f"{quoted(state_path)} has none"
        raise InputError(
            f"inference needs running statistics, and {where}",
            "pass --state FILE.npz with running_M and running_V, as forward --save-state writes it",
        )
    layer = untrained_layer(batch, state, alpha, eps, "float64")
    for name, value in state.parameters.items():
        setattr(layer, name, value)
    return layer


def untrained_layer(
    batch: Matrix, state: State, alpha: float | None, eps: float | None, dtype: str
) -> BatchNorm1d:
    """The built-in layer at its starting values; alpha and eps: option, state or default."""
    with refuse():
        return BatchNorm1d(
            batch.values.shape[1],
            _first(alpha, state.alpha, DEFAULT_ALPHA),
            eps=_first(eps, state.eps, DEFAULT_EPS),
            dtype=dtype,
        )


def _first(option: float | None, of_state: float | None, default: float) -> float:
    if option is not None:
        return option
    return default if of_state is None else of_state


@contextmanager
def refuse() -> Iterator[None]:
    """Turn the library's bare fact, a ValueError, into an InputError with a remedy."""
    try:
        yield
    except ValueError as error:
        raise InputError(str(error), _remedy(str(error))) from error


def _remedy(fact: str) -> str:
    if "beyond the largest" in fact or " in float" in fact:
        return "scale the input down, or leave the column out with --columns"
    if "is 0" in fact:
        return "pass an --eps above 0"
    return "see --help for what is possible"
