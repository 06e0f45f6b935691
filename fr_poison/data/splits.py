"""Which pictures train the recognizer and which judge it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from fr_poison import checks
from fr_poison.types import InputError, Labels

Rows = Int[np.ndarray, ' _']  # which pictures of a set


class Split(NamedTuple):
  """Indices into one set of pictures, sorted, without overlap."""

  train: Rows
  test: Rows


@checks.checked
def split_per_person(
  labels: Labels,
  test_fraction: checks.Between = 0.3,
  seed: checks.Seed = 0,
  names: Sequence[str] | None = None,
) -> Split:
  """Holds out a random share of every person's pictures.

  A person's draw depends on the seed, the label and the number of pictures
  only, so it stays the same when others join or leave. The share is rounded
  down, is at least one picture, and never all.

  Args:
    labels: whose the pictures are; every index is in `train` or in `test`.
    test_fraction: the share.
    seed: of the draw.
    names: the people, for the message.

  Raises:
    InputError: a person with fewer than 2 pictures, or a value out of range.
  """
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
