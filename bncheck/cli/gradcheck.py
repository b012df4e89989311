"""Every layer on every mini-batch: what the gradcheck command does."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array, LazyRows
from bncheck.batchnorm.quantities import QUANTITIES, RESULTS
from bncheck.check.gradcheck import gradcheck
from bncheck.check.setup import DEFAULT_ALPHA, DEFAULT_EPS
from bncheck.cli.inputs import new_layer, read_optional_state, running
from bncheck.errors import InputError
from bncheck.files.matrix import Matrix, read_archive
from bncheck.report.model import InputReport, LayerNotLoaded, Report


@dataclass(frozen=True, eq=False)
class Settings:
    """What holds for all of them; as in `gradcheck`, and the built-in layer's dtype."""

    dLdBZ: Array | LazyRows | None
    state_path: str | None
    mode: str
    rtol: float
    method: str
    dtype: str
    seed: int
    alpha: float | None
    eps: float | None
    curve: bool = False
    full: bool = False


def check_all(
    batches: Sequence[Matrix], layers: Sequence[str | None], settings: Settings
) -> Report:
    """Check each layer on each mini-batch.

    Parameters
    ----------
    batches
        The mini-batches.
    layers
        Layer files; None for the built-in layer.
    settings
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
            inputs += [_check(batch, layer, settings) for batch in batches]
        except InputError as error:
            if len(layers) == 1:
                raise
            not_loaded.append(LayerNotLoaded(str(layer), error.message, error.help))
    s = settings
    return Report(s.seed, s.rtol, s.method, tuple(inputs), tuple(not_loaded))


def check_file(batch: Matrix, path: str, s: Settings) -> Report:
    """Check the arrays of an .npz file that another program wrote for this mini-batch.

    Raises
    ------
    InputError
        Where the file or a setting cannot be used, or the file has nothing that is known.
    """
    from bncheck.check.arrays import check_results

    state = read_optional_state(s.state_path, batch)
    archive = read_archive(path)
    # Arrays of other names may be anything: they are named, not read.
    known = {name for quantity in RESULTS for name in QUANTITIES[quantity].names}
    arrays = {name: archive.read(name) if name in known else np.empty(0) for name in archive.names}
    alpha = state.alpha if s.alpha is None else s.alpha
    eps = state.eps if s.eps is None else s.eps
    return check_results(
        arrays,
        batch.values,
        dLdBZ=None if s.dLdBZ is None else s.dLdBZ[:],
        state=state.parameters,
        alpha=DEFAULT_ALPHA if alpha is None else alpha,
        eps=DEFAULT_EPS if eps is None else eps,
        mode=s.mode,
        rtol=s.rtol,
        names=batch.names,
        source=batch.source,
        layer=f"results in {os.path.basename(path)}",
    )


def _check(batch: Matrix, layer: str | None, s: Settings) -> InputReport:
    state = read_optional_state(s.state_path, batch)
    with running(layer):
        report = gradcheck(
            new_layer(batch, layer, state, s.alpha, s.eps, s.dtype),
            batch.rows,
            dLdBZ=s.dLdBZ,
            state=state.parameters,
            mode=s.mode,
            seed=s.seed,
            rtol=s.rtol,
            method=s.method,
            names=batch.names,
            source=batch.source,
            curve=s.curve,
            full=s.full,
        )
    (only,) = report.inputs
    return only
