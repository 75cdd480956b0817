"""
Intervals that cover
====================

The percentiles of a UV slope contain the error of the slope, but neither the variety of stars and
dust nor how rare dust is. This example draws galaxies with known attenuation, calibrates the slope
with half of them, and compares both on the other half.
"""

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from scipy import stats

from dustest import CalibratedEstimator, MeurerEstimator
from dustest.data import as_sample

# %%
# Galaxies with power laws in the ultraviolet. Their dust-free slopes differ, and most of them have
# little dust. For real use, take `dustest.simulate.GalaxySimulator`.

rng = np.random.default_rng(192601)
n = 3000
a_v = rng.exponential(0.3, n)
beta = -2.5 + 0.25 * rng.normal(size=n) + 1.6 * a_v
bright = rng.lognormal(3.5, 0.8, n)
columns = {"id": np.arange(n), "redshift": rng.uniform(6.5, 8.5, n)}
for band, pivot in {"F150W": 1.50, "F200W": 1.99}.items():
    flux = bright * (pivot / 1.5) ** (beta + 2.0)
    columns[f"flux_{band}"] = (flux + rng.normal(size=n)) * u.nJy
    columns[f"flux_err_{band}"] = np.ones(n) * u.nJy
sample = as_sample(columns)

# %%
# Half of the galaxies calibrate, and the others test.

slope = MeurerEstimator()
half = n // 2
safe = CalibratedEstimator(slope, random_state=192602).fit(sample[:half], a_v[:half])
tests, true = sample[half:], a_v[half:]

levels = np.linspace(0.05, 0.95, 19)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.8), dpi=150, layout="constrained")
for estimator, label, colour in ((slope, "slope", "C1"), (safe, "calibrated", "C0")):
    ends = [0.5 - levels / 2, 0.5 + levels / 2]
    low, high = (estimator.predict_quantiles(tests, end).T for end in ends)
    covered = np.mean((true >= low) & (true <= high), axis=1)
    left.plot(levels, covered, color=colour, label=label)
    estimate = estimator.predict(tests)
    error = np.mean(np.abs(estimate - true))
    right.scatter(true, estimate, s=3, color=colour, alpha=0.4, label=f"{label}, MAE {error:.2f}")
    print(f"{label}: 68 % intervals cover {np.interp(0.68, levels, covered):.2f}, MAE {error:.2f}")
left.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=0.8)
left.set(xlabel="probability of the interval", ylabel="share of truths inside")
right.plot([0, 2], [0, 2], color="0.5", linestyle="--", linewidth=0.8)
right.set(xlabel="true $A_V$ [mag]", ylabel="estimated $A_V$ [mag]", xlim=(0, 2), ylim=(-1.5, 2.5))
left.legend()
right.legend()

# %%
# The prior of the calibrated slope is the mean of its posteriors over the galaxies that calibrated
# it. For a dustier sample, results are changed to another prior, with the weights of their draws:

table = safe.estimate(tests, draws=1000)
dusty = table.under({"A_V": stats.expon(scale=0.6)})
known = np.isfinite(dusty["under_ess"])
means = [np.mean(one["A_V"][known].value) for one in (table, dusty)]
print("mean A_V {:.2f} mag, under the other prior {:.2f} mag".format(*means))
print(f"effective number of draws, median {np.median(dusty['under_ess'][known]):.0f}")
