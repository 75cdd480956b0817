"""Tests of the dust laws against published numbers, Bagpipes and dust_extinction."""

import importlib.util
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn
from astropy.utils.masked import Masked
from dust_extinction.averages import G03_SMCBar
from hypothesis import given
from hypothesis import strategies as st

from dustest.data.bands import list_bands
from dustest.data.checks.units import declared_unit
from dustest.data.errors import InputError
from dustest.physics import (
    Calzetti00,
    CharlotFall00,
    DustLaw,
    ExtinctionCurve,
    Salim18,
    a_lambda,
    a_v_to_e_bv,
    attenuation_ratio,
    band_attenuation_ratio,
    e_bv_to_a_v,
    get_dust_law,
    list_dust_laws,
)

# A_1600 / A_V and R_V as evaluated with dust_extinction 1.7, and Calzetti et al. (2000).
PUBLISHED = {
    "Calzetti": (2.462, 4.05),
    "SMC": (4.381, 2.74),
    "SMC_G24": (4.087, 3.02),
    "LMC": (2.662, 3.41),
    "CCM89": (2.560, 3.1),
    "F99": (2.507, 3.1),
    "G23": (2.710, 3.1),
}

BAGPIPES_CURVES = {
    "Calzetti": ("Calzetti", {}, {"type": "Calzetti"}),
    "Salim steep": (
        "Salim",
        {"delta": -0.4, "bump": 2.0},
        {"type": "Salim", "delta": -0.4, "B": 2.0},
    ),
    "Salim flat": ("Salim", {"delta": 0.3}, {"type": "Salim", "delta": 0.3, "B": 0.0}),
    "CF00": ("CF00", {"n": 0.7}, {"type": "CF00", "n": 0.7}),
    "CF00 steep": ("CF00", {"n": 1.3}, {"type": "CF00", "n": 1.3}),
}

# Bagpipes prints, writes and changes settings as it is imported: the one module needed here runs
# in a process of its own, between stand-ins for its package and its configuration.
BAGPIPES_SCRIPT = """
import importlib.util, json, os, sys, types
import numpy as np
root = importlib.util.find_spec("bagpipes").submodule_search_locations[0]
folders = {"bagpipes": root, "bagpipes.models": os.path.join(root, "models")}
for name in (*folders, "bagpipes.config"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folders.get(name, "")]
sys.modules["bagpipes"].config = sys.modules["bagpipes.config"]
sys.modules["bagpipes.config"].line_wavs = np.array([1215.67])
from bagpipes.models.dust_attenuation_model import dust_attenuation
task = json.load(open(sys.argv[1]))
wavelength = np.array(task["wavelength"])
curves = {
    name: list(dust_attenuation(wavelength, parameters).A_cont)
    for name, parameters in task["curves"].items()
}
json.dump(curves, open(sys.argv[2], "w"))
"""

# Bagpipes cuts its Calzetti curve off at 3.1 micron, just before it reaches zero.
WAVELENGTHS = np.geomspace(950.0, 30_999.0, 300)


