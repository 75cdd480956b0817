"""Fluxes of star particles in bands, and (by `spectrum_table`) spectra.

Particles are single-age, single-metallicity populations. Between the nodes of a grid, spectra are
linear in the logarithm of the age and in the metallicity; a galaxy needs table look-ups only.
"""

from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15
from scipy.interpolate import make_interp_spline

from dustest.data.errors import InputError
from dustest.physics._values import as_curves, as_redshift
from dustest.physics.dust_laws.law import B_WAVELENGTH, V_WAVELENGTH
from dustest.physics.dust_laws.lookup import get_screen_law
from dustest.physics.stellar.band_response import band_response
from dustest.physics.stellar.bilinear import node_weights
from dustest.physics.stellar.node_spectra import NodeLight
from dustest.physics.stellar.particle_rows import a_over_av, checked_a_v, screen, weighted_rows
from dustest.physics.stellar.spectrum_table import SpectrumTable
from dustest.physics.stellar.ssp_grids import NebularGrid, SSPGrid, load_ssp_grid

__all__ = ["LightTable", "NebularGrid", "SSPGrid", "SpectrumTable", "StarLight", "load_ssp_grid"]

# Square-root spacing: fine steps for little attenuation, few where hardly any light is left.
_MAX_A_V = 25.0
_N_STEPS = 100
_A_V_NODES = _MAX_A_V * np.linspace(0.0, 1.0, _N_STEPS + 1) ** 2
_A_V_STEPS = np.diff(_A_V_NODES)
_CENTRES = np.array([V_WAVELENGTH, B_WAVELENGTH])
_HALF_WIDTH = 50.0
"""Angstrom to either side of 4400 and 5500 Angstrom over which spectra are averaged."""


