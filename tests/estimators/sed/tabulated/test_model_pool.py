import numpy as np
import pytest

from dustest.estimators._sed.prior_transform import SEDPrior
from dustest.estimators._sed.priors import fit_instructions
from dustest.estimators._sed.tabulated.model_pool import _redshift_nodes, _redshift_step


class TestRedshifts:
    @pytest.mark.parametrize("error", [0.005, 0.05, 0.3, 0.8, 2.0])
    @pytest.mark.parametrize("redshift", [0.02, 5.123, 8.5, 9.995])
    def test_nodes_lie_near_and_within_the_tables(self, redshift, error):
        prior = SEDPrior(fit_instructions("constant", "SMC", redshift, error))
        cube = np.random.default_rng(1).random((5000, len(prior.free)))
        drawn, step = prior.transform(cube)["redshift"], _redshift_step(prior)
        nodes, place = _redshift_nodes(drawn, step)
        assert nodes.min() >= 0.01
        assert nodes.max() <= 10.0
        assert len(nodes) <= 62
        assert np.abs(nodes[place] - drawn).max() <= max(0.5 * step, 0.01) + 1e-6

    def test_a_fixed_redshift_is_one_node(self):
        nodes, place = _redshift_nodes(np.full(3, 6.996), 0.01)
        np.testing.assert_array_equal(nodes, [7.0])
        np.testing.assert_array_equal(place, [0, 0, 0])
