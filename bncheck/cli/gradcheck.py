"""Every layer on every mini-batch: what the gradcheck command does."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncheck.arrays import Rows
from bncheck.check.gradcheck import check_layer
from bncheck.check.setup import CheckOptions, MiniBatch
from bncheck.cli.inputs import new_layer, read_optional_state, running
from bncheck.errors import InputError
from bncheck.files.matrix import Matrix, read_archive
from bncheck.files.state import State
from bncheck.report.model import InputReport, LayerNotLoaded, Report


@dataclass(frozen=True, eq=False)
class Given:
    """What comes with the mini-batches: the upstream gradient, a state, settings of the layer."""

    dLdBZ: Rows | None
    state_path: str | None
    alpha: float | None
    eps: float | None
    dtype: str

    def batch_of(self, matrix: Matrix, state: State) -> MiniBatch:
        """Return a mini-batch with what comes with it."""
        return MiniBatch(matrix.rows, self.dLdBZ, state.parameters, matrix.names, matrix.source)


def check_all(
    batches: Sequence[Matrix],
    layers: Sequence[str | None],
    given: Given,
    options: CheckOptions,
) -> Report:
    """Check each layer on each mini-batch.

    Parameters
    ----------
    batches
        The mini-batches.
    layers
        Layer files; None for the built-in layer.
    given, options
        All else.

    Raises
    ------
    InputError
        Where a setting cannot be used, or the only layer cannot be loaded. Of several layers, those
        that cannot be loaded are in the report, and the others are checked.
    """
    inputs: list[InputReport] = []
    not_loaded: list[LayerNotLoaded] = []
    for layer in layers:
        try:
            inputs += [_check(batch, layer, given, options) for batch in batches]
        except InputError as error:
            if len(layers) == 1:
                raise
            not_loaded.append(LayerNotLoaded(str(layer), error.message, error.help))
    return Report(options.seed, options.rtol, options.method, tuple(inputs), tuple(not_loaded))


def check_file(matrix: Matrix, path: str, given: Given, options: CheckOptions) -> Report:
    """Check the arrays of an .npz file that another program wrote for this mini-batch.

    Raises
    ------
    InputError
        Where the file or a setting cannot be used, or the file has nothing that is known.
    """
    from bncheck.check.arrays import check_arrays

    state = read_optional_state(given.state_path, matrix)
    report = check_arrays(
        _known_arrays(path),
        given.batch_of(matrix, state),
        options,
        alpha=state.alpha if given.alpha is None else given.alpha,
        eps=state.eps if given.eps is None else given.eps,
        layer=f"results in {os.path.basename(path)}",
    )
    return Report(options.seed, options.rtol, options.method, (report,))


def _known_arrays(path: str) -> Mapping[str, Any]:
    """The arrays of a file. Those of unknown names may be anything: they are named, not read."""
    from bncheck.batchnorm.quantities import RESULTS, canonical

    archive = read_archive(path)
    return {
        name: archive.read(name) if canonical(name) in RESULTS else np.empty(0)
        for name in archive.names
    }


def _check(matrix: Matrix, layer: str | None, given: Given, options: CheckOptions) -> InputReport:
    state = read_optional_state(given.state_path, matrix)
    with running(layer):
        adapter = new_layer(matrix, layer, state, given.alpha, given.eps, given.dtype)
        return check_layer(adapter, given.batch_of(matrix, state), options)
