"""How a layer is told its mode: by an argument, by two methods, by an attribute."""

from types import SimpleNamespace
from typing import Any

import pytest

from bncheck.layers.modes import switch_of, switches

WORDS = {
    "eval": (False, True),
    "inference": (False, True),
    "test": (False, True),
    "training": (True, False),
    "train": (True, False),
    "train_flg": (True, False),
    "is_training": (True, False),
    "is_train": (True, False),
    "mode": ("train", "test"),
}
"""What each switch is set to in training and in inference."""


def test_every_switch_is_known_by_what_it_is_set_to() -> None:
    assert {name: (word_of(False), word_of(True)) for name, word_of in switches()} == WORDS


@pytest.mark.parametrize("name", WORDS)
def test_by_an_argument(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def forward(x, {name}=None): return x", scope)
    switch = switch_of(SimpleNamespace(), scope["forward"])
    assert switch is not None
    assert (switch(None, False), switch(None, True)) == tuple({name: word} for word in WORDS[name])


@pytest.mark.parametrize("name", WORDS)
def test_by_an_attribute(name: str) -> None:
    layer = SimpleNamespace(**{name: None})
    switch = switch_of(layer, lambda x: x)
    assert switch is not None
    for inference in (False, True):
        assert switch(layer, inference) == {}
        assert getattr(layer, name) == WORDS[name][inference]


class WithMethods:
    told = ""

    def train(self) -> None:
        self.told = "train"

    def eval(self) -> None:
        self.told = "eval"


def test_by_two_methods() -> None:
    layer = WithMethods()
    switch = switch_of(layer, lambda x: x)
    assert switch is not None
    assert switch(layer, False) == {}
    assert layer.told == "train"
    assert switch(layer, True) == {}
    assert layer.told == "eval"


def test_the_layer_that_is_told_is_the_one_that_is_called() -> None:
    first, second = WithMethods(), WithMethods()
    switch = switch_of(first, lambda x: x)
    assert switch is not None
    switch(second, True)
    assert (first.told, second.told) == ("", "eval")


def test_an_argument_comes_before_methods_and_these_before_an_attribute() -> None:
    layer = WithMethods()
    layer.training = True  # type: ignore[attr-defined]
    by_argument = switch_of(layer, lambda x, training: x)
    by_methods = switch_of(layer, lambda x: x)
    assert by_argument is not None
    assert by_methods is not None
    assert by_argument(layer, True) == {"training": False}
    assert layer.told == ""
    by_methods(layer, True)
    assert layer.told == "eval"
    assert layer.training  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "layer",
    [
        SimpleNamespace(),
        SimpleNamespace(train=lambda: None),  # no way back
        SimpleNamespace(eval=lambda: None),
        SimpleNamespace(mode=lambda: None),
    ],
)
def test_some_cannot_be_told(layer: object) -> None:
    assert switch_of(layer, lambda x: x) is None