class LightTable:
    """Flux of star particles in bands, per solar mass formed.

    Spectra are interpolated linearly in log age and in metallicity (as in Bagpipes: at low
    metallicity the lines of metals are proportional to it). Outside the grid its last nodes are
    used, and ages above that of the Universe are not tabulated. Dust is a screen in front of each
    particle; between nodes of A_V the logarithm of the flux is linear in A_V, within 1e-3 of the
    integral over the band.

    Parameters
    ----------
    grid : SSPGrid
        Spectra of stellar populations, see `load_ssp_grid`.
    bands : sequence of str or Band
        The bands, see `dustest.data.get_band`.
    redshift : float
        Redshift of the galaxy, above zero.
    law : str, DustLaw or model of dust_extinction, optional
        Extinction law of the screens, see `get_dust_law`; outside its range the value at its end
        is used. Without a law the table has no dust.
    emission : str, optional
        ``"total"``, ``"stellar"`` (starlight that the ionised gas does not absorb) or
        ``"nebular"``: the components, for separate screens.
    log_u : float, optional
        Logarithm of the ionisation parameter.
    escape_fraction : float, optional
        Fraction of the ionising photons that escapes; nebular light is dimmer by as much.
    igm : bool, optional
        Whether to include the intergalactic medium, see `igm_transmission`.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Sets the luminosity distance and the age of the Universe.

    Attributes
    ----------
    bands : tuple of str
        Canonical names of the bands.
    redshift : float
        The redshift.
    law : DustLaw or None
        The law.

    Raises
    ------
    InputError
        If a band or law is unknown, the grid does not cover a band at the redshift, or a
        parameter is out of range.

    References
    ----------
    Planck Collaboration 2016, A&A 594, A13 (the default cosmology).

    Examples
    --------
    >>> from dustest.physics import LightTable, load_ssp_grid
    >>> table = LightTable(load_ssp_grid(), ["F277W", "F444W"], redshift=7.0, law="SMC")
    >>> flux = 1e8 * table.flux(ages=[2e6, 2e8], metallicities=[0.2, 0.2])
    >>> flux.round(1)
    array([[128.2, 210.2],
           [  1.6,   3.7]])
    >>> dusty = 1e8 * table.flux([2e6, 2e8], [0.2, 0.2], a_v=[0.5, 0.0])
    >>> (dusty / flux).round(2)
    array([[0.45, 0.6 ],
           [1.  , 1.  ]])
    """

    def __init__(
        self,
        grid,
        bands,
        redshift,
        *,
        law=None,
        emission="total",
        log_u=-2.5,
        escape_fraction=0.0,
        igm=True,
        cosmology=Planck15,
    ):
        redshift = as_redshift(redshift, above_zero=True)
        curves = as_curves(bands)
        if not curves:
            msg = "bands must name at least one band"
            raise InputError(msg)
        self.bands = tuple(curve.name for curve in curves)
        self.redshift = redshift
        self.law = None if law is None else get_screen_law(law)
        oldest = cosmology.age(redshift).to_value(u.yr)
        light = NodeLight(grid, emission, log_u, escape_fraction=escape_fraction, oldest=oldest)
        self._age, self._metallicity = light.age, light.metallicity
        distance = cosmology.luminosity_distance(redshift)
        columns = []
        for curve in curves:
            response = band_response(
                curve, grid.wavelength, light.line_wavelength, redshift, distance, igm
            )
            columns.append(self._column(light, response))
        self._fill(columns)
        self._v_and_b = np.stack([_mean_continuum(light, each) for each in _CENTRES], axis=1)
        self._v_and_b_ratio = self._v_and_b_ratios(self.law)

    def _fill(self, columns):
        """Put the columns of the bands side by side."""
        self._n_screens = columns[0].shape[1]
        self._table = np.stack(columns, axis=-1).reshape(-1, len(columns))

    @staticmethod
    def _v_and_b_ratios(law):
        """A_lambda / A_V at V and B."""
        ratio = a_over_av(law, _CENTRES)
        # Some curves are off by two per cent at 5500 Angstrom; a screen must have its own A_V.
        return ratio if law is None else ratio / ratio[0]

    @property
    def nbytes(self):
        """Size of the table in bytes."""
        return self._table.nbytes + self._v_and_b.nbytes

    def __repr__(self):
        law = None if self.law is None else self.law.name
        return f"LightTable(bands={self.bands}, redshift={self.redshift:g}, law={law!r})"

    def _column(self, light, response):
        """Flux in one band, of every node behind every screen: (n_nodes, n_screens)."""
        screens = np.zeros(1) if self.law is None else _A_V_NODES
        wavelength = light.grid.wavelength[response.window]
        behind = response.continuum * screen(screens, a_over_av(self.law, wavelength))
        in_lines = response.lines * screen(screens, a_over_av(self.law, light.line_wavelength))
        return light.continuum(response.window) @ behind.T + light.lines @ in_lines.T

    def at(self, ages, metallicities):
        """Interpolate stars once, for several realisations of their dust.

        Parameters
        ----------
        ages : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Ages; yr if they have no unit.
        metallicities : array_like of shape (n,)
            Metallicities in units of that of the Sun.

        Returns
        -------
        StarLight
            The stars; its `flux` and `v_and_b` are functions of ``a_v`` only.

        Raises
        ------
        InputError
            If a value is negative or not finite, or lengths are unequal.

        Examples
        --------
        >>> from dustest.physics import LightTable, load_ssp_grid
        >>> table = LightTable(load_ssp_grid(), ["F444W"], redshift=8.0, law="SMC")
        >>> stars = table.at([1e8], [0.1])
        >>> [round(1e9 * stars.flux([a_v]).item()) for a_v in (0.0, 0.5, 1.0)]
        [38, 22, 13]
        """
        return self._stars(*node_weights(self._age, self._metallicity, ages, metallicities))

    def _stars(self, nodes, weights):
        """Interpolated stars."""
        return StarLight(self, nodes, weights)

    def flux(self, ages, metallicities, a_v=None):
        """Observed flux of star particles.

        Parameters
        ----------
        ages : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Ages; yr if they have no unit.
        metallicities : array_like of shape (n,)
            Metallicities in units of that of the Sun.
        a_v : array_like, Column or `~astropy.units.Quantity` of shape (n,), optional
            Attenuation of the screen in front of each, in mag; no dust by default.

        Returns
        -------
        ndarray of shape (n, n_bands)
            Flux in nJy per solar mass formed.

        Raises
        ------
        InputError
            If a value is negative or not finite, lengths are unequal, or there is an ``a_v``
            but no law.

        Examples
        --------
        >>> from dustest.physics import LightTable, load_ssp_grid
        >>> table = LightTable(load_ssp_grid(), ["F444W"], redshift=8.0)
        >>> (1e9 * table.flux([1e8], [0.1])).round()
        array([[38.]])
        """
        return self.at(ages, metallicities).flux(a_v)

    def v_and_b(self, ages, metallicities, a_v=None):
        """Rest-frame luminosity at 5500 and 4400 Angstrom, for A_V and E(B-V).

        Continuum without lines, averaged over 100 Angstrom. With L the sum over the particles
        of a galaxy, A_V = -2.5 log10(L_V / L_V without dust), and E(B-V) = A_B - A_V. Behind one
        screen A_V is that of the screen.

        Parameters
        ----------
        ages : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Ages; yr if they have no unit.
        metallicities : array_like of shape (n,)
            Metallicities in units of that of the Sun.
        a_v : array_like, Column or `~astropy.units.Quantity` of shape (n,), optional
            Attenuation of the screen in front of each, in mag; no dust by default.

        Returns
        -------
        ndarray of shape (n, 2)
            Luminosities in V and in B, in Lsun per Angstrom and solar mass formed.

        Raises
        ------
        InputError
            As for `flux`.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest.physics import LightTable, load_ssp_grid
        >>> table = LightTable(load_ssp_grid(), ["F277W"], redshift=7.0, law="Calzetti")
        >>> stars = {"ages": [5e6, 3e8], "metallicities": [0.2, 0.2]}
        >>> free = table.v_and_b(**stars).sum(axis=0)
        >>> dusty = table.v_and_b(**stars, a_v=[0.4, 0.4]).sum(axis=0)
        >>> A_V, A_B = -2.5 * np.log10(dusty / free)
        >>> round(float(A_V), 2), round(float(A_B - A_V), 2)
        (0.4, 0.1)
        """
        return self.at(ages, metallicities).v_and_b(a_v)


