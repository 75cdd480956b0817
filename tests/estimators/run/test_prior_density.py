import numpy as np
import pytest
from scipy import stats

from dustest.estimators.run.prior_density import log_density

RNG_SEED = 192502


@pytest.mark.parametrize(
    ("distribution", "places"),
    [
        (stats.norm(-9.0, 0.7), [-10.0, -9.0, -8.5]),
        (stats.uniform(5.0, 7.0), [5.01, 8.0, 11.9]),
        (stats.loguniform(1e-4, 10.0), [3e-4, 0.01, 0.5, 5.0]),
        (stats.expon(scale=0.3), [0.005, 0.2, 0.9]),
    ],
)
def test_known_densities(distribution, places):
    sample = distribution.rvs(4000, random_state=RNG_SEED)
    found = log_density(sample, np.array(places))
    assert found == pytest.approx(distribution.logpdf(places), abs=0.3)


def test_beyond_the_sample_it_is_that_of_the_end_and_nan_stays():
    sample = np.linspace(0.0, 1.0, 500)
    assert np.exp(log_density(sample, np.array([-0.1, 1.1]))) == pytest.approx(1.0, abs=0.3)
    assert np.isnan(log_density(sample, np.array([np.nan])))[0]


def test_a_constant_has_all_its_weight_in_one_place():
    assert log_density(np.full(200, 0.3), np.array([0.3, 0.4])).tolist() == [0.0, -np.inf]
