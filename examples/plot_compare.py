"""
Two dust laws for one slope, and the baseline
=============================================

The ultraviolet slope measures how red a galaxy is. The attenuation that follows depends on the
dust law. This example runs two laws on the simulated galaxies of dustest, with a baseline that
predicts the median of its training set.
"""

import matplotlib.pyplot as plt

from dustest import ConstantEstimator, MeurerEstimator, compare
from dustest.io import load_demo

# %%
# The baseline is fitted to the first half of the galaxies. The slope needs no training.

sample, truth = load_demo()
control = ConstantEstimator().fit(sample[:100], truth[:100])
estimators = {
    "Calzetti": MeurerEstimator(dust_law="Calzetti"),
    "SMC": MeurerEstimator(dust_law="SMC"),
    "control": control,
}
result = compare(estimators, sample[100:], truth=truth[100:], random_state=1)

# %%
# The metrics come with bootstrap errors. Residuals are the estimate minus the truth, so a negative
# bias is an underestimate:

metrics = result.metrics
for row in metrics[(metrics["quantity"] == "A_V") & (metrics["against"] == "truth")]:
    bias = f"{row['bias']:+.3f} ± {row['bias_err']:.3f}"
    error = f"{row['mae']:.3f} ± {row['mae_err']:.3f}"
    rank = f"{row['spearman']:.3f} ± {row['spearman_err']:.3f}"
    print(f"{row['estimator']:8s}  bias {bias}  MAE {error}  Spearman {rank}")

# %%
# The slope ranks the galaxies well, but underestimates the dust: these young galaxies are
# intrinsically bluer than the local starbursts that the relation is calibrated on. By the mean
# error alone the baseline, which cannot rank galaxies, would look better.

result.plot("A_V", figure=plt.figure(figsize=(7.5, 7.8), dpi=150, layout="constrained"))

# %%
# ``result.to_html("report.html")`` writes all of this, for every quantity, to one page.
