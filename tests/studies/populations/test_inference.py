"""Populations whose distribution follows in closed form, and input that must be refused."""

import json
import re
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy import stats

from dustest import DustEstimator, infer_population
from dustest.data import DustestWarning, DustTable, InputError
from dustest.data.flags import FLAGS
from dustest.estimators import Estimates
from dustest.studies import InferredPopulation, PopulationSet

LEVELS = stats.norm.ppf((np.arange(200) + 0.5) / 200)
MEAN, WIDTH, ERROR = -8.0, 0.4, 0.3
FLAT = stats.uniform(-13.0, 10.0)


def normal_draws(mean, error):
    """Quantiles of normal posteriors in place of draws, which have noise."""
    return np.asarray(mean)[:, None] + error * LEVELS


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(194100)
    return MEAN + np.hypot(WIDTH, ERROR) * rng.standard_normal(300)


@pytest.fixture(scope="module")
def population(measured):
    draws = {"log_sSFR": normal_draws(measured, ERROR)}
    return infer_population(draws, quantities="log_sSFR", prior=FLAT, random_state=194101)


def detection(values):
    """Probability of detection, which rises with the specific star-formation rate."""
    return 0.05 + 0.95 * stats.norm.cdf(values, MEAN - 0.2, 0.4)


def deconvolved(measured):
    """Width of a normal population of greatest likelihood, from measurements with errors."""
    return np.sqrt(np.var(measured) - ERROR**2)


