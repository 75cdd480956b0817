"""Coverage and evidence of fits with the light of an AGN, on mocks of the prior of the fit.

Run ``python benchmarks/bench_agn.py``. Mocks have 11 bands of HST and NIRCam, redshifts from 5.5
to 6.5, the default preset, masses formed of 10^8 to 10^10 solar masses, and a signal-to-noise
ratio in the brightest band, log-uniform from 20 to 50, which is the same error in all bands:

with
    The AGN has 30 per cent of the light at rest 5100 Angstrom; all else is drawn from the prior.
    Coverage of A_V, with and without an AGN in the fit, and of the share of the AGN, whose prior
    is uniform from 0 to 0.99.
without
    No AGN: how often the evidence is greater for stars alone, and how often it prefers an AGN by
    more than 1 in the natural logarithm.
prior
    The share is drawn from its prior too.

``--agn little_red_dot`` has a black body as well, in the mocks and in the fit; give a ``--seed``
of its own. ``--keep FOLDER`` saves results in parts of 50 mocks; a stopped run resumes from them.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import get_joint_prior

BANDS = (
    *("F435W", "F606W", "F814W", "F090W", "F115W", "F150W", "F200W"),
    *("F277W", "F356W", "F410M", "F444W"),
)
SETTINGS = Settings(
    "delayed_burst",
    "Salim",
    priors={"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"},
    joint_priors=(get_joint_prior("slope_of_A_V"),),
)
REDSHIFTS, MASSES, SNR = (5.5, 6.5), (8.0, 10.0), (20.0, 50.0)
SHARE = 0.3
SEEDS = {"with": 210201, "without": 210202, "prior": 210203}
PART = 50
LEVELS = (0.16, 0.5, 0.84)


def draw_mocks(case, agn, n, rng):
    """Galaxies of one part, all of one redshift, and their truth."""
    settings = replace(SETTINGS, agn=agn if case != "without" else False)
    if case == "with":
        settings = replace(settings, priors=SETTINGS.priors | {"agn:fraction": SHARE})
    redshift = round(rng.uniform(*REDSHIFTS), 2)
    maker = ModelMaker(settings, redshift, band_light(settings, BANDS))
    models = maker.at(rng.random((4 * n, len(maker.prior.free))))
    models = models.take(np.flatnonzero(models.flux.any(axis=1))[:n])
    flux = models.flux * 10.0 ** rng.uniform(*MASSES, (n, 1))
    error = np.broadcast_to(flux.max(axis=1, keepdims=True), flux.shape)
    error = error / np.exp(rng.uniform(*np.log(SNR), (n, 1)))
    noisy = flux + error * rng.standard_normal(flux.shape)
    seeds = rng.integers(2**62, size=n)
    galaxies = [
        Galaxy(redshift, np.nan, BANDS, one, err, None, int(seed))
        for one, err, seed in zip(noisy, error, seeds, strict=True)
    ]
    share = models.quantities.get("agn_fraction", np.zeros(n))
    return galaxies, {"A_V": models.quantities["A_V"], "share": share}


def fit(galaxies, kind):
    """Percentiles, evidences, effective numbers and times with stars alone and with an AGN."""
    found = {}
    for name, agn in (("stars", False), ("agn", kind)):
        start = time.process_time()
        posteriors = TabulatedEngine(replace(SETTINGS, agn=agn)).fit(galaxies, BANDS)
        found[f"time_{name}"] = np.full(len(galaxies), time.process_time() - start) / len(galaxies)
        draws = [one.draws for one in posteriors]
        found[f"A_V_{name}"] = np.array([np.quantile(one["A_V"], LEVELS) for one in draws])
        if agn:
            shares = [np.quantile(one["agn_fraction"], LEVELS) for one in draws]
            found["share_agn"] = np.array(shares)
        for key in ("log_evidence", "ess", "fit_probability"):
            found[f"{key}_{name}"] = np.array([getattr(one, key) for one in posteriors])
    return found


def run(case, agn, seed, n, keep):
    """Fit all mocks of a case, part by part."""
    parts = []
    for number in range(n // PART):
        path = None if keep is None else Path(keep) / f"{case}-{agn}-{seed}-{number}.npz"
        if path is not None and path.exists():
            parts.append(dict(np.load(path)))
            continue
        rng = np.random.default_rng([seed, number])
        galaxies, truth = draw_mocks(case, agn, PART, rng)
        part = fit(galaxies, agn) | {f"true_{name}": values for name, values in truth.items()}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **part)
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def covered(found, quantity, name):
    """Share of truths within the 68 % interval in per cent, and its binomial error."""
    low, _, high = found[f"{quantity}_{name}"].T
    truth = found[f"true_{quantity}"]
    inside = np.mean((truth >= low) & (truth <= high))
    return f"{100 * inside:.1f} +- {100 * np.sqrt(inside * (1 - inside) / len(truth)):.1f} %"


def report(case, seed, found):
    """Print the figures of a case."""
    n = len(found["true_A_V"])
    rate = {name: 1.0 / np.mean(found[f"time_{name}"]) for name in ("stars", "agn")}
    enough = {name: np.mean(found[f"ess_{name}"] >= 400.0) for name in rate}
    print(f"{case}: {n} mocks, seed {seed}")
    for name, speed in rate.items():
        bias = np.median(found[f"A_V_{name}"][:, 1] - found["true_A_V"])
        poor = 100 * np.mean(found[f"fit_probability_{name}"] < 1e-4)
        print(
            f"  {name:5s}: A_V covered {covered(found, 'A_V', name)}, median error {bias:+.3f} mag"
        )
        print(
            f"         poor fits {poor:.1f} %, {speed:.1f} galaxies/s and core, effective sample"
        )
        print(f"         size of 400 for {100 * enough[name]:.1f} %")
    more = found["log_evidence_agn"] - found["log_evidence_stars"]
    better = 100 * np.mean(more[:, np.newaxis] > [0.0, 1.0, 3.0], axis=0)
    error = np.sqrt(better[0] * (100 - better[0]) / n)
    print(f"  evidence greater for stars alone: {100 - better[0]:.1f} +- {error:.1f} %; an AGN")
    print(f"  preferred by more than 1: {better[1]:.1f} %, 3: {better[2]:.1f} %; median")
    print(f"  {np.median(more):+.2f}")
    if case != "without":
        print(f"  share of the AGN covered {covered(found, 'share', 'agn')}")


def main():
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--only", choices=tuple(SEEDS), nargs="*", default=tuple(SEEDS))
    parser.add_argument("--agn", choices=("disc", "little_red_dot"), default="disc")
    parser.add_argument(
        "--seed", type=int, help="seed of the first case, the next one has one more"
    )
    parser.add_argument("--keep")
    options = parser.parse_args()
    with threadpool_limits(1):
        agn = True if options.agn == "disc" else options.agn
        for number, case in enumerate(options.only):
            seed = SEEDS[case] if options.seed is None else options.seed + number
            report(case, seed, run(case, agn, seed, options.n, options.keep))


if __name__ == "__main__":
    main()
