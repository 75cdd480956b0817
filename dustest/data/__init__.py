"""Names, units, records and containers shared by all of dustest."""

from dustest.data.bands import (
    Band,
    canonical_name,
    get_band,
    has_curve,
    list_bands,
    register_band,
)
from dustest.data.containers.conversion import as_sample
from dustest.data.containers.result_files import OpenedResult, open_result
from dustest.data.containers.results import DustTable
from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.data.containers.truth import as_truth
from dustest.data.errors import (
    DustestError,
    DustestWarning,
    InputError,
    InputTypeError,
    MissingDependencyError,
    ReadError,
    WriteError,
)
from dustest.data.flags import FLAGS, Flag, decode_flags
from dustest.data.instruments import INSTRUMENTS, Instrument, register_instrument
from dustest.data.kinds import KINDS, Kind, KindColumn, register_kind
from dustest.data.lines import LINES, Line, register_line
from dustest.data.quantities import (
    QUANTITIES,
    Derivation,
    DustQuantity,
    Latent,
    percentile_columns,
    register_quantity,
)
from dustest.data.splits import group_folds, group_numbers, group_split
from dustest.data.surveys import Mosaic, Survey, register_survey

__all__ = [
    "FLAGS",
    "INSTRUMENTS",
    "KINDS",
    "LINES",
    "QUANTITIES",
    "Band",
    "Derivation",
    "DustQuantity",
    "DustTable",
    "DustestError",
    "DustestWarning",
    "Flag",
    "GalaxySample",
    "InputError",
    "InputTypeError",
    "Instrument",
    "Kind",
    "KindColumn",
    "Latent",
    "Line",
    "MissingDependencyError",
    "Mosaic",
    "OpenedResult",
    "ReadError",
    "RowTable",
    "Survey",
    "WriteError",
    "as_sample",
    "as_truth",
    "canonical_name",
    "decode_flags",
    "get_band",
    "group_folds",
    "group_numbers",
    "group_split",
    "has_curve",
    "list_bands",
    "open_result",
    "percentile_columns",
    "register_band",
    "register_instrument",
    "register_kind",
    "register_line",
    "register_quantity",
    "register_survey",
]
