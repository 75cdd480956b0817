"""The slope beta of the rest-frame ultraviolet continuum, f_lambda proportional to lambda^beta.

Spectra are fitted in windows free of the Lyman-alpha break and of strong lines, photometry with
the transmission curves of the bands inside the rest-frame ultraviolet. Both fits use fluxes, not
their logarithms: noise stays symmetric, and negative values are used like any other.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import units as u
from scipy.interpolate import CubicSpline
from scipy.special import chdtrc

from dustest.data.checks.missing_values import FAINTEST_MAGNITUDE
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.checks.units import (
    FLUX_UNIT,
    SPECTRAL_UNIT,
    declared_unit,
    is_flux,
    is_magnitude,
)
from dustest.data.checks.values import bare_values, to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.physics._values import as_curves, as_redshift, as_redshifts

__all__ = [
    "PHOTOMETRIC_SLOPE_ERR",
    "POWER_LAW_ERR",
    "UV_1600",
    "UV_WINDOWS",
    "PhotometricSlopes",
    "UVSlope",
    "fit_beta",
    "photometric_beta",
    "select_uv_bands",
    "select_uv_pixels",
    "spectral_beta",
]

UV_RANGE = (1250.0, 3000.0)
"""Rest-frame Angstrom in which the continuum is a power law, redward of Lyman alpha's wing."""

UV_1600 = (1575.0, 1625.0)
"""Rest-frame Angstrom of the window at 1600 Angstrom, for M_UV and A_1600."""

_UV = float(np.mean(UV_1600))

UV_WINDOWS = {
    # Calzetti, Kinney & Storchi-Bergmann 1994, ApJ 429, 582, table 2.
    "calzetti": (
        *((1268.0, 1284.0), (1309.0, 1316.0), (1342.0, 1371.0), (1407.0, 1515.0)),
        *((1562.0, 1583.0), (1677.0, 1740.0), (1760.0, 1833.0), (1866.0, 1890.0)),
        *((1930.0, 1950.0), (2400.0, 2580.0)),
    ),
    # Wide enough for the NIRSpec prism; redward of the damping wing, without C III] 1909.
    "broad": ((1400.0, 1860.0), (1955.0, 2580.0)),
}
"""Windows by name, as pairs of rest-frame Angstrom."""

PHOTOMETRIC_SLOPE_ERR = 0.11
"""Systematic error of a photometric slope: galaxies are not exact power laws, and the bands cover
another part of the continuum at each redshift. Measured by ``benchmarks/bench_uv_slope.py`` on
galaxies of the population "0.2" above 1e8 Msun, against the slope of the spectrum without noise:
scatter and median offset together are 0.11 for statistical errors of 0.02 to 0.05, which are
subtracted (309 galaxies), and 0.09 below 0.02 (64 galaxies). With dust of the SMC only it was
0.07."""

POWER_LAW_ERR = 0.02
"""Relative error of a power law in a band. With it, at the depth of JADES-deep 99.7 per cent of
the galaxies of the population "0.2", and 95 per cent of those above 1e8 Msun, have a chi-squared
of a probability above 1e-4; with dust of the SMC only it was 99.9 per cent."""

# N IV], C IV, He II, O III], N III], C III], C II] and [O II].
_LINES = np.array([1486.0, 1549.5, 1640.4, 1663.5, 1750.0, 1908.0, 2326.0, 2471.0])
_LINE_HALF_WIDTH = 20.0
_MIN_PIXELS = 5
_MIN_BANDS = 2
_MIN_SPAN = 0.5
_BETA_NODES = np.linspace(-10.0, 8.0, 73)
_LARGEST_ERROR = 1e6
"""Relative to the smallest one: a value with a larger error has no information, and numbers of 16
digits cannot represent its square together with those of the others."""
_LEAST_RELATIVE_ERROR = 1e-6
"""Of the flux: no calibration is better, so that a smaller error is raised to this value."""
_MAX_STEPS = 60
_TOLERANCE = 1e-9
_CHUNK = 65_536


