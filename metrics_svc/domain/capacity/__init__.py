"""Load, queues, forecasts and advice."""
