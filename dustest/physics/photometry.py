"""Synthetic photometry: spectra through the transmission curves of bands."""

import numpy as np
from astropy import units as u
from scipy.interpolate import make_interp_spline

from dustest.data.bands import get_band
from dustest.data.checks.units import declared_unit
from dustest.data.checks.values import to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.physics._values import as_angstrom, as_curves

__all__ = ["band_flux", "synthetic_photometry"]


def synthetic_photometry(wavelength, flux, bands):
    """Observe spectra through bands with photon-counting detectors (AB convention).

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` or Column of shape (n_wave,)
        Observed-frame wavelengths in any spectral unit, in order.
    flux : `~astropy.units.Quantity` or Column of shape (..., n_wave)
        Spectral flux density, per unit frequency or per unit wavelength, or AB magnitudes.
    bands : sequence of str or Band
        The bands, see `dustest.data.bands.get_band`.

    Returns
    -------
    `~astropy.units.Quantity` of shape (..., n_bands)
        Mean f_nu through each band in nJy, NaN if a flux inside it is missing;
        ``.to(u.ABmag)`` makes AB magnitudes of it.

    Raises
    ------
    InputError
        If a unit or shape does not fit or is missing, the wavelengths are not in order, no band is
        given, or the spectrum does not cover a band.

    References
    ----------
    Bessell & Murphy 2012, PASP 124, 140, their equation A19.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from dustest.physics import synthetic_photometry
    >>> wavelength = np.linspace(0.9, 2.6, 400) * u.um
    >>> flat = np.full(400, 3631.0) * u.Jy
    >>> synthetic_photometry(wavelength, flat, ["F115W", "F200W"]).to(u.ABmag).round(3) + 0 * u.mag
    <Magnitude [0., 0.] mag(AB)>
    """
    for name, values in (("wavelength", wavelength), ("flux", flux)):
        if declared_unit(values, name) is None:
            msg = f"{name} must have a unit, such as that of a Quantity, got none"
            raise InputError(msg)
    angstrom = as_angstrom(wavelength)
    _check_axes(angstrom, np.shape(flux))
    f_nu = to_flux_densities(flux, "flux", angstrom * u.AA, unit=u.nJy)
    if angstrom.size > 1 and angstrom[0] > angstrom[-1]:
        # Ascending in frequency.
        angstrom, f_nu = angstrom[::-1], f_nu[..., ::-1]
    curves = as_curves(bands)
    if not curves:
        msg = "bands must name at least one band"
        raise InputError(msg)
    means = [_mean_flux(angstrom, f_nu, curve) for curve in curves]
    return np.stack(means, axis=-1) * u.nJy


def band_flux(wavelength, f_nu, band):
    """Mean f_nu through one band.

    Both curves are taken as linear between their points, and integrated over all points of both.

    Parameters
    ----------
    wavelength : array_like, Column or `~astropy.units.Quantity` of shape (n_wave,)
        Observed-frame wavelengths, ascending; Angstrom if they have no unit.
    f_nu : array_like, Column or `~astropy.units.Quantity` of shape (..., n_wave)
        Flux density per unit frequency, on any scale if it has no unit.
    band : str or Band
        The band.

    Returns
    -------
    ndarray or `~astropy.units.Quantity` of shape (...)
        The mean, in the unit of ``f_nu``; NaN if a flux inside the band is missing.

    Raises
    ------
    InputError
        If a shape or unit does not match, the wavelengths do not ascend, or they do not reach from
        edge to edge of the band (one per cent of its peak).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import band_flux
    >>> wavelength = np.linspace(15000.0, 25000.0, 500)
    >>> float(band_flux(wavelength, wavelength / 20000.0, "F200W").round(3))
    0.991
    """
    unit = declared_unit(f_nu, "f_nu")
    if unit is not None and not unit.is_equivalent(u.nJy):
        msg = f"f_nu must be a flux density per unit frequency, got {unit}"
        raise InputError(msg)
    mean = _mean_flux(as_angstrom(wavelength), to_floats(f_nu, "f_nu", unit=unit), get_band(band))
    return mean if unit is None else mean << unit


def _mean_flux(wavelength, f_nu, curve):
    """Mean f_nu through one band, of bare arrays."""
    _check_axes(wavelength, f_nu.shape)
    _check_spectrum(wavelength, curve)
    grid = np.union1d(wavelength, curve.wavelength)
    low = max(wavelength[0], curve.wavelength[0])
    high = min(wavelength[-1], curve.wavelength[-1])
    grid = grid[(grid >= low) & (grid <= high)]
    # T f_nu dnu / nu = T f_nu dlambda / lambda.
    weight = np.interp(grid, curve.wavelength, curve.transmission) / grid
    spectrum = make_interp_spline(wavelength, f_nu, k=1, axis=-1, check_finite=False)(grid)
    return np.trapezoid(weight * spectrum, grid, axis=-1) / np.trapezoid(weight, grid)


def _check_axes(wavelength, shape):
    """Raise an error for fluxes whose last axis is not that of the wavelengths."""
    if wavelength.ndim != 1 or wavelength.size < 2 or shape[-1:] != wavelength.shape:
        msg = (
            "wavelength must be one-dimensional and as long as the last axis of the flux, got "
            f"shapes {wavelength.shape} and {shape}"
        )
        raise InputError(msg)


def _check_spectrum(wavelength, curve):
    """Raise an error for a spectrum that cannot be observed through a band."""
    if not np.all(np.diff(wavelength) > 0):
        msg = "wavelength must ascend strictly: sort the spectrum and drop repeated points"
        raise InputError(msg)
    blue, red = curve.edges(0.01)
    if wavelength[0] > blue or wavelength[-1] < red:
        msg = (
            f"wavelength must cover band {curve.name!r} ({blue:.0f} to {red:.0f} Angstrom), got "
            f"{wavelength[0]:.0f} to {wavelength[-1]:.0f} Angstrom"
        )
        raise InputError(msg)
