"""Files of tables and results: a changed bit is noticed."""

import numpy as np
import pytest
from astropy.io import fits

from dustest.data import DustestWarning, DustTable, ReadError, open_result
from dustest.data.containers.result_files import ResultWriter

SEED = 240901


def table(n_rows, start=0):
    """A result of some rows."""
    values = np.random.default_rng(SEED).uniform(0.0, 2.0, n_rows)
    return DustTable.from_quantities([f"id{start + k}" for k in range(n_rows)], {"A_V": values})


def written_whole(path):
    table(1101).write(path)


def written_in_parts(path):
    with ResultWriter(path) as writer:
        for start in (0, 367, 734):
            writer.append(table(367, start))


@pytest.fixture(params=[written_whole, written_in_parts], ids=["whole", "parts"])
def write(request):
    return request.param


def flipped(path, value):
    """Change a bit of the first number of a file that has a value."""
    content = bytearray(path.read_bytes())
    content[content.index(value)] ^= 0x40
    path.write_bytes(bytes(content))


class TestFits:
    def test_undamaged(self, tmp_path, write):
        write(path := tmp_path / "result.fits")
        with fits.open(path, checksum=True) as hdus:
            assert hdus[1].verify_datasum() == 1
        assert len(open_result(path).read(["A_V"])) == 1101

    def test_changed_value(self, tmp_path, write):
        write(path := tmp_path / "result.fits")
        flipped(path, np.array(table(1)["A_V"].value, dtype=">f8").tobytes())
        with pytest.warns(DustestWarning, match="data of .* differ from their checksum"):
            open_result(path)
        with pytest.warns(DustestWarning, match="data of .* differ from their checksum"):
            DustTable.read(path)


class TestParquet:
    @pytest.fixture(autouse=True)
    def _needs_pyarrow(self):
        pytest.importorskip("pyarrow")

    def damaged(self, path):
        """Change a bit of the pages of a column."""
        from pyarrow import parquet

        column = parquet.read_metadata(path).row_group(0).column(1)
        assert column.path_in_schema == "A_V"
        content = bytearray(path.read_bytes())
        start = column.dictionary_page_offset or column.data_page_offset
        content[start + column.total_compressed_size // 2] ^= 0x40
        path.write_bytes(bytes(content))

    def test_undamaged(self, tmp_path, write):
        write(path := tmp_path / "result.parquet")
        np.testing.assert_array_equal(
            open_result(path).read(["A_V"])["A_V"], DustTable.read(path)["A_V"]
        )

    def test_changed_value(self, tmp_path, write):
        write(path := tmp_path / "result.parquet")
        self.damaged(path)
        with pytest.raises(ReadError, match="is not a readable result"):
            open_result(path)
        with pytest.raises(ReadError, match="is not a readable table"):
            DustTable.read(path)
