"""Stellar populations whose light has closed forms."""

import numpy as np

from dustest.physics import NebularGrid, SSPGrid


def toy_grid(nebular=None, power=-2.0, n_wave=400):
    """A power-law grid, linear in log age and metallicity; 1 Lsun/Angstrom at 5500."""
    wavelength = np.geomspace(100.0, 50_000.0, n_wave)
    age, metallicity = np.array([1e6, 1e7, 1e9]), np.array([0.1, 1.0])
    level = np.array([[3.0, 2.0, 0.0], [4.0, 3.0, 1.0]])
    luminosity = level[..., np.newaxis] * (wavelength / 5500.0) ** power
    live = np.array([[1.0, 0.9, 0.6], [1.0, 0.8, 0.5]])
    return SSPGrid(wavelength, age, metallicity, luminosity, live, nebular)


def toy_gas(n_wave=400):
    """Gas that gives nothing but a line of 5 Lsun."""
    return NebularGrid(
        log_u=np.array([-3.0, -2.0]),
        age=np.array([1e6, 1e7]),
        continuum=np.zeros((2, 2, 2, n_wave)),
        line_wavelength=np.array([4500.0]),
        lines=np.full((2, 2, 2, 1), 5.0),
    )
