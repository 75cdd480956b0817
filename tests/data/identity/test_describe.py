import json
import threading
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b
from types import MethodType

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18
from astropy.table import QTable
from described_values import describe_values
from dust_extinction.grain_models import D03
from dust_extinction.parameter_averages import CCM89, G23
from fresh_process import call
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LinearRegression

from dustest import ConstantEstimator, MeurerEstimator
from dustest.data import InputError
from dustest.data.identity.describe import describe, describe_class
from dustest.estimators.cnn import CNNConfig
from dustest.physics import get_dust_law

finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | finite,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SCALE = 3.0


class Law:
    """A class of the user's, whose `repr` hides its state."""

    def __init__(self, slope):
        self.slope = slope

    def __repr__(self):
        return "Law()"

    @cached_property
    def steep(self):
        return 2 * self.slope


@dataclass(frozen=True)
class Record:
    """A dataclass of the user's, whose `repr` hides a field."""

    slope: float
    width: float = field(default=0.2, repr=False)


def scaled(x):
    return SCALE * x


def power(exponent):
    return lambda x: x**exponent


def fitted(y):
    return LinearRegression().fit([[0.0], [1.0]], y)


def made_of(code, name):
    """What code makes, as if it were a module."""
    namespace = {"__name__": "mine"}
    exec(code, namespace)
    return namespace[name]


def with_helper(step):
    return made_of(f"def help(x): return x + {step}\ndef f(x): return help(x)", "f")


def method(step):
    return made_of(f"class A:\n  def f(self): return {step}\na = A().f", "a")


def bound(step):
    return MethodType(lambda law: law.slope + step, Law(1.0))


DIFFERENT = {
    "functions that a function calls": (with_helper(1), with_helper(2)),
    "code of methods": (method(1), method(2)),
    "numbers": (0.1, np.nextafter(0.1, 1.0)),
    "integers and text": (1, "1"),
    "truth values and numbers": (True, 1),
    "missing and infinite": (np.nan, np.inf),
    "infinite and text": (np.inf, "inf"),
    "units": (100 * u.Myr, 100 * u.Gyr),
    "quantities and numbers": (1 * u.mag, 1.0),
    "magnitudes": (25 * u.ABmag, 25 * u.STmag),
    "units of the user's": (u.def_unit("ell", 3 * u.m), u.def_unit("ell", 4 * u.m)),
    "keys that are numbers": ({1: 2}, {"1": 2}),
    "short arrays": (np.array([1.0, 2.0]), np.array([1.0, 2.1])),
    "long arrays": (np.zeros(100_000), np.r_[np.zeros(50_000), 1.0, np.zeros(49_999)]),
    "shapes": (np.zeros((2, 50)), np.zeros((50, 2))),
    "masks": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "tables": (QTable({"a": [1] * u.mag}), QTable({"a": [1] * u.nJy})),
    "parameters": (MeurerEstimator(), MeurerEstimator(relation="Reddy15")),
    "what was learned": (fitted([0, 1]), fitted([0, 2])),
    "inside a list": ([MeurerEstimator()], [MeurerEstimator(beta0_scatter=0.2)]),
    "laws": (get_dust_law("Salim", delta=-0.5), get_dust_law("Salim", delta=0.3)),
    "curves": (get_dust_law(CCM89(Rv=2.5)), get_dust_law(CCM89(Rv=5.0))),
    "models": (CCM89(Rv=2.5), CCM89(Rv=5.0)),
    "models with tables": (D03("MWRV31"), D03("MWRV40")),
    "sums of models": (CCM89(Rv=3.0) + G23(Rv=3.0), CCM89(Rv=3.0) + G23(Rv=4.0)),
    "cosmologies": (Planck18, FlatLambdaCDM(70, 0.3, name="Planck18")),
    "dataclasses": (CNNConfig(), CNNConfig(dense=(8,))),
    "fields that a repr hides": (Record(1.0), Record(1.0, 0.3)),
    "classes of the user's": (Law(1.0), Law(2.0)),
    "closures": (power(2), power(3)),
    "code": (lambda x: x + 1, lambda x: x + 2),
    "defaults": (lambda x=1: x, lambda x=2: x),
    "arguments": (partial(scaled, 1), partial(scaled, 2)),
    "functions of compiled code": (np.sin, np.cos),
    "functions bound to an object": (bound(1), bound(2)),
    "methods": (Law(1.0).__repr__, Law(2.0).__repr__),
    "generators": (np.random.default_rng(1), np.random.default_rng(2)),
    "bytes": (b"a", b"b"),
    "distributions": (stats.expon(scale=0.5), stats.expon(scale=0.6)),
    "families of distributions": (stats.expon(0.0, 1.0), stats.norm(0.0, 1.0)),
    "histograms": tuple(stats.rv_histogram(([1, n], [0, 1, 2])) for n in (2, 3)),
    "joint distributions": (stats.multivariate_normal([0, 0]), stats.multivariate_normal([0, 1])),
}


