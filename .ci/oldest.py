"""Prints the lower bounds of setup.py as constraints, for `pip install -c`."""

import runpy

import setuptools

given = {}
setuptools.setup = lambda **kwargs: given.update(kwargs)
runpy.run_path('setup.py')
extras = given['extras_require']
for need in [*given['install_requires'], *extras['convert'], *extras['align']]:
  print(need.replace('>=', '=='))
