from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn
from bagpipes_models import histories
from fresh_process import call
from hypothesis import given
from hypothesis import strategies as st
from packages import skip_without
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import lognorm

from dustest.data.errors import InputError
from dustest.physics import get_history, list_histories
from dustest.physics.star_formation import AgeGrid, history_weights

N_MODELS = 200
AGE_AT_7 = 7.6e8
# Beyond this ratio of fwhm to tmax, the solver that Bagpipes finds the width of a lognormal with
# does not converge, and its models have no light.
WIDEST = 80.0
AGE_GRID = AgeGrid()
COARSE = AgeGrid(edges=[0.0, 1e7, 1e8, 3e8, 1e9])


def uniform(rng, low, high):
    """Times in Gyr of the models."""
    return rng.uniform(low, high, N_MODELS)


def decline(rng, component, oldest):
    """Age and time-scale of the models."""
    return {
        f"{component}:age": uniform(rng, 1e-3, oldest),
        f"{component}:tau": 10.0 ** uniform(rng, -2.0, 1.0),
    }


def masses(rng, *components):
    """Masses formed of the components."""
    return {f"{component}:massformed": uniform(rng, 5.0, 12.0) for component in components}


def draw(name, oldest):
    """Random models over the ranges of the paper, ages up to ``oldest`` [Gyr]."""
    rng = np.random.default_rng(len(name))
    if name == "lognormal":
        return {f"lognormal:{key}": uniform(rng, 1e-3, oldest) for key in ("tmax", "fwhm")}
    if name == "constant":
        older = uniform(rng, 1e-3, oldest)
        younger = older * uniform(rng, -1.0, 0.9).clip(0.0)
        return {"constant:age_max": older, "constant:age_min": younger}
    if name == "double_delayed":
        both = decline(rng, "delayed1", oldest) | decline(rng, "delayed2", oldest)
        return both | masses(rng, "delayed1", "delayed2")
    if name == "delayed_burst":
        burst = {"burst:age": uniform(rng, 1e-3, oldest)}
        return decline(rng, "delayed", oldest) | burst | masses(rng, "delayed", "burst")
    if name == "continuity":
        steps = rng.standard_t(2.0, (5, N_MODELS)) * 0.3
        edges = [0.0, *np.geomspace(10.0, 460.0, 6)]
        return {"continuity:bin_edges": edges} | {
            f"continuity:dsfr{i + 1}": step for i, step in enumerate(steps)
        }
    return decline(rng, name, oldest)


def nested(parameters, redshifts):
    """Models as Bagpipes wants them."""
    models = []
    for i, redshift in enumerate(redshifts):
        model = {"redshift": redshift}
        for key, value in parameters.items():
            component, _, name = key.partition(":")
            own = model.setdefault(component, {"metallicity": 1.0, "massformed": 8.0})
            own[name] = value if name == "bin_edges" else value[i]
        models.append(model)
    return models


@pytest.fixture(scope="module")
def redshifts():
    return np.random.default_rng(5).uniform(5.0, 10.0, N_MODELS)


@pytest.fixture(scope="module")
def parameters():
    # Some of the models at the higher redshifts are older than the Universe.
    return {name: draw(name, 0.6) for name in list_histories()}


@pytest.fixture(scope="module")
def reference(parameters, redshifts, tmp_path_factory):
    """What Bagpipes makes of the models."""
    skip_without("bagpipes")
    models = {name: nested(own, redshifts) for name, own in parameters.items()}
    return call(histories, models, cwd=tmp_path_factory.mktemp("bagpipes"))


STEP = 6e-3  # of the sampled ages


def summed(name):
    """A history whose rates are summed over sampled ages, as in Bagpipes."""
    history = get_history(name)
    parts = {
        key: replace(shape, formed=None) if hasattr(shape, "formed") else shape
        for key, shape in history.components.items()
    }
    return replace(history, components=parts)


