"""
When the answer is the prior
============================

Photometry says how much dust there is only down to some level; below it an SED fit returns its
prior. One simulated galaxy is fitted twice, with the prior on A_V flat in its logarithm and flat
in A_V itself. To keep the example short, metallicity, ionisation and the width of the
star-formation history are fixed.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import BagpipesEstimator
from dustest.io import load_demo

sample, truth = load_demo()
galaxy = int(np.flatnonzero(truth["A_V"].value < 0.15)[0])

fixed = {
    "lognormal:fwhm": 0.3,
    "lognormal:metallicity": 0.2,
    "nebular:logU": -2.5,
}
priors = {
    "flat in log A_V": {"dust:Av": (1e-4, 10.0), "dust:Av_prior": "log_10"},
    "flat in A_V": {"dust:Av": (1e-4, 10.0), "dust:Av_prior": "uniform"},
}

# %%
# The error floor of 20 per cent makes the photometry as poor as that of a faint galaxy.

draws = {}
for name, prior in priors.items():
    sed = BagpipesEstimator(
        priors={**fixed, **prior}, n_live=200, n_effective=500, error_floor=0.2, random_state=1
    )
    draws[name] = sed.sample_posterior(sample[galaxy : galaxy + 1], 2000)["A_V"][0]
    low, median, high = np.quantile(draws[name], [0.16, 0.5, 0.84])
    print(f"{name:16s} A_V = {median:.3f} ({low:.3f} to {high:.3f}) mag")

# %%
# The upper limit is the data's, the median is the prior's. In a catalogue such galaxies carry the
# flag ``PRIOR_DOMINATED``, and the column ``A_V_information`` tells how many bits the data added.

figure, ax = plt.subplots(figsize=(4.5, 3.2), dpi=150, layout="constrained")
bins = np.linspace(0.0, 0.5, 41)
for (name, values), color in zip(draws.items(), ("#0072B2", "#D55E00"), strict=True):
    ax.hist(values, bins, density=True, histtype="step", color=color, linewidth=1.5, label=name)
ax.axvline(truth["A_V"].value[galaxy], color="0.3", linestyle="--", label="truth")
ax.set(xlabel=r"$A_V$ [mag]", ylabel="posterior density", xlim=(0, 0.5))
ax.legend(frameon=False, title="prior")
