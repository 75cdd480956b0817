import numpy as np
import pytest
from scipy import stats

from dustest.estimators._sed.posterior import (
    IGNORED_ERROR,
    N_DRAWS,
    Galaxy,
    draws_under_priors,
    fit_probability,
    prior_diagnostics,
    stratified_draw,
)
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior


class TestDiagnostics:
    @pytest.mark.parametrize("side", [0.0, 1.0])
    def test_pile_up_at_either_edge(self, side):
        coordinate = np.array([0.5, abs(side - 0.001)])
        weight = np.array([0.7, 0.3])
        _, edge = prior_diagnostics(["dust:Av"], coordinate[:, None], weight, 500.0)
        assert edge == pytest.approx(0.3)

    def test_fixed_attenuation_has_no_prior(self):
        assert np.isnan(prior_diagnostics(["nebular:logU"], None, None, 500.0)).all()


class TestFitProbability:
    @pytest.mark.parametrize(
        ("chi2", "n_data", "expected"),
        [  # Abramowitz & Stegun, table 26.7
            (1.0, 1, 0.31731),
            (10.0, 2, 0.00674),
            (5.0, 5, 0.41588),
            (20.0, 10, 0.02925),
        ],
    )
    def test_the_tail_of_the_distribution(self, chi2, n_data, expected):
        assert fit_probability(np.array([chi2]), n_data) == pytest.approx(expected, abs=1e-5)

    def test_it_is_the_mean_over_the_posterior(self):
        assert fit_probability(np.array([0.0, 1e4]), 3) == pytest.approx(0.5)

    @pytest.mark.parametrize("n_data", [3, 9, 19, 500])
    def test_ten_times_the_number_of_data_is_improbable(self, n_data):
        assert fit_probability(np.array([10.0 * n_data]), n_data) < 1e-4

    def test_data_of_the_models_are_probable(self):
        """Data drawn from the models of a posterior are rarely below 1 %, never below 1e-4."""
        rng = np.random.default_rng(1)
        chi2 = rng.chisquare(7, (2000, 1)) + rng.chisquare(2, (2000, 200))
        values = np.array([fit_probability(each, 9) for each in chi2])
        assert np.mean(values < 0.01) < 0.015
        assert values.min() > 1e-4

    def test_pixels_without_a_value_are_no_data(self):
        spectrum = np.array([[1.0, 1.0, 0.1], [2.0, 1.0, IGNORED_ERROR], [3.0, 1.0, 0.1]])
        values = np.ones(4)
        bands = ("F115W", "F200W", "F277W", "F444W")
        galaxies = [Galaxy(7.0, 0.1, bands, values, values, s, 1) for s in (None, spectrum)]
        assert [galaxy.n_data for galaxy in galaxies] == [4, 6]


class TestDraws:
    def test_counts_follow_the_weights(self):
        weight = np.array([0.5, 0.25, 0.125, 0.125, 0.0])
        drawn = stratified_draw(weight, 1000, np.random.default_rng(1), np.arange(len(weight)))
        counts = np.bincount(drawn, minlength=5)
        assert np.abs(counts - 1000 * weight).max() <= 1

    def test_quantiles_of_the_quantity_are_those_of_the_samples(self):
        rng = np.random.default_rng(3)
        values, weight = rng.standard_normal(20_000), rng.dirichlet(np.full(20_000, 0.05))
        drawn = values[stratified_draw(weight, 1000, rng, values)]
        for edge in np.quantile(values, [0.1, 0.5, 0.9]):
            assert np.mean(drawn < edge) == pytest.approx(weight[values < edge].sum(), abs=2e-3)

    def test_same_generator_same_draws(self):
        weight = np.random.default_rng(0).dirichlet(np.ones(50))
        first, second = (
            stratified_draw(weight, 200, np.random.default_rng(4), weight) for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)
        assert np.any(np.diff(first) < 0)


class TestDrawsUnderPriors:
    N = 2**15

    @staticmethod
    def prior(shape, limits=(1e-3, 5.0)):
        """A prior whose A_V has a shape and limits."""
        priors = {"dust:Av": limits, "dust:Av_prior": shape}
        return SEDPrior(fit_instructions("constant", "SMC", 7.0, priors=priors))

    def drawn(self, prior, seed, weight=None):
        """Draws of A_V where the posterior is the prior, or weighted further."""
        rng = np.random.default_rng(seed)
        # Even along A_V: what remains is the noise of a draw.
        axis = list(prior.free).index("dust:Av")
        cube = rng.random((self.N, len(prior.free)))
        cube[:, axis] = rng.permutation((np.arange(self.N) + 0.5) / self.N)
        weight = np.ones(self.N) if weight is None else weight(prior.transform(cube)["dust:Av"])
        return draws_under_priors(prior, cube, weight / weight.sum(), rng)

    @pytest.mark.parametrize("own", ["log_10", "uniform"])
    def test_the_prior_itself_becomes_the_other(self, own):
        drawn = self.drawn(self.prior(own), seed=1)
        laws = {"flat": stats.uniform(1e-3, 4.999), "log10": stats.loguniform(1e-3, 5.0)}
        assert drawn.keys() == laws.keys()
        for name, law in laws.items():
            assert drawn[name].shape == (N_DRAWS,)
            assert stats.kstest(drawn[name], law.cdf).statistic < 0.06, name

    def test_the_likelihood_counts(self):
        def likelihood(a_v):
            return np.exp(-0.5 * ((a_v - 1.0) / 0.2) ** 2)

        drawn = self.drawn(self.prior("log_10"), 2, likelihood)
        assert drawn["flat"].mean() == pytest.approx(1.0, abs=0.01)
        assert drawn["flat"].std() == pytest.approx(0.2, abs=0.015)
        # Dividing by A_V moves a Gaussian by its variance over its mean, to first order.
        assert drawn["log10"].mean() == pytest.approx(1.0 - 0.04, abs=0.015)

    def test_fixed_attenuation_has_no_other_prior(self):
        prior = SEDPrior(fit_instructions("constant", "SMC", 7.0, priors={"dust:Av": 0.3}))
        cube = np.random.default_rng(1).random((10, len(prior.free)))
        assert draws_under_priors(prior, cube, np.full(10, 0.1), np.random.default_rng(1)) == {}

    def test_from_zero_on_the_logarithmic_prior_has_a_floor(self):
        drawn = self.drawn(self.prior("uniform", (0.0, 2.0)), seed=3)
        assert drawn["log10"].min() >= 1e-4
        assert stats.kstest(drawn["flat"], stats.uniform(0.0, 2.0).cdf).statistic < 0.06
