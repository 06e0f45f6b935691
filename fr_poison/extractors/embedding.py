"""Stored pictures through a network, a fixed number at a time."""

import functools

import jax
import numpy as np

from fr_poison.data.batches import map_batches, pictures_a_call
from fr_poison.extractors.registry import Extractor
from fr_poison.types import Embeddings

# With 20, mobileface and dlib_resnet would embed many a fifth faster (faceres
# would not), and all of them one picture as slowly as 20.
CPU_BATCH = 8


def embed(
  extractor: Extractor, images: np.ndarray, batch_size: int = 20
) -> Embeddings:
  """Embeds uint8 pictures [N, H, W, 3], N at least 1: gives [N, D].

  Args:
    extractor: the network; of one graph, any weights share a program.
    images: the pictures.
    batch_size: pictures at a time on an accelerator; on CPU it changes
      nothing.
  """
  return map_batches(
    lambda batch: _embed(extractor.embed_fn, extractor.params, batch),
    images,
    pictures_a_call(batch_size, CPU_BATCH),
  )


@functools.partial(jax.jit, static_argnums=0)
def _embed(embed_fn, params, images):
  return embed_fn(params, images)
