"""Tests of the shapes in which particles are laid out."""

import numpy as np
import pytest
from scipy import stats

from dustest.simulate.galaxies.shapes import draw_disc, draw_rotation, draw_spheroid, gather


def rng(seed=1):
    return np.random.default_rng(seed)


class TestDisc:
    @pytest.mark.parametrize("radius", [0.2, 3.0])
    def test_half_of_the_mass_is_within_the_radius_seen_face_on(self, radius):
        x, y, _ = draw_disc(40_000, radius, 0.2, rng()).T
        assert np.median(np.hypot(x, y)) == pytest.approx(radius, rel=0.02)

    def test_the_surface_density_falls_exponentially(self):
        x, y, _ = draw_disc(40_000, 1.6508, 0.2, rng()).T
        end = 1.0 - 7.0 * np.exp(-6.0)
        result = stats.kstest(
            np.hypot(x, y), lambda r: np.clip((1.0 - (1.0 + r) * np.exp(-r)) / end, 0.0, 1.0)
        )
        assert result.pvalue > 0.01

    def test_it_ends_at_six_scale_lengths(self):
        x, y, _ = draw_disc(40_000, 1.6508, 0.2, rng()).T
        assert 5.0 < np.hypot(x, y).max() <= 6.001

    def test_the_layer_is_sech2(self):
        z = draw_disc(40_000, 1.6508, 0.25, rng())[:, 2]
        assert stats.kstest(np.tanh(z / 0.25), "uniform", args=(-1, 2)).pvalue > 0.01

    def test_it_is_round(self):
        x, y, _ = draw_disc(40_000, 1.0, 0.2, rng()).T
        assert np.median(np.abs(x)) == pytest.approx(np.median(np.abs(y)), rel=0.03)
        assert abs(np.mean(x)) < 0.02

    def test_no_particles_are_no_positions(self):
        assert draw_disc(0, 1.0, 0.2, rng()).shape == (0, 3)


class TestSpheroid:
    @pytest.mark.parametrize("axis_ratios", [(1.0, 1.0), (1.0, 0.5), (0.7, 0.6)])
    def test_half_of_the_mass_is_within_the_ellipse_of_the_radius(self, axis_ratios):
        b = axis_ratios[0]
        x, y, _ = draw_spheroid(40_000, 2.0, axis_ratios, rng()).T
        within = np.hypot(x * np.sqrt(b), y / np.sqrt(b))
        assert np.median(within) == pytest.approx(2.0, rel=0.02)

    def test_the_profile_is_that_of_hernquist(self):
        scale = 2.0 / 1.3388
        r = np.linalg.norm(draw_spheroid(40_000, 2.0, (1.0, 1.0), rng()), axis=1) / scale
        end = (10.0 / 11.0) ** 2
        assert stats.kstest(r, lambda x: (x / (1.0 + x)) ** 2 / end).pvalue > 0.01

    def test_axes_have_their_ratios(self):
        x, y, z = draw_spheroid(40_000, 1.0, (0.8, 0.5), rng()).T
        spread = [np.median(np.abs(axis)) for axis in (x, y, z)]
        np.testing.assert_allclose(np.divide(spread, spread[0]), [1.0, 0.8, 0.5], rtol=0.03)

    def test_no_particles_are_no_positions(self):
        assert draw_spheroid(0, 1.0, (1.0, 1.0), rng()).shape == (0, 3)


class TestGather:
    def test_clumps_hold_their_share_within_their_radii(self):
        position = np.zeros((40_000, 3))
        centre = np.array([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
        moved = gather(position, centre, np.array([0.1, 0.3]), 0.4, rng())
        assert moved.mean() == pytest.approx(0.4, abs=0.01)
        assert np.all(position[~moved] == 0.0)
        first = position[moved & (position[:, 0] > 2.5)]
        second = position[moved & (position[:, 1] > 2.5)]
        assert len(first) == pytest.approx(len(second), rel=0.05)
        np.testing.assert_allclose(first.mean(axis=0), centre[0], atol=0.01)
        np.testing.assert_allclose(first.std(axis=0), 0.1, rtol=0.05)
        np.testing.assert_allclose(second.std(axis=0), 0.3, rtol=0.05)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_all_or_none(self, share):
        position = np.zeros((100, 3))
        moved = gather(position, np.full((1, 3), 9.0), np.array([0.1]), share, rng())
        assert moved.mean() == share


class TestRandomRotation:
    def test_it_is_a_proper_rotation(self):
        matrix = draw_rotation(rng())
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1.0)

    def test_axes_point_anywhere_alike(self):
        source = rng()
        cosine = [draw_rotation(source)[2, 2] for _ in range(2000)]
        assert stats.kstest(cosine, "uniform", args=(-1, 2)).pvalue > 0.01
