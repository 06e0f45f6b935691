"""Names of the files that are made of other names: never one for two of them.

Some file systems take names for one that differ in case, or in how an accent
is written. So wherever a program makes files of pictures' or people's names, or
of labels in a config, it asks here whether two become one.
"""

import collections
import hashlib
import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterable

from fr_poison.types import InputError


def fold(name: str) -> str:
  """Gives what two names have in common that a file system takes for one."""
  # Taken apart first: letters with an accent fold to letters and accents.
  apart = unicodedata.normalize('NFD', name).casefold()
  return unicodedata.normalize('NFC', apart)


def check_apart(
  field: str, names: Iterable[str], taken: Iterable[str] = ()
) -> None:
  """Refuses names for files or folders of which two would be one.

  Args:
    field: what to call them in the message.
    names: each of one file or folder, beside each other.
    taken: names that none may have.

  Raises:
    InputError: two are one, one is taken, or is no name of a file.
  """
  seen = {fold(name): name for name in taken}
  for name in names:
    if name in ('', '.', '..') or '/' in name or '\0' in name:
      raise InputError(f'{field}: {name!r} is no name of a file')
    if fold(name) in seen:
      other = seen[fold(name)]
      raise InputError(f'{field}: {name!r} and {other!r} would be one file')
    seen[fold(name)] = name


def folders_of(paths: Iterable[str]) -> set[str]:
  """Lists every folder on the way to relative, '/'-separated paths."""
  parents = {
    parent
    for folder in set(map(os.path.dirname, paths))
    for parent in (folder, *map(str, pathlib.PurePosixPath(folder).parents))
  }
  return parents - {'', '.'}


def name_outputs(
  paths: Iterable[str],
  extension: str | Callable[[str], str],
  taken: Iterable[str] = (),
) -> dict[str, str]:
  """Gives each path another extension, and a longer name where it must be.

  Where two would have one name but for the extension, all of those keep their
  full name: a.jpg and a.png become a.jpg.png and a.png.png, or a.jpg.jpg and
  a.png.png. Where full names are one file on some systems, a part of their own
  hash comes between. No file has the name of a folder on the way to one.

  Args:
    paths: of the pictures, relative, '/'-separated, all different.
    extension: of the new files, as '.png', or that of a path.
    taken: names that neither a file nor a folder may have.

  Raises:
    InputError: a path that is there twice, a folder whose name is taken, or
      two names that stay one.
  """
  paths = list(paths)
  of = extension if callable(extension) else lambda path: extension
  steps, ours = dict.fromkeys(paths, 0), set(map(fold, taken))
  if len(steps) < len(paths):
    (path, _), *_ = collections.Counter(paths).most_common(1)
    raise InputError(f'{path}: is there twice')
  folders = {fold(folder): folder for folder in sorted(folders_of(paths))}
  if met := ours & folders.keys():
    raise InputError(f'{folders[min(met)]}: a folder with a file name of ours')
  while True:
    names = {path: _name(path, of(path), step) for path, step in steps.items()}
    longer = _meeting(names, steps, ours | folders.keys())
    stuck = {path for path in longer if steps[path] == 2}
    if longer == stuck:
      break
    for path in longer - stuck:
      steps[path] += 1
  if stuck:
    raise InputError(f'{min(stuck)}: another one has the name of its file')
  return names


def _meeting(names, steps, taken):
  """The paths that need a longer name than these."""
  longer = {path for path, name in names.items() if fold(name) in taken}
  alike = collections.defaultdict(list)
  for path, name in names.items():
    alike[fold(os.path.splitext(name)[0])].append(path)
  for group in alike.values():
    if len(group) > 1:
      # A full name may be another picture's short one, and then keeps it.
      shortest = min(steps[path] for path in group)
      longer |= {path for path in group if steps[path] == shortest}
  return longer


def _name(path, extension, step):
  """Shorter with a smaller step, 0 to 2."""
  if step == 0:
    return os.path.splitext(path)[0] + extension
  digest = hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()
  return path + f'.{digest[:8]}' * (step - 1) + extension