@dataclass(frozen=True)
class UVSlope:
    """The slope of one spectrum.

    Parameters
    ----------
    beta : float
        The slope.
    beta_err : float
        Its standard error, enlarged by sqrt(chi2 / dof) where that is above one: errors of
        neighbouring pixels are correlated, and weak lines remain.
    chi2 : float
        Chi-squared of the fit, with the errors as given.
    n_pixels : int
        Number of pixels that were fitted.
    amplitude : float
        Flux density of the power law at 1600 Angstrom in the rest frame, per unit wavelength:
        in erg/s/cm2/Angstrom for a spectrum with units, else in those of its flux.
    """

    beta: float
    beta_err: float
    chi2: float
    n_pixels: int
    amplitude: float


@dataclass(frozen=True, eq=False)
class PhotometricSlopes:
    """The slopes of many galaxies, from photometry.

    Parameters
    ----------
    beta : ndarray of shape (n,)
        The slopes; NaN if ``ok`` is False.
    beta_err : ndarray of shape (n,)
        Their standard errors: those of the fluxes, and in quadrature the systematic error of
        photometric slopes, 0.11.
    statistical_err : ndarray of shape (n,)
        The part due to the errors of the fluxes.
    chi2 : ndarray of shape (n,)
        Chi-squared of each fit, with the errors as given; zero with two bands.
    probability : ndarray of shape (n,)
        Probability of a chi-squared of at least this value, if power laws hold to 2 per cent of
        the flux in each band; 1 with two bands.
    n_bands : ndarray of int of shape (n,)
        Number of bands inside the rest-frame ultraviolet with usable fluxes.
    ok : ndarray of bool of shape (n,)
        False if fewer than two bands were usable, the flux is not positive, or the slope is
        outside -10 to 8.
    amplitude : ndarray of shape (n,)
        Flux densities of the power laws at 1600 Angstrom in the rest frame, per unit frequency:
        in nJy for fluxes with units, else in those of the fluxes.
    """

    beta: np.ndarray
    beta_err: np.ndarray
    statistical_err: np.ndarray
    chi2: np.ndarray
    probability: np.ndarray
    n_bands: np.ndarray
    ok: np.ndarray
    amplitude: np.ndarray


def fit_beta(spectrum, redshift, windows="broad", *, mask_lines=None):
    """Fit the UV slope of a spectrum.

    Parameters
    ----------
    spectrum : object
        Any object with Quantities or Columns ``wavelength`` (observed frame), ``flux`` and
        ``flux_err`` of shape (n_wave,), such as the result of `dustest.io.read_spectrum`; flux
        density per unit wavelength or frequency.
    redshift : float
        Redshift of the galaxy.
    windows : {"broad", "calzetti"} or array_like of shape (n_windows, 2), optional
        Rest-frame windows in Angstrom. ``"broad"`` (1400-1860 and 1955-2580) is suited to the
        NIRSpec prism; ``"calzetti"`` are the ten windows of Calzetti et al. (1994).
    mask_lines : bool, optional
        Leave out 20 Angstrom on both sides of the strong emission lines. The default is True
        except for ``"calzetti"``, whose windows avoid them.

    Returns
    -------
    UVSlope
        Slope, error, chi-squared, number of pixels and amplitude.

    Raises
    ------
    InputError
        If the spectrum has no members of fitting units, the redshift is negative or not
        finite, the windows are unknown, the spectrum does not cover the rest-frame
        ultraviolet, or it holds no positive flux there.

    References
    ----------
    Calzetti, Kinney & Storchi-Bergmann 1994, ApJ 429, 582.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from dustest.physics import fit_beta
    >>> wavelength = np.linspace(0.6, 5.3, 700) * u.um
    >>> flux = wavelength.value**-2.1 * 1e-20 * u.Unit("erg s-1 cm-2 AA-1")
    >>> spectrum = SimpleNamespace(wavelength=wavelength, flux=flux, flux_err=0.1 * flux)
    >>> round(fit_beta(spectrum, redshift=7.0).beta, 3)
    -2.1
    """
    members = [getattr(spectrum, name, None) for name in ("wavelength", "flux", "flux_err")]
    if any(getattr(values, "unit", None) is None for values in members):
        msg = (
            "spectrum must have wavelength, flux and flux_err with units of length and of "
            "spectral flux density, as read_spectrum gives them"
        )
        raise InputError(msg)
    return spectral_beta(*members, redshift, windows, mask_lines=mask_lines)


