"""
Two readings of one slope, and the control
==========================================

The ultraviolet slope says how red a galaxy is, not how dusty: the dust law decides what it means.
Here two laws are run on the simulated catalogue that comes with dustest, beside a control that
knows nothing but the median of its training set.
"""

import matplotlib.pyplot as plt

from dustest import ConstantEstimator, MeurerEstimator, compare
from dustest.io import load_demo

# %%
# The first half of the catalogue is for the control to learn from. The slope needs no training.

sample, truth = load_demo()
control = ConstantEstimator().fit(sample[:100], truth[:100])
estimators = {
    "Calzetti": MeurerEstimator(dust_law="Calzetti"),
    "SMC": MeurerEstimator(dust_law="SMC"),
    "control": control,
}
result = compare(estimators, sample[100:], truth=truth[100:], random_state=1)

# %%
# Errors of the metrics are from bootstrap:

metrics = result.metrics
for row in metrics[(metrics["quantity"] == "A_V") & (metrics["against"] == "truth")]:
    bias = f"{row['bias']:+.2f} +- {row['bias_err']:.2f}"
    error = f"{row['mae']:.2f} +- {row['mae_err']:.2f}"
    print(f"{row['estimator']:8s}  n = {row['n']}  bias = {bias}  MAE = {error}")

# %%
# One-to-one, distributions and differences:

result.plot("A_V", figure=plt.figure(figsize=(11, 9), layout="constrained"))

# %%
# ``result.to_html("report.html")`` writes all of this, for every quantity, into one page.