@pytest.fixture(scope="module")
def bagpipes_curves(tmp_path_factory):
    """A_lambda / A_V of Bagpipes at WAVELENGTHS, by the names of BAGPIPES_CURVES."""
    if importlib.util.find_spec("bagpipes") is None:
        pytest.skip("Bagpipes is not installed")
    folder = tmp_path_factory.mktemp("bagpipes")
    task, answer = folder / "task.json", folder / "answer.json"
    curves = {name: parameters for name, (_, _, parameters) in BAGPIPES_CURVES.items()}
    task.write_text(json.dumps({"wavelength": list(WAVELENGTHS), "curves": curves}))
    run = subprocess.run(
        [sys.executable, "-c", BAGPIPES_SCRIPT, task, answer],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(answer.read_text())


class TestAgainstPublished:
    @pytest.mark.parametrize(("law", "ratio", "r_v"), [(k, *v) for k, v in PUBLISHED.items()])
    def test_a_1600_over_a_v(self, law, ratio, r_v):
        assert attenuation_ratio(1600.0, law) == pytest.approx(ratio, rel=0.001)
        assert get_dust_law(law).r_v == pytest.approx(r_v)

    def test_calzetti_k_1600(self):
        assert get_dust_law("Calzetti").k(1600.0) == pytest.approx(9.970, abs=0.001)

    @pytest.mark.parametrize("name", BAGPIPES_CURVES)
    def test_bagpipes(self, name, bagpipes_curves):
        law, parameters, _ = BAGPIPES_CURVES[name]
        own = get_dust_law(law, **parameters).a_over_av(WAVELENGTHS)
        np.testing.assert_allclose(own, bagpipes_curves[name], rtol=1e-10, atol=1e-12)

    def test_charlot_and_fall_r_v_follows_from_the_curve(self):
        law = CharlotFall00(n=0.7)
        assert law.r_v == pytest.approx(1 / (law.a_over_av(4400.0) - 1), rel=1e-12)

    def test_salim_r_v_follows_from_the_curve(self):
        law = Salim18(delta=-0.3)
        colour_excess = law.a_over_av(4400.0) - law.a_over_av(5500.0)
        assert law.r_v == pytest.approx(1 / colour_excess, rel=0.01)


class TestLaws:
    def test_salim_without_tilt_and_bump_is_calzetti(self):
        salim, calzetti = Salim18(delta=0.0, bump=0.0), Calzetti00()
        np.testing.assert_allclose(salim.k(WAVELENGTHS), calzetti.k(WAVELENGTHS), rtol=1e-12)
        assert salim.r_v == pytest.approx(calzetti.r_v)

    def test_salim_bump_adds_its_strength_to_k(self):
        bare, bumped = Salim18(delta=-0.2), Salim18(delta=-0.2, bump=3.0)
        assert bumped.k(2175.0) - bare.k(2175.0) == pytest.approx(3.0)

    @pytest.mark.parametrize("joint", [1200.0, 6300.0, 31_143.0])
    def test_calzetti_has_no_step(self, joint):
        below, above = Calzetti00().k([joint - 0.01, joint + 0.01])
        assert below == pytest.approx(above, abs=0.03)

    def test_calzetti_vanishes_in_the_infrared(self):
        assert attenuation_ratio(5 * u.um, "Calzetti") == 0.0

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_every_law_is_one_at_v_and_falls_redwards(self, name):
        law = get_dust_law(name)
        assert law.a_over_av(5500.0) == pytest.approx(1.0, abs=0.03)
        assert np.all(np.diff(law.a_over_av(np.linspace(2600.0, 20_000.0, 50))) < 0)
        np.testing.assert_allclose(law.k(1600.0), law.r_v * law.a_over_av(1600.0))

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_every_law_travels_to_a_worker(self, name):
        law = get_dust_law(name)
        copy = pickle.loads(pickle.dumps(law))
        assert (copy.r_v, copy.a_over_av(1600.0)) == (law.r_v, law.a_over_av(1600.0))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("smc", "SMC"), ("MW", "CCM89"), ("Cardelli", "CCM89"), ("calzetti", "Calzetti")],
    )
    def test_names_in_any_case_and_aliases(self, name, expected):
        assert get_dust_law(name) is get_dust_law(expected)

    def test_any_model_of_dust_extinction(self):
        from dust_extinction.averages import G03_LMC2

        model = G03_LMC2()
        law = get_dust_law(model)
        assert (law.name, law.r_v) == ("G03_LMC2", 2.76)
        assert law.a_over_av(1600.0) == pytest.approx(model(1600 * u.AA))
        assert get_dust_law(law) is law

    def test_r_v_of_a_family(self):
        steep, grey = (get_dust_law("CCM89", r_v=r_v) for r_v in (2.5, 5.0))
        assert (steep.r_v, grey.r_v) == (2.5, 5.0)
        assert steep.a_over_av(1600.0) > grey.a_over_av(1600.0)


