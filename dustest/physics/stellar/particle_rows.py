"""Shared by all tables of star particles: weighted rows, screens of dust, checks."""

import numpy as np
from astropy import units as u
from scipy.sparse import csr_array

from dustest.data.errors import InputError
from dustest.physics.stellar.bilinear import particle_values

__all__ = ["a_over_av", "checked_a_v", "checked_particles", "screen", "weighted_rows"]


def weighted_rows(table, rows, weights):
    """Sum over each particle's nodes of a row of the table times its weight."""
    n, n_rows = rows.shape
    starts = np.arange(0, n * n_rows + 1, n_rows)
    # In the table's own precision, so that scipy does not copy the table.
    weights = weights.astype(table.dtype, copy=False).ravel()
    return csr_array((weights, rows.ravel(), starts), shape=(n, len(table))) @ table


def a_over_av(law, wavelength):
    """A_lambda / A_V; outside the range of a law its value at the end, and zero without a law."""
    if law is None:
        return np.zeros_like(wavelength)
    return law.a_over_av(np.clip(wavelength, *law.wavelength_range))


def screen(a_v, ratio):
    """Transmission of screens at wavelengths of some A_lambda / A_V: (n_screens, n_wave)."""
    return np.exp(np.multiply.outer(a_v, -0.4 * np.log(10.0) * ratio))


def checked_a_v(a_v, n, law):
    """Attenuations of n particles in mag, as an array."""
    if law is None:
        msg = "a_v needs a dust law: build the table with law=..."
        raise InputError(msg)
    return checked_particles(a_v, "a_v", u.mag, n)


def checked_particles(values, name, unit, n):
    """A property of n particles, as an array."""
    values = particle_values(values, name, unit)
    if values.size != n:
        msg = f"{name} must have a value for each of the {n} particles, got {values.size}"
        raise InputError(msg)
    return values
