"""What a run starts from: people, networks, and what the config does with them.

Read by evaluate.py, distractors.py, train_robust.py and study.py.
"""

import pathlib
import sys
from collections.abc import Iterator
from typing import NamedTuple

import config_fields
import network_loader
import numpy as np
import people
import progress
import trained_surrogates
from settings import Settings, members

from fr_poison import checkpoints, evaluation, extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import learning, oddities, publishing
from fr_poison.text import show
from fr_poison.types import InputError


class Inputs(NamedTuple):
  """People and networks, before anybody has cloaked anything."""

  settings: Settings  # with the numbers of people that were found
  networks: dict[str, extractors.Extractor]
  protocol: evaluation.Protocol
  public: learning.PublicPeople
  fields: dict  # of all records, about the pictures
  left_out: list[list[str]]  # pictures that cannot be used, and reasons


def load(
  settings: Settings, data_dir: str | None, folder: pathlib.Path
) -> Inputs:
  """Reads the config's people, groups of one draw, and its networks.

  What is odd goes to stderr, after who was understood.

  Args:
    settings: of the run.
    data_dir: the data set's own folders, or None.
    folder: gets what is kept of public people and strangers.

  Raises:
    InputError: there are fewer, or the config is strict and pictures are left
      out, there twice, seem to be BGR, or of other people than their folders
      say.
  """
  networks = load_networks(settings)
  found = _find_people(settings, data_dir)
  settings = settings.for_people(len(np.unique(found.faces.labels)))
  public, targets, faces = people.groups(
    found.faces, settings.num_public, settings.num_targets
  )
  warnings = found.warnings + oddities.twins(faces)
  warnings += oddities.exchanged_colours(found.faces)
  if settings.dataset == 'folder':  # The others' people are known.
    warnings += oddities.doubts(found.faces, settings.batch_size)
  if settings.strict and warnings:
    raise InputError(f'config.strict: {warnings[0]}')
  for text in warnings:
    show(f'note: {text}', file=sys.stderr)
  candidates = targets if settings.num_targets else public
  networks = on_frame(networks, faces)
  return Inputs(
    settings,
    networks,
    draw_protocol(
      settings, faces, candidates, folder, strangers=found.strangers
    ),
    public_people(settings, networks, public, candidates, folder),
    {'alignment': faces.alignment, 'warnings': warnings} | found.fields,
    found.left_out,
  )


def _find_people(settings, data_dir):
  if settings.standard:
    return people.of_standard(settings, data_dir)
  return people.find(
    settings.dataset,
    settings.num_people,
    data_dir,
    'num_people',
    settings.seed,
    alignment=settings.align,
    strict=settings.strict,
    person_level=settings.person_level,
    min_pictures=settings.min_pictures,
  )


def load_networks(settings: Settings) -> dict[str, extractors.Extractor]:
  """Loads every network that the config names, but those it trains."""
  made = trained_surrogates.names(settings.adversaries)
  surrogates = [x for x in members(settings.surrogates) if x not in made]
  wanted = [*settings.trainers_networks, *surrogates]
  return {
    name: network_loader.load(
      name, settings.input_size.get(name.removesuffix(extractors.MIRRORED))
    )
    for name in dict.fromkeys(wanted)
  }


def on_frame(
  networks: dict[str, extractors.Extractor], faces: FaceSet
) -> dict[str, extractors.Extractor]:
  """Shows each network its own part of these pictures."""
  return {
    name: extractors.on_frame(network, faces.alignment)
    for name, network in networks.items()
  }


def draw_protocol(
  settings: Settings,
  faces: FaceSet,
  candidates: FaceSet,
  folder: pathlib.Path,
  protected: list[int] | None = None,
  strangers: FaceSet | None = None,
) -> evaluation.Protocol:
  """Draws the splits and, unless they are given, the protected people.

  What is known of strangers is kept in `folder`.
  """
  return evaluation.Protocol.draw(
    faces,
    num_protected=settings.num_protected,
    protected=protected,
    num_splits=settings.num_splits,
    test_fraction=settings.test_fraction,
    targets=candidates,
    strangers=strangers,
    store=folder / 'embeddings',
    seed=settings.seed,
  )


def public_people(
  settings: Settings,
  networks: dict[str, extractors.Extractor],
  faces: FaceSet,
  candidates: FaceSet,
  folder: pathlib.Path,
) -> learning.PublicPeople:
  """Gathers the trainers' material; nothing is cloaked yet."""
  return learning.PublicPeople(
    faces,
    candidates,
    networks,
    settings.attacks,
    settings.surrogates,
    folder,
    settings.seed,
    settings.batch_size,
    progress.Progress,
    progress.over,
  )


def load_checkpoint(
  settings: Settings, faces: FaceSet
) -> evaluation.Trainer | None:
  """Loads the network of `config.extractor.checkpoint`, if there is one.

  Args:
    settings: of the run.
    faces: the people evaluated.

  Raises:
    InputError: it cannot be loaded, was trained on pictures that are
      evaluated, or does not say which it was trained on.
  """
  path = settings.extractor.get('checkpoint')
  if not path:
    return None
  with config_fields.naming('config.extractor.checkpoint'):
    extractor = extractors.on_frame(extractors.load(path), faces.alignment)
    description = checkpoints.find(path).description
  try:
    shared = learning.seen(description.get('trained_on'), faces)
  except InputError as error:
    raise InputError(f'config.extractor.checkpoint: {path} {error}') from error
  if shared:
    raise InputError(
      f'config.num_public: {settings.num_public}, but {path} was trained on '
      f'{len(shared)} of the pictures that are evaluated, as {shared[0]}'
    )
  adversary, network = description.get('adversary') or '', extractor.spec.name
  if adversary not in learning.TRAINED:
    # Not to be taken for the shipped network of that name.
    network = f'{network} {extractor.sha256[:8]}'
  return evaluation.Trainer(extractor, adversary, network)


def cloaks(
  inputs: Inputs, folder: pathlib.Path
) -> Iterator[tuple[str, str, evaluation.Scrape]]:
  """Makes every attack's cloaks on every surrogate, or reads those kept.

  Yields:
    The attack's label, the surrogate ('a', or 'a+b') and what is scraped.
  """
  settings, protocol = inputs.settings, inputs.protocol
  turns = sum(
    publishing.num_turns(protocol, label, chosen, settings.cloaks_probes)
    for label, chosen in settings.attacks.items()
  )
  shown = progress.Progress(len(settings.surrogates) * turns, 'person')
  for surrogate in settings.surrogates:
    for label, chosen in settings.attacks.items():
      found = evaluation.cloak(
        protocol,
        label,
        [inputs.networks[name] for name in surrogate.split('+')],
        probes=settings.cloaks_probes,
        folder=folder / 'cloaks' / f'{label}-{surrogate}',
        batch_size=settings.batch_size,
        progress=shown,
        **chosen,
      )
      yield label, surrogate, found
  shown.close()
