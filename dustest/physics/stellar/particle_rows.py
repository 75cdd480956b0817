"""Shared by all tables of star particles: weighted rows, screens of dust, checks."""

import numpy as np
from astropy import units as u
from scipy.sparse import csr_array

from dustest.data.errors import InputError
from dustest.physics.stellar.bilinear import particle_values

__all__ = ["a_over_av", "checked_a_v", "checked_particles", "screen", "weighted_rows"]


def weighted_rows(table, rows, weights):
    """Sum rows of a table with weights, for each particle.

    Parameters
    ----------
    table : ndarray of shape (n_nodes, n_columns)
        A row for each node.
    rows : ndarray of int of shape (n, n_rows)
        Nodes of each particle.
    weights : ndarray of shape (n, n_rows)
        Their weights.

    Returns
    -------
    sums : ndarray of shape (n, n_columns)
        In the precision of the table.
    """
    n, n_rows = rows.shape
    starts = np.arange(0, n * n_rows + 1, n_rows)
    # In the table's own precision, so that scipy does not copy the table.
    weights = weights.astype(table.dtype, copy=False).ravel()
    return csr_array((weights, rows.ravel(), starts), shape=(n, len(table))) @ table


def a_over_av(law, wavelength):
    """Evaluate A_lambda / A_V, outside the range of a law its value at the end.

    Parameters
    ----------
    law : DustLaw or None
        The law; without one there is no attenuation.
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths in Angstrom.

    Returns
    -------
    ratio : ndarray of shape (n_wave,)
        A_lambda / A_V.
    """
    if law is None:
        return np.zeros_like(wavelength)
    return law.a_over_av(np.clip(wavelength, *law.wavelength_range))


def screen(a_v, ratio):
    """Compute the transmission of screens.

    Parameters
    ----------
    a_v : ndarray of shape (n_screens,)
        Attenuation of each screen in mag.
    ratio : ndarray of shape (n_wave,)
        A_lambda / A_V.

    Returns
    -------
    transmission : ndarray of shape (n_screens, n_wave)
        Between 0 and 1.
    """
    return np.exp(np.multiply.outer(a_v, -0.4 * np.log(10.0) * ratio))


def checked_a_v(a_v, n, law):
    """Check the attenuations of particles.

    Parameters
    ----------
    a_v : array_like or Quantity of shape (n,)
        Attenuations; mag without a unit.
    n : int
        Number of particles.
    law : DustLaw or None
        Law of the table.

    Returns
    -------
    a_v : ndarray of shape (n,)
        In mag.

    Raises
    ------
    InputError
        If the table has no law, or the values do not fit.
    """
    if law is None:
        msg = "a_v needs a dust law: build the table with law=..."
        raise InputError(msg)
    return checked_particles(a_v, "a_v", u.mag, n)


def checked_particles(values, name, unit, n):
    """Check a property of particles.

    Parameters
    ----------
    values : array_like or Quantity of shape (n,)
        Values.
    name : str
        Their name, for an error.
    unit : Unit
        Their unit, and that of values without one.
    n : int
        Number of particles.

    Returns
    -------
    values : ndarray of shape (n,)
        In the unit.

    Raises
    ------
    InputError
        If a value is missing, or there are not ``n``.
    """
    values = particle_values(values, name, unit)
    if values.size != n:
        msg = f"{name} must have a value for each of the {n} particles, got {values.size}"
        raise InputError(msg)
    return values
