"""The package's version, alone, so that setup.py can read it."""

__version__ = '0.2.0'
