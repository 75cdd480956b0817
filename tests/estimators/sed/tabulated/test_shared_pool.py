from types import SimpleNamespace

import numpy as np
import pytest
from packages import skip_without
from sed_fits import with_shared_models
from warm_process import call

from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import ClosedForm, Photometry
from dustest.estimators._sed.tabulated.likelihoods.gaussian import (
    MassIntegral,
    log_bound,
    spectral_shape,
)
from dustest.estimators._sed.tabulated.model_pool import Models
from dustest.estimators._sed.tabulated.shared_pool import SharedPool

N = 40


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Fits of mocks at one redshift with models of their own, and with shared ones."""
    skip_without("bagpipes")
    return call(with_shared_models, cwd=tmp_path_factory.mktemp("engine"), n=N)


class TestSharedModels:
    def test_same_posteriors(self, found):
        for quantity in ("A_V", "log_sSFR", "log_mass"):
            own, shared = (
                np.array([one.draws[quantity] for one in found[name]])
                for name in ("own", "shared")
            )
            spread = own.std(axis=1)
            pulls = (shared.mean(axis=1) - own.mean(axis=1)) / spread
            assert np.abs(pulls).max() < 0.4  # of an effective number of 500 or more
            assert abs(np.median(pulls)) < 0.05
            np.testing.assert_allclose(np.median(shared.std(axis=1) / spread), 1.0, atol=0.05)

    def test_evidence(self, found):
        own, shared = ([one.log_evidence for one in found[name]] for name in ("own", "shared"))
        np.testing.assert_allclose(shared, own, atol=0.4)
        assert abs(np.mean(np.subtract(shared, own))) < 0.04

    def test_effective_number(self, found):
        assert min(one.ess for one in found["shared"]) > 400.0

    def test_fewer_models_are_drawn(self, found):
        own, shared = found["numbers"]
        assert shared < 0.5 * own

    def test_order_does_not_matter(self, found):
        first, again = (
            np.array([one.draws["A_V"] for one in found[name]]) for name in ("shared", "again")
        )
        np.testing.assert_array_equal(first, again[::-1])

    def test_limits_and_other_redshifts_are_fitted_alone(self, found):
        for shared, own in zip(found["mixed"], found["mixed own"], strict=True):
            np.testing.assert_array_equal(shared.draws["A_V"], own.draws["A_V"])


class FlatPool:
    """Models of one band whose light is uniform in the cube, without a maker."""

    n_columns, axes, maker = 1, np.array([0]), None
    prior = SimpleNamespace(free=("one",))

    def __init__(self, n, rng):
        self.cube = rng.random((n, 1))
        self.flux = np.column_stack([np.full(n, 1.0), 1.0 + self.cube[:, 0]])
        self.log_density = np.full(n, np.log(n))

    def take(self, index):
        limits = np.full((2, len(index)), [[-3.0], [3.0]])
        quantities = {"A_V": self.cube[index, 0]}
        return Models(self.cube[index], self.flux[index], *limits, quantities)


class TestThinning:
    @pytest.fixture
    def data(self):
        flux, error = np.array([1.0, 1.5]), np.array([0.02, 0.02])
        photometry = Photometry(flux, error, np.full(2, np.inf), np.full(2, np.inf))
        return ClosedForm(photometry, MassIntegral())

    def test_fewer_models_with_the_same_integrals(self, data):
        rng = np.random.default_rng(230101)
        pool = FlatPool(20_000, rng)
        shared = SharedPool(pool, [data])
        whole = data.of(pool.take(np.arange(20_000))).log_weight
        weight = np.exp(whole - whole.max())
        evidence = np.log(weight.mean()) + whole.max()
        mean = weight @ pool.cube[:, 0] / weight.sum()
        found = [shared.chain(data, rng) for _ in range(20)]
        assert max(len(one.place) for one in found) < 0.6 * len(shared)
        assert np.mean([one.log_sum for one in found]) == pytest.approx(evidence, abs=2e-3)
        means = [one.weight @ one.models.quantities["A_V"] for one in found]
        assert np.mean(means) == pytest.approx(mean, abs=1e-4)

    def test_few_models_are_all_kept(self, data):
        rng = np.random.default_rng(230102)
        shared = SharedPool(FlatPool(400, rng), [data])
        assert len(shared.chain(data, rng).place) == len(shared)


class TestLogBound:
    def test_likelihood_at_the_best_mass(self):
        rng = np.random.default_rng(1)
        model = 1e-8 * rng.lognormal(0.0, 0.5, (50, 6))
        flux, error = rng.lognormal(1.0, 0.3, 6), rng.uniform(0.05, 0.3, 6)
        mass = (model / error**2) @ flux / np.sum(model**2 / error**2, axis=1)
        chi2 = np.sum(((flux - mass[:, np.newaxis] * model) / error) ** 2, axis=1)
        bound = log_bound(*spectral_shape(model), flux, error)
        expected = 0.5 * np.sum((flux / error) ** 2) - 0.5 * chi2
        np.testing.assert_allclose(bound, expected, rtol=1e-4)

    def test_models_without_light(self):
        bound = log_bound(*spectral_shape(np.zeros((2, 3))), np.ones(3), np.ones(3))
        np.testing.assert_array_equal(bound, 0.0)