class StarLight:
    """Interpolated star particles for any dust, made by `LightTable.at`.

    Parameters
    ----------
    table : LightTable
        Table of the interpolation.
    nodes : ndarray of shape (n, 4)
        Positions in the table's raveled grid of metallicity and age.
    weights : ndarray of shape (n, 4)
        Their weights.
    """

    def __init__(self, table, nodes, weights):
        self._table, self._nodes, self._weights = table, nodes, weights

    def __len__(self):
        return len(self._nodes)

    def flux(self, a_v=None):
        """Observed flux, as from `LightTable.flux`.

        Parameters
        ----------
        a_v : array_like, Column or `~astropy.units.Quantity` of shape (n,), optional
            Attenuation of the screen in front of each star, in mag; no dust by default.

        Returns
        -------
        ndarray of shape (n, n_bands)
            Flux in nJy per solar mass formed.

        Raises
        ------
        InputError
            If a value is negative or not finite, there is not one for every star, or the table
            has no law.
        """
        table, rows = self._table._table, self._nodes * self._table._n_screens
        if a_v is None:
            return weighted_rows(table, rows, self._weights)
        a_v = checked_a_v(a_v, len(self), self._table.law)
        step = np.minimum((_N_STEPS * np.sqrt(a_v / _MAX_A_V)).astype(int), _N_STEPS - 1)
        # Rounding may put a value at a node just below it.
        share = np.maximum((a_v - _A_V_NODES[step]) / _A_V_STEPS[step], 0.0)
        rows += step[:, np.newaxis]
        thin = weighted_rows(table, rows, self._weights)
        thick = weighted_rows(table, rows + 1, self._weights)
        # If hydrogen absorbs everything, there is nothing to attenuate.
        ratio = np.divide(thick, thin, out=np.zeros_like(thin), where=thin > 0)
        return thin * ratio ** share[:, np.newaxis]

    def v_and_b(self, a_v=None):
        """Rest-frame luminosity at 5500 and 4400 Angstrom, as from `LightTable.v_and_b`.

        Parameters
        ----------
        a_v : array_like, Column or `~astropy.units.Quantity` of shape (n,), optional
            Attenuation of the screen in front of each star, in mag; no dust by default.

        Returns
        -------
        ndarray of shape (n, 2)
            Luminosities in V and in B, in Lsun per Angstrom and solar mass formed.

        Raises
        ------
        InputError
            As for `flux`.
        """
        if a_v is None:
            return self._bare_v_and_b.copy()
        a_v = checked_a_v(a_v, len(self), self._table.law)
        return self._bare_v_and_b * screen(a_v, self._table._v_and_b_ratio)

    @cached_property
    def _bare_v_and_b(self):
        """Luminosity at V and B without dust."""
        return weighted_rows(self._table._v_and_b, self._nodes, self._weights)


def _mean_continuum(light, centre):
    """Mean continuum of every node around one wavelength."""
    wavelength = light.grid.wavelength
    points = np.array([centre - _HALF_WIDTH, centre, centre + _HALF_WIDTH])
    low, high = np.searchsorted(wavelength, points[[0, -1]])
    if low == 0 or high == wavelength.size:
        msg = f"the grid of stellar populations must cover {centre:.0f} Angstrom and 50 around it"
        raise InputError(msg)
    window = slice(low - 1, high + 1)
    fine = np.union1d(wavelength[low:high], points)
    spectra = make_interp_spline(wavelength[window], light.continuum(window), k=1, axis=1)(fine)
    return np.trapezoid(spectra, fine, axis=1) / (2.0 * _HALF_WIDTH)
