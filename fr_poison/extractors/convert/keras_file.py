"""Reads Keras weights and models in HDF5 (`.h5`), with the `h5py` package."""

import os

import numpy as np

from fr_poison.extractors.convert import guard


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The numeric datasets of an HDF5 file by their path in it.

  Args:
    path: of `save_weights` or `save`: 'conv1/conv1/kernel:0'; convolutions are
      [h, w, in, out].

  Raises:
    InputError: damaged, without arrays, compressed (Keras does not), saying
      that it holds more than it does, naming another file, or the package is
      not installed.
  """
  h5py = guard.optional('h5py')
  with guard.reading(path), h5py.File(path, 'r') as file:
    elsewhere = file.visititems_links(
      lambda name, link: None if isinstance(link, h5py.HardLink) else name
    )
    if elsewhere:
      raise ValueError(f'{elsewhere} is a link to elsewhere')
    items, arrays, left = {}, {}, os.path.getsize(path)
    file.visititems(items.__setitem__)
    for name, item in items.items():
      if not isinstance(item, h5py.Dataset) or item.dtype.kind not in 'fiub':
        continue
      if item.external or item.is_virtual:
        raise ValueError(f'{name} lies in another file')
      if item.id.get_create_plist().get_nfilters():
        raise ValueError(f'{name} is compressed')
      left -= item.nbytes  # What was never written is not in the file either.
      if left < 0:
        raise ValueError(f'{name}: {item.shape} is more than the file holds')
      arrays[name] = item[()]
    if not arrays:
      raise ValueError('no arrays in it')
    return arrays
