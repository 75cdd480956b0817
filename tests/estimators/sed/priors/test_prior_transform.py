import numpy as np
import pytest
from bagpipes_models import prior_parameters
from hypothesis import given
from hypothesis import strategies as st
from packages import skip_without
from scipy import stats
from warm_process import call

from dustest.data.errors import InputError
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.physics import JOINT_PRIORS, JointPrior, list_histories

N_POINTS = 100
SHAPES = {
    "uniform": {},
    "log_10": {},
    "log_e": {},
    "pow_10": {},
    "recip": {},
    "recipsq": {},
    "Gaussian": {"mu": 1.0, "sigma": 0.8},
    "student_t": {"df": 3.5, "loc": 0.2, "scale": 0.7},
    "exponential": {"scale": 0.5},
}


def with_shape(shape, parameter="dust:Av"):
    """Priors with a parameter of a shape."""
    numbers = {f"{parameter}_prior_{key}": value for key, value in SHAPES[shape].items()}
    return {f"{parameter}_prior": shape} | numbers


def models():
    """Fit instructions of every history, law and shape."""
    free_redshift = {sfh: fit_instructions(sfh, "CF00", 7.0, 0.2) for sfh in list_histories()}
    laws = {
        law: fit_instructions("lognormal", law, 6.0)
        for law in ("Calzetti", "SMC", "CCM89", "Salim", "CF00")
    }
    shapes = {
        shape: fit_instructions("delayed", "Calzetti", 8.0, priors=with_shape(shape))
        for shape in SHAPES
    }
    linked = {
        "linked": fit_instructions(
            "delayed_burst",
            "SMC",
            8.0,
            priors={"burst:massformed": "delayed:massformed", "dust:Av": 0.4},
        )
    }
    return free_redshift | laws | shapes | linked


MODELS = models()


@pytest.fixture(scope="module")
def cubes():
    rng = np.random.default_rng(2)
    return {name: rng.random((N_POINTS, len(SEDPrior(own).free))) for name, own in MODELS.items()}


@pytest.fixture(scope="module")
def reference(cubes, tmp_path_factory):
    """What Bagpipes makes of the cubes."""
    skip_without("bagpipes")
    folder = tmp_path_factory.mktemp("bagpipes")
    return call(prior_parameters, MODELS, cubes, cwd=folder)


@pytest.mark.parametrize("name", MODELS)
class TestAgainstBagpipes:
    def test_axes_of_the_cube(self, name, reference):
        assert list(SEDPrior(MODELS[name]).free) == reference[name]["free"]

    def test_every_parameter(self, name, cubes, reference):
        parameters = SEDPrior(MODELS[name]).transform(cubes[name])
        rows = reference[name]["rows"]
        assert parameters.keys() == {key for key in rows[0] if not key.endswith(":type")}
        for key, ours in parameters.items():
            theirs = rows[0][key] if key.endswith("edges") else [row[key] for row in rows]
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12, err_msg=key)


class TestShapes:
    """Quantiles against distributions of scipy, and limits that are met."""

    def quantiles(self, shape, points, limits=(0.1, 3.0)):
        priors = {"dust:Av": limits} | with_shape(shape)
        prior = SEDPrior(fit_instructions("constant", "SMC", 7.0, priors=priors))
        cube = np.full((len(points), len(prior.free)), 0.5)
        cube[:, prior.free.index("dust:Av")] = points
        return prior.transform(cube)["dust:Av"]

    @pytest.mark.parametrize("shape", [name for name in SHAPES if name != "exponential"])
    def test_ends_of_the_cube_are_the_limits(self, shape):
        np.testing.assert_allclose(self.quantiles(shape, [0.0, 1.0]), [0.1, 3.0], rtol=1e-9)

    @pytest.mark.parametrize(
        ("shape", "law"),
        [
            ("uniform", stats.uniform(0.1, 2.9)),
            ("log_10", stats.loguniform(0.1, 3.0)),
            ("log_e", stats.loguniform(0.1, 3.0)),
            ("Gaussian", stats.truncnorm(-0.9 / 0.8, 2.0 / 0.8, 1.0, 0.8)),
            ("exponential", stats.expon(scale=0.5)),
        ],
    )
    def test_distribution(self, shape, law):
        points = np.linspace(0.01, 0.99, 9)
        np.testing.assert_allclose(self.quantiles(shape, points), law.ppf(points), rtol=1e-9)

    @pytest.mark.parametrize(("shape", "power"), [("recip", -1), ("recipsq", -2)])
    def test_powers_are_uniform(self, shape, power):
        points = np.linspace(0.0, 1.0, 9)
        expected = 0.1**power + (3.0**power - 0.1**power) * points
        np.testing.assert_allclose(self.quantiles(shape, points) ** power, expected, rtol=1e-9)

    @given(
        st.sampled_from([name for name in SHAPES if name != "exponential"]),
        st.floats(0.1, 1.0),
        st.floats(0.01, 2.0),
        st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5),
    )
    def test_quantiles_rise_within_the_limits(self, shape, low, width, points):
        drawn = self.quantiles(shape, np.sort(points), (low, low + width))
        assert np.all(np.diff(drawn) >= -1e-9)
        assert np.all((drawn >= low - 1e-9) & (drawn <= low + width + 1e-9))


