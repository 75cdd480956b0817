"""Synthetic photometry: spectra through the transmission curves of bands."""

import numpy as np
from astropy import units as u
from scipy.interpolate import make_interp_spline

from dustest.data.bands import get_band
from dustest.data.errors import InputError

__all__ = ["band_flux", "synthetic_photometry"]


def synthetic_photometry(wavelength, flux, bands):
    """Observe spectra through bands with photon-counting detectors (AB convention).

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` of shape (n_wave,)
        Observed-frame wavelengths, ascending.
    flux : `~astropy.units.Quantity` of shape (..., n_wave)
        Spectral flux density, per unit frequency or per unit wavelength.
    bands : sequence of str or Band
        The bands, see `dustest.data.bands.get_band`.

    Returns
    -------
    `~astropy.units.Quantity` of shape (..., n_bands)
        Mean f_nu through each band in nJy; ``.to(u.ABmag)`` makes AB magnitudes of it.

    Raises
    ------
    InputError
        If a unit or shape does not fit, the wavelengths do not ascend, no band is given, or the
        spectrum does not cover a band.

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
    try:
        angstrom = u.Quantity(wavelength).to(u.AA, u.spectral())
        f_nu = u.Quantity(flux).to_value(u.nJy, u.spectral_density(angstrom))
    except (u.UnitConversionError, ValueError, TypeError) as error:
        msg = (
            "wavelength and flux must be Quantities of a spectral unit and of a spectral flux "
            "density, of shapes (n_wave,) and (..., n_wave)"
        )
        raise InputError(msg) from error
    if len(bands) == 0:
        msg = "bands must name at least one band"
        raise InputError(msg)
    means = [band_flux(angstrom.value, f_nu, band) for band in bands]
    return np.stack(means, axis=-1) * u.nJy


def band_flux(wavelength, f_nu, band):
    """Mean f_nu through one band, of bare arrays.

    Both curves are taken as linear between their points, and integrated over all points of both.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Observed-frame wavelengths in Angstrom, ascending.
    f_nu : ndarray of shape (..., n_wave)
        Flux density per unit frequency.
    band : str or Band
        The band.

    Returns
    -------
    ndarray of shape (...)
        The mean, in the unit of ``f_nu``.

    Raises
    ------
    InputError
        If the shapes do not fit, the wavelengths do not ascend, or they do not reach from edge
        to edge of the band (one per cent of its peak).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import band_flux
    >>> wavelength = np.linspace(15000.0, 25000.0, 500)
    >>> float(band_flux(wavelength, wavelength / 20000.0, "F200W").round(3))
    0.991
    """
    curve = get_band(band)
    _check_spectrum(wavelength, f_nu, curve)
    grid = np.union1d(wavelength, curve.wavelength)
    low = max(wavelength[0], curve.wavelength[0])
    high = min(wavelength[-1], curve.wavelength[-1])
    grid = grid[(grid >= low) & (grid <= high)]
    # T f_nu dnu / nu = T f_nu dlambda / lambda.
    weight = np.interp(grid, curve.wavelength, curve.transmission) / grid
    spectrum = make_interp_spline(wavelength, f_nu, k=1, axis=-1)(grid)
    return np.trapezoid(weight * spectrum, grid, axis=-1) / np.trapezoid(weight, grid)


def _check_spectrum(wavelength, f_nu, curve):
    """Refuse a spectrum that cannot be observed through a band."""
    if wavelength.ndim != 1 or wavelength.size < 2 or f_nu.shape[-1:] != wavelength.shape:
        msg = (
            "wavelength must be one-dimensional and as long as the last axis of the flux, got "
            f"shapes {wavelength.shape} and {f_nu.shape}"
        )
        raise InputError(msg)
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
