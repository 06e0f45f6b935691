"""Kept cloaks: PNG files in a folder a person, named by person and key.

Other inputs have another key, and so another folder: several programs and
processes share a store, and nobody deletes or overwrites what another one
reads. A note beside the pictures has their sums.
"""

import contextlib
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging

from fr_poison import files, keys, locks, strict_json, sums, text
from fr_poison.data import decode, file_names
from fr_poison.types import InputError, UInt8Images

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

  def load(self) -> tuple[UInt8Images, dict] | None:
    """Pictures and what is noted beside them, if all is there.

    None where there are none, and, with a warning, where they are damaged.
    """
    try:
      return self._read()
    except InputError as error:
      if self.folder.exists():
        logging.warning('%s', text.line(f'{error}; made again'))
      return None

  def save(self, images: UInt8Images, note: dict) -> tuple[UInt8Images, dict]:
    """Writes all or nothing; returns what is there then, as `load`.

    Another process may have made the same meanwhile: its files stay.
    """
    files.make_folder(self.folder.parent, files.PRIVATE)
    with locks.turn(self.folder.parent):
      with contextlib.suppress(InputError):
        return self._read()
      partial = self.folder.with_name(self.folder.name + '.partial')
      files.remove(partial)
      try:
        files.make_folder(partial, files.PRIVATE)
        self._write(partial, images, note)
        files.remove(self.folder)  # it is damaged
        files.rename(partial, self.folder)
      finally:
        files.remove(partial)
      return self._read()

  def _read(self):
    path = self.folder / _NOTE
    try:
      note = strict_json.unsealed(files.read(path))
      if note['key'] != self._key:
        raise InputError('of other inputs')
      wanted = [note['sums'][name] for name in self._files]
    except (InputError, LookupError, TypeError) as error:
      reason = error if isinstance(error, InputError) else 'has no sums'
      raise InputError(f'{path}: {reason}') from error
    images = list(map(self._picture, self._files, wanted))
    return np.stack(images), note

  def _picture(self, name, wanted):
    path = self.folder / name
    data = files.read(path)
    if keys.of_bytes(data) != wanted:
      raise InputError(f'{path}: altered (SHA-256)')
    return decode.decode(data, str(path))

  def _write(self, folder, images, note):
    found = {}
    for name, image in zip(self._files, images, strict=True):
      decode.write_png(folder / name, image)
      found[name] = sums.of_file(folder / name)['sha256']
    note = strict_json.sealed(note | {'key': self._key, 'sums': found})
    files.write_atomic(folder / _NOTE, strict_json.dumps(note).encode())