def spectral_beta(wavelength, flux, flux_err, redshift, windows="broad", *, mask_lines=None):
    """Fit the UV slope of a spectrum given as arrays.

    Pixels with a missing flux, or with a missing, infinite or not positive error, are left out,
    and so are all below 1250 Angstrom, for any windows. Errors below 1e-6 of the flux are set to
    that value; pixels with an error of more than 1e6 times the smallest are left out.

    Parameters
    ----------
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Observed-frame wavelengths; Angstrom if they have no unit.
    flux : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Flux density, per unit wavelength on any scale if it has no unit.
    flux_err : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Its standard errors; with a unit where ``flux`` has one.
    redshift : float
        Redshift of the galaxy.
    windows : {"broad", "calzetti"} or array_like of shape (n_windows, 2), optional
        Rest-frame windows in Angstrom, see `fit_beta`.
    mask_lines : bool, optional
        Leave out the strong emission lines, see `fit_beta`.

    Returns
    -------
    UVSlope
        Slope, error, chi-squared, number of pixels and amplitude.

    Raises
    ------
    InputError
        If shapes or units do not fit, the redshift is negative or not finite, the windows are not
        known, the spectrum does not cover the rest-frame ultraviolet, or it holds no positive flux
        there.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import spectral_beta
    >>> wavelength = np.linspace(6000.0, 30000.0, 400)
    >>> slope = spectral_beta(wavelength, wavelength**-1.7, 0.1 * wavelength**-1.7, 6.5)
    >>> round(slope.beta, 3), slope.n_pixels
    (-1.7, 102)
    """
    wavelength, flux, flux_err = _spectral_values(wavelength, flux, flux_err)
    if wavelength.ndim != 1 or not wavelength.shape == flux.shape == flux_err.shape:
        msg = (
            "wavelength, flux and flux_err must be one-dimensional and of equal length, got "
            f"shapes {wavelength.shape}, {flux.shape} and {flux_err.shape}"
        )
        raise InputError(msg)
    redshift = as_redshift(redshift)
    ranges = _window_ranges(windows)
    mask_lines = _masks_lines(mask_lines, windows)
    rest = wavelength / (1.0 + redshift)
    flux_err, use = _limited_errors(
        flux, flux_err, _usable(flux, flux_err) & _in_windows(rest, ranges, mask_lines=mask_lines)
    )
    _check_coverage(wavelength, rest[use], ranges, redshift)
    return _fit_spectrum(rest[use], flux[use], flux_err[use])


