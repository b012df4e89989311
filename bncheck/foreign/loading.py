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


def load_module(place: str) -> ModuleType:
    """Run a Python file, or import a module by its dotted name.

    A file's folder comes first on the module path while it runs, so that it finds its siblings; a
    file in a package is imported as part of it, so that its relative imports work.

    Raises
    ------
    InputError
        Where there is no such file or module, or running it fails in whatever way.
    """
    if place.endswith(".py"):
        return _run(_file(place), place)
    if not _MODULE.fullmatch(place):
        raise InputError(
            f"{quoted(place)} is no layer file",
            "name a .py file, or a module as in package.module:NAME",
        )
    with _first_on_path(os.getcwd()):
        return _guarded(lambda: importlib.import_module(place), place)


def _file(place: str) -> Path:
    path = Path(place)
    if not path.exists():
        raise InputError(f"{quoted(place)} does not exist", "check the name and the folder")
    if not path.is_file():
        raise InputError(f"{quoted(place)} is no file", "name a .py file")
    return path.resolve()


def _run(path: Path, place: str) -> ModuleType:
    """The module of a file, under its name in its package, or a name of its own."""
    top, dotted = path.parent, path.stem
    while (top / "__init__.py").is_file():
        top, dotted = top.parent, f"{top.name}.{dotted}"
    with _first_on_path(str(top)):
        if "." in dotted:
            return _guarded(lambda: importlib.import_module(dotted), place)
        return _guarded(lambda: _import_file(path), place)


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


@contextlib.contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


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
            f"{quoted(place)} cannot be loaded: {type(error).__name__}: {one_line(str(error))}"
            f"{_line_of(error, place)}",
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
