"""What an array of the wrong shape most likely is, in words."""

Shape = tuple[int, ...]


def misfit(name: str, shape: Shape, meant: Shape, N: int) -> tuple[str, str]:
    """A code and a sentence for an array that has another shape than is meant.

    Parameters
    ----------
    name
        The quantity.
    shape, meant
        The shape that it has, and the one that it should have.
    N
        Rows of the mini-batch.
    """
    fact = f"{name} has shape {shape}, where {meant} is meant"
    code, guess = _guess(shape, meant, N)
    return code, f"{fact}: {guess}" if guess else fact


def _guess(shape: Shape, meant: Shape, N: int) -> tuple[str, str]:
    C = meant[-1]
    if len(shape) == 2 and shape == meant[::-1]:
        return "shape-transposed", "it is transposed"
    if len(shape) > 2 and shape[-2:] == meant:
        return "shape-extra-axis", "it has an axis too many"
    if meant == (1, C):
        if shape == ():
            return "shape-scalar", "it is summed over the features too"
        if shape == (N, C):
            return "shape-unreduced", "the sum over the rows is missing"
        if shape in {(N,), (N, 1), (1, N)}:
            return "shape-wrong-axis", "it is summed over the features in place of the rows"
    return "shape", ""
