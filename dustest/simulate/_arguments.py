"""Checks of arguments, shared by the modules of the simulator."""

from collections.abc import Iterable

from dustest.data.bands import canonical_name
from dustest.data.checks.records import expect
from dustest.data.errors import InputError

__all__ = ["check_band_names"]


def check_band_names(bands, name):
    """Convert to canonical names of different bands.

    Parameters
    ----------
    bands : sequence of str
        The argument.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    InputError
        If it is no sequence or one string, a name is unknown, or two names mean one band.
    """
    if isinstance(bands, str):
        msg = f"{name} must be a sequence of names such as [{bands!r}], got one string"
        raise InputError(msg)
    expected = "a sequence of names of bands such as ['F277W']"
    expect(isinstance(bands, Iterable), name, expected, bands)
    names = tuple(canonical_name(band) for band in bands)
    if len(set(names)) < len(names):
        msg = f"{name} must name each band once, got {', '.join(names)}"
        raise InputError(msg)
    return names
