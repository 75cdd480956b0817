import numpy as np
import pytest
from scipy import integrate, stats

from dustest import BagpipesEstimator
from dustest.data.errors import InputError
from dustest.physics import JOINT_PRIORS, JointPrior, get_joint_prior, register_joint_prior


def prior(**changes):
    """A_V that grows with the mass."""
    fields = {
        "name": "test",
        "quantity": "A_V",
        "given": ("log_mass",),
        "mean": lambda log_mass: log_mass - 9.0,
        "scatter": 0.3,
    }
    return JointPrior(**(fields | changes))


class TestDensity:
    @pytest.mark.parametrize("limits", [(-np.inf, np.inf), (0.0, 3.0), (2.5, 3.0), (-4.0, -3.0)])
    def test_is_a_truncated_gaussian(self, limits):
        value = np.clip([0.2, 0.5, 1.5], *limits)
        mean = np.array([0.1, 1.0, 2.0])
        standard = [(limit - mean) / 0.3 for limit in limits]
        expected = stats.truncnorm.logpdf(value, *standard, loc=mean, scale=0.3)
        found = prior().log_density(value, [mean + 9.0], limits)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_far_from_the_limits(self):
        """Both limits far in either tail, where the difference of probabilities vanishes."""
        for mass in (9.0 - 30.0, 9.0 + 30.0):
            area, _ = integrate.quad(
                lambda a_v, mass=mass: np.exp(prior().log_density(a_v, [mass], (0.0, 1.0))), 0, 1
            )
            assert area == pytest.approx(1.0, rel=1e-5)


class TestRecords:
    @pytest.mark.parametrize("name", list(JOINT_PRIORS))
    def test_describe_themselves(self, name):
        assert get_joint_prior(name).description.endswith(".")

    def test_main_sequence_of_speagle(self):
        """Equation 28 with t = 5 Gyr and a mass of 10^10.5: log SFR of 1.495."""
        found = get_joint_prior("main_sequence").mean(10.5, 5.0)
        assert found == pytest.approx(0.71 * 10.5 - 5.96 - 10.5)

    def test_flatter_slopes_at_higher_a_v(self):
        slopes = get_joint_prior("slope_of_A_V").mean(np.array([1e-4, 0.1, 0.3, 1.0, 3.0, 10.0]))
        assert np.all(np.diff(slopes) >= 0.0)
        assert slopes[[0, 3, -1]].tolist() == [-0.6, -0.1, 0.2]

    def test_dustier_galaxies_of_higher_mass(self):
        found = get_joint_prior("A_V_of_mass").mean(np.array([7.0, 9.0, 11.0]))
        np.testing.assert_allclose(found, [0.3, 0.3, 1.0])

    def test_one_from_outside(self):
        mine = register_joint_prior(prior(name="mine"))
        named, given = (BagpipesEstimator(joint_priors=(one,)) for one in ("mine", mine))
        assert named._settings() == given._settings()
        assert named._described() == given._described()

    @pytest.mark.parametrize(
        ("field", "value"),
        [("scatter", 0.0), ("mean", 1.0), ("given", "log_mass"), ("quantity", "")],
    )
    def test_fields(self, field, value):
        with pytest.raises(InputError, match=f"{field}.*of the joint prior 'test' must be"):
            prior(**{field: value})


class TestFits:
    @pytest.mark.parametrize(
        ("joint", "match"),
        [
            ("main_sequence", "must be a tuple of names"),
            (("mainsequence",), "did you mean 'main_sequence'"),
            ((prior(given=("mass",)),), "needs 'mass', which the models of the fit do not have"),
            (("slope_of_A_V",), "needs 'dust:delta'"),
            (("A_V_of_mass", prior()), "different quantities"),
            (
                (prior(quantity="nebular:logU", given=("A_V",)), prior(given=("nebular:logU",))),
                "in a circle",
            ),
        ],
    )
    def test_what_no_fit_has(self, joint, match):
        with pytest.raises(InputError, match=match):
            BagpipesEstimator(preset="Fu", joint_priors=joint)._check_parameters()

    def test_slopes_of_one_of_several_laws(self):
        sed = BagpipesEstimator(dust_law=("SMC", "Salim"), joint_priors=("slope_of_A_V",))
        sed._check_parameters()

    @pytest.mark.parametrize("engine", [{"engine": "bagpipes"}, {"escalate": True}])
    def test_need_the_tables(self, engine):
        with pytest.raises(InputError, match="joint_priors need engine='tabulated'"):
            BagpipesEstimator(joint_priors=("A_V_of_mass",), **engine)._check_parameters()

    def test_one_prior_of_a_v(self):
        sed = BagpipesEstimator(joint_priors=("A_V_of_mass",), extra=("priors",))
        with pytest.raises(InputError, match="leave out one"):
            sed._check_parameters()

    def test_identity(self):
        """What changes a prior changes the description of the estimator."""
        one, other = (
            BagpipesEstimator(joint_priors=(prior(scatter=scatter),)) for scatter in (0.3, 0.4)
        )
        assert one._described() != other._described()
