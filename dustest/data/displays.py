"""How objects are shown: a title, a small table and notes, as text and in notebooks."""

from dataclasses import dataclass
from html import escape

import numpy as np

from dustest.data.formatting import without_controls
from dustest.data.messages import shown
from dustest.data.quantities import QUANTITIES

__all__ = ["Display", "Heading", "rows_to_show", "with_gap"]

_MOST_ROWS = 20
_ENDS = 5
"""Rows at the beginning and at the end of longer tables that are shown."""
_GAP = "…"
_WIDTH = 100
_BETWEEN = 2
"""Characters of a line, and blanks between columns."""
_MOST_CHARACTERS = 60


@dataclass(frozen=True)
class Heading:
    """Head of a column.

    Parameters
    ----------
    name : str
        Name.
    unit : Unit or str, optional
        Unit.

    Examples
    --------
    >>> from dustest.data.displays import Heading
    >>> str(Heading.of("A_V")), str(Heading("redshift"))
    ('A_V [mag]', 'redshift')
    """

    name: str
    unit: object = None

    @classmethod
    def of(cls, quantity):
        """Head of a quantity.

        Parameters
        ----------
        quantity : str
            Name; one that is not in `~dustest.data.QUANTITIES` has no unit.

        Returns
        -------
        heading : Heading
            Name and unit.
        """
        return cls(quantity, QUANTITIES[quantity].unit if quantity in QUANTITIES else None)

    def __str__(self):
        unit = "" if self.unit is None else str(self.unit)
        return f"{self.name} [{unit}]" if unit else self.name


@dataclass(frozen=True)
class Display:
    """What is shown of an object. All text may come from data.

    Parameters
    ----------
    title : str
        One line.
    headings : sequence of Heading or str, optional
        Columns of the table.
    rows : sequence of sequence of str, optional
        Cells.
    notes : sequence of str, optional
        Lines below the table.
    more : sequence of Heading or str, optional
        Columns that are named only.

    Examples
    --------
    >>> from dustest.data.displays import Display, Heading
    >>> display = Display("1 galaxy", ["id", Heading("A_V", "mag")], [["a<b", "0.41"]])
    >>> print(display.to_text())
    1 galaxy
    id   A_V [mag]
    a<b       0.41
    >>> "a&lt;b" in display.to_html()
    True
    """

    title: str
    headings: tuple = ()
    rows: tuple = ()
    notes: tuple = ()
    more: tuple = ()

    def to_text(self):
        """Write lines of text; columns beyond 100 characters are named only.

        Returns
        -------
        text : str
            Without control characters and with plain minus signs.
        """
        heads = [_cell(heading) for heading in self.headings]
        rows = [heads, *([_cell(cell).replace("−", "-") for cell in row] for row in self.rows)]
        columns = list(zip(*rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        n_shown = _fitting(widths)
        padded = [
            [cell.rjust(width) if number else cell.ljust(width) for cell in column]
            for number, (column, width) in enumerate(zip(columns, widths, strict=True))
        ][:n_shown]
        lines = [(" " * _BETWEEN).join(row).rstrip() for row in zip(*padded, strict=True)]
        notes = [*self.notes, *_name_columns([*self.headings[n_shown:], *self.more])]
        return "\n".join([_line(self.title), *lines, *map(_line, notes)])

    def to_html(self):
        """Write a part of a page, in which all text is escaped.

        Returns
        -------
        html : str
            A ``div`` without styles, which has those of the notebook.
        """
        heads = "".join(f'<th scope="col">{_escape(heading)}</th>' for heading in self.headings)
        rows = ["".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) for row in self.rows]
        body = "".join(f"<tr>{row}</tr>\n" for row in rows)
        table = f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
        notes = [*self.notes, *_name_columns(self.more)]
        notes = "".join(f"<p>{_escape(note)}</p>\n" for note in notes)
        return (
            f"<div>\n<p><strong>{_escape(self.title)}</strong></p>\n"
            f"{table if self.headings else ''}{notes}</div>"
        )


def rows_to_show(n_rows):
    """Select rows of a table to show: all, or the first and the last.

    Parameters
    ----------
    n_rows : int
        Rows of the table.

    Returns
    -------
    rows : ndarray of int
        Their numbers.
    gap : int or None
        How many of them precede the rows that are left out; None if all are shown.

    Examples
    --------
    >>> from dustest.data.displays import rows_to_show
    >>> rows_to_show(1_000_000)
    (array([     0,      1,      2,      3,      4, 999995, 999996, 999997,
           999998, 999999]), 5)
    """
    if n_rows <= _MOST_ROWS:
        return np.arange(n_rows), None
    return np.r_[:_ENDS, n_rows - _ENDS : n_rows], _ENDS


def with_gap(columns, gap):
    """Join columns of cells to rows, with a row of dots where rows are left out.

    Parameters
    ----------
    columns : sequence of sequence of str
        Cells of each column.
    gap : int or None
        Rows before the dots.

    Returns
    -------
    rows : list of tuple of str
        Cells of each row.

    Examples
    --------
    >>> from dustest.data.displays import with_gap
    >>> with_gap([["1", "9"], ["a", "b"]], 1)
    [('1', 'a'), ('…', '…'), ('9', 'b')]
    """
    rows = list(zip(*columns, strict=True))
    if gap is None:
        return rows
    return [*rows[:gap], (_GAP,) * len(columns), *rows[gap:]]


def _name_columns(headings):
    """A line with the names of columns, if there are any."""
    return [f"more columns: {shown([str(one) for one in headings])}"] if headings else []


def _line(text):
    """Text in one line, without control characters."""
    return " ".join(without_controls(str(text)).split())


def _cell(text):
    """Text in one line of limited length."""
    line = _line(text)
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + _GAP


def _escape(text):
    """Text in one line for a page."""
    return escape(_line(text))


def _fitting(widths):
    """Number of the first columns that fit into a line, at least one."""
    ends = np.cumsum([width + _BETWEEN for width in widths]) - _BETWEEN
    return max(int(np.sum(ends <= _WIDTH)), 1)