class TestNormalPopulation:
    """Normal posteriors of a normal population."""

    def test_mean_and_width(self, population, measured):
        mean, width = population.mean(), population.width()
        assert mean.value == pytest.approx(measured.mean(), abs=0.01)
        assert mean.err == pytest.approx(np.std(measured) / np.sqrt(300), rel=0.3)
        assert width.value == pytest.approx(deconvolved(measured), abs=0.03)
        expected = np.var(measured) / deconvolved(measured) / np.sqrt(600)
        assert width.err == pytest.approx(expected, rel=0.4)
        assert mean.p16 < mean.value < mean.p84

    def test_fraction_above(self, population, measured):
        above = population.fraction_above(MEAN + WIDTH)
        expected = stats.norm.sf(MEAN + WIDTH, measured.mean(), deconvolved(measured))
        assert abs(above.value - expected) < 2 * above.err < 0.1
        assert population.fraction_above(0.0).value == 0.0

    def test_single_galaxies(self, population, measured):
        share = deconvolved(measured) ** 2 / np.var(measured)
        expected = measured.mean() + share * (measured - measured.mean())
        found = np.asarray(population.posteriors["log_sSFR"])
        assert np.std(found - expected) < 0.05
        half = population.posteriors["log_sSFR_p84"] - population.posteriors["log_sSFR_p16"]
        assert np.median(half) / 2 == pytest.approx(ERROR * np.sqrt(share), rel=0.1)
        assert isinstance(population.posteriors, DustTable)
        assert population.posteriors["log_sSFR_draws"].shape == (300, 200)

    def test_density_is_normalised(self, population):
        density = population.density()
        width = density["high"] - density["low"]
        assert np.sum(density["density"] * width) == pytest.approx(1.0)
        assert np.all(density["density_p16"] <= density["density_p84"])

    def test_table(self, population):
        row = population.table()[0]
        assert row["quantity"] == "log_sSFR"
        assert row["mean"] == population.mean().value
        assert row["width_err"] == population.width().err

    def test_shows_mean_and_width(self, population):
        shown = re.fullmatch(
            r"<InferredPopulation of 300 galaxies, mean log_sSFR = (-8\.\d\d) \+0.03 -0.03>",
            repr(population),
        )
        assert float(shown[1]) == pytest.approx(population.mean().value, abs=0.0051)
        html = population._repr_html_()
        assert "<td>log_sSFR</td><td>−8." in html
        assert population.unconstrained[0] in html

    def test_starting_prior_hardly_matters(self, population, measured):
        center, spread = -8.5, 0.7
        precision = 1 / ERROR**2 + 1 / spread**2
        mean = (measured / ERROR**2 + center / spread**2) / precision
        draws = {"log_sSFR": normal_draws(mean, precision**-0.5)}
        other = infer_population(
            draws,
            quantities="log_sSFR",
            prior=stats.norm(center, spread),
            random_state=194102,
        )
        # The medians of single galaxies move by 0.08.
        assert other.mean().value == pytest.approx(population.mean().value, abs=0.02)
        assert other.width().value == pytest.approx(population.width().value, abs=0.04)

    def test_order_of_galaxies_does_not_matter(self, population, measured):
        order = np.random.default_rng(194103).permutation(300)
        draws = {"log_sSFR": normal_draws(measured[order], ERROR)}
        other = infer_population(draws, quantities="log_sSFR", prior=FLAT, random_state=194101)
        assert abs(other.mean().value - population.mean().value) < 0.3 * other.mean().err
        assert other.posteriors["log_sSFR"] == pytest.approx(
            np.asarray(population.posteriors["log_sSFR"])[order], abs=0.05
        )

    def test_same_seed_same_result(self, population, measured):
        draws = {"log_sSFR": normal_draws(measured, ERROR)}
        other = infer_population(draws, quantities="log_sSFR", prior=FLAT, random_state=194101)
        assert np.array_equal(other.probability, population.probability)

    def test_meta_makes_it_again(self, population, measured):
        draws = {"log_sSFR": normal_draws(measured, ERROR)}
        rng = np.random.default_rng(202201)
        first = infer_population(draws, quantities="log_sSFR", prior=FLAT, random_state=rng)
        again = infer_population(
            draws,
            quantities="log_sSFR",
            prior=FLAT,
            random_state=first.meta["random_seed"],
        )
        assert np.array_equal(first.probability, again.probability)
        assert first.meta == again.meta
        assert first.posteriors.meta["random_seed"] == first.meta["random_seed"]
        assert population.meta["random_seed"] == 194101

    def test_meta_has_all_arguments(self, population, measured):
        arguments = json.loads(population.meta["arguments"])
        assert set(arguments) == {
            *("estimator", "quantities", "trend", "selection", "prior", "n_draws"),
        }
        assert arguments["quantities"] == ["log_sSFR"]
        shifted = infer_population(
            {"log_sSFR": normal_draws(measured + 0.1, ERROR)},
            quantities="log_sSFR",
            prior=FLAT,
            random_state=194101,
        )
        assert shifted.meta["data"] != population.meta["data"]
        assert shifted.meta["arguments"] != population.meta["arguments"]

    def test_units_are_converted(self):
        rng = np.random.default_rng(194104)
        table = QTable({"id": np.arange(50)})
        draws = rng.normal(0.5, 0.2, (50, 1)) + rng.normal(0.0, 0.2, (50, 200))
        table["A_V_draws"] = 1000 * draws * u.mmag
        population = infer_population(table, prior=stats.uniform(-3, 7), random_state=1)
        assert population.mean().value == pytest.approx(0.5, abs=0.15)
        assert population.density()["low"].unit == u.mag


class TestPriorsOfGalaxies:
    def test_each_galaxy_has_its_own(self, measured):
        """Half of the galaxies have another prior; the likelihoods are those of all."""
        precision = 1 / ERROR**2 + 1.0
        center = np.where(np.arange(300) % 2, -7.5, -8.5)
        mean = (measured / ERROR**2 + center) / precision
        rng = np.random.default_rng(194105)
        prior = center[:, None] + rng.standard_normal((300, 1000))
        population = infer_population(
            {"log_sSFR": normal_draws(mean, precision**-0.5)},
            quantities="log_sSFR",
            prior=prior,
            random_state=194106,
        )
        # The density of each half is the common factor times its own prior.
        assert population.mean().value == pytest.approx(measured.mean(), abs=0.04)
        assert population.width().value == pytest.approx(deconvolved(measured), abs=0.06)

    def test_noise_of_few_prior_draws_is_an_error(self, measured):
        """All galaxies share a prior of which 100 or 20,000 draws are known."""
        draws = {"log_sSFR": normal_draws(measured[:100], ERROR)}
        errors = []
        for n_draws in (100, 20_000):
            prior = FLAT.rvs(size=n_draws, random_state=np.random.default_rng(202202))
            population = infer_population(
                draws, quantities="log_sSFR", prior=prior, random_state=202203
            )
            errors.append(population.mean().err)
            assert abs(population.mean().value - measured[:100].mean()) < 2.0 * errors[-1]
        assert errors[0] > 1.3 * errors[1]


