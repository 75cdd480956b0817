"""Tests of the records of particle galaxies and of their views."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import InputError
from dustest.simulate import VIEWS, GasParticles, ParticleGalaxy, StarParticles, view

COLUMNS = {
    "position": [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]],
    "mass": [1e6, 2e6],
    "age": [1e7, 2e8],
    "metallicity": [0.002, 0.01],
    "smoothing": [0.1, 0.2],
}


def make_stars(**changed):
    return StarParticles(**COLUMNS | changed)


def make_gas(**changed):
    columns = {key: value for key, value in COLUMNS.items() if key != "age"}
    return GasParticles(**columns | changed)


class TestRecords:
    def test_quantities_become_the_documented_units(self):
        stars = make_stars(
            position=[[1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]] * u.pc,
            mass=[1e39, 2e39] * u.kg,
            age=[10.0, 20.0] * u.Myr,
            metallicity=[1.0, 2.0] * u.percent,
        )
        assert stars.position[0, 0] == pytest.approx(1.0)
        assert stars.mass == pytest.approx(np.array([1e39, 2e39]) / 1.98841e30, rel=1e-4)
        assert stars.age == pytest.approx([1e7, 2e7])
        assert stars.metallicity == pytest.approx([0.01, 0.02])

    def test_records_keep_copies_that_cannot_be_written_to(self):
        mass = np.array([1e6, 2e6])
        stars = make_stars(mass=mass)
        mass[0] = 0.0
        assert stars.mass[0] == 1e6
        with pytest.raises(ValueError, match="read-only"):
            stars.mass[0] = 0.0

    def test_all_gas_is_dusty_unless_said_otherwise(self):
        assert make_gas().dusty.tolist() == [True, True]
        assert make_gas(dusty=[False, True]).dusty.tolist() == [False, True]

    @pytest.mark.parametrize("make", [make_stars, make_gas])
    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"position": [[0.0, 0.0]]}, r"position of .*\(n, 3\)"),
            ({"position": np.empty((0, 3))}, r"position of .*\(n, 3\)"),
            ({"position": 3.0}, r"position of .*\(n, 3\)"),
            ({"mass": [1e6]}, r"mass must have the shape \(2,\)"),
            ({"mass": [1e6, -1.0]}, "mass must not be negative, got -1"),
            ({"mass": [1e6, np.nan]}, "mass must be finite, got 1 values"),
            ({"mass": [1, 2] * u.kpc}, "mass must have a unit"),
            ({"metallicity": ["solar", "solar"]}, "metallicity must hold numbers"),
            ({"metallicity": [0.5, 1.5]}, "metallicity must be a mass fraction"),
            ({"smoothing": [0.1, np.inf]}, "smoothing must be finite"),
        ],
    )
    def test_bad_columns_are_refused_in_a_sentence(self, make, changed, sentence):
        with pytest.raises(InputError, match=sentence):
            make(**changed)

    def test_gas_needs_a_size(self):
        with pytest.raises(InputError, match="smoothing of gas must be above zero"):
            make_gas(smoothing=[0.1, 0.0])

    @pytest.mark.parametrize("dusty", [[True], [0, 1], np.ones((2, 1), dtype=bool)])
    def test_dusty_must_be_a_boolean_column(self, dusty):
        with pytest.raises(InputError, match="dusty must be a boolean array"):
            make_gas(dusty=dusty)

    def test_optical_depths_are_checked_like_other_columns(self):
        assert make_stars(tau_v=[0.0, 0.3]).tau_v.tolist() == [0.0, 0.3]
        with pytest.raises(InputError, match="tau_v must not be negative"):
            make_stars(tau_v=[0.1, -0.3])


class TestGalaxy:
    def test_stars_older_than_the_universe_are_refused(self):
        old = make_stars(age=[1e7, 0.8e9])
        assert ParticleGalaxy(old, None, redshift=6.0).redshift == 6.0
        with pytest.raises(InputError, match=r"redshift 8, 0\.6\d+ Gyr, got 0\.8 Gyr"):
            ParticleGalaxy(old, None, redshift=8.0)

    @pytest.mark.parametrize("redshift", [-0.1, np.nan, np.inf, "high", None])
    def test_redshift_must_be_a_number(self, redshift):
        with pytest.raises(InputError, match="redshift must be a finite number"):
            ParticleGalaxy(make_stars(), None, redshift=redshift)

    def test_stars_and_gas_must_be_records(self):
        with pytest.raises(InputError, match="stars must be StarParticles, got GasParticles"):
            ParticleGalaxy(make_gas(), None, redshift=6.0)
        with pytest.raises(InputError, match="gas must be GasParticles or None, got list"):
            ParticleGalaxy(make_stars(), [], redshift=6.0)
        with pytest.raises(InputError, match="conditions must be Conditions, as of"):
            ParticleGalaxy(make_stars(), None, redshift=6.0, conditions={"grains": "SMC"})


class TestViews:
    @pytest.mark.parametrize("name", VIEWS)
    def test_matrices_are_proper_rotations(self, name):
        matrix = VIEWS[name]
        assert matrix @ matrix.T == pytest.approx(np.eye(3))
        assert np.linalg.det(matrix) == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("name", "observer"),
        [
            ("xy", [0.0, 0.0, 1.0]),
            ("xz", [0.0, -1.0, 0.0]),
            ("yz", [1.0, 0.0, 0.0]),
            ("octant", np.ones(3) / np.sqrt(3.0)),
        ],
    )
    def test_the_observer_ends_up_on_the_positive_z_axis(self, name, observer):
        stars = make_stars(position=[observer, [0.0, 0.0, 1.0]])
        turned = view(ParticleGalaxy(stars, make_gas(), 6.0), name).stars.position
        assert turned[0] == pytest.approx([0.0, 0.0, 1.0])
        assert turned[1, 1] >= 0.0
        assert turned[1, 0] == pytest.approx(0.0)

    @given(
        name=st.sampled_from(list(VIEWS)),
        position=st.lists(st.tuples(*[st.floats(-100.0, 100.0)] * 3), min_size=2, max_size=2),
    )
    def test_norms_are_kept_and_all_else_stays(self, name, position):
        galaxy = ParticleGalaxy(make_stars(position=position), make_gas(), 6.0, "one")
        turned = view(galaxy, name)
        for before, after in ((galaxy.stars, turned.stars), (galaxy.gas, turned.gas)):
            norms = np.linalg.norm(before.position, axis=1)
            assert np.linalg.norm(after.position, axis=1) == pytest.approx(norms)
            assert after.mass is before.mass
        assert (turned.group, turned.redshift) == ("one", 6.0)

    @pytest.mark.parametrize("name", ["zx", None, 3])
    def test_unknown_views_are_refused(self, name):
        with pytest.raises(InputError, match="name must be one of xy, xz, yz, octant"):
            view(ParticleGalaxy(make_stars(), None, 6.0), name)

    def test_optical_depths_do_not_turn(self):
        galaxy = ParticleGalaxy(make_stars(tau_v=[0.1, 0.2]), None, 6.0)
        assert view(galaxy, "xy") is galaxy
        with pytest.raises(InputError, match="tau_v, which is valid along the z axis only"):
            view(galaxy, "xz")
