"""The layer under test, put back into its starting state before every evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.quantities import GRADIENTS, INTERMEDIATES, STATISTICS
from bncheck.errors import LayerError
from bncheck.layers.adapters import ForwardFunction, LayerAdapter
from bncheck.layers.calling import copy_of


@dataclass(frozen=True, eq=False)
class Run:
    """One forward and one backward.

    Attributes
    ----------
    results
        All that the layer computed, by name; quantities that it does not have are missing.
    error
        What it raised; `results` has what was there until then.
    Z, dLdBZ
        The arrays that it was given, as they are afterwards.
    layer
        The layer, as it is afterwards; None where it keeps its promises and is not looked at again.
    """

    results: Mapping[str, Any]
    error: LayerError | None = None
    Z: Rows | None = None
    dLdBZ: Rows | None = None
    layer: LayerAdapter | None = None


class LayerUnderTest:
    """A layer together with the state that every evaluation starts from.

    The layer that is handed in is never changed: evaluations run on copies, so that no running
    statistic and no cache gets from one into the next.

    Parameters
    ----------
    adapter
        The layer.
    state
        What to set on it, by name; each takes the shape and the type of what it replaces, and what
        the layer does not have is left out.
    """

    def __init__(self, adapter: LayerAdapter, state: Mapping[str, Any]) -> None:
        self._adapter = adapter.copy()
        _set(self._adapter, state)
        self.name, self.has_eval = adapter.name, adapter.has_eval
        self.takes_rows, self.keeps_promises = adapter.takes_rows, adapter.keeps_promises

    def with_state(self, **state: Any) -> "LayerUnderTest":
        """Return the same layer with some of its state replaced."""
        return LayerUnderTest(self._adapter, state)

    def fresh(self) -> LayerAdapter:
        """Return a layer in its starting state."""
        return self._adapter.copy()

    def has(self, quantity: str) -> bool:
        """Tell whether the layer has a place for a parameter or a statistic."""
        return self._adapter.takes(quantity)

    def working_type(self, Z: Rows) -> np.dtype[Any]:
        """Return the type that the layer computes in: the coarser of those of Z and of its BZ."""
        if self._adapter.dtype is not None:
            return self._adapter.dtype
        try:
            made = self._adapter.copy().forward(Z[:].copy(), eval=False).dtype
        except LayerError:
            return Z.dtype
        return min(Z.dtype, made, key=lambda kind: kind.itemsize) if made.kind == "f" else Z.dtype

    def function(self, *, eval: bool) -> ForwardFunction | None:  # noqa: A002
        """Return the layer's forward as a function, if it can be called as one."""
        return self._adapter.as_function(eval=eval)

    def forward(
        self,
        Z: Array,
        *,
        eval: bool,  # noqa: A002
        copied: bool = True,
        **state: Array,
    ) -> Array:
        """Return BZ, (N, C), of a fresh layer with some of its state replaced.

        It is given a copy of Z, or Z itself.

        Raises
        ------
        LayerError
            Where the layer raises, or returns anything but numbers of the shape of Z.
        """
        layer = self.fresh()
        _set(layer, state)
        BZ: Array = layer.forward(Z.copy() if copied else Z, eval=eval)
        if BZ.shape != Z.shape:
            raise LayerError(
                "forward", f"returned an array of shape {BZ.shape}, expected {Z.shape} as Z has"
            )
        return BZ

    def run(self, Z: Rows, dLdBZ: Rows, *, eval: bool) -> Run:  # noqa: A002
        """Run one forward and one backward of a fresh layer."""
        layer = self.fresh()
        if not self.keeps_promises:
            Z, dLdBZ = Z[:].copy(), dLdBZ[:].copy()
        results: dict[str, Any] = {}
        error = None
        try:
            results["BZ"] = self._kept(layer.forward(Z, eval=eval))
            results |= self._quantities(layer, STATISTICS)
            dLdZ = self._kept(layer.backward(dLdBZ))
            results |= self._quantities(layer, GRADIENTS) | {"dLdZ": dLdZ}
        except LayerError as raised:
            error = raised
        return Run(results, error, Z, dLdBZ, None if self.keeps_promises else layer)

    def _kept(self, result: Any) -> Any:
        """What nothing that the layer does later will change."""
        if self.keeps_promises or isinstance(result, LazyRows):
            return result
        return copy_of(result)

    def _quantities(self, layer: LayerAdapter, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """The layer's arrays of these names; NOTHING for what it has a place for only."""
        values = {name: layer.get(name) for name in names}
        return {
            name: self._kept(value)
            for name, value in values.items()
            if value is not None or (layer.takes(name) and name not in INTERMEDIATES)
        }


def _set(layer: LayerAdapter, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        if layer.takes(name):
            layer.set(name, value)
