"""
Are the errors right?
=====================

Intervals of 68 % should contain the truth for 68 % of the galaxies, whatever the method. This
example tests a network and a UV slope on simulated galaxies that neither has seen, and compares
their scores.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import CNNEstimator, MeurerEstimator
from dustest.report.figures import plot_coverage, plot_coverage_cells, plot_pit
from dustest.simulate import GalaxySimulator
from dustest.validation import compare_scores, coverage, pit_histogram, posterior_scores, tarp

BANDS = ("F277W", "F356W", "F444W")
simulator = GalaxySimulator(BANDS, population="0.1-heavy", views=["xy"], spectrograph=None)
sample, truth = simulator.draw(320, random_state=191080)
snr = np.max([sample[f"snr_{band}"] for band in BANDS], axis=0)
sample, truth, snr = sample[snr > 5], truth[snr > 5], snr[snr > 5]

estimators = {
    "network": CNNEstimator.from_pretrained("nircam-3band"),
    "slope": MeurerEstimator(dust_law="Calzetti"),
}
tables = {name: one.estimate(sample, draws=200) for name, one in estimators.items()}

# %%
# The network is calibrated: its coverage agrees with 0.68 and 0.90 within the binomial error.
# Intervals of the slope contain its error of measurement only, and are too narrow. The score CRPS
# rewards intervals that are right and narrow:

for name, table in tables.items():
    row = posterior_scores(truth, table, "A_V", random_state=1)[0]
    shares = [f"{row[f'coverage_{level}']:.2f}" for level in (68, 90)]
    print(
        f"{name:8s} {row['n']} galaxies, coverage {' and '.join(shares)} "
        f"(+- {row['coverage_68_err']:.2f}), CRPS {row['crps']:.3f} +- {row['crps_err']:.3f} mag"
    )

# %%
# Coverage at all levels, and the probability that each posterior assigns to values below the
# truth (PIT). Grey bands are two standard errors of calibrated posteriors. The histogram of the
# slope is high at both ends, and higher at the right one, since many truths are above the
# intervals:

levels = np.linspace(0.05, 0.95, 19)
figure, axes = plt.subplots(1, 2, figsize=(7.1, 3.4), dpi=150, layout="constrained")
curves = {name: coverage(truth, table, "A_V", levels=levels) for name, table in tables.items()}
plot_coverage(curves, ax=axes[0])
plot_pit({name: pit_histogram(truth, t, n_bins=10) for name, t in tables.items()}, ax=axes[1])

# %%
# Average coverage may hide errors that cancel. Cells of the predicted attenuation, or of the
# signal-to-noise ratio, show them. The true attenuation must not define cells, since galaxies of
# high true values are those that any estimate is too low for:

cells = {}
for name, table in tables.items():
    table["snr"] = snr
    cells[name] = coverage(truth, table, "A_V", levels=0.68, by=["A_V", "snr"], n_cells=3)
figure, axes = plt.subplots(1, 2, figsize=(7.1, 2.8), dpi=150, layout="constrained", sharey=True)
for ax, by in zip(axes, ("A_V", "snr"), strict=True):
    plot_coverage_cells(cells, by, ax=ax)
axes[1].set(xscale="log", xlabel="S/N", ylabel="")

# %%
# Attenuation and star formation have one joint posterior. TARP tests it with its correlations:

joint = tarp(truth, tables["network"], ["A_V", "log_sSFR"], random_state=1)
print(f"joint coverage: p = {joint.meta['ks_pvalue']:.2f}")

# %%
# Two methods are compared on the same galaxies. The error of the difference is smaller than those
# of the scores:

for row in compare_scores(truth, tables, reference="network", quantity="A_V", random_state=1):
    print(
        f"{row['score']:4s} of {row['estimator']} against {row['against']}: "
        f"{100 * row['change']:+.0f} +- {100 * row['change_err']:.0f} %"
    )
