"""What every detector is: pictures to scores, as a recipe learnt them.

A detector learns from public people's pictures, clean ones and ones that a
public tool cloaked, and is judged on other people's. It is given pictures and
never what they are; one picture's score does not depend on the others'.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Real, Shaped, UInt8

from fr_poison import checks, weights
from fr_poison.detectors import trunks
from fr_poison.extractors import Extractor
from fr_poison.recognizers import linear
from fr_poison.types import Array, InputError, UInt8Images, calling

ScoreFn = Callable[[UInt8Images], Real[np.ndarray, ' N']]
PurifyFn = Callable[[UInt8Images], UInt8Images]


@dataclasses.dataclass(frozen=True, eq=False)
class Detector:
  """Scores pictures; those of equal digests score alike.

  Attributes:
    score_fn: of one picture or more, higher where a cloak is likelier.
    name: of the kind of detector.
    features: what it looks at.
    digest: of what it learnt and of its settings, see `digest`.
    size: (H, W) of the pictures it can judge; None: of any.
    purify_fn: takes away from pictures what it takes for a cloak.
    network: the score as a network's one output [B, 1], with gradients.
    is_log_odds: whether the score is a classifier's, who above 0 takes the
      picture for cloaked; others need a threshold.
  """

  score_fn: ScoreFn
  name: str
  features: str
  digest: str
  size: tuple[int, int] | None = None
  purify_fn: PurifyFn | None = None
  network: Extractor | None = None
  is_log_odds: bool = False

  def score(self, images: UInt8Images) -> Float64[np.ndarray, ' N']:
    """Scores pictures.

    Raises:
      InputError: they are not that, or of another size; or `score_fn` gave
        something else than a number a picture.
    """
    check_pictures(images, size=self.size)
    if not len(images):
      return np.zeros(0)
    with calling('score'):
      scores = self.score_fn(images)
    if np.shape(scores) != (len(images),):
      raise InputError(
        f'score: gave {list(np.shape(scores))}; one number a picture '
        f'expected, [{len(images)}]'
      )
    return np.asarray(scores, np.float64)

  def purify(self, images: UInt8Images) -> UInt8Images:
    """Cleans pictures by `purify_fn`.

    Raises:
      InputError: they are not that, or of another size.
    """
    check_pictures(images, size=self.size)
    return self.purify_fn(images) if len(images) else images


class Recipe:
  """How a detector is made: a dataclass of settings, each in its range.

  Each has a method `_fit(clean, cloaked, extractor, folder)`, which gets what
  `fit` has checked.

  Attributes:
    learns_from_cloaks: whether other cloaks make another detector.
  """

  learns_from_cloaks = True

  def __post_init__(self):
    """Checks every number."""
    checks.check_fields(self)

  def fit(
    self,
    clean: UInt8Images,
    *cloaked: UInt8[np.ndarray, 'M H W 3'],
    extractor: Extractor | None = None,
    folder: Path | None = None,
  ) -> Detector:
    """Makes the detector, of public people's pictures.

    Args:
      clean: pictures without a cloak.
      *cloaked: of each tool.
      extractor: the network `features`; None loads it by its name.
      folder: where networks are kept that are trained for it; None: nowhere.

    Raises:
      InputError: pictures that it cannot learn from, or a training that went
        astray.
    """
    extractor = self.prepare(clean, cloaked, extractor)
    return self._fit(clean, cloaked, extractor, folder)

  def prepare(
    self,
    clean: UInt8Images,
    cloaked: Sequence[UInt8[np.ndarray, '_ H W 3']],
    extractor: Extractor | None,
  ) -> Extractor | None:
    """Refuses pictures that `fit` cannot learn from; returns its network.

    Raises:
      InputError: naming what is wrong with them.
    """
    groups = {'clean': [clean]}
    if self.learns_from_cloaks:
      groups['cloaked'] = cloaked
    for name, group in groups.items():
      for images in group:
        check_pictures(images, name, np.shape(clean)[1:3])
      if not any(map(len, group)):
        raise InputError(f'{name}: no pictures to learn from')
      if name == 'cloaked' and any(np.array_equal(clean, x) for x in group):
        raise InputError('cloaked: not a pixel differs from the clean pictures')
    if isinstance(self, OnNetwork) and extractor is None:
      extractor = trunks.load(self.features)
    return extractor


@dataclasses.dataclass(frozen=True)
class OnNetwork(Recipe):
  """A recipe of a detector that looks at a network's embeddings.

  Attributes:
    features: the network's name, 'alexnet', 'vgg16' or one of
      `extractors.names()`.
  """

  features: str


Features = Float[Array, 'N F']  # numbers that describe a picture


class LogOdds(NamedTuple):
  """(features - mean) / scale @ weights + bias: ln p(cloaked) / p(clean)."""

  mean: Float[Array, ' F']
  scale: Float[Array, ' F']
  weights: Float[Array, ' F']
  bias: float

  @classmethod
  def fit(
    cls, clean: Features, cloaked: Float[Array, 'M F'], C: float = 1.0
  ) -> 'LogOdds':
    """Fits logistic regression to features.

    Raises:
      InputError: features that are not finite; C as in `linear.fit`.
    """
    labels = np.repeat([0, 1], [len(clean), len(cloaked)])
    model = linear.fit(np.concatenate([clean, cloaked]), labels, C=C)
    kernel, bias = (np.asarray(x, np.float64) for x in model[2:4])
    two = kernel[:, 1] - kernel[:, 0], bias[1] - bias[0]
    return cls(model.mean, model.scale, *two)

  def __call__(self, features: Features) -> Float64[np.ndarray, ' N']:
    """Scores features."""
    standard = (np.asarray(features, np.float64) - self.mean) / self.scale
    # Not a matrix product, whose last digit depends on the number of rows.
    return (standard * self.weights).sum(1) + self.bias


class Described(Recipe):
  """A recipe of logistic regression on numbers that describe a picture.

  Nothing is learnt for these, so whoever fits it several times describes each
  picture once. Each has `C`, as in `LogOdds.fit`, and two methods:
  `describe(images, extractor)` gives `Features` of `UInt8Images`, and
  `judge(model, extractor, size)` the detector of log-odds, for pictures of
  `size`.
  """

  def learn(
    self, clean: Features, cloaked: Sequence[Float[Array, '_ F']]
  ) -> LogOdds:
    """Fits log-odds to descriptions, the cloaked ones of each tool."""
    return LogOdds.fit(clean, np.concatenate(cloaked), self.C)

  def _fit(self, clean, cloaked, extractor, folder):
    found = [self.describe(x, extractor) for x in (clean, *cloaked) if len(x)]
    model = self.learn(found[0], found[1:])
    return self.judge(model, extractor, clean.shape[1:3])


@checks.checked
def threshold(
  scores_of_clean: Real[Array, ' N'], false_positive_rate: checks.ShareBelowOne
) -> float:
  """Chooses the smallest threshold that flags no larger share of clean ones.

  A picture is flagged when its score is above the threshold, not at it, so
  those of equal scores are flagged all or none. With fewer than
  1 / false_positive_rate pictures none is: the threshold is the highest score.

  Args:
    scores_of_clean: of people that the detector never saw.
    false_positive_rate: in [0, 1).

  Raises:
    InputError: no scores, scores that are not finite, or a rate out of range.
  """
  scores = np.sort(np.asarray(scores_of_clean, np.float64))[::-1]
  if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
    raise InputError(
      'scores_of_clean: expected [N] finite numbers, N at least 1'
    )
  # .29 * 100 is 28.999999999999996, but 29 / 100 is .29.
  shares = np.arange(len(scores)) / len(scores)
  return float(scores[np.flatnonzero(shares <= false_positive_rate)[-1]])


def digest(
  settings: Mapping[str, Any], arrays: Mapping[str, Shaped[Array, '...']]
) -> str:
  """Computes the SHA-256 of plain settings and of named arrays."""
  text = json.dumps(settings, sort_keys=True, default=dict)
  both = f'{text} {weights.digest(dict(arrays))}'
  return hashlib.sha256(both.encode()).hexdigest()


def check_pictures(
  images: Any,
  name: str = 'images',
  size: tuple[int, int] | None = None,
) -> None:
  """Refuses what is not uint8 [N, H, W, 3], or not of `size` (H, W).

  Raises:
    InputError: it is not, calling it `name`.
  """
  shape = np.shape(images)
  if len(shape) != 4 or shape[-1] != 3 or images.dtype != np.uint8:
    kind = getattr(images, 'dtype', type(images).__name__)
    raise InputError(
      f'{name}: expected uint8 [N, H, W, 3], got {kind} {list(shape)}'
    )
  if size is not None and shape[1:3] != tuple(size):
    raise InputError(
      f'{name}: pictures of {shape[1]}x{shape[2]}, expected '
      f'{size[0]}x{size[1]}, as it was trained on'
    )
