"""Emission of the stars and the gas of Bagpipes at the wavelengths of some bands, before dust."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.priors.defaults import (
    BAGPIPES_REDSHIFT,
    MAX_REDSHIFT,
    age_of_universe,
)
from dustest.estimators._sed.tabulated.light.band_nodes import BandNodes
from dustest.estimators._sed.tabulated.light.channels import Channels, nearest_line
from dustest.estimators._sed.tabulated.light.line_spread import spread_matrix
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY
from dustest.physics.igm import igm_transmission
from dustest.physics.stellar.bilinear import axis_weights

__all__ = ["LIGHT_SPEED", "NANOJANSKY", "REFERENCE", "BandLight"]

REFERENCE = 5100.0
"""Rest wavelength in Angstrom at which the light of an AGN is compared with that of stars."""
_WINDOW = 40.0
"""Half width in Angstrom of a window around it without strong lines."""

_IONISING = 912.0  # Angstrom; the gas absorbs the light of young stars blueward of it
_SOLAR_LUMINOSITY = 3.826e33  # erg / s, that of Bagpipes
_MPC = 3.086e24  # cm, that of Bagpipes
_LYMAN_ALPHA = 1215.67  # Angstrom
_OPAQUE = 1e-30
"""Transmission below which a band sees no light."""
LIGHT_SPEED = 2.9979e18  # Angstrom / s, that of Bagpipes
NANOJANSKY = 1e-32  # erg / (s cm2 Hz)
_YR_PER_GYR = 1e9
_N_AGES = 48
_ANY_BAND = ("F200W",)
"""Where there are lines alone, whose fluxes do not depend on the wavelengths of spectra."""
_TAIL = 1e-5
"""Share of a band at either end without nodes of its own."""
_PIXEL_TAIL = 1e-3
"""The same share of a pixel."""
_MIN_LIGHT = 1e-15  # of the brightest; fainter values are zero, so that float32 stays normal


class BandLight:
    """Spectra of one solar mass formed, at the wavelengths that Bagpipes uses for some bands.

    Bagpipes chooses its wavelengths by the bluest and the reddest band of a set. Its photometry
    in one band depends on them by up to two per cent: the bands here are those of the set that is
    compared, in any order.

    Parameters
    ----------
    bands : sequence of str
        Names of the bands.
    t_bc : float, optional
        Age in Gyr at which stars leave their birth clouds and no longer ionise gas.
    lines : sequence of str, optional
        Emission lines, names of `~dustest.data.LINES`.
    pixels : Pixels, optional
        Pixels of a spectrum.
    gas_apart : bool, optional
        Whether the gas has dust of its own: ``young`` is then gas alone, and ``old`` are all
        stars, of any age.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Cosmology of the distances and of the ages of the Universe.

    Attributes
    ----------
    channels : Channels
        Bands, pixels and lines, in the order of the columns of `response`.
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelength in Angstrom.
    steps : ndarray of shape (n_wave,)
        Weights of an integral over wavelength.
    age_edges : ndarray of shape (n_age + 1,)
        Edges of the age bins in yr.
    metallicity : ndarray of shape (n_metallicity,)
        Metallicities in solar units.
    log_u : ndarray of shape (n_log_u,)
        Ionisation parameters.
    n_young : int
        Age bins below ``t_bc``; the last of them is split there, so that it is also the first of
        the old ones.
    young : ndarray of shape (n_young, n_metallicity, n_log_u, n_wave)
        Spectra of birth clouds, stars and gas, in solar luminosities per Angstrom.
    first_old : int
        Number of the age bin at which ``old`` begins.
    old : ndarray of shape (n_age - first_old, n_metallicity, n_wave)
        Spectra of older stars.
    line_light : ndarray of shape (n_young, n_metallicity, n_log_u, n_lines)
        Luminosities of the lines in solar luminosities.
    bare : ndarray of shape (n_young, n_metallicity, n_wave)
        Spectra of the stars of birth clouds without gas, from which all photons escape.
    living : ndarray of shape (n_metallicity, n_age)
        Fraction of the mass formed that survives.

    Raises
    ------
    InputError
        If a band is unknown or ``t_bc`` is outside the ages of the nebular grid.
    MissingDependencyError
        If Bagpipes is not installed.
    """

    def __init__(
        self,
        bands,
        t_bc=0.01,
        cosmology=BAGPIPES_COSMOLOGY,
        *,
        lines=(),
        pixels=None,
        gas_apart=False,
    ):
        self.channels = Channels.of([get_band(name).name for name in bands], pixels, tuple(lines))
        if len(self.channels) == len(self.infrared):
            msg = (
                "bands must name at least one band shortward of 50 micron, got "
                f"{', '.join(self.infrared) or 'none'}"
            )
            raise InputError(msg)
        self._pipes = load_bagpipes()
        with quiet():
            self._model = self._pipes.model_galaxy(_any_model(), **_sampling(self.channels))
        config = self._pipes.config
        self.wavelength = self._model.wavelengths
        self.steps = _trapezoid(self.wavelength)
        self.age_edges = config.age_bins
        self.metallicity = config.metallicities
        self.log_u = config.logU
        self.living = self._model.sfh.live_frac_grid
        self._dust_spectra, self._ages = {}, {}
        self.t_bc, self.gas_apart = t_bc, gas_apart
        self._cosmology = cosmology
        self.n_young = self._count_young(t_bc * _YR_PER_GYR, config.neb_ages.size)
        self.first_old = 0 if gas_apart else self.n_young - 1
        self.young, self.old, self.bare, self.line_light = self._split(t_bc * _YR_PER_GYR)

    @property
    def bands(self):
        """Names of the bands that see stars."""
        return self.channels.bands

    @property
    def infrared(self):
        """Names of the bands beyond 50 micron, which see dust only."""
        return self.channels.infrared

    def _count_young(self, t_bc, n_nebular):
        """Number of age bins that extend below an age [yr]."""
        n_young = int(np.searchsorted(self.age_edges, t_bc))
        if not 1 <= n_young <= n_nebular:
            limit = self.age_edges[n_nebular] / _YR_PER_GYR
            msg = f"t_bc must lie above 0 and at most at {limit:.4g} Gyr, got {self.t_bc!r}"
            raise InputError(msg)
        return n_young

    def _split(self, t_bc):
        """Spectra of birth clouds and of older stars, with the bin of the age [yr] divided."""
        stars = np.moveaxis(self._model.stellar.grid, -1, 0).swapaxes(1, 2)
        n_young, nebular = self.n_young, self._model.nebular
        gas, lines = (
            np.moveaxis(grid, [-1, 0], [0, -1])[:n_young].copy()
            for grid in (nebular.combined_grid, nebular.line_grid[self._numbers_of_lines])
        )
        ionising = self.wavelength < _IONISING
        shielded = np.where(ionising, 0.0, stars[:n_young])
        bare, old = stars[:n_young].copy(), stars[self.first_old :].copy()
        low, high = self.age_edges[n_young - 1 : n_young + 1]
        share = (high - t_bc) / (high - low)
        if self.gas_apart:
            young = gas
            bare = np.where(ionising, bare, 0.0)
            old[: n_young - 1] = shielded[:-1]
            old[n_young - 1] = share * old[n_young - 1] + (1.0 - share) * shielded[-1]
        else:
            young = gas + shielded[:, :, np.newaxis]
            old[0] *= share
        for each in (young, bare, lines):
            each[-1] *= 1.0 - share
        return young, old, bare, lines

    @cached_property
    def _numbers_of_lines(self):
        """Numbers of the lines among those of Bagpipes."""
        return [nearest_line(name, self._pipes.config.line_wavs) for name in self.channels.lines]

    @cached_property
    def unit(self):
        """Largest value of the spectra."""
        return max(self.young.max(), self.old.max())

    @cached_property
    def single(self):
        """Spectra over `unit` in single precision.

        Returns
        -------
        young : ndarray of shape (n_young, n_metallicity, n_log_u, n_wave)
            Those of birth clouds.
        old : ndarray of shape (n_age - n_young + 1, n_metallicity, n_wave)
            Those of older stars.
        bare : ndarray of shape (n_young, n_metallicity, n_wave)
            Those of the stars of birth clouds without gas.
        """
        return tuple(_single(part / self.unit) for part in (self.young, self.old, self.bare))

    @cached_property
    def single_lines(self):
        """`line_light` over its largest value in single precision, and this value by line."""
        unit = self.line_light.max(axis=(0, 1, 2), initial=0.0)
        unit[unit == 0.0] = 1.0
        return _single(self.line_light / unit), unit

    @cached_property
    def line_wavelength(self):
        """Wavelengths (n_lines,) of the lines in Angstrom, those of Bagpipes."""
        return np.asarray(self._pipes.config.line_wavs)[self._numbers_of_lines]

    def n_age_at(self, redshift):
        """Number of age bins that begin after the Big Bang.

        Parameters
        ----------
        redshift : float
            Redshift.

        Returns
        -------
        n_age : int
            Number of bins.
        """
        return int(np.searchsorted(self.age_edges[:-1], self.age(redshift) * _YR_PER_GYR))

    def age(self, redshift):
        """Age of the Universe at a redshift in Gyr, computed once."""
        if redshift not in self._ages:
            self._ages[redshift] = age_of_universe(redshift, self._cosmology)
        return self._ages[redshift]

    @cached_property
    def ages_at(self):
        """Ages of the Universe in Gyr by redshifts up to 20, a function."""
        log_stretch = np.linspace(0.0, np.log1p(MAX_REDSHIFT), _N_AGES)
        ages = [self.age(redshift) for redshift in np.expm1(log_stretch).tolist()]
        return _Ages(CubicSpline(log_stretch, np.log(ages)))

    def response(self, redshift, wavelength=None):
        """Flux density in a band or pixel per luminosity at a wavelength, including the IGM.

        Parameters
        ----------
        redshift : float
            Redshift, above 0 and at most 20.
        wavelength : ndarray of shape (n_bands,), optional
            Observed wavelengths in Angstrom, ascending, in place of the bands.

        Returns
        -------
        response : ndarray of shape (n_wave, n_bands + n_pixels)
            In nJy per solar luminosity per Angstrom; without lines.

        Raises
        ------
        InputError
            If the redshift is out of range.
        """
        if not 0 < redshift <= MAX_REDSHIFT:
            msg = f"redshift must lie above 0 and at most at {MAX_REDSHIFT:g}, got {redshift!r}"
            raise InputError(msg)
        stretched = self.wavelength * (1.0 + redshift)
        if wavelength is None:
            shares, wavelength = self._channel_shares(stretched)
        else:
            shares = _shares_of_points(stretched, wavelength)
        per_frequency = wavelength**2 / (LIGHT_SPEED * NANOJANSKY)
        transmission = self._transmission(redshift)[:, np.newaxis]
        return shares * per_frequency * transmission * self.dilution(redshift)

    def stretch(self, redshift):
        """Wavelength of the nodes over that of the spectra, at a redshift."""
        return 1.0 + redshift

    def _transmission(self, redshift):
        """Transmission (n_wave,) of the intergalactic medium, also beyond Bagpipes' table."""
        if redshift <= BAGPIPES_REDSHIFT:
            return self._model.igm.trans(redshift)
        transmission = igm_transmission(self.wavelength * (1.0 + redshift), redshift)
        # As in Bagpipes, the wavelength nearest to the line itself is absorbed.
        nearest = np.argmin(np.abs(self.wavelength - _LYMAN_ALPHA))
        transmission[nearest] = min(transmission[nearest - 1 : nearest + 1])
        return np.where(transmission > _OPAQUE, transmission, 0.0)

    def line_flux(self, redshift):
        """Flux [erg / (s cm2)] of a line of one solar luminosity."""
        return self.dilution(redshift) * (1.0 + redshift)

    def _channel_shares(self, stretched):
        """Weights (n_wave, n_channels) of wavelengths, and wavelengths of the channels."""
        pixels = self.channels.pixels
        parts, wavelengths = [], []
        if self.bands:
            shares, wavelength = self._band_shares(stretched)
            parts.append(shares)
            wavelengths.append(wavelength)
        if pixels is not None:
            parts.append(spread_matrix(stretched, pixels))
            wavelengths.append(pixels.wavelength)
        if not parts:
            return np.zeros((stretched.size, 0)), np.zeros(0)
        return np.hstack(parts), np.concatenate(wavelengths)

    def _band_shares(self, stretched):
        """Weights (n_wave, n_bands) of wavelengths in the bands, and wavelengths of these."""
        filters = self._model.filter_set
        curves = np.zeros((stretched.size, len(self.bands)))
        ends = np.searchsorted(stretched, self._band_ends)
        for k, (first, last) in enumerate(ends.tolist()):
            curves[first:last, k] = np.interp(
                stretched[first:last], self.wavelength, filters.filt_array[:, k]
            )
        area = (filters.widths * self.wavelength)[:, np.newaxis]
        curves *= area
        # Beyond redshift 10, blue ends of bands lie below all wavelengths, and see no light.
        stretch = stretched[0] / self.wavelength[0]
        dark = filters.filt_array * (area / stretch**2) * (self.wavelength < stretched[0])[:, None]
        norm = curves.sum(axis=0) + (
            dark.sum(axis=0) if stretch > 1.0 + BAGPIPES_REDSHIFT else 0.0
        )
        return curves / norm, filters.eff_wavs

    @cached_property
    def _band_ends(self):
        """Observed wavelengths between which there is light in each band."""
        seen = [np.flatnonzero(curve) for curve in self._model.filter_set.filt_array.T]
        places = [(s[0] - 1, s[-1] + 1) for s in seen]
        return self.wavelength[np.clip(places, 0, self.wavelength.size - 1)]

    @cached_property
    def nodes(self):
        """Nodes of the transmission of dust at observed wavelengths: of bands and of pixels."""
        found = [BandNodes(self.wavelength, self._curves, _TAIL)] if self.bands else []
        if self.channels.pixels is not None:
            curves = spread_matrix(self.wavelength, self.channels.pixels)
            found.append(BandNodes(self.wavelength, curves, _PIXEL_TAIL, narrow=True))
        return found

    @property
    def _curves(self):
        """Weights (n_wave, n_bands) of observed wavelengths in the bands."""
        filters = self._model.filter_set
        return filters.filt_array * (filters.widths * self.wavelength)[:, np.newaxis]

    @cached_property
    def energy_nodes(self):
        """Nodes of the light that dust absorbs at any wavelength, in the rest frame."""
        return BandNodes(self.wavelength, self.steps[:, np.newaxis], 0.0)

    @cached_property
    def reference(self):
        """Weights (n_wave,) of the mean over a window about rest 5100 Angstrom without lines."""
        inside = np.abs(self.wavelength - REFERENCE) < _WINDOW
        if not inside.any():
            inside[np.argmin(np.abs(self.wavelength - REFERENCE))] = True
        return inside / inside.sum()

    @cached_property
    def reference_nodes(self):
        """Nodes of that window, in the rest frame."""
        return BandNodes(self.wavelength, self.reference[:, np.newaxis], 0.0)

    def dilution(self, redshift):
        """Flux density of one solar luminosity per Angstrom.

        Parameters
        ----------
        redshift : float
            Redshift.

        Returns
        -------
        float
            In erg / (s cm2 Angstrom).
        """
        utils = self._pipes.utils
        distance = _MPC * np.interp(redshift, utils.z_array, utils.ldist_at_z)
        if self._cosmology is not BAGPIPES_COSMOLOGY:
            # A ratio, so that distances in the cosmology of Bagpipes are those of its own table.
            ours, theirs = (
                each.luminosity_distance(redshift)
                for each in (self._cosmology, BAGPIPES_COSMOLOGY)
            )
            distance *= float(ours / theirs)
        return _SOLAR_LUMINOSITY / (4.0 * np.pi * distance**2 * (1.0 + redshift))

    def dust_emission(self, qpah, umin, gamma):
        """Spectrum of warm dust that emits one solar luminosity.

        Parameters
        ----------
        qpah, umin, gamma : float
            Parameters of Draine & Li (2007, ApJ 657, 810), in Bagpipes' names.

        Returns
        -------
        spectrum : ndarray of shape (n_wave,)
            In solar luminosities per Angstrom.
        """
        key = qpah, umin, gamma
        if key not in self._dust_spectra:
            self._dust_spectra[key] = self._model.dust_emission.spectrum(*key)
        return self._dust_spectra[key]


