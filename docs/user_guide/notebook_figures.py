"""Figure of the comparison of the quickstart."""

import matplotlib.pyplot as plt

from dustest import ConstantEstimator, MeurerEstimator, compare
from dustest.io import load_demo


def comparison():
    """A_V from slopes and from a constant beside the truth."""
    sample, truth = load_demo()
    baseline = ConstantEstimator().fit(sample[:100], truth[:100])
    estimators = {"beta": MeurerEstimator(), "baseline": baseline}
    result = compare(estimators, sample[100:], truth=truth[100:], random_state=1)
    result.plot("A_V", figure=plt.figure(figsize=(7.1, 4.6), layout="constrained"))