class NumberedLaw(DustLaw):
    """A law of a user that says nothing of its parameters."""

    name, r_v, wavelength_range = "mine", 3.0, (1000.0, 50_000.0)

    def __init__(self, slope):
        self.slope = slope

    def _curve(self, wavelength):
        return (wavelength / 5500.0) ** -self.slope


class TableModel:
    """A curve of a user that is no model of astropy."""

    Rv, x_range = 3.1, (0.3, 10.0)

    def __init__(self, slope):
        self.slope = slope

    def __call__(self, wavelength):
        return (wavelength.to_value("AA") / 5500.0) ** -self.slope


class TestDescription:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (get_dust_law("CCM89", r_v=5.0), get_dust_law("CCM89", r_v=2.5)),
            (Salim18(delta=-0.5), Salim18(delta=0.3)),
            (Salim18(bump=1.0), Salim18(bump=2.0)),
            (CharlotFall00(n=0.7), CharlotFall00(n=1.3)),
            (get_dust_law("SMC"), get_dust_law("SMC_G24")),
            (NumberedLaw(1.0), NumberedLaw(1.001)),
            (ExtinctionCurve("mine", TableModel(1.0)), ExtinctionCurve("mine", TableModel(1.1))),
            (get_dust_law("Calzetti"), Salim18()),
        ],
    )
    def test_other_laws_differ(self, one, other):
        assert one.to_dict() != other.to_dict()
        assert one != other
        assert len({one, other}) == 2

    @pytest.mark.parametrize(
        "build",
        [
            lambda: get_dust_law("CCM89", r_v=np.float64(5.0)),
            lambda: ExtinctionCurve("SMC", G03_SMCBar()),
            lambda: Salim18(delta=np.array(-0.5), bump=np.int64(1)),
            lambda: CharlotFall00(n=np.float32(0.5)),
            lambda: NumberedLaw(1.0),
            lambda: ExtinctionCurve("mine", TableModel(1.0)),
        ],
    )
    def test_same_laws_are_equal_and_plain(self, build):
        one, other = build(), build()
        assert one == other
        assert hash(one) == hash(other)
        assert json.loads(json.dumps(one.to_dict())) == other.to_dict()

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_workers_describe_it_alike(self, name):
        law = get_dust_law(name)
        assert pickle.loads(pickle.dumps(law)).to_dict() == law.to_dict()

    def test_numbers_and_words(self):
        assert get_dust_law("CCM89", r_v=5).to_dict() == {
            "name": "CCM89",
            "class": "dustest.physics.dust_laws.extinction_curves.ExtinctionCurve",
            "model": "dust_extinction.parameter_averages.CCM89",
            "parameters": {"Rv": 5.0},
        }
        assert Salim18(delta=-0.5).to_dict() == {
            "name": "Salim",
            "class": "dustest.physics.dust_laws.salim.Salim18",
            "parameters": {"delta": -0.5, "bump": 0.0},
        }

    def test_sign_of_zero_does_not_count(self):
        assert hash(Salim18(delta=-0.0)) == hash(Salim18())

    def test_representation_shows_the_model(self):
        text = repr(get_dust_law("CCM89", r_v=5.0))
        assert text == "ExtinctionCurve(name='CCM89', model=CCM89(Rv=5.0))"
        assert repr(get_dust_law("SMC")) == "ExtinctionCurve(name='SMC', model=G03_SMCBar())"

    def test_no_law_equals_anything_else(self):
        assert Calzetti00() != "Calzetti"
        assert get_dust_law("SMC") != "SMC"


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

    @pytest.mark.parametrize(
        ("law", "wavelength"),
        [("SMC", 900.0), ("SMC", 4 * u.um), ("Calzetti", 800.0), ("G23", 50 * u.um)],
    )
    def test_outside_the_range(self, law, wavelength):
        with pytest.raises(InputError, match=r"wavelength must lie within .* to .* Angstrom"):
            attenuation_ratio(wavelength, law)

    @pytest.mark.parametrize("wavelength", [0.0, -1600.0, np.nan, np.inf, [1600.0, np.nan]])
    def test_wavelength_that_is_none(self, wavelength):
        with pytest.raises(InputError, match="positive and finite"):
            attenuation_ratio(wavelength, "Calzetti")

    @pytest.mark.parametrize(
        "wavelength",
        [3 * u.kg, 1 * u.mag, "blue", [[1.0], [2.0, 3.0]], Column([1.0], unit="Jy"), None],
    )
    def test_wavelength_of_a_wrong_kind(self, wavelength):
        with pytest.raises(InputError, match="wavelength must"):
            attenuation_ratio(wavelength, "Calzetti")

    def test_unit_with_a_typo(self):
        with pytest.raises(InputError, match="wavelength declares the unit 'ngström'"):
            attenuation_ratio(Column([1600.0], unit="ngström"), "SMC")

    @pytest.mark.parametrize(
        "value",
        [1 * u.Jy, "much", Column([1.0], unit="nJy"), 1 * u.dex, 1 * u.dB, 3 * u.ABmag],
    )
    def test_attenuation_of_a_wrong_kind(self, value):
        for convert in (a_v_to_e_bv, e_bv_to_a_v, lambda a, law: a_lambda(a, 1600.0, law)):
            with pytest.raises(InputError, match=r"(a_v|e_bv) must (be in mag, got|hold numbers)"):
                convert(value, "SMC")

    def test_band_beyond_the_law(self):
        with pytest.raises(InputError, match="'SMC' covers"):
            band_attenuation_ratio("F770W", "SMC")

    @pytest.mark.parametrize("redshift", [-0.1, np.nan, 7 * u.mag, 7 * u.km / u.s, "seven"])
    def test_redshift(self, redshift):
        with pytest.raises(InputError, match="redshift must"):
            band_attenuation_ratio("F277W", "SMC", redshift)


