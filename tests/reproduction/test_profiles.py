"""Sizes of a reproduction."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from dustest.data import InputError
from dustest.reproduction import PROFILES, Profile
from dustest.reproduction.profiles import get_profile

QUICK = PROFILES["quick"]
COUNTS = [item.name for item in fields(Profile) if item.type in (int, "int")]


class TestProfiles:
    def test_names(self):
        assert list(PROFILES) == ["quick", "full"]
        for name, profile in PROFILES.items():
            assert profile.name == name
            assert get_profile(name) is profile

    def test_a_profile_stands_for_itself(self):
        own = replace(QUICK, name="own", n_rows=10)
        assert get_profile(own) is own

    @pytest.mark.parametrize("profile", ["quik", None, 3, ["quick"], {"name": "quick"}])
    def test_no_such_profile(self, profile):
        with pytest.raises(InputError, match="profile must be one of quick, full or a Profile"):
            get_profile(profile)

    def test_full_is_more_of_everything(self):
        for name in COUNTS:
            assert getattr(PROFILES["full"], name) > getattr(QUICK, name)

    def test_full_augments_as_far_as_the_paper(self):
        # 6,620 galaxies became 25,208.
        assert PROFILES["full"].copies == pytest.approx(25208 / 6620, abs=0.01)

    @pytest.mark.parametrize("name", COUNTS)
    @pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True, np.nan])
    def test_counts_are_whole_from_one(self, name, value):
        with pytest.raises(InputError, match=f"{name} must be a whole number from 1, got"):
            replace(QUICK, **{name: value})

    @pytest.mark.parametrize("copies", [0.99, 0, -1, np.inf, np.nan, "3", None, True])
    def test_a_galaxy_is_a_copy_of_itself(self, copies):
        with pytest.raises(InputError, match="copies must be a finite number from 1, got"):
            replace(QUICK, copies=copies)

    def test_numbers_of_numpy_are_numbers(self):
        given = {"n_rows": np.int64(1600), "copies": np.float64(3.8)}
        assert json.dumps(asdict(replace(QUICK, **given))) == json.dumps(
            asdict(replace(QUICK, n_rows=1600, copies=3.8))
        )
