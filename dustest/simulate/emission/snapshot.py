"""Spectra and fluxes of particle galaxies at one redshift; tables are computed once."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import units as u

from dustest.data.bands import Band
from dustest.physics.dust_laws.lookup import get_screen_law
from dustest.physics.dust_laws.sampled import SampledLaw
from dustest.physics.dust_laws.scattering import Scattered, add_scattered_light
from dustest.physics.stellar.law_free_table import LawFreeTable
from dustest.physics.stellar.spectrum_table import SpectrumTable
from dustest.physics.stellar_populations import LightTable, StarLight
from dustest.physics.uv_slope import UV_1600, UV_WINDOWS
from dustest.simulate.emission.recent_tables import RecentTables

__all__ = ["HUNDRED_MYR", "MAG_PER_TAU", "SOLAR_METALLICITY", "DustFree", "Light", "Snapshot"]

SOLAR_METALLICITY = 0.02
"""Unit of the metallicities of the tables, as mass fraction of metals (that of the models of
Bruzual & Charlot 2003)."""

MAG_PER_TAU = 2.5 / np.log(10.0)

_WINDOWS = (UV_1600, *UV_WINDOWS["broad"])
"""Rest-frame Angstrom: flux at 1600, and the two broad windows of the slope beta."""

_BLUEST = 1200.0
_SPECTRUM_STEP = 5.0
"""Angstrom: blue end (the intergalactic medium absorbs the rest); a tenth of a prism element."""

_TEN_MYR, HUNDRED_MYR = 1e7, 1e8


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables for one kind of gas at one redshift, with a law of the dust or for any law.

    Parameters
    ----------
    light : LightTable or LawFreeTable
        Fluxes in the bands.
    spectra : SpectrumTable or None
        Makes the spectrum, if any.
    """

    light: LightTable
    spectra: SpectrumTable | None

    def behind(self, law):
        """Put screens of a law in front of the stars, where the tables are for any law.

        Parameters
        ----------
        law : DustLaw
            Extinction law of the screens.

        Returns
        -------
        Tables
            The same tables with the law.
        """
        spectra = None if self.spectra is None else self.spectra.behind(law)
        return Tables(self.light.behind(law), spectra)

    @property
    def nbytes(self):
        """Size of the tables in bytes."""
        return self.light.nbytes + (0 if self.spectra is None else self.spectra.nbytes)


@dataclass(frozen=True, eq=False)
class DustFree:
    """Properties of a galaxy that do not depend on view and dust.

    Parameters
    ----------
    metallicity : ndarray of shape (n_stars,)
        Metallicities of the stars in units of the tables.
    stars : StarLight
        Interpolated spectra of the stars, for any dust.
    tables : Tables
        Tables for the dust and gas of the galaxy.
    depth_share : float
        Effective optical depth of the dust at V over that of its extinction.
    uv, v, b : float
        Dust-free flux of the galaxy at 1600 Angstrom in nJy, and V and B in Lsun/Angstrom.
    quantities : dict of str to float
        Columns of the truth table.
    """

    metallicity: np.ndarray
    stars: StarLight
    tables: Tables
    depth_share: float
    uv: float
    v: float
    b: float
    quantities: dict


@dataclass(frozen=True, eq=False)
class Light:
    """Fluxes and spectrum of a galaxy in one view, with one realisation of its dust.

    Parameters
    ----------
    flux : ndarray of shape (n_stars, n_bands)
        Fluxes of the particles in nJy.
    total : ndarray of shape (n_bands,)
        Fluxes of the galaxy in nJy.
    spectrum : ndarray of shape (n_wave,) or None
        Observed spectrum of the galaxy, in erg/s/cm2/Angstrom.
    quantities : dict of str to float
        Columns of the truth table.
    """

    flux: np.ndarray
    total: np.ndarray
    spectrum: np.ndarray | None
    quantities: dict


