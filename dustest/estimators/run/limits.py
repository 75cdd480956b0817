"""Data of a sample that an estimator does not use."""

import warnings

import numpy as np

from dustest.data.errors import DustestWarning
from dustest.data.kinds import KINDS
from dustest.data.lines import LINES
from dustest.data.messages import did_you_mean, shown

__all__ = ["warn_of_limits", "warn_of_unknown_lines"]


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


def warn_of_unknown_lines(sample):
    """Warn of emission lines without a wavelength, which no estimator can use.

    Parameters
    ----------
    sample : GalaxySample
        Checked sample.

    Warns
    -----
    DustestWarning
        If there are such lines.
    """
    unknown = [name for name in sample.lines if name not in LINES]
    if unknown:
        known = [name for line in LINES.values() for name in (line.name, *line.aliases)]
        msg = (
            f"the lines {shown(unknown)} are not known and are left out: "
            f"{did_you_mean(unknown[0], known)}rename their columns, or add them by register_line"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)


def _has_lost(limit, value):
    """Whether a row has an upper limit and no value."""
    return bool(np.any(np.isfinite(limit) & ~np.isfinite(value)))
