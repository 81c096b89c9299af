"""Stage events become percentiles: the service that owns schema `metrics` and never invents a number."""