class Snapshot:
    """Tables of spectra at one redshift, made for each kind of gas when first needed.

    Parameters
    ----------
    redshift : float
        The redshift.
    grid : SSPGrid
        Spectra of stellar populations.
    bands : sequence of str
        Bands of the fluxes.
    law : DustLaw or None
        Extinction law of the dust; None for those of the galaxies.
    spectrograph : PrismSpectrograph or None
        Makes the spectra, if any.
    cosmology : `~astropy.cosmology.FLRW`
        Sets distances and angles.
    many_kinds : bool, optional
        Whether galaxies differ in dust or gas, so that all laws share a table. Else every law has
        its own, which is faster.
    recent : RecentTables, optional
        Keeps the tables; snapshots may share it.

    Attributes
    ----------
    redshift : float
        The redshift.
    arcsec_per_kpc : float
        Angle of one kpc.
    """

    def __init__(
        self, redshift, grid, bands, law, spectrograph, cosmology, *, many_kinds=False, recent=None
    ):
        self.redshift = redshift
        self._grid, self._law, self._many_kinds = grid, law, many_kinds
        self._bands = [*bands, *(_window(*limits, redshift) for limits in _WINDOWS)]
        self._n_bands = len(bands)
        self._spectrograph, self._cosmology = spectrograph, cosmology
        self._recent, self._response = recent or RecentTables(), None
        self._prepared = {}
        self.arcsec_per_kpc = cosmology.arcsec_per_kpc_proper(redshift).to_value(u.arcsec / u.kpc)
        self._nanojansky = (1.0 * u.nJy).to_value(u.ABmag) - cosmology.distmod(redshift).value
        self._nanojansky += 2.5 * np.log10(1.0 + redshift)

    def _tables_of(self, conditions):
        """Tables for the dust and gas of a galaxy, and the effective share of its depth."""
        law, share = self._screens(conditions.grains, conditions.scattering)
        gas = {"log_u": conditions.log_u, "escape_fraction": conditions.escape_fraction}
        if self._many_kinds:
            tables = self._recent.get(
                (self.redshift, *gas.values()), lambda: self._make_tables(LawFreeTable, None, gas)
            )
            return tables.behind(law), share
        key = (self.redshift, law.name, *gas.values())
        return self._recent.get(key, lambda: self._make_tables(LightTable, law, gas)), share

    def _screens(self, grains, scattering):
        """Law of the screens, and the effective share of their depth."""
        # Names are compared in no time, while laws compare whole curves.
        if (grains, scattering) not in self._prepared:
            law = self._law or get_screen_law(grains)
            self._prepared[grains, scattering] = _prepare(law, scattering, self._many_kinds)
        return self._prepared[grains, scattering]

    def _make_tables(self, kind, law, gas):
        """Tables of light and of spectra behind a law."""
        light = kind(
            self._grid, self._bands, self.redshift, law=law, cosmology=self._cosmology, **gas
        )
        return Tables(light, self._make_spectra(law, gas))

    def _make_spectra(self, law, gas):
        """Table of spectra, if there is a spectrograph."""
        if self._spectrograph is None:
            return None
        low, high = self._spectrograph.rest_range(self.redshift)
        limits = (max(0.99 * low, _BLUEST), 1.01 * high)
        step = _spectrum_step(self._grid.wavelength, *limits)
        return SpectrumTable(self._grid, limits, law=law, step=step, lyman_alpha=False, **gas)

    def dust_free(self, galaxy):
        """Fluxes and masses of a galaxy without dust.

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
        tables, share = self._tables_of(galaxy.conditions)
        light = tables.light.at(stars.age, metallicity)
        uv = _total(stars.mass, light.flux())[self._n_bands]
        v, b = _total(stars.mass, light.v_and_b())
        mass = stars.mass @ self._grid.surviving_fraction(stars.age, metallicity)
        recent, rate = (
            stars.mass[stars.age <= span].sum() / span for span in (_TEN_MYR, HUNDRED_MYR)
        )
        gas = 0.0 if galaxy.gas is None else galaxy.gas.mass.sum()
        quantities = {
            "log_sSFR": _log10(rate / mass),
            "log_mass": _log10(mass),
            "log_SFR_10": _log10(recent),
            "log_SFR_100": _log10(rate),
            "log_gas_mass": _log10(gas),
        }
        return DustFree(metallicity, light, tables, share, uv, v, b, quantities)

    def surviving_fraction(self, galaxy, free):
        """Fraction of the mass at birth of each star that survives, remnants included.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy.
        free : DustFree
            Result of `dust_free` for the galaxy.

        Returns
        -------
        ndarray of shape (n_stars,)
            Fractions.
        """
        return self._grid.surviving_fraction(galaxy.stars.age, free.metallicity)

    def light(self, galaxy, free, tau_v):
        """Fluxes and spectrum of a galaxy with dust.

        Parameters
        ----------
        galaxy : ParticleGalaxy
            The galaxy in the requested view.
        free : DustFree
            Result of `dust_free` for the galaxy.
        tau_v : ndarray of shape (n_stars,)
            Optical depths of extinction at V in front of the stars.

        Returns
        -------
        Light
            Its fluxes, spectrum and attenuation.
        """
        stars, a_v = galaxy.stars, free.depth_share * MAG_PER_TAU * tau_v
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
        """Observed spectrum."""
        table = free.tables.spectra
        if table is None:
            return None
        if self._response is None:
            # The tables of all kinds of gas have the same wavelengths.
            self._response = self._spectrograph.response(
                table.wavelength, self.redshift, cosmology=self._cosmology
            )
        return self._response @ table.spectrum(stars.age, free.metallicity, stars.mass, a_v)


@lru_cache(maxsize=64)
def _prepare(law, scattering, is_sampled):
    """Law of screens, and the effective share of the optical depth at V."""
    shows_scattering = scattering or isinstance(law, Scattered)
    law, share = add_scattered_light(law) if shows_scattering else (law, 1.0)
    return SampledLaw(law) if is_sampled else law, share


def _spectrum_step(wavelength, low, high):
    """Spacing of spectra in Angstrom; None for that of the grid if it is coarser."""
    within = wavelength[(wavelength >= low) & (wavelength <= high)]
    return _SPECTRUM_STEP if np.diff(within).max(initial=0.0) <= _SPECTRUM_STEP else None


def _window(low, high, redshift):
    """Band that covers a window of the rest frame."""
    edges = np.array([low, low + 1e-3, high - 1e-3, high]) * (1.0 + redshift)
    name = f"rest_{low:.0f}_{high:.0f}"
    return Band(name, name, edges, np.array([0.0, 1.0, 1.0, 0.0]))


def _total(mass, light):
    """Total flux of all stars from their fluxes per solar mass: (n_bands,)."""
    # Without BLAS, whose number of threads would change the last digit.
    return np.einsum("i,ij->j", mass, light)


def _log10(value):
    """Logarithm; minus infinity for zero."""
    with np.errstate(divide="ignore"):
        return float(np.log10(value))


def _magnitudes(light, reference):
    """Attenuation in magnitudes of a flux relative to a reference."""
    # Add zero, since -2.5 x log10(1) is minus zero.
    with np.errstate(divide="ignore"):
        return float(-2.5 * np.log10(light / reference)) + 0.0


def _slope(flux):
    """Slope of F_lambda between the two broad windows, from mean f_nu."""
    # At this centre, the mean over a window equals the value of a power law near beta = -2.
    centres = [np.sqrt(low * high) for low, high in UV_WINDOWS["broad"]]
    return float(np.log(flux[1] / flux[0]) / np.log(centres[1] / centres[0]) - 2.0)
