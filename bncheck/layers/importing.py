"""A layer file loaded as Python would load it from its own folder. It is code, and it is run."""

import contextlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from bncheck.errors import InputError
from bncheck.wording import one_line, quoted

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME = re.compile(r"[^\W\d]\w*")


def split_layer(argument: str) -> tuple[str, str | None]:
    """The file or module and the name in ``FILE.py:NAME`` or ``package.module:NAME``."""
    place, colon, name = argument.rpartition(":")
    if colon and _NAME.fullmatch(name) and not os.path.exists(argument):
        return place, name
    return argument, None


@contextlib.contextmanager
def importable_from(place: str) -> Iterator[None]:
    """Let a layer file find its siblings and its package, and nobody else's of the same names.

    Holds while the layer is loaded and while it runs, since functions import too. A file's own
    folder, or that of its package, comes first on the module path, and modules of the names that
    are there are set aside, so that the next `utils.py` is not taken for the last one.
    """
    folder = _folder_of(place)
    aside = _set_aside(Path(folder)) if place.endswith(".py") else {}
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder) and place.endswith(".py"):
                del sys.modules[name]
        sys.modules.update(aside)


def _folder_of(place: str) -> str:
    """Where a layer's modules are looked for first."""
    try:
        return str(_home(Path(place))) if place.endswith(".py") else os.getcwd()
    except FileNotFoundError:  # somebody has removed the current folder
        return ""


def _home(path: Path) -> Path:
    """The folder of a file, or that of the outermost package that it is in."""
    home = path.resolve().parent
    while (home / "__init__.py").is_file():
        home = home.parent
    return home


def _set_aside(folder: Path) -> dict[str, ModuleType]:
    """Take the modules away whose names are also in the folder, but for those that we run on."""
    if not folder.is_dir():
        return {}
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    there -= {*sys.stdlib_module_names, "numpy", "bncheck"}
    names = [name for name in sys.modules if name.partition(".")[0] in there]
    return {name: sys.modules.pop(name) for name in names}


def load_module(place: str) -> ModuleType:
    """Run a Python file, or import a module by its dotted name; `importable_from` must hold.

    A file in a package is imported as part of it, so that its relative imports work.

    Raises
    ------
    InputError
        Where there is no such file or module, or running it fails in whatever way.
    """
    if place.endswith(".py"):
        path = _file(place)
        parts = path.relative_to(_home(path)).with_suffix("").parts
        if len(parts) > 1:
            return _guarded(lambda: importlib.import_module(".".join(parts)), place)
        return _guarded(lambda: _import_file(path), place)
    if not _MODULE.fullmatch(place) or os.path.isdir(place):
        raise InputError(
            f"{quoted(place)} is no layer file",
            "name a .py file, or a module as in package.module:NAME",
        )
    return _guarded(lambda: importlib.import_module(place), place)


def _file(place: str) -> Path:
    path = Path(place)
    if not path.exists():
        raise InputError(f"{quoted(place)} does not exist", "check the name and the folder")
    if not path.is_file():
        raise InputError(f"{quoted(place)} is no file", "name a .py file")
    return path.resolve()


def _import_file(path: Path) -> ModuleType:
    """Import a file that is in no package, whatever its name, and forget it again.

    It gets a name of its own, so that `numpy.py` or a second `layer.py` replaces nothing.
    """
    name = f"_layer_{abs(hash(str(path)))}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look there
    spec.loader.exec_module(module)
    return module


def _guarded(load: Callable[[], ModuleType], place: str) -> ModuleType:
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise InputError(
            f"{quoted(place)} ends the program while it is loaded (sys.exit)",
            'put what is to run as a program under `if __name__ == "__main__":`',
        ) from error
    except BaseException as error:
        raise InputError(
            f"{quoted(place)} cannot be loaded: {type(error).__name__}: "
            f"{one_line(getattr(error, 'msg', None) or str(error))}{_line_of(error, place)}",
            "run it with python to see the whole error",
        ) from error


def _line_of(error: BaseException, place: str) -> str:
    """The line of the file that the error came through last."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f", line {error.lineno}"
    name = os.path.basename(place)
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.basename(frame.filename) == name
    ]
    return f", line {lines[-1]}" if lines else ""
