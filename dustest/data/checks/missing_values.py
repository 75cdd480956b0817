"""Missing values: the numbers and words that catalogues write for them."""

import numpy as np

__all__ = [
    "FAINTEST_MAGNITUDE",
    "MISSING_CELLS",
    "MISSING_MAGNITUDES",
    "MISSING_NUMBERS",
    "without_sentinels",
]

MISSING_NUMBERS = (-99.0, -99.9, -99.99, -999.0, -999.9, -9999.0, -99999.0)
"""Numbers that mean a missing value in any column."""

MISSING_MAGNITUDES = (99.0, 99.9, 99.99, 999.0, 9999.0)
"""Numbers that mean a missing value in columns of magnitudes, besides `MISSING_NUMBERS`."""

MISSING_CELLS = (
    *("", "-", "--", "---", "...", "nan", "na", "n/a", "null", "none", "masked", "indef"),
    *("\\n", '""', "inf", "-inf"),
)
"""Words that mean a missing value in text, in lower case."""

FAINTEST_MAGNITUDE = 90.0
"""AB magnitudes from this value on are missing values, and so are fluxes as bright."""

_TOLERANCE = 1e-6
"""Relative error of a sentinel in single precision."""


def without_sentinels(values, *, magnitudes=False):
    """Replace numbers that mean a missing value by NaN.

    Parameters
    ----------
    values : ndarray of float
        Values.
    magnitudes : bool, optional
        Whether they are in magnitudes, for which 99 is a missing value too.

    Returns
    -------
    values : ndarray of float
        The same array if nothing is missing, else a new one.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.data.checks.missing_values import without_sentinels
    >>> without_sentinels(np.array([99.0, -99.0, 25.0]))
    array([99., nan, 25.])
    >>> without_sentinels(np.array([99.0, -99.0, 25.0]), magnitudes=True)
    array([nan, nan, 25.])
    """
    numbers = np.array(MISSING_NUMBERS + (MISSING_MAGNITUDES if magnitudes else ()))
    # Few values are this large, and only they are compared with each of the sentinels.
    large = values <= -FAINTEST_MAGNITUDE
    if magnitudes:
        large |= values >= FAINTEST_MAGNITUDE
    if not np.any(large):
        return values
    missing = np.zeros(values.shape, dtype=bool)
    given = values[large][:, np.newaxis]
    missing[large] = np.any(np.abs(given - numbers) <= _TOLERANCE * np.abs(numbers), axis=1)
    return np.where(missing, np.nan, values) if np.any(missing) else values
