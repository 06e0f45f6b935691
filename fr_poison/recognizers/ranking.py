"""What every recognizer answers: the people it takes a picture for, in order.

And the checks that they share.
"""

from typing import NamedTuple

import numpy as np

from fr_poison.types import Array, Embeddings, InputError, Labels


class Ranking(NamedTuple):
  """The `top_k` likeliest people of each picture, all of them distinct."""

  labels: Labels  # [..., top_k], best first
  scores: Array  # [..., top_k], higher is surer; the recognizer says what


def check_top_k(top_k: int, num_people: int) -> None:
  """Refuses to name nobody, or more people than the gallery has.

  Raises:
    InputError: top_k outside [1, num_people].
  """
  if not 1 <= top_k <= num_people:
    raise InputError(
      f'top_k: {top_k}, expected from 1 to {num_people}, the number of people '
      'in the gallery'
    )


def check_embeddings(embeddings: Embeddings, name: str = 'embeddings') -> None:
  """Refuses what no recognizer can be fitted to.

  Args:
    embeddings: expected [N, D], finite.
    name: what to call them in the message.

  Raises:
    InputError: wrong rank, or NaN or infinite values.
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
