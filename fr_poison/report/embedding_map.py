"""One person's embeddings on a map: clean, cloaked, and the neighbours'."""

import numpy as np

from fr_poison.report import drawing, grid
from fr_poison.report.drawing import Drawing
from fr_poison.types import Embeddings, InputError

KINDS = ('neighbours', 'clean', 'cloaked')
_CAPTION = """\
Embeddings of one protected person's pictures, clean and cloaked, and of the
people nearest to either, on their first two principal components, which hold
{:.0f}% of the variance. Cloak: {}. Network: {}. A recognizer that learns from
the cloaked ones looks for the person where they are."""


def project(
  clean: Embeddings, cloaked: Embeddings, neighbours: Embeddings
) -> dict:
  """The record field `embedding_map`: two coordinates of each, and no faces.

  Principal components of all of them together (Pearson 1901).

  Args:
    clean: [N, D].
    cloaked: [N, D], of the same pictures.
    neighbours: [M, D], of other people.

  Raises:
    InputError: an array is empty or of another D.
  """
  parts = [np.asarray(x, np.float64) for x in (neighbours, clean, cloaked)]
  if len({x.shape[1:] for x in parts}) > 1 or not all(x.size for x in parts):
    shapes = [list(x.shape) for x in parts]
    raise InputError(f'embedding_map: expected [N, D] of each, got {shapes}')
  points = np.concatenate(parts)
  points -= points.mean(0)
  _, singular, axes = np.linalg.svd(points, full_matrices=False)
  share = np.sum(singular[:2] ** 2) / max(np.sum(singular**2), 1e-12)
  ends = np.cumsum([len(x) for x in parts])[:-1]
  split = np.split(points @ axes[:2].T, ends)
  places = {k: x.round(4).tolist() for k, x in zip(KINDS, split, strict=True)}
  return places | {'explained': float(share)}


def draw(records: list[dict]) -> Drawing | None:
  """The map of the cloak that protects best, of those with one.

  Args:
    records: as in `records`; `project` made one's field `embedding_map`.

  Returns:
    None where none has one.
  """
  records = [r for r in records if 'embedding_map' in r]
  if not records:
    return None
  record = max(records, key=lambda r: r['protection_rate'])
  places = record['embedding_map']
  figure, [[axis]] = drawing.axes(3.6, len(KINDS))
  for i, kind in enumerate(KINDS):
    style = drawing.look(i - 1) | {'linestyle': 'none'}
    if kind == 'neighbours':
      style |= {'color': drawing.GREY, 'marker': '.'}
    axis.plot(*np.transpose(places[kind]), label=kind, **style)
  axis.set_aspect('equal', adjustable='datalim')
  axis.set(xticklabels=[], yticklabels=[])
  drawing.legend(figure, axis)
  share = 100 * places['explained']
  centre = {k: np.mean(places[k], 0) for k in ('clean', 'cloaked')}
  moved = np.linalg.norm(centre['cloaked'] - centre['clean'])
  spread = np.linalg.norm(np.subtract(places['clean'], centre['clean']), axis=1)
  return Drawing(
    'embedding_map',
    'Where a cloak moves a face',
    _CAPTION.format(
      share,
      grid.attack_name(record['attack']),
      grid.clean(record['network']),
    ),
    f'The cloak moves the middle of the pictures by {moved:.3g}; clean ones '
    f'are {spread.mean():.3g} from theirs.',
    figure,
  )
