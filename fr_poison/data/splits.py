"""Which pictures train the recognizer and which judge it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fr_poison.types import InputError


class Split(NamedTuple):
  """Indices into one set of pictures, sorted, without overlap."""

  train: np.ndarray
  test: np.ndarray


def split_per_person(
  labels: np.ndarray,
  test_fraction: float = 0.3,
  seed: int = 0,
  names: Sequence[str] | None = None,
) -> Split:
  """Holds out a random share of every person's pictures.

  A person's draw depends on the seed, his label and his number of pictures
  only, so it stays the same when others join or leave.

  Args:
    labels: int [N].
    test_fraction: in (0, 1); rounded down, at least one picture, never all.
    seed: not negative.
    names: the people, for the message.

  Returns:
    Every index once, in `train` or in `test`.

  Raises:
    InputError: a person with fewer than 2 pictures, or a value out of range.
  """
  if not 0 < test_fraction < 1:
    raise InputError(f'test_fraction: expected in (0, 1), got {test_fraction}')
  if seed < 0:
    raise InputError(f'seed: expected 0 or more, got {seed}')
  labels = np.asarray(labels)
  is_test = np.zeros(len(labels), bool)
  for label in np.unique(labels):
    indices = np.flatnonzero(labels == label)
    count = len(indices)
    if count < 2:
      person = names[label] if names is not None else f'label {label}'
      raise InputError(f'{person}: {count} picture, at least 2 needed')
    # .29 * 100 is 28.999999999999996.
    num_test = min(max(int(test_fraction * count + 1e-9), 1), count - 1)
    order = np.random.default_rng([seed, label]).permutation(count)
    is_test[indices[order[:num_test]]] = True
  return Split(np.flatnonzero(~is_test), np.flatnonzero(is_test))
