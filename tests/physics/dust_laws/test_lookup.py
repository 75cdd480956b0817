"""Dust laws by name, and laws that are registered from outside."""

from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u
from dust_extinction.averages import G03_SMCBar
from sklearn.base import clone

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.data.errors import InputError
from dustest.io import load_demo
from dustest.physics import (
    Bump,
    Calzetti00,
    CharlotFall00,
    DustLaw,
    PowerLaw,
    Tilted,
    TwoComponents,
    a_v_to_e_bv,
    attenuation_ratio,
    get_dust_law,
    list_dust_laws,
    register_dust_law,
)
from dustest.physics.dust_laws.composition import NamedLaw
from dustest.physics.dust_laws.lookup import get_screen_law, law_references
from dustest.simulate import GalaxySimulator

pytestmark = pytest.mark.usefixtures("warm_workers")


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
            (3, "three", r"a model of dust_extinction with an Rv, got 3"),
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

    def test_so_are_laws_with_them_inside(self):
        @dataclass(frozen=True, eq=False)
        class Wrapped(DustLaw):
            inner: DustLaw
            name = "wrapped"
            wavelength_range = (912.0, 1e5)

            def _curve(self, wavelength):
                return self.inner.extended(wavelength)

        for law in (Wrapped(CharlotFall00()), NamedLaw(Wrapped(CharlotFall00()), "mine")):
            for use in (get_screen_law, lambda law: GalaxySimulator(["F277W"], dust_law=law)):
                with pytest.raises(InputError, match="has two components"):
                    use(law)
        assert get_screen_law(Wrapped(PowerLaw())).name == "wrapped"

    @pytest.mark.parametrize("law", [CharlotFall00(), TwoComponents(PowerLaw(), PowerLaw(1.3))])
    @pytest.mark.parametrize(
        "compose",
        [
            lambda law: Tilted(law, 0.0),
            lambda law: Bump(law, 1.0),
            lambda law: 0.5 * law,
            lambda law: law + PowerLaw(),
            lambda law: PowerLaw() + law,
            lambda law: TwoComponents(PowerLaw(), law),
            lambda law: Tilted(NamedLaw(law, "mine"), 0.0),
        ],
    )
    def test_they_are_no_part_of_a_law(self, law, compose):
        with pytest.raises(InputError, match=r"has birth clouds, .* TwoComponents\(diffuse"):
            compose(law)


@dataclass(frozen=True, eq=False)
class ToyLaw(DustLaw):
    """A law with any curve."""

    curve: object
    name = "toy"
    wavelength_range = (1000.0, 30_000.0)

    def _curve(self, wavelength):
        return self.curve(wavelength)


class TestCurves:
    @pytest.mark.parametrize(
        ("curve", "message"),
        [
            (lambda x: 3.1 * 5500.0 / x, r"'toy' must give A_lambda / A_V, .* value at V 3.1"),
            (
                lambda x: np.where(x > 20_000.0, np.nan, 1.0),
                "finite numbers from 0 .*got nan at 20",
            ),
            (lambda x: 2.0 - x / 5500.0, "finite numbers from 0 .*got -.* Angstrom"),
            (lambda x: 1.0, r"in the shape of the wavelengths, got \(\)"),
            (lambda x: np.ones(3), r"in the shape of the wavelengths, got \(3,\)"),
            (lambda x: x.missing, "must have a _curve .*AttributeError"),
        ],
    )
    def test_invalid(self, curve, message):
        law = ToyLaw(curve)
        for use in (get_dust_law, register_dust_law, lambda law: Tilted(law, 0.1)):
            with pytest.raises(InputError, match=message):
                use(law)
        assert "toy" not in list_dust_laws()

    def test_range_without_v(self):
        class Infrared(ToyLaw):
            wavelength_range = (8000.0, 30_000.0)

        with pytest.raises(InputError, match="over a range that holds the V band"):
            get_dust_law(Infrared(lambda x: 5500.0 / x))

    def test_evaluated_once(self):
        calls = []
        law = ToyLaw(lambda x: calls.append(1) or 5500.0 / x)
        for _ in range(3):
            get_dust_law(law)
        assert len(calls) == 1

    def test_r_v_follows_from_the_curve(self):
        # A_lambda ~ 1 / lambda: A_B / A_V = 1.25.
        assert ToyLaw(lambda x: 5500.0 / x).r_v == pytest.approx(4.0, rel=1e-12)
        assert ToyLaw(np.ones_like).r_v == np.inf

    def test_r_v_of_many_shapes(self):
        index = np.array([[0.7], [1.3]])
        law = ToyLaw(lambda x: (x / 5500.0) ** -index)
        np.testing.assert_allclose(law.r_v, PowerLaw(index).r_v)

    def test_r_v_may_be_a_field(self):
        @dataclass(frozen=True, eq=False)
        class Own(ToyLaw):
            r_v: float

        assert Own(lambda x: 5500.0 / x, 3.0).k(5500.0) == 3.0


class TestRefusals:
    def test_unknown_law(self):
        with pytest.raises(InputError, match=r"law must be one of Calzetti, .*got 'dusty'"):
            get_dust_law("dusty")

    def test_typo(self):
        with pytest.raises(InputError, match="did you mean 'Calzetti'"):
            get_dust_law("Calzeti")

    @pytest.mark.parametrize("law", [None, 3.1, "curve".upper, Calzetti00, G03_SMCBar])
    def test_no_law(self, law):
        accepted = r"name of a law such as 'SMC', .* a DustLaw .*, or a model of dust_extinction"
        with pytest.raises(InputError, match=accepted):
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
            BagpipesEstimator(preset="Fu", dust_law=given, random_state=1).estimate(
                galaxies, n_jobs=n_jobs
            )
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
