"""Monotonic effects, covariates with measurement error, missing values."""