def photometric_beta(flux, flux_err, bands, redshift):
    """Fit the UV slopes of many galaxies to their photometry.

    A power law is integrated over the transmission curve of each band inside the rest-frame
    ultraviolet (see `select_uv_bands`), and fitted to the fluxes weighted by their errors. A band
    with a missing flux, or with a missing, infinite or not positive error, is left out. Errors
    below 1e-6 of the flux are set to that value, and a band whose error is more than 1e6 times the
    smallest of its galaxy is left out. Galaxies are not exact power laws: the error of every slope
    includes a systematic part.

    Parameters
    ----------
    flux : array_like, Column, `~astropy.units.Quantity` or table of shape (n, n_bands)
        Flux density or AB magnitudes; per unit frequency on any linear scale where it bears no
        unit. A table or data frame has a column for each band, in their order.
    flux_err : array_like, Column, `~astropy.units.Quantity` or table of shape (n, n_bands)
        Standard errors; with a unit where ``flux`` has one, on the same scale otherwise. Those of
        magnitudes may be magnitudes or flux densities.
    bands : sequence of str or Band
        The bands, see `dustest.data.bands.get_band`.
    redshift : array_like of shape (n,)
        Redshifts; a galaxy with a missing or negative one has no slope.

    Returns
    -------
    PhotometricSlopes
        Slopes, errors, chi-squared and its probability, number of bands, which galaxies could be
        fitted, and amplitudes.

    Raises
    ------
    InputError
        If the shapes do not fit, a unit is no flux density, only one of ``flux`` and ``flux_err``
        has a unit, or a band is unknown or repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import photometric_beta
    >>> flux = np.array([[10.0, 10.5, 11.0], [10.0, np.nan, 11.0]])
    >>> slopes = photometric_beta(flux, 0.1 * flux, ["F115W", "F150W", "F200W"], [7.2, 6.2])
    >>> slopes.beta.round(2), slopes.n_bands, slopes.ok
    (array([-1.83,   nan]), array([2, 1]), array([ True, False]))
    """
    curves = as_curves(bands)
    if len(set(curves)) < len(curves):
        msg = f"bands must differ, got {', '.join(curve.name for curve in curves)}"
        raise InputError(msg)
    flux, flux_err = _linear_fluxes(flux, flux_err, curves)
    redshift = as_redshifts(redshift)
    expected = (redshift.size, len(curves))
    if redshift.ndim != 1 or not flux.shape == flux_err.shape == expected:
        msg = (
            "flux and flux_err must have shape (n, n_bands) and redshift shape (n,), got "
            f"{flux.shape}, {flux_err.shape} and {redshift.shape} for {len(curves)} bands"
        )
        raise InputError(msg)
    inside = _usable(flux, flux_err) & select_uv_bands(curves, redshift)
    flux_err, use = _limited_errors(flux, flux_err, inside)
    if use.size == 0:
        return _no_slopes(redshift.size)
    middle = np.exp(np.mean([np.log(curve.pivot) for curve in curves]))
    log_shape = _band_power_laws(curves, middle)
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(flux), _CHUNK)]
    parts = [_fit_rows(log_shape, flux[rows], flux_err[rows], use[rows]) for rows in chunks]
    beta, error, chi2, tolerant, at_middle, ok = (
        np.concatenate(x) for x in zip(*parts, strict=True)
    )
    amplitude = at_middle * (_UV * (1.0 + redshift) / middle) ** (beta + 2.0)
    n_bands = use.sum(axis=1)
    probability = _probability(tolerant, n_bands)
    total = np.hypot(error, PHOTOMETRIC_SLOPE_ERR)
    return PhotometricSlopes(beta, total, error, chi2, probability, n_bands, ok, amplitude)


def select_uv_bands(bands, redshift):
    """Select the bands inside the rest-frame ultraviolet.

    A band is selected if its blue edge (one per cent of the peak) is redward of 1250 Angstrom in
    the rest frame, so that it contains neither the Lyman-alpha break nor its damping wing, and its
    red edge (half of the peak) is blueward of 3000 Angstrom. In the faint red end of a band, the
    continuum is still close to the power law.

    Parameters
    ----------
    bands : sequence of str or Band
        The bands, see `dustest.data.bands.get_band`.
    redshift : array_like of shape (n,)
        Redshifts; no band is selected for a missing or negative one.

    Returns
    -------
    ndarray of bool of shape (n, n_bands)
        True if a band is selected.

    Raises
    ------
    InputError
        If a band is unknown, or the redshifts are not one-dimensional numbers without a unit.

    Examples
    --------
    >>> from dustest.physics import select_uv_bands
    >>> select_uv_bands(["F090W", "F115W", "F150W", "F200W", "F277W"], [6.0, 7.5])
    array([[False,  True,  True, False, False],
           [False, False,  True,  True, False]])
    """
    curves = as_curves(bands)
    stretch = 1.0 + as_redshifts(redshift, ndim=1)[:, np.newaxis]
    blue = np.array([curve.edges(0.01)[0] for curve in curves])
    red = np.array([curve.edges(0.5)[1] for curve in curves])
    return (blue >= UV_RANGE[0] * stretch) & (red <= UV_RANGE[1] * stretch) & (stretch >= 1.0)


