"""Interpolation of star particles between the nodes of a grid of age and metallicity."""

import numpy as np
from astropy import units as u

from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

__all__ = ["axis_weights", "node_weights", "particle_values"]


def node_weights(age_axis, metallicity_axis, ages, metallicities):
    """Four nodes around each star, and their weights: linear in log age and metallicity.

    Parameters
    ----------
    age_axis : ndarray of shape (n_age,)
        Ages in yr, ascending.
    metallicity_axis : ndarray of shape (n_metallicity,)
        Metallicities, ascending.
    ages : array_like or `~astropy.units.Quantity` of shape (n,)
        Ages of the stars; yr if they have no unit. Beyond the axis its end counts.
    metallicities : array_like of shape (n,)
        Metallicities of the stars; outside the axis its end is used.

    Returns
    -------
    nodes : ndarray of shape (n, 4)
        Positions in the raveled grid of shape (n_metallicity, n_age).
    weights : ndarray of shape (n, 4)
        Their weights, which add up to one.

    Raises
    ------
    InputError
        If ages or metallicities are negative or not finite, or of unequal length.
    """
    ages = particle_values(ages, "ages", u.yr)
    metallicities = particle_values(metallicities, "metallicities", None)
    if ages.shape != metallicities.shape:
        msg = (
            "ages and metallicities must be of equal length, got "
            f"{ages.size} and {metallicities.size}"
        )
        raise InputError(msg)
    # Limited to the axis, so that the logarithm exists at zero.
    log_ages = np.log(np.clip(ages, age_axis[0], age_axis[-1]))
    young, age_share = axis_weights(np.log(age_axis), log_ages)
    within = np.clip(metallicities, metallicity_axis[0], metallicity_axis[-1])
    poor, share = axis_weights(metallicity_axis, within)
    nodes = poor * age_axis.size + young
    nodes = np.stack([nodes, nodes + 1, nodes + age_axis.size, nodes + age_axis.size + 1], axis=1)
    weights = np.empty(nodes.shape)
    for k, factor in enumerate((1.0 - share, share)):
        weights[:, 2 * k + 1] = factor * age_share
        weights[:, 2 * k] = factor * (1.0 - age_share)
    return nodes, weights


def axis_weights(axis, values):
    """Node below each value on one axis, and weight of the node above it.

    Parameters
    ----------
    axis : ndarray of shape (n_axis,)
        The nodes, ascending.
    values : ndarray of shape (n,)
        Outside the axis, its outermost step is extrapolated.

    Returns
    -------
    below : ndarray of shape (n,)
        Positions on the axis, from 0 to n_axis - 2.
    share : ndarray of shape (n,)
        From 0 to 1 within the axis.
    """
    below = np.clip(np.searchsorted(axis, values, side="right") - 1, 0, axis.size - 2)
    return below, (values - axis[below]) / np.diff(axis)[below]


def particle_values(values, name, unit):
    """Check a property of particles, which must not be negative or missing.

    Parameters
    ----------
    values : array_like, Column or `~astropy.units.Quantity` of shape (n,)
        The values; in ``unit`` if they have none.
    name : str
        Name of the property, for messages.
    unit : `~astropy.units.UnitBase` or None
        The unit; none for plain numbers.

    Returns
    -------
    ndarray of shape (n,)
        The values in that unit.

    Raises
    ------
    InputError
        If they are no such array.
    """
    # Sentinels are negative, and therefore raise an error.
    values = to_floats(values, name, unit=unit, sentinels=False)
    if values.ndim != 1 or not np.all(values >= 0):
        msg = f"{name} must be one-dimensional, finite and not negative, without missing values"
        raise InputError(msg)
    return values
