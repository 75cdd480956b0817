"""Descriptions of dust laws, equality, and their shapes."""

import json
import pickle

import numpy as np
import pytest
from dust_extinction.averages import G03_SMCBar

from dustest.data.identity.describe import describe
from dustest.physics import (
    Bump,
    Calzetti00,
    CharlotFall00,
    DustLaw,
    ExtinctionCurve,
    Li08,
    PowerLaw,
    Salim18,
    Tilted,
    TwoComponents,
    get_dust_law,
    list_dust_laws,
)


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

    @pytest.mark.parametrize(
        "law",
        [
            Tilted(get_dust_law("SMC"), -0.2),
            Bump(PowerLaw(1.1), 2.0),
            0.3 * Li08(14.4, 6.52, 2.04, 0.0519) + 0.7 * get_dust_law("F99", r_v=4.0),
            TwoComponents(get_dust_law("LMC"), PowerLaw(1.3), eta=2.0),
            PowerLaw(np.array([[0.7], [1.3]])),
        ],
    )
    def test_composed_laws(self, law):
        assert json.loads(json.dumps(law.to_dict())) == law.to_dict()
        assert pickle.loads(pickle.dumps(law)) == law
        assert describe(law)["name"] == law.name

    @pytest.mark.parametrize("name", list_dust_laws())
    def test_provenance_holds_the_whole_description(self, name):
        law = get_dust_law(name)
        assert describe(law) == law.to_dict()


class TestShape:
    @pytest.mark.parametrize(
        ("law", "shape"),
        [
            (Salim18(), {"delta": [-0.5, 0.1], "bump": [1.0, 0.0]}),
            (PowerLaw(), {"n": [0.5, 1.3]}),
            (CharlotFall00(), {"n": [0.5, 1.3]}),
            (Li08(44.9, 7.56, 61.2, 0.0), {"c1": [44.9, 38.7], "c2": [7.56, 3.83]}),
            (Tilted(get_dust_law("SMC"), 0.0), {"delta": [-0.2, 0.3]}),
            (
                Bump(Tilted(get_dust_law("Reddy15"), 0.0), 0.0),
                {"strength": [1, 3], "delta": [0, 1]},
            ),
            (PowerLaw(1.0) + Tilted(PowerLaw(0.5), 0.1), {"n": [0.3, 0.9]}),
        ],
    )
    def test_many_shapes_are_each_of_them(self, law, shape):
        wavelength = np.geomspace(1000.0, 30_000.0, 50)
        columns = {name: np.array(values, float)[:, np.newaxis] for name, values in shape.items()}
        together = law.with_shape(**columns)
        for row in range(2):
            alone = law.with_shape(**{name: float(v[row]) for name, v in shape.items()})
            np.testing.assert_allclose(
                together.extended(wavelength)[row], alone.extended(wavelength), rtol=1e-12
            )
            np.testing.assert_allclose(np.ravel(together.r_v)[row], alone.r_v, rtol=1e-12)

    def test_single_precision_stays(self):
        columns = {name: np.float32([[0.1], [0.2]]) for name in ("delta", "bump")}
        curve = Salim18().with_shape(**columns).extended(np.geomspace(1000.0, 1e4, 20))
        assert curve.dtype == np.float32

    def test_parts_share_names(self):
        law = PowerLaw(1.0) + Tilted(PowerLaw(0.5), 0.1)
        assert law.shape == {"n": 0.5, "delta": 0.1}
        assert law.with_shape(n=0.7) == PowerLaw(0.7) + Tilted(PowerLaw(0.7), 0.1)

    def test_the_law_itself_stays(self):
        law = Salim18(delta=-0.2)
        law.with_shape(delta=0.3)
        assert law.delta == -0.2


class TestExtension:
    def test_a_law_keeps_the_value_at_its_ends(self):
        law = get_dust_law("LMC")
        low, high = law.wavelength_range
        expected = law.a_over_av(np.array([low, 5000.0, high]))
        np.testing.assert_allclose(
            law.extended(np.array([200.0, 5000.0, 2e5])), expected, rtol=1e-12
        )

    def test_formulas_continue(self):
        np.testing.assert_allclose(PowerLaw(1.0).extended(np.array([55.0, 5.5e6])), [100.0, 1e-3])

    def test_parts_are_extended_each(self):
        law = Tilted(get_dust_law("SMC"), -0.5)
        expected = get_dust_law("SMC").a_over_av(1e4 / 10.0) * (500.0 / 5500.0) ** -0.5
        assert law.extended(np.array([500.0]))[0] == pytest.approx(expected)
