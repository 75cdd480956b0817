"""Studies: whole questions that need models, estimators and metrics together."""

from dustest.studies.benchmarks.benchmark_record import Benchmark, BenchmarkGalaxies
from dustest.studies.benchmarks.benchmark_registry import BENCHMARKS, register_benchmark
from dustest.studies.benchmarks.card import BenchmarkCard
from dustest.studies.benchmarks.published_catalogs import CatalogMissingError, PublishedCatalog
from dustest.studies.benchmarks.ready_methods import ready_methods
from dustest.studies.benchmarks.running import benchmark
from dustest.studies.benchmarks.simulated_sets import BenchmarkSet
from dustest.studies.error_budget_record import ErrorBudget
from dustest.studies.error_budgeting import error_budget
from dustest.studies.forecast_record import Forecast
from dustest.studies.forecasting import forecast
from dustest.studies.populations.inference import infer_population
from dustest.studies.populations.result import InferredPopulation, PopulationSet
from dustest.studies.variations import Variation, default_variations

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkCard",
    "BenchmarkGalaxies",
    "BenchmarkSet",
    "CatalogMissingError",
    "ErrorBudget",
    "Forecast",
    "InferredPopulation",
    "PopulationSet",
    "PublishedCatalog",
    "Variation",
    "benchmark",
    "default_variations",
    "error_budget",
    "forecast",
    "infer_population",
    "ready_methods",
    "register_benchmark",
]
