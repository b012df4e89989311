"""Which layer of a file is meant, and the file loaded as Python would load it from its folder."""

import json
import re
from pathlib import Path

import pytest

LAYERS = Path(__file__).parent
RIGHT = (LAYERS / "right" / "spec_names.py").read_text()
WRONG = (LAYERS / "wrong" / "swapped_gradients.py").read_text()
PAIRS = (LAYERS / "right" / "two_backwards.py").read_text()
CHECK = ("gradcheck", "sample_data/wine.csv", "--columns", "1-3")
BRIDGE = (
    "write a class of these names that calls it: `class BatchNorm1d:` with "
    "`__init__(self, num_features, alpha=0.9)`, `forward(self, Z, eval=False)`, "
    "`backward(self, dLdBZ)`, and the attributes BW, Bb, running_M, running_V, dLdBW, dLdBb"
)
PROGRAM_HELP = 'put what is to run as a program under `if __name__ == "__main__":`'


@pytest.fixture
def refused(bncheck):
    """The error about a layer, and its help."""

    def refuse(layer: str) -> tuple[str, str]:
        result = bncheck(*CHECK, "--layer", layer)
        assert (result.status, result.stdout) == (2, "")
        error, advice = result.stderr.removesuffix("\n").split("\n  help: ")
        document = bncheck(*CHECK, "--layer", layer, "--json")
        assert document.status == 2
        message = error.removeprefix("bncheck: error: ")
        assert json.loads(document.stdout)["error"] == {"message": message, "help": advice}
        return message, advice

    return refuse


@pytest.fixture
def layers_checked(bncheck):
    """What JSON calls each of several layers, without its folder, and which of its checks fail."""

    def check(*layers: str) -> list[tuple[str, set[str]]]:
        options = [option for layer in layers for option in ("--layer", layer)]
        document = json.loads(bncheck(*CHECK, "--json", *options).stdout)
        return [
            (
                re.sub(" in .*/", " in ", report["layer"]),
                {each["name"] for each in report["checks"] if each["verdict"] != "pass"},
            )
            for report in document["inputs"]
        ]

    return check


def write(path: str, *parts: str) -> str:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(parts))
    return path


def before_the_class(source: str, statement: str) -> str:
    return source.replace("\n\nclass ", f"{statement}\n\n\nclass ", 1)


def renamed(source: str, name: str) -> str:
    return source.replace("BatchNorm1d", name)


# Which layer


def test_a_name_picks_one_of_several_classes(layers_checked, folder) -> None:
    write("layer.py", renamed(RIGHT, "BatchNorm"), WRONG)
    assert layers_checked("layer.py:BatchNorm", "layer.py:BatchNorm1d") == [
        ("BatchNorm in layer.py", set()),
        ("BatchNorm1d in layer.py", {"dLdBW", "dLdBb"}),
    ]


def test_several_classes_are_listed(refused, folder) -> None:
    write("layer.py", renamed(RIGHT, "BatchNorm"), WRONG)
    assert refused("layer.py") == (
        "`layer.py` has several layers: `BatchNorm`, `BatchNorm1d`",
        "pick one, as in `layer.py:BatchNorm`",
    )


def test_several_backwards_are_listed(refused, folder) -> None:
    write("pair.py", PAIRS)
    assert refused("pair.py") == (
        "`pair.py` has several layers: `batchnorm_backward`, `batchnorm_backward_alt`",
        "pick one, as in `pair.py:batchnorm_backward`",
    )
    assert refused("pair.py:batchnorm_forward") == (
        "`batchnorm_forward` of `pair.py` has several backwards: `batchnorm_backward`, "
        "`batchnorm_backward_alt`",
        "name the backward, as in `pair.py:batchnorm_backward`",
    )


def test_a_name_that_is_not_there(refused, folder) -> None:
    write("layer.py", RIGHT)
    assert refused("layer.py:BatchNorm") == (
        "`layer.py` has no `BatchNorm`: it has `BatchNorm1d`",
        "check the name",
    )