def select_uv_pixels(wavelength, redshift, windows="broad", *, mask_lines=None):
    """Select the pixels of a spectrum that a fit of its slope uses.

    Parameters
    ----------
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Observed-frame wavelengths; Angstrom if they have no unit.
    redshift : float
        Redshift of the galaxy.
    windows : {"broad", "calzetti"} or array_like of shape (n_windows, 2), optional
        Rest-frame windows in Angstrom, see `fit_beta`.
    mask_lines : bool, optional
        Leave out the strong emission lines, see `fit_beta`.

    Returns
    -------
    ndarray of bool of shape (n_wave,)
        True if a pixel is selected.

    Raises
    ------
    InputError
        If a unit is no length, the redshift is negative or not finite, or the windows are not
        known.

    Examples
    --------
    >>> from dustest.physics import select_uv_pixels
    >>> select_uv_pixels([10000.0, 11600.0, 12000.0], 7.0)
    array([False,  True, False])
    """
    wavelength = to_floats(wavelength, "wavelength", unit=u.AA)
    rest = wavelength / (1.0 + as_redshift(redshift))
    mask_lines = _masks_lines(mask_lines, windows)
    return _in_windows(rest, _window_ranges(windows), mask_lines=mask_lines)


def _window_ranges(windows):
    """Windows as an array of shape (n_windows, 2), in Angstrom."""
    if isinstance(windows, str):
        if windows not in UV_WINDOWS:
            msg = (
                f"windows must be one of {', '.join(UV_WINDOWS)} or an array of shape "
                f"(n_windows, 2), got {windows!r}: {did_you_mean(windows, UV_WINDOWS)}"
            )
            raise InputError(msg.rstrip(": "))
        windows = UV_WINDOWS[windows]
    msg = (
        "windows must be an array of shape (n_windows, 2) in Angstrom or with a spectral unit, "
        "each window from blue to red"
    )
    try:
        ranges = to_floats(windows, "windows", unit=u.AA, equivalencies=u.spectral(), ndim=2)
    except InputError as error:
        msg = f"{msg}: {error}"
        raise InputError(msg) from error
    if ranges.shape[1] != 2 or not np.all(ranges[:, 0] < ranges[:, 1]):
        raise InputError(msg)
    return ranges


def _in_windows(rest, ranges, *, mask_lines):
    """Pixels inside the windows, redward of Lyman alpha, and away from lines if requested."""
    pixels = rest[:, np.newaxis]
    inside = np.any((pixels >= ranges[:, 0]) & (pixels <= ranges[:, 1]), axis=1)
    inside &= rest >= UV_RANGE[0]
    if mask_lines:
        inside &= np.all(np.abs(pixels - _LINES) > _LINE_HALF_WIDTH, axis=1)
    return inside


def _masks_lines(mask_lines, windows):
    """Whether the strong lines are left out."""
    if mask_lines is None:
        return not (isinstance(windows, str) and windows == "calzetti")
    if not isinstance(mask_lines, bool | np.bool_):
        msg = f"mask_lines must be True, False or None, got {mask_lines!r}"
        raise InputError(msg)
    return mask_lines


def _check_coverage(wavelength, rest, ranges, redshift):
    """Refuse pixels that do not span at least half of the windows, in log wavelength."""
    low, high = max(ranges.min(), UV_RANGE[0]), ranges.max()
    enough = rest.size >= _MIN_PIXELS
    if enough and np.log(rest.max() / rest.min()) >= _MIN_SPAN * np.log(high / low):
        return
    extent = (
        f"pixels from {rest.min():.0f} to {rest.max():.0f} Angstrom" if rest.size else "pixels"
    )
    msg = (
        f"spectrum does not cover the rest-frame ultraviolet at redshift {redshift:g}: the "
        f"windows hold {rest.size} usable {extent}; the slope needs at least {_MIN_PIXELS}, over "
        f"at least half of {low:.0f} to {high:.0f} Angstrom; {_extent(wavelength)}"
    )
    raise InputError(msg)


