"""What every recognizer answers: the people it takes a picture for, in order.

A recognizer is a module with `fit(gallery, labels, **settings)`, which gives a
model, and `rank(model, probes, top_k)`. Galleries and probes are embeddings,
or uint8 pictures for `end_to_end`. And there is what the protection rate is
measured with::

  rank_protected(clean, cloaked, labels, protected, splits, *, top_k, ...)

It ranks as `fit` and `rank` would, one protected person at a time: the gallery
of split s and person p is everybody's clean training pictures with the rows of
p cloaked. Of `cloaked`, only the protected people's training rows are looked
at. It gives one Ranking a split, [P, number of test pictures, top_k].
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from fr_poison.types import Array, Embeddings, InputError

NOBODY = -1  # nobody's label


class Ranking(NamedTuple):
  """The `top_k` likeliest people of each picture, all of them distinct."""

  labels: Int[Array, '... top_k']  # best first
  scores: Real[Array, '... top_k']  # higher is surer; the recognizer says what


def check_embeddings(embeddings: Embeddings, name: str = 'embeddings') -> None:
  """Refuses what no recognizer can be fitted to.

  Raises:
    InputError: not [N, D], or NaN or infinite values; names the row.
  """
  if np.ndim(embeddings) != 2:
    raise InputError(
      f'{name}: expected [N, D], got {list(np.shape(embeddings))}'
    )
  finite = np.isfinite(np.asarray(embeddings)).all(1)
  if not finite.all():
    raise InputError(
      f'{name}: NaN or infinite values in row {np.argmin(finite)}'
    )
