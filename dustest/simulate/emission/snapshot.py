"""Light of particle galaxies at one redshift: what table look-ups need is made once."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from dustest.data.bands import Band
from dustest.physics._stellar.spectrum_table import SpectrumTable
from dustest.physics.dust_laws.lookup import get_screen_law
from dustest.physics.stellar_populations import LightTable, StarLight
from dustest.physics.uv_slope import UV_1600, UV_WINDOWS

__all__ = ["MAG_PER_TAU", "SOLAR_METALLICITY", "DustFree", "Light", "Snapshot"]

SOLAR_METALLICITY = 0.02
"""Mass fraction of metals that the metallicities of the light tables are in units of (that of
the models of Bruzual & Charlot 2003)."""

MAG_PER_TAU = 2.5 / np.log(10.0)

_WINDOWS = (UV_1600, *UV_WINDOWS["broad"])
_LOG_U = -2.0
"""Ionisation parameter of the gas around young stars."""

_BLUEST = 1200.0
_SPECTRUM_STEP = 5.0
"""Angstrom: the intergalactic medium takes what is bluer; a tenth of an element of the prism."""

_HUNDRED_MYR = 1e8


@dataclass(frozen=True, eq=False)
class DustFree:
    """What is the same of a galaxy in every view and behind any dust.

    Parameters
    ----------
    metallicity : ndarray of shape (n_stars,)
        Metallicities of the stars in units of the tables.
    stars : StarLight
        Light of the stars, ready for any dust.
    uv, v, b : float
        Dust-free light of the galaxy at 1600 Angstrom in nJy, and at V and B in Lsun/Angstrom.
    quantities : dict of str to float
        Columns of the truth table.
    """

    metallicity: np.ndarray
    stars: StarLight
    uv: float
    v: float
    b: float
    quantities: dict


@dataclass(frozen=True, eq=False)
class Light:
    """What a galaxy shines with in one view, behind one realisation of its dust.

    Parameters
    ----------
    flux : ndarray of shape (n_stars, n_bands)
        Fluxes of the particles in nJy.
    total : ndarray of shape (n_bands,)
        Fluxes of the galaxy in nJy.
    spectrum : ndarray of shape (n_wave,) or None
        Spectrum of the galaxy through the spectrograph, in erg/s/cm2/Angstrom.
    quantities : dict of str to float
        Columns of the truth table.
    """

    flux: np.ndarray
    total: np.ndarray
    spectrum: np.ndarray | None
    quantities: dict


class Snapshot:
    """Tables of light at one redshift.

    Parameters
    ----------
    redshift : float
        The redshift.
    grid : SSPGrid
        Spectra of stellar populations.
    bands : sequence of str
        Bands through which galaxies are seen.
    law : str or DustLaw
        Extinction law of the dust.
    spectrograph : PrismSpectrograph or None
        Makes the spectra, if any.
    cosmology : `~astropy.cosmology.FLRW`
        Sets distances and angles.

    Attributes
    ----------
    redshift : float
        The redshift.
    arcsec_per_kpc : float
        Angle of a physical length.
    """

    def __init__(self, redshift, grid, bands, law, spectrograph, cosmology):
        self.redshift = redshift
        self._grid, self._law = grid, get_screen_law(law)
        windows = [_window(*limits, redshift) for limits in _WINDOWS]
        self._n_bands = len(bands)
        self._table = LightTable(
            grid, [*bands, *windows], redshift, law=self._law, log_u=_LOG_U, cosmology=cosmology
        )
        self.arcsec_per_kpc = cosmology.arcsec_per_kpc_proper(redshift).to_value(u.arcsec / u.kpc)
        self._nanojansky = (1.0 * u.nJy).to_value(u.ABmag) - cosmology.distmod(redshift).value
        self._nanojansky += 2.5 * np.log10(1.0 + redshift)
        self._spectra = None
        if spectrograph is not None:
            low, high = spectrograph.rest_range(redshift)
            limits = (max(0.99 * low, _BLUEST), 1.01 * high)
            self._spectra = SpectrumTable(
                grid,
                limits,
                law=self._law,
                log_u=_LOG_U,
                step=_spectrum_step(grid.wavelength, *limits),
                lyman_alpha=False,
            )
            self._response = spectrograph.response(
                self._spectra.wavelength, redshift, cosmology=cosmology
            )

    def dust_free(self, galaxy):
        """Light and masses of a galaxy before its dust is known.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy.

        Returns
        -------
        DustFree
            The same for every view.
        """
        stars = galaxy.stars
        metallicity = stars.metallicity / SOLAR_METALLICITY
        light = self._table.at(stars.age, metallicity)
        uv = _total(stars.mass, light.flux())[self._n_bands]
        v, b = _total(stars.mass, light.v_and_b())
        mass = stars.mass @ self._grid.surviving_fraction(stars.age, metallicity)
        rate = stars.mass[stars.age <= _HUNDRED_MYR].sum() / _HUNDRED_MYR
        gas = 0.0 if galaxy.gas is None else galaxy.gas.mass.sum()
        quantities = {
            "log_sSFR": _log10(rate / mass),
            "log_mass": _log10(mass),
            "log_SFR_100": _log10(rate),
            "log_gas_mass": _log10(gas),
        }
        return DustFree(metallicity, light, uv, v, b, quantities)

    def light(self, galaxy, free, tau_v):
        """Light of a galaxy behind its dust.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy in the view that is wanted.
        free : DustFree
            What `dust_free` says of it.
        tau_v : ndarray of shape (n_stars,)
            Optical depths at V in front of the stars.

        Returns
        -------
        Light
            Its fluxes, spectrum and attenuation.
        """
        stars, a_v = galaxy.stars, MAG_PER_TAU * tau_v
        flux = free.stars.flux(a_v)
        total, windows = np.split(_total(stars.mass, flux), [self._n_bands])
        flux = flux[:, : self._n_bands] * stars.mass[:, np.newaxis]
        v, b = _total(stars.mass, free.stars.v_and_b(a_v))
        A_V, A_B, A_1600 = (
            _magnitudes(seen, dust_free)
            for seen, dust_free in ((v, free.v), (b, free.b), (windows[0], free.uv))
        )
        E_BV = A_B - A_V
        quantities = {
            "A_V": A_V,
            "E_BV": E_BV,
            "R_V": A_V / E_BV if E_BV != 0.0 else np.nan,
            "A_1600": A_1600,
            "M_UV": _magnitudes(windows[0], 1.0) + self._nanojansky,
            "beta": _slope(windows[1:]),
        }
        return Light(flux, total, self._spectrum(stars, free, a_v), quantities)

    def _spectrum(self, stars, free, a_v):
        """Spectrum through the spectrograph."""
        if self._spectra is None:
            return None
        light = self._spectra.spectrum(stars.age, free.metallicity, stars.mass, a_v)
        return self._response @ light


def _spectrum_step(wavelength, low, high):
    """Spacing of spectra in Angstrom; None, for that of the grid, where it is coarser."""
    within = wavelength[(wavelength >= low) & (wavelength <= high)]
    return _SPECTRUM_STEP if np.diff(within).max(initial=0.0) <= _SPECTRUM_STEP else None


def _window(low, high, redshift):
    """A band that sees a window of the rest frame."""
    edges = np.array([low, low + 1e-3, high - 1e-3, high]) * (1.0 + redshift)
    name = f"rest_{low:.0f}_{high:.0f}"
    return Band(name, name, edges, np.array([0.0, 1.0, 1.0, 0.0]))


def _total(mass, light):
    """Light of all stars together, of what they give per solar mass: (n_bands,)."""
    # Without the threads of BLAS, whose number would change the last digit.
    return np.einsum("i,ij->j", mass, light)


def _log10(value):
    """Logarithm; minus infinity for zero."""
    with np.errstate(divide="ignore"):
        return float(np.log10(value))


def _magnitudes(light, reference):
    """Magnitudes by which light is fainter than other light."""
    # Plus zero, since -2.5 x log10(1) is minus zero.
    with np.errstate(divide="ignore"):
        return float(-2.5 * np.log10(light / reference)) + 0.0


def _slope(flux):
    """Slope of F_lambda between the two broad windows, from mean f_nu."""
    # The centre at which a mean over a window is the value of a power law near beta = -2.
    centres = [np.sqrt(low * high) for low, high in UV_WINDOWS["broad"]]
    return float(np.log(flux[1] / flux[0]) / np.log(centres[1] / centres[0]) - 2.0)