@pytest.fixture(scope="module")
def detected():
    rng = np.random.default_rng(194107)
    truth = rng.normal(MEAN, WIDTH, 6000)
    seen = rng.random(6000) < detection(truth)
    measured = truth[seen][:400] + rng.normal(0.0, 0.2, 400)
    return {"log_sSFR": normal_draws(measured, 0.2)}, truth, seen


class TestSelection:
    @pytest.mark.parametrize("kind", ["function", "galaxies"])
    def test_is_undone(self, detected, kind):
        draws, truth, seen = detected
        selection = detection if kind == "function" else (truth[2000:, None], seen[2000:])
        population = infer_population(
            draws,
            quantities="log_sSFR",
            prior=FLAT,
            selection=selection,
            random_state=194108,
        )
        mean = population.mean()
        assert abs(mean.value - MEAN) < 2.5 * mean.err < 0.2
        # The galaxies of the sample are those that were detected.
        assert np.mean(population.posteriors["log_sSFR"]) > MEAN + 0.08

    def test_never_detected(self, detected):
        with pytest.raises(InputError, match="never detected cannot be corrected"):
            infer_population(
                detected[0],
                quantities="log_sSFR",
                prior=FLAT,
                selection=lambda values: np.where(values > MEAN, 1.0, 0.0),
            )

    @pytest.mark.parametrize("selection", [0.5, (np.ones(3), np.ones(3))])
    def test_neither_function_nor_galaxies(self, detected, selection):
        with pytest.raises(InputError, match="selection must be a function of the quantities"):
            infer_population(detected[0], quantities="log_sSFR", prior=FLAT, selection=selection)


class TestSeveralQuantities:
    def test_trend(self):
        rng = np.random.default_rng(194109)
        redshift = rng.uniform(6.0, 9.0, 200)
        truth = MEAN + 0.2 * (redshift - 7.5) + rng.normal(0.0, 0.2, 200)
        draws = {"log_sSFR": normal_draws(truth + rng.normal(0.0, 0.2, 200), 0.2)}
        population = infer_population(
            draws,
            quantities="log_sSFR",
            prior=FLAT,
            trend={"redshift": redshift},
            random_state=194110,
        )
        row = population.trends[0]
        assert row["covariate"] == "redshift"
        assert abs(row["slope"] - 0.2) < 3 * row["slope_err"] < 0.1
        assert population.mean().value == pytest.approx(truth.mean(), abs=0.05)
        assert population.width().value == pytest.approx(truth.std(), abs=0.05)

    def test_joint_distribution(self):
        rng = np.random.default_rng(194111)
        covariance = [[0.16, 0.1], [0.1, 0.25]]
        truth = rng.multivariate_normal([MEAN, 9.0], covariance, 400)
        draws = {
            name: (values + rng.normal(0.0, 0.2, 400))[:, None] + rng.normal(0.0, 0.2, (400, 400))
            for name, values in zip(("log_sSFR", "log_mass"), truth.T, strict=True)
        }
        prior = {"log_sSFR": FLAT, "log_mass": stats.uniform(5.0, 8.0)}
        population = infer_population(
            draws, quantities=("log_sSFR", "log_mass"), prior=prior, random_state=194112
        )
        assert population.quantities == ("log_sSFR", "log_mass")
        found = population.correlation("log_sSFR", "log_mass")
        assert abs(found.value - 0.5) < 3 * found.err < 0.4
        assert population.mean("log_mass").value == pytest.approx(9.0, abs=0.08)
        assert population.width("log_mass").value == pytest.approx(0.5, abs=0.1)
        assert population.density("log_mass").meta["quantity"] == "log_mass"


