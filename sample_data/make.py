"""Make the sample data of this folder.

Run it from the root of the project, with the `dev` extra installed, because the measurements and
the digits come from scikit-learn's copies of two UCI data sets:

    python sample_data/make.py

Everything is written beside this script. Two runs on one machine give the same bytes; another
machine's linear algebra may round the last digits of the digits_* files differently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_wine

from bncheck.batchnorm import BatchNorm1d

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

FOLDER = Path(__file__).resolve().parent
SEED = 2015
PIXELS, HIDDEN_UNITS, CLASSES = 64, 32, 10
BRIGHTEST = 16
"""The pixels count from 0 to this."""

BATCH_SIZE = 48
TRAIN_ROWS = 30 * BATCH_SIZE
EPOCHS = 10
LEARNING_RATE = 0.2
FIRST_CAPTURED_STEP = 40
"""In the second epoch: the running statistics have forgotten where they started, and the upstream
gradient has not faded yet."""
CAPTURED_STEPS = 3
HELD_OUT_ROWS = 30


@dataclass
class Digits:
    """Images X, (N, 64) from 0 to 1, and what they show, (N,)."""

    X: Matrix
    labels: Labels

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> "Digits":
        return Digits(self.X[rows], self.labels[rows])


@dataclass
class Network:
    """64 -> 32 (linear, BatchNorm1d, ReLU) -> 10, trained on the softmax cross entropy.

    The hidden layer has no bias of its own: the normalisation would take it out again.
    """

    hidden_W: Matrix
    output_W: Matrix
    output_b: Matrix = field(default_factory=lambda: np.zeros((1, CLASSES)))
    layer: BatchNorm1d = field(default_factory=lambda: BatchNorm1d(HIDDEN_UNITS))

    def pre_activations(self, X: Matrix) -> Matrix:
        """Input Z of the layer, (N, 32)."""
        return X @ self.hidden_W

    def accuracy(self, digits: Digits) -> float:
        """Share of the digits recognised, with the layer in inference mode."""
        hidden = relu(self.layer.forward(self.pre_activations(digits.X), eval=True))
        guesses = (hidden @ self.output_W + self.output_b).argmax(axis=1)
        return float(np.mean(guesses == digits.labels))

    def train_step(self, batch: Digits) -> tuple[Matrix, Matrix]:
        """Take one step of gradient descent.

        Returns
        -------
        Z, dLdBZ
            What went into the layer and the upstream gradient that came back to it, (N, 32) each.
        """
        Z = self.pre_activations(batch.X)
        BZ = self.layer.forward(Z)
        hidden = relu(BZ)
        dLdlogits = cross_entropy_gradient(hidden @ self.output_W + self.output_b, batch.labels)
        dLdBZ = np.where(BZ > 0, dLdlogits @ self.output_W.T, 0.0)
        dLdZ = self.layer.backward(dLdBZ)

        self.hidden_W -= LEARNING_RATE * (batch.X.T @ dLdZ)
        self.layer.BW -= LEARNING_RATE * self.layer.dLdBW
        self.layer.Bb -= LEARNING_RATE * self.layer.dLdBb
        self.output_W -= LEARNING_RATE * (hidden.T @ dLdlogits)
        self.output_b -= LEARNING_RATE * dLdlogits.sum(axis=0, keepdims=True)
        return Z, dLdBZ


def relu(A: Matrix) -> Matrix:
    """Negative numbers become 0."""
    return np.maximum(A, 0.0)


def cross_entropy_gradient(logits: Matrix, labels: Labels) -> Matrix:
    """Gradient of the mean softmax cross entropy with respect to the logits, (N, 10)."""
    odds: Matrix = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Matrix = odds / odds.sum(axis=1, keepdims=True)
    return (probabilities - np.eye(CLASSES)[labels]) / len(labels)


def initial_network(rng: np.random.Generator) -> Network:
    """He initialisation: normal numbers with variance 2 / (number of inputs)."""
    return Network(
        hidden_W=rng.normal(0.0, np.sqrt(2 / PIXELS), (PIXELS, HIDDEN_UNITS)),
        output_W=rng.normal(0.0, np.sqrt(2 / HIDDEN_UNITS), (HIDDEN_UNITS, CLASSES)),
    )


def shuffled_digits(rng: np.random.Generator) -> Digits:
    """Load all 1797 digits, in a new order.

    Some pixels at the edge are 0 in every image. They stay: they add nothing to Z.
    """
    X, labels = load_digits(return_X_y=True)
    return Digits(X / BRIGHTEST, labels)[rng.permutation(len(labels))]


def mini_batches(digits: Digits, rng: np.random.Generator) -> Iterator[Digits]:
    """Each digit once in each epoch, in a new order."""
    for _ in range(EPOCHS):
        order = rng.permutation(len(digits.labels))
        for start in range(0, len(order), BATCH_SIZE):
            yield digits[order[start : start + BATCH_SIZE]]


def write_table(name: str, header: Sequence[str], A: Matrix, digits: int | None = None) -> None:
    """Write A as comma-separated text.

    Each number gets `digits` significant digits, or as many as bring the same float64 back.
    """
    lines = [",".join(header)]
    lines += [",".join(shortest(a, digits) for a in row) for row in A]
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def shortest(number: np.float64, digits: int | None) -> str:
    """Return the number without trailing zeros: 1065, 14.23."""
    return np.format_float_positional(number, precision=digits, fractional=False, trim="-")


def write_state(layer: BatchNorm1d) -> None:
    """Write all that the layer's next forward depends on, apart from its input."""
    np.savez(
        FOLDER / "digits_state.npz",
        BW=layer.BW,
        Bb=layer.Bb,
        running_M=layer.running_M,
        running_V=layer.running_V,
        alpha=np.float64(layer.alpha),
        eps=np.float64(layer.eps),
    )


