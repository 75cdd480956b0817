"""Upper limits that an estimator does not use."""

import warnings

import numpy as np

from dustest.data.errors import DustestWarning
from dustest.data.kinds import KINDS
from dustest.data.messages import shown

__all__ = ["warn_of_limits"]


def warn_of_limits(sample, kinds, name):
    """Warn of upper limits in rows without a value.

    Such a row has no value in that band or line. If a row also has a measured value, it is used,
    and its limit adds no information.

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
        If there are such rows.
    """
    limits = [pair for kind in kinds for pair in KINDS[kind].names_in(sample, "limit")]
    lost = [limit for limit, value in limits if _has_lost(sample[limit], sample[value])]
    if lost:
        msg = (
            f"{name} does not use upper limits: rows that have only a limit in {shown(lost)} have "
            "no value there"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _has_lost(limit, value):
    """Whether a row has an upper limit and no value."""
    return bool(np.any(np.isfinite(limit) & ~np.isfinite(value)))
