"""What each of the config's adversaries trains with: networks and filters."""

import functools
import pathlib
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

import config_fields
import numpy as np
from progress import over
from public_people import PublicPeople
from settings import TRAINED, Settings, make_squeezer

from fr_poison import checkpoints, extractors, keys
from fr_poison.adversaries import (
  adversarial_training,
  combining,
  purifying,
)
from fr_poison.data.faces import FaceSet
from fr_poison.recognizers.end_to_end import Public
from fr_poison.training import Recipe, Trainer, variables
from fr_poison.training import run as training_run
from fr_poison.types import InputError

_STAGES = ('NETWORKS', 'TRAININGS')


class Reply(NamedTuple):
  """A trainer's network, and what they do to all pictures before it."""

  adversary: str  # '' for the one who waits: baseline or oblivious
  network: str
  extractor: extractors.Extractor
  squeezer: purifying.Purifier = purifying.nothing
  public: Public | None = None  # what end_to_end learns from besides
  trained_on: dict | None = None  # see `check_unseen`

  @property
  def key(self) -> tuple[str, str]:
    """No two replies of a run have the same."""
    return self.adversary, self.network

  @property
  def keys(self) -> tuple[tuple[str, str], ...]:
    """Of all replies that it takes: this one."""
    return (self.key,)


class Combination(NamedTuple):
  """Two replies, and the rule by which their rankings become one."""

  adversary: str
  network: str
  accurate: tuple[str, str]
  robust: tuple[str, str]
  combine: Callable
  recognizers: tuple[str, ...]

  @property
  def keys(self) -> tuple[tuple[str, str], ...]:
    """Of the replies that it takes."""
    return self.accurate, self.robust


def make(
  settings: Settings,
  networks: dict,
  public: PublicPeople,
  workdir: pathlib.Path,
  given: Sequence[Reply] = (),
  *,
  wanted: Container[tuple[str, str]] | None = None,
) -> tuple[list[Reply], list[Combination]]:
  """All that the config's adversaries answer with; trains what is missing.

  Args:
    settings: of the run.
    networks: the shipped extractors, by name.
    public: the trainers' material.
    workdir: where they train.
    given: of `load_checkpoint`, instead of one that would be trained, or
      beside all others.
    wanted: keys of the replies whose networks are trained; the others' are
      left as they are. None for all.
  """
  replies, given = [], {reply.key: reply for reply in given}
  learns_more = settings.recognizers.get('end_to_end', {}).get('public')
  if 'oblivious' in settings.adversaries:
    replies += [Reply('', name, networks[name]) for name in settings.networks]
  for name in TRAINED:
    adversary = settings.adversaries.get(name, {})
    for network in adversary.get('networks', ()):
      extractor, extra = networks[network], None
      is_wanted = wanted is None or (name, network) in wanted
      if (name, network) in given:
        extractor = given.pop((name, network)).extractor
      elif is_wanted:
        extractor, _ = train(settings, name, extractor, public, workdir)
      if is_wanted and learns_more:
        extra = Public(*public.training_set(adversary))
      replies.append(Reply(name, network, extractor, public=extra))
  replies += given.values()
  squeezing = settings.adversaries.get('squeezing', {})
  for label, filters in squeezing.get('filters', {}).items():
    squeezer = make_squeezer(label, filters)
    replies += [
      Reply(f'squeezing {label}', name, networks[name], squeezer)
      for name in squeezing['networks']
    ]
  return replies, _combinations(settings, replies, public)


def load_checkpoint(settings: Settings) -> Reply | None:
  """The network of `config.extractor.checkpoint`, if there is one.

  Raises:
    InputError: it cannot be loaded.
  """
  path = settings.extractor.get('checkpoint')
  if not path:
    return None
  with config_fields.naming('config.extractor.checkpoint'):
    extractor = extractors.load(path)
    _, description = checkpoints.read(path)
  adversary, network = description.get('adversary') or '', extractor.spec.name
  if adversary not in TRAINED:
    # Not to be taken for the shipped network of that name.
    network = f'{network} {extractor.sha256[:8]}'
  seen = description.get('trained_on')
  return Reply(adversary, network, extractor, trained_on=seen)


