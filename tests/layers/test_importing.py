"""A layer file loaded as Python would load it from its own folder."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bncheck.errors import InputError
from bncheck.layers.importing import importable_from, load_module, split_layer


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str = "") -> str:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return path


def loaded(place: str) -> ModuleType:
    with importable_from(place):
        return load_module(place)


def refused(place: str) -> tuple[str, str]:
    with pytest.raises(InputError) as raised:
        loaded(place)
    return raised.value.message, raised.value.help


# FILE.py:NAME


@pytest.mark.parametrize(
    ("argument", "place", "name"),
    [
        ("layer.py", "layer.py", None),
        ("layer.py:BatchNorm", "layer.py", "BatchNorm"),
        ("a/b.py:forward_2", "a/b.py", "forward_2"),
        ("package.module:BatchNorm", "package.module", "BatchNorm"),
        ("C:\\work\\layer.py", "C:\\work\\layer.py", None),
        ("C:\\work\\layer.py:BatchNorm", "C:\\work\\layer.py", "BatchNorm"),
        ("a:b.py", "a:b.py", None),
        ("layer.py:", "layer.py:", None),
        ("layer.py:1st", "layer.py:1st", None),
    ],
)
def test_a_name_stands_behind_a_colon(argument: str, place: str, name: str | None) -> None:
    assert split_layer(argument) == (place, name)


def test_a_colon_may_be_part_of_a_files_name() -> None:
    write("layer.py:BatchNorm")
    assert split_layer("layer.py:BatchNorm") == ("layer.py:BatchNorm", None)


# What it finds


def test_siblings_are_found() -> None:
    write("work/settings.py", "EPS = 1e-8\n")
    write("work/layer.py", "from settings import EPS\n")
    assert loaded("work/layer.py").EPS == 1e-8
    assert "settings" not in sys.modules


def test_siblings_are_found_by_an_import_in_a_function() -> None:
    write("work/late.py", "EPS = 1e-8\n")
    write("work/layer.py", "def eps():\n    from late import EPS\n\n    return EPS\n")
    with importable_from("work/layer.py"):
        assert load_module("work/layer.py").eps() == 1e-8
    with pytest.raises(ModuleNotFoundError):
        loaded("work/layer.py").eps()


def test_its_package_is_found() -> None:
    write("course/__init__.py")
    write("course/settings.py", "EPS = 1e-8\n")
    write("course/nn/__init__.py")
    write("course/nn/layer.py", "from ..settings import EPS\nfrom course import settings\n")
    module = loaded("course/nn/layer.py")
    assert module.EPS == module.settings.EPS == 1e-8
    assert module.__name__ == "course.nn.layer"
    assert not [name for name in sys.modules if name.startswith("course")]


@pytest.mark.parametrize("path", ["{}/layer.py", "{}/homework/layer.py"])
def test_modules_of_one_name_are_not_mixed_up(path: str) -> None:
    for author in ("right", "wrong"):
        if "homework" in path:
            write(f"{author}/homework/__init__.py")
        folder = Path(path.format(author)).parent
        write(str(folder / "mine.py"), f"AUTHOR = {author!r}\n")
        where = "homework.mine" if "homework" in path else "mine"
        write(path.format(author), f"from {where} import AUTHOR\n")
    for author in ("right", "wrong", "right"):
        assert loaded(path.format(author)).AUTHOR == author


def test_two_layers_are_loaded_side_by_side() -> None:
    for author in ("right", "wrong"):
        write(f"{author}/mine.py", f"AUTHOR = {author!r}\n")
        write(f"{author}/layer.py", "from mine import AUTHOR\n")
    first = loaded("right/layer.py")
    assert loaded("wrong/layer.py").AUTHOR == "wrong"
    assert first.AUTHOR == "right"


def test_a_package_may_have_the_name_of_another() -> None:
    import rich

    write("rich/__init__.py")
    write("rich/layer.py", "AUTHOR = 'mine'\n")
    assert loaded("rich/layer.py").AUTHOR == "mine"
    assert sys.modules["rich"] is rich


@pytest.mark.parametrize("name", ["numpy.py", "json.py", "my layer-2.py", "a:b.py", "é.py"])
def test_a_file_may_have_any_name(name: str) -> None:
    before = {module: sys.modules.get(module) for module in ("numpy", "json")}
    write(f"work/{name}", "import json\nimport numpy as np\n\nONE = np.ones(1)\n")
    assert loaded(f"work/{name}").ONE == 1
    assert {module: sys.modules.get(module) for module in before} == before


def test_what_is_run_on_is_never_set_aside() -> None:
    import numpy as np

    write("numpy/core.py")
    write("bncheck/layer.py", "import bncheck\n\nVERSION = bncheck.__version__\n")
    write("json/layer.py")
    write("layer.py", "import json\nimport numpy\nfrom bncheck import __version__\n")
    module = loaded("layer.py")
    assert module.numpy is np
    assert module.json is sys.modules["json"]


def test_the_module_path_is_left_as_it_was() -> None:
    write("work/layer.py", "import sys\n\nsys.path.remove(sys.path[0])\n")
    before = list(sys.path)
    loaded("work/layer.py")
    write("work/layer.py", "1 / 0\n")
    refused("work/layer.py")
    assert sys.path == before


def test_dataclasses_and_pickle_find_the_module() -> None:
    write(
        "layer.py",
        "import pickle\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n"
        "    x: 'int' = 1\n\n\nCOPY = pickle.loads(pickle.dumps(Point(3)))\n",
    )
    assert loaded("layer.py").COPY.x == 3


def test_a_module_by_its_dotted_name() -> None:
    write("dotted/__init__.py")
    write("dotted/layers.py", "AUTHOR = 'mine'\n")
    try:
        module = loaded("dotted.layers")
        assert module.AUTHOR == "mine"
        assert sys.modules["dotted.layers"] is module
    finally:
        for name in ("dotted", "dotted.layers"):
            sys.modules.pop(name, None)


def test_where_the_current_folder_is_gone_installed_modules_are_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert loaded("json.decoder").JSONDecoder
    assert refused("layer.py")[0] == "`layer.py` does not exist"


# What cannot be loaded


def test_a_module_that_is_not_there() -> None:
    assert refused("no_such_package.layers") == (
        "`no_such_package.layers` cannot be loaded: ModuleNotFoundError: No module named "
        "'no_such_package'",
        "run it with python to see the whole error",
    )


@pytest.mark.parametrize(
    ("place", "message", "advice"),
    [
        ("missing.py", "`missing.py` does not exist", "check the name and the folder"),
        ("folder.py", "`folder.py` is no file", "name a .py file"),
        ("folder", "`folder` is no layer file", "name a .py file, or a module as in "),
        ("Z.csv", "`Z.csv` cannot be loaded: ModuleNotFoundError: No module named 'Z'", "run it"),
        ("sub/Z.csv", "`sub/Z.csv` is no layer file", "name a .py file, or a module as in "),
        ("", "`` is no layer file", "name a .py file, or a module as in package.module:NAME"),
        ("..layer", "`..layer` is no layer file", "name a .py file, or a module as in "),
    ],
)
def test_no_layer_file(place: str, message: str, advice: str) -> None:
    for folder in ("folder.py", "folder"):
        Path(folder).mkdir()
    found = refused(place)
    assert found[0] == message
    assert found[1].startswith(advice)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "import no_such_module",
            "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module', line 2",
        ),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero, line 2"),
        ("def f(:", "cannot be loaded: SyntaxError: invalid syntax, line 2"),
        ("raise SystemExit('bye')", "ends the program while it is loaded (sys.exit)"),
        ("raise Exception('a\\nb')", "cannot be loaded: Exception: a\\nb, line 2"),
        ("raise GeneratorExit", "cannot be loaded: GeneratorExit: , line 2"),
    ],
)
def test_a_file_that_cannot_be_loaded(statement: str, message: str) -> None:
    write("layer.py", f"import sys\n{statement}\n")
    assert refused("layer.py")[0] == f"`layer.py` {message}"


def test_an_error_of_a_sibling_is_told_with_the_line_that_asks_for_it() -> None:
    write("work/mine.py", "\n\n\n1 / 0\n")
    write("work/layer.py", "import sys\nimport mine\n")
    message, _ = refused("work/layer.py")
    assert message == (
        "`work/layer.py` cannot be loaded: ZeroDivisionError: division by zero, line 2"
    )


def test_a_program_is_told_how_to_be_none() -> None:
    write("layer.py", "raise SystemExit\n")
    assert refused("layer.py")[1] == (
        'put what is to run as a program under `if __name__ == "__main__":`'
    )


def test_an_interruption_goes_on() -> None:
    write("layer.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        loaded("layer.py")


def test_a_file_that_is_not_utf8_is_refused() -> None:
    Path("layer.py").write_bytes(b"x = '\xff'\n")
    assert refused("layer.py")[0].startswith("`layer.py` cannot be loaded: SyntaxError: ")


def test_loading_again_runs_it_again() -> None:
    write("layer.py", "AUTHOR = 1\n")
    assert loaded("layer.py").AUTHOR == 1
    write("layer.py", "AUTHOR = 'somebody else'\n")
    assert loaded("layer.py").AUTHOR == "somebody else"


def test_a_function_is_loaded_in_the_folder_that_holds(folder: Path) -> None:
    write("a/mine.py", "WHO = 'a'\n")
    write("b/mine.py", "WHO = 'b'\n")
    source = "def who():\n    import mine\n\n    return mine.WHO\n"
    who: dict[str, Callable[[], str]] = {}
    for author in ("a", "b"):
        write(f"{author}/layer.py", source)
        who[author] = loaded(f"{author}/layer.py").who
    for author in ("a", "b", "a"):
        with importable_from(f"{author}/layer.py"):
            assert who[author]() == author
