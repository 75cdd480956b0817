"""Spectra of whole galaxies of star particles, in the rest frame."""

import copy

import numpy as np
from astropy import units as u
from scipy.sparse import csr_array

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError
from dustest.physics.dust_laws.lookup import get_screen_law
from dustest.physics.stellar.bilinear import node_weights
from dustest.physics.stellar.node_spectra import NodeLight
from dustest.physics.stellar.particle_rows import (
    a_over_av,
    checked_a_v,
    checked_particles,
    screen,
)

__all__ = ["SpectrumTable"]

_N_SCREENS = 64
_FAINTEST = 25.0
"""Magnitudes by which the thickest screen attenuates even the reddest light."""
_LYMAN_ALPHA = 1215.67
_SPECTRA_AT_ONCE = 16
"""Number of spectra that fit into the cache when they are averaged."""
_LEAST_RATIO = 0.1
"""A_lambda / A_V below which light does not need thicker screens."""


class SpectrumTable:
    """Rest-frame spectra of whole galaxies of star particles.

    The weights of the particles in the nodes of the grid are added up first, and one matrix
    product gives the spectrum. With dust there is such a sum behind each of 64 screens: a particle
    is distributed over the two screens next to its own, with weights that make its transmission
    exact where A_lambda is midway between its extremes in the range. Between 1200 and 3300
    Angstrom, galaxies whose particles have A_V from 0 to 10 agree within 0.2 per cent with the sum
    over particles.

    Parameters
    ----------
    grid : SSPGrid
        Spectra of stellar populations, see `load_ssp_grid`.
    wavelength_range : tuple of float or `~astropy.units.Quantity` of shape (2,), optional
        Rest-frame ends; Angstrom if they have no unit. The whole grid by default. The cost is
        proportional to the number of wavelengths.
    law : str, DustLaw or model of dust_extinction, optional
        Extinction law of the screens, as in `LightTable`.
    emission : str, optional
        ``"total"``, ``"stellar"`` or ``"nebular"``, as in `LightTable`.
    log_u : float, optional
        Logarithm of the ionisation parameter.
    escape_fraction : float, optional
        Fraction of the ionising photons that escapes; nebular light is dimmer by as much.
    step : float or `~astropy.units.Quantity`, optional
        Spacing (Angstrom if it has no unit) onto which the spectra are averaged, with their
        luminosity preserved; by default they keep the wavelengths of the grid. A spectrograph of
        low resolution needs only a few points per element, which takes less time.
    lyman_alpha : bool, optional
        Whether the line Lyman alpha is in the spectra. Above redshift 5, hydrogen around a galaxy
        scatters nearly all of it, which the transmission blueward of the line does not include:
        omit it for observed spectra.

    Attributes
    ----------
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths in Angstrom.
    law : DustLaw or None
        The law.

    Raises
    ------
    InputError
        If fewer than two wavelengths of the grid lie in the range, ``step`` is finer than the
        grid or coarser than the range, or a parameter is unknown or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import SpectrumTable, load_ssp_grid
    >>> table = SpectrumTable(load_ssp_grid(), (1250.0, 3000.0), law="SMC", step=4.0)
    >>> stars = {"ages": [5e6, 1e8], "metallicities": [0.2, 0.2], "masses": [1e7, 1e8]}
    >>> slopes = []
    >>> for a_v in ([0.0, 0.0], [0.2, 0.2]):
    ...     light = table.spectrum(**stars, a_v=a_v)
    ...     slopes.append(np.polyfit(np.log(table.wavelength), np.log(light), 1)[0])
    >>> np.round(slopes, 1)
    array([-2.4, -1.6])
    """

    def __init__(
        self,
        grid,
        wavelength_range=None,
        *,
        law=None,
        emission="total",
        log_u=-2.5,
        escape_fraction=0.0,
        step=None,
        lyman_alpha=True,
    ):
        window = _range_window(grid.wavelength, wavelength_range)
        light = NodeLight(grid, emission, log_u, escape_fraction=escape_fraction)
        self.wavelength, continuum = grid.wavelength[window], light.continuum(window)
        if step is not None:
            self.wavelength, continuum = _average(self.wavelength, continuum, step)
        self._age, self._metallicity = light.age, light.metallicity
        profiles = _line_profiles(self.wavelength, light.line_wavelength)
        if not lyman_alpha:
            profiles[np.abs(light.line_wavelength - _LYMAN_ALPHA) < 1.0] = 0.0
        self._spectra = continuum + light.lines.astype(np.float32) @ profiles
        self._set_law(None if law is None else get_screen_law(law))

    def _set_law(self, law):
        """Make the screens of a law."""
        self.law = law
        ratio = a_over_av(law, self.wavelength)
        self._middle = 0.5 * (ratio.min() + ratio.max())
        self._screens = np.zeros(1) if law is None else _screens(ratio)
        self._transmission = screen(self._screens, ratio).astype(np.float32)

    def behind(self, law):
        """Put screens of another law in front of the same stars.

        Parameters
        ----------
        law : str, DustLaw or model of dust_extinction
            Extinction law of the screens.

        Returns
        -------
        SpectrumTable
            A table that shares the spectra with this one.

        Examples
        --------
        >>> from dustest.physics import SpectrumTable, load_ssp_grid
        >>> SpectrumTable(load_ssp_grid(), (1500.0, 6000.0)).behind("SMC").law.name
        'SMC'
        """
        found = copy.copy(self)
        found._set_law(get_screen_law(law))
        return found

    @property
    def nbytes(self):
        """Size of the table in bytes."""
        return self._spectra.nbytes + self._transmission.nbytes

    def __repr__(self):
        first, last = self.wavelength[[0, -1]]
        law = None if self.law is None else self.law.name
        return f"SpectrumTable({first:.0f} to {last:.0f} Angstrom, law={law!r})"

    def spectrum(self, ages, metallicities, masses, a_v=None):
        """Spectrum of all particles together.

        Each line is distributed over the two wavelengths next to it; its luminosity is preserved.

        Parameters
        ----------
        ages : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Ages; yr if they have no unit.
        metallicities : array_like of shape (n,)
            Metallicities in units of that of the Sun.
        masses : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Masses formed, in solar masses if they have no unit.
        a_v : array_like, Column or `~astropy.units.Quantity` of shape (n,), optional
            Attenuation of the screen in front of each, in mag; no dust by default.

        Returns
        -------
        ndarray of shape (n_wave,)
            Luminosity in Lsun per Angstrom.

        Raises
        ------
        InputError
            As for `LightTable.flux`.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.physics import SpectrumTable, load_ssp_grid
        >>> table = SpectrumTable(load_ssp_grid(), (4000.0, 7000.0), emission="nebular")
        >>> light = table.spectrum([1e6], [0.4], [1e6])
        >>> float(table.wavelength[np.argmax(light)].round())
        5007.0
        """
        nodes, weights = node_weights(self._age, self._metallicity, ages, metallicities)
        masses = checked_particles(masses, "masses", u.Msun, len(nodes))
        weights *= masses[:, np.newaxis]
        if a_v is None:
            return self._behind_screens(nodes, weights, 1)[0].astype(float)
        a_v = checked_a_v(a_v, len(nodes), self.law)
        below, share = self._screen_shares(a_v)
        n_nodes = len(self._spectra)
        rows = nodes + n_nodes * below[:, np.newaxis]
        behind = self._behind_screens(
            np.stack([rows, rows + n_nodes]),
            np.stack([weights * (1.0 - share), weights * share]),
            _N_SCREENS,
        )
        return np.einsum("ij,ij->j", behind, self._transmission).astype(float)

    def _screen_shares(self, a_v):
        """Screen below each attenuation, and weight of the screen above: (n,), (n, 1)."""
        a_v = np.minimum(a_v, self._screens[-1])
        below = np.searchsorted(self._screens, a_v, side="right") - 1
        below = np.minimum(below, _N_SCREENS - 2)
        # By what is absorbed in excess of the lower screen, which does not underflow.
        rate = -0.4 * np.log(10.0) * self._middle
        absorbed = np.expm1(rate * (a_v - self._screens[below]))
        between = np.expm1(rate * np.diff(self._screens))[below]
        return below, (absorbed / between)[:, np.newaxis]

    def _behind_screens(self, rows, weights, n_screens):
        """Spectrum behind each screen, before its attenuation: (n_screens, n_wave)."""
        n_nodes = len(self._spectra)
        shares = np.bincount(rows.ravel(), weights.ravel(), n_screens * n_nodes)
        # Few of the nodes are in use; a dense product would also start the threads of BLAS.
        return csr_array(shares.astype(np.float32).reshape(n_screens, n_nodes)) @ self._spectra


