import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dustest.estimators._cnn.targets import (
    LATENTS,
    from_latent,
    latent_names,
    learnable,
    to_latent,
)


class TestLatents:
    @given(
        arrays(float, 5, elements=st.floats(1e-5, 20.0)),
        arrays(float, 5, elements=st.floats(0.5, 50.0)),
    )
    def test_round_trip(self, A_V, R_V):
        back = from_latent(
            to_latent({"A_V": A_V, "E_BV": A_V / R_V, "log_sSFR": np.full(5, -8.5)})
        )
        np.testing.assert_allclose(back["A_V"], A_V)
        np.testing.assert_allclose(back["E_BV"], A_V / R_V)
        assert np.all(back["log_sSFR"] == -8.5)

    def test_no_dust_has_no_ratio(self):
        latent = to_latent(
            {"A_V": [0.0, 0.5, 0.0], "E_BV": [0.0, 0.0, 0.1], "log_sSFR": [-8.0] * 3}
        )
        assert np.isnan(latent[:, 1]).all()
        np.testing.assert_allclose(latent[:, 0], np.arcsinh([0.0, 5.0, 0.0]))

    def test_no_dust_keeps_the_ratio_of_the_answer(self):
        quantities = from_latent(np.array([[-3.0, np.log(4.0), -8.0]]))
        assert quantities["A_V"] == pytest.approx(1e-6)
        assert quantities["A_V"] / quantities["E_BV"] == pytest.approx(4.0)

    def test_what_is_not_given_is_unknown(self):
        latent = to_latent({"A_V": [0.1, 0.2]})
        assert np.isfinite(latent[:, 0]).all()
        assert np.isnan(latent[:, 1:]).all()
        assert np.isnan(to_latent({"log_sSFR": [-8.0]})[0, :2]).all()

    def test_excess_alone(self):
        excess = np.array([0.05, 0.2])
        np.testing.assert_allclose(from_latent(to_latent({"E_BV": excess}))["E_BV"], excess)

    def test_nothing_overflows(self):
        quantities = from_latent(np.array([[1e6, -1e6, 1e6], [-1e6, 1e6, -1e6]]))
        assert all(np.isfinite(value).all() for value in quantities.values())

    def test_shape_of_draws(self):
        quantities = from_latent(np.random.default_rng(0).normal(size=(6, 7, len(LATENTS))))
        assert {value.shape for value in quantities.values()} == {(6, 7)}

    def test_further_quantities_follow_the_three(self):
        names = latent_names(("log_mass", "E_BV"))
        assert names == (*LATENTS, "log_mass")
        latent = to_latent({"log_mass": [9.0, 8.0], "E_BV": [0.1, 0.2]}, names)
        np.testing.assert_array_equal(latent[:, 3], [9.0, 8.0])
        found = from_latent(latent, names)
        np.testing.assert_array_equal(found["log_mass"], [9.0, 8.0])
        np.testing.assert_allclose(found["E_BV"], [0.1, 0.2])

    def test_what_can_be_learned(self):
        assert {"A_V", "E_BV", "log_mass", "beta"} <= set(learnable())
        assert "R_V" not in learnable()
