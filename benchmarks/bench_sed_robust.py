"""Fits with a wrong band, by the Gaussian and by the robust likelihood.

Run ``python benchmarks/bench_sed_robust.py``. Mocks of the default prior (lognormal history,
Calzetti dust, masses of 10^8.6 to 10^9.4 solar masses) at redshift 7 have the same signal to
noise in each of eleven bands. In a copy, one random band is wrong by 30 per cent, up or down.
Printed are

- the change of the median of A_V between both, in units of the 68 per cent interval;
- the coverage of that interval, of both;
- widths under the robust likelihood over those under the Gaussian one, for mocks without error;
- probabilities that bands are outliers.

``--calibration`` draws the errors of the mocks from the distribution of the robust likelihood, and
tests whether the truth is at all percentiles alike.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.likelihoods.outliers import RARITY, WIDTH
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = ("F115W", "F150W", "F182M", "F200W", "F210M", "F277W")
BANDS += ("F335M", "F356W", "F410M", "F430M", "F444W")
MASSES = (8.6, 9.4)
GAUSSIAN = Settings("lognormal", "Calzetti", priors={"lognormal:massformed": MASSES})
ROBUST = replace(GAUSSIAN, robust=True)
REDSHIFT = 7.0
WRONG = 0.3
QUANTITIES = ("A_V", "log_sSFR", "log_mass")
SEED = 180500


def draw_truth(n, rng):
    """True fluxes (n, n_bands) and quantities of galaxies of the prior."""
    maker = ModelMaker(GAUSSIAN, REDSHIFT, band_light(GAUSSIAN, BANDS))
    models = maker.at(rng.random((n, len(maker.prior.free))))
    log_mass = rng.uniform(*MASSES, n)
    truth = {name: models.quantities[name] for name in QUANTITIES}
    truth["log_mass"] = truth["log_mass"] + log_mass
    return models.flux * 10.0 ** log_mass[:, np.newaxis], truth


def galaxies(flux, error):
    """Records of galaxies."""
    return [
        Galaxy(REDSHIFT, np.nan, BANDS, flux[i], error[i], None, seed=i) for i in range(len(flux))
    ]


def spoil(flux, rng):
    """Fluxes of which one band of each galaxy is wrong, and which one it is."""
    band = rng.integers(len(BANDS), size=len(flux))
    wrong = flux.copy()
    sign = rng.choice([-1.0, 1.0], len(flux))
    wrong[np.arange(len(flux)), band] *= 1.0 + WRONG * sign
    return wrong, band


def percentiles(posteriors):
    """16, 50 and 84 per cent of A_V, (3, n)."""
    return np.percentile([one.draws["A_V"] for one in posteriors], [16, 50, 84], axis=1)


def timed_fit(settings, records):
    """Posteriors, and seconds for each."""
    engine = TabulatedEngine(settings)
    engine.fit(records[:1])
    start = time.process_time()
    return engine.fit(records), (time.process_time() - start) / len(records)


def show_outliers(n, snr, seed):
    """What a wrong band does."""
    rng = np.random.default_rng(seed)
    flux, truth = draw_truth(n, rng)
    error = flux / snr
    clean = flux + error * rng.standard_normal(flux.shape)
    wrong, band = spoil(clean, rng)
    data = {"clean": galaxies(clean, error), "wrong": galaxies(wrong, error)}
    found = {}
    for name, settings in (("gaussian", GAUSSIAN), ("robust", ROBUST)):
        for which, records in data.items():
            found[name, which], seconds = timed_fit(settings, records)
            low, _, high = percentiles(found[name, which])
            cover = np.mean((truth["A_V"] >= low) & (truth["A_V"] <= high))
            ess = np.mean([one.ess >= 400 for one in found[name, which]])
            print(
                f"{name}, {which}: coverage of 68 %: {cover:.1%}, {seconds * 1e3:.0f} ms a "
                f"galaxy, {ess:.1%} have 400 effective samples"
            )
        low, before, high = percentiles(found[name, "clean"])
        moved = np.abs(percentiles(found[name, "wrong"])[1] - before) / (high - low)
        little = np.mean(moved < 0.25)
        print(f"{name}: A_V moves by less than a quarter of the interval: {little:.1%}")
        by_band = [np.mean(moved[band == k] < 0.25).round(2) for k in range(len(BANDS))]
        print(f"    by band: {dict(zip(BANDS, map(float, by_band), strict=True))}")
    ratio = np.divide(
        *(
            np.ptp(percentiles(found[name, "clean"])[::2], axis=0)
            for name in ("robust", "gaussian")
        )
    )
    print(
        f"clean: widths by {np.median(ratio) - 1:+.1%} in the median, {ratio.mean() - 1:+.1%} in "
        "the mean"
    )
    share = np.stack([one.outlier for one in found["robust", "wrong"]])
    at = share[np.arange(n), band]
    print(
        f"wrong bands have a median probability of {np.median(at):.2f}, {np.mean(at > 0.5):.1%} "
        f"above 0.5; others {np.mean(share[share != at[:, None]] > 0.5):.2%}"
    )


def show_calibration(n, snr, seed):
    """Percentiles of the truth for mocks of the robust likelihood itself."""
    rng = np.random.default_rng(seed)
    flux, truth = draw_truth(n, rng)
    # Errors in proportion to the true flux would give it away to the fit.
    error = np.broadcast_to(np.median(flux, axis=0) / snr, flux.shape)
    noise = rng.standard_normal(flux.shape)
    off = rng.random(flux.shape) < rng.beta(1.0, RARITY, (n, 1))
    noise[off] = WIDTH * rng.standard_cauchy(np.count_nonzero(off))
    posteriors, _ = timed_fit(ROBUST, galaxies(flux + error * noise, error))
    for name, values in truth.items():
        draws = np.stack([one.draws[name] for one in posteriors])
        rank = np.mean(draws < values[:, np.newaxis], axis=1)
        rank += 0.5 * np.mean(draws == values[:, np.newaxis], axis=1)
        print(
            f"calibration, {name}: p = {kstest(rank, 'uniform').pvalue:.3f}, coverage of 68 %: "
            f"{np.mean(np.abs(rank - 0.5) < 0.34):.1%}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocks", type=int, default=1000)
    parser.add_argument("--snr", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--calibration", action="store_true")
    arguments = parser.parse_args()
    show = show_calibration if arguments.calibration else show_outliers
    with threadpool_limits(1):
        show(arguments.mocks, arguments.snr, arguments.seed)


if __name__ == "__main__":
    main()
