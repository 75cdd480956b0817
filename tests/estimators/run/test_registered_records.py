"""Runs of estimators with records that were registered from outside."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from toy_backends import IsolatedLinear, Linear

from dustest import MeurerEstimator
from dustest.data import (
    FLAGS,
    Band,
    Derivation,
    DustestWarning,
    DustQuantity,
    register_band,
    register_quantity,
)
from dustest.data.registry import temporary_records
from dustest.estimators import DustEstimator, Estimates
from dustest.io import load_demo


def twice(values):
    return 2.0 * values


def thrice(values):
    return 3.0 * values


def blue_galaxy():
    columns = {"redshift": [7.0]}
    for band, flux in (("Blue", 10.0), ("F150W", 11.0), ("F200W", 12.0)):
        columns |= {f"flux_{band}": [flux] * u.nJy, f"flux_err_{band}": [0.5] * u.nJy}
    return QTable(columns)


class TestStores:
    def test_another_curve_of_a_band_is_computed_anew(self, tmp_path):
        path, found = tmp_path / "results.ecsv", []
        for start in (13_000.0, 13_800.0):
            with temporary_records():
                wavelength = start + np.array([0.0, 200.0, 1400.0, 1600.0])
                register_band(Band("Blue", "Own/Camera.Blue", wavelength, [0.0, 1.0, 1.0, 0.0]))
                fresh = MeurerEstimator().estimate(blue_galaxy())["A_V"][0]
                kept = MeurerEstimator().estimate(blue_galaxy(), output=path, resume=True)
                assert kept["A_V"][0] == fresh
                found.append(fresh)
        assert found[0] != found[1]

    def test_another_function_of_a_quantity_is_computed_anew(self, tmp_path):
        path, found = tmp_path / "results.ecsv", []
        sample = load_demo()[0][:1]
        for function in (twice, thrice):
            with temporary_records():
                derived = Derivation(("beta",), function)
                register_quantity(DustQuantity("multiple", None, "m", "", derivation=derived))
                meurer = MeurerEstimator(extra=("multiple",))
                with pytest.warns(match="had registered") if found else nullcontext():
                    table = meurer.estimate(sample, output=path, resume=True)
                found.append(table["multiple"][0])
        assert found[1] == pytest.approx(1.5 * found[0])


class TestWorkers:
    def test_a_record_that_cannot_be_sent_is_left_out(self):
        @dataclass(frozen=True)
        class Locked(DustQuantity):
            lock: object = None

        sample = load_demo()[0][:4]
        with temporary_records():
            register_quantity(Locked("locked", None, "l", "", lock=threading.Lock()))
            with pytest.warns(DustestWarning, match="quantity 'locked' cannot be sent"):
                table = IsolatedLinear(random_state=1).estimate(sample, n_jobs=2)
        np.testing.assert_array_equal(table["A_V"], Linear(random_state=1).estimate(sample)["A_V"])


class Redshifts(DustEstimator):
    """A_V from the redshift alone."""

    requires = ("redshift",)

    def _estimate(self, batch):
        assert np.all(batch.redshift >= 0)
        return Estimates({"A_V": 0.1 * batch.redshift})


def test_rows_without_a_required_redshift_have_a_flag():
    table = Redshifts().estimate({"redshift": [np.nan, 7.0, -99.0, 0.0]})
    np.testing.assert_allclose(table["A_V"].value, [np.nan, 0.7, np.nan, 0.0])
    missing = FLAGS["REDSHIFT_OUT_OF_RANGE"].value
    assert table["flags"].tolist() == [missing, 0, missing, 0]
