"""Keys of what a result was made from: another key, made again."""

import hashlib
import json
from collections.abc import Sequence

import jax
import numpy as np

from fr_poison import stages
from fr_poison.data.faces import FaceSet


def of_bytes(data: bytes) -> str:
  """SHA-256 of `data`."""
  return hashlib.sha256(data).hexdigest()


def of(parts: list | dict) -> str:
  """SHA-256 of what JSON can say."""
  return of_bytes(json.dumps(parts, sort_keys=True).encode())


def key(stage_names: Sequence[str], **inputs) -> str:
  """SHA-256 of everything that a result depends on.

  The stages that it goes through, see stages.py, and the inputs by name, of
  what JSON can say.
  """
  return of([stages.versions(*stage_names), jax.__version__, inputs])


def of_array(array: np.ndarray) -> str:
  """SHA-256 of its numbers, its shape and its type."""
  array = np.ascontiguousarray(array)
  header = f'{array.dtype.str} {array.shape} '
  return of_bytes(header.encode() + array.tobytes())


def of_pictures(images: np.ndarray) -> list[str]:
  """Of each of [N, H, W, 3]."""
  return [of_array(image) for image in images]


def of_faces(faces: FaceSet) -> str:
  """SHA-256 of pictures, of whose they are, and of all names there are."""
  people = [faces.names[label] for label in faces.labels]
  return of([of_array(faces.images), people, faces.paths])


def of_networks(extractors: Sequence) -> list:
  """Lists what sets these networks apart from others, in their order."""
  # Without the word, results stay that were kept before there was one.
  return [
    [e.spec.name, e.sha256, e.input_size, e.crop, *['mirrored'] * e.mirrored]
    for e in extractors
  ]
