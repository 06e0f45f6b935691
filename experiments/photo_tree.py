"""A tree of pictures: finding them, naming their cloaks, reading them.

Symbolic links are not followed, and only regular files are opened: a name says
nothing about what opening it would do.
"""

import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import full_size
import numpy as np
from face_frame import View

from fr_poison.data import decode, exif, file_names
from fr_poison.data import folder as folder_lib
from fr_poison.types import InputError

MANIFEST = 'manifest.jsonl'
_MAX_SIDE = 65500  # of a JPEG, as which every cloak is tried


def find_pictures(root: pathlib.Path) -> tuple[list[str], int]:
  """The pictures under `root`, and how many other entries there are.

  Args:
    root: a folder.

  Returns:
    Relative '/'-separated paths of all that has a picture's extension, sorted,
    also of what `read` then refuses; and the number of entries left alone:
    other files, everything hidden, a storage box's thumbnails and the like,
    links to folders (a folder not entered counts once).

  Raises:
    InputError: not a folder, or one in it that cannot be listed.
  """
  found, num_ignored, folders = [], 0, ['']
  while folders:
    folder = folders.pop()
    try:
      entries = list(os.scandir(root / folder))
    except OSError as error:
      raise InputError(f'--input: {root / folder}: {error.strerror}') from error
    for entry in entries:
      extension = os.path.splitext(entry.name)[1].lower()
      if folder_lib.is_litter(entry.name):
        num_ignored += 1
      elif entry.is_dir(follow_symlinks=False):
        folders.append(f'{folder}{entry.name}/')
      elif extension in decode.EXTENSIONS:
        found.append(folder + entry.name)
      else:
        num_ignored += 1
  return sorted(found), num_ignored


def folders_of(paths: Iterable[str]) -> set[str]:
  """Every folder on the way to one of the paths."""
  folders = set()
  for path in paths:
    folders.update(map(str, pathlib.PurePosixPath(path).parents))
  return folders - {'.'}


def name_outputs(
  paths: list[str], extension: str | Callable[[str], str]
) -> dict[str, str]:
  """Where each picture's cloak goes, relative to the output folder.

  See `file_names.name_outputs`.

  Args:
    paths: of the pictures, relative, all different.
    extension: of the cloaks, '.png' or '.jpg', or that of a picture's path.

  Raises:
    InputError: a folder has the name of a file to be written.
  """
  folders = folders_of(paths)
  names = file_names.name_outputs(paths, extension, taken=folders)
  if wrong := sorted(folders & {MANIFEST, *names.values()}):
    raise InputError(f'--input: {wrong[0]}: a folder with a file name of ours')
  return names


class Photo(NamedTuple):
  """A picture as it was read, or why it cannot be cloaked."""

  path: str  # relative to --input
  sha256: str | None  # of the file
  image: np.ndarray | None  # uint8 [H, W, C]
  status: str | None = None  # 'unreadable' or 'failed'
  reason: str | None = None
  exif: bytes = b''  # to be kept in the cloak
  view: View = View()  # where it is attacked


def read(
  source: pathlib.Path,
  path: str,
  *,
  find_view: Callable[[np.ndarray], View] = lambda image: View(),
  keep_exif: bool = False,
) -> Photo:
  """Reads one picture; whatever is wrong with it is in the result.

  Args:
    source: the tree.
    path: in it.
    find_view: where to attack a picture, uint8 [H, W, C]; an InputError says
      why it cannot be.
    keep_exif: for its cloak.
  """
  photo = Photo(path, None, None)
  reason = lambda error: str(error).removeprefix(f'{path}: ')
  try:
    data = _bytes(source / path, path)
  except InputError as error:
    return photo._replace(status='unreadable', reason=reason(error))
  photo = photo._replace(sha256=hashlib.sha256(data).hexdigest())
  try:
    image = full_size.squeeze_grey(decode.decode(data, path))
  except InputError as error:
    return photo._replace(status='unreadable', reason=reason(error))
  photo = photo._replace(
    image=image, exif=exif.kept(data) if keep_exif else b''
  )
  try:
    _check_size(image)
    return photo._replace(view=find_view(image))
  except InputError as error:
    return photo._replace(status='failed', reason=str(error))


def _bytes(place, path):
  if place.is_symlink():
    raise InputError('a link, not followed')
  if place.exists() and not place.is_file():  # to open it might never end
    raise InputError('not a file')
  return folder_lib.reading(place, path)()


def _check_size(image):
  height, width = image.shape[:2]
  if min(height, width) < full_size.MIN_SIDE:
    raise InputError(f'{width}x{height} pixels is too small')
  if max(height, width) > _MAX_SIDE:
    raise InputError(f'{width}x{height} pixels is too large for JPEG')
