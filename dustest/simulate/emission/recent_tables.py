"""A bound on the memory of tables of spectra."""

__all__ = ["RecentTables"]

_MOST_BYTES = 2e9
"""Those of 31 redshifts and one kind of gas take 0.1 (for any law) to 0.4 GB (for one law)."""


class RecentTables:
    """The tables that were used last, up to a total size.

    Parameters
    ----------
    most_bytes : float, optional
        Size in bytes beyond which the tables that were not used for the longest time are dropped.
        They are made again when needed. The last table is kept, whatever its size.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.emission.recent_tables import RecentTables
    >>> recent = RecentTables(most_bytes=1000)
    >>> for key in ("a", "b", "a", "c"):
    ...     table = recent.get(key, lambda: np.zeros(50))
    >>> sorted(recent)
    ['a', 'c']
    """

    def __init__(self, most_bytes=_MOST_BYTES):
        self._most_bytes, self._tables = most_bytes, {}

    def __iter__(self):
        return iter(self._tables)

    def get(self, key, make):
        """Look up a table.

        Parameters
        ----------
        key : hashable
            What the table depends on.
        make : callable
            Makes the table, an object with ``nbytes``, if it is not there.

        Returns
        -------
        object
            The table.
        """
        # Dicts keep the order of insertion: the table that was used last is the last one.
        table = self._tables.pop(key) if key in self._tables else make()
        self._tables[key] = table
        while len(self._tables) > 1 and self._size > self._most_bytes:
            del self._tables[next(iter(self._tables))]
        return table

    @property
    def _size(self):
        """Bytes of all tables."""
        return sum(table.nbytes for table in self._tables.values())
