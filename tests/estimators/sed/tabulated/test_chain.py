import numpy as np
import pytest
from scipy.special import logsumexp, ndtr
from scipy.stats import multivariate_normal, norm

from dustest.estimators._sed.tabulated.chain import N_NEW, Drawn
from dustest.estimators._sed.tabulated.likelihood import Likelihood
from dustest.estimators._sed.tabulated.model_pool import Models
from dustest.estimators._sed.tabulated.refinement import propose


class TestChain:
    """A narrow Gaussian in the coordinates of the proposals, whose evidence is known."""

    N_PRIOR = 2**14

    @staticmethod
    def truth(d, width):
        """Mean and covariance of the likelihood; then of the posterior, and the evidence."""
        rng = np.random.default_rng(d)
        mixing = np.eye(d) + 0.5 * rng.standard_normal((d, d))
        mean, spread = rng.uniform(-1.0, 1.0, d), width**2 * mixing @ mixing.T
        evidence = multivariate_normal(mean, spread + np.eye(d)).logpdf(np.zeros(d))
        posterior = np.linalg.inv(np.linalg.inv(spread) + np.eye(d))
        return mean, spread, posterior @ np.linalg.solve(spread, mean), posterior, evidence

    @staticmethod
    def made(cube, mean, spread):
        """Models and likelihood at points; what matters are the cube and the weight."""
        n, log_weight = len(cube), multivariate_normal(mean, spread).logpdf(norm.ppf(cube))
        nothing = np.zeros(n)
        models = Models(cube, np.zeros((n, 1)), nothing, nothing, {"A_V": nothing})
        return models, Likelihood(log_weight, nothing, nothing, nothing)

    @staticmethod
    def of_prior(models, likelihood):
        """Chain of models that were drawn from the prior alone."""
        return Drawn(models, None, len(models), ()).chain(likelihood)

    def refined(self, d, width, seed, n_rounds=6):
        """Chain after some rounds, and what it should have found."""
        mean, spread, *expected = self.truth(d, width)
        rng = np.random.default_rng(seed)
        chain = self.of_prior(*self.made(rng.random((self.N_PRIOR, d)), mean, spread))
        for _ in range(n_rounds):
            chain = chain.active()
            kernels = propose(chain.models.cube, chain.log_importance, rng)
            chain = chain.with_drawn(*self.made(kernels.draw(N_NEW, rng), mean, spread), kernels)
        return chain, expected

    @pytest.mark.parametrize(("d", "width"), [(2, 0.01), (4, 0.05), (6, 0.1)])
    def test_mean_width_and_evidence(self, d, width):
        chain, (mean, spread, evidence) = self.refined(d, width, seed=1)
        assert chain.ess > 450.0
        place, sigma = norm.ppf(chain.models.cube), np.sqrt(np.diag(spread))
        found = chain.weight @ place
        error = sigma / np.sqrt(chain.ess)
        np.testing.assert_array_less(np.abs(found - mean), 5.0 * error)
        width_found = np.sqrt(chain.weight @ (place - found) ** 2)
        np.testing.assert_allclose(width_found, sigma, rtol=5.0 / np.sqrt(2.0 * chain.ess))
        log_z = logsumexp(chain.log_importance) - np.log(chain.n_drawn)
        assert log_z == pytest.approx(evidence, abs=5.0 / np.sqrt(chain.ess))

    def test_evidence_has_no_bias(self):
        found, expected = [], None
        for seed in range(20):
            chain, (*_, expected) = self.refined(3, 0.1, seed, n_rounds=2)
            found.append(logsumexp(chain.log_importance) - np.log(chain.n_drawn))
        error = np.std(found) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(expected, abs=5.0 * error)
        assert error < 0.02

    def test_what_does_not_count_may_go(self):
        chain, _ = self.refined(2, 0.05, seed=1, n_rounds=1)
        fewer = chain.active()
        assert len(fewer.models) < len(chain.models)
        assert fewer.n_drawn == chain.n_drawn == self.N_PRIOR + N_NEW
        assert fewer.ess == pytest.approx(chain.ess, rel=1e-4)
        assert logsumexp(fewer.log_importance) == pytest.approx(
            logsumexp(chain.log_importance), abs=1e-4
        )

    def test_weights_of_a_chain_of_the_prior_are_the_likelihoods(self):
        cube = ndtr(np.random.default_rng(1).standard_normal((5000, 2)))
        models, likelihood = self.made(cube, np.zeros(2), np.eye(2))
        chain = self.of_prior(models, likelihood)
        np.testing.assert_allclose(chain.log_importance, likelihood.log_weight)
        assert chain.weight.sum() == pytest.approx(1.0)
