"""Warnings of the parts of a table, given once for the whole table."""

import warnings
from contextlib import contextmanager

from dustest.data.errors import DustestWarning, RowsWarning

__all__ = ["CollectedWarnings"]


class CollectedWarnings:
    """Warnings of dustest about the parts of a table, one after the other.

    Equal ones are given once. The rows of `~dustest.data.errors.RowsWarning` are added up.

    Examples
    --------
    >>> import warnings
    >>> from dustest.data.collected_warnings import CollectedWarnings
    >>> from dustest.data.errors import RowsWarning
    >>> collected = CollectedWarnings()
    >>> for count in (1, 2):
    ...     with collected.part():
    ...         warnings.warn(RowsWarning("{count} of {n_rows} rows", count, 10))
    ...     collected.count(10)
    >>> with warnings.catch_warnings(record=True) as given:
    ...     warnings.simplefilter("always")
    ...     collected.give()
    >>> print(given[0].message)
    3 of 20 rows
    """

    def __init__(self):
        self._found = {}
        self._n_rows = 0

    @contextmanager
    def part(self):
        """Collect the warnings of one part, in a ``with`` block.

        Yields
        ------
        None
            Warnings of other packages are given at the end of the block.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DustestWarning)
            yield
        for one in caught:
            if isinstance(one.message, DustestWarning):
                self._add(one.message)
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)

    def count(self, n_rows):
        """Count the rows of the part.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        """
        self._n_rows += n_rows

    def _add(self, message):
        """Add a warning of the present part."""
        if not isinstance(message, RowsWarning):
            self._found.setdefault(str(message), message)
            return
        known = self._found.get(message.template)
        first = dict(message.first) if known is None else known.first
        if known is None and "row" in first:
            first["row"] += self._n_rows
        count = message.count + (0 if known is None else known.count)
        self._found[message.template] = RowsWarning(message.template, count, 0, first)

    def give(self, stacklevel=2):
        """Give the collected warnings, once, and forget them.

        Parameters
        ----------
        stacklevel : int, optional
            As in `warnings.warn`.
        """
        found, self._found = self._found, {}
        for message in found.values():
            if isinstance(message, RowsWarning):
                parts = (message.template, message.count, self._n_rows, message.first)
                warnings.warn(RowsWarning(*parts), stacklevel=stacklevel + 1)
            else:
                warnings.warn(message, stacklevel=stacklevel + 1)
