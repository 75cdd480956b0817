"""
How far A_V would move
======================

An error budget changes one assumption of an estimate at a time. This example changes the prior
and the dust law of SED fits of 12 galaxies, the method, and the relation of the UV slope.
"""

import matplotlib.pyplot as plt

from dustest import BagpipesEstimator
from dustest.io import load_demo
from dustest.studies import default_variations, error_budget

sample, _ = load_demo()
fit = BagpipesEstimator(random_state=1)
every = default_variations(fit, random_state=1)
names = ["log prior", "SMC", "UV slope", "network", "Reddy15"]
budget = error_budget(sample[:12], reference=fit, variations={name: every[name] for name in names})
for table in (budget.table(), budget.totals()):
    print(*table.pformat(max_width=-1), sep="\n")

# %%
# Dots and bars are the median and the 68 % range of the shifts, the grey band is the median half
# interval of the reference. Relations are compared with the UV slope:

_, ax = plt.subplots(figsize=(6.5, 2.8), dpi=150, layout="constrained")
budget.plot(ax)

# %%
# What could not be changed:

for name, reason in budget.left_out.items():
    print(f"{name}: {reason}")
