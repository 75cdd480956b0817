import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18
from hypothesis import given
from hypothesis import strategies as st

from dustest.data.errors import InputError
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.priors.redshift_density import RedshiftDensity
from dustest.physics import PowerLaw, Salim18, list_dust_laws, list_histories

AGE_AT_7 = FlatLambdaCDM(H0=70.0, Om0=0.3).age(7.0).value
NAMES = (
    "lognormal",
    "delayed",
    "constant",
    "exponential",
    "double_delayed",
    "delayed_burst",
    "continuity",
)


def free(instructions):
    """Flat names and limits of the free parameters."""
    pairs = {}
    for component, parameters in instructions.items():
        if isinstance(parameters, dict):
            pairs |= {f"{component}:{k}": v for k, v in parameters.items() if type(v) is tuple}
        elif isinstance(parameters, tuple):
            pairs[component] = parameters
    return pairs


GAUSSIAN = {"dust:Av_prior": "Gaussian", "dust:Av_prior_mu": 1.0, "dust:Av_prior_sigma": 1.0}


class TestDefaults:
    def test_the_seven_histories_of_the_paper(self):
        assert tuple(list_histories()) == NAMES

    @pytest.mark.parametrize(
        ("sfh", "n_free"), list(zip(NAMES, (6, 6, 5, 6, 9, 8, 9), strict=True))
    )
    def test_free_parameters(self, sfh, n_free):
        assert len(free(fit_instructions(sfh, "Calzetti", 7.0))) == n_free

    @pytest.mark.parametrize("sfh", NAMES)
    def test_priors_of_the_paper(self, sfh):
        instructions = fit_instructions(sfh, "Calzetti", 7.0)
        dust = instructions["dust"]
        assert dust == {"type": "Calzetti", "Av": (1e-4, 10.0), "Av_prior": "log_10"}
        assert instructions["nebular"] == {"logU": (-4.0, -2.0)}
        components = [v for v in instructions.values() if type(v) is dict and "massformed" in v]
        assert all(component["massformed"] == (5.0, 12.0) for component in components)
        assert components[0]["metallicity"] == (1e-6, 10.0)
        assert components[0]["metallicity_prior"] == "log_10"

    @pytest.mark.parametrize("sfh", NAMES)
    @pytest.mark.parametrize("redshift", [0.01, 6.0, 9.0, 10.0])
    def test_no_star_forms_before_the_big_bang(self, sfh, redshift):
        age = FlatLambdaCDM(H0=70.0, Om0=0.3).age(redshift).value
        limits = free(fit_instructions(sfh, "Calzetti", redshift))
        for name in limits:
            if name.split(":")[-1] in ("age", "age_max", "tmax"):
                assert limits[name] == (1e-3, pytest.approx(age, rel=1e-12))

    def test_components_share_one_metallicity(self):
        double = fit_instructions("double_delayed", "Calzetti", 7.0)
        burst = fit_instructions("delayed_burst", "Calzetti", 7.0)
        assert double["delayed2"]["metallicity"] == "delayed1:metallicity"
        assert burst["burst"]["metallicity"] == "delayed:metallicity"

    def test_continuity_bins_fill_the_age_of_the_universe(self):
        component = fit_instructions("continuity", "Calzetti", 7.0)["continuity"]
        edges = np.array(component["bin_edges"])
        assert edges[:2].tolist() == [0.0, 10.0]
        assert edges[-1] == pytest.approx(1e3 * (AGE_AT_7 - 1e-3))
        np.testing.assert_allclose(np.diff(np.log(edges[1:]), 2), 0.0, atol=1e-12)
        ratios = [name for name in component if name.startswith("dsfr") and "_" not in name]
        assert len(ratios) == len(edges) - 2
        assert component["dsfr1_prior"] == "student_t"


