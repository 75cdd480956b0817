"""Tests of the conditions of dust and ionised gas."""

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.simulate.emission.conditions import Conditions, DustConditions, NebularConditions


def test_defaults_are_those_of_0_1_and_use_no_random_number():
    rng = np.random.default_rng(170100)
    drawn = Conditions(**DustConditions().draw(rng), **NebularConditions().draw(rng))
    assert drawn == Conditions("SMC", 0.0, 0.0, -2.0)
    assert rng.random() == np.random.default_rng(170100).random()


def test_draws_follow_weights_and_scatter():
    rng = np.random.default_rng(170101)
    dust = DustConditions((("SMC", 1.0), ("LMC", 3.0)), birth_depth=2.0, birth_scatter=0.3)
    drawn = [dust.draw(rng) for _ in range(4000)]
    assert np.mean([one["grains"] == "LMC" for one in drawn]) == pytest.approx(0.75, abs=0.03)
    depth = np.log10([one["birth_depth"] for one in drawn])
    assert np.median(depth) == pytest.approx(np.log10(2.0), abs=0.03)
    assert depth.std() == pytest.approx(0.3, abs=0.02)


def test_ionisation_lies_on_nodes():
    rng = np.random.default_rng(170102)
    nebulae = NebularConditions(log_u_scatter=0.3, step=0.25)
    drawn = np.array([nebulae.draw(rng)["log_u"] for _ in range(4000)])
    np.testing.assert_array_equal(drawn % 0.25, 0.0)
    assert drawn.std() == pytest.approx(np.hypot(0.3, 0.25 / np.sqrt(12)), abs=0.02)


@pytest.mark.parametrize(
    "wrong", [{"grains": ()}, {"birth_depth": -1.0}, {"dust_to_metal": (0, 2)}]
)
def test_errors(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        DustConditions(**wrong)
