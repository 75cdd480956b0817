"""
Images and photometry together
==============================

A network of images and total fluxes in many bands constrain dust in different ways. This example
combines both for simulated galaxies, and shows how much each adds to the result.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import CNNEstimator, FusionEstimator, compare
from dustest.io import load_demo

sample, truth = load_demo()
fused = FusionEstimator.from_pretrained("nircam-3band+photometry")
images = CNNEstimator.from_pretrained("nircam-3band")
result = compare({"images": images, "fusion": fused}, sample, truth=truth, random_state=1)
chosen = result.metrics["quantity"] == "A_V"
print(result.metrics["estimator", "quantity", "mae", "bias"][chosen])

# %%
# The columns ``share_<member>`` are Shapley values: what each member adds to the posterior, in
# bits, averaged over all orders in which the members can be added.

table = result.tables["fusion"]
shares = {name: np.asarray(table[f"share_{name}"]) for name in fused.members_}
true = truth["A_V"].value
figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.7), dpi=150, layout="constrained")
for name, values in shares.items():
    left.plot(true, values, ".", markersize=4, label=name)
left.set(xlabel="true $A_V$ [mag]", ylabel="share of the member [bit]", xscale="log")
left.legend()
for name, one in result.tables.items():
    right.plot(true, one["A_V"].value, ".", markersize=4, label=name)
right.plot([0.0, 2.5], [0.0, 2.5], color="0.3", linestyle="--", linewidth=0.8)
right.set(xlabel="true $A_V$ [mag]", ylabel="estimated $A_V$ [mag]")
right.legend()

# %%
# A galaxy may lack either. Without fluxes the fusion uses the images alone, and sets a flag:

bare = sample[[name for name in sample.colnames if not name.startswith("flux")]][:3]
print(fused.estimate(bare)["id", "A_V", "share_images", "flags"])
