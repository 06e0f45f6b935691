"""Stored pictures through a network, a fixed number at a time."""

import functools

import jax
import numpy as np

from fr_poison.data.batches import (
  Progress,
  map_batches,
  pictures_a_call,
  silent,
)
from fr_poison.extractors.registry import Extractor
from fr_poison.types import Embeddings, InputError, calling

# With 20, mobileface and dlib_resnet would embed many a fifth faster (faceres
# would not), and all of them one picture as slowly as 20.
CPU_BATCH = 8


def embed(
  extractor: Extractor,
  images: np.ndarray,
  batch_size: int = 20,
  progress: Progress = silent,
) -> Embeddings:
  """Embeds uint8 pictures [N, H, W, 3], N at least 1: gives [N, D].

  Args:
    extractor: the network; of one graph, any weights share a program.
    images: the pictures.
    batch_size: pictures at a time on an accelerator; on CPU it changes
      nothing.
    progress: is given the loop over batches; see `data.batches.silent`.

  Raises:
    InputError: the network gives something else than [B, D]. What it raises
      itself passes through, with a note.
  """
  return map_batches(
    lambda batch: _embed(extractor.embed_fn, extractor.params, batch),
    images,
    pictures_a_call(batch_size, CPU_BATCH),
    progress,
  )


@functools.partial(jax.jit, static_argnums=0)
def _embed(embed_fn, params, images):
  with calling('extractor.embed_fn'):
    embeddings = embed_fn(params, images)
  shape = getattr(embeddings, 'shape', ())
  if len(shape) != 2 or shape[0] != len(images):
    raise InputError(
      f'extractor.embed_fn: gave {type(embeddings).__name__} {list(shape)}; '
      f'one array [{len(images)}, D] expected'
    )
  return embeddings
