"""Posteriors of SED fits that are as wide as their priors."""

import numpy as np

from dustest.estimators._sed.posterior import DRAWN, N_DRAWS, Posterior
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior


def posterior_of(settings, redshift=7.0, seed=1, **values):
    """A posterior of even draws of all parameters, without data."""
    rng = np.random.default_rng(seed)
    arguments = settings.sfh, settings.dust_law, redshift, None, settings.priors
    prior = SEDPrior(fit_instructions(*arguments))
    draws = {name: rng.uniform(8.0, 10.0, N_DRAWS) for name in DRAWN}
    draws["redshift"] = np.full(N_DRAWS, redshift)
    numbers = {
        "chi2": 3.0,
        "fit_probability": 0.4,
        "ess": 900.0,
        "log_evidence": -7.0,
        "information": 1.5,
        "edge": 0.0,
    }
    drawn = {"draws": draws, "prior": prior, "a_v_under": {}, "best": None}
    cube = {"cube": rng.random((N_DRAWS, len(prior.free)))}
    return Posterior(**(drawn | cube | numbers | values))
