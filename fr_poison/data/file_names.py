"""Names of the files that are made of pictures: never one for two of them."""

import collections
import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable


def fold(name: str) -> str:
  """What two names have in common that some file system takes for one."""
  return unicodedata.normalize('NFC', name).casefold()


def name_outputs(
  paths: Iterable[str],
  extension: str | Callable[[str], str],
  taken: Iterable[str] = (),
) -> dict[str, str]:
  """The same path with another extension, and a longer one where it must be.

  Where two would have one name but for the extension, all of those keep their
  full name: a.jpg and a.png become a.jpg.png and a.png.png, or a.jpg.jpg and
  a.png.png. Names that differ in case or in how an accent is written are one
  file on some systems: where the full names do, a part of their own hash comes
  between.

  Args:
    paths: of the pictures, relative, all different.
    extension: of the new files, as '.png', or that of a path.
    taken: names that no file may have.
  """
  steps = dict.fromkeys(paths, 0)
  taken = set(map(fold, taken))
  of = extension if callable(extension) else lambda path: extension
  stem = lambda name: fold(os.path.splitext(name)[0])
  while True:
    names = {path: _name(path, of(path), step) for path, step in steps.items()}
    alike = collections.defaultdict(list)
    for path, name in names.items():
      alike[stem(name)].append(path)
    shared = [path for path in names if fold(names[path]) in taken]
    for group in alike.values():
      if len(group) > 1:
        # A full name may be another picture's short one, and then keeps it.
        shortest = min(steps[path] for path in group)
        shared += [path for path in group if steps[path] == shortest]
    longer = {path for path in shared if steps[path] < 2}
    if not longer:
      return names
    for path in longer:
      steps[path] += 1


def _name(path, extension, step):
  if step == 0:
    return os.path.splitext(path)[0] + extension
  if step == 1:
    return path + extension
  digest = hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()
  return f'{path}.{digest[:8]}{extension}'
