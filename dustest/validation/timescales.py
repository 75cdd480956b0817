"""Specific star-formation rates averaged over other durations."""

import numpy as np
from astropy import units as u

from dustest.data.checks.tables import as_table
from dustest.data.checks.values import to_floats
from dustest.data.containers.results import DustTable
from dustest.data.errors import InputError
from dustest.data.messages import shown
from dustest.data.quantities import percentile_columns
from dustest.validation.columns import numeric_columns

__all__ = ["ssfr_over"]


def ssfr_over(table, timescale):
    """Results of an SED fit with the specific star-formation rate over another duration.

    Parameters
    ----------
    table : DustTable, Table or data frame
        Results with ``log_mass`` and ``log_SFR_<timescale>``, as of
        ``BagpipesEstimator(extra=["history"])``.
    timescale : {10, 100} or `~astropy.units.Quantity`
        Duration over which the rate is averaged, in Myr without a unit.

    Returns
    -------
    table : DustTable
        A copy whose ``log_sSFR`` is the median rate over the median mass. Its percentiles are NaN,
        since those of a ratio do not follow from those of its parts.

    Raises
    ------
    InputError
        If a column is missing or not numeric, or the duration is invalid.

    Examples
    --------
    >>> from dustest.data import DustTable
    >>> from dustest.validation import ssfr_over
    >>> table = DustTable.from_quantities([1], {"log_sSFR": [-8.0]})
    >>> table["log_mass"], table["log_SFR_10"] = [9.0], [1.5]
    >>> float(ssfr_over(table, 10)["log_sSFR"][0])
    -7.5
    """
    table = as_table(table)
    time = to_floats(timescale, "timescale", unit=u.Myr, ndim=0)
    rate = f"log_SFR_{time:g}"
    if rate not in table.colnames:
        msg = (
            f"table must have the column {rate}, which SED fits with extra=['history'] have for "
            f"10 and 100 Myr; it has {shown(table.colnames)}"
        )
        raise InputError(msg)
    columns = numeric_columns(table, [rate, "log_mass"])
    over = DustTable(table, copy=True)
    over["log_sSFR"] = columns[rate] - columns["log_mass"]
    for name in percentile_columns("log_sSFR"):
        over[name] = np.full(len(over), np.nan)
    return over
