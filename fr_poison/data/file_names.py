"""Names of the files that are made of pictures: never one for two of them."""

import collections
import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable


def fold(name: str) -> str:
  """Gives what two names have in common that a file system takes for one."""
  return unicodedata.normalize('NFC', name).casefold()


def name_outputs(
  paths: Iterable[str],
  extension: str | Callable[[str], str],
  taken: Iterable[str] = (),
) -> dict[str, str]:
  """Gives each path another extension, and a longer name where it must be.

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
  of = extension if callable(extension) else lambda path: extension
  steps, taken = dict.fromkeys(paths, 0), set(map(fold, taken))
  while True:
    names = {path: _name(path, of(path), step) for path, step in steps.items()}
    longer = {path for path in names if fold(names[path]) in taken}
    alike = collections.defaultdict(list)
    for path, name in names.items():
      alike[fold(os.path.splitext(name)[0])].append(path)
    for group in alike.values():
      if len(group) > 1:
        # A full name may be another picture's short one, and then keeps it.
        shortest = min(steps[path] for path in group)
        longer |= {path for path in group if steps[path] == shortest}
    longer = {path for path in longer if steps[path] < 2}
    if not longer:
      return names
    for path in longer:
      steps[path] += 1


def _name(path, extension, step):
  """Shorter with a smaller step, 0 to 2."""
  if step == 0:
    return os.path.splitext(path)[0] + extension
  digest = hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()
  return path + f'.{digest[:8]}' * (step - 1) + extension
