"""Intrinsic ratios of the lines of hydrogen."""

from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.data.lines import LINES
from dustest.data.messages import not_one_of
from dustest.physics._storey_hummer95 import DENSITIES, EMISSIVITIES, TEMPERATURES

__all__ = ["HYDROGEN_LINES", "line_ratio"]

HYDROGEN_LINES = tuple(EMISSIVITIES)
"""Names of the lines of hydrogen with a case B ratio."""

TEMPERATURE_LIMITS = (TEMPERATURES[0], TEMPERATURES[-1])
"""Electron temperatures in K at which ratios are known."""
DENSITY_LIMITS = (1.0, DENSITIES[-1])
"""Electron densities per cm3; below 100 the ratios are those at 100."""


def line_ratio(line, other="Hb", temperature=1e4, density=100.0):
    """Ratio of the intrinsic fluxes of two lines of hydrogen in case B.

    In case B the gas is opaque to the lines of the Lyman series.

    Parameters
    ----------
    line, other : str
        Lines, by a name or alias in `~dustest.data.LINES`: the first four of the Balmer series
        from ``"Ha"``, the first four of the Paschen series from ``"Pa"``, and the first three of
        the Brackett series from ``"Bra"``.
    temperature : float or array_like, optional
        Electron temperature in K, from 1,000 to 30,000; broadcasts with ``density``.
    density : float or array_like, optional
        Electron density per cm3, from 1 to 1e6. The tables begin at 100; the ratios change by
        less than 1 per cent below, and are those at 100.

    Returns
    -------
    ratio : float or ndarray
        Flux of ``line`` over that of ``other``.

    Raises
    ------
    InputError
        If there is no such line, or a temperature or density is out of range.

    Notes
    -----
    Logarithms of emissivities are interpolated by a bicubic spline in the logarithms of
    temperature and density. Published emissivities have four digits.

    References
    ----------
    Storey & Hummer 1995, MNRAS 272, 41; Osterbrock & Ferland 2006, Astrophysics of Gaseous
    Nebulae and Active Galactic Nuclei, section 4.2.

    Examples
    --------
    >>> from dustest.physics import line_ratio
    >>> round(float(line_ratio("Ha", "Hb")), 2)
    2.86
    >>> line_ratio("Ha", temperature=[5e3, 1e4, 2e4]).round(2)
    array([3.04, 2.86, 2.75])
    """
    log_t, log_n = np.broadcast_arrays(
        np.log10(_within(temperature, "temperature", TEMPERATURE_LIMITS, "K")),
        np.log10(np.maximum(_within(density, "density", DENSITY_LIMITS, "per cm3"), DENSITIES[0])),
    )
    above, below = (_spline(_hydrogen(name, what)) for name, what in _named(line, other))
    return np.exp(above.ev(log_n, log_t) - below.ev(log_n, log_t))[()]


def _named(line, other):
    """The two lines and the names of their arguments."""
    return ((line, "line"), (other, "other"))


def _hydrogen(name, argument):
    """Canonical name of a line of hydrogen."""
    found = LINES[name].name if isinstance(name, str) and name in LINES else None
    if found not in EMISSIVITIES:
        raise InputError(not_one_of(argument, name, HYDROGEN_LINES))
    return found


def _within(values, name, limits, unit):
    """Numbers within limits."""
    numbers = to_floats(values, name, sentinels=False)
    if not np.all((numbers >= limits[0]) & (numbers <= limits[1])):
        msg = f"{name} must be from {limits[0]:g} to {limits[1]:g} {unit}, got {values!r}"
        raise InputError(msg)
    return numbers


@lru_cache
def _spline(line):
    """Interpolation of the logarithm of an emissivity."""
    return RectBivariateSpline(
        np.log10(DENSITIES), np.log10(TEMPERATURES), np.log(EMISSIVITIES[line])
    )
