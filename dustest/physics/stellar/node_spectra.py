"""Spectra at the nodes of a grid of stellar populations: stars, gas, or both."""

import numpy as np

from dustest.data.checks.numbers import check_fraction
from dustest.data.errors import InputError
from dustest.data.messages import not_one_of

__all__ = ["NodeLight"]

EMISSIONS = ("total", "stellar", "nebular")
_IONISING = 912.0
"""Angstrom; light blueward of it ends in the gas of young stars."""


class NodeLight:
    """Emission of the nodes of a grid per solar mass formed.

    Parameters
    ----------
    grid : SSPGrid
        The grid.
    emission : str
        One of ``"total"``, ``"stellar"`` and ``"nebular"``.
    log_u : float
        Ionisation parameter of the gas.
    escape_fraction : float, optional
        Fraction of the ionising photons that escapes and makes no gas shine.
    oldest : float, optional
        Nodes beyond the first of at least this age in yr are left out.

    Raises
    ------
    InputError
        If ``emission`` is unknown, ``log_u`` lies outside the grid, or ``escape_fraction`` is not
        within 0 to 1.
    """

    def __init__(self, grid, emission, log_u, *, escape_fraction=0.0, oldest=np.inf):
        if emission not in EMISSIONS:
            msg = not_one_of("emission", emission, EMISSIONS)
            raise InputError(msg)
        self.grid = grid
        self.emission = emission
        self.age = grid.age[: max(np.searchsorted(grid.age, oldest) + 1, 2)]
        self.metallicity = grid.metallicity
        self.n_nodes = self.age.size * self.metallicity.size
        gas = grid.nebular
        has_gas = gas is not None and emission != "stellar"
        self._escaping = check_fraction(escape_fraction, "escape_fraction")
        kept = np.float32(1.0 - self._escaping)
        self._gas = [kept * light for light in gas.at(log_u)] if has_gas else None
        self._n_young = np.searchsorted(self.age, gas.max_age, side="right") if gas else 0
        self.line_wavelength = gas.line_wavelength if has_gas else np.empty(0)
        self.lines = np.zeros((*self._shape, self.line_wavelength.size))
        if has_gas:
            self.lines[:, : self._n_young] = self._spread() @ self._gas[1]
        self.lines = self.lines.reshape(self.n_nodes, -1)

    @property
    def _shape(self):
        """Numbers of metallicities and ages."""
        return self.metallicity.size, self.age.size

    def continuum(self, window=slice(None)):
        """Compute the continuum at some of the wavelengths.

        Parameters
        ----------
        window : slice, optional
            Wavelengths of the grid.

        Returns
        -------
        spectra : ndarray of shape (n_nodes, n_window)
            Of stars and gas.
        """
        spectra = self._stars(window)
        if self._gas is not None:
            spectra[:, : self._n_young] += self._spread() @ self._gas[0][..., window]
        return spectra.reshape(self.n_nodes, -1)

    def _stars(self, window):
        """Starlight that is not absorbed by the gas."""
        stars = self.grid.luminosity[:, : self.age.size, window].copy()
        if self.emission == "nebular":
            stars[:] = 0.0
        stars[:, : self._n_young, self.grid.wavelength[window] < _IONISING] *= self._escaping
        return stars

    def _spread(self):
        """Weights of the ages of the gas for those of the young stars, linear in log age."""
        places, nodes = np.log(self.age[: self._n_young]), np.log(self.grid.nebular.age)
        unit = np.eye(nodes.size)
        spread = np.stack([np.interp(places, nodes, row) for row in unit], axis=1)
        return spread.astype(np.float32)
