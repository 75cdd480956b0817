"""
Dust from three images
======================

The networks that come with dustest predict dust and star formation from cutouts. Here they are
applied to simulated galaxies that were not used in training, in one band and in three, and
compared with a baseline that uses no image. A map then shows the parts of an image on which a
prediction depends.
"""

import matplotlib.pyplot as plt
import numpy as np

from dustest import CNNEstimator, ConstantEstimator
from dustest.report.figures import plot_occlusion, plot_training_history
from dustest.simulate import GalaxyPopulation, GalaxySimulator, MassFunction
from dustest.validation import compute_metrics, occlusion_map

BANDS = ("F277W", "F356W", "F444W")
population = GalaxyPopulation(log_mass=(8.0, 11.0), mass_function=MassFunction(tilt=0.5))
simulator = GalaxySimulator(BANDS, spectrograph=None, population=population)
sample, truth = simulator.draw(280, random_state=20)
bright = sample["snr_F277W"] > 5
sample, truth = sample[bright], truth[bright]

estimators = {
    "one band": CNNEstimator.from_pretrained("nircam-1band"),
    "three bands": CNNEstimator.from_pretrained("nircam-3band"),
    "baseline": ConstantEstimator().fit(sample, truth),
}
tables = {name: estimator.estimate(sample) for name, estimator in estimators.items()}

# %%
# Three bands separate dust from old stars better than one, which only has brightness, size and
# shape:

for name, table in tables.items():
    found = compute_metrics(table["A_V"], truth["A_V"], p16=table["A_V_p16"], p84=table["A_V_p84"])
    mae, error, covered = found["mae"], found["mae_err"], found["coverage_68"]
    print(f"{name:12s} MAE of A_V {mae:.3f} +- {error:.3f}, 68 % intervals cover {covered:.2f}")

# %%
# Each galaxy has its own uncertainty:

figure, axes = plt.subplots(1, 2, figsize=(7.1, 3.6), dpi=150, layout="constrained", sharey=True)
for ax, name in zip(axes, ("one band", "three bands"), strict=True):
    table = tables[name]
    median = table["A_V"].value
    bars = [median - table["A_V_p16"].value, table["A_V_p84"].value - median]
    ax.errorbar(
        truth["A_V"].value, median, bars, fmt=".", color="#0072B2", elinewidth=0.4, markersize=3
    )
    ax.plot([0.005, 5], [0.005, 5], color="0.4", linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlim=(0.005, 5), ylim=(0.005, 5), title=name)
    ax.set_xlabel("true A$_V$ [mag]")
axes[0].set_ylabel("A$_V$ by the network [mag]")

# %%
# Cover one patch of the image after another, and compute the change of the predicted attenuation.
# Flux in F356W lowers it, flux in F444W raises it, and the sky has no effect:

dusty = int(np.argmax(tables["three bands"]["A_V"]))
galaxy = sample[dusty : dusty + 1]
occlusion = occlusion_map(estimators["three bands"], galaxy, "A_V", stride=2)
figure, axes = plt.subplots(2, 4, figsize=(7.1, 3.9), dpi=150, layout="constrained")
axes = plot_occlusion(occlusion, galaxy, axes=axes)

# %%
# A model file contains the history of its training, and a card that describes its training set and
# its accuracy:

cnn = estimators["three bands"]
print(cnn.card_["simulator"])
figure, ax = plt.subplots(figsize=(5.0, 3.2), dpi=150, layout="constrained")
ax = plot_training_history(cnn.history_, ax=ax)
