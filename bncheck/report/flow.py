"""Legends: pieces of text in lines, none of them torn apart."""

from collections.abc import Iterable, Iterator

from rich.text import Text


def flowed(pieces: Iterable[Text], width: int) -> Iterator[Text]:
    """The pieces one after the other, in as many lines as the width asks for."""
    line = Text()
    for piece in pieces:
        if line and line.cell_len + 2 + piece.cell_len > width:
            yield line
            line = Text()
        line.append(" " if not line else "  ").append_text(piece)
    yield line
