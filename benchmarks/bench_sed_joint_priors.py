"""Whether posteriors under joint priors are right: mocks of the joint prior, and ranks of truths.

Run ``python benchmarks/bench_sed_joint_priors.py``. Models of the prior of a fit (lognormal
history, law of Salim, redshift 7, nine bands) are drawn with weights of the joint priors, so that
they are mocks of the joint prior. Each has noise of one size, is fitted under the same priors, and
the truth should lie at all percentiles alike.
"""

import argparse
import time

import numpy as np
from scipy.stats import kstest

from dustest.estimators._sed.posterior import Galaxy, Settings, stratified_draw
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.likelihoods.joint_weights import JointWeights
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.estimators._sed.tabulated.pool import Pool
from dustest.physics import JOINT_PRIORS, get_joint_prior

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
PRIORS = {"lognormal:massformed": (8.6, 9.4)}
REDSHIFT, SNR, SEED = 7.0, 10.0, 180651
N_MODELS = 40_000
TESTED = ("A_V", "dust:delta", "log_sSFR", "log_mass")


def draw_mocks(settings, n, rng):
    """Galaxies of the joint prior, their true values, and the effective number of models."""
    maker = ModelMaker(settings, REDSHIFT, band_light(settings, BANDS))
    models = maker.at(rng.random((N_MODELS, len(maker.prior.free))))
    models = models.take(np.flatnonzero(np.any(models.flux > 0.0, axis=1)))
    log_formed = rng.uniform(models.low, models.high)
    joint = JointWeights(settings.joint_priors, Pool(maker, ()))
    weight = np.exp(joint.log_ratio(models, log_formed[:, np.newaxis])[:, 0])
    drawn = stratified_draw(weight / weight.sum(), n, rng, log_formed)
    models, log_formed = models.take(drawn), log_formed[drawn]
    flux = models.flux * 10.0 ** log_formed[:, np.newaxis]
    error = np.full(flux.shape, np.median(flux.max(axis=1)) / SNR)
    noisy = flux + error * rng.standard_normal(flux.shape)
    galaxies = [
        Galaxy(REDSHIFT, np.nan, BANDS, noisy[i], error[i], None, seed=i) for i in range(n)
    ]
    truth = maker.prior.transform(models.cube) | models.quantities
    truth["log_mass"] = truth["log_mass"] + log_formed
    return galaxies, truth, weight.sum() ** 2 / np.sum(weight**2)


def values_of(posterior):
    """Draws of the tested quantities."""
    return posterior.prior.transform(posterior.cube) | posterior.draws


def _rank(draws, true):
    """Share of draws below the truth, and half of those that are equal to it."""
    return np.mean(draws < true) + 0.5 * np.mean(draws == true)


def report(posteriors, truth):
    """Print coverage and tests of the ranks."""
    draws = [values_of(one) for one in posteriors]
    for name in TESTED:
        ranks = np.array(
            [_rank(each[name], true) for each, true in zip(draws, truth[name], strict=True)]
        )
        inside = np.mean((ranks > 0.16) & (ranks < 0.84))
        error = np.sqrt(inside * (1.0 - inside) / len(ranks))
        p = kstest(ranks, "uniform").pvalue
        print(f"{name}: p = {p:.2f}, {100 * inside:.1f} +- {100 * error:.1f} % in 68 %")


def main():
    """Draw, fit and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=300, help="number of galaxies")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    for names in ((), *((name,) for name in JOINT_PRIORS), tuple(JOINT_PRIORS)):
        joint = tuple(map(get_joint_prior, names))
        settings = Settings("lognormal", "Salim", priors=PRIORS, joint_priors=joint)
        rng = np.random.default_rng(arguments.seed)
        galaxies, truth, effective = draw_mocks(settings, arguments.n, rng)
        start = time.process_time()
        posteriors = TabulatedEngine(settings).fit(galaxies, BANDS)
        seconds = (time.process_time() - start) / len(galaxies)
        few = sum(one.ess < 400 for one in posteriors)
        print(f"-- {' + '.join(names) or 'none'}: {effective:.0f} effective models of the prior")
        print(f"{1e3 * seconds:.0f} ms each, {few} below ESS 400", flush=True)
        report(posteriors, truth)


if __name__ == "__main__":
    main()