def _screens(ratio):
    """Attenuations of the screens: evenly spaced if they are thin, else in their logarithm.

    The spacing changes where the bluest light is attenuated by a factor of e.
    """
    unit = 1.0 / (0.4 * np.log(10.0) * ratio.max())
    thickest = _FAINTEST / max(ratio.min(), _LEAST_RATIO)
    return unit * np.sinh(np.linspace(0.0, np.arcsinh(thickest / unit), _N_SCREENS))


def _average(wavelength, spectra, step):
    """Spectra on evenly spaced wavelengths, with triangular weights of two steps' width."""
    finest, extent = np.diff(wavelength).max(), np.ptp(wavelength)
    step = to_floats(step, "step", unit=u.AA, ndim=0)
    if not finest <= step <= extent:
        msg = (
            f"step must be {finest:.3g} to {extent:.4g} Angstrom, between the spacing of the grid "
            f"and the length of wavelength_range, got {step!r}"
        )
        raise InputError(msg)
    coarse = wavelength[0] + step * np.arange(int(extent / step) + 1)
    inside = wavelength <= coarse[-1]
    left = np.minimum(((wavelength[inside] - coarse[0]) / step).astype(int), coarse.size - 2)
    share = (wavelength[inside] - coarse[left]) / step
    width = _widths(wavelength[inside])
    places = np.concatenate([left, left + 1])
    weights = np.concatenate([width * (1.0 - share), width * share])
    fine = np.tile(np.arange(left.size), 2)
    average = csr_array((weights, (places, fine)), shape=(coarse.size, left.size))
    # Weights are those of the points, so that a constant stays one to the last digit.
    norm = average.sum(axis=1)
    averaged = np.empty((len(spectra), coarse.size), dtype=np.float32)
    for start in range(0, len(spectra), _SPECTRA_AT_ONCE):
        rows = slice(start, start + _SPECTRA_AT_ONCE)
        averaged[rows] = (average @ spectra[rows, : left.size].T).T / norm
    return coarse, averaged


