"""What each of the config's adversaries trains with: networks and filters."""

import functools
import pathlib
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

import config_fields
import digests
import jax
import training_run
from public_people import PublicPeople
from settings import TRAINED, Settings, make_squeezer

from fr_poison import checkpoints, extractors
from fr_poison.adversaries import (
  adversarial_training,
  combining,
  purifying,
)
from fr_poison.recognizers.end_to_end import Public
from fr_poison.training import Recipe, Trainer, variables
from fr_poison.types import InputError

_SOURCES = (
  'training/*.py',
  'adversaries/adversarial_training.py',
  'extractors/*.py',
  'layers/*.py',
)


class Reply(NamedTuple):
  """A trainer's network, and what he does to all pictures before it."""

  adversary: str  # '' for the one who waits: baseline or oblivious
  network: str
  extractor: extractors.Extractor
  squeezer: purifying.Purifier = purifying.nothing
  public: Public | None = None  # what end_to_end learns from besides

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
    InputError: it cannot be loaded, or was trained on people that the config
      evaluates.
  """
  path = settings.extractor.get('checkpoint')
  if not path:
    return None
  with config_fields.naming('config.extractor.checkpoint'):
    extractor = extractors.load(path)
    _, description = checkpoints.read(path)
  seen = description.get('trained_on', {})
  number = seen.get('num_people', 0)
  if seen.get('dataset') == settings.dataset and number > settings.num_public:
    raise InputError(
      f'config.num_public: {settings.num_public}, but {path} was trained on '
      f'the first {number} people, who cannot be evaluated as well'
    )
  adversary, network = description.get('adversary') or '', extractor.spec.name
  if adversary not in TRAINED:
    # Not to be taken for the shipped network of that name.
    network = f'{network} {extractor.sha256[:8]}'
  return Reply(adversary, network, extractor)


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
  key = digests.of(
    [
      digests.of_code(*_SOURCES),
      jax.__version__,
      chosen,
      extractor.sha256,
      extractor.input_size,
      digests.of_bytes(images.tobytes() + labels.tobytes()),
    ]
  )
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
      'trained_on': {
        'dataset': settings.dataset,
        'num_people': settings.num_public,
      },
      'key': key,
    },
    label=f'{adversary} {network}',
    tensorboard=tensorboard,
  )
  trained = extractors.with_params(
    network, variables(state), input_size=extractor.input_size
  )
  return trained, folder / 'checkpoints'


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
