import numpy as np
import pytest

from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.estimators._sed.tabulated.light.channels import Channels
from dustest.estimators._sed.tabulated.model_pool import (
    _redshift_nodes,
    _redshift_step,
    tabulated_redshift,
)


class TestRedshifts:
    @pytest.mark.parametrize("error", [0.005, 0.05, 0.3, 0.8, 2.0])
    @pytest.mark.parametrize("redshift", [0.02, 5.123, 8.5, 9.995])
    def test_nodes_lie_near_and_within_the_tables(self, redshift, error):
        prior = SEDPrior(fit_instructions("constant", "SMC", redshift, error))
        cube = np.random.default_rng(1).random((5000, len(prior.free)))
        drawn, step = (
            prior.transform(cube)["redshift"],
            _redshift_step(prior, Channels(("F200W",))),
        )
        nodes, place = _redshift_nodes(drawn, step)
        assert nodes.min() > 0.0
        assert nodes.max() <= 20.0
        assert len(nodes) <= 80 or step == 0.05
        assert np.abs(nodes[place] - drawn).max() <= 0.5 * step + 1e-6

    def test_two_peaks_need_no_nodes_between(self):
        grid = np.linspace(1.0, 12.0, 1101)
        peaks = sum(np.exp(-0.5 * ((grid - peak) / 0.05) ** 2) for peak in (2.5, 9.0))
        density = RedshiftDensity.of_grid(grid, peaks)
        prior = SEDPrior(fit_instructions("constant", "SMC", 9.0, density))
        assert _redshift_step(prior, Channels(("F200W",))) == pytest.approx(0.02)

    @pytest.mark.parametrize(
        ("redshift", "node"),
        [(0.001234, 0.00123), (0.03456, 0.0346), (0.4321, 0.432), (6.996, 7.0), (12.344, 12.34)],
    )
    def test_fixed_redshifts_have_three_digits_below_one(self, redshift, node):
        assert tabulated_redshift(redshift) == pytest.approx(node, rel=1e-9)

    def test_a_fixed_redshift_is_one_node(self):
        nodes, place = _redshift_nodes(np.full(3, 6.996), 0.01)
        np.testing.assert_array_equal(nodes, [7.0])
        np.testing.assert_array_equal(place, [0, 0, 0])