def test_a_name_that_is_no_layer(refused, folder) -> None:
    write("layer.py", RIGHT, "class Identity:\n    def forward(self, Z):\n        return Z\n")
    assert refused("layer.py:Identity") == (
        "`Identity` of `layer.py` is no layer: has no backward",
        BRIDGE,
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1\n", "it defines no class and no function"),
        (
            "class BatchNorm1d:\n    def forward(self, Z):\n        return Z\n",
            "class `BatchNorm1d` has no backward",
        ),
        ("class BatchNorm1d:\n    pass\n", "class `BatchNorm1d` has no forward and no backward"),
        ("def normalise(x):\n    return x\n", "functions `normalise(x)`"),
    ],
)
def test_nothing_is_recognised(source: str, found: str, refused, folder) -> None:
    write("layer.py", source)
    assert refused("layer.py") == (
        f"`layer.py` has no layer that is recognised: {found}",
        BRIDGE,
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "class BatchNorm1d:\n"
            "    def forward(self, x, gamma, beta):\n        return x, None\n"
            "    def backward(self, dout, cache):\n        return dout\n",
            ["forward(x, gamma, beta)", "backward(dout, cache)"],
        ),
        (
            "def batchnorm_forward(x):\n    return x\n\n\n"
            "def batchnorm_backward(dout):\n    return dout\n",
            ["batchnorm_forward(x)", "batchnorm_backward(dout)"],
        ),
    ],
)
def test_other_signatures_are_listed(source: str, words: list[str], refused, folder) -> None:
    write("layer.py", source)
    message, advice = refused("layer.py")
    assert [word for word in words if word not in message] == []
    assert advice == BRIDGE


def test_a_layer_without_gradients_of_its_parameters_does_not_simply_pass(bncheck, folder) -> None:
    nameless = RIGHT.replace("self.dLdBW", "self.first").replace("self.dLdBb", "self.second")
    result = bncheck(*CHECK, "--layer", write("layer.py", nameless))
    assert "dLdBW" in result.stdout
    assert "dLdBb" in result.stdout


# Made


def test_a_class_that_asks_for_more_than_the_number_of_features(refused, folder) -> None:
    write("layer.py", RIGHT.replace("alpha=0.9", "alpha"))
    message, advice = refused("layer.py")
    assert message == (
        "BatchNorm1d in layer.py asks for num_features, alpha when it is made, expected the number "
        "of features"
    )
    assert advice == BRIDGE


def test_a_constructor_that_raises(refused, folder) -> None:
    write("layer.py", RIGHT.replace("self.eps = 1e-8", "self.eps = eps"))
    assert refused("layer.py") == (
        "BatchNorm1d in layer.py cannot be made: NameError: name 'eps' is not defined",
        "make `BatchNorm1d` work with the number of features alone",
    )


def test_a_constructor_that_ends_the_program(refused, folder) -> None:
    write("layer.py", RIGHT.replace("self.eps = 1e-8", "raise SystemExit(0)"))
    message, _ = refused("layer.py")
    assert message.startswith("BatchNorm1d in layer.py cannot be made")


def test_a_statistic_that_cannot_be_set(layers_checked, folder) -> None:
    source = RIGHT.replace("self.running_M = np", "self.mean = np")
    source = source.replace("self.running_M = self.alpha", "self.mean = self.alpha")
    prop = "    @property\n    def running_M(self):\n        return self.mean\n"
    write("layer.py", source, prop)
    assert layers_checked("layer.py") == [("BatchNorm1d in layer.py", set())]


# Loaded


def test_siblings_are_found(layers_checked, folder) -> None:
    write("work/settings.py", "EPS = 1e-8\n")
    source = RIGHT.replace("1e-8", "EPS")
    write("work/layer.py", before_the_class(source, "from settings import EPS"))
    assert layers_checked("work/layer.py") == [("BatchNorm1d in layer.py", set())]


def test_siblings_are_found_by_an_import_in_a_method(layers_checked, folder) -> None:
    write("work/late.py", "EPS = 1e-8\n")
    late = "        from late import EPS\n\n        self.eps2 = EPS\n"
    source = RIGHT.replace("        self.Z, self.N", f"{late}        self.Z, self.N")
    write("work/layer.py", source)
    assert layers_checked("work/layer.py") == [("BatchNorm1d in layer.py", set())]


