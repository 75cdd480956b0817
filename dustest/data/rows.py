"""Tables whose rows scikit-learn can split, shuffle and search over."""

import numpy as np
from astropy.table import QTable

from dustest.data.errors import InputError

__all__ = ["RowTable"]


class RowTable(QTable):
    """A `~astropy.table.QTable` that scikit-learn treats like an array of rows.

    Examples
    --------
    >>> from dustest.data import RowTable
    >>> from sklearn.model_selection import train_test_split
    >>> table = RowTable({"A_V": [0.1, 0.2, 0.3, 0.4]})
    >>> [len(part) for part in train_test_split(table, random_state=0)]
    [3, 1]
    """

    @property
    def shape(self):
        """Shape as scikit-learn counts it: one axis, the rows."""
        return (len(self),)

    def take(self, indices, axis=0):
        """Rows by number or mask, as scikit-learn's splitters ask for them.

        Parameters
        ----------
        indices : array_like of int or bool of shape (m,)
            Rows to take.
        axis : int, optional
            Must be 0.

        Returns
        -------
        rows : RowTable
            The rows, copied, in a table of the same class.

        Raises
        ------
        InputError
            If ``axis`` is not 0.
        """
        if axis != 0:
            msg = f"axis must be 0, the rows, got {axis!r}"
            raise InputError(msg)
        return self[np.asarray(indices)]
