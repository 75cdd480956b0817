"""Rows paired by their positions."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, angular_separation
from astropy.table import MaskedColumn, QTable, Table
from frames import KINDS, as_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import InputError
from dustest.validation import match

RADIUS = 0.3 * u.arcsec


def brute_force(one, two, radius):
    """All separations in arcsec, and the pairs of rows that are left as closest are taken."""
    separation = np.degrees(
        angular_separation(
            *np.radians(one)[:, :, None],
            *np.radians(two)[:, None, :],
        )
    )
    separation *= 3600.0
    left, pairs = separation.copy(), []
    while left.size and np.nanmin(left, initial=np.inf) <= radius:
        row, other = np.unravel_index(np.nanargmin(left), left.shape)
        left[row, :] = left[:, other] = np.inf
        pairs.append((int(row), int(other)))
    return separation, sorted(pairs)


sizes = st.integers(1, 12)
corners = st.sampled_from([(53.1, -27.8), (0.0, 0.0), (180.0, 60.0), (10.0, 89.9995)])


class TestBruteForce:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32), st.tuples(sizes, sizes), corners, st.floats(0.05, 2.0))
    def test_same_pairs(self, seed, shape, corner, radius):
        # A few square arcseconds of sky, where many pairs compete.
        rng = np.random.default_rng(seed)
        one, two = (
            np.array(corner)[:, None] + rng.uniform(-1.5, 1.5, (2, n)) / 3600.0 for n in shape
        )
        separation, expected = brute_force(one, two, radius)
        pairs = match(*({"ra": ra, "dec": dec} for ra, dec in (one, two)), radius * u.arcsec)
        found = list(zip(pairs["row"].tolist(), pairs["other_row"].tolist(), strict=True))
        assert found == expected
        near = separation <= radius
        for (row, other), at, ambiguous in zip(
            found, pairs["separation"].to_value("arcsec"), pairs["ambiguous"], strict=True
        ):
            assert at == pytest.approx(separation[row, other], rel=1e-6, abs=1e-9)
            assert ambiguous == (near[row].sum() > 1 or near[:, other].sum() > 1)
        assert pairs.meta["n_unmatched"] == one.shape[1] - len(expected)
        assert pairs.meta["n_other_unmatched"] == two.shape[1] - len(expected)

    def test_a_field_in_another_order(self):
        rng = np.random.default_rng(1)
        ra, dec = rng.uniform(53.0, 53.2, 3000), rng.uniform(-27.9, -27.7, 3000)
        order = rng.permutation(3000)[:2000]
        other = {"ra": ra[order], "dec": dec[order] + 0.05 / 3600}
        pairs = match({"ra": ra, "dec": dec}, other)
        assert np.mean(order[pairs["other_row"]] == pairs["row"]) > 0.999
        np.testing.assert_allclose(np.median(pairs["separation"]), 0.05 * u.arcsec, rtol=1e-6)
        assert np.all(np.diff(pairs["row"]) > 0)


class TestSphere:
    def test_right_ascensions_wrap(self):
        pairs = match({"ra": [359.99999], "dec": [0.0]}, {"ra": [-0.00001], "dec": [0.0]})
        assert pairs["separation"].to_value("arcsec") == pytest.approx(0.0, abs=1e-9)
        pairs = match({"ra": [359.99999], "dec": [0.0]}, {"ra": [0.00001], "dec": [0.0]})
        assert pairs["separation"].to_value("arcsec") == pytest.approx(0.072)

    def test_poles(self):
        pairs = match({"ra": [0.0], "dec": [90.0]}, {"ra": [180.0], "dec": [90 - 0.2 / 3600]})
        assert pairs["separation"].to_value("arcsec") == pytest.approx(0.2)

    def test_closest_first_and_each_row_once(self):
        one = {"ra": [0.0, 0.25 / 3600], "dec": [0.0, 0.0]}
        two = {"ra": [0.15 / 3600], "dec": [0.0]}
        pairs = match(one, two)
        assert (pairs["row"].tolist(), pairs["other_row"].tolist()) == ([1], [0])
        assert pairs["ambiguous"].tolist() == [True]
        assert (pairs.meta["n_unmatched"], pairs.meta["n_other_unmatched"]) == (1, 0)


class TestInput:
    @pytest.mark.parametrize("kind", KINDS)
    def test_spellings_and_units(self, kind):
        sexagesimal = as_frame(kind, {"RAJ2000": ["03:32:24.0"], "DEJ2000": ["-27:48:00"]})
        hours = QTable({"ALPHA_J2000": [3.54] * u.hourangle, "DELTA_J2000": [-27.8]})
        sky = QTable({"where": SkyCoord([53.1] * u.deg, [-27.8] * u.deg).galactic})
        for other in (hours, sky, SkyCoord(53.1 * u.deg, -27.8 * u.deg)):
            pairs = match(sexagesimal, other)
            assert pairs["separation"].to_value("arcsec") == pytest.approx(0.0, abs=1e-6)

    def test_spectra(self):
        spectra = [
            SimpleNamespace(meta={"RA": 53.1, "DEC": -27.8, "SLIT": np.ones(3)}),
            SimpleNamespace(meta={}),
            SimpleNamespace(meta={"SRCRA": "03:32:48", "SRCDEC": "-27:48:00"}),
        ]
        pairs = match({"ra": [53.2, 53.1], "dec": [-27.8, -27.8]}, spectra)
        assert pairs["other_row"].tolist() == [2, 0]
        assert pairs.meta["n_other_without_position"] == 1
        assert len(match(spectra[0], spectra[0])) == 1

    def test_missing_positions_are_left_out_and_counted(self):
        ra = MaskedColumn([53.1, 53.2, -99.0, 53.4, 53.5], mask=[False, True, False, False, False])
        table = Table({"ra": ra, "dec": [-27.8, -27.8, -27.8, np.nan, -98.0]})
        pairs = match(table, {"ra": [53.1, 53.2], "dec": [-27.8, -27.8]})
        assert pairs["row"].tolist() == [0]
        assert (pairs.meta["n_unmatched"], pairs.meta["n_without_position"]) == (4, 4)

    def test_no_position_at_all(self):
        with pytest.raises(InputError, match=r"other must have positions .* all 1 are missing"):
            match({"ra": [1.0], "dec": [1.0]}, {"ra": [-99.0], "dec": [1.0]})

    def test_no_rows(self):
        pairs = match({"ra": [], "dec": []}, {"ra": [1.0], "dec": [1.0]})
        assert len(pairs) == 0
        assert pairs.meta["n_other_unmatched"] == 1
        assert pairs["separation"].unit == u.arcsec

    @pytest.mark.parametrize("radius", [0.3, 0.3 * u.kpc, -1 * u.arcsec, np.nan * u.arcsec, "a"])
    def test_radius(self, radius):
        with pytest.raises(InputError, match="radius must be"):
            match({"ra": [1.0], "dec": [1.0]}, {"ra": [1.0], "dec": [1.0]}, radius)

    def test_radius_in_another_unit(self):
        tables = {"ra": [1.0], "dec": [1.0]}, {"ra": [1.0], "dec": [1.001]}
        assert len(match(*tables, 0.01 * u.deg)) == 1
        assert match(*tables, 0.01 * u.deg).meta["radius"] == pytest.approx(36.0)

    @pytest.mark.parametrize("table", [3, [1.0], {"id": [1]}, None])
    def test_no_positions(self, table):
        with pytest.raises(InputError, match="table must"):
            match(table, {"ra": [1.0], "dec": [1.0]})
