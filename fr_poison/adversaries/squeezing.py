"""The trainer who squeezes whatever he sees before he embeds it.

Gallery and probes go through the same filter, so that the little that it costs
on clean pictures is the same on both sides, while a cloak loses what it had in
fine grey levels, single pixels or colour (Xu, Evans and Qi, NDSS 2018, there
to detect; Liu et al., "Image shortcut squeezing", ICML 2023, to train). What
comes out goes to any recognizer, as in `oblivious`.
"""

from collections.abc import Callable

import numpy as np

from fr_poison.data.squeeze import Squeezer
from fr_poison.types import Embeddings


def embed(
  embed_images: Callable[[np.ndarray], Embeddings],
  squeeze: Squeezer,
  images: np.ndarray,
) -> Embeddings:
  """Embeddings [N, D] of squeezed pictures, clean and cloaked ones alike.

  Args:
    embed_images: uint8 [N, H, W, 3] -> [N, D].
    squeeze: one of `data.squeeze`.
    images: uint8 [N, H, W, 3].

  Raises:
    InputError: images are not that.
  """
  return embed_images(squeeze(images))
