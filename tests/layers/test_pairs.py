"""A pair of functions, forward and backward, behind the interface of a layer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bncheck import gradcheck
from bncheck.errors import LayerError
from bncheck.layers.importing import load_module
from bncheck.layers.pairs import FunctionPairAdapter

RIGHT = Path(__file__).parent / "right"
Z = np.random.default_rng(0).standard_normal((6, 2)) + 3
CALLS: list[dict[str, Any]] = []

Function = Callable[..., Any]


def in_a_dictionary(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
    CALLS.append(dict(bn_param))
    if bn_param["mode"] == "train":
        bn_param["running_mean"] = bn_param["running_mean"] + 1
    return gamma * x + beta, (x, gamma)


def as_arguments(
    x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, training: bool, eps: float
) -> Any:
    CALLS.append({"training": training, "eps": eps})
    return gamma * x + beta, (x, gamma), running_mean + 1, running_var + 2


def backward(dout: Any, cache: Any) -> Any:
    x, gamma = cache
    dgamma, dbeta = (dout * x).sum(axis=0), dout.sum(axis=0)
    return dout * gamma, dgamma, dbeta


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@pytest.fixture(params=[in_a_dictionary, as_arguments])
def pair(request: pytest.FixtureRequest) -> FunctionPairAdapter:
    return FunctionPairAdapter(request.param, backward, 2)


@pytest.mark.parametrize("module", ["functional_pair", "pair_of_arguments"])
def test_a_right_pair_passes(module: str) -> None:
    found = vars(load_module(str(RIGHT / f"{module}.py")))
    forward, backward = (
        next(thing for name, thing in found.items() if name.endswith(word))
        for word in ("_forward", "_backward")
    )
    assert gradcheck(FunctionPairAdapter(forward, backward, 2), Z).passed


def test_a_pair_begins_where_a_layer_begins(pair: FunctionPairAdapter) -> None:
    start = {"BW": [1, 1], "Bb": [0, 0], "running_M": [0, 0], "running_V": [1, 1], "eps": 1e-5}
    for name, value in start.items():
        assert np.array_equal(pair.get(name), value), name
        assert pair.takes(name)
    assert pair.has_eval
    assert pair.name.endswith(" and backward")
    assert pair.get("nix") is None
    assert not pair.takes("nix")


def test_an_alpha_that_is_no_argument_cannot_be_set() -> None:
    assert not FunctionPairAdapter(as_arguments, backward, 2).takes("alpha")
    assert FunctionPairAdapter(as_arguments, backward, 2).get("alpha") is None
    assert FunctionPairAdapter(in_a_dictionary, backward, 2).get("alpha") == 0.9


def test_what_is_set_is_passed_on(pair: FunctionPairAdapter) -> None:
    pair.set("BW", np.array([[2.0, 3.0]]))
    pair.set("eps", 0.5)
    BZ = pair.forward(Z, eval=False)
    assert np.array_equal(BZ, Z * [2, 3])
    assert pair.get("BW").shape == (2,)
    assert CALLS[-1]["eps"] == 0.5


@pytest.mark.parametrize("eval", [False, True])
def test_the_mode_is_told(pair: FunctionPairAdapter, eval: bool) -> None:
    pair.forward(Z, eval=eval)
    told = CALLS[-1]
    assert told.get("mode", "test" if eval else "train") == ("test" if eval else "train")
    assert told.get("training", not eval) == (not eval)


def test_running_statistics_are_taken_back(pair: FunctionPairAdapter) -> None:
    pair.forward(Z, eval=False)
    pair.forward(Z, eval=False)
    assert pair.get("running_M").tolist() == [2, 2]


def test_gradients_are_those_of_the_cache(pair: FunctionPairAdapter) -> None:
    pair.set("BW", np.array([[2.0, 3.0]]))
    pair.forward(Z, eval=False)
    assert np.array_equal(pair.backward(Z), Z * [2, 3])
    assert pair.get("dLdBW") == pytest.approx((Z * Z).sum(axis=0))
    assert pair.get("dLdBb") == pytest.approx(Z.sum(axis=0))


def test_a_copy_shares_nothing(pair: FunctionPairAdapter) -> None:
    pair.forward(Z, eval=False)
    pair.backward(Z)
    copied = pair.copy()
    assert copied.get("dLdBW") is None
    assert copied.get("running_M").tolist() == [1, 1]
    copied.get("BW")[:] = 7
    assert pair.get("BW").tolist() == [1, 1]
    with pytest.raises(LayerError):  # it has no cache yet
        copied.backward(Z)
    assert pair.source_of("backward") is copied.source_of("backward") is backward


def test_an_inference_without_a_cache_leaves_that_of_training() -> None:
    def forward(x: Any, gamma: Any, beta: Any, mode: str) -> Any:
        return gamma * x + beta, ((x, gamma) if mode == "train" else None)

    pair = FunctionPairAdapter(forward, backward, 2)
    pair.forward(Z, eval=False)
    pair.forward(Z + 1, eval=True)
    assert np.array_equal(pair.backward(Z), Z)
    assert pair.get("dLdBW") == pytest.approx((Z * Z).sum(axis=0))
    pair = FunctionPairAdapter(forward, backward, 2)
    pair.forward(Z, eval=True)
    with pytest.raises(LayerError, match="NoneType"):
        pair.backward(Z)


@pytest.mark.parametrize("result", [lambda x: x, lambda x: (x,), lambda x: [x, None]])
def test_a_forward_without_a_cache_is_told_of(result: Function) -> None:
    pair = FunctionPairAdapter(lambda x, gamma, beta: result(x), backward, 2)
    assert not pair.has_eval
    with pytest.raises(LayerError, match="returned no pair"):
        pair.forward(Z, eval=False)


@pytest.mark.parametrize("name", ["bn_param", "params", "config", "cfg", "options"])
def test_settings_in_a_dictionary_have_many_names(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def forward(x, gamma, beta, {name}): return x * {name}['eps'], ()", scope)
    pair = FunctionPairAdapter(scope["forward"], backward, 2)
    assert pair.takes("alpha")
    assert np.array_equal(pair.forward(Z, eval=False), Z * 1e-5)


# What momentum weighs


def weighing(text: str) -> str:
    return f"""
