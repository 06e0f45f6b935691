"""No source may do what turns a hostile file into a command or a leak."""

import ast

import calls
import pytest

# Dotted names and the modules below them; `urllib.parse` asks nobody.
FORBIDDEN = {
  *('eval', 'exec', 'compile', '__import__', 'runpy'),
  *('pickle', '_pickle', 'cloudpickle', 'dill', 'joblib', 'marshal', 'shelve'),
  *('torch.load', 'pandas.read_pickle', 'yaml'),
  *('os.system', 'os.popen', 'subprocess.getoutput', 'tempfile.mktemp'),
  *('urllib.request', 'urllib3', 'requests', 'httpx', 'aiohttp', 'http'),
  *('socket', 'ssl', 'ftplib', 'smtplib', 'webbrowser', 'xmlrpc'),
  *('asyncio', 'multiprocessing', 'socketserver', 'torch.hub'),
  'shutil.unpack_archive',
}
ALLOWED = {
  'experiments/config_flag.py': {'runpy'},  # a config is Python
  'fr_poison/extractors/cache.py': {'http', 'urllib.request'},
  'fr_poison/extractors/convert/frbench.py': {'yaml'},  # the safe loader
}
FLAGS = {'shell', 'allow_pickle'}
METHODS = {'extract', 'extractall'}  # of tarfile and zipfile


def _crimes(source, allowed=()):
  """What a file must not do, with the lines in which it does."""
  tree = ast.parse(source)
  aliases = calls.aliases(tree)
  uses = [(name, 0) for name in aliases.values()]
  for node in ast.walk(tree):
    line = getattr(node, 'lineno', 0)
    if isinstance(node, ast.Name | ast.Attribute):
      uses.append((calls.dotted(node, aliases) or '', line))
    elif isinstance(node, ast.ExceptHandler) and node.type is None:
      yield f'{line}: except without a type'
    elif isinstance(node, ast.Call):
      if getattr(node.func, 'attr', None) in METHODS:
        yield f'{line}: {node.func.attr}'
      for given in node.keywords:
        if given.arg in FLAGS and getattr(given.value, 'value', 1):
          yield f'{line}: {given.arg}'
  for name, line in uses:
    for wrong in FORBIDDEN - set(allowed):
      if f'{name}.'.startswith(f'{wrong}.'):
        yield f'{line}: {name}'


def test_no_source_does_any_of_it(root):
  """No picture leaves the machine: nothing but the download connects."""
  found = []
  for folder in ('fr_poison', 'experiments'):
    for path in sorted((root / folder).rglob('*.py')):
      name = path.relative_to(root).as_posix()
      crimes = _crimes(path.read_text(), ALLOWED.get(name, ()))
      found += [f'{name}:{crime}' for crime in crimes]
  assert not found


@pytest.mark.parametrize(
  'source',
  [
    'import pickle',
    'import pickle as p\nf = p.loads',
    'from pickle import Unpickler',
    'eval("1")',
    'exec(text)',
    'import torch\ntorch.load(path)',
    'from torch import load',
    'import numpy as np\nnp.load(path, allow_pickle=True)',
    'np.load(path, allow_pickle=flag)',
    'import subprocess\nsubprocess.run(line, shell=True)',
    'import os\nos.system(line)',
    'from os import system',
    'import yaml\nyaml.load(file)',
    'import urllib.request',
    'from urllib import request',
    'import urllib.request as r',
    'import asyncio\nasyncio.open_connection(host, 80)',
    'from multiprocessing.connection import Client',
    'archive.extractall(folder)',
    'archive.extract(member, folder)',
    'try:\n  pass\nexcept:\n  pass',
  ],
)
def test_each_of_it_is_found(source):
  assert list(_crimes(source))


def test_nothing_else_is_found():
  source = (
    'import re, subprocess, urllib.parse\n'
    're.compile(""), urllib.parse.quote(""), model.eval()\n'
    'subprocess.run([], shell=False)\n'
    'try:\n  pass\nexcept Exception:\n  pass'
  )
  assert not list(_crimes(source))