def _extent(wavelength):
    """Range of the observed wavelengths in Angstrom, for a message."""
    known = wavelength[np.isfinite(wavelength)]
    if known.size == 0:
        return "it has no wavelength"
    return (
        f"it reaches from {known.min():g} to {known.max():g} Angstrom in the observed frame "
        "(wavelengths without a unit are in Angstrom)"
    )


def _fit_spectrum(rest, flux, flux_err):
    """Slope of selected pixels."""
    offset = np.log(rest / rest.mean())

    def log_shape(beta):
        shape = beta[:, np.newaxis] * offset
        return shape, np.broadcast_to(offset, shape.shape)

    use = np.ones((1, rest.size), dtype=bool)
    found = _fit_rows(log_shape, flux[np.newaxis], flux_err[np.newaxis], use)
    beta, beta_err, chi2, _, at_mean, ok = (values[0] for values in found)
    if not ok:
        msg = "spectrum must have positive flux in the windows of the rest-frame ultraviolet"
        raise InputError(msg)
    inflation = max(1.0, np.sqrt(chi2 / (rest.size - 2)))
    amplitude = at_mean * (_UV / rest.mean()) ** beta
    numbers = (float(value) for value in (beta, beta_err * inflation, chi2))
    return UVSlope(*numbers, rest.size, float(amplitude))


def _spectral_values(wavelength, flux, flux_err):
    """Wavelength in Angstrom, flux and error as floats: per wavelength where they have units."""
    wavelength = to_floats(
        wavelength, "wavelength", unit=u.AA, equivalencies=u.spectral(), sentinels=False
    )
    return wavelength, *_linear_pair(flux, flux_err, wavelength, SPECTRAL_UNIT)


def _linear_fluxes(flux, flux_err, curves):
    """Fluxes and errors as floats of shape (n, n_bands): in nJy where they have units."""
    pivots = [curve.pivot for curve in curves]
    if not (is_table_like(flux) or is_table_like(flux_err)):
        return _linear_pair(flux, flux_err, pivots)
    flux, flux_err = (
        _columns(values, name, len(curves))
        for name, values in (("flux", flux), ("flux_err", flux_err))
    )
    if len({_have_units(*pair) for pair in zip(flux, flux_err, strict=True)}) > 1:
        msg = "flux must have a unit in every column, or in none"
        raise InputError(msg)
    pairs = [_linear_pair(*pair) for pair in zip(flux, flux_err, pivots, strict=True)]
    return tuple(np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))


def _columns(values, name, n_bands):
    """Columns of a table, one for each band."""
    if is_table_like(values):
        columns = list(as_table(values, name).columns.values())
    else:
        columns = [values[:, i] for i in range(np.shape(values)[-1])]
    if len(columns) != n_bands:
        msg = f"{name} must have a column for each of the {n_bands} bands, got {len(columns)}"
        raise InputError(msg)
    return columns


def _have_units(flux, flux_err):
    """Whether fluxes and their errors have units of flux; both must, or neither."""
    units = [declared_unit(flux, "flux"), declared_unit(flux_err, "flux_err")]
    for name, unit in zip(("flux", "flux_err"), units, strict=True):
        is_error = name == "flux_err" and is_magnitude(unit)
        if unit is not None and not (is_flux(unit) or is_error):
            msg = f"{name} must be a flux density or AB magnitudes, got {unit}"
            raise InputError(msg)
    if (units[0] is None) != (units[1] is None):
        msg = (
            "flux and flux_err must both have a unit or neither, got "
            f"{units[0] or 'none'} and {units[1] or 'none'}"
        )
        raise InputError(msg)
    return units[0] is not None


