"""Row flags: limitations of a result, as bits of one integer."""

from dataclasses import dataclass

import numpy as np

from dustest.data.checks.values import bare_values
from dustest.data.errors import InputError

__all__ = ["FLAGS", "Flag", "as_flags", "decode_flags"]


@dataclass(frozen=True)
class Flag:
    """One bit of the ``flags`` column.

    Parameters
    ----------
    name : str
        Upper-case name.
    bit : int
        Position of the bit, from 0.
    description : str
        One sentence for documentation and reports.
    """

    name: str
    bit: int
    description: str

    @property
    def value(self):
        """Integer with only this bit set."""
        return 1 << self.bit


FLAGS = {
    flag.name: flag
    for flag in (
        Flag("NO_DATA", 0, "the row has no data that the estimator needs"),
        Flag("MISSING_BAND", 1, "at least one band is missing or unusable and was left out"),
        Flag("LOW_SNR", 2, "the signal-to-noise ratio is below 5 in the data of the estimator"),
        Flag("EDGE", 3, "the cutout extends beyond the edge of the image"),
        Flag("BAD_PIXELS", 4, "the cutout has masked or non-finite pixels"),
        Flag("REDSHIFT_OUT_OF_RANGE", 5, "the redshift is missing or outside the valid range"),
        Flag("OUT_OF_DOMAIN", 6, "the input is outside the range of the estimator"),
        Flag("PRIOR_DOMINATED", 7, "the data add little to the prior: the result is the prior"),
        Flag("LOW_ESS", 8, "too few effective posterior samples for stable percentiles"),
        Flag("AT_PRIOR_EDGE", 9, "the posterior accumulates at an edge of its prior"),
        Flag("NEGATIVE_ATTENUATION", 10, "the estimate is below zero: bluer than without dust"),
        Flag("TIMED_OUT", 11, "the computation was stopped at its time limit"),
        Flag("FAILED", 12, "the computation failed for this row"),
        Flag("POOR_FIT", 13, "the data are improbable under every model of the estimator"),
        Flag("NOT_A_GALAXY", 14, "the source is probably a star, an AGN or an artefact"),
        Flag("INFRARED_CONFLICT", 15, "the far infrared is improbable given all other data"),
    )
}


def as_flags(flags, name="flags"):
    """Convert bits of flags.

    Parameters
    ----------
    flags : int or array_like of int of shape (n,)
        Value or column of flags; masked entries have none.
    name : str, optional
        Name for messages.

    Returns
    -------
    bits : ndarray of int32 of the same shape
        Bits of `FLAGS`.

    Raises
    ------
    InputError
        If a value is not an integer, or sets a bit that no flag has.

    Examples
    --------
    >>> from dustest.data.flags import as_flags
    >>> as_flags([0, 4]).dtype
    dtype('int32')
    """
    values, missing = bare_values(flags)
    known = sum(flag.value for flag in FLAGS.values())
    if values.dtype.kind not in "iu" or np.any(values.astype(np.int64) & ~known):
        got = repr(flags) if values.ndim == 0 else f"{values.dtype} such as {_odd(values, known)}"
        msg = f"{name} must be integers made of the bits in FLAGS (0 to {known}), got {got}"
        raise InputError(msg)
    return np.where(False if missing is None else missing, 0, values).astype(np.int32)


def _odd(values, known):
    """First value that is not a flag."""
    odd = [one for one in values.flat if values.dtype.kind not in "iu" or int(one) & ~known]
    return odd[0] if odd else "none"


def decode_flags(flags):
    """Names of the bits that are set.

    Parameters
    ----------
    flags : int or array_like of int of shape (n,)
        Value or column of flags.

    Returns
    -------
    names : tuple of str, or list of tuple of str
        One tuple for a scalar, a list of them for a column.

    Raises
    ------
    InputError
        If a value is not an integer, or sets a bit that no flag has.

    Examples
    --------
    >>> from dustest.data import decode_flags
    >>> decode_flags(5)
    ('NO_DATA', 'LOW_SNR')
    >>> decode_flags([0, 1024])
    [(), ('NEGATIVE_ATTENUATION',)]
    """
    values = as_flags(flags)
    if values.ndim == 0:
        return _names(int(values))
    return [_names(int(value)) for value in values]


def _names(value):
    """Names of the bits of one integer."""
    return tuple(flag.name for flag in FLAGS.values() if value & flag.value)
