"""Fits under joint priors, and of the same galaxies without them.

The function imports Bagpipes, so that tests call it in a process of its own.
"""

import numpy as np
from sed_mocks import BANDS, FLAT, mocks, settings

from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import get_joint_prior

PRIORS = FLAT | {"delayed:massformed": (8.0, 10.0)}
REDSHIFT = 7.0


def with_and_without(cases, n, further=None):
    """Posteriors of mocks by case, those without joint priors, and values of the prior itself."""
    priors = PRIORS | (further or {})
    plain = settings("delayed", "Salim", priors, n_effective=4000)
    galaxies = mocks(plain, n, 10.0, seed=1)[0] + mocks(plain, n, 2.0, seed=2)[0]
    found = {(): TabulatedEngine(plain).fit(galaxies, BANDS)}
    for names in cases:
        joint = tuple(map(get_joint_prior, names))
        setup = settings("delayed", "Salim", priors, joint_priors=joint, n_effective=4000)
        found[names] = TabulatedEngine(setup).fit(galaxies, BANDS)
    return {names: list(map(_values, fits)) for names, fits in found.items()}, _prior(plain)


def _values(posterior):
    """Draws of quantities and parameters, and the evidence."""
    values = posterior.prior.transform(posterior.cube) | posterior.draws
    return values, posterior.log_evidence, posterior.ess


def _prior(setup):
    """Values of models of the prior, with masses."""
    maker = ModelMaker(setup, REDSHIFT, band_light(setup, BANDS))
    rng = np.random.default_rng(3)
    models = maker.at(rng.random((20_000, len(maker.prior.free))))
    models = models.take(np.flatnonzero(models.flux.any(axis=1)))
    mass = rng.uniform(models.low, models.high)
    return models.quantities | {"log_mass": models.quantities["log_mass"] + mass}
