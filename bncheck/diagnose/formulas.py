"""The formulas as they should be, in code with the names of the definition."""

TRAINING = {
    "V": "V = mean((Z - M) ** 2, axis=0, keepdims=True)",
    "BZ": "BZ = BW * (Z - M) / sqrt(V + eps) + Bb",
    "running_M": "running_M = alpha * running_M + (1 - alpha) * M",
    "running_V": "running_V = alpha * running_V + (1 - alpha) * mean((Z - M) ** 2, axis=0)",
    "dLdBb": "dLdBb = sum(dLdBZ, axis=0, keepdims=True)",
    "dLdBW": "dLdBW = sum(dLdBZ * NZ, axis=0, keepdims=True)",
    "dLdNZ": "dLdNZ = dLdBZ * BW",
    "dLdV": "dLdV = -0.5 * sum(dLdNZ * (Z - M), axis=0) * (V + eps) ** -1.5",
    "dLdM": "dLdM = -sum(dLdNZ, axis=0) / sqrt(V + eps)",
    "dLdZ": "dLdZ = dLdNZ / sqrt(V + eps) + dLdV * 2 * (Z - M) / N + dLdM / N",
}

INFERENCE = TRAINING | {
    "BZ": "BZ = BW * (Z - running_M) / sqrt(running_V + eps) + Bb",
    "running_M": "in inference mode running_M stays as it is",
    "running_V": "in inference mode running_V stays as it is",
    "dLdV": "in inference mode dLdV is 0",
    "dLdM": "in inference mode dLdM is 0",
    "dLdZ": "dLdZ = dLdBZ * BW / sqrt(running_V + eps)",
}


def meant(name: str, *, eval: bool) -> str:  # noqa: A002
    """The formula of a quantity."""
    return (INFERENCE if eval else TRAINING)[name]
