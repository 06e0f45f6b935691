"""A person's mask: put on pictures that it was not made from, and kept.

`by_person.make_masks` makes them. A mask is what a group attack adds to every
picture of one person, [1, H, W, 3] in whole grey levels k / 255.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Bool, Float, Float32, Shaped

from fr_poison import files, keys
from fr_poison.attacks import base
from fr_poison.types import Array, Images, InputError, check_images

Mask = Float[Array, '1 H W 3']  # in [-1, 1], whole grey levels k / 255
Groups = Shaped[Array, ' B'] | Sequence[Any]  # labels, whose each picture is


def spread(
  mask: Float[Array, '#B H W 3'], one_channel: Bool[Array, ' B']
) -> Float[Array, 'B H W 3']:
  """Gives what each picture gets of a mask.

  Those that are grey, by `one_channel`, get the mean of its channels.
  """
  whole = jnp.broadcast_to(mask, (len(one_channel), *mask.shape[1:]))
  return base.mono(whole, one_channel)


def apply(mask: Float[Array, '#B H W 3'], images: Images) -> Images:
  """Puts a mask on pictures, on the 8-bit grid k / 255.

  Pure, also of traced arrays. Grey pictures stay grey.

  Args:
    mask: one for all pictures, or one for each.
    images: RGB float32 in [0, 1].

  Raises:
    InputError: a mask of another size, or pictures that are none.
  """
  check_images(images)
  shape, expected = np.shape(mask), images.shape[1:]
  if (
    len(shape) != 4
    or shape[1:] != expected
    or shape[0] not in (*(1, len(images)),)
  ):
    raise InputError(
      f'mask: {list(shape)}; {[1, *expected]} expected, as the images are '
      f'{list(images.shape)}'
    )
  levels = jnp.round(255 * spread(jnp.asarray(mask), base.is_grey(images)))
  codes = jnp.round(255 * jnp.asarray(images, jnp.float32)) + levels
  return jnp.asarray(jnp.clip(codes, 0, 255) / 255, jnp.float32)


def apply_to_each(
  masks: Mapping[Any, Mask], images: Images, groups: Groups
) -> Images:
  """Puts on every picture the mask of its person; see `apply`.

  Args:
    masks: by label, from `make_masks`.
    images: RGB float32 in [0, 1].
    groups: whose each picture is.

  Raises:
    InputError: somebody has no mask; or as `apply`.
  """
  labels = check_groups(groups, images)
  if missing := sorted(set(labels) - masks.keys()):
    raise InputError(
      f'masks: none of {missing[0]}; there was no picture to make it from'
    )
  if not labels:
    return images
  return apply(jnp.concatenate([masks[label] for label in labels]), images)


def check_groups(groups: Groups, images: Images) -> list:
  """Gives whose each picture is, or refuses what does not say it.

  InputError: no labels, or of another number than pictures.
  """
  shape, expected = np.shape(groups), f'[{len(images)}]'
  if groups is None or len(shape) != 1:
    what = 'None' if groups is None else list(shape)
    raise InputError(
      f'groups: {what}; {expected} labels expected, whose each picture is'
    )
  if shape[0] != len(images):
    raise InputError(
      f'groups: {shape[0]} labels for {len(images)} pictures; one each expected'
    )
  return np.asarray(groups).tolist()


def save_mask(path: str | os.PathLike, mask: Mask) -> None:
  """Writes a mask as safetensors, with its SHA-256.

  InputError: it cannot be written, or is none.
  """
  mask = np.ascontiguousarray(mask, np.float32)  # or safetensors mixes it up
  _check(mask, os.fspath(path))
  arrays = {'mask': mask, 'sha256': _sum(mask)}
  files.write_atomic(path, safetensors.numpy.save(arrays))


def load_mask(path: str | os.PathLike) -> Float32[np.ndarray, '1 H W 3']:
  """Reads a mask that `save_mask` wrote.

  InputError: it cannot be read, is none, or was altered.
  """
  data, name = files.read(path), os.fspath(path)
  try:
    arrays = safetensors.numpy.load(data)
    mask, found = arrays['mask'], arrays['sha256']
  except (safetensors.SafetensorError, KeyError, ValueError) as error:
    raise InputError(f'{name}: not a mask that was saved here') from error
  _check(mask, name)
  if not np.array_equal(found, _sum(mask)):
    raise InputError(f'{name}: a mask that was altered; its sum does not fit')
  return mask


def _sum(mask):
  return np.frombuffer(bytes.fromhex(keys.of_array(mask)), np.uint8)


def _check(mask, name):
  is_one = mask.dtype == np.float32 and mask.ndim == 4 and mask.shape[-1] == 3
  if not is_one or len(mask) != 1 or not (np.abs(mask) <= 1).all():
    raise InputError(
      f'{name}: {mask.dtype} {list(mask.shape)}; a mask is float32 '
      '[1, H, W, 3] in [-1, 1]'
    )