class TestAgainstBagpipes:
    """The histories of the paper against the code that fits them."""

    @pytest.fixture(params=list_histories())
    def name(self, request):
        return request.param

    @pytest.fixture
    def pair(self, name, parameters, reference):
        """Our models and theirs, where both are possible."""
        theirs = reference[name]
        ours = history_weights(summed(name), parameters[name], theirs["age"])
        both = ours.possible & theirs["possible"]
        assert both.sum() > 0.5 * N_MODELS
        return ours, theirs, both

    def test_bins(self, reference):
        np.testing.assert_array_equal(AgeGrid().edges, reference["edges"])

    @pytest.fixture
    def summed_pair(self, name, pair):
        if name == "continuity":
            pytest.skip("its rates are integrated always")
        return pair

    def test_masses_in_bins(self, summed_pair):
        ours, theirs, both = summed_pair
        assert np.abs(ours.weights - theirs["weights"])[both].sum(axis=1).max() < 1e-5

    def test_rates(self, summed_pair):
        ours, theirs, both = summed_pair
        np.testing.assert_allclose(ours.rates[both], theirs["rates"][both], rtol=3e-5, atol=1e-20)

    def test_mean_age(self, summed_pair):
        ours, theirs, both = summed_pair
        np.testing.assert_allclose(ours.mean_age[both], theirs["mean_age"][both], rtol=3e-5)

    def test_mass_left_in_stars(self, summed_pair, reference):
        ours, theirs, both = summed_pair
        left = np.log10(ours.weights[both] @ reference["living"])
        np.testing.assert_allclose(left, theirs["stellar_mass"][both], atol=1e-5)

    def test_closed_forms(self, name, parameters, pair):
        """Integrals differ from sums where a history changes within a step."""
        _, theirs, both = pair
        ours = history_weights(name, parameters[name], theirs["age"])
        apart = np.abs(ours.weights - theirs["weights"])[both].sum(axis=1)
        assert np.median(apart) < STEP
        # Declines with the least time-scales change within a step.
        assert np.quantile(apart, 0.9) < 3.0 * STEP
        older = np.abs(ours.mean_age[both] / theirs["mean_age"][both] - 1.0)
        assert np.quantile(older, 0.9) < STEP
        forming = both & (theirs["rates"].min(axis=1) > 0.0)
        faster = np.abs(ours.rates[forming] / theirs["rates"][forming] - 1.0).max(axis=1)
        assert np.median(faster) < STEP

    def test_possible_models(self, name, parameters, pair):
        ours, theirs, _ = pair
        wide = np.zeros(N_MODELS, dtype=bool)
        if name == "lognormal":
            wide = parameters[name]["lognormal:fwhm"] > WIDEST * parameters[name]["lognormal:tmax"]
        np.testing.assert_array_equal(ours.possible[~wide], theirs["possible"][~wide])

    def test_some_models_are_older_than_the_universe(self, parameters, reference):
        theirs = reference["delayed"]["possible"]
        assert 0 < np.sum(~theirs) < 0.5 * N_MODELS


def share(density, low, high):
    """Share of the stars with times of formation between two, by quadrature."""
    low, high = max(low, 0.0), max(high, 0.0)
    return quad(density, low, high, epsabs=1e-10, limit=200)[0]


class TestIntegrals:
    """Integrals of the rates between ends of the spans of sampled ages."""

    @pytest.mark.parametrize("component", ["lognormal", "delayed", "exponential", "constant"])
    def test_closed_forms(self, component, parameters):
        shape = get_history(component).components[component]
        own = {key.partition(":")[2]: v[:20] for key, v in parameters[component].items()}
        now = np.array([AGE_AT_7])
        formed, moment, _ = shape.sums(AGE_GRID, own, now)
        columns = (shape.columns or shape._in_years)(AGE_GRID, own, now)
        # The rates are smooth in the logarithms of age and of time, apart from jumps.
        half = np.geomspace(1.0, 0.5 * AGE_AT_7, 200_000)
        age = np.concatenate([[0.0], half, AGE_AT_7 - half[-2::-1], [AGE_AT_7]])
        rate = shape.rate(age, **columns)
        mass = 0.5 * (rate[:, 1:] + rate[:, :-1]) * np.diff(age)
        below = np.pad(np.cumsum(mass, axis=1), ((0, 0), (1, 0)))
        bounds = AGE_GRID.until(AGE_AT_7)[0]
        expected = np.array([np.interp(bounds, age, row) for row in below])
        unit = expected[:, -1:] / (formed[:, -1:] - formed[:, :1])
        np.testing.assert_allclose(
            (formed - formed[:, :1]) * unit / expected[:, -1:],
            expected / expected[:, -1:],
            atol=5e-4,
        )
        middle = 0.5 * (age[1:] + age[:-1])
        np.testing.assert_allclose(moment * unit[:, 0], mass @ middle, rtol=2e-4)


