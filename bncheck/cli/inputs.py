"""From the command line's arguments to matrices and layers."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.errors import InputError, LayerError
from bncheck.files.matrix import Matrix, read_matrix
from bncheck.files.state import State, read_state
from bncheck.layers.adapters import BuiltInAdapter, LayerAdapter
from bncheck.wording import counted, quoted

STDOUT_FILENO, STDERR_FILENO = 1, 2


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
        if batch.shape[1] != first.shape[1]:
            raise InputError(
                f"{quoted(batch.source)} has {counted(batch.shape[1], 'feature')} where "
                f"{quoted(first.source)} has {first.shape[1]}",
                "pass mini-batches of one and the same layer",
            )
        if batch.names and first.names and batch.names != first.names:
            raise InputError(
                f"the features of {quoted(batch.source)} are named or ordered otherwise than those "
                f"of {quoted(first.source)}",
                "give both the same header row, or pick the columns with --columns",
            )
    return batches


def read_upstream(argument: str, batch: Matrix, columns: str | None) -> Matrix:
    """Read the upstream gradient of a mini-batch.

    Raises
    ------
    InputError
        Where it cannot be read, or is not of the mini-batch's shape.
    """
    upstream = read_matrix(argument, columns)
    if upstream.shape != batch.shape:
        raise InputError(
            f"{quoted(upstream.source)} has shape {upstream.shape} where "
            f"{quoted(batch.source)} has {batch.shape}",
            "the upstream gradient has one value for each value of the input",
        )
    return upstream


def read_optional_state(path: str | None, batch: Matrix) -> State:
    """Read a state file, or an empty state where there is none."""
    return State() if path is None else read_state(path, batch.shape[1])


def trained_layer(
    batch: Matrix,
    layer: str | None,
    state_path: str | None,
    alpha: float | None,
    eps: float | None,
    *,
    for_eval: bool = False,
) -> LayerAdapter:
    """A layer with a state file's parameters and running statistics.

    Raises
    ------
    InputError
        Where the layer or the state cannot be used, or inference is asked for without running
        statistics.
    """
    state = read_optional_state(state_path, batch)
    if for_eval and (state.running_M is None or state.running_V is None):
        where = "there is no --state" if state_path is None else f"{quoted(state_path)} has none"
        raise InputError(
            f"inference needs running statistics, and {where}",
            "pass --state FILE.npz with running_M and running_V, as forward --save-state writes it",
        )
    adapter = new_layer(batch, layer, state, alpha, eps)
    for name, value in state.parameters.items():
        if not adapter.takes(name):
            raise InputError(
                f"{adapter.name} has no place for {name}", f"leave {name} out of the state file"
            )
        adapter.set(name, value)
    return adapter


def new_layer(
    batch: Matrix,
    layer: str | None,
    state: State,
    alpha: float | None,
    eps: float | None,
    dtype: str = "float64",
) -> LayerAdapter:
    """A layer at its starting values: somebody's, or the built-in one.

    alpha and eps are the option's, or else the state's, or else what the layer takes by itself.
    """
    C = batch.shape[1]
    alpha = state.alpha if alpha is None else alpha
    eps = state.eps if eps is None else eps
    if layer is not None:
        from bncheck.layers.discovery import build_layer

        return build_layer(layer, C, alpha, eps)
    settings = {name: x for name, x in (("alpha", alpha), ("eps", eps)) if x is not None}
    return BuiltInAdapter(BatchNorm1d(C, dtype=dtype, **settings))


@contextmanager
def telling_layer_errors() -> Iterator[None]:
    """Turn what a layer raised into an InputError."""
    try:
        yield
    except LayerError as error:
        raise InputError(f"the layer's {error}", "mend it; gradcheck says more") from error


@contextmanager
def running(layer: str | None) -> Iterator[None]:
    """Run somebody's code, or the built-in layer: what it may print, import and raise is kept in.

    Raises
    ------
    InputError
        In place of a LayerError.
    """
    if layer is None:
        with telling_layer_errors():
            yield
        return
    from bncheck.layers.importing import importable_from, split_layer

    place, _ = split_layer(layer)
    with importable_from(place), printing_to_stderr(), telling_layer_errors():
        yield


@contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Send what somebody's code prints to stderr, whatever way it prints."""
    if sys.stdout is None or sys.stderr is None:  # closed: it goes nowhere
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
        return
    sys.stdout.flush()
    saved = os.dup(STDOUT_FILENO)
    try:
        os.dup2(STDERR_FILENO, STDOUT_FILENO)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, STDOUT_FILENO)
        os.close(saved)
