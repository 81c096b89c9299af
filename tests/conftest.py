"""Fixtures that every test may ask for."""

pytest_plugins = ("tests.support.servers", "tests.support.mesh", "tests.support.shown_export")
