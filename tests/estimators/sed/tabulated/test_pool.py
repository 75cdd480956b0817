"""Pools against models at the same points one by one."""

import numpy as np
import pytest
from packages import skip_without
from sed_fits import pools
from warm_process import call

CASES = {
    "plain": ("lognormal", "Calzetti", None, {}),
    "other priors": ("delayed", "SMC", None, {"under_priors": True}),
    "free shape": ("lognormal", "Salim", None, {}),
    "clouds": ("delayed_burst", "CF00", None, {}),
    "fixed A_V": ("lognormal", "Calzetti", {"dust:Av": 0.3}, {}),
    "free redshift": ("constant", "Calzetti", None, {"free_redshift": True}),
    "free redshift, other priors": (
        "lognormal",
        "Salim",
        None,
        {"free_redshift": True, "under_priors": True},
    ),
    "free redshift, bins of age": ("continuity", "Calzetti", None, {"free_redshift": True}),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    skip_without("bagpipes")
    return call(pools, CASES, cwd=tmp_path_factory.mktemp("pools"))


@pytest.fixture(params=CASES)
def name(request):
    return request.param


class TestPool:
    def test_photometry_is_that_of_the_models_themselves(self, found, name):
        one = found[name]
        brightest = np.maximum(one["again"].flux.max(axis=1, keepdims=True), 1e-99)
        np.testing.assert_allclose(
            one["taken"].flux / brightest, one["again"].flux / brightest, atol=2e-6
        )
        np.testing.assert_array_equal(one["taken"].flux, one["flux"])

    def test_quantities_and_limits(self, found, name):
        one = found[name]
        for key, values in one["again"].quantities.items():
            np.testing.assert_allclose(one["taken"].quantities[key], values, atol=1e-5)
        for key in ("low", "high"):
            np.testing.assert_allclose(getattr(one["taken"], key), getattr(one["again"], key))

    def test_it_is_even_in_the_prior(self, found, name):
        one = found[name]
        cube, density = one["cube"], one["log_density"]
        weight = np.exp(density.mean() - density)
        for column in cube.T:
            low = np.average(column < 0.3, weights=weight)
            assert low == pytest.approx(0.3, abs=0.02)

    def test_densities_count_the_models(self, found, name):
        one = found[name]
        # The integral of the prior, by models drawn from that density.
        assert np.sum(np.exp(-one["log_density"])) == pytest.approx(1.0, rel=0.05)
