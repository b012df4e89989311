"""A gradient checker for batch normalisation.

The names below are imported when they are first used, so that `bncheck --help` does not wait for
NumPy (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bncheck.batchnorm.layer import BatchNorm1d
    from bncheck.check.gradcheck import gradcheck
    from bncheck.compare.comparison import Comparison, Verdict
    from bncheck.report.model import InputReport, Note, Report

__all__ = [
    "BatchNorm1d",
    "Comparison",
    "InputReport",
    "Note",
    "Report",
    "Verdict",
    "__version__",
    "gradcheck",
]

_HOMES = {
    "BatchNorm1d": "batchnorm.layer",
    "Comparison": "compare.comparison",
    "InputReport": "report.model",
    "Note": "report.model",
    "Report": "report.model",
    "Verdict": "compare.comparison",
    "gradcheck": "check.gradcheck",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bncheck.{_HOMES[name]}"), name)
