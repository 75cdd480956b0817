import numpy as np
import pytest

from dustest.estimators._calibration.quantile_network import DEVIATES, QuantileNetwork

N = 1500


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(192702)
    inputs = rng.normal(size=(N, 2))
    labels = np.stack([inputs[:, 0], -inputs[:, 1]], axis=1) + 0.4 * rng.normal(size=(N, 2))
    rows = np.arange(N)
    network = QuantileNetwork.learn(inputs, labels, rows[:1200], rows[1200:], rng)
    return network, inputs, labels


def test_quantiles_ascend_and_follow_the_inputs(learned):
    network, _, _ = learned
    quantiles = network(np.array([[1.0, 0.0], [-1.0, 0.5]]))
    assert quantiles.shape == (2, 2, DEVIATES.size)
    assert np.all(np.diff(quantiles, axis=-1) >= 0)
    middle = quantiles[..., DEVIATES.size // 2]
    assert middle == pytest.approx(np.array([[1.0, 0.0], [-1.0, -0.5]]), abs=0.25)


def test_gradients_are_those_of_the_loss(learned):
    network, inputs, labels = learned
    some, wanted = inputs[:50].astype(np.float32), labels[:50].astype(np.float32)
    gradients = network._gradients(some, wanted)
    step = 1e-2
    for layer, place in ((0, (0, 3)), (3, (5,)), (4, (2, 7))):
        moved = []
        for sign in (-1.0, 1.0):
            weights = [one.copy() for one in network.weights]
            weights[layer][place] += sign * step
            moved.append(QuantileNetwork(tuple(weights), 2).loss(some, wanted))
        slope = (moved[1] - moved[0]) / (2 * step)
        assert gradients[layer][place] == pytest.approx(slope, abs=2e-3)


def test_unknown_labels_do_not_count(learned):
    network, inputs, labels = learned
    some = labels[:9].copy()
    some[:, 1] = np.nan
    gradients = network._gradients(inputs[:9].astype(np.float32), some.astype(np.float32))
    assert np.all(gradients[-1][DEVIATES.size :] == 0.0)
