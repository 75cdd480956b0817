import numpy as np
import pytest

from dustest.estimators.run.information import gained_bits


def bits(place, weight, ess):
    return gained_bits(place[None], weight[None], ess)[0]


class TestGainedBits:
    def test_the_prior_alone_has_nobits(self):
        rng = np.random.default_rng(1)
        values = [bits(rng.random(2000), np.full(2000, 1 / 2000), 2000.0)]
        assert max(values) < 0.01

    @pytest.mark.parametrize("halvings", [1, 2, 3])
    def test_a_posterior_that_fills_a_part_of_the_prior(self, halvings):
        coordinate = np.random.default_rng(halvings).random(20_000) / 2**halvings
        weight = np.full(20_000, 1 / 20_000)
        assert bits(coordinate, weight, 20_000.0) == pytest.approx(halvings, abs=0.02)

    def test_weights_count_as_much_as_points(self):
        rng = np.random.default_rng(2)
        coordinate = rng.random(20_000)
        weight = np.where(coordinate < 0.46875, 1.0, 0.0)
        value = bits(coordinate, weight / weight.sum(), weight.sum())
        assert value == pytest.approx(np.log2(1 / 0.46875), abs=0.01)

    def test_small_samples_are_not_taken_forbits(self):
        rng = np.random.default_rng(3)
        values = [bits(rng.random(300), np.full(300, 1 / 300), 300.0) for _ in range(50)]
        assert np.mean(values) < 0.03

    def test_every_row_is_its_own(self):
        place = np.array([np.linspace(0.0, 0.999, 64), np.full(64, 0.3)])
        assert gained_bits(place) == pytest.approx([0.0, 5.0])