def containers(values, bare_unit, unit, mask):
    """The same values in all that may hold them."""
    values = np.array(values)
    converted = (values * bare_unit).to_value(unit)
    yield values if not mask.any() else np.where(mask, np.nan, values)
    yield np.ma.array(values, mask=mask)
    yield MaskedColumn(values, mask=mask)
    yield MaskedColumn(converted, unit=unit, mask=mask)
    yield Masked(converted * unit, mask=mask)
    yield pd.Series([None if skip else item for item, skip in zip(values, mask, strict=True)])
    if not mask.any():
        yield Column(converted, unit=unit)
        yield converted * unit
        yield list(converted * unit)
        yield list(values)


class TestConversions:
    @given(
        a_v=st.floats(0.0, 10.0),
        law=st.sampled_from(list_dust_laws()),
    )
    def test_there_and_back(self, a_v, law):
        e_bv = a_v_to_e_bv(a_v, law)
        assert e_bv * get_dust_law(law).r_v == pytest.approx(a_v, rel=1e-12)
        assert e_bv_to_a_v(e_bv, law) == pytest.approx(a_v, rel=1e-12)

    @given(st.floats(1000.0, 30_000.0))
    def test_unit_of_wavelength_does_not_matter(self, angstrom):
        wavelength = angstrom * u.AA
        expected = attenuation_ratio(angstrom, "SMC")
        for unit in (u.um, u.nm, u.THz, u.eV):
            same = wavelength.to(unit, u.spectral())
            assert attenuation_ratio(same, "SMC") == pytest.approx(expected, rel=1e-9)

    def test_units_of_magnitudes_are_kept(self):
        assert a_v_to_e_bv(0.81 * u.mag, "Calzetti").unit == u.mag
        assert a_lambda([0.1, 0.2] * u.mag, 1600.0, "SMC").unit == u.mag
        assert isinstance(a_v_to_e_bv(0.81, "Calzetti"), float)

    @given(
        values=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=5),
        unit=st.sampled_from(["mag", "mmag"]),
        masked=st.booleans(),
        law=st.sampled_from(["Calzetti", "SMC", "CCM89"]),
    )
    def test_every_container_gives_the_same_numbers(self, values, unit, masked, law):
        mask = np.arange(len(values)) == (0 if masked else -1)
        expected = np.where(mask, np.nan, values)
        for function in (a_v_to_e_bv, e_bv_to_a_v, lambda a, law: a_lambda(a, 1600.0, law)):
            bare = function(expected, law)
            for given_value in containers(values, u.mag, u.Unit(unit), mask):
                own = function(given_value, law)
                np.testing.assert_allclose(getattr(own, "value", own), bare, rtol=1e-12)
                has_unit = declared_unit(given_value, "given") is not None
                assert getattr(own, "unit", None) == (u.mag if has_unit else None)

    @given(
        values=st.lists(st.floats(1300.0, 25_000.0), min_size=1, max_size=5),
        unit=st.sampled_from(["um", "nm", "AA", "micron", "Angstrom"]),
        law=st.sampled_from(["Calzetti", "SMC"]),
    )
    def test_every_container_of_wavelengths(self, values, unit, law):
        law = get_dust_law(law)
        nothing = np.zeros(len(values), dtype=bool)
        for given_value in containers(values, u.AA, u.Unit(unit), nothing):
            ratio = law.a_over_av(given_value)
            assert type(ratio) is np.ndarray
            np.testing.assert_allclose(ratio, law.a_over_av(values), rtol=1e-9)
            np.testing.assert_allclose(law.k(given_value), law.k(values), rtol=1e-9)
            np.testing.assert_allclose(
                a_lambda(0.5, given_value, law), a_lambda(0.5, values, law), rtol=1e-9
            )

    def test_masked_wavelengths_are_refused(self):
        with pytest.raises(InputError, match="without missing values"):
            attenuation_ratio(MaskedColumn([1600.0, 2000.0], mask=[0, 1]), "SMC")

    def test_shapes_that_do_not_broadcast(self):
        with pytest.raises(InputError, match=r"must have shapes that broadcast, got \(2,\) and"):
            a_lambda([1.0, 2.0], [1600.0, 1700.0, 1800.0], "SMC")

    def test_a_lambda_broadcasts(self):
        grid = a_lambda(np.array([[0.1], [1.0]]), [1600.0, 5500.0, 9000.0], "LMC")
        assert grid.shape == (2, 3)
        np.testing.assert_allclose(grid[1], 10 * grid[0])