import numpy as np


def batchnorm_forward(x, gamma, beta, {text}
    if mode == "train":
        mean, var = x.mean(axis=0), x.var(axis=0)
        running_mean = NEW_MEAN
        running_var = NEW_VAR
    else:
        mean, var = running_mean, running_var
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    LEAVE
    return gamma * x_hat + beta, (x_hat, gamma / std, mode)LAST


def batchnorm_backward(dout, cache):
    x_hat, factor, mode = cache
    dgamma, dbeta = (dout * x_hat).sum(axis=0), dout.sum(axis=0)
    dx = dout
    if mode == "train":
        dx = dx - dbeta / len(dx) - x_hat * dgamma / len(dx)
    return dx * factor, dgamma, dbeta
"""


ARGUMENTS = """running_mean, running_var, mode="train", eps=1e-5, momentum=MOMENTUM):"""
DICTIONARY = """bn_param):
    mode, eps = bn_param["mode"], bn_param.get("eps", 1e-5)
    momentum = bn_param.GET("momentum", MOMENTUM)
    running_mean, running_var = bn_param["running_mean"], bn_param["running_var"]"""
FORMS = {
    "argument": (ARGUMENTS, "pass", ", running_mean, running_var"),
    "get": (
        DICTIONARY.replace("GET", "get"),
        'bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var',
        "",
    ),
    "setdefault": (
        DICTIONARY.replace("GET", "setdefault"),
        'bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var',
        "",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("momentum", [0.1, 0.9])
def test_momentum_weighs_what_it_weighs_in_a_class(
    form: str, momentum: float, tmp_path: Path
) -> None:
    head, leave, last = FORMS[form]
    old, new = "momentum", "(1 - momentum)"
    if momentum < 0.5:  # PyTorch's, which weighs the new statistics
        old, new = new, old
    source = weighing(head).replace("MOMENTUM", str(momentum))
    for word in ("mean", "var"):
        source = source.replace(f"NEW_{word.upper()}", f"{old} * running_{word} + {new} * {word}")
    source = source.replace("LEAVE", leave).replace("LAST", last)
    (tmp_path / "pair.py").write_text(source)
    module = load_module(str(tmp_path / "pair.py"))
    pair = FunctionPairAdapter(module.batchnorm_forward, module.batchnorm_backward, 2)
    assert pair.get("alpha") == 0.9
    report = gradcheck(pair, Z)
    assert report.passed, [check.name for check in report.inputs[0].checks if not check.passed]
    pair.set("alpha", 0.75)
    assert gradcheck(pair, Z).passed