@dataclass(frozen=True, eq=False)
class _Ages:
    """Ages of the Universe in Gyr, to 1e-5; without spectra, so that priors can be pickled."""

    log_age: CubicSpline

    def __call__(self, redshift):
        """Interpolate at redshifts."""
        return np.exp(self.log_age(np.log1p(redshift)))


def _sampling(channels):
    """Arguments by which Bagpipes chooses its wavelengths: those of bands, pixels or any band."""
    chosen = {}
    if channels.bands or channels.pixels is None:
        names = channels.bands or _ANY_BAND
        chosen["filt_list"] = [filter_lines(name) for name in names]
    if channels.pixels is not None:
        chosen["spec_wavs"] = channels.pixels.wavelength
    return chosen


def _single(values):
    """Positive values in single precision, zero if they are negligible."""
    return np.where(values < _MIN_LIGHT, 0.0, values).astype(np.float32, order="C")


def _shares_of_points(stretched, points):
    """Weights (n_wave, n_points) of wavelengths in values between them."""
    below, share = axis_weights(stretched, points)
    shares = np.zeros((stretched.size, points.size))
    column = np.arange(points.size)
    shares[below, column] = 1.0 - share
    shares[below + 1, column] = share
    return shares


def _trapezoid(wavelength):
    """Weights of an integral by the trapezoidal rule."""
    steps = np.diff(wavelength)
    return 0.5 * (np.append(steps, 0.0) + np.append(0.0, steps))


def _any_model():
    """Components that make Bagpipes initialise all of its grids; it modifies them."""
    stars = {"age_max": 0.1, "age_min": 0.0, "massformed": 0.0, "metallicity": 1.0}
    return {
        "redshift": 1.0,
        "constant": stars,
        "dust": {"type": "Calzetti", "Av": 0.0},
        "nebular": {"logU": -2.0},
    }
