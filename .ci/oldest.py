"""Prints the lower bounds of setup.py as constraints, for `pip install -c`."""

import runpy

import setuptools

given = {}
setuptools.setup = lambda **kwargs: given.update(kwargs)
runpy.run_path('setup.py')
extras = given['extras_require']
pinned = [*given['install_requires']]
for extra in ('align', 'heic'):
  pinned += extras[extra]
for need in pinned:
  print(need.replace('>=', '=='))
