"""Spectra like those of the NIRSpec prism of JWST."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.cosmology import Planck15
from scipy.integrate import cumulative_trapezoid
from scipy.sparse import csr_array
from scipy.special import ndtr

from dustest.data.checks.numbers import check_positive
from dustest.data.checks.values import to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.physics.igm import igm_transmission
from dustest.physics.resolution import (
    PIXELS_PER_ELEMENT,
    PRISM,
    line_width,
    resolving_power,
)

__all__ = ["PrismSpectrograph"]

_F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA
_REACH = 5.0
"""Standard deviations of the line-spread function within which light contributes."""
_DEPTH_WAVELENGTH = 2e4
_ERROR_SLOPE, _ERROR_CURVATURE = -1.4, 0.4
_DARK = 0.1
"""Transmission of the intergalactic medium below which no spectrum is needed."""
_LYMAN_ALPHA = 1215.67
_REST_STEP = 1.0


@dataclass(frozen=True)
class PrismSpectrograph:
    r"""A spectrograph like the prism of NIRSpec.

    Parameters
    ----------
    wavelength_range : tuple of float, optional
        Observed-frame ends in micron, within 0.6 to 5.3. The range from 0.8 to 3.1 covers 1216 to
        3000 Angstrom in the rest frame for all redshifts between 6 and 9.
    depth : float or `~astropy.units.Quantity`, optional
        Standard error of a pixel at 2 micron without a source, in erg/s/cm2/Angstrom or in a unit
        of flux density.
    floor : float, optional
        Smallest relative error, from the calibration of the flux.

    Attributes
    ----------
    edges : ndarray of shape (n_wave + 1,)
        Observed-frame edges of the pixels in Angstrom.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    The resolving power is that of a source that fills the shutter [1]_, see
    `~dustest.physics.resolving_power`. The line-spread function is a Gaussian whose full width at
    half maximum is an element of resolution, 2.2 pixels.

    The error of four public prism spectra of JADES is, within 20 per cent,
    :math:`\sigma(\lambda) = \sigma(2) (\lambda / 2)^{-1.4 + 0.4 \ln(\lambda / 2)}`, with
    :math:`\lambda` in micron. Their :math:`\sigma(2)` is 0.6 to 1.9 times the default, which is
    our own choice, as is the floor of 2 per cent. Pixels are independent, unlike those of reduced
    spectra.

    References
    ----------
    .. [1] Jakobsen et al. 2022, A&A 661, A80 (NIRSpec).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import SpectrumTable, load_ssp_grid
    >>> from dustest.simulate.telescope.spectrograph import PrismSpectrograph
    >>> spectrograph = PrismSpectrograph()
    >>> table = SpectrumTable(load_ssp_grid(), (1100.0, 4600.0), step=4.0, lyman_alpha=False)
    >>> light = table.spectrum(ages=[3e7], metallicities=[0.2], masses=[1e9])
    >>> flux = spectrograph.observe(table.wavelength, light, redshift=7.0)
    >>> error = spectrograph.flux_error(flux)
    >>> rng = np.random.default_rng(1)
    >>> spectrum = rng.normal(flux, error)
    >>> spectrum.shape == spectrograph.wavelength.shape
    True
    """

    references: ClassVar[tuple] = ("Jakobsen2022",)
    wavelength_range: tuple = (0.8, 3.1)
    depth: float = 1e-21
    floor: float = 0.02
    edges: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        limits = _check_range(self.wavelength_range)
        edges = _pixel_edges(*limits)
        edges.setflags(write=False)
        object.__setattr__(self, "wavelength_range", limits)
        object.__setattr__(self, "depth", _as_depth(self.depth))
        object.__setattr__(self, "edges", edges)
        if not 0.0 <= self.floor < 1.0:
            msg = f"floor must be from 0 to below 1, got {self.floor!r}"
            raise InputError(msg)

    @property
    def wavelength(self):
        """Observed-frame centres of the pixels in Angstrom, of shape (n_wave,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def rest_range(self, redshift):
        """Rest-frame wavelengths that a spectrum must cover.

        Parameters
        ----------
        redshift : float or array_like
            Redshift of the galaxy, or of several.

        Returns
        -------
        tuple of float
            The ends in Angstrom, for all of the redshifts. From redshift 6 on, the intergalactic
            medium transmits less than a tenth of the light blueward of Lyman alpha. A spectrum may
            then begin at 1200, and is zero below.

        Examples
        --------
        >>> from dustest.simulate.telescope.spectrograph import PrismSpectrograph
        >>> [round(end) for end in PrismSpectrograph().rest_range([6.0, 9.0])]
        [757, 4512]
        """
        margin = _REACH * line_width(self.edges[[0, -1]], PRISM)
        stretch = 1.0 + to_floats(redshift, "redshift")
        low, high = self.edges[0] - margin[0], self.edges[-1] + margin[1]
        return float(np.min(low / stretch)), float(np.max(high / stretch))

    def response(self, rest_wavelength, redshift, *, igm=True, cosmology=Planck15):
        """Matrix that converts a rest-frame spectrum to an observed one.

        The spectrum is linear between its points. The matrix is the same for all galaxies at a
        redshift; an observed spectrum is a product with it.

        Parameters
        ----------
        rest_wavelength : array_like of shape (n_rest,)
            Rest-frame wavelengths in Angstrom, ascending.
        redshift : float
            Redshift of the galaxies, above zero.
        igm : bool, optional
            Whether to include the intergalactic medium, see `dustest.physics.igm_transmission`.
        cosmology : `~astropy.cosmology.FLRW`, optional
            Sets the luminosity distance.

        Returns
        -------
        ndarray of shape (n_wave, n_rest)
            Matrix in erg/s/cm2/Angstrom per Lsun/Angstrom.

        Raises
        ------
        InputError
            If the wavelengths do not cover the range of the pixels (see `rest_range`), or an
            argument is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.simulate.telescope.spectrograph import PrismSpectrograph
        >>> spectrograph = PrismSpectrograph()
        >>> rest = np.arange(1100.0, 4600.0, 4.0)
        >>> matrix = spectrograph.response(rest, redshift=7.0)
        >>> galaxies = np.stack([1e7 * (rest / 1500.0) ** -2.0, 1e8 * (rest / 1500.0) ** -1.5])
        >>> (galaxies @ matrix.T).shape == (2, spectrograph.wavelength.size)
        True
        """
        rest = self._check_rest(rest_wavelength, redshift, igm)
        low, high = self.rest_range(redshift)
        seen = np.flatnonzero((rest >= low) & (rest <= high))
        window = slice(max(seen[0] - 1, 0), seen[-1] + 2)
        points = rest[window]
        fine = _fine_grid(points)
        observed = fine * (1.0 + redshift)
        spread = line_width(observed, PRISM)
        blurred = np.diff(ndtr((self.edges[:, np.newaxis] - observed) / spread), axis=0)
        width = np.gradient(observed)
        width[[0, -1]] *= 0.5
        if igm:
            width *= igm_transmission(observed, redshift)
        blurred *= width * _light_to_flux(redshift, cosmology)
        blurred /= np.diff(self.edges)[:, np.newaxis]
        matrix = np.zeros((blurred.shape[0], rest.size))
        matrix[:, window] = blurred @ _interpolation(fine, points)
        return matrix

    def observe(self, rest_wavelength, luminosity, redshift, *, igm=True, cosmology=Planck15):
        """Compute the observed spectrum without noise.

        Parameters
        ----------
        rest_wavelength : array_like of shape (n_rest,)
            Rest-frame wavelengths in Angstrom, ascending.
        luminosity : array_like of shape (n_rest,) or (n, n_rest)
            Luminosity in Lsun per Angstrom.
        redshift : float
            Redshift of the galaxy, above zero.
        igm : bool, optional
            Whether to include the intergalactic medium.
        cosmology : `~astropy.cosmology.FLRW`, optional
            Sets the luminosity distance.

        Returns
        -------
        ndarray of shape (n_wave,) or (n, n_wave)
            Mean flux density in each pixel, in erg/s/cm2/Angstrom.

        Raises
        ------
        InputError
            As for `response`, or if the shapes do not match.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.simulate.telescope.spectrograph import PrismSpectrograph
        >>> spectrograph = PrismSpectrograph()
        >>> rest = np.arange(1100.0, 4600.0, 4.0)
        >>> flux = spectrograph.observe(rest, 1e7 * (rest / 1500.0) ** -2.0, redshift=7.0)
        >>> round(float(1e21 * np.interp(12000.0, spectrograph.wavelength, flux)), 1)
        8.0
        """
        matrix = self.response(rest_wavelength, redshift, igm=igm, cosmology=cosmology)
        luminosity = to_floats(luminosity, "luminosity", unit=u.Lsun / u.AA)
        if luminosity.ndim not in (1, 2) or luminosity.shape[-1] != matrix.shape[1]:
            msg = (
                f"luminosity must have {matrix.shape[1]} values along its last axis, as "
                f"rest_wavelength has, got shape {luminosity.shape}"
            )
            raise InputError(msg)
        return luminosity @ matrix.T

    def flux_error(self, flux):
        """Standard error of each pixel.

        Parameters
        ----------
        flux : array_like or `~astropy.units.Quantity` of shape (n_wave,) or (n, n_wave)
            Flux density without noise, in erg/s/cm2/Angstrom if it has no unit.

        Returns
        -------
        ndarray
            Errors in erg/s/cm2/Angstrom, in the shape of ``flux``.

        Raises
        ------
        InputError
            If the last axis of ``flux`` has another number of pixels.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.simulate.telescope.spectrograph import PrismSpectrograph
        >>> spectrograph = PrismSpectrograph(depth=2e-21)
        >>> dark = spectrograph.flux_error(np.zeros(spectrograph.wavelength.size))
        >>> 1e21 * np.interp([1e4, 2e4, 3e4], spectrograph.wavelength, dark).round(22)
        array([6.4, 2. , 1.2])
        """
        flux = to_flux_densities(flux, "flux", self.wavelength * u.AA, unit=_F_LAMBDA)
        if flux.ndim == 0 or flux.shape[-1] != self.edges.size - 1:
            msg = (
                f"flux must have {self.edges.size - 1} pixels along its last axis, got shape "
                f"{flux.shape}"
            )
            raise InputError(msg)
        offset = np.log(self.wavelength / _DEPTH_WAVELENGTH)
        dark = self.depth * np.exp((_ERROR_SLOPE + _ERROR_CURVATURE * offset) * offset)
        return np.hypot(dark, self.floor * flux)

    def _check_rest(self, rest_wavelength, redshift, igm):
        """Rest-frame wavelengths that cover the pixels at a redshift."""
        checked = to_floats(redshift, "redshift")
        if checked.ndim or not checked > 0:
            msg = f"redshift must be finite and above zero, got {redshift!r}"
            raise InputError(msg)
        rest = to_floats(
            *(rest_wavelength, "rest_wavelength"), unit=u.AA, equivalencies=u.spectral()
        )
        if rest.ndim != 1 or rest.size < 2 or not np.all(np.diff(rest) > 0) or rest[0] <= 0:
            msg = "rest_wavelength must be one-dimensional, positive and ascending, in Angstrom"
            raise InputError(msg)
        low, high = self.rest_range(redshift)
        if igm and low < rest[0]:
            missing = np.linspace(low, rest[0], 100) * (1.0 + redshift)
            low = rest[0] if igm_transmission(missing, redshift).max() < _DARK else low
        if rest[0] > low or rest[-1] < high:
            msg = (
                f"rest_wavelength must cover {low:.0f} to {high:.0f} Angstrom at redshift "
                f"{redshift:g}, got {rest[0]:.0f} to {rest[-1]:.0f}"
            )
            raise InputError(msg)
        return rest


def _check_range(limits):
    """Ends of the range in micron, as a tuple of floats."""
    ends = to_floats(limits, "wavelength_range", unit=u.um, equivalencies=u.spectral())
    if ends.shape != (2,):
        msg = f"wavelength_range must be two numbers in micron, got {limits!r}"
        raise InputError(msg)
    low, high = ends.tolist()
    first, last = PRISM.wavelength_range
    if not first <= low < high <= last:
        msg = (
            f"wavelength_range must ascend and lie within {first} to {last} micron, got {limits!r}"
        )
        raise InputError(msg)
    return low, high


def _as_depth(depth):
    """Convert to a standard error at 2 micron in erg/s/cm2/Angstrom."""
    value = to_flux_densities(depth, "depth", _DEPTH_WAVELENGTH * u.AA, unit=_F_LAMBDA)
    return check_positive(value[()], "depth")


def _pixel_edges(low, high):
    """Edges in Angstrom of pixels that are 1 / 2.2 of an element of resolution wide."""
    grid = 1e4 * np.geomspace(low, high, 2000)
    density = PIXELS_PER_ELEMENT * resolving_power(grid, PRISM) / grid
    count = cumulative_trapezoid(density, grid, initial=0.0)
    edges = np.interp(np.arange(int(count[-1]) + 1), count, grid)
    if edges.size < 3:
        msg = f"wavelength_range must cover two pixels or more, got {low} to {high} micron"
        raise InputError(msg)
    return edges


def _fine_grid(points):
    """The points, others between them, and both sides of the Lyman-alpha break."""
    between = np.arange(points[0], points[-1], _REST_STEP)
    sides = _LYMAN_ALPHA * np.array([1.0 - 1e-9, 1.0 + 1e-9])
    sides = sides[(sides > points[0]) & (sides < points[-1])]
    return np.union1d(np.concatenate([points, sides]), between)


def _interpolation(fine, points):
    """Matrix that interpolates from the points to the fine grid: (n_fine, n_points)."""
    right = np.clip(np.searchsorted(points, fine), 1, points.size - 1)
    share = (fine - points[right - 1]) / (points[right] - points[right - 1])
    rows = np.tile(np.arange(fine.size), 2)
    columns = np.concatenate([right - 1, right])
    weights = np.concatenate([1.0 - share, share])
    return csr_array((weights, (rows, columns)), shape=(fine.size, points.size))


def _light_to_flux(redshift, cosmology):
    """Observed erg/s/cm2/Angstrom of 1 Lsun/Angstrom in the rest frame."""
    area = 4.0 * np.pi * cosmology.luminosity_distance(redshift) ** 2
    return (constants.L_sun / u.AA / area).to_value(_F_LAMBDA) / (1.0 + redshift)