def _linear_pair(flux, flux_err, angstrom, unit=FLUX_UNIT):
    """Fluxes and errors as floats, in a unit where they have units."""
    if not _have_units(flux, flux_err):
        return to_floats(flux, "flux"), to_floats(flux_err, "flux_err")
    wavelength = angstrom * u.AA
    in_magnitudes = declared_unit(flux, "flux") == u.ABmag
    values = _flux_of_magnitudes(flux) if in_magnitudes else flux
    linear = to_flux_densities(values, "flux", wavelength, unit=unit)
    if not is_magnitude(declared_unit(flux_err, "flux_err")):
        return linear, to_flux_densities(flux_err, "flux_err", wavelength, unit=unit)
    if not in_magnitudes:
        msg = "flux_err is in magnitudes, so flux must be in AB magnitudes"
        raise InputError(msg)
    # A difference of magnitudes has no zero point.
    values, missing = bare_values(flux_err)
    values = np.ma.array(values, mask=False if missing is None else missing)
    error = to_floats(values, "flux_err", unit=u.mag)
    return linear, linear * error * (0.4 * np.log(10.0))


def _flux_of_magnitudes(flux):
    """Flux density of AB magnitudes."""
    values = to_floats(flux, "flux", unit=u.ABmag)
    values = np.where(np.abs(values) < FAINTEST_MAGNITUDE, values, np.nan)
    return (values * u.ABmag).to(FLUX_UNIT)


def _usable(flux, flux_err):
    """Values with a finite flux and a finite positive error."""
    return np.isfinite(flux) & np.isfinite(flux_err) & (flux_err > 0)


def _limited_errors(flux, flux_err, use):
    """Errors within the allowed ratio, and the values of a row with such errors."""
    least = _LEAST_RELATIVE_ERROR * np.abs(flux)
    flux_err = np.where(use, np.fmax(flux_err, least), flux_err)
    smallest = np.min(flux_err, axis=-1, keepdims=True, initial=np.inf, where=use)
    with np.errstate(over="ignore", invalid="ignore"):
        return flux_err, use & (flux_err <= _LARGEST_ERROR * smallest)


def _no_slopes(n):
    """Result for galaxies without any band."""
    nothing = np.full(n, np.nan)
    none = np.zeros(n, dtype=int)
    copies = (nothing.copy() for _ in range(5))
    return PhotometricSlopes(*copies, none, none.astype(bool), nothing)


def _probability(chi2, n_bands):
    """Probability of a chi-squared at least as large, for a fit of two parameters."""
    freedom = np.maximum(n_bands - 2, 0)
    chance = chdtrc(np.maximum(freedom, 1), chi2)
    return np.where(np.isfinite(chi2) & (freedom == 0), 1.0, chance)


def _band_power_laws(curves, middle):
    """Log of f_nu in each band, and its derivative, as functions of beta.

    A power law has no scale, so the redshift changes its amplitude only: one smooth function of
    beta per band is valid for galaxies at all redshifts. The power laws are one at ``middle``.
    """
    bytes_of = [(curve.wavelength.tobytes(), curve.transmission.tobytes()) for curve in curves]
    table = np.stack([_log_band_flux(*curve, middle) for curve in bytes_of], axis=1)
    spline = CubicSpline(_BETA_NODES, table)
    slope = spline.derivative()
    return lambda beta: (spline(beta), slope(beta))


@lru_cache(maxsize=256)
def _log_band_flux(wavelength, transmission, middle):
    """Log of the mean f_nu of power laws in one band, at the nodes in beta.

    The curve is passed as bytes, since bands with one name may have two curves.
    """
    wavelength, transmission = np.frombuffer(wavelength), np.frombuffer(transmission)
    # f_nu = lambda^2 f_lambda / c, and a photon counter weights it by dlambda / lambda.
    weight = transmission / wavelength
    power_laws = (wavelength / middle) ** (_BETA_NODES[:, np.newaxis] + 2.0)
    passed = np.trapezoid(weight * power_laws, wavelength, axis=1)
    return np.log(passed / np.trapezoid(weight, wavelength))


