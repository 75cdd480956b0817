"""Errors and warnings of dustest."""

__all__ = [
    "DustestError",
    "DustestWarning",
    "InputError",
    "InputTypeError",
    "MissingDependencyError",
    "ReadError",
    "RowsWarning",
    "WriteError",
]


class DustestError(Exception):
    """Base class of all errors that dustest raises on purpose."""


class InputError(DustestError, ValueError):
    """An argument is invalid."""


class ReadError(DustestError, OSError):
    """A file is missing, unreadable or of unknown layout."""


class WriteError(DustestError, OSError):
    """A file cannot be written: the disk is full, or another run has it."""


class InputTypeError(InputError, TypeError):
    """An argument has an invalid type."""


class MissingDependencyError(DustestError, ImportError):
    """A required optional package is not installed."""


class DustestWarning(UserWarning):
    """Something was left out or failed for part of the input."""


class RowsWarning(DustestWarning):
    """A warning of some rows of a table, which can be added up for the parts of a table.

    Parameters
    ----------
    template : str
        Text with ``{count}`` and ``{n_rows}``, and the keys of ``first``.
    count : int
        Number of rows that the warning is about.
    n_rows : int
        Number of rows of the table.
    first : dict of str to object, optional
        What the text says of the first of these rows; ``row`` is its number.

    Examples
    --------
    >>> from dustest.data.errors import RowsWarning
    >>> print(RowsWarning("{count} of {n_rows} failed, the first in row {row}", 2, 9, {"row": 4}))
    2 of 9 failed, the first in row 4
    """

    def __init__(self, template, count, n_rows, first=None):
        self.template = template
        self.count = int(count)
        self.n_rows = int(n_rows)
        self.first = dict(first or {})
        super().__init__(template.format(count=count, n_rows=n_rows, **self.first))

    def __reduce__(self):
        return type(self), (self.template, self.count, self.n_rows, self.first)