class TestRedshift:
    def test_fixed(self):
        assert fit_instructions("constant", "Calzetti", 7.0)["redshift"] == 7.0

    def test_free(self):
        instructions = fit_instructions("constant", "Calzetti", 7.0, 0.1)
        assert instructions["redshift"] == pytest.approx((6.7, 7.3))
        assert instructions["redshift_prior"] == "Gaussian"
        assert instructions["redshift_prior_mu"] == 7.0
        assert instructions["redshift_prior_sigma"] == 0.1

    @pytest.mark.parametrize("highest", [10.0, 20.0])
    def test_free_stays_where_there_are_models(self, highest):
        arguments = {"redshift": 9.8, "redshift_spread": 5.0, "highest": highest}
        low, high = fit_instructions("constant", "Calzetti", **arguments)["redshift"]
        assert 0.0 < low < high == highest

    def test_a_density_is_cut_where_models_end(self):
        density = RedshiftDensity.of_samples([9.0, 10.0, 21.0, 22.0])
        found = fit_instructions("constant", "Calzetti", 9.5, density)
        assert found["redshift"] == pytest.approx((9.0, 20.0), abs=1e-3)
        assert found["redshift_prior"] == "density"

    def test_a_density_beyond_the_models_is_refused(self):
        density = RedshiftDensity.of_samples([21.0, 22.0])
        with pytest.raises(InputError, match=r"must lie from 0.001 to 20, got redshifts from 21"):
            fit_instructions("constant", "Calzetti", 9.5, density)

    def test_limits_at_the_age_of_the_universe_stay_words_on_request(self):
        free = fit_instructions("constant", "Calzetti", 7.0, 0.1, own_age=True)["constant"]
        fixed = fit_instructions("constant", "Calzetti", 7.0, own_age=True)["constant"]
        assert free["age_max"] == (1e-3, "age_of_universe")
        assert fixed["age_max"][1] == pytest.approx(0.7503, abs=1e-3)

    def test_ages_reach_back_at_the_lowest_redshift_and_bins_at_the_highest(self):
        cosmology = FlatLambdaCDM(H0=70.0, Om0=0.3)
        ages = fit_instructions("constant", "Calzetti", 7.0, 0.1)["constant"]["age_max"]
        bins = fit_instructions("continuity", "Calzetti", 7.0, 0.1)["continuity"]["bin_edges"]
        assert ages[1] == pytest.approx(cosmology.age(6.7).value)
        assert bins[-1] < 1e3 * cosmology.age(7.3).value

    def test_ages_are_those_of_the_cosmology(self):
        found = fit_instructions("constant", "SMC", 7.0, cosmology=Planck18)["constant"]
        assert found["age_max"][1] == pytest.approx(Planck18.age(7.0).value)

    def test_no_star_is_older_than_the_grid_of_the_models(self):
        old = FlatLambdaCDM(H0=50.0, Om0=0.3)
        found = fit_instructions("constant", "SMC", 0.01, cosmology=old)["constant"]
        assert found["age_max"][1] == pytest.approx(13.467, abs=1e-3)


