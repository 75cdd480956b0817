"""Columns of positions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import InputError, as_sample
from dustest.data.checks.positions import position_columns, sky_positions, to_degrees


class TestNames:
    @pytest.mark.parametrize(
        ("ra", "dec"),
        [
            *(("RA", "Dec"), ("ALPHA_J2000", "DELTA_J2000"), ("RAJ2000", "DEJ2000")),
            *(("_RAJ2000", "_DEJ2000"), ("RA_ICRS", "DE_ICRS"), ("RAdeg", "DEdeg")),
            *(("RA_J2000", "DEC_J2000"), ("ALPHAWIN_J2000", "DELTAWIN_J2000")),
            *(("ra_deg", "dec_deg"), ("ra_degrees", "dec_degrees"), ("ra_icrs", "dec_icrs")),
            *(("right_ascension", "declination"), ("RA_TARG", "DEC_TARG"), ("ra", "decdeg")),
            *(("TARG_RA", "TARG_DEC"), ("srcRA", "srcDec"), ("ra", "decl"), ("RA", "DE")),
            *(("RAJ2000", "DECJ2000"),),
        ],
    )
    def test_every_spelling(self, ra, dec):
        table = Table({"z": [7.0], ra: [53.1], dec: [-27.8]})
        assert position_columns(table) == (ra, dec)
        assert np.ravel(sky_positions(table)).tolist() == [53.1, -27.8]

    @pytest.mark.parametrize("name", ["ra", "dec"])
    def test_one_angle_is_no_position(self, name):
        with pytest.raises(InputError, match="table must have columns of positions"):
            sky_positions(Table({name: [10.0]}))

    def test_no_positions(self):
        with pytest.raises(InputError, match=r"truth must have columns of positions.*got id"):
            sky_positions(Table({"id": [1]}), "truth")


class TestUnits:
    @pytest.mark.parametrize("unit", [u.deg, u.rad, u.hourangle, u.arcmin])
    def test_declared(self, unit):
        table = QTable({"ra": ([53.1] * u.deg).to(unit), "dec": ([-27.8] * u.deg).to(unit)})
        np.testing.assert_allclose(np.ravel(sky_positions(table)), [53.1, -27.8], rtol=1e-14)

    def test_hours_of_time(self):
        assert to_degrees(Column([1.5], unit="h"), "column ra", "ra") == 22.5

    def test_no_angle(self):
        with pytest.raises(InputError, match=r"column ra of table must have a unit.*nJy"):
            sky_positions(QTable({"ra": [1.0] * u.nJy, "dec": [1.0]}))

    def test_coordinates_of_another_frame(self):
        sky = SkyCoord([121.17, 0.0] * u.deg, [-21.57, 0.0] * u.deg, frame="galactic")
        ra, dec = sky_positions(QTable({"position": sky}))
        np.testing.assert_allclose(ra, sky.icrs.ra.deg, rtol=1e-14)
        np.testing.assert_allclose(dec, sky.icrs.dec.deg, rtol=1e-14)


class TestText:
    @settings(max_examples=30)
    @given(st.floats(0.0, 359.99), st.floats(-89.9, 89.9), st.sampled_from(":h "))
    def test_sexagesimal(self, ra, dec, separator):
        separator = "hms" if separator == "h" else separator
        text = Angle(ra, u.deg).to_string(u.hourangle, sep=separator, precision=6)
        separator = "dms" if separator == "hms" else separator
        other = Angle(dec, u.deg).to_string(u.deg, sep=separator, precision=6, alwayssign=True)
        found = sky_positions(Table({"ra": [text], "dec": [other]}))
        np.testing.assert_allclose(np.ravel(found), [ra, dec], atol=3e-9)

    @pytest.mark.parametrize(
        ("text", "degrees"),
        [
            ("120d30m36s", 120.51),
            ("120°30′36″", 120.51),
            ("8h02m02.4s", 120.51),
            ("08:02:02.4", 120.51),
            ("120.51", 120.51),
        ],
    )
    def test_marks(self, text, degrees):
        assert to_degrees([text], "column ra", "ra") == pytest.approx(degrees)

    def test_small_negative_declination(self):
        assert to_degrees(["-00:30:00"], "column dec", "dec") == -0.5

    def test_declared_unit_of_text(self):
        column = Column(["10:30:00"], unit=u.deg)
        assert to_degrees(column, "column ra", "ra") == 10.5
        assert to_degrees(Column(["10.5"], unit=u.hourangle), "column ra", "ra") == 157.5

    def test_what_is_no_angle_is_missing(self):
        column = ["10:00:00", "n/a", "", "10:75:00", "-99"]
        np.testing.assert_array_equal(
            to_degrees(column, "column ra", "ra"), [150.0, *[np.nan] * 4]
        )

    def test_sample_of_text(self):
        sample = as_sample({"redshift": [7.0], "ra": ["10:00:00"], "dec": ["-00:30:00"]})
        assert (sample["ra"][0], sample["dec"][0]) == (150.0 * u.deg, -0.5 * u.deg)


class TestMissing:
    def test_both_angles_are(self):
        ra = MaskedColumn([1.0, 2.0, -99.0, 4.0, 5.0], mask=[True, *[False] * 4])
        dec = [1.0, np.nan, 3.0, 95.0, 5.0]
        ra, dec = sky_positions(Table({"ra": ra, "dec": dec}))
        np.testing.assert_array_equal(ra, [*[np.nan] * 4, 5.0])
        np.testing.assert_array_equal(dec, [*[np.nan] * 4, 5.0])

    def test_right_ascensions_from_minus_180(self):
        assert sky_positions(Table({"ra": [-10.0], "dec": [0.0]}))[0] == 350.0
