"""The search for narrow posteriors of spectra."""

from types import SimpleNamespace

import numpy as np
import pytest
from packages import skip_without
from scipy.special import ndtr
from sed_fits import fits_of_a_burst
from toy_pools import PriorPool
from warm_process import call

from dustest.estimators._sed.tabulated.annealing import annealed, with_tail
from dustest.estimators._sed.tabulated.chain import Chain
from dustest.estimators._sed.tabulated.likelihoods.gaussian import Likelihood
from dustest.estimators._sed.tabulated.model_pool import Models
from dustest.estimators._sed.tabulated.refinement import normal


@pytest.mark.parametrize("seeds", [[1], pytest.param([2, 3], marks=pytest.mark.slow)])
def test_bursts_are_found_among_longer_histories(tmp_path, seeds):
    skip_without("bagpipes")
    found = call(fits_of_a_burst, seeds, cwd=tmp_path)
    for one in found["fits"]:
        low, high = one["a_v"]
        assert low < found["a_v"] < high
        assert high - low < 0.3
        assert one["probability"] > 1e-3
        assert one["ess"] > 400.0


def test_many_parameters_need_more_models():
    class Known:
        """A chain that is known under the full likelihood, and keeps what was asked for."""

        log_importance, place = None, (0.0,)

        def __init__(self, n_axes):
            self.pool = SimpleNamespace(axes=range(n_axes))

        def annealed(self, log_weight, least):
            self.least = least
            return log_weight, 1.0

    few, many = Known(5), Known(9)
    for chain in (few, many):
        assert annealed(chain, None, None) is chain
    assert many.least == 4.0 * few.least


class TestTail:
    """A posterior with an exponential tail that becomes ever narrower, and is curved."""

    LIMIT, LENGTH, WIDTH = 0.75, 0.25, 0.1

    @property
    def truth(self):
        """Share beyond the limit."""
        bulk = self.WIDTH * np.sqrt(0.5 * np.pi)
        return self.LENGTH * np.exp(-self.LIMIT / self.LENGTH) / (bulk + self.LENGTH)

    def made(self, cube):
        """Models at points, and their likelihood."""
        place = normal(cube)
        x, rest = place[:, 0], place[:, 1:]
        along = np.where(x < 0.0, -0.5 * (x / self.WIDTH) ** 2, -x / self.LENGTH)
        beyond = np.maximum(x, 0.0)[:, np.newaxis]
        width = self.WIDTH * np.exp(-1.5 * beyond)
        across = -0.5 * ((rest - 0.25 * beyond**2) / width) ** 2 - np.log(width)
        # The prior is standard normal.
        log_weight = along + across.sum(axis=1) + 0.5 * np.sum(place**2, axis=1)
        nothing = np.zeros(len(cube))
        models = Models(cube, np.zeros((len(cube), 1)), nothing, nothing, {"log_sSFR": x})
        return models, Likelihood(log_weight, nothing, nothing, nothing)

    def share(self, chain):
        """Share of a chain beyond the limit."""
        return chain.weight[chain.models.quantities["log_sSFR"] > self.LIMIT].sum()

    def refined(self, chain, rng):
        """Chain with enough models."""
        while chain.ess < 500.0:
            chain = chain.extended(chain.proposal(chain.log_importance, 1024, rng), self.made, rng)
        return chain

    def shares(self, seed):
        """Shares with proposals of the whole posterior, and with those of its tail."""
        rng = np.random.default_rng(seed)
        models, likelihood = self.made(ndtr(rng.standard_normal((2**14, 4))))
        chain = self.refined(Chain.of_pool(PriorPool(models), likelihood), rng)
        return self.share(chain), self.share(self.refined(with_tail(chain, self.made, rng), rng))

    def test_it_is_found(self):
        without, found = np.transpose([self.shares(seed) for seed in range(12)]) / self.truth
        assert without.min() < 0.2
        assert found.min() > 0.3
        assert found.mean() > without.mean() > 0.0
        assert found.std() < 0.8 * without.std()
