"""
A benchmark of one estimator
============================

A benchmark scores an estimator on a fixed set of galaxies. The standard sets have hundreds of
galaxies; this example defines a small one at a single redshift, and compares two relations of the
UV slope with a network.
"""

import tempfile

import matplotlib.pyplot as plt

from dustest import CNNEstimator, MeurerEstimator
from dustest.studies import BENCHMARKS, BenchmarkSet, benchmark

for one in list(BENCHMARKS.values())[:4]:
    print(f"{one.name}: {one.description}")

# %%
# A set is a record. Simulated galaxies and results are kept in a folder, here a temporary one; by
# default it is in the user's cache folder.

heavy = BENCHMARKS["heavy"].settings
small = BenchmarkSet(
    "small", "Heavy galaxies at z = 7.", 201080, 80, settings=heavy, redshifts=(7.0, 7.0, 7.0)
)
relations = {"Reddy15": MeurerEstimator(relation="Reddy15"), "Meurer99": MeurerEstimator()}
network = {"network": CNNEstimator.from_pretrained("nircam-3band")}
with tempfile.TemporaryDirectory() as folder:
    card = benchmark(relations, small, against=network, folder=folder)
print(card)

# %%
# Methods that were tested are in another colour than those that they are compared with.

figure = plt.figure(figsize=(7.0, 1.8), dpi=150, layout="constrained")
card.plot("A_V", axes=figure.subplots(1, 2, sharey=True))
