"""Tests of data that do not fit in memory."""