class TestDescriptions:
    @pytest.mark.parametrize("kind", DIFFERENT)
    def test_tell_what_differs(self, kind):
        first, second = map(describe, DIFFERENT[kind])
        assert first != second or type(first) is not type(second)
        for description in (first, second):
            assert json.loads(json.dumps(description, allow_nan=False)) == description

    @pytest.mark.parametrize("kind", DIFFERENT)
    def test_repeat(self, kind):
        assert [describe(value) for value in DIFFERENT[kind]] == [
            describe(value) for value in DIFFERENT[kind]
        ]

    @given(plain)
    def test_of_plain_values_are_themselves(self, value):
        assert describe(value) == value

    def test_of_long_arrays_have_a_digest(self):
        found = describe(np.arange(33, dtype="<i2"))
        expected = blake2b(np.arange(33, dtype="<i2").tobytes(), digest_size=16).hexdigest()
        assert found == {"digest": expected, "dtype": "<i2", "shape": [33]}

    def test_of_arrays_stay_those_of_stored_work(self):
        expected = {"array": [1.5, 2.5], "dtype": "<f8", "shape": [1, 2]}
        assert describe(np.array([[1.5, 2.5]], dtype="<f8")) == expected

    def test_copies_are_described_alike(self):
        assert describe((1, "a")) == describe([1, "a"])
        assert describe(np.float64(0.1)) == 0.1
        assert describe({"b": 1, "a": 2}) == describe({"a": 2, "b": 1})
        assert describe(Law(1.0)) == describe(Law(1.0))
        assert describe(power(2)) == describe(power(2))

    def test_caches_do_not_count(self):
        fresh, used = Law(1.0), Law(1.0)
        assert used.steep == 2.0
        assert describe(fresh) == describe(used)

    @pytest.mark.parametrize("kind", ["distributions", "histograms", "joint distributions"])
    def test_draws_of_numpy_do_not_count(self, kind):
        value = DIFFERENT[kind][0]
        before, copied = describe(value), deepcopy(value)
        # The generator that distributions share.
        state = np.random.get_state()  # noqa: NPY002
        np.random.random_sample()  # noqa: NPY002
        after = describe(value)
        np.random.set_state(state)  # noqa: NPY002
        assert after == describe(copied) == before
        assert len(json.dumps(before)) < 3000

    def test_what_holds_itself(self):
        law = Law(1.0)
        law.slope = [law]
        assert "again" in json.dumps(describe(law))

    def test_are_the_same_in_another_process(self):
        assert call(describe_values) == call(describe_values)

    @pytest.mark.parametrize("value", [threading.Lock(), (i for i in "a")])
    def test_without_content_are_refused(self, value):
        with pytest.raises(InputError, match="priors must be something whose content can be"):
            describe(value, "priors")


class TestClasses:
    def test_of_dustest_are_known_by_their_name(self):
        path = "dustest.estimators.constant.ConstantEstimator"
        assert describe_class(ConstantEstimator) == {"class": path}

    def test_of_others_are_known_by_their_code(self):
        def made(step):
            class Mine(ConstantEstimator):
                def _estimate(self, batch):
                    return super()._estimate(batch), step

            return Mine

        assert describe_class(made(1)) == describe_class(made(1))
        assert describe_class(made(1)) != describe_class(made(2))
