from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr
from scipy.stats import multivariate_normal, norm
from toy_pools import PriorPool

from dustest.estimators._sed.tabulated.chain import Chain
from dustest.estimators._sed.tabulated.likelihoods.gaussian import Likelihood
from dustest.estimators._sed.tabulated.model_pool import Models


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
        return Chain.of_pool(PriorPool(models), likelihood)

    def refined(self, d, width, seed, n_rounds=6, n_searches=0):
        """Chain after some rounds, the first of which may be left out, and what it should find."""
        mean, spread, *expected = self.truth(d, width)
        rng = np.random.default_rng(seed)
        first = chain = self.of_prior(*self.made(rng.random((self.N_PRIOR, d)), mean, spread))
        for k in range(n_rounds):
            proposal = chain.proposal(chain.log_importance, 2048, rng)
            known = chain if k > n_searches else first
            chain = known.extended(proposal, lambda cube: self.made(cube, mean, spread), rng)
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
        log_z = logsumexp(chain.log_importance)
        assert log_z == pytest.approx(evidence, abs=5.0 / np.sqrt(chain.ess))

    @pytest.mark.parametrize(("n_rounds", "n_searches"), [(2, 0), (4, 3)])
    def test_evidence_has_no_bias(self, n_rounds, n_searches):
        found, expected = [], None
        for seed in range(20):
            chain, (*_, expected) = self.refined(3, 0.1, seed, n_rounds, n_searches)
            found.append(logsumexp(chain.log_importance))
        error = np.std(found) / np.sqrt(len(found))
        assert np.mean(found) == pytest.approx(expected, abs=5.0 * error)
        assert error < 0.02

    @pytest.mark.parametrize("spread", [1.0, 1.5])
    def test_all_proposals_of_a_chain_are_wider_by_its_spread(self, spread):
        mean, covariance, *_ = self.truth(2, 0.1)
        rng = np.random.default_rng(1)
        made = self.made(rng.random((self.N_PRIOR, 2)), mean, covariance)
        chain = Chain.of_pool(PriorPool(made[0]), made[1], spread)
        for _ in range(2):
            proposal = chain.proposal(chain.log_importance, 2048, np.random.default_rng(2))
            plain = replace(chain, spread=1.0).proposal(
                chain.log_importance, 2048, np.random.default_rng(2)
            )
            np.testing.assert_allclose(proposal.root, spread * plain.root)
            chain = chain.extended(proposal, lambda cube: self.made(cube, mean, covariance), rng)

    def test_what_does_not_count_goes(self):
        chain, _ = self.refined(2, 0.05, seed=1, n_rounds=1)
        assert 1000 <= len(chain.models) < self.N_PRIOR
        assert chain.log_importance.min() > chain.log_importance.max() - 25.0

    def test_models_of_the_same_stars_are_one(self):
        cube = np.random.default_rng(1).random((2000, 2))
        chain = self.of_prior(*self.made(cube, np.zeros(2), np.eye(2)))
        pairs = replace(chain, unit=chain.unit // 2)
        weight = np.exp(chain.log_importance).reshape(-1, 2).sum(axis=1)
        expected = weight.sum() ** 2 / np.sum(weight**2)
        assert pairs.ess == pytest.approx(expected)
        assert pairs.ess < 0.6 * chain.ess

    def test_weights_of_a_chain_of_the_prior_are_the_likelihoods(self):
        cube = ndtr(np.random.default_rng(1).standard_normal((5000, 2)))
        models, likelihood = self.made(cube, np.zeros(2), np.eye(2))
        chain = self.of_prior(models, likelihood)
        expected = likelihood.log_weight - np.log(len(cube))
        np.testing.assert_allclose(chain.log_importance, expected)
        assert chain.weight.sum() == pytest.approx(1.0)