class TestOverrides:
    def test_a_pair_a_shape_and_a_number(self):
        priors = {
            "dust:Av": [0.0, 3.0],
            "dust:Av_prior": "uniform",
            "lognormal:metallicity": 0.2,
            "dust:eta": 2,
            "veldisp": (1.0, 300.0),
        }
        instructions = fit_instructions("lognormal", "Calzetti", 7.0, priors=priors)
        assert instructions["dust"]["Av"] == (0.0, 3.0)
        assert instructions["dust"]["Av_prior"] == "uniform"
        assert instructions["dust"]["eta"] == 2
        assert instructions["lognormal"]["metallicity"] == 0.2
        assert instructions["veldisp"] == (1.0, 300.0)

    def test_the_age_of_the_universe_by_name(self):
        priors = {"delayed:tau": (0.1, "age_of_universe")}
        instructions = fit_instructions("delayed", "Calzetti", 7.0, priors=priors)
        assert instructions["delayed"]["tau"] == (0.1, pytest.approx(AGE_AT_7))

    def test_defaults_are_not_changed(self):
        before = fit_instructions("delayed", "CF00", 7.0)
        fit_instructions("delayed", "CF00", 7.0, priors={"dust:n": 0.7, "dust:Av": 1.0})
        assert fit_instructions("delayed", "CF00", 7.0) == before

    @pytest.mark.parametrize(
        "key",
        ["dust:AV", "delayed:age", "redshift", "dust:type", "dust:Av_prior_sugar", "Av", 3],
    )
    def test_unknown_names_are_named(self, key):
        with pytest.raises(InputError, match=f"does not know: .*{key}"):
            fit_instructions("lognormal", "Calzetti", 7.0, priors={key: (0.0, 1.0)})

    @pytest.mark.parametrize(
        ("priors", "word"),
        [
            ({"dust:Av": (0.0, 3.0)}, "positive limits"),
            ({"dust:Av": (3.0, 1.0)}, "increasing"),
            ({"dust:Av": (1.0, np.inf)}, "increasing"),
            ({"dust:Av": (1.0, 2.0, 3.0)}, "increasing"),
            ({"dust:Av": np.nan}, "finite number"),
            ({"dust:Av": None}, "finite number"),
            ({"dust:Av": "dust:Bv"}, "names no parameter"),
            ({"dust:Av_prior": "flat"}, "must be one of uniform"),
            ({"dust:Av_prior": "Gaussian"}, "= 'Gaussian' needs dust:Av_prior_mu and"),
            ({"dust:Av_prior": ["log_10"]}, "must be one of uniform"),
            ({"dust:Av": (3.0, 1.0)}, "the lower one comes first"),
            ({"dust:Av": "lognormal:tmx"}, "did you mean 'lognormal:tmax'"),
            (GAUSSIAN | {"dust:Av_prior_sigma": 0.0}, "must be a positive number, got 0"),
            (GAUSSIAN | {"dust:Av_prior_mu": (1.0, 2.0)}, "must be a finite number"),
            ({"noise:scaling": (1.0, 10.0)}, "need 'noise:type' as well"),
            ({"noise:type": "white_scaled"}, "needs noise:scaling"),
            ({"noise:type": "white"}, "must be one of white_scaled"),
            ({"calib:0": (0.5, 1.5)}, "need 'calib:type' as well"),
        ],
    )
    def test_what_makes_no_prior(self, priors, word):
        with pytest.raises(InputError, match=word):
            fit_instructions("lognormal", "Calzetti", 7.0, priors=priors)

    def test_edges_of_bins(self):
        name = "continuity:bin_edges"
        edges = [0.0, 10.0, 100.0, 400.0]
        taken = fit_instructions("continuity", "Calzetti", 7.0, priors={name: edges})
        assert taken["continuity"]["bin_edges"] == edges
        for wrong in ([10.0, 100.0, 400.0], [0.0, 100.0, 10.0], [0.0, 10.0], list(range(9)), 3.0):
            with pytest.raises(InputError, match="3 to 7 increasing lookback times"):
                fit_instructions("continuity", "Calzetti", 7.0, priors={name: wrong})

    def test_noise_of_spectra(self):
        priors = {"noise:type": "white_scaled", "noise:scaling": (1.0, 10.0)}
        noise = fit_instructions("lognormal", "Calzetti", 7.0, priors=priors)["noise"]
        assert noise == {"type": "white_scaled", "scaling": (1.0, 10.0)}

    def test_too_little_freedom(self):
        priors = {"constant:age_max": 0.1, "constant:metallicity": 0.2, "nebular:logU": -3.0}
        priors |= {"constant:massformed": 9.0}
        with pytest.raises(InputError, match="at least two parameters free"):
            fit_instructions("constant", "Calzetti", 7.0, priors=priors)

    @given(
        st.floats(allow_nan=True, allow_infinity=True),
        st.floats(allow_nan=True, allow_infinity=True),
    )
    def test_any_pair_of_limits_is_taken_or_refused(self, low, high):
        priors = {"dust:Av": (low, high), "dust:Av_prior": "uniform"}
        try:
            taken = fit_instructions("constant", "SMC", 7.0, priors=priors)["dust"]["Av"]
        except InputError:
            assert not (np.isfinite([low, high]).all() and low < high)
        else:
            assert taken == (low, high)


class TestDustLaws:
    @pytest.mark.parametrize(
        ("name", "kind", "r_v"),
        [
            ("Calzetti", "Calzetti", 4.05),
            ("SMC", "SMC", 2.74),
            ("MW", "Cardelli", 3.1),
            ("CCM89", "Cardelli", 3.1),
        ],
    )
    def test_laws_of_one_shape(self, name, kind, r_v):
        assert fit_instructions("constant", name, 7.0)["dust"]["type"] == kind
        assert fitted_law(name).r_v({}) == r_v

    def test_salim_without_tilt_is_calzetti(self):
        assert fitted_law("Salim").r_v({"dust:delta": 0.0}) == pytest.approx(4.05)

    def test_laws_of_variable_shape_against_the_attenuation_module(self):
        for tilt in (-1.2, -0.4, 0.4):
            expected = Salim18(delta=tilt).r_v
            assert fitted_law("Salim").r_v({"dust:delta": tilt}) == pytest.approx(expected)
        for slope in (0.3, 0.7, 2.5):
            expected = PowerLaw(n=slope).r_v
            assert fitted_law("CF00").r_v({"dust:n": slope}) == pytest.approx(expected)

    def test_draws_of_variable_shape(self):
        draws = {"dust:delta": np.array([0.0, -0.4]), "dust:n": np.array([0.7, 1.3])}
        assert fitted_law("Salim").r_v(draws).shape == (2,)
        assert fitted_law("CF00").r_v(draws).shape == (2,)

    @pytest.mark.parametrize(
        ("argument", "names"), [("sfh", NAMES), ("dust_law", list_dust_laws())]
    )
    def test_unknown_names(self, argument, names):
        arguments = {"sfh": "constant", "dust_law": "SMC", argument: "parametric"}
        with pytest.raises(InputError, match=f"{argument} must be one of {', '.join(names)}"):
            fit_instructions(**arguments, redshift=7.0)