class TestClosedForms:
    """Integrals of the rates between edges, which are met within the steps of 0.6 %."""

    def weights(self, name, **parameters):
        parameters = {f"{name}:{key}": value for key, value in parameters.items()}
        return history_weights(name, parameters, AGE_AT_7, COARSE).weights[0]

    def expected(self, density, oldest):
        """Integrals of a density of the time since the first stars."""
        edges = oldest - np.minimum(COARSE.edges, oldest)
        shares = [share(density, low, high) for high, low in pairwise(edges)]
        return np.array(shares) / np.sum(shares)

    @pytest.mark.parametrize("tau", [0.03, 0.3, 5.0])
    def test_exponential(self, tau):
        expected = self.expected(lambda t: np.exp(-t / (1e9 * tau)) / 1e8, 5e8)
        np.testing.assert_allclose(
            self.weights("exponential", age=0.5, tau=tau), expected, atol=5e-3
        )

    @pytest.mark.parametrize("tau", [0.03, 0.3, 5.0])
    def test_delayed(self, tau):
        expected = self.expected(lambda t: t * np.exp(-t / (1e9 * tau)) / 1e16, 5e8)
        np.testing.assert_allclose(self.weights("delayed", age=0.5, tau=tau), expected, atol=5e-3)

    def test_constant(self):
        weights = self.weights("constant", age_max=0.5, age_min=0.05)
        np.testing.assert_allclose(weights, np.array([0, 5, 20, 20]) / 45, atol=5e-3)

    @pytest.mark.parametrize(("tmax", "fwhm"), [(0.3, 0.05), (0.5, 0.5), (0.1, 0.7), (0.7, 0.2)])
    def test_lognormal(self, tmax, fwhm):
        def excess(tau):
            """Full width at half maximum, found on the curve itself, less the wanted one."""
            law = lognorm(tau, scale=tmax * np.exp(tau**2))
            half = 0.5 * law.pdf(tmax)
            left = brentq(lambda t: law.pdf(t) - half, 1e-6 * tmax, tmax)
            right = brentq(lambda t: law.pdf(t) - half, tmax, 1e3 * tmax)
            return right - left - fwhm

        tau = brentq(excess, 1e-3, 2.0)
        law = lognorm(tau, scale=tmax * np.exp(tau**2))
        past = law.cdf(np.maximum(AGE_AT_7 - COARSE.edges, 0.0) / 1e9)
        expected = -np.diff(past) / past[0]
        np.testing.assert_allclose(
            self.weights("lognormal", tmax=tmax, fwhm=fwhm), expected, atol=5e-3
        )

    def test_continuity(self):
        weights = self.weights("continuity", bin_edges=[0, 10, 100, 300], dsfr1=0.5, dsfr2=-1.0)
        masses = np.array([10 * 10**-0.5, 90 * 10**0.5, 200.0, 0.0])
        np.testing.assert_allclose(weights, masses / masses.sum(), atol=5e-3)

    def test_burst_falls_into_one_bin(self):
        parameters = {"delayed:age": 0.5, "delayed:tau": 0.1, "delayed:massformed": 0.0}
        burst = {"burst:age": [5e-3, 0.2], "burst:massformed": 9.0}
        stars = history_weights("delayed_burst", parameters | burst, AGE_AT_7, COARSE)
        np.testing.assert_allclose(stars.weights, np.eye(4)[[0, 2]], atol=1e-8)
        np.testing.assert_allclose(stars.mean_age, [5e6, 2e8], rtol=3e-3)

    def test_components_mix_by_mass(self):
        young = {"delayed2:age": 0.05, "delayed2:tau": 0.1, "delayed2:massformed": 8.0}
        old = {"delayed1:age": 0.6, "delayed1:tau": 0.1, "delayed1:massformed": 8.0 + np.log10(3)}
        stars = history_weights("double_delayed", young | old, AGE_AT_7)
        alone = [
            history_weights("delayed", {"delayed:age": [age], "delayed:tau": 0.1}, AGE_AT_7)
            for age in (0.05, 0.6)
        ]
        for key in ("weights", "rates", "mean_age"):
            mixed = 0.25 * getattr(alone[0], key) + 0.75 * getattr(alone[1], key)
            np.testing.assert_allclose(getattr(stars, key), mixed, rtol=1e-12)

    def test_rate_of_a_constant_history(self):
        stars = history_weights(
            "constant", {"constant:age_max": [0.05], "constant:age_min": 0.0}, AGE_AT_7
        )
        np.testing.assert_allclose(stars.rates, [[2e-8, 1e-8]], rtol=6e-3)