def make_wine() -> None:
    """Write the measurements, without the cultivar that each wine came from."""
    wine = load_wine()
    write_table("wine.csv", wine.feature_names, wine.data)


def make_digits() -> None:
    """Train the network and write what its layer saw early in the training."""
    rng = np.random.default_rng(SEED)
    digits = shuffled_digits(rng)
    train, held_out = digits[:TRAIN_ROWS], digits[TRAIN_ROWS:]
    network = initial_network(rng)
    batches = mini_batches(train, rng)

    for batch in islice(batches, FIRST_CAPTURED_STEP):
        network.train_step(batch)
    write_state(network.layer)
    units = [f"unit_{unit}" for unit in range(HIDDEN_UNITS)]
    unseen = network.pre_activations(held_out.X[:HELD_OUT_ROWS])
    write_table("digits_held_out.csv", units, unseen, digits=6)
    print_accuracies(f"after {FIRST_CAPTURED_STEP} steps", network, train, held_out)

    for ordinal, batch in enumerate(islice(batches, CAPTURED_STEPS), start=1):
        Z, dLdBZ = network.train_step(batch)
        np.save(FOLDER / f"digits_batch_{ordinal}.npy", Z)
        if ordinal == 1:
            np.save(FOLDER / "digits_batch_1_dLdBZ.npy", dLdBZ)

    for batch in batches:
        network.train_step(batch)
    print_accuracies(f"after {EPOCHS} epochs", network, train, held_out)


def print_accuracies(when: str, network: Network, train: Digits, held_out: Digits) -> None:
    """Say how well the network recognises what it was and was not trained on."""
    print(
        f"{when}: {network.accuracy(train):.1%} of {len(train.labels)} training digits, "
        f"{network.accuracy(held_out):.1%} of {len(held_out.labels)} held-out digits recognised"
    )


if __name__ == "__main__":
    make_wine()
    make_digits()
