"""Estimates of galaxies that are read in parts."""

from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u

from dustest import MeurerEstimator
from dustest.data import DustestWarning, InputError, ReadError, RowTable, as_sample
from dustest.estimators import DustEstimator, Estimates, ExtraColumn
from dustest.estimators.run.streaming import regroup
from dustest.io import open_catalog, read_catalog
from dustest.simulate.stream import write_chunks

N = 9000
ENDINGS = ["fits", "parquet"]
LIMITS = {"rows": np.inf}
COMPUTED = []


class Drawing(DustEstimator):
    """Draws that depend on the seed of each galaxy; one galaxy fails."""

    requires: ClassVar[tuple] = ("flux", "redshift")
    uncertainty: ClassVar[str] = "posterior"
    rows_at_once: ClassVar[int] = 512

    def __init__(self, bad=None, random_state=None):
        self.bad = bad
        self.random_state = random_state

    def _estimate(self, batch):
        if sum(COMPUTED) > LIMITS["rows"]:
            raise KeyboardInterrupt
        COMPUTED.append(len(batch))
        if self.bad is not None and np.any(batch.flux[:, 0] == self.bad):
            msg = "bad flux"
            raise ValueError(msg)
        draws = np.array([np.random.default_rng(seed).normal(size=8) for seed in batch.seed])
        # Batches are those of the whole sample, on which some methods depend.
        extra = {"batch": np.full(len(batch), batch.flux.sum()), "note": np.full(len(batch), "x")}
        return Estimates({"A_V": np.abs(draws), "E_BV": np.abs(draws) / 4}, extra=extra)

    def _extra_columns(self, bands):
        return {"batch": ExtraColumn(), "note": ExtraColumn(dtype="U1")}


def make_table(n=N, seed=230430):
    """Galaxies with photometry, some without fluxes."""
    rng = np.random.default_rng(seed)
    table = RowTable({"id": [f"g{i}" for i in range(n)], "redshift": rng.uniform(5.0, 9.0, n)})
    for band in ("F150W", "F200W", "F277W"):
        flux = rng.normal(10.0, 2.0, n)
        flux[::97] = np.nan
        table[f"flux_{band}"] = flux * u.nJy
        table[f"flux_err_{band}"] = np.full(n, 1.0) * u.nJy
    return table


@pytest.fixture(scope="module")
def table():
    """Galaxies."""
    return make_table()


