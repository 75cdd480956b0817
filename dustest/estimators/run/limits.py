"""Upper limits that an estimator does not use."""

import warnings

import numpy as np

from dustest.data.errors import DustestWarning
from dustest.data.kinds import find_column
from dustest.data.messages import shown

__all__ = ["warn_of_limits"]


def warn_of_limits(sample, kinds, name):
    """Warn of upper limits in rows that have no value instead.

    Nothing is misread: such a row has no value in that band or line. Where a row has a measured
    value too, it is used and its limit adds nothing.

    Parameters
    ----------
    sample : GalaxySample
        Checked sample.
    kinds : iterable of str
        Names of the kinds that the estimator uses.
    name : str
        The estimator, for the message.

    Warns
    -----
    DustestWarning
        If there are any.
    """
    lost = [column for column in sample.colnames if _is_lost(sample, column, kinds)]
    if lost:
        msg = (
            f"{name} does not use upper limits: rows that have only a limit in {shown(lost)} have "
            "no value there"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _is_lost(sample, column, kinds):
    """Whether a column has upper limits of a kind where there is no value."""
    found = find_column(column)
    if found is None or found.column.role != "limit" or found.kind.name not in kinds:
        return False
    value = found.kind.values[0].name + column.removeprefix(found.column.name)
    return bool(np.any(np.isfinite(sample[column]) & ~np.isfinite(sample[value])))
