"""Names of the files that are made of pictures: never one for two of them."""

import collections
import hashlib
import os
import unicodedata
from collections.abc import Iterable


def fold(name: str) -> str:
  """What two names have in common that some file system takes for one."""
  return unicodedata.normalize('NFC', name).casefold()


def name_outputs(
  paths: Iterable[str], extension: str, taken: Iterable[str] = ()
) -> dict[str, str]:
  """The same path with another extension, and a longer one where it must be.

  Where two would be one file, all of those keep their full name: a.jpg and
  a.png become a.jpg.png and a.png.png. Names that differ in case or in how an
  accent is written are one file on some systems: where the full names do, a
  part of their own hash comes between.

  Args:
    paths: of the pictures, relative, all different.
    extension: of the new files, as '.png'.
    taken: names that no file may have, where a full name is another.
  """
  taken = set(map(fold, taken))
  names = {path: os.path.splitext(path)[0] + extension for path in paths}
  names = _without_shared(names, lambda path: path + extension, taken)
  return _without_shared(
    names, lambda path: f'{path}.{_digest(path)}{extension}', set()
  )


def _without_shared(names, longer, taken):
  """All names that are shared replaced, and those shared then."""
  while True:
    counts = collections.Counter(map(fold, names.values()))
    # A full name may in turn be another picture's short one.
    shared = {
      path: longer(path)
      for path, name in names.items()
      if (counts[fold(name)] > 1 or fold(name) in taken)
      and name != longer(path)
    }
    if not shared:
      return names
    names = names | shared


def _digest(path):
  return hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]