class TestDustFreeGalaxies:
    def draws(self, a_v, seed):
        """Posteriors of A_V with a flat prior above zero and errors of 0.05."""
        rng = np.random.default_rng(seed)
        measured = a_v + rng.normal(0.0, 0.05, len(a_v))
        low = stats.norm.cdf(-measured / 0.05)
        share = low[:, None] + (1.0 - low[:, None]) * (np.arange(300) + 0.5) / 300
        return {"A_V": measured[:, None] + 0.05 * stats.norm.ppf(share)}

    def test_half_without_dust(self):
        rng = np.random.default_rng(194113)
        a_v = np.where(rng.random(300) < 0.5, 0.0, rng.normal(0.8, 0.15, 300))
        population = infer_population(
            self.draws(a_v, 194114), prior=stats.uniform(0.0, 4.0), random_state=194115
        )
        assert population.fraction_above(0.2).value == pytest.approx(0.5, abs=0.08)
        assert population.mean().value == pytest.approx(a_v.mean(), abs=0.05)

    def test_all_with_dust(self):
        a_v = np.random.default_rng(194116).normal(0.6, 0.1, 300)
        population = infer_population(
            self.draws(a_v, 194117), prior=stats.uniform(0.0, 4.0), random_state=194118
        )
        assert population.atom_probability < 0.5
        assert np.mean(population.atom) < 0.02
        assert population.width().value == pytest.approx(a_v.std(), abs=0.03)


class OwnEstimator(DustEstimator):
    """A method of someone else, whose posteriors are normal around a feature."""

    requires = ("features",)
    uncertainty = "posterior"

    def __init__(self, learns=True):
        self.learns = learns

    def _estimate(self, batch):
        measured = batch.features[:, 0]
        return Estimates({"A_V": measured[:, None] + 0.2 * LEVELS})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.learns
        return tags


class WithPrior(OwnEstimator):
    """The same with a prior."""

    def sample_prior(self, X, n_samples, random_state=None):
        rng = np.random.default_rng(random_state)
        return {"A_V": rng.uniform(-2.0, 4.0, (len(X), n_samples))}


class FewPriorDraws(OwnEstimator):
    """A prior of which 100 draws are known."""

    def sample_prior(self, X, n_samples, random_state=None):
        known = np.random.default_rng(202205).uniform(-2.0, 4.0, 100)
        rng = np.random.default_rng(random_state)
        return {"A_V": rng.choice(known, (len(X), n_samples))}


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(194119).normal(0.7, 0.3, (100, 1))


class TestEstimators:
    def test_of_someone_else(self, features):
        population = infer_population(WithPrior(), features, random_state=1)
        assert isinstance(population, InferredPopulation)
        assert population.mean().value == pytest.approx(features.mean(), abs=0.05)
        assert population.meta["estimator"] == "WithPrior"
        assert population.meta["n_galaxies"] == 100

    def test_uncalibrated(self, features):
        with pytest.warns(DustestWarning, match="WithPrior is not calibrated"):
            infer_population(WithPrior(learns=False), features, random_state=1)

    def test_a_prior_of_parameters_has_no_noise(self, features):
        """The same few draws of the prior: an estimator that learns knows it with an error."""
        errors = []
        for learns in (True, False):
            estimator = FewPriorDraws(learns=learns)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DustestWarning)
                population = infer_population(estimator, features, random_state=202204)
            errors.append(population.mean().err)
        assert errors[0] > 1.2 * errors[1]

    def test_without_a_prior(self, features):
        with pytest.raises(InputError, match=r"no proper prior.*give prior"):
            infer_population(OwnEstimator(), features)

    def test_with_a_given_prior(self, features):
        population = infer_population(
            OwnEstimator(), features, prior=stats.uniform(-2.0, 6.0), random_state=1
        )
        assert population.mean().value == pytest.approx(features.mean(), abs=0.05)

    def test_side_by_side(self, features):
        both = infer_population({"a": WithPrior(), "b": WithPrior()}, features, random_state=1)
        assert isinstance(both, PopulationSet)
        assert repr(both) == f"<PopulationSet of {', '.join(both)}>"
        assert both._repr_html_().count("<tr>") == 1 + len(both.table())
        assert list(both) == ["a", "b"]
        assert len(both) == 2
        assert list(both.table()["name"]) == ["a", "b"]
        assert both.table()["mean"][1] == both["b"].mean().value
        alone = infer_population(WithPrior(), features, random_state=both["b"].meta["random_seed"])
        assert alone.mean() == both["b"].mean()
        ax = both.plot()
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]

    def test_no_estimator(self, features):
        with pytest.raises(InputError, match="estimator must be a DustEstimator"):
            infer_population(3.0, features)
        with pytest.raises(InputError, match="at least one estimator"):
            infer_population({}, features)
        with pytest.raises(InputError, match="sample must be given"):
            infer_population(WithPrior())