def _fit_rows(log_shape, flux, flux_err, use):
    """Fit amplitude * exp(log_shape(beta)) to every row, by weighted least squares.

    ``log_shape`` gives, for beta of shape (m,), two arrays of shape (m, n_points): the log of
    the model and its derivative. Returns beta, its error, chi-squared, chi-squared with the error
    of a power law, the amplitude, and success, per row.
    """
    # In units of the largest error of the row, so that no flux scale over- or underflows.
    flux_err = np.where(use, flux_err, 0.0)
    scale = flux_err.max(axis=1, keepdims=True, initial=0.0)
    scale[scale == 0.0] = 1.0
    weight = np.divide(scale, flux_err, out=np.zeros(flux.shape), where=use) ** 2
    flux = np.where(use, flux, 0.0) / scale
    best, ok = _best_nodes(log_shape, flux, weight)
    ok &= use.sum(axis=1) >= _MIN_BANDS
    beta = np.full(len(flux), np.nan)
    beta_err, chi2, tolerant, amplitude = (beta.copy() for _ in range(4))
    fitted = _refine(log_shape, flux[ok], weight[ok], best[ok])
    beta[ok], beta_err[ok], chi2[ok], tolerant[ok], amplitude[ok] = fitted
    return beta, beta_err, chi2, tolerant, amplitude * scale[:, 0], ok


def _best_nodes(log_shape, flux, weight):
    """Node in beta of smallest chi-squared with a positive amplitude; False if there is none."""
    model = np.exp(log_shape(_BETA_NODES)[0])
    overlap = (weight * flux) @ model.T
    norm = weight @ (model**2).T
    # With the best amplitude, chi-squared falls short of its maximum by overlap^2 / norm.
    positive = (overlap > 0) & (norm > 0)
    gain = np.where(positive, overlap, 0.0) ** 2 / np.where(positive, norm, 1.0)
    best = gain.argmax(axis=1)
    inside = (best > 0) & (best < _BETA_NODES.size - 1)
    return best, inside & (gain.max(axis=1) > 0)


def _refine(log_shape, flux, weight, best):
    """Gauss-Newton in beta between the neighbours of the best node, with eliminated amplitude."""
    beta, low, high = (_BETA_NODES[best + shift] for shift in (0, -1, 1))
    # A converged row is not changed, so that its result does not depend on other rows.
    moving = np.arange(beta.size)
    for _ in range(_MAX_STEPS):
        at = beta[moving]
        score, information = _score(log_shape, flux[moving], weight[moving], at)[:2]
        low[moving] = np.where(score > 0, at, low[moving])
        high[moving] = np.where(score > 0, high[moving], at)
        step = at + score / information
        inside = (step >= low[moving]) & (step <= high[moving])
        beta[moving] = np.where(inside, step, 0.5 * (low[moving] + high[moving]))
        moving = moving[np.abs(beta[moving] - at) > _TOLERANCE]
        if moving.size == 0:
            break
    _, information, model, amplitude = _score(log_shape, flux, weight, beta)
    squares = weight * (flux - model) ** 2
    tolerance = 1.0 + weight * (POWER_LAW_ERR * model) ** 2
    chi2, tolerant = squares.sum(axis=1), (squares / tolerance).sum(axis=1)
    return beta, information**-0.5, chi2, tolerant, amplitude


def _score(log_shape, flux, weight, beta):
    """Minus half the derivative of chi-squared in beta, Fisher information, model, amplitude."""
    shape, slope = log_shape(beta)
    model = np.exp(shape)
    power = weight * model**2
    norm = power.sum(axis=1, keepdims=True)
    amplitude = (weight * flux * model).sum(axis=1, keepdims=True) / norm
    model = model * amplitude
    tilt = model * (slope - (power * slope).sum(axis=1, keepdims=True) / norm)
    score = (weight * tilt * (flux - model)).sum(axis=1)
    return score, (weight * tilt**2).sum(axis=1), model, amplitude[:, 0]
