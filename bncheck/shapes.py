"""What an array of the wrong shape most likely is, in words."""

Shape = tuple[int, ...]


def misfit(name: str, shape: Shape, meant: Shape, N: int) -> str:
    """A sentence about an array that has another shape than is meant.

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
    guess = _guess(shape, meant, N)
    return f"{fact}: {guess}" if guess else fact


def _guess(shape: Shape, meant: Shape, N: int) -> str:
    C = meant[-1]
    if len(shape) == 2 and shape == meant[::-1]:
        return "it is transposed"
    if len(shape) > 2 and shape[-2:] == meant:
        return "it has an axis too many"
    if meant != (1, C):
        return ""
    if shape == ():
        return "it is summed over the features too"
    if shape == (N, C):
        return "the sum over the rows is missing"
    if shape in {(N,), (N, 1), (1, N)}:
        return "it is summed over the features in place of the rows"
    return ""