def check_unseen(
  settings: Settings, reply: Reply | None, faces: FaceSet
) -> None:
  """Refuses a checkpoint that was trained on pictures to be evaluated.

  Pictures are compared by their content: names of people and of data sets say
  nothing. A network from elsewhere, which nothing is known of, is taken.

  Args:
    settings: of the run.
    reply: of `load_checkpoint`.
    faces: the people evaluated.

  Raises:
    InputError: it was, or it does not say on which pictures it was trained.
  """
  seen = reply and reply.trained_on
  if not seen:
    return
  path = settings.extractor['checkpoint']
  if 'pictures' not in seen:
    raise InputError(
      f'config.extractor.checkpoint: {path} does not say which pictures it was '
      'trained on; train it with this version'
    )
  known = set(seen['pictures'])
  digests_ = short_digests(faces)
  shared = [p for p, d in zip(faces.paths, digests_, strict=True) if d in known]
  if shared:
    raise InputError(
      f'config.num_public: {settings.num_public}, but {path} was trained on '
      f'{len(shared)} of the pictures that are evaluated, as {shared[0]}'
    )


def trained_on(faces: FaceSet) -> dict:
  """What a checkpoint says of its people, so that `check_unseen` knows them."""
  return {
    'num_people': len(np.unique(faces.labels)),
    'pictures': sorted(short_digests(faces)),
  }


def short_digests(faces: FaceSet) -> list[str]:
  """Of each picture enough to know it again among millions."""
  return [digest[:12] for digest in keys.of_pictures(faces.images)]


def train(
  settings: Settings,
  adversary: str,
  extractor: extractors.Extractor,
  public: PublicPeople,
  workdir: pathlib.Path,
  *,
  tensorboard: bool = False,
) -> tuple[extractors.Extractor, pathlib.Path]:
  """The network fine-tuned on public people; goes on after a stop.

  Args:
    settings: of the run.
    adversary: one of `TRAINED`.
    extractor: where it starts.
    public: the trainer's material.
    workdir: gets trained/<adversary>-<network>-<key>/.
    tensorboard: write event files, too.

  Returns:
    The network, and the checkpoints that `extractors.load` takes.
  """
  chosen = settings.adversaries[adversary]
  recipe = Recipe.from_config(chosen['training'])
  images, labels = public.training_set(chosen)
  wrap = lambda step: step
  if adversary == 'adversarial_training':
    attack = adversarial_training.make_attack(
      extractor.embed_fn, recipe.make_head(), **chosen['attack']
    )
    wrap = lambda step: adversarial_training.wrap_with_attack(
      step, attack, chosen['share']
    )
  trainer = Trainer(
    recipe,
    extractor,
    num_classes=int(labels.max()) + 1,
    num_images=len(labels),
    wrap=wrap,
  )
  network = extractor.spec.name
  # Everything the result depends on: with another key it is another training.
  key = training_key(settings, adversary, extractor, images, labels)
  folder = workdir / 'trained' / f'{adversary}-{network}-{key[:12]}'
  state = training_run.run(
    trainer,
    trainer.sampler(images, labels),
    folder,
    description={
      'network': {'name': network, 'input_size': extractor.input_size},
      'adversary': adversary,
      'attacks': list(chosen.get('attacks', ())),
      'surrogates': list(chosen.get('surrogates', settings.surrogates)),
      'trained_on': trained_on(public.faces),
      'key': key,
    },
    label=f'{adversary} {network}',
    tensorboard=tensorboard,
    progress=over,
  )
  trained = extractors.with_params(
    network, variables(state), input_size=extractor.input_size
  )
  return trained, folder / 'checkpoints'


def training_key(
  settings: Settings,
  adversary: str,
  extractor: extractors.Extractor,
  images: np.ndarray,
  labels: np.ndarray,
) -> str:
  """Of everything that a network trained by `train` depends on."""
  return keys.key(
    _STAGES,
    adversary=adversary,
    settings=settings.adversaries[adversary],
    network=keys.of_networks([extractor]),
    images=keys.of_array(images),
    labels=keys.of_array(labels),
  )


def _combinations(settings, replies, public) -> list[Combination]:
  found = []
  for name in ('top2', 'threshold'):
    chosen = settings.adversaries.get(name)
    if not chosen:
      continue
    accurate = '', chosen['accurate']
    robust = [r.key for r in replies if r.adversary == chosen['robust']]
    for key in robust:
      combine, recognizers = combining.top2, tuple(settings.recognizers)
      if name == 'threshold':
        # A distance is the nearest neighbour's; others have none.
        recognizers = ('nearest_neighbor',)
        combine = functools.partial(
          combining.threshold,
          minimum_score=combining.calibrate(
            public.clean(chosen['accurate']),
            public.faces.labels,
            normalize=settings.recognizers['nearest_neighbor'].get(
              'normalize', False
            ),
            quantile=chosen['quantile'],
          ),
        )
      label = ' + '.join(dict.fromkeys((accurate[1], key[1])))
      found.append(
        Combination(name, label, accurate, key, combine, recognizers)
      )
  return found
