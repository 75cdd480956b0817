import numpy as np
import pytest

from dustest.estimators._calibration.normal_scores import NormalScores

RNG = np.random.default_rng(192701)
VALUES = np.stack([RNG.exponential(size=5000), RNG.normal(size=5000)], axis=1)


def test_scores_are_normal():
    scores = NormalScores.of(VALUES).forward(VALUES)
    assert scores.mean(axis=0) == pytest.approx(0.0, abs=0.02)
    assert scores.std(axis=0) == pytest.approx(1.0, abs=0.02)


def test_values_come_back():
    scores = NormalScores.of(VALUES)
    again = scores.inverse(scores.forward(VALUES))
    assert np.median(np.abs(again - VALUES), axis=0) == pytest.approx(0.0, abs=0.01)


def test_ends_are_those_of_the_sample():
    scores = NormalScores.of(VALUES)
    wide = scores.inverse(np.array([[-9.0, -9.0], [9.0, 9.0]]))
    np.testing.assert_allclose(wide, [VALUES.min(axis=0), VALUES.max(axis=0)])


def test_ties_have_the_middle_of_their_scores():
    values = np.repeat([[0.0], [1.0]], [700, 300], axis=0)
    found = NormalScores.of(values).forward(np.array([[0.0], [1.0]]))
    assert found[0] < 0.0 < found[1]
    empty = NormalScores.of(np.full((50, 1), np.nan))
    assert empty.forward([[2.0]]) == pytest.approx(np.zeros((1, 1)), abs=1e-9)