@pytest.fixture(scope="module")
def catalog(table, tmp_path_factory):
    """The galaxies in a file that is read in parts."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.parquet"
    table.write(path)
    return open_catalog(path, rows_at_once=1700)


def check_equal(result, whole):
    """A result on disc is equal to a table, byte by byte."""
    table = result.read()
    assert len(result) == len(whole)
    assert table.colnames == whole.colnames
    assert table.meta == whole.meta
    for name in whole.colnames:
        assert table[name].dtype == whole[name].dtype
        assert np.asarray(table[name]).tobytes() == np.asarray(whole[name]).tobytes(), name


class Samples:
    """The smallest source: samples in memory."""

    def __init__(self, sample, size, length=None):
        self.sample = sample
        self.size = size
        self.length = len(sample) if length is None else length

    def __len__(self):
        return self.length

    def samples(self):
        for start in range(0, len(self.sample), self.size):
            yield self.sample[start : start + self.size]


class TestEqualToTheWhole:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_with_draws_points_and_batches(self, catalog, table, tmp_path, ending):
        estimator = Drawing(random_state=230431)
        options = {"draws": 3, "points": ("mean",)}
        whole = estimator.estimate(as_sample(table), **options)
        result = estimator.estimate(catalog, output=tmp_path / f"r.{ending}", **options)
        check_equal(result, whole)

    @pytest.mark.parametrize("ending", ["fits", "parquet", "h5"])
    def test_of_slopes_from_every_format(self, tmp_path, ending):
        table = make_table(500)
        path = tmp_path / f"catalog.{ending}"
        table.write(path)
        whole = MeurerEstimator().estimate(read_catalog(path))
        catalog = open_catalog(path, rows_at_once=150)
        check_equal(MeurerEstimator().estimate(catalog, output=tmp_path / "r.fits"), whole)

    def test_with_two_processes(self, catalog, table, tmp_path):
        whole = Drawing(random_state=1).estimate(as_sample(table))
        output = tmp_path / "r.parquet"
        check_equal(Drawing(random_state=1).estimate(catalog, output=output, n_jobs=2), whole)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_files_do_not_depend_on_the_number_of_processes(self, catalog, tmp_path, ending):
        # Parts have 8192 and 16384 rows.
        paths = [tmp_path / f"{n_jobs}.{ending}" for n_jobs in (1, 2)]
        for n_jobs, path in enumerate(paths, start=1):
            Drawing(random_state=1).estimate(catalog, output=path, n_jobs=n_jobs)
        assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_of_any_source(self, table, tmp_path):
        source = Samples(as_sample(table), 4097)
        whole = Drawing(random_state=1).estimate(as_sample(table))
        check_equal(Drawing(random_state=1).estimate(source, output=tmp_path / "r.fits"), whole)

    def test_of_galaxies_without_identifiers(self, table, tmp_path):
        bare = table.copy()
        bare.remove_column("id")
        source = Samples(bare, 5000)
        whole = Drawing(random_state=1).estimate(as_sample(bare))
        check_equal(Drawing(random_state=1).estimate(source, output=tmp_path / "r.fits"), whole)

    def test_of_simulations(self, table, tmp_path):
        def make(start, stop):
            return as_sample(table[start:stop]), RowTable({"A_V": np.zeros(stop - start)})

        simulated = write_chunks(make, 500, tmp_path / "set", manifest={}, chunk_rows=200)
        whole = Drawing(random_state=1).estimate(simulated.read()[0])
        output = tmp_path / "r.parquet"
        check_equal(Drawing(random_state=1).estimate(simulated, output=output), whole)

    def test_of_added_columns(self, catalog, table, tmp_path):
        def brighten(sample):
            sample["flux_F150W"] *= 2.0
            return sample

        whole = Drawing(random_state=1).estimate(brighten(as_sample(table)))
        source, output = catalog.map(brighten), tmp_path / "r.fits"
        check_equal(Drawing(random_state=1).estimate(source, output=output), whole)


class TestRun:
    def test_resumes_with_the_same_bytes(self, catalog, tmp_path, monkeypatch):
        estimator = Drawing(random_state=1)
        estimator.estimate(catalog, output=tmp_path / "one.fits")
        output = tmp_path / "two.fits"
        COMPUTED.clear()
        monkeypatch.setitem(LIMITS, "rows", 6000)
        with pytest.raises(KeyboardInterrupt):
            estimator.estimate(catalog, output=output)
        assert not output.exists()
        monkeypatch.setitem(LIMITS, "rows", np.inf)
        estimator.estimate(catalog, output=output, resume=True)
        n_good = N - len(range(0, N, 97))
        assert n_good <= sum(COMPUTED) < n_good + 4096
        assert output.read_bytes() == (tmp_path / "one.fits").read_bytes()

    def test_failures_are_counted_once(self, table, tmp_path):
        bad = table.copy()
        bad["flux_F150W"][[10, 8000]] = 3.0 * u.nJy
        estimator = Drawing(bad=3.0, random_state=1)
        with pytest.warns(DustestWarning, match="failed") as expected:
            whole = estimator.estimate(as_sample(bad))
        source = Samples(as_sample(bad), 1000)
        with pytest.warns(DustestWarning, match="failed") as given:
            result = estimator.estimate(source, output=tmp_path / "r.fits")
        assert [str(one.message) for one in given] == [str(one.message) for one in expected]
        assert "2 of 9000 galaxies failed" in str(given[0].message)
        check_equal(result, whole)

    def test_a_damaged_file_leaves_no_result(self, table, tmp_path):
        path = tmp_path / "catalog.fits"
        table.write(path)
        catalog = open_catalog(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ReadError, match="has changed"):
            Drawing().estimate(catalog, output=tmp_path / "r.fits")
        assert not (tmp_path / "r.fits").exists()


class TestErrors:
    def test_a_source_needs_an_output(self, catalog):
        with pytest.raises(InputError, match="output must be given"):
            Drawing().estimate(catalog)

    def test_written_in_parts(self, catalog, tmp_path):
        with pytest.raises(InputError, match=r"\.fits or \.parquet"):
            Drawing().estimate(catalog, output=tmp_path / "r.ecsv")

    def test_other_methods_take_samples(self, catalog):
        with pytest.raises(InputError, match="pass it to estimate with an output"):
            Drawing().predict(catalog)

    def test_lengths_must_be_right(self, table, tmp_path):
        source = Samples(as_sample(table[:50]), 20, length=60)
        with pytest.raises(InputError, match="source of 60 galaxies must yield as many, got 50"):
            Drawing().estimate(source, output=tmp_path / "r.fits")

    def test_a_sample_with_other_columns(self, table, tmp_path):
        other = as_sample(table[:20])
        other["ra"] = 5.0
        other.remove_column("flux_err_F277W")
        sources = [Samples(as_sample(table[:20]), 10), Samples(other, 10)]
        with pytest.raises(InputError) as raised:
            Drawing().estimate(sources, output=tmp_path / "r.fits")
        assert str(raised.value) == (
            "all samples must have the same columns, but one of source 2 lacks flux_err_F277W "
            "and adds ra, compared with the first of source 1: make them equal, or give each "
            "source its own output"
        )

    def test_catalogues_with_other_columns_before_anything_is_computed(self, table, tmp_path):
        table[:20].write(tmp_path / "one.fits")
        other = table[:20].copy()
        other.remove_columns(["flux_F277W", "flux_err_F277W"])
        other.write(tmp_path / "two.fits")
        sources = [open_catalog(tmp_path / f"{name}.fits") for name in ("one", "two")]
        COMPUTED.clear()
        expected = r"one of source 2 \(two.fits\) lacks flux_F277W, flux_err_F277W, compared with"
        with pytest.raises(InputError, match=expected):
            Drawing().estimate(sources, output=tmp_path / "r.fits")
        assert not COMPUTED

    def test_of_a_function_say_which_galaxies(self, catalog, tmp_path):
        def fail(sample):
            if sample["id"][0] != "g0":
                return sample["no such column"]
            return sample

        with pytest.raises(KeyError, match="no such column") as raised:
            Drawing().estimate(catalog.map(fail), output=tmp_path / "r.fits")
        assert raised.value.__notes__ == [
            f"This is about part 2 of {catalog.path}: galaxies 1700 to 3399, counted from 0."
        ]


def test_regrouped_samples_have_one_length(table):
    samples = [table[:700], table[700:710], table[710:]]
    assert [len(sample) for sample in regroup(samples, 100, 8)] == [200] * 45


@pytest.mark.parametrize(
    ("chunk", "rows_at_once", "n_workers", "expected"),
    [
        # Slopes: two batches for each worker.
        (4096, 4096, 1, 8192),
        (4096, 4096, 2, 16384),
        # Networks: the data of 16 batches.
        (4096, 512, 4, 32768),
        # Fits: a chunk is enough for 32 workers.
        (32768, 64, 1, 32768),
        (32768, 64, 32, 32768),
        (32768, 64, 33, 65536),
    ],
)
def test_parts_have_batches_for_every_worker(chunk, rows_at_once, n_workers, expected):
    rows = RowTable({"id": np.arange(70_000)})
    sample = next(regroup([rows], chunk, rows_at_once, n_workers))
    assert len(sample) == expected


def test_parts_of_large_rows_have_two_batches_for_every_worker():
    rows = RowTable({"cutout_F277W": np.zeros((450, 300, 300), np.float32)})
    assert [len(sample) for sample in regroup([rows], 100, 100, 2)] == [400, 50]
