"""Kept cloaks: PNG files in a folder a person, named by person and key.

Other inputs have another key, and so another folder: several programs and
processes share a store, and nobody deletes or overwrites what another one
reads.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from fr_poison import files, locks, strict_json
from fr_poison.data import decode, file_names

_NOTE = 'cloaks.json'


class Kept:
  """The place of one person's cloaks, whether they are there or not."""

  def __init__(
    self, store: pathlib.Path, person: str, key: str, paths: Sequence[str]
  ):
    """Looks at nothing yet.

    Args:
      store: the folder of an attack on a surrogate.
      person: the name, for who looks into the folder.
      key: of everything that the cloaks are made from.
      paths: of the person's pictures, as in their FaceSet.
    """
    self.folder = store / f'{person}-{key[:16]}'
    self._key = key
    folder, inner = f'{person}/', list(paths)
    if all(path.startswith(folder) for path in paths):
      inner = [path.removeprefix(folder) for path in paths]
    names = file_names.name_outputs(inner, '.png', taken=[_NOTE])
    self._files = [names[path] for path in inner]

  def load(self) -> tuple[np.ndarray, dict] | None:
    """Pictures [M, H, W, 3] and what is noted beside them, if all is there."""
    try:
      note = strict_json.loads(files.read(self.folder / _NOTE))
      if note['key'] != self._key:
        return None
      images = [decode.read_image(self.folder / name) for name in self._files]
    except (ValueError, TypeError, KeyError, RecursionError):
      return None  # not there, or a file of it is damaged
    return np.stack(images), note

  def save(self, images: np.ndarray, note: dict) -> tuple[np.ndarray, dict]:
    """Writes all or nothing; returns what is there then, as `load`.

    Another process may have made the same meanwhile: its files stay.
    """
    with locks.turn(self.folder.parent):
      if found := self.load():
        return found
      partial = self.folder.with_name(self.folder.name + '.partial')
      files.remove(partial)
      try:
        for name, image in zip(self._files, images, strict=True):
          decode.write_png(partial / name, image)
        text = strict_json.dumps(strict_json.sealed(note | {'key': self._key}))
        files.write_atomic(partial / _NOTE, text.encode())
        files.remove(self.folder)  # it is damaged
        files.rename(partial, self.folder)
      finally:
        files.remove(partial)
    return self.load()
