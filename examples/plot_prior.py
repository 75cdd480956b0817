"""
When the prior dominates
========================

Photometry constrains dust only above some level; below it an SED fit returns its prior. This
example fits forty simulated galaxies and compares each posterior for two priors: one flat in A_V
and one flat in its logarithm.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import BagpipesEstimator, compare
from dustest.io import load_demo
from dustest.report.figures import plot_assumption_shifts

sample, truth = load_demo()
sample, truth = sample[:40], truth[:40]
sed = BagpipesEstimator(extra=("priors",), random_state=1)
result = compare({"sed": sed}, sample, truth=truth, random_state=1)

# %%
# The table has A_V under both priors, from the same models with other weights:

table = result.tables["sed"]
true = truth["A_V"].value
for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, np.inf)):
    inside = (true >= low) & (true < high)
    medians = [np.median(table[f"A_V_{prior}"][inside].value) for prior in ("log10", "flat")]
    words = "log {:.2f} mag, flat {:.2f} mag".format(*medians)
    print(f"true A_V from {low:.1f} to {high:.1f}: {inside.sum():2d} galaxies, {words}")

# %%
# The priors agree if the dust is detectable. Below that, the median reflects the prior, and the
# column ``A_V_information`` shows that the data added few bits.

figure, axes = plt.subplots(
    1, 2, figsize=(8.0, 3.7), dpi=150, layout="constrained", sharex=True, sharey=True
)
bits = table["A_V_information"]
for ax, prior, word in zip(axes, ("log10", "flat"), ("log $A_V$", "$A_V$"), strict=True):
    name = f"A_V_{prior}"
    values = table[name].value
    limits = [table[f"{name}_{end}"].value for end in ("p16", "p84")]
    ax.errorbar(
        true, values, [values - limits[0], limits[1] - values], fmt="none", color="0.75", zorder=0
    )
    points = ax.scatter(true, values, c=bits, s=16, vmin=0.0, vmax=2.5, cmap="viridis")
    ax.plot([0.02, 2.0], [0.02, 2.0], color="0.3", linestyle="--", linewidth=0.8)
    ax.set(title=f"prior flat in {word}", xlabel="true $A_V$ [mag]", xscale="log", yscale="log")
    ax.set(xlim=(0.015, 2.0), ylim=(1e-3, 4.0))
axes[0].set_ylabel("estimated $A_V$ [mag]")
figure.colorbar(points, ax=axes, label="information of the data [bit]")

# %%
# A report counts the galaxies whose result changes with the prior by more than half the 68 %
# interval.

_, ax = plt.subplots(figsize=(4.5, 3.4), dpi=150, layout="constrained")
plot_assumption_shifts(result.assumption_shifts(), axes=ax)
