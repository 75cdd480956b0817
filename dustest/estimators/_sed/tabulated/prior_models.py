"""Model galaxies of the prior, with their photometry and without noise."""

import numpy as np
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.bagpipes.nested_sampling import quiet
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

__all__ = ["draw_prior_models"]


def draw_prior_models(settings, n, bands, redshifts, seed):
    """Draw models evenly over the prior.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    n : int
        Number of models at each redshift.
    bands : tuple of str
        The bands.
    redshifts : sequence of float
        The redshifts, of which the nearest tabulated ones are used.
    seed : int
        Seed of the low-discrepancy sequence.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_models, ...)
        ``redshift``, ``flux`` in nJy with an axis for the bands, and the quantities. Models that
        are not possible are left out.
    """
    light = band_light(settings, bands)
    with quiet(), threadpool_limits(1):
        parts = [_models_at(settings, n, light, z, [seed, k]) for k, z in enumerate(redshifts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _models_at(settings, n, light, redshift, seed):
    """Columns of the models at one redshift."""
    maker = ModelMaker(settings, redshift, light)
    sequence = qmc.Sobol(len(maker.prior.free), rng=np.random.default_rng(seed))
    models = maker.at(sequence.random(n))
    log_mass = maker.prior.log_mass_formed(maker.prior.transform(models.cube))
    flux = models.flux * 10.0 ** log_mass[:, np.newaxis]
    columns = {"redshift": np.full(n, redshift), "flux": flux}
    for name, values in models.quantities.items():
        if name in QUANTITIES:
            columns[name] = values + QUANTITIES[name].luminosity_power * log_mass
    columns["log_mass_formed"] = log_mass
    possible = models.flux.any(axis=1)
    return {name: values[possible] for name, values in columns.items()}
