"""Which layer of a file is meant, and how one is made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bncheck.errors import InputError
from bncheck.layers.adapters import LayerAdapter
from bncheck.layers.discovery import FunctionPair, LayerClass, build_layer, find_layer
from bncheck.layers.importing import importable_from, load_module
from bncheck.layers.objects import ObjectAdapter
from bncheck.layers.pairs import FunctionPairAdapter

LAYERS = Path(__file__).parent
RIGHT = (LAYERS / "right" / "spec_names.py").read_text()
WRONG = (LAYERS / "wrong" / "swapped_gradients.py").read_text()
PAIRS = (LAYERS / "right" / "two_backwards.py").read_text()
BRIDGE = (
    "write a class of these names that calls it: `class BatchNorm1d:` with "
    "`__init__(self, num_features, alpha=0.9)`, `forward(self, Z, eval=False)`, "
    "`backward(self, dLdBZ)`, and the attributes BW, Bb, running_M, running_V, dLdBW, dLdBb"
)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, *parts: str) -> str:
    Path(path).write_text("\n\n".join(parts))
    return path


def renamed(source: str, name: str) -> str:
    return source.replace("BatchNorm1d", name)


def built(layer: str, **settings: float) -> LayerAdapter:
    with importable_from(layer.partition(":")[0]):
        return build_layer(layer, 3, settings.get("alpha"), settings.get("eps"))


def refused(layer: str, **settings: float) -> tuple[str, str]:
    """The error about a layer, and its help."""
    with pytest.raises(InputError) as raised:
        built(layer, **settings)
    return raised.value.message, raised.value.help


# Which layer


def test_the_only_layer_of_a_file_is_meant() -> None:
    layer = built(write("layer.py", RIGHT))
    assert isinstance(layer, ObjectAdapter)
    assert layer.name == "BatchNorm1d in layer.py"
    assert layer.get("BW").shape == (1, 3)


def test_a_name_picks_one_of_several_classes() -> None:
    write("layer.py", renamed(RIGHT, "BatchNorm"), WRONG)
    assert built("layer.py:BatchNorm").name == "BatchNorm in layer.py"
    assert built("layer.py:BatchNorm1d").name == "BatchNorm1d in layer.py"


def test_several_classes_are_listed() -> None:
    write("layer.py", renamed(RIGHT, "BatchNorm"), WRONG)
    assert refused("layer.py") == (
        "`layer.py` has several layers: `BatchNorm`, `BatchNorm1d`",
        "pick one, as in `layer.py:BatchNorm`",
    )


def test_several_backwards_are_listed() -> None:
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


def test_a_backward_may_be_named_or_its_forward() -> None:
    write("pair.py", PAIRS)
    layer = built("pair.py:batchnorm_backward_alt")
    assert isinstance(layer, FunctionPairAdapter)
    assert layer.name == "batchnorm_backward_alt in pair.py"
    assert layer.source_of("backward").__name__ == "batchnorm_backward_alt"
    write("one.py", (LAYERS / "right" / "functional_pair.py").read_text())
    assert built("one.py:batchnorm_forward").name == "batchnorm_backward in one.py"
    assert built("one.py").source_of("forward").__name__ == "batchnorm_forward"  # type: ignore[union-attr]


def test_what_is_called_batch_norm_comes_before_other_layers() -> None:
    others = [renamed(RIGHT, name) for name in ("LayerNorm", "SpatialBatchNorm", "BatchNorm2d")]
    write("layers.py", *others, renamed(RIGHT, "MyBatch_Norm"), renamed(RIGHT, "Linear"))
    assert built("layers.py").name == "MyBatch_Norm in layers.py"
    for name in ("BN", "bn1", "batchnorm", "Batch_Norm"):
        write("layers.py", *others, renamed(RIGHT, name))
        assert built("layers.py").name == f"{name} in layers.py"
    write("layers.py", renamed(RIGHT, "Whatever"))
    assert built("layers.py").name == "Whatever in layers.py"


def test_what_is_imported_is_not_the_files_own() -> None:
    write("other.py", renamed(RIGHT, "BatchNorm"))
    source = "from other import BatchNorm\nfrom other import np"
    write("layer.py", source, RIGHT)
    assert built("layer.py").name == "BatchNorm1d in layer.py"
    write("layer.py", source)
    assert refused("layer.py")[0].endswith("it defines no class and no function")
    assert built("layer.py:BatchNorm").name == "BatchNorm in layer.py"


def test_a_base_of_a_layer_may_have_the_methods() -> None:
    write("layer.py", renamed(RIGHT, "Base"), "class BatchNorm(Base):\n    pass\n")
    assert built("layer.py").name == "BatchNorm in layer.py"


def test_a_name_that_is_not_there() -> None:
    write("layer.py", RIGHT)
    assert refused("layer.py:BatchNorm") == (
        "`layer.py` has no `BatchNorm`: it has `BatchNorm1d`",
        "check the name",
    )
    write("layer.py", "x = 1\n_y = 2\n")
    assert refused("layer.py:BatchNorm")[0] == "`layer.py` has no `BatchNorm`: it has `x`"


@pytest.mark.parametrize(
    ("source", "name", "lacks"),
    [
        ("class A:\n    def forward(self, Z):\n        return Z\n", "A", "has no backward"),
        ("class A:\n    def backward(self, Z):\n        return Z\n", "A", "has no forward"),
        (
            "class A:\n    __call__ = lambda self, Z: Z\n",
            "A",
            "has no backward",
        ),
        (
            "class A:\n    def forward(self, a, b):\n        return a\n"
            "    def backward(self, d):\n        return d\n",
            "A",
            "has `forward(a, b)` and `backward(d)`, expected forward(Z) and backward(dLdBZ)",
        ),
        ("A = 3\n", "A", "it is no class, and no function of a forward and backward pair"),
        ("def A(x):\n    return x\n", "A", "it is no class, and no function of a forward and"),
    ],
)
def test_a_name_that_is_no_layer(source: str, name: str, lacks: str) -> None:
    write("layer.py", source)
    message, advice = refused(f"layer.py:{name}")
    assert message.startswith(f"`A` of `layer.py` is no layer: {lacks}")
    assert advice == BRIDGE


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
        (
            "def batchnorm_forward(x, gamma, beta):\n    return x\n",
            "functions `batchnorm_forward(x, gamma, beta)`",
        ),
        (
            "class A:\n    pass\n\n\ndef f(x, y=1):\n    return x\n",
            "class `A` has no forward and no backward; functions `f(x, y)`",
        ),
    ],
)
def test_nothing_is_recognised(source: str, found: str) -> None:
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
def test_other_signatures_are_listed(source: str, words: list[str]) -> None:
    write("layer.py", source)
    message, advice = refused("layer.py")
    assert [word for word in words if word not in message] == []
    assert advice == BRIDGE


def test_what_is_found_is_told_apart() -> None:
    module = load_module(write("one.py", RIGHT))
    found = find_layer(module, None, "one.py")
    assert isinstance(found, LayerClass)
    assert (found.name, found.cls) == ("BatchNorm1d", module.BatchNorm1d)
    module = load_module(write("pair.py", (LAYERS / "right" / "functional_pair.py").read_text()))
    pair = find_layer(module, None, "pair.py")
    assert isinstance(pair, FunctionPair)
    assert (pair.forward, pair.backward) == (module.batchnorm_forward, module.batchnorm_backward)


# Made


@pytest.mark.parametrize(
    ("signature", "made"),
    [
        ("self", ()),
        ("self, num_features", (3,)),
        ("self, dim=7", (3,)),
        ("self, *sizes", (3,)),
        ("self, C, alpha=0.9, eps=1e-8", (3,)),
    ],
)
def test_a_layer_is_made_of_the_number_of_features(signature: str, made: tuple[int, ...]) -> None:
    def_line = f"    def __init__({signature}):\n        self.made = locals()\n"
    methods = "    def forward(self, Z):\n        return Z\n    backward = forward\n"
    layer = built(write("layer.py", f"class BatchNorm:\n{def_line}{methods}"))
    given = dict(layer.get("made"))
    given.pop("self")
    values = [*given.values()]
    assert values[: len(made)] == [made] if "*" in signature else values[: len(made)] == [*made]


def test_a_layer_may_be_made_of_its_parameters() -> None:
    source = (
        "class BatchNorm:\n"
        "    def __init__(self, gamma, beta, momentum=0.9):\n"
        "        self.gamma, self.beta, self.momentum = gamma, beta, momentum\n"
        "    def forward(self, Z):\n        return Z\n"
        "    backward = forward\n"
    )
    layer = built(write("layer.py", source))
    assert layer.get("BW").tolist() == [1, 1, 1]
    assert layer.get("Bb").tolist() == [0, 0, 0]


def constructor(arguments: str) -> str:
    return (
        "class BatchNorm:\n"
        f"    def __init__(self, C, {arguments}):\n"
        "        self.given = dict(locals())\n"
        "        for name, value in self.given.items():\n"
        "            if name not in ('self', 'C'):\n"
        "                setattr(self, name, value)\n"
        "    def forward(self, Z):\n        return Z\n"
        "    backward = forward\n"
    )


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("alpha=0.9, eps=1e-8", {"alpha": 0.25, "eps": 0.5}),
        ("decay=0.9, epsilon=1e-8", {"decay": 0.25, "epsilon": 0.5}),
        ("momentum=0.9, eps=1e-8", {"momentum": 0.9, "eps": 0.5}),
        ("momentum=0.1, eps=1e-8", {"momentum": 0.1, "eps": 0.5}),
    ],
)
def test_alpha_and_eps_are_handed_over_and_set(arguments: str, given: dict[str, float]) -> None:
    layer = built(write("layer.py", constructor(arguments)), alpha=0.25, eps=0.5)
    assert {name: layer.get("given")[name] for name in given} == given
    assert layer.get("alpha") == 0.25
    assert layer.get("eps") == 0.5


@pytest.mark.parametrize(("quantity", "option"), [("alpha", 0.5), ("eps", 0.5)])
def test_what_has_no_place_cannot_be_set(quantity: str, option: float) -> None:
    write("layer.py", constructor("nothing=None"))
    assert refused("layer.py", **{quantity: option}) == (
        f"BatchNorm in layer.py has no {quantity} that can be set",
        f"leave --{quantity} out, or give the layer an attribute {quantity}",
    )


def test_a_pair_has_its_settings_set() -> None:
    write("pair.py", (LAYERS / "right" / "functional_pair.py").read_text())
    layer = built("pair.py", alpha=0.25, eps=0.5)
    assert (layer.get("alpha"), layer.get("eps")) == (0.25, 0.5)
    write("pair.py", (LAYERS / "right" / "pair_of_arguments.py").read_text())
    assert refused("pair.py", alpha=0.25)[0].endswith("has no alpha that can be set")


def test_a_class_that_asks_for_more_than_the_number_of_features() -> None:
    write("layer.py", RIGHT.replace("alpha=0.9", "alpha"))
    message, advice = refused("layer.py")
    assert message == (
        "BatchNorm1d in layer.py asks for num_features, alpha when it is made, expected the number "
        "of features"
    )
    assert advice == BRIDGE


def test_a_constructor_that_raises() -> None:
    write("layer.py", RIGHT.replace("self.eps = 1e-8", "self.eps = eps"))
    assert refused("layer.py") == (
        "BatchNorm1d in layer.py cannot be made: NameError: name 'eps' is not defined",
        "make `BatchNorm1d` work with the number of features alone",
    )


def test_a_constructor_that_ends_the_program() -> None:
    write("layer.py", RIGHT.replace("self.eps = 1e-8", "raise SystemExit(0)"))
    message, _ = refused("layer.py")
    assert message.startswith("BatchNorm1d in layer.py cannot be made: SystemExit: 0")


def test_a_statistic_that_cannot_be_set_is_found_all_the_same() -> None:
    source = RIGHT.replace("self.running_M = np", "self.mean = np")
    source = source.replace("self.running_M = self.alpha", "self.mean = self.alpha")
    prop = "    @property\n    def running_M(self):\n        return self.mean\n"
    layer: Any = built(write("layer.py", source, prop))
    assert not layer.takes("running_M")
    assert np.array_equal(layer.get("running_M"), np.zeros((1, 3)))
