"""Fluxes of star particles in bands behind any dust law, from one small table."""

import copy
from functools import cached_property

import numpy as np
from scipy.interpolate import make_interp_spline

from dustest.physics.dust_laws.lookup import get_screen_law
from dustest.physics.stellar.particle_rows import a_over_av, checked_a_v, screen, weighted_rows
from dustest.physics.stellar_populations import LightTable, StarLight

__all__ = ["LawFreeLight", "LawFreeTable"]

_SPACING = 0.25
"""Inverse micron between nodes in the rest frame: a quarter of the width of the bump at 2175
Angstrom, the narrowest structure of dust laws."""
_FEWEST = 4


class LawFreeTable(LightTable):
    """Flux of star particles in bands behind any law, for galaxies with many kinds of dust.

    The transmission of a screen is interpolated by a cubic spline between a few wavelengths of
    each band, so that a flux is a weighted sum of transmissions at these nodes. The weights, which
    the table contains, do not depend on the law. It takes a tenth of the memory of a `LightTable`
    and serves all laws; a flux takes twice the time. Redward of Lyman-alpha the two agree within
    2e-3 up to A_V = 1 and 6e-3 up to A_V = 3, always within 1e-3 of the dust-free flux.

    Parameters
    ----------
    grid : SSPGrid
        Spectra of stellar populations.
    bands : sequence of str or Band
        The bands.
    redshift : float
        Redshift of the galaxy.
    **options
        As of `LightTable`, without a law.

    Raises
    ------
    InputError
        As of `LightTable`.

    Examples
    --------
    >>> from dustest.physics import load_ssp_grid
    >>> from dustest.physics.stellar.law_free_table import LawFreeTable
    >>> stars = {"ages": [2e6, 2e8], "metallicities": [0.2, 0.2]}
    >>> table = LawFreeTable(load_ssp_grid(), ["F277W", "F444W"], 7.0)
    >>> (1e8 * table.behind("SMC").at(**stars).flux([0.5, 0.0])).round(1)
    array([[ 57.4, 125.7],
           [  1.6,   3.7]])
    """

    def __init__(self, grid, bands, redshift, **options):
        self._nodes = []
        super().__init__(grid, bands, redshift, **options)

    def _fill(self, columns):
        """Put the weights of all nodes of all bands side by side."""
        self._table = np.concatenate(columns, axis=1)
        self._starts = np.cumsum([0, *(len(nodes) for nodes in self._nodes[:-1])])
        self._nodes = np.concatenate(self._nodes)

    def _column(self, light, response):
        """Weights of the nodes of one band: (n_nodes, n_wavelengths)."""
        wavelength = light.grid.wavelength[response.window]
        nodes = _place_nodes(wavelength, response.continuum)
        self._nodes.append(1e4 / nodes)
        spline = make_interp_spline(nodes, np.eye(nodes.size), k=3)
        # Beyond the outermost nodes there is next to no light, and splines diverge.
        at, at_lines = (
            spline(np.clip(1e4 / each, nodes[0], nodes[-1]))
            for each in (wavelength, light.line_wavelength)
        )
        in_lines = light.lines @ (response.lines[:, np.newaxis] * at_lines)
        weights = response.continuum[:, np.newaxis] * at
        return light.continuum(response.window) @ weights + in_lines

    def behind(self, law):
        """Put screens of a law in front of the stars.

        Parameters
        ----------
        law : str, DustLaw or model of dust_extinction
            Extinction law of the screens, see `get_dust_law`.

        Returns
        -------
        LawFreeTable
            The same table with the law.
        """
        found = copy.copy(self)
        found.law = get_screen_law(law)
        found._ratio = a_over_av(found.law, self._nodes)
        found._v_and_b_ratio = self._v_and_b_ratios(found.law)
        return found

    def _stars(self, nodes, weights):
        """Interpolated stars."""
        return LawFreeLight(self, nodes, weights)


class LawFreeLight(StarLight):
    """Interpolated star particles behind a law, made by `LawFreeTable.at`."""

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
            As of `StarLight.flux`.
        """
        parts = self._parts
        if a_v is not None:
            a_v = checked_a_v(a_v, len(self), self._table.law)
            parts = parts * screen(a_v, self._table._ratio)
        # Splines undershoot by a little where next to nothing is left.
        return np.maximum(np.add.reduceat(parts, self._table._starts, axis=1), 0.0)

    @cached_property
    def _parts(self):
        """Weights of the nodes of every band, without dust."""
        return weighted_rows(self._table._table, self._nodes, self._weights)


def _place_nodes(wavelength, response):
    """Nodes in inverse micron, ascending, over the wavelengths to which a band responds."""
    share = np.cumsum(np.abs(response))
    low, high = np.interp([1e-4, 1.0 - 1e-4], share / share[-1], wavelength)
    ends = 1e4 / np.array([high, low])
    number = max(int(np.ceil(np.diff(ends).item() / _SPACING)) + 1, _FEWEST)
    return np.linspace(*ends, number)
