"""Reads files, each in a process of its own, and says what memory it took.

  python tests/properties/readers.py < [[reader, path], ...] in JSON

prints [[bytes, what came of it], ...]: of the most that was in memory what was
not there before. The readers are imported once, then the process forks.
"""

import json
import os
import pathlib
import resource
import sys

from fr_poison.data import folder
from fr_poison.data.datasets import insightface, megaface, trees
from fr_poison.extractors import cache
from fr_poison.extractors.convert import reading
from fr_poison.types import InputError


def _each(files):
  for file in files:
    try:
      file.read()
    except InputError:
      pass


READERS = {
  'weights': reading.read,
  'converted': cache.read,
  'archive': lambda path: _each(folder.files(path)),
  'records': lambda path: _each(x.file for x in insightface.records(path)),
  'megaface': megaface.read_list,
  'facescrub': trees.read_list,
  'lfw': lambda path: trees.read_pairs(path, ['a_0001.jpg']),
}


def peak() -> int:
  """Gives the most bytes that this process ever had in memory."""
  unit = 1 if sys.platform == 'darwin' else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _measure(reader, path):
  """Reads in a process of its own."""
  read_end, write_end = os.pipe()
  if not os.fork():
    before = peak()
    try:
      kept = READERS[reader](pathlib.Path(path))
      said = f'read {type(kept).__name__}'
    except InputError as error:
      said = str(error)
    except BaseException as error:
      said = f'{type(error).__name__}: {error}'
    result = json.dumps([peak() - before, said[:200]])
    os.write(write_end, result.encode())
    os._exit(0)
  os.close(write_end)
  data = os.read(read_end, 1 << 16)
  os.close(read_end)
  os.wait()
  return json.loads(data) if data else [0, 'the process died']


if __name__ == '__main__':
  print(json.dumps([_measure(*item) for item in json.load(sys.stdin)]))