def _widths(wavelength):
    """Weight of each wavelength in the trapezoidal rule."""
    width = np.gradient(wavelength)
    width[[0, -1]] *= 0.5
    return width


def _line_profiles(wavelength, lines):
    """Lines of unit luminosity on a grid of wavelengths: (n_lines, n_wave)."""
    profiles = np.zeros((lines.size, wavelength.size), dtype=np.float32)
    inside = np.flatnonzero((lines >= wavelength[0]) & (lines <= wavelength[-1]))
    right = np.clip(np.searchsorted(wavelength, lines[inside]), 1, wavelength.size - 1)
    width = _widths(wavelength)
    share = (lines[inside] - wavelength[right - 1]) / np.diff(wavelength)[right - 1]
    profiles[inside, right] = share / width[right]
    profiles[inside, right - 1] = (1.0 - share) / width[right - 1]
    return profiles


def _ends(limits):
    """The two ends of a range in Angstrom."""
    ends = to_floats(limits, "wavelength_range", unit=u.AA, equivalencies=u.spectral())
    if ends.shape != (2,) or not np.all(ends >= 0):
        msg = f"wavelength_range must be two finite wavelengths (low, high), got {limits!r}"
        raise InputError(msg)
    return np.sort(ends)


def _range_window(wavelength, limits):
    """The wavelengths within a range."""
    low, high = (0.0, np.inf) if limits is None else _ends(limits)
    window = slice(*np.searchsorted(wavelength, [low, high]))
    if window.stop - window.start < 2:
        msg = (
            "wavelength_range must hold two or more wavelengths of the grid, which reaches from "
            f"{wavelength[0]:.0f} to {wavelength[-1]:.0f} Angstrom, got {limits!r}"
        )
        raise InputError(msg)
    return window
