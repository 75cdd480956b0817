"""Dust laws by name, and laws that are registered from outside."""

import numpy as np
import pytest
from astropy import units as u
from sklearn.base import clone

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data.errors import InputError
from dustest.io import load_demo
from dustest.physics import (
    Calzetti00,
    PowerLaw,
    Tilted,
    a_v_to_e_bv,
    attenuation_ratio,
    get_dust_law,
    list_dust_laws,
    register_dust_law,
)
from dustest.physics.dust_laws.lookup import get_screen_law, law_references
from dustest.simulate import GalaxySimulator


class TestRegister:
    def test_everything_knows_it_by_name_and_alias(self):
        law = register_dust_law(
            Tilted(get_dust_law("SMC"), -0.2),
            name="steep",
            aliases=("st",),
            references=("Noll2009",),
        )
        assert get_dust_law("STEEP") is get_dust_law("st") is law
        assert list_dust_laws()[-1] == "steep"
        assert attenuation_ratio(1600.0, "steep") == Tilted(get_dust_law("SMC"), -0.2).a_over_av(
            1600.0
        )
        assert a_v_to_e_bv(1.0, "st") == 1.0 / law.r_v
        assert law_references("steep") == ("Noll2009",)
        assert law_references(law.to_dict()) == ("Noll2009", "Gordon2003")

    def test_a_model_of_dust_extinction(self):
        from dust_extinction.averages import G03_LMC2

        assert register_dust_law(G03_LMC2(), aliases=("LMC2",)).name == "G03_LMC2"
        assert get_dust_law("lmc2").r_v == 2.76

    def test_twice_the_same_changes_nothing(self):
        for _ in range(2):
            register_dust_law(PowerLaw(1.3), name="mine")
        assert list_dust_laws().count("mine") == 1

    @pytest.mark.parametrize(
        ("law", "name", "message"),
        [
            (PowerLaw(1.3), "smc", "dust law 'smc' is registered already"),
            ("SMC", None, "a dust law must be a DustLaw, got str 'SMC'"),
            (3, "three", "must be a dust_extinction model"),
        ],
    )
    def test_what_cannot_be_registered(self, law, name, message):
        with pytest.raises(InputError, match=message):
            register_dust_law(law, name=name)


class TestScreens:
    def test_two_components_are_refused(self):
        with pytest.raises(InputError, match=r"'CF00' has two components.* such as PowerLaw"):
            get_screen_law("CF00")
        assert get_screen_law(PowerLaw(0.7)) == PowerLaw(0.7)


class TestRefusals:
    def test_unknown_law(self):
        with pytest.raises(InputError, match=r"law must be one of Calzetti, .*got 'dusty'"):
            get_dust_law("dusty")

    def test_typo(self):
        with pytest.raises(InputError, match="did you mean 'Calzetti'"):
            get_dust_law("Calzeti")

    @pytest.mark.parametrize("law", [None, 3.1, "curve".upper])
    def test_no_law(self, law):
        with pytest.raises(InputError, match="must be a dust_extinction model"):
            get_dust_law(law)

    def test_model_without_r_v(self):
        from dust_extinction.shapes import FM90

        with pytest.raises(InputError, match="with an Rv"):
            get_dust_law(FM90())

    def test_model_that_does_not_cover_v(self):
        from dust_extinction.averages import I05_MWAvg

        with pytest.raises(InputError, match="over a range that holds the V band"):
            get_dust_law(I05_MWAvg())

    @pytest.mark.parametrize(
        ("name", "parameters", "message"),
        [
            ("Calzetti", {"delta": 0.1}, "'Calzetti' are: none; got delta"),
            ("Salim", {"B": 1.0}, "'Salim' are: delta, bump; got B"),
            ("Salim", {"delta": 1.2}, "delta must be below 0.98"),
            ("Salim", {"bump": np.nan}, "bump must be a finite number, got nan"),
            ("Salim", {"delt": -0.3}, "got delt: did you mean 'delta'?"),
            ("CF00", {"n": 0.0}, "n must be above zero"),
            ("CF00", {"n": "0.7"}, "n must be a finite number, got '0.7'"),
            ("CF00", {"n": [0.7]}, "n must be a finite number"),
            ("CCM89", {"r_v": 40.0}, "r_v must lie within"),
            ("CCM89", {"r_v": np.nan}, "r_v must be a finite number, got nan"),
            ("CCM89", {"r_v": 3.1 * u.mag}, "r_v must be a finite number"),
            (Calzetti00(), {"r_v": 3.0}, "go with the name of a law"),
        ],
    )
    def test_parameters(self, name, parameters, message):
        with pytest.raises(InputError, match=message):
            get_dust_law(name, **parameters)


class TestUsers:
    """One registered law with every user of laws."""

    @pytest.fixture
    def law(self):
        return register_dust_law(Tilted(get_dust_law("SMC_G24"), -0.1), name="my law")

    def test_slopes_in_two_processes(self, law):
        galaxies = load_demo()[0][:40]
        named, alone = (
            MeurerEstimator(dust_law=given).estimate(galaxies, n_jobs=n_jobs)
            for given, n_jobs in (("my law", 2), (Tilted(get_dust_law("SMC_G24"), -0.1), 1))
        )
        np.testing.assert_array_equal(named["A_V"], alone["A_V"])
        assert named.meta["params"] != alone.meta["params"]

    def test_fits_of_seds_in_worker_processes(self, law):
        pytest.importorskip("nautilus")
        galaxies = load_demo()[0][:2]
        named, alone = (
            BagpipesEstimator(dust_law=given, random_state=1).estimate(galaxies, n_jobs=n_jobs)
            for given, n_jobs in (("my law", 2), (Tilted(get_dust_law("SMC_G24"), -0.1), 1))
        )
        np.testing.assert_array_equal(named["A_V"], alone["A_V"])
        assert named["R_V"][0] == pytest.approx(law.r_v)

    def test_the_simulator(self, law):
        assert GalaxySimulator(["F277W"], dust_law="my law").dust_law is law
        with pytest.raises(InputError, match="'CF00' has two components"):
            GalaxySimulator(["F277W"], dust_law="CF00")

    @pytest.mark.parametrize("kind", [MeurerEstimator, BagpipesEstimator])
    def test_estimators_are_cloned_and_shown(self, kind):
        law = Tilted(get_dust_law("SMC"), -0.2)
        estimator = kind(dust_law=law)
        assert clone(estimator).dust_law == law
        assert "Tilted(law=ExtinctionCurve(name='SMC', model=G03_SMCBar())" in repr(estimator)
        assert "Tilted" in estimator._repr_html_()
