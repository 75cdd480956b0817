import numpy as np
import pytest

from dustest.data import FLAGS, InputError, as_sample, decode_flags
from dustest.data.flags import as_flags


class TestFlags:
    def test_nobody_changes_them(self):
        with pytest.raises(AttributeError):
            FLAGS["EDGE"].bit = 0

    def test_bits_are_distinct_and_dense(self):
        assert sorted(flag.bit for flag in FLAGS.values()) == list(range(len(FLAGS)))

    def test_names_are_frozen(self):
        # Files of users hold these bits: a flag keeps its bit for ever.
        assert [flag.name for flag in sorted(FLAGS.values(), key=lambda flag: flag.bit)] == [
            "NO_DATA",
            "MISSING_BAND",
            "LOW_SNR",
            "EDGE",
            "BAD_PIXELS",
            "REDSHIFT_OUT_OF_RANGE",
            "OUT_OF_DOMAIN",
            "PRIOR_DOMINATED",
            "LOW_ESS",
            "AT_PRIOR_EDGE",
            "NEGATIVE_ATTENUATION",
            "TIMED_OUT",
            "FAILED",
            "POOR_FIT",
            "NOT_A_GALAXY",
            "INFRARED_CONFLICT",
        ]

    @pytest.mark.parametrize("flag", FLAGS.values(), ids=lambda flag: flag.name)
    def test_each_bit_decodes_to_its_name(self, flag):
        assert decode_flags(flag.value) == (flag.name,)

    def test_columns_decode_row_by_row(self):
        bits = np.array([0, FLAGS["EDGE"].value | FLAGS["FAILED"].value], dtype=np.int32)
        assert decode_flags(bits) == [(), ("EDGE", "FAILED")]

    @pytest.mark.parametrize("bad", [1 << 20, -1, 0.5, "EDGE", [1.0]])
    def test_what_is_no_flag_is_refused(self, bad):
        with pytest.raises(InputError, match="flags must be integers"):
            decode_flags(bad)

    @pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64"])
    def test_integers_of_any_size(self, dtype):
        bits = as_flags(np.array([0, 8], dtype=dtype))
        assert bits.dtype == np.int32
        assert bits.tolist() == [0, 8]

    def test_masked_rows_have_no_flags(self):
        assert as_flags(np.ma.array([8, 8], mask=[True, False])).tolist() == [0, 8]

    @pytest.mark.parametrize("bad", [[1 << 20], [-1], [2**64 - 1], [0.5], ["EDGE"]])
    def test_columns_of_other_values_are_refused(self, bad):
        with pytest.raises(InputError, match="flags must be integers made of the bits"):
            as_flags(bad)

    def test_a_column_of_the_users_own_is_refused_with_a_remedy(self):
        with pytest.raises(InputError, match="rename the column if it is your own"):
            as_sample({"id": [1], "redshift": [7.0], "flags": [1 << 25]})
