"""
The dust of a whole sample
==========================

The medians of single galaxies are scattered by errors, and pulled towards the prior where the data
say little. ``infer_population`` finds the distribution of the whole sample from all posteriors,
and what it implies for each galaxy.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from dustest import infer_population

# %%
# 1,000 galaxies, a third of which has no dust. A_V is measured with errors of 0.1 to 0.4 mag:

rng = np.random.default_rng(194200)
n = 1000
truth = np.where(rng.random(n) < 1 / 3, 0.0, rng.gamma(6.0, 0.1, n))
error = rng.uniform(0.1, 0.4, n)
measured = rng.normal(truth, error)

# %%
# Posteriors with a prior that is flat in log A_V from 0.0001 to 10 mag, as draws. Any estimator
# with a posterior and a prior gives such draws by itself: ``infer_population(estimator, sample)``.

prior = stats.loguniform(1e-4, 10.0)
grid = np.geomspace(1e-4, 10.0, 2000)
likelihood = np.exp(-0.5 * ((grid - measured[:, None]) / error[:, None]) ** 2)
cumulative = np.cumsum(likelihood, axis=1)
cumulative /= cumulative[:, -1:]
levels = rng.random((n, 1000))
draws = np.array([np.interp(u, c, grid) for u, c in zip(levels, cumulative, strict=True)])

population = infer_population({"A_V": draws}, prior=prior, random_state=194201)

# %%
# The mean, the width and the fraction of dusty galaxies, with their errors:

print("mean   {:.3f} +- {:.3f}, true {:.3f}".format(*population.mean()[:2], truth.mean()))
print("width  {:.3f} +- {:.3f}, true {:.3f}".format(*population.width()[:2], truth.std()))
print(
    "A_V > 0.5: {:.3f} +- {:.3f}, true {:.3f}".format(
        *population.fraction_above(0.5)[:2], np.mean(truth > 0.5)
    )
)
print(*population.unconstrained, sep="\n")

# %%
# The medians of the galaxies have another distribution than the galaxies:

medians = np.median(draws, axis=1)
_, ax = plt.subplots(figsize=(5.0, 3.2), dpi=150, layout="constrained")
bins = np.arange(0.0, 2.0, 0.08)
ax.hist(truth, bins, density=True, color="0.8", label="truth")
ax.hist(medians, bins, density=True, histtype="step", color="k", ls="--", label="medians")
population.plot(label="population", ax=ax)
ax.set(xlim=(0.0, 1.8), ylim=(0.0, 3.0))

# %%
# The population is a better prior for each of its galaxies:

under = population.posteriors["A_V"].value
for name, values in {"starting prior": medians, "population": under}.items():
    print(f"mean absolute error, {name}: {np.mean(np.abs(values - truth)):.3f} mag")