def test_its_package_is_found(layers_checked, folder) -> None:
    write("course/__init__.py", "")
    write("course/settings.py", "EPS = 1e-8\n")
    write("course/nn/__init__.py", "")
    source = before_the_class(RIGHT.replace("1e-8", "EPS"), "from ..settings import EPS")
    write("course/nn/layer.py", source)
    assert layers_checked("course/nn/layer.py") == [("BatchNorm1d in layer.py", set())]


def test_siblings_of_one_name_are_not_mixed_up(layers_checked, folder) -> None:
    for author, source in (("right", RIGHT), ("wrong", WRONG)):
        write(f"{author}/mine.py", source)
        write(
            f"{author}/layer.py", "import mine\n\n\nclass BatchNorm1d(mine.BatchNorm1d):\n    pass"
        )
    assert layers_checked("right/layer.py", "wrong/layer.py") == [
        ("BatchNorm1d in layer.py", set()),
        ("BatchNorm1d in layer.py", {"dLdBW", "dLdBb"}),
    ]


def test_packages_of_one_name_are_not_mixed_up(layers_checked, folder) -> None:
    for author, source in (("right", RIGHT), ("wrong", WRONG)):
        write(f"{author}/homework/__init__.py", "")
        write(f"{author}/homework/layer.py", source)
    assert layers_checked("right/homework/layer.py", "wrong/homework/layer.py") == [
        ("BatchNorm1d in layer.py", set()),
        ("BatchNorm1d in layer.py", {"dLdBW", "dLdBb"}),
    ]


def test_a_package_may_have_the_name_of_another(layers_checked, folder) -> None:
    write("rich/__init__.py", "")
    write("rich/layer.py", RIGHT)
    assert layers_checked("rich/layer.py") == [("BatchNorm1d in layer.py", set())]


@pytest.mark.parametrize("name", ["numpy.py", "json.py", "my layer-2.py", "a:b.py"])
def test_a_file_may_have_any_name(name: str, layers_checked, folder) -> None:
    write(f"work/{name}", RIGHT)
    assert layers_checked(f"work/{name}") == [(f"BatchNorm1d in {name}", set())]


def test_a_module_by_its_dotted_name(layers_checked, folder) -> None:
    write("dotted/__init__.py", "")
    write("dotted/layers.py", RIGHT, renamed(WRONG, "Other"))
    assert layers_checked("dotted.layers:BatchNorm1d", "dotted.layers:Other") == [
        ("BatchNorm1d in dotted.layers", set()),
        ("Other in dotted.layers", {"dLdBW", "dLdBb"}),
    ]


def test_a_module_that_is_not_there(refused, folder) -> None:
    message, _ = refused("no_such_package.layers:BatchNorm1d")
    assert message == (
        "`no_such_package.layers` cannot be loaded: ModuleNotFoundError: No module named "
        "'no_such_package'"
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("missing.py", "`missing.py` does not exist"),
        ("sample_data", "`sample_data` is no layer file"),
        ("sample_data/wine.csv", "`sample_data/wine.csv` is no layer file"),
    ],
)
def test_no_layer_file(layer: str, message: str, refused) -> None:
    assert refused(layer)[0] == message


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
    ],
)
def test_a_file_that_cannot_be_loaded(statement: str, message: str, refused, folder) -> None:
    write("layer.py", RIGHT.replace("import numpy as np\n", f"import numpy as np\n{statement}\n"))
    assert refused("layer.py")[0] == f"`layer.py` {message}"


def test_what_it_prints_is_not_in_the_json(program, folder) -> None:
    shout = 'import os\n\nos.write(1, b"raw\\n")\nos.system("echo shell")\nprint("loaded")'
    source = before_the_class(RIGHT, shout)
    source = source.replace(
        "        return self.BZ", '        print("forward")\n        return self.BZ'
    )
    result = program(*CHECK, "--json", "--layer", write("layer.py", source))
    assert json.loads(result.stdout)["verdict"] == "pass"
    assert {"raw", "shell", "loaded", "forward"} <= set(result.stderr.split())
    assert result.status == 0
