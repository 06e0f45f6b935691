"""A tree of pictures: finding them, naming their cloaks, reading them.

Symbolic links are not followed, and only regular files are opened: a name says
nothing about what opening it would do.
"""

import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fr_poison import files
from fr_poison.data import decode, exif, file_names
from fr_poison.data import folder as folder_lib
from fr_poison.photos import pixels
from fr_poison.photos.settings import Settings
from fr_poison.photos.view import View, find
from fr_poison.types import InputError

MANIFEST = 'manifest.jsonl'
_MAX_SIDE = 65500  # of a JPEG, as which every cloak is tried


def find_pictures(root: pathlib.Path) -> tuple[list[str], int]:
  """Finds the pictures under a folder, and how many other entries there are.

  Returns:
    Relative '/'-separated paths of all that has a picture's extension, sorted,
    also of what `read` then refuses; and the number of entries left alone:
    other files, everything hidden, a storage box's thumbnails and the like,
    links to folders (a folder not entered counts once).

  Raises:
    OSError: a folder that cannot be listed.
  """
  found, num_ignored, folders = [], 0, ['']
  while folders:
    folder = folders.pop()
    for entry in os.scandir(root / folder):
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


def name_outputs(
  paths: list[str], extension: str | Callable[[str], str]
) -> tuple[dict[str, str], set[str]]:
  """Names each picture's cloak, and every folder on the way to one.

  The names are those of `file_names.name_outputs`.

  Raises:
    InputError: a folder has the name of the manifest.
  """
  try:
    names = file_names.name_outputs(paths, extension, taken=[MANIFEST])
  except InputError as error:
    raise InputError(f'--input: {error}') from error
  return names, file_names.folders_of(paths)


class Photo(NamedTuple):
  """A picture as it was read, or why it cannot be cloaked."""

  path: str  # relative to its tree
  sha256: str | None = None  # of the file
  image: np.ndarray | None = None  # uint8 [H, W, 3]
  status: str | None = None  # 'unreadable' or 'failed'
  reason: str | None = None
  exif: bytes = b''  # to be kept in the cloak
  view: View = View()  # where it is attacked


def num_bytes(source: pathlib.Path, path: str) -> int:
  """Says how large `read`'s image will be, by its header; 0 if that is bad."""
  try:
    with files.opened(_place(source, path)) as file:
      return decode.num_bytes(file)
  except InputError:
    return 0  # `read` says why


def _place(source, path):
  """Where a picture is, if it may be opened."""
  place = source / path
  if place.is_symlink():
    raise InputError('a link, not followed')
  if place.exists() and not place.is_file():  # to open it might never end
    raise InputError('not a file')
  return place


def read(source: pathlib.Path, path: str, settings: Settings) -> Photo:
  """Reads a picture of a tree; whatever is wrong with it is in the result.

  Where it is attacked is not looked for yet.
  """
  photo, status = Photo(path), 'unreadable'
  try:
    data = folder_lib.reading(_place(source, path), path)()
    photo = photo._replace(sha256=hashlib.sha256(data).hexdigest())
    image = decode.decode(data, path)
    kept = exif.kept(data) if settings.output.keep_exif else b''
    photo, status = photo._replace(image=image, exif=kept), 'failed'
    size = f'{image.shape[1]}x{image.shape[0]} pixels'
    if min(image.shape[:2]) < pixels.MIN_SIDE:
      raise InputError(f'{size} is too small')
    if max(image.shape[:2]) > _MAX_SIDE:
      raise InputError(f'{size} is too large for JPEG')
    return photo
  except InputError as error:
    reason = str(error).removeprefix(f'{path}: ')
    return photo._replace(status=status, reason=reason)


def look(photo: Photo, settings: Settings) -> Photo:
  """Finds where a picture that was read is attacked, or why it is not."""
  if photo.status:
    return photo
  try:
    view = find(photo.image, settings.alignment, settings.several_faces)
  except InputError as error:
    return photo._replace(status='failed', reason=str(error))
  return photo._replace(view=view)
