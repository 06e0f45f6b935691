"""A threshold that all public people have a part in, and nobody twice.

What a detector says of pictures that it learnt from is no guide to strangers,
and a few people who are kept from it decide too much: which four are left out
moved one detector's recall from .01 to .94. So every person is judged by a
detector that the others taught, the threshold is chosen on all of that, and
the detector that is used has learnt from everybody.
"""

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from fr_poison import checks
from fr_poison.detectors import base
from fr_poison.extractors import Extractor
from fr_poison.types import Labels, UInt8Images


class CrossFitted(NamedTuple):
  """A detector, and what others like it said of clean pictures.

  Attributes:
    detector: which learnt from everybody.
    scores: of clean pictures, each by a detector that learnt from nobody
      in its fold.
    folds: the number of each.
  """

  detector: base.Detector
  scores: Float64[np.ndarray, ' M']
  folds: Int[np.ndarray, ' M']

  def threshold(self, false_positive_rate: float) -> float:
    """Chooses one on all scores, as `base.threshold`."""
    return base.threshold(self.scores, false_positive_rate)

  def thresholds(self, false_positive_rate: float) -> list[float]:
    """Chooses one on each fold's scores alone: how far they lie apart."""
    return [
      base.threshold(self.scores[self.folds == fold], false_positive_rate)
      for fold in np.unique(self.folds)
    ]


@checks.checked
def cross_fit(
  recipe: base.Recipe,
  clean: UInt8Images,
  *cloaked: UInt8Images,
  users: Labels,
  num_folds: Annotated[int, checks.Range(2, is_whole=True)],
  every: checks.Count = 1,
  extractor: Extractor | None = None,
  folder: Path | None = None,
) -> CrossFitted:
  """Fits a recipe to everybody, and once more without each fold of people.

  Args:
    recipe: of the detector.
    clean: pictures without a cloak.
    *cloaked: the same pictures by each tool.
    users: whose they are. People are dealt to the folds in rising order.
    num_folds: 2 or more, at most one a person.
    every: of so many clean pictures one is scored, where that takes long; all
      are where the recipe is `base.Described`.
    extractor: as in `Recipe.fit`.
    folder: likewise.

  Raises:
    InputError: num_folds out of range; as `Recipe.fit`.
  """
  extractor = recipe.prepare(clean, cloaked, extractor)
  people, person = np.unique(users, return_inverse=True)
  checks.whole('num_folds', num_folds, 2, len(people))
  known, size = [clean, *cloaked], clean.shape[1:3]
  if is_described := isinstance(recipe, base.Described):
    known, every = [recipe.describe(x, extractor) for x in known], 1

  def fit(rows):
    given = [x[rows] for x in known]
    if is_described:
      model = recipe.learn(given[0], given[1:])
      return model, recipe.judge(model, extractor, size)
    detector = recipe.fit(*given, extractor=extractor, folder=folder)
    return detector.score, detector

  rows = np.arange(0, len(clean), every)
  folds, scores = (person % num_folds)[rows], np.zeros(len(rows))
  for fold in np.unique(folds):
    score, _ = fit(person % num_folds != fold)
    scores[folds == fold] = score(known[0][rows[folds == fold]])
  _, detector = fit(slice(None))
  return CrossFitted(detector, scores, folds)
