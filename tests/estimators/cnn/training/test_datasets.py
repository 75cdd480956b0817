"""Training sets of the networks: in memory or on disc, split by group, scaled."""

from dataclasses import fields, replace
from math import ceil
from tempfile import TemporaryFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import InputError, group_split
from dustest.estimators._cnn.training.datasets import Scaler, TrainingSet, collect


def training_set(n=10, seed=0, size=4):
    """Random numbers in the shape of a training set."""
    rng = np.random.default_rng(seed)
    return TrainingSet(
        image=rng.normal(size=(n, size, size, 2)).astype(np.float32),
        context=rng.normal(size=(n, 5)).astype(np.float32),
        labels=rng.normal(size=(n, 3)).astype(np.float32),
        weight=rng.uniform(size=n).astype(np.float32),
        group=np.arange(n) // 2,
        pixel_scale=np.full(n, 0.03),
        redshift=rng.uniform(6, 8, n),
    )


class TestTrainingSet:
    def test_rows(self):
        data = training_set()
        part = data[[3, 1]]
        assert len(part) == 2
        for item in fields(TrainingSet):
            column = getattr(data, item.name)
            np.testing.assert_array_equal(getattr(part, item.name), column[[3, 1]])

    def test_some_labels(self):
        data = training_set()
        np.testing.assert_array_equal(data.labelled(slice(1, 2)).labels[:, 0], data.labels[:, 1])

    def test_weights_multiply(self):
        data = training_set()
        weighted = data.weighted(np.arange(10)).weight
        np.testing.assert_allclose(weighted, data.weight * np.arange(10))
        assert weighted.dtype == np.float32


class TestDigest:
    @pytest.mark.parametrize("name", ["image", "context", "labels", "weight"])
    def test_depends_on_every_number(self, name):
        data = training_set()
        values = getattr(data, name).copy()
        values[-1] += np.float32(1e-3)
        assert replace(data, **{name: values}).digest() != data.digest()

    def test_depends_on_groups_but_not_on_their_names(self):
        data = training_set()
        named = replace(data, group=np.array(list("zyxwv")).repeat(2))
        assert named.digest() == data.digest()
        assert replace(data, group=np.arange(10)).digest() != data.digest()

    def test_depends_on_the_order(self):
        data = training_set()
        assert data[::-1].digest() != data.digest()


class TestCollect:
    def parts(self):
        return [training_set(n, seed) for seed, n in enumerate((3, 0, 5))]

    def test_in_memory(self):
        data = collect(iter(self.parts()))
        assert len(data) == 8
        for item in fields(TrainingSet):
            expected = np.concatenate([getattr(part, item.name) for part in self.parts()])
            np.testing.assert_array_equal(getattr(data, item.name), expected)

    def test_disc_equals_memory(self, tmp_path):
        with TemporaryFile(dir=tmp_path) as file:
            kept, stored = collect(self.parts()), collect(self.parts(), file)
            # Nothing is left that a killed process could not remove.
            assert list(tmp_path.iterdir()) == []
        assert isinstance(stored.image, np.memmap)
        assert not stored.image.flags.writeable
        assert stored.digest() == kept.digest()
        np.testing.assert_array_equal(stored.image[[7, 2]], kept.image[[7, 2]])

    def test_one_part_at_a_time(self):
        """No part is asked for before the one before it is stored."""
        alive = []

        def parts():
            for part in self.parts():
                alive.append(len(part))
                yield part

        assert len(collect(parts())) == sum(alive)

    def test_nothing_to_learn_from(self, tmp_path):
        with TemporaryFile(dir=tmp_path) as empty:
            for file in (None, empty):
                with pytest.raises(InputError, match="none is bright enough"):
                    collect([training_set(0)], file)


GROUPS = st.one_of(
    st.lists(st.integers(-3, 12), min_size=1, max_size=60),
    st.lists(st.sampled_from(["a", "b", "aa", "10", "9", ""]), min_size=1, max_size=60),
)


class TestSplit:
    @given(GROUPS, st.floats(0, 1, exclude_max=True), st.integers(0, 2**63 - 1))
    def test_no_group_is_on_both_sides(self, group, fraction, seed):
        group = np.array(group)
        train, validation = group_split(group, fraction, seed)
        assert sorted([*train, *validation]) == list(range(len(group)))
        assert not set(group[train]) & set(group[validation])
        n_groups = len(set(group.tolist()))
        expected = min(ceil(fraction * n_groups), n_groups - 1)
        assert len(set(group[validation].tolist())) == expected
        assert len(train) > 0

    @given(GROUPS, st.floats(0, 1, exclude_max=True), st.integers(0, 2**63 - 1))
    def test_names_decide_nothing(self, group, fraction, seed):
        names = {name: f"{len(group) - i}" for i, name in enumerate(dict.fromkeys(group))}
        renamed = np.array([names[name] for name in group])
        for one, two in zip(
            group_split(np.array(group), fraction, seed),
            group_split(renamed, fraction, seed),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)

    def test_seeds_differ(self):
        splits = {tuple(group_split(np.arange(40), 0.2, seed)[1]) for seed in range(8)}
        assert len(splits) > 5


class TestScaler:
    def test_zero_mean_and_unit_variance(self):
        context = np.random.default_rng(1).normal(7.0, 3.0, size=(500, 4)).astype(np.float32)
        scaled = Scaler.of(context)(context)
        np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-5)
        np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-5)
        assert scaled.dtype == np.float32

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -7.3, 1e6])
    def test_a_column_that_does_not_vary(self, value):
        scaler = Scaler.of(np.full((300, 1), value, dtype=np.float32))
        assert scaler.std.tolist() == [1.0]
        assert np.abs(scaler(np.float32([[value]]))) < 1e-3 * max(abs(value), 1.0)

    def test_nothing_goes_far(self):
        scaler = Scaler.of(np.random.default_rng(1).normal(size=(50, 1)).astype(np.float32))
        assert scaler(np.float32([[1e9], [-1e9]])).ravel().tolist() == [8.0, -8.0]
