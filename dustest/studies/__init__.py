"""Studies: whole questions that need models, estimators and metrics together."""

from dustest.studies.forecast_record import Forecast
from dustest.studies.forecasting import forecast

__all__ = ["Forecast", "forecast"]