class TestManyModels:
    @pytest.mark.parametrize("name", list_histories())
    def test_models_do_not_depend_on_their_neighbours(self, name, parameters):
        many = {
            key: value if key.endswith("edges") else np.tile(value, 13)
            for key, value in parameters[name].items()
        }
        together, once = (history_weights(name, own, AGE_AT_7) for own in (many, parameters[name]))
        np.testing.assert_allclose(
            together.weights, np.tile(once.weights, (13, 1)), rtol=1e-9, atol=1e-14
        )

    @pytest.mark.parametrize("name", list_histories())
    def test_one_age_of_the_universe_is_as_good_as_many(self, name, parameters):
        ages = np.full(N_MODELS, AGE_AT_7)
        one = history_weights(name, parameters[name], AGE_AT_7)
        many = history_weights(name, parameters[name], ages)
        np.testing.assert_allclose(one.weights, many.weights, rtol=1e-9, atol=1e-14)

    @given(
        st.sampled_from(["lognormal", "exponential", "delayed"]),
        st.floats(1e-3, 14.0),
        st.floats(1e-3, 20.0),
        st.floats(1e8, 1.3e10),
    )
    def test_shares_of_any_model(self, name, first, second, age):
        keys = ("tmax", "fwhm") if name == "lognormal" else ("age", "tau")
        own = {f"{name}:{key}": [v] for key, v in zip(keys, (first, second), strict=True)}
        stars = history_weights(name, own, age)
        assert np.all(stars.weights >= 0.0)
        np.testing.assert_allclose(stars.weights.sum(), stars.possible[0], atol=1e-12)
        older = stars.weights[0, AGE_GRID.edges[:-1] > age]
        assert not older.any()

    @given(st.floats(2e-3, 13.0), st.floats(0.0, 13.0), st.floats(1e8, 1.3e10))
    def test_constant_histories_are_possible_until_the_big_bang(self, older, younger, age):
        own = {"constant:age_max": [older], "constant:age_min": younger}
        stars = history_weights("constant", own, age)
        if younger > older or 1e9 * older > 1.01 * age:
            assert not stars.possible[0]
        elif 1e9 * older < age and younger < 0.99 * older:
            assert stars.possible[0]


class TestGrid:
    def test_bins_of_any_width_hold_the_same_stars(self):
        own = {"lognormal:tmax": [0.4, 0.7], "lognormal:fwhm": [0.3, 0.01]}
        fine = history_weights(
            "lognormal", own, AGE_AT_7, AgeGrid(10.0 ** np.arange(5, 10.2, 0.05))
        )
        coarse = history_weights(
            "lognormal", own, AGE_AT_7, AgeGrid(10.0 ** np.arange(5, 10.2, 0.5))
        )
        pairs = fine.weights[:, :100].reshape(2, 10, 10).sum(axis=2)
        np.testing.assert_allclose(coarse.weights[:, :10], pairs, atol=1e-5)

    def test_bins_may_leave_stars_out(self):
        own = {"constant:age_max": [0.2], "constant:age_min": 0.0}
        stars = history_weights("constant", own, AGE_AT_7, AgeGrid([5e7, 1e8]))
        np.testing.assert_allclose(stars.weights, [[0.25]], rtol=6e-3)

    @pytest.mark.parametrize("timescale", [2e6, 1.3e7, 3e8])
    def test_timescales_within_bins(self, timescale):
        own = {"constant:age_max": [0.5], "constant:age_min": 0.0}
        stars = history_weights("constant", own, AGE_AT_7, AgeGrid(timescales=[timescale]))
        np.testing.assert_allclose(stars.rates, [[2e-9]], rtol=6e-3)

    @pytest.mark.parametrize("edges", [[1e7], [1e7, 1e7], [1e8, 1e7], [[0.0, 1e7]]])
    def test_edges_must_increase(self, edges):
        with pytest.raises(InputError, match="edges must be two or more increasing"):
            AgeGrid(edges)

    def test_units(self):
        grid = AgeGrid(edges=Column([0.0, 10.0, 100.0], unit="Myr"), timescales=[10, 100] * u.Myr)
        np.testing.assert_allclose(grid.edges, [0.0, 1e7, 1e8])
        np.testing.assert_allclose(grid.timescales, [1e7, 1e8])
        with pytest.raises(
            InputError, match="edges must have a unit that converts to yr, got mag"
        ):
            AgeGrid(edges=[0.0, 1.0] * u.mag)

    def test_timescales_must_hold_ages(self):
        with pytest.raises(InputError, match="timescales must be above 1e6 yr"):
            AgeGrid(timescales=[1e5])


