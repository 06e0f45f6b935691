"""People followed from picture to picture, from one clean picture of each.

DynTracker (arXiv 2501.06533, CCS 2025): whatever is recognised joins the
gallery, and what is asked about next is compared with that, too. Cloaks of one
person lie near each other, so that a first one that is recognised leads to the
others. Its authors let only *right* answers join, as nobody can who does not
know them: an oracle, and an upper bound. The honest form lets those join that
are near enough, right or wrong.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import distance

from fr_poison import checks, distances
from fr_poison.recognizers import linear
from fr_poison.recognizers.ranking import NOBODY, check_embeddings
from fr_poison.types import Array, Embeddings, Flags, InputError, Labels

Rows = Int[np.ndarray, ' _']

CLASSIFIERS = ('nearest_neighbor', 'linear')


@dataclasses.dataclass(frozen=True)
class Tracker:
  """What lets a picture join the gallery.

  Attributes:
    max_distance: see `follow`; None: the oracle.

  Raises:
    InputError: a distance below 0.
  """

  max_distance: checks.NotNegative | None = None

  def __post_init__(self):
    """Checks the distance."""
    checks.check_fields(self)


class Tracked(NamedTuple):
  """What pictures were taken for: one that has joined keeps its name."""

  labels: Int[Array, ' M']
  scores: Float[Array, ' M']  # of the classifier, when it joined or in the end
  rounds: Int[np.ndarray, ' M']  # when it joined; 0 for those that never did


@checks.checked
def follow(
  classifier: str,
  embeddings: Embeddings,
  labels: Labels,
  known: Int[np.ndarray, ' K'],
  asked: Int[np.ndarray, ' M'],
  *,
  max_distance: checks.NotNegative | None = None,
  strangers: Float[Array, ' M'] | None = None,
  **settings,
) -> Tracked:
  """Asks about all pictures, lets some join the gallery, until none does.

  All pictures of a round are asked about before any joins, so that their order
  does not matter.

  Args:
    classifier: one of `CLASSIFIERS`.
    embeddings: of all pictures.
    labels: whose they are; of those asked about the oracle alone looks.
    known: rows of the gallery at the start.
    asked: rows, none of the others.
    max_distance: at length 1, which a picture has to be nearer to one of those
      that it is taken for; see `calibrate`. None: the oracle.
    strangers: distance from each picture asked about to the nearest one of
      somebody else's; nearer ones are taken for `NOBODY`, and do not join.
    **settings: of the classifier's `fit`: `normalize`; `C`, ...

  Raises:
    InputError: an unknown classifier or setting, a distance below 0, strangers
      for another one than nearest_neighbor; as the classifier's `fit`.
  """
  checks.known('classifier', classifier, CLASSIFIERS)
  embeddings = np.asarray(embeddings, np.float64)
  check_embeddings(embeddings)
  rows, truth = np.concatenate([known, asked]), np.asarray(labels)[asked]
  names = np.asarray(labels)[rows]
  names[len(known) :] = NOBODY
  is_in = np.arange(len(rows)) < len(known)
  shown, units = embeddings[rows], distances.normalize(embeddings[rows])
  apart = distance.cdist(units, units[len(known) :])
  if classifier == 'linear':
    if strangers is not None:
      raise InputError('strangers: of nearest_neighbor alone')
    ask = _linear(shown, len(known), **settings)
  else:
    ask = _nearest(shown, apart, strangers, **settings)
  found, rounds = NOBODY + np.zeros_like(truth), np.zeros(len(asked), int)
  scores = np.full(len(asked), -np.inf)
  while True:
    rest = np.flatnonzero(rounds == 0)
    if not len(rest):
      break
    found[rest], scores[rest] = ask(is_in, names, len(known) + rest)
    if max_distance is None:
      joins = found[rest] == truth[rest]
    else:
      own = is_in[:, None] & (names[:, None] == found[rest])  # nobody's: none
      near = np.where(own, apart[:, rest], np.inf).min(0)
      joins = near < max_distance
    new = rest[joins]
    if not len(new):
      break
    names[len(known) + new], is_in[len(known) + new] = found[new], True
    rounds[new] = rounds.max() + 1
  return Tracked(found, scores, rounds)


@checks.checked
def calibrate(
  embeddings: Embeddings, labels: Labels, *, false_rate: checks.ShareBelowOne
) -> float:
  """Chooses the distance below which pictures may join, by other people.

  Of these people's pictures at most the share `false_rate` is nearer to one of
  somebody else: so many would join under a wrong name in a gallery as large.

  Args:
    embeddings: of people who are not tested.
    labels: whose they are.
    false_rate: in [0, 1).

  Returns:
    A `max_distance`, at length 1.

  Raises:
    InputError: false_rate outside [0, 1), fewer than two people, embeddings
      that are not finite.
  """
  embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
  check_embeddings(embeddings)
  if len(np.unique(labels)) < 2:
    raise InputError('labels: fewer than two people; nobody to confuse')
  units = distances.normalize(embeddings)
  apart = distance.cdist(units, units)
  apart[labels[:, None] == labels] = np.inf
  nearest = np.sort(apart.min(1))
  return float(nearest[int(false_rate * len(nearest))])


# (is_in [N], names [N], rows) -> labels and scores of the rows
_Ask = Callable[[Flags, Labels, Rows], tuple[Labels, Float[Array, ' N']]]


def _nearest(shown, apart, strangers, *, normalize: bool = False) -> _Ask:
  num_known = len(shown) - apart.shape[1]
  between = apart if normalize else distance.cdist(shown, shown[num_known:])

  def ask(is_in, names, rows):
    columns = rows - num_known
    mine = np.where(is_in[:, None], between[:, columns], np.inf)
    nearest, near = mine.argmin(0), mine.min(0)
    found = names[nearest]
    if strangers is not None:
      others = np.asarray(strangers)[columns]
      found = np.where(others < near, NOBODY, found)
      near = np.minimum(near, others)
    return found, -near

  return ask


def _linear(shown, num_known, **settings) -> _Ask:
  def ask(is_in, names, rows):
    model = linear.fit(shown, names, is_in, **settings)
    # All of them, so that one program will do.
    found = linear.rank(model, shown[num_known:])
    columns = rows - num_known
    return found.labels[columns, 0], found.scores[columns, 0]

  return ask