class TestInput:
    def test_galaxies_without_posterior(self, measured):
        draws = normal_draws(measured, ERROR)
        draws[3] = np.nan
        with pytest.warns(DustestWarning, match="1 of 300 galaxies have no posterior"):
            population = infer_population(
                {"log_sSFR": draws}, quantities="log_sSFR", prior=FLAT, random_state=1
            )
        assert len(population.posteriors) == 300
        assert np.isnan(population.posteriors["log_sSFR"][3])
        assert population.posteriors["flags"][3] == FLAGS["NO_DATA"].value
        assert population.meta["n_galaxies"] == 299

    def test_ids_and_columns_of_a_table(self, measured):
        measured = measured[:80]
        table = QTable({"id": [f"g{number}" for number in range(80)], "M_UV": measured})
        table["log_sSFR_draws"] = normal_draws(measured, ERROR)
        population = infer_population(
            table, quantities="log_sSFR", prior=FLAT, trend="M_UV", random_state=1
        )
        assert population.posteriors["id"][7] == "g7"
        assert population.trends["slope"][0] > 0.3

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"prior": None}, "prior must be given with draws"),
            ({"prior": {"A_V": FLAT}}, "add log_sSFR"),
            ({"prior": np.ones((2, 5))}, "prior of log_sSFR must be a frozen distribution"),
            ({"prior": np.full(500, -8.0)}, "must have at least 64 different values"),
            ({"quantities": "A_V"}, "quantities must be among those with draws"),
            ({"quantities": "dust"}, "dust"),
            ({"quantities": ()}, "one to 3 different names"),
            ({"quantities": ("log_sSFR", "log_sSFR")}, "one to 3 different names"),
            ({"n_draws": 5}, "n_draws"),
            ({"trend": "M_UV"}, "trend must be columns of the sample"),
            ({"trend": {"M_UV": [1.0, 2.0]}}, "trend M_UV must have a value for each"),
            ({"random_state": "x"}, "random_state"),
        ],
    )
    def test_mistakes(self, measured, changes, message):
        arguments = {"quantities": "log_sSFR", "prior": FLAT} | changes
        with pytest.raises(InputError, match=message):
            infer_population({"log_sSFR": normal_draws(measured, ERROR)}, **arguments)

    def test_draws_of_a_wrong_shape(self, measured):
        with pytest.raises(InputError, match=r"must have the shape \(n, n_draws\)"):
            infer_population({"log_sSFR": measured}, quantities="log_sSFR", prior=FLAT)
        draws = {"log_sSFR": np.ones((20, 5)), "A_V": np.ones((20, 6))}
        with pytest.raises(InputError, match="same shape for all quantities"):
            infer_population(draws, quantities="log_sSFR", prior=FLAT)
        with pytest.raises(InputError, match="draws of log_sSFR are missing"):
            infer_population(QTable({"id": [1]}), quantities="log_sSFR", prior=FLAT)

    def test_too_few_galaxies(self):
        draws = {"log_sSFR": normal_draws(np.full(5, -8.0), ERROR)}
        with pytest.raises(InputError, match="at least 10 galaxies"):
            infer_population(draws, quantities="log_sSFR", prior=FLAT)

    def test_unknown_quantity_of_the_result(self, population):
        for method in (population.mean, population.width, population.density):
            with pytest.raises(InputError, match="quantity"):
                method("A_V")


class TestUnconstrained:
    def test_resolution_and_information(self, population):
        text = " ".join(population.unconstrained)
        assert "Features of log_sSFR narrower than the error of a galaxy" in text
        assert "add less than 1 bit" in text

    def test_end_of_the_prior(self):
        """Galaxies that are redder than any model of the prior."""
        rng = np.random.default_rng(194120)
        draws = np.minimum(rng.normal(1.0, 0.3, (60, 1)) + 0.3 * LEVELS, rng.uniform(0.9, 1.0))
        population = infer_population(
            {"A_V": np.abs(draws)}, prior=stats.uniform(0.0, 1.0), random_state=194121
        )
        assert any("A_V above" in sentence for sentence in population.unconstrained)