LAWS = {
    "uniform": lambda low, high: stats.uniform(low, high - low),
    "log_10": stats.loguniform,
    "Gaussian": lambda low, high: stats.truncnorm((low - 1.0) / 0.8, (high - 1.0) / 0.8, 1.0, 0.8),
}


class TestLogRatio:
    """Other priors of A_V over its own, against densities of scipy."""

    @staticmethod
    def ratio(own, limits, other, points):
        """What the prior says at points of the cube, and the A_V there."""
        priors = {"dust:Av": limits} | with_shape(own)
        prior = SEDPrior(fit_instructions("constant", "SMC", 7.0, priors=priors))
        cube = np.full((len(points), len(prior.free)), 0.5)
        cube[:, prior.free.index("dust:Av")] = points
        a_v = prior.transform(cube)["dust:Av"]
        return prior.log_ratio_to(other, "dust:Av", cube), a_v

    @pytest.mark.parametrize("other", ["uniform", "log_10"])
    @pytest.mark.parametrize("own", LAWS)
    @pytest.mark.parametrize("limits", [(1e-4, 10.0), (0.1, 3.0)])
    def test_against_densities(self, own, other, limits):
        found, a_v = self.ratio(own, limits, other, np.linspace(0.002, 0.998, 201))
        other_law, own_law = LAWS[other](*limits), LAWS[own](*limits)
        expected = other_law.logpdf(a_v) - own_law.logpdf(a_v)
        np.testing.assert_allclose(found, expected, atol=2e-3)

    def test_limits_from_zero(self):
        points = np.array([0.0, 1e-5, 0.01, 0.5, 1.0])
        flat, _ = self.ratio("uniform", (0.0, 3.0), "uniform", points)
        np.testing.assert_allclose(flat, 0.0, atol=1e-9)
        logarithmic, a_v = self.ratio("uniform", (0.0, 3.0), "log_10", points)
        np.testing.assert_allclose(
            logarithmic[2:] + np.log(a_v[2:]), logarithmic[3] + np.log(a_v[3]), atol=1e-3
        )

    @pytest.mark.parametrize("own", ["uniform", "Gaussian"])
    def test_the_logarithmic_prior_ends_above_zero(self, own):
        found, a_v = self.ratio(own, (0.0, 0.3), "log_10", np.linspace(0.0, 1.0, 20_001))
        below = a_v < 1e-4
        assert below.any()
        assert (found[below] == -np.inf).all()
        assert np.isfinite(found[~below]).all()

    @pytest.mark.parametrize("own", SHAPES)
    def test_finite_within_the_limits_alone(self, own):
        for other in ("uniform", "log_10"):
            found, a_v = self.ratio(own, (0.1, 3.0), other, np.array([1e-9, 0.5, 1.0 - 1e-9]))
            inside = (a_v > 0.0999) & (a_v < 3.0001)
            np.testing.assert_array_equal(np.isfinite(found), inside)
            assert not np.isnan(found).any()

    @pytest.mark.parametrize("other", ["uniform", "log_10"])
    @pytest.mark.parametrize("own", SHAPES)
    def test_points_moved_to_another_prior(self, own, other):
        priors = {"dust:Av": (0.1, 3.0)} | with_shape(own)
        prior = SEDPrior(fit_instructions("constant", "SMC", 7.0, priors=priors))
        cube = np.random.default_rng(1).random((20_000, len(prior.free)))
        moved = prior.moved_to(other, "dust:Av", cube)
        law = LAWS[other](0.1, 3.0)
        assert stats.kstest(prior.transform(moved)["dust:Av"], law.cdf).pvalue > 1e-3
        axis = prior.free.index("dust:Av")
        np.testing.assert_array_equal(
            np.delete(moved, axis, axis=1), np.delete(cube, axis, axis=1)
        )

    def test_a_density_of_redshift(self):
        density = RedshiftDensity.of_samples([2.0, 3.0, 9.0])
        prior = SEDPrior(fit_instructions("constant", "SMC", 9.0, density))
        quantiles = prior.quantile("redshift", np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
        np.testing.assert_allclose(quantiles, [2.0, 2.5, 3.0, 6.0, 9.0], atol=1e-4)
        cube = np.full((5, len(prior.free)), 0.5)
        cube[:, prior.free.index("redshift")] = [0.0, 0.25, 0.5, 0.75, 1.0]
        np.testing.assert_array_equal(prior.transform(cube)["redshift"], quantiles)

    @pytest.mark.parametrize("shape", ["uniform", "log_10"])
    def test_limits_at_the_age_of_each_redshift(self, shape):
        priors = {"constant:age_max_prior": shape}
        instructions = fit_instructions("constant", "SMC", 5.0, 1.0, priors, own_age=True)
        prior = SEDPrior(instructions, lambda redshift: 6.0 / redshift)
        cube = np.random.default_rng(1).random((200, len(prior.free)))
        cube[:, prior.free.index("constant:age_max")] = np.tile([0.0, 0.5, 1.0, 0.3], 50)
        values = prior.transform(cube)
        age, limit = values["constant:age_max"], 6.0 / values["redshift"]
        middle = {"uniform": 0.5 * (1e-3 + limit), "log_10": np.sqrt(1e-3 * limit)}[shape]
        np.testing.assert_allclose(age[::4], 1e-3)
        np.testing.assert_allclose(age[1::4], middle[1::4])
        np.testing.assert_allclose(age[2::4], limit[2::4])

    def test_limits(self):
        prior = SEDPrior(fit_instructions("constant", "SMC", 7.0, 0.1))
        assert prior.limits("dust:Av") == (1e-4, 10.0)
        assert prior.limits("redshift") == pytest.approx((6.7, 7.3))


class TestParameters:
    def prior(self, sfh="delayed_burst", **priors):
        names = {key.replace("__", ":"): value for key, value in priors.items()}
        return SEDPrior(fit_instructions(sfh, "Calzetti", 7.0, priors=names))

    def test_fixed_parameters_are_repeated(self):
        parameters = self.prior(dust__Av=0.3).transform(np.full((4, 7), 0.5))
        np.testing.assert_array_equal(parameters["dust:Av"], np.full(4, 0.3))
        np.testing.assert_array_equal(parameters["redshift"], np.full(4, 7.0))

    def test_mirrors_follow_each_other(self):
        prior = self.prior(
            burst__metallicity="delayed:metallicity", nebular__metallicity="burst:metallicity"
        )
        parameters = prior.transform(np.random.default_rng(1).random((5, len(prior.free))))
        for key in ("burst:metallicity", "nebular:metallicity"):
            np.testing.assert_array_equal(parameters[key], parameters["delayed:metallicity"])

    def test_circles_are_refused(self):
        with pytest.raises(InputError, match=r"in a circle: .*burst:age"):
            self.prior(burst__age="delayed:age", delayed__age="burst:age")

    def test_names_of_laws_are_settings(self):
        assert self.prior().settings == {"dust:type": "Calzetti"}

    @pytest.mark.parametrize("shape", [(8,), (3, 7), (2, 3, 8)])
    def test_cube_must_fit(self, shape):
        with pytest.raises(InputError, match=r"cube must be of shape \(n, 8\), got"):
            self.prior().transform(np.zeros(shape))


class TestMass:
    prior = TestParameters.prior

    def draw(self, prior, n=500):
        return prior.transform(np.random.default_rng(4).random((n, len(prior.free))))

    def test_one_mass(self):
        prior = self.prior("lognormal", lognormal__massformed=(6.0, 11.0))
        low, high = prior.log_mass_limits(self.draw(prior))
        assert prior.mass_is_scale
        assert prior.masses == ("lognormal:massformed",)
        np.testing.assert_allclose([low, high], [np.full(500, 6.0), np.full(500, 11.0)])

    def test_two_masses_keep_their_ratio_within_both_limits(self):
        prior = self.prior(burst__massformed=(4.0, 9.0))
        parameters = self.draw(prior)
        masses = np.stack([parameters[key] for key in prior.masses])
        total = np.log10(np.sum(10.0**masses, axis=0))
        lowest, highest = (masses + limit - total for limit in prior.log_mass_limits(parameters))
        floor, roof = np.array([[4.0, 9.0], [5.0, 12.0]]).T[:, :, np.newaxis]
        np.testing.assert_allclose((lowest - floor).min(axis=0), 0.0, atol=1e-9)
        np.testing.assert_allclose((roof - highest).min(axis=0), 0.0, atol=1e-9)

    def test_prior_of_the_scale_is_flat_between_its_limits(self):
        prior = self.prior()
        parameters = self.draw(prior, 4000)
        low, high = prior.log_mass_limits(parameters)
        total = np.log10(sum(10.0 ** parameters[key] for key in prior.masses))
        assert stats.kstest((total - low) / (high - low), "uniform").pvalue > 0.01

    @pytest.mark.parametrize(
        "priors",
        [
            {"burst__massformed": 7.0},
            {"delayed__massformed_prior": "pow_10"},
        ],
    )
    def test_masses_that_are_no_scale_stay_as_drawn(self, priors):
        prior = self.prior(**priors)
        parameters = self.draw(prior)
        low, high = prior.log_mass_limits(parameters)
        total = np.log10(sum(10.0 ** parameters[key] for key in prior.masses))
        assert not prior.mass_is_scale
        np.testing.assert_allclose(low, total)
        np.testing.assert_array_equal(high, low)

    def test_mirrored_masses_are_one_scale(self):
        prior = self.prior(burst__massformed="delayed:massformed")
        low, high = prior.log_mass_limits(self.draw(prior))
        np.testing.assert_allclose(low, 5.0 + np.log10(2.0))
        np.testing.assert_allclose(high, 12.0 + np.log10(2.0))


class TestHas:
    @pytest.mark.parametrize(
        ("priors", "expected"),
        [
            ({}, False),
            ({"dust:frac_clear": 0.0}, False),
            ({"dust:frac_clear": 0.2}, True),
            ({"dust:frac_clear": (0.0, 0.5)}, True),
            ({"dust:frac_clear": "nebular:escape_fraction"}, True),
        ],
    )
    def test_parameters_that_are_not_zero(self, priors, expected):
        priors = {"nebular:escape_fraction": (0.0, 1.0)} | priors
        prior = SEDPrior(fit_instructions("lognormal", "Calzetti", 7.0, priors=priors))
        assert prior.has("dust:frac_clear") is expected


class TestConditional:
    """Joint priors that are the prior of a parameter given others."""

    @staticmethod
    def prior(*joint):
        flat = {"dust:Av": (0.0, 4.0), "dust:Av_prior": "uniform"}
        return SEDPrior(fit_instructions("delayed", "Salim", 7.0, priors=flat), joint=joint)

    def test_values(self):
        one = JOINT_PRIORS["slope_of_A_V"]
        prior = self.prior(one)
        assert prior.conditional == {"dust:delta": one}
        cube = np.random.default_rng(200010).random((20_000, len(prior.free)))
        values = prior.transform(cube)
        plain = self.prior().transform(cube)
        np.testing.assert_array_equal(values["dust:Av"], plain["dust:Av"])
        low, high = prior.limits("dust:delta")
        mean = one.mean(values["dust:Av"])
        limits = ((limit - mean) / one.scatter for limit in (low, high))
        below = stats.truncnorm.cdf(values["dust:delta"], *limits, loc=mean, scale=one.scatter)
        np.testing.assert_allclose(below, cube[:, prior.free.index("dust:delta")], atol=1e-6)

    def test_of_what_a_fit_computes(self):
        """Priors of A_V, and given masses or parameters with such a prior, are weights."""
        given_a_v = JointPrior("one", "dust:B", ("A_V",), lambda a_v: a_v, 0.5)
        given_b = JointPrior("two", "dust:delta", ("dust:B",), lambda b: -0.1 * b, 0.2)
        of_mass = JointPrior("three", "dust:delta", ("log_mass",), lambda m: 0.0 * m, 0.2)
        assert self.prior(given_a_v, given_b).conditional == {"dust:B": given_a_v}
        assert self.prior(of_mass, JOINT_PRIORS["A_V_of_mass"]).conditional == {}

    def test_laws_without_the_parameter(self):
        instructions = fit_instructions("delayed", "SMC", 7.0)
        assert SEDPrior(instructions, joint=(JOINT_PRIORS["slope_of_A_V"],)).conditional == {}
