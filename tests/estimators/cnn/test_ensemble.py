"""Trained networks together: any number of galaxies, and only weights that fit."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from cnn_galaxies import TINY, TINY_PAPER

from dustest.data import InputError
from dustest.estimators._cnn.ensemble import Ensemble
from dustest.estimators._cnn.network.forward import ForwardNetwork
from dustest.estimators._cnn.network.layers import list_layers, weight_shapes
from dustest.estimators._cnn.task import Task
from dustest.estimators._cnn.training.datasets import Scaler

TARGETS = ("A_V", "E_BV", "log_sSFR")


def task(config=TINY, **changes):
    """A task on two bands."""
    return replace(Task(config, ("F277W", "F444W"), TARGETS, 16, 5.0), **changes)


def ensemble(one=None, n=2):
    """Networks that know nothing."""
    one = one or task()
    n_context = one.shape["n_context"]
    scaler = Scaler(np.zeros(n_context, "f4"), np.full(n_context, 2.0, "f4"))
    shapes = weight_shapes(list_layers(one.config, **one.shape))
    rng = np.random.default_rng(0)
    weights = [
        {name: rng.uniform(0.1, 0.5, shape).astype("f4") for name, shape in shapes.items()}
        for _ in range(n)
    ]
    return Ensemble(one, scaler, weights)


def inputs(n, one=None):
    """Random inputs."""
    rng = np.random.default_rng(1)
    shape = (one or task()).shape
    image = rng.normal(size=(n, shape["size"], shape["size"], shape["n_bands"]))
    return image.astype("f4"), rng.normal(size=(n, shape["n_context"])).astype("f4")


@pytest.fixture(scope="module")
def pair():
    """Two networks."""
    return ensemble()


class TestPredict:
    @pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 1024, 1025])
    def test_any_number(self, pair, n):
        image, context = inputs(1025)
        expected = pair.predict(image, context)[:, :n]
        found = pair.predict(image[:n], context[:n])
        assert found.shape == (2, n, TINY.components * 7)
        np.testing.assert_array_equal(found, expected)

    def test_is_what_the_networks_say(self, pair):
        image, context = inputs(5)
        for raw, network in zip(pair.predict(image, context), pair.networks(), strict=True):
            direct = network({"image": image, "context": context / 2.0})
            np.testing.assert_array_equal(raw, direct)

    @pytest.mark.parametrize("window", [8, 9])
    def test_takes_what_networks_see(self, window):
        networks = ensemble(task(replace(TINY, window=window)), n=1)
        image, context = inputs(5, networks.task)
        first = (16 - window) // 2
        seen = image[:, first : first + window, first : first + window]
        layers = list_layers(networks.task.config, **networks.task.shape)
        whole = ForwardNetwork(layers, networks.weights[0])
        expected = whole({"image": image, "context": context / 2.0})
        np.testing.assert_array_equal(networks.predict(seen, context)[0], expected)

    def test_networks_are_set_up_once(self, pair):
        assert pair.networks() is pair.networks()

    def test_many_threads_at_once(self):
        networks = ensemble()
        image, context = inputs(600)
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(networks.predict, [image] * 4, [context] * 4))
        for one in found:
            np.testing.assert_array_equal(one, found[0])

    def test_travels_as_numbers(self, pair):
        image, context = inputs(3)
        expected = pair.predict(image, context)
        copy = pickle.loads(pickle.dumps(pair))
        assert copy._networks is None
        np.testing.assert_array_equal(copy.predict(image, context), expected)

    def test_members(self):
        assert ensemble(n=3).n_members == 3
        paper = ensemble(task(TINY_PAPER), n=6)
        assert (len(paper), paper.n_members) == (6, 2)


class TestArrays:
    def test_round_trip(self, pair):
        arrays = pair.to_arrays()
        copy = Ensemble.from_arrays(task(), arrays)
        assert copy.to_arrays().keys() == arrays.keys()
        for name, value in copy.to_arrays().items():
            np.testing.assert_array_equal(value, arrays[name])

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda arrays: arrays.clear(), "context must have a mean and a positive std"),
            (lambda arrays: arrays.pop("context/std"), "context must have a mean and"),
            (lambda arrays: arrays["context/std"].fill(0), "context must have a mean and"),
            (lambda arrays: arrays["context/std"].fill(-1), "context must have a mean and"),
            (
                lambda arrays: arrays.update({"context/mean": np.zeros(3, "f4")}),
                "context must have a mean and",
            ),
            (lambda arrays: arrays.pop("1/output/bias"), "network 1 must have .* weights"),
            (
                lambda arrays: arrays.update({"2/output/bias": np.zeros(3, "f4")}),
                "network 2 must have .* weights",
            ),
            (
                lambda arrays: arrays.update({"4/output/bias": np.zeros(3, "f4")}),
                "arrays must be those of networks 0, 1",
            ),
            (
                lambda arrays: arrays.update({"stray": np.zeros(3, "f4")}),
                "arrays must be those of networks 0, 1",
            ),
            (
                lambda arrays: arrays.update({"0/other": arrays.pop("0/output/bias")}),
                "weights must be those of the network",
            ),
            (
                lambda arrays: arrays.update({"0/output/bias": arrays["0/output/bias"][None]}),
                "weight output/bias must be finite floats",
            ),
            (
                lambda arrays: arrays.update(
                    {"0/output/bias": arrays["0/output/bias"].astype("i4")}
                ),
                "weight output/bias must be finite floats",
            ),
        ],
    )
    def test_what_does_not_fit(self, pair, change, sentence):
        arrays = {name: value.copy() for name, value in pair.to_arrays().items()}
        change(arrays)
        with pytest.raises(InputError, match=sentence):
            Ensemble.from_arrays(task(), arrays)

    def test_weights_of_another_plan(self, pair):
        with pytest.raises(InputError, match=r"network 0 must have \d+ weights by its plan"):
            Ensemble.from_arrays(task(replace(TINY, dense=(17,))), pair.to_arrays())

    def test_a_plan_beyond_memory_is_not_set_up(self, pair, monkeypatch):
        huge = replace(TINY, filters=(1024,) * 4, kernel_size=15, dense=(1024,) * 8)
        monkeypatch.setattr("dustest.estimators._cnn.ensemble.ForwardNetwork", None)
        with pytest.raises(InputError, match="network 0 must have 7"):
            Ensemble.from_arrays(task(huge), pair.to_arrays())
