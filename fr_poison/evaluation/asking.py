"""Asks recognizers whose each probe is, once for each protected person."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fr_poison.adversaries import detecting
from fr_poison.data.splits import Rows, Split
from fr_poison.evaluation.counting import NOBODY
from fr_poison.evaluation.views import Seen, View
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import Array, Labels

# Puts strangers who are nearer into a ranking of these probes.
Among = Callable[[Ranking, Seen], Ranking]


class Kept(NamedTuple):
  """What a detector leaves of the galleries."""

  rankings: list[Ranking]  # a split each, [P, T, top_k]
  counted: list[Bool[np.ndarray, 'P _']]  # likewise, whose person is enrolled
  rows: list[tuple[Split, int, Rows]]  # of each split and person


def ask(
  recognizer: ModuleType,
  view: View,
  labels: Labels,
  protected: Sequence[int],
  settings: dict,
  among: Among,
) -> list[Ranking]:
  """Ranks people for the probes of each split, [P, T, top_k].

  Args:
    recognizer: see `recognizers.ranking`.
    view: galleries and probes.
    labels: whose the pictures are.
    protected: the protected people's labels.
    settings: of the recognizer's `rank_protected`.
    among: see `Among`.
  """
  arrays = view.gallery, view.own
  if view.probes is view.gallery and view.cloaked_probes is None:
    found = recognizer.rank_protected(
      *arrays, labels, protected, view.splits, **settings
    )
    return [
      among(ranking, view.probes[split.test])
      for ranking, split in zip(found, view.splits, strict=True)
    ]
  # Probes that went another way stand behind all gallery pictures, and cloaked
  # ones behind those.
  behind, own = [view.probes], [np.zeros(0, int)] * len(view.splits)
  if view.cloaked_probes is not None:
    behind.append(view.cloaked_probes)
    own = [
      np.flatnonzero(np.isin(labels[split.test], protected))
      for split in view.splits
    ]
  number = len(labels)
  splits = [
    Split(train, np.append(test + number, test[places] + 2 * number))
    for (train, test), places in zip(view.splits, own, strict=True)
  ]
  found = recognizer.rank_protected(
    *(np.concatenate([array, *behind]) for array in arrays),
    np.tile(labels, 1 + len(behind)),
    protected,
    splits,
    **settings,
  )
  rankings = []
  pictures = np.concatenate([view.gallery, *behind])
  for ranking, split, places in zip(found, splits, own, strict=True):
    ranking = among(ranking, pictures[split.test])
    whose = labels[split.test % number]
    rankings.append(_in_their_turn(ranking, whose, protected, places))
  return rankings


def _in_their_turn(ranking, whose, protected, places):
  """Takes the answers for a person's cloaked probes in that person's turn."""
  number = len(whose) - len(places)
  is_own = whose[places] == np.asarray(protected)[:, None]
  parts = []
  for array in ranking:
    clean, cloaked = (np.array(x) for x in np.split(array, [number], 1))
    clean[:, places] = np.where(is_own[..., None], cloaked, clean[:, places])
    parts.append(clean)
  return Ranking(*parts)


def ask_kept(
  recognizer: ModuleType,
  view: View,
  labels: Labels,
  protected: Sequence[int],
  settings: dict,
  among: Among,
  scores: Callable[[int], Float[Array, ' N']],
  threshold: float,
) -> Kept:
  """Does the same with galleries from which a detector's finds are dropped.

  Args:
    recognizer: as of `ask`.
    view: likewise.
    labels: likewise.
    protected: likewise.
    settings: of the recognizer's `fit`, and `top_k`.
    among: likewise.
    scores: gives the detector's scores in a person's turn.
    threshold: a score that equals it is kept.
  """
  settings = dict(settings)
  top_k = settings.pop('top_k', 1)
  result = Kept([], [], [])
  for split in view.splits:
    found, enrolled = [], []
    for person in protected:
      shown, probes = view.of_person(labels == person)
      kept, _ = detecting.filter_scrape(
        scores(person), threshold, labels, split.train
      )
      known, asked = (shown[kept], labels[kept]), probes[split.test]
      named = _named(recognizer, known, asked, top_k, settings)
      # Where everybody's probes are the same, strangers are looked for once.
      is_own = view.cloaked_probes is not None
      found.append(among(named, asked) if is_own else named)
      enrolled.append(np.isin(labels[split.test], labels[kept]))
      result.rows.append((split, person, kept))
    ranking = Ranking(*map(np.stack, zip(*found, strict=True)))
    if view.cloaked_probes is None:
      ranking = among(ranking, view.probes[split.test])
    result.rankings.append(ranking)
    result.counted.append(np.stack(enrolled))
  return result


def _named(recognizer, gallery, probes, top_k, settings) -> Ranking:
  """A ranking [T, top_k] by a gallery of any size; padded with nobody."""
  people = np.unique(gallery[1])
  shape = len(probes), top_k
  named = np.full(shape, NOBODY), np.full(shape, -np.inf)
  if len(people) == 1:
    named[0][:, 0] = people[0]
  elif len(people) and len(probes):
    depth = min(top_k, len(people))
    model = recognizer.fit(*gallery, **settings)
    for whole, part in zip(
      named, recognizer.rank(model, probes, depth), strict=True
    ):
      whole[:, :depth] = part
  return Ranking(*named)
