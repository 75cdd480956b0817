"""
Are the errors right?
=====================

Intervals of 68 % should contain the truth for 68 % of the galaxies, whatever the method. This
example tests three posteriors of mock galaxies, one of which is right, and the UV slopes of the
simulated galaxies of dustest.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import MeurerEstimator
from dustest.io import load_demo
from dustest.report.figures import plot_coverage, plot_coverage_cells, plot_pit
from dustest.validation import compare_scores, coverage, pit_histogram, posterior_scores, tarp

# %%
# The mock galaxies have a prediction, and a truth that scatters about it by 0.2 mag. One posterior
# has this width and this centre, one is too narrow, one is too high:

N = 2000
rng = np.random.default_rng(191080)
centre = rng.gamma(2.0, 0.4, N)
truth = {"id": np.arange(N), "A_V": rng.normal(centre, 0.2)}
tables = {
    name: {"id": np.arange(N), "A_V_draws": rng.normal(centre + shift, sigma, (200, N)).T}
    for name, shift, sigma in (("right", 0.0, 0.2), ("narrow", 0.0, 0.1), ("high", 0.2, 0.2))
}
for name, table in tables.items():
    row = posterior_scores(truth, table, "A_V", random_state=1)[0]
    print(
        f"{name:6s} coverage {row['coverage_68']:.3f} and {row['coverage_90']:.3f}, "
        f"CRPS {row['crps']:.4f} +- {row['crps_err']:.4f} mag"
    )

# %%
# Coverage at all levels, and the probability that each posterior assigns to values below the
# truth (PIT). Grey bands are two standard errors of calibrated posteriors. The PIT of a posterior
# that is too narrow is high at both ends, that of one that is too high at the left end:

levels = np.linspace(0.05, 0.95, 19)
figure, axes = plt.subplots(1, 2, figsize=(7.1, 3.4), dpi=150, layout="constrained")
curves = {name: coverage(truth, table, "A_V", levels=levels) for name, table in tables.items()}
plot_coverage(curves, ax=axes[0])
plot_pit({name: pit_histogram(truth, table) for name, table in tables.items()}, ax=axes[1])

# %%
# Methods are compared on the same galaxies. The error of the difference is smaller than those of
# the scores:

for row in compare_scores(truth, tables, reference="right", quantity="A_V", random_state=1):
    change, error = 100 * row["change"], 100 * row["change_err"]
    print(f"{row['score']:4s} of {row['estimator']:6s} {change:+.0f} +- {error:.0f} %")

# %%
# Several quantities have one joint posterior. TARP tests it with its correlations. The draws of
# the second posterior are shuffled, so that each quantity alone is still right:

covariance = [[0.04, -0.035], [-0.035, 0.04]]
joint = rng.multivariate_normal([0.0, 0.0], covariance, size=(N, 201))
joint += centre[:, np.newaxis, np.newaxis]
shuffled = joint.copy()
shuffled[..., 1] = rng.permuted(shuffled[..., 1], axis=1)
far = np.full((N, 2), 50.0)  # distances to this point depend on the sum of both quantities
for name, draws in (("joint", joint), ("shuffled", shuffled)):
    found = tarp(joint[:, 0], draws[:, 1:], references=far, random_state=1)
    print(f"{name:9s} p = {found.meta['ks_pvalue']:.2g}")

# %%
# Average coverage may hide errors that cancel. Cells of the predicted attenuation show them. The
# true attenuation must not define cells, since an estimate is too low for most galaxies of high
# true values. Slopes bluer than the relation of dust-free galaxies give a negative attenuation,
# and most of their intervals do not reach the truth, which is positive:

sample, truth = load_demo()
cells = {}
for law in ("Calzetti", "SMC"):
    table = MeurerEstimator(dust_law=law).estimate(sample)
    cells[law] = coverage(truth, table, "A_V", by="A_V", n_cells=3)
figure, ax = plt.subplots(figsize=(4.2, 3.0), dpi=150, layout="constrained")
plot_coverage_cells(cells, "A_V", ax=ax)
