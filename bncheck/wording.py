"""Words of one-line messages: quoted names, short lists, the operating system's reasons."""

from collections.abc import Sequence


def quoted(text: str, limit: int | None = None) -> str:
    r"""`text` between backticks, fit for a message of one line.

    Parameters
    ----------
    text
        A file's name, a feature's name, a cell: anything. What is not printable, such as a line
        feed or an undecodable byte of a file's name, is shown as an escape (``\n``, ``\udcff``).
    limit
        Longer text is cut after this many characters.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    return f"`{one_line(text)}`"


def one_line(text: str) -> str:
    """`text` with everything that is not printable shown as an escape."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def listed(names: Sequence[str], limit: int = 8) -> str:
    """The names, quoted, with commas between them; an ellipsis stands for those past `limit`."""
    shown = [quoted(name, limit=40) for name in names[:limit]]
    return ", ".join([*shown, "…"] if len(names) > limit else shown)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``1 column``, ``2 columns``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def reason(error: Exception) -> str:
    """What went wrong, in the operating system's words where it has any."""
    said = str(getattr(error, "strerror", None) or error).lower()
    # Each version of Python says this otherwise.
    return "embedded null byte" if "embedded null" in said else said


def byte_size(size: float) -> str:
    """A number of bytes, as in ``18.5 kB``."""
    units = iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
