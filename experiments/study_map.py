"""What a study's page shows besides numbers: pictures, a map of one face."""

from collections.abc import Iterable

import evaluate
import numpy as np
from judge import Cell, Judge
from scraped import Scraped
from study_cells import Version
from study_plan import Plan

from fr_poison import extractors
from fr_poison.report import figures, page

_NUM_NEIGHBOURS = 3  # people nearest to the clean pictures, and to the cloaked


def embedding_map(judge: Judge, cell: Cell, scraped: Scraped) -> dict:
  """The record field `embedding_map` of the first protected person.

  Args:
    judge: of the cell.
    cell: whose network is shown.
    scraped: the version of the pictures.
  """
  scene, reply = judge.scene, cell.reply
  person, labels = scene.protected[0], scene.faces.labels
  own = scene.to_cloak[labels[scene.to_cloak] == person]
  clean = judge.clean(reply)
  cloaked = extractors.embed(
    reply.extractor, scraped.images[own], scene.settings.batch_size
  )
  people = np.setdiff1d(np.unique(labels), [person])
  centres = np.stack([clean[labels == p].mean(0) for p in people])
  near = set()
  for embeddings in (clean[own], cloaked):
    distances = np.linalg.norm(centres - embeddings.mean(0), axis=1)
    near |= set(people[np.argsort(distances)[:_NUM_NEIGHBOURS]].tolist())
  others = clean[np.isin(labels, sorted(near))]
  return figures.project(clean[own], cloaked, others)


def strips(plan: Plan, versions: Iterable[Version]) -> list[page.Strip]:
  """Pictures before and after each cloak."""
  return [
    evaluate.show(
      plan.scene,
      scraped.fields['attack'],
      version.surrogate,
      evaluate.budget(plan.scene.settings.attacks[version.label]),
      scraped.images,
    )
    for version in versions
    for scraped in [plan.pictures(version)]
  ]
