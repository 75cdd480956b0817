"""Speed, effective sample size and calibration of the tabulated engine of BagpipesEstimator.

Run ``python benchmarks/bench_sed_engine.py --galaxies 500``. Mocks are drawn from the prior of the
lognormal history with Calzetti dust, in nine bands; ``--reference 1`` fits as many of them with
Bagpipes as well, at some 100 processor seconds each. Times are processor seconds.
"""

import argparse
import time

import numpy as np
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from dustest.estimators._bagpipes_fit import fit_galaxy
from dustest.estimators._sed_fit import TabulatedEngine
from dustest.estimators._sed_models import ModelMaker, band_light
from dustest.estimators._sed_posterior import Galaxy, Settings

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
SETTINGS = Settings(sfh="lognormal", dust_law="Calzetti")


def draw_mocks(n, redshift, snr, seed, floor=0.05):
    """Galaxies of the prior with noise, and their truth."""
    maker = ModelMaker(SETTINGS, redshift, band_light(SETTINGS, BANDS))
    rng = np.random.default_rng(seed)
    models = maker.at(rng.random((n, len(maker.prior.free))))
    flux = 30.0 * models.flux / models.flux.max(axis=1, keepdims=True)
    error = np.full(flux.shape, 30.0 / snr)
    noisy = flux + np.hypot(error, floor * flux) * rng.standard_normal(flux.shape)
    galaxies = [
        Galaxy(redshift, np.nan, BANDS, noisy[i], error[i], None, seed=i) for i in range(n)
    ]
    quantities = models.quantities
    log_mass = np.log10(30.0 / models.flux.max(axis=1)) + quantities["log_mass"]
    names = ("A_V", "log_sSFR")
    return galaxies, {name: quantities[name] for name in names} | {"log_mass": log_mass}


def measure(engine, galaxies):
    """Posteriors, and seconds for each galaxy."""
    start = time.process_time()
    posteriors = engine.fit(galaxies)
    return posteriors, (time.process_time() - start) / len(galaxies)


def calibration(posteriors, truth):
    """KS p-value of the probability integral transform, and coverage of 68 % and 95 %."""
    words = []
    for name, values in truth.items():
        draws = np.stack([p.draws[name] for p in posteriors])
        rank = np.mean(draws < values[:, np.newaxis], axis=1)
        rank += 0.5 * np.mean(draws == values[:, np.newaxis], axis=1)
        inside = [np.mean(np.abs(rank - 0.5) < 0.5 * level) for level in (0.68, 0.95)]
        p_value = kstest(rank, "uniform").pvalue
        words.append(f"{name} p = {p_value:.3f}, {inside[0]:.3f}, {inside[1]:.3f}")
    return "; ".join(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=500)
    parser.add_argument("--reference", type=int, default=0, help="galaxies to fit with Bagpipes")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for snr in (5.0, 10.0, 20.0, 50.0):
            galaxies, truth = draw_mocks(arguments.galaxies, 7.0, snr, seed=int(snr))
            engine = TabulatedEngine(SETTINGS)
            _, first = measure(engine, galaxies[:1])
            posteriors, each = measure(engine, galaxies)
            ess = np.percentile([p.ess for p in posteriors], [1, 5, 50])
            print(f"S/N {snr:g}: {1 / each:.0f} galaxies/s after {first:.2f} s; ESS {ess.round()}")
            print(f"    {calibration(posteriors, truth)}")
        galaxies = [
            galaxy
            for redshift in np.random.default_rng(1).uniform(6.0, 9.0, 40).round(2)
            for galaxy in draw_mocks(1, float(redshift), 10.0, seed=2)[0]
        ]
        _, each = measure(TabulatedEngine(SETTINGS), galaxies)
        print(f"40 galaxies at 40 redshifts: {each:.2f} s each, of which one pool of models each")
        for galaxy in draw_mocks(100, 7.0, 10.0, seed=10)[0][: arguments.reference]:
            start = time.process_time()
            slow = fit_galaxy(galaxy, SETTINGS)
            seconds = time.process_time() - start
            fast = TabulatedEngine(SETTINGS).fit([galaxy])[0]
            print(f"Bagpipes: {seconds:.0f} s, ESS {slow.ess:.0f}")
            for name in ("A_V", "log_sSFR", "log_mass"):
                both = [np.percentile(p.draws[name], [16, 50, 84]) for p in (slow, fast)]
                print(f"    {name}: {both[0].round(3)} against {both[1].round(3)}")
            print(f"    ln evidence: {slow.log_evidence:.2f} against {fast.log_evidence:.2f}")


if __name__ == "__main__":
    main()
