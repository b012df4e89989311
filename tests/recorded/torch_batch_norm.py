"""What torch.nn.functional.batch_norm computes, recorded as a program that uses it would save it.

    python tests/recorded/torch_batch_norm.py

needs torch (2.13.0 wrote the files) and writes, beside itself, for each mode `torch_MODE.npz` with
the results, and `torch_input.npz` with Z, dLdBZ and the state that they were computed from.
"""

from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
MOMENTUM, EPS = 0.1, 1e-5


def main() -> None:
    rng = np.random.default_rng(20)
    given = {
        "Z": rng.normal([0, 5, -300], [1, 0.01, 40], (24, 3)),
        "dLdBZ": rng.standard_normal((24, 3)),
    }
    state = {
        "weight": rng.uniform(0.5, 2, 3),
        "bias": rng.standard_normal(3),
        "running_mean": np.array([0.2, 4.0, -250.0]),
        "running_var": np.array([0.5, 2.0, 900.0]),
    }
    np.savez(FOLDER / "torch_input.npz", **given)
    np.savez(FOLDER / "torch_state.npz", **state, alpha=1 - MOMENTUM, eps=EPS)
    for mode in ("train", "eval"):
        np.savez(FOLDER / f"torch_{mode}.npz", **compute(given, state, training=mode == "train"))


def compute(
    given: dict[str, np.ndarray], state: dict[str, np.ndarray], *, training: bool
) -> dict[str, np.ndarray]:
    """Run one forward and one backward, under the names that PyTorch gives the results."""
    x = torch.tensor(given["Z"], requires_grad=True)
    weight = torch.tensor(state["weight"], requires_grad=True)
    bias = torch.tensor(state["bias"], requires_grad=True)
    mean, var = torch.tensor(state["running_mean"]), torch.tensor(state["running_var"])
    out = torch.nn.functional.batch_norm(
        x, mean, var, weight, bias, training=training, momentum=MOMENTUM, eps=EPS
    )
    out.backward(torch.tensor(given["dLdBZ"]))
    results = {
        "out": out,
        "running_mean": mean,
        "running_var": var,
        "input.grad": x.grad,
        "weight.grad": weight.grad,
        "bias.grad": bias.grad,
    }
    return {name: tensor.detach().numpy() for name, tensor in results.items()}


if __name__ == "__main__":
    main()
