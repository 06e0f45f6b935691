"""The trainer who uses the public tools, too.

They cloak pictures of people whose clean ones they know, give clean and cloaked
ones their true names, and train a network to keep these people apart all the
same. What it learns to look through are cloaks, not those people's alone
(Radiya-Dixit et al., ICLR 2022; their train_robust_features.py). At most half
of the people are their material, and nobody they are judged on is among them.
Head and loss are `training`'s (`match` takes pictures in the place of names);
then the head is dropped and the features serve any recognizer.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8

from fr_poison.types import InputError, Labels, UInt8Images


def training_set(
  clean: UInt8Images, cloaked: Sequence[UInt8Images], labels: Labels
) -> tuple[UInt8[np.ndarray, 'M H W 3'], Int[np.ndarray, ' M']]:
  """Puts every version of every public picture under its true name.

  Args:
    clean: the public people's pictures.
    cloaked: the same pictures as each tool gives them back.
    labels: whose they are.

  Returns:
    Of M = (1 + tools) N versions, pictures and labels.

  Raises:
    InputError: a tool gave other pictures than it was given.
  """
  for i, images in enumerate(cloaked):
    if images.shape != clean.shape or images.dtype != clean.dtype:
      raise InputError(
        f'cloaked[{i}]: {images.dtype} {list(images.shape)}, expected '
        f'{clean.dtype} {list(clean.shape)}'
      )
  versions = [clean, *cloaked]
  return np.concatenate(versions), np.tile(labels, len(versions))