class TestBands:
    @pytest.mark.parametrize("band", list_bands())
    def test_every_band_at_rest(self, band):
        ratio = band_attenuation_ratio(band, "G23")
        assert 0.0 < ratio < 3.5

    def test_narrow_limit(self):
        at_pivot = attenuation_ratio(21_000.0 / 7.0, "Calzetti")
        assert band_attenuation_ratio("F210M", "Calzetti", 6.0) == pytest.approx(
            at_pivot, rel=0.01
        )

    def test_against_dimmed_photometry(self):
        from dustest.physics import band_flux

        wavelength = np.linspace(9000.0, 14_000.0, 4000)
        a_v = 1e-4
        dimmed = 10 ** (-0.4 * a_lambda(a_v, wavelength / 7.5, "SMC"))
        expected = -2.5 * np.log10(band_flux(wavelength, dimmed, "F115W")) / a_v
        assert band_attenuation_ratio("F115W", "SMC", 6.5) == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize("kind", [list, Column, np.ma.array, MaskedColumn])
    def test_redshifts_in_any_container(self, kind):
        redshift = [6.0, 7.0, 8.0]
        expected = band_attenuation_ratio("F150W", "SMC", redshift)
        np.testing.assert_array_equal(
            band_attenuation_ratio("F150W", "SMC", kind(redshift)), expected
        )

    def test_redshifts_at_once(self):
        redshift = np.array([6.0, 7.0, 8.0])
        together = band_attenuation_ratio("F150W", "SMC", redshift)
        alone = [band_attenuation_ratio("F150W", "SMC", z) for z in redshift]
        np.testing.assert_allclose(together, alone, rtol=1e-12)
