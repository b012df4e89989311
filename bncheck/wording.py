"""Words and numbers of messages and tables: quoted names, short lists, places, sizes."""

from collections.abc import Sequence


def quoted(text: str, limit: int | None = None) -> str:
    r"""Return text between backticks, fit for a message of one line.

    Longer text than `limit` is cut. What is not printable, such as a line feed or an undecodable
    byte of a file's name, becomes an escape.

    >>> print(quoted("a\nb"), quoted("proline", limit=3))
    `a\nb` `pro…`
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    return f"`{one_line(text)}`"


def one_line(text: str) -> str:
    """Return text with everything that is not printable shown as an escape."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Return names, quoted, with commas between them; an ellipsis stands for those past `limit`.

    >>> listed(["ash", "hue", "proline"], limit=2)
    '`ash`, `hue`, …'
    """
    shown = [quoted(name, limit=40) for name in names[:limit]]
    return ", ".join([*shown, "…"] if len(names) > limit else shown)


def place(feature: int, name: str | None, row: int | None = None) -> str:
    """Return where an entry is; a feature without a name goes by its number.

    >>> place(2, None), place(2, "ash", row=17)
    ('feature 2', 'row 17, ash')
    """
    column = f"feature {feature}" if name is None else one_line(name)
    return column if row is None else f"row {row}, {column}"


def reason(error: Exception) -> str:
    """Return what went wrong, in the operating system's words where it has any."""
    said = str(getattr(error, "strerror", None) or error).lower()
    # Each version of Python says this otherwise.
    return "embedded null byte" if "embedded null" in said else said


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    >>> counted(1, "column"), counted(2, "batch", "batches")
    ('1 column', '2 batches')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def thousands(count: int) -> str:
    """Return a number with its thousands apart, as in ``4 680``."""
    return f"{count:,}".replace(",", " ")


def scientific(x: float, digits: int) -> str:
    """Return a number with so many digits, all of the same width but for 0.

    >>> scientific(-1.234e-3, 2), scientific(0, 2)
    ('-1.2e-03', '0')
    """
    return "0" if x == 0 else f"{x:.{digits - 1}e}"


def short(x: float, form: str = "g") -> str:
    """Return a number as one would type it.

    >>> short(0.9), short(1e-08), short(0.0123, ".1e")
    ('0.9', '1e-8', '1.2e-2')
    """
    digits, _, exponent = f"{x:{form}}".partition("e")
    return digits.removesuffix(".0") + (f"e{int(exponent)}" if exponent and x else "")


def byte_size(size: float) -> str:
    """Return a number of bytes, as in ``18.5 kB``."""
    units = iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
