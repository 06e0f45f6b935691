"""A trainer who follows people, in every cell, from one clean picture each.

Of the protected person they know one picture that leaked, clean, of those in
the gallery, and of everybody else what the gallery has. What they ask about is
whatever else they scraped: all probes, and where the person's gallery is
cloaked (1A, 2A) those pictures, too, without their names.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from fr_poison.evaluation.views import View
from fr_poison.recognizers import tracking
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import Array, InputError, Labels


def ask_followed(
  classifier: str,
  view: View,
  labels: Labels,
  protected: Sequence[int],
  settings: dict,
  tracker: tracking.Tracker,
  *,
  is_scraped: bool,
  strangers: Callable[[Float[Array, 'M D']], Float[Array, ' M']] | None = None,
) -> list[Ranking]:
  """Names somebody for the probes of each split, [P, T, 1].

  Args:
    classifier: one of `tracking.CLASSIFIERS`.
    view: galleries and probes.
    labels: whose the pictures are.
    protected: the protected people's labels.
    settings: of the classifier's `fit`, and `top_k`.
    tracker: what lets a picture join the gallery.
    is_scraped: whether the person's gallery is cloaked, and asked about.
    strangers: says of embeddings how far the nearest stranger is; None: there
      are none.

  Raises:
    InputError: more than the first name, or neighbour, is asked for.
  """
  settings = dict(settings)
  for name in 'top_k', 'k':
    if settings.pop(name, 1) > 1:
      raise InputError(f'{name}: people are followed with 1 alone')
  clean, number = view.probes, len(labels)
  cloaked = clean if view.cloaked_probes is None else view.cloaked_probes
  shown = np.concatenate([view.gallery, view.own, clean, cloaked])
  near = None if strangers is None else strangers(shown)
  rankings = []
  for train, test in view.splits:
    found = []
    for person in protected:
      is_own = labels == person
      (first, *rest), others = train[is_own[train]], train[~is_own[train]]
      known = np.append(others, 2 * number + first)
      asked = test + np.where(is_own[test], 3, 2) * number
      if is_scraped:
        asked = np.append(asked, np.array(rest, int) + number)
      named = tracking.follow(
        *(classifier, shown, np.tile(labels, 4), known, asked),
        max_distance=tracker.max_distance,
        strangers=None if near is None else near[asked],
        **settings,
      )
      found.append([x[: len(test), None] for x in named[:2]])
    rankings.append(Ranking(*map(np.stack, zip(*found, strict=True))))
  return rankings