class TestInput:
    @pytest.mark.parametrize(
        ("age", "tau", "universe"),
        [
            ([500.0, 300.0] * u.Myr, Column([100.0, 50.0], unit="Myr"), 0.8 * u.Gyr),
            (MaskedColumn([0.5, 0.3], unit="Gyr"), np.ma.array([0.1, 0.05]), [800.0] * u.Myr),
            ([0.5 * u.Gyr, 300 * u.Myr], [1e8, 5e7] * u.yr, Column([8e8], unit="yr")),
        ],
    )
    def test_units_of_parameters(self, age, tau, universe):
        bare = {"delayed:age": [0.5, 0.3], "delayed:tau": [0.1, 0.05]}
        expected = history_weights("delayed", bare, 8e8, COARSE).weights
        own = {"delayed:age": age, "delayed:tau": tau}
        np.testing.assert_allclose(
            history_weights("delayed", own, universe, COARSE).weights, expected, rtol=1e-9
        )

    def test_units_of_the_edges_of_continuity(self):
        bare = {"continuity:bin_edges": [0.0, 10.0, 100.0], "continuity:dsfr1": [0.3]}
        expected = history_weights("continuity", bare, 8e8, COARSE).weights
        own = {**bare, "continuity:bin_edges": [0.0, 0.01, 0.1] * u.Gyr}
        np.testing.assert_allclose(
            history_weights("continuity", own, 8e8, COARSE).weights, expected, rtol=1e-9
        )

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            ({"delayed:age": 0.5 * u.mag, "delayed:tau": 0.1}, "converts to Gyr, got mag"),
            ({"delayed:age": "old", "delayed:tau": 0.1}, "text such as 'old'"),
            (
                {"delayed:age": 0.5, "delayed:tau": MaskedColumn([0.1, 0.2], mask=[0, 1])},
                "finite and positive",
            ),
            ({"delayed:ages": 0.5, "delayed:tau": 0.1}, "did you mean 'delayed:ages'"),
        ],
    )
    def test_parameters_of_a_wrong_kind(self, own, message):
        with pytest.raises(InputError, match=message):
            history_weights("delayed", own, AGE_AT_7)

    def test_typo_of_a_history(self):
        with pytest.raises(InputError, match="did you mean 'lognormal'"):
            history_weights("log-normal", {}, AGE_AT_7)

    def test_unknown_history(self):
        with pytest.raises(InputError, match=r"name must be one of lognormal, .*, got 'burst'"):
            history_weights("burst", {}, AGE_AT_7)

    def test_missing_parameter(self):
        with pytest.raises(InputError, match="must be a dict that has 'lognormal:fwhm'"):
            history_weights("lognormal", {"lognormal:tmax": 1.0}, AGE_AT_7)

    @pytest.mark.parametrize("parameters", [None, "tau", 3.0])
    def test_parameters_that_are_no_dict(self, parameters):
        with pytest.raises(InputError, match="parameters must be a dict"):
            history_weights("lognormal", parameters, AGE_AT_7)

    def test_missing_mass(self):
        own = {"delayed:age": 0.1, "delayed:tau": 0.1, "burst:age": 0.1}
        with pytest.raises(InputError, match="must be a dict that has 'delayed:massformed'"):
            history_weights("delayed_burst", own, AGE_AT_7)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
    def test_times_must_be_positive(self, value):
        own = {"delayed:age": 0.5, "delayed:tau": [0.1, value]}
        with pytest.raises(InputError, match=r"'delayed:tau'\] must be finite and positive"):
            history_weights("delayed", own, AGE_AT_7)

    @pytest.mark.parametrize("age", [0.0, -1e9, np.nan])
    def test_age_of_the_universe_must_be_positive(self, age):
        own = {"delayed:age": 0.5, "delayed:tau": 0.1}
        with pytest.raises(InputError, match="age_of_universe must be positive"):
            history_weights("delayed", own, age)

    @pytest.mark.parametrize("tau", [[0.1, 0.2, 0.3], [[0.1, 0.2]]])
    def test_shapes_must_fit(self, tau):
        own = {"delayed:age": [0.5, 0.6], "delayed:tau": tau}
        with pytest.raises(InputError, match=r"must be numbers or of one shape \(n,\), got"):
            history_weights("delayed", own, AGE_AT_7)

    @pytest.mark.parametrize("edges", [[0.0, 10.0], [0.0, 20.0, 10.0], [[0.0, 1.0, 2.0]]])
    def test_edges_of_continuity(self, edges):
        own = {"continuity:bin_edges": edges, "continuity:dsfr1": 0.0}
        with pytest.raises(InputError, match="three or more increasing ages in Myr"):
            history_weights("continuity", own, AGE_AT_7)
