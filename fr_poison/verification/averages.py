"""One embedding of several pictures: of a template, of a mirror image."""

import numpy as np

from fr_poison.distances import normalize
from fr_poison.types import Array, Embeddings


def templates(
  embeddings: Embeddings, template_ids: Array, media_ids: Array
) -> tuple[np.ndarray, np.ndarray]:
  """One unit embedding per template, as IJB's protocols compare.

  The mean of a template's media, each of which is the mean of its pictures
  (a video's frames): insightface's `image2template_feature`.

  Args:
    embeddings: [N, D]; normalised by the caller if long ones shall not weigh
      more.
    template_ids: [N] int; a picture of several templates is there as often.
    media_ids: [N] int.

  Returns:
    The templates' ids [T], sorted, and [T, D].
  """
  media, index = np.unique(
    np.stack([template_ids, media_ids]), axis=1, return_inverse=True
  )
  means = _means(embeddings, index.ravel())
  ids, index = np.unique(media[0], return_inverse=True)
  return ids, normalize(_means(means, index))


def flip_average(embeddings: Embeddings, mirrored: Embeddings) -> np.ndarray:
  """Of pictures and of their mirror images, [N, D] each: the sums, as units.

  As insightface's `verification.py` and LowKey's evaluation have it.
  """
  return normalize(embeddings + mirrored)


def _means(values, index):
  """Of the rows that share an index 0, 1, ...: [max + 1, D]."""
  sums = np.zeros((index.max() + 1, values.shape[1]))
  np.add.at(sums, index, values)
  return sums / np.bincount(index)[:, None]
