"""Trainers who learn from public people what cloaks look like.

The paper's adaptive trainer (section 4.2) cloaks pictures of public people
with the tools that everybody has, and fine-tunes a network on them.
"""

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fr_poison import extractors, keys
from fr_poison.adversaries import (
  adaptive,
  adversarial_training,
  puface,
  purifying,
)
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation.protocol import Memory
from fr_poison.training import Recipe, heads, variables
from fr_poison.training import Trainer as Training
from fr_poison.training import run as training_run
from fr_poison.training.sampling import Stored
from fr_poison.types import InputError, Labels, UInt8Images

TRAINED = ('adaptive', 'adversarial_training')
_STAGES = ('NETWORKS', 'TRAININGS')
_NOT_LEARNT = ('networks', 'round')


@dataclasses.dataclass(frozen=True, eq=False)
class PublicPeople:
  """The people whose pictures the trainer has, clean and with cloaks.

  Attributes:
    faces: their pictures, labels from 0.
    candidates: the people that their cloaks may imitate: themselves, or others
      who are not evaluated.
    networks: extractors by name.
    attacks: settings of the public tools by label.
    surrogates: names of networks, or 'a+b', that the tools are run on.
    folder: gets public_cloaks/ and trained/.
    seed: of the cloaks.
    batch_size: pictures embedded at a time on an accelerator.
    progress: (number of people, unit) -> what hears of each person; None:
      nothing.
    shown: (label, unit) -> what shows a training's steps; None: nothing.
  """

  faces: FaceSet
  candidates: FaceSet
  networks: Mapping[str, extractors.Extractor]
  attacks: Mapping[str, dict]
  surrogates: Sequence[str]
  folder: pathlib.Path
  seed: int = 0
  batch_size: int = 20
  progress: Callable | None = None
  shown: Callable | None = None
  memory: Memory = dataclasses.field(default_factory=Memory, repr=False)

  def with_networks(
    self, trained: Mapping[str, extractors.Extractor]
  ) -> 'PublicPeople':
    """Returns the same people, and those networks that a surrogate names."""
    asked = '+'.join(self.surrogates).split('+')
    more = {name: x for name, x in trained.items() if name in asked}
    known = {**self.networks, **more}
    return dataclasses.replace(self, networks=known) if more else self

  def training_set(self, adversary: Mapping) -> tuple[UInt8Images, Labels]:
    """Returns what an adversary learns from: clean, and cloaked by each tool.

    Args:
      adversary: its settings; `attacks` on `surrogates`, of which none are
        needed and all are the default.
    """
    cloaked = self.cloaked(adversary)
    return adaptive.training_set(self.faces.images, cloaked, self.faces.labels)

  def cloaked(self, adversary: Mapping) -> list[UInt8Images]:
    """Returns the people's pictures as each of an adversary's tools gives them.

    Args:
      adversary: as of `training_set`.
    """
    tools = itertools.product(
      adversary.get('surrogates', self.surrogates), adversary.get('attacks', ())
    )
    return [
      self.memory.recall(tool, functools.partial(self._cloak, *tool))
      for tool in tools
    ]

  def _cloak(self, surrogate, attack):
    number = len(np.unique(self.faces.labels))
    progress = self.progress and self.progress(number, 'person')
    job = cloaking.Job(
      attack,
      self.attacks[attack],
      [self.networks[name] for name in surrogate.split('+')],
      self.candidates,
      self.seed,
    )
    cloaks = cloaking.cloak_people(
      job,
      self.faces,
      folder=self.folder / 'public_cloaks' / f'{attack}-{surrogate}',
      batch_size=self.batch_size,
      progress=progress,
    )
    if progress:
      progress.close()
    return cloaks.images


def train(
  kind: str,
  chosen: Mapping,
  extractor: extractors.Extractor,
  public: PublicPeople,
  *,
  tensorboard: bool = False,
) -> tuple[extractors.Extractor, pathlib.Path]:
  """Fine-tunes a network on public people's pictures; goes on after a stop.

  Args:
    kind: one of `TRAINED`.
    chosen: its settings.
    extractor: where it starts.
    public: the trainer's material.
    tensorboard: write event files, too.

  Returns:
    The network, and the checkpoints that `extractors.load` takes.
  """
  recipe = Recipe.from_config(chosen['training'])
  images, labels = public.training_set(chosen)
  targets, wrap = None, lambda step: step
  if recipe.head['name'] == heads.match.__name__:
    clean = public.faces.images
    targets = extractors.embed(extractor, clean, public.batch_size)
    labels = np.resize(np.arange(len(clean), dtype=labels.dtype), len(labels))
  if kind == 'adversarial_training':
    attack = adversarial_training.make_attack(
      extractor.embed_fn, recipe.make_head(), **chosen['attack']
    )
    wrap = lambda step: adversarial_training.wrap_with_attack(
      step, attack, chosen['share']
    )
  training = Training(
    recipe,
    extractor,
    num_classes=int(labels.max()) + 1,
    num_images=len(labels),
    targets=targets,
    wrap=wrap,
  )
  network = extractor.spec.name
  state, folder = _run(
    *(kind, chosen, extractor, public, training, images, labels),
    network={'name': network, 'input_size': extractor.input_size},
    tensorboard=tensorboard,
  )
  trained = extractors.with_params(
    network, variables(state), input_size=extractor.input_size
  )
  trained = extractors.on_frame(trained, public.faces.alignment)
  if extractor.mirrored:
    trained = extractors.mirrored(trained)
  return trained, folder / 'checkpoints'


def train_purifier(
  chosen: Mapping, extractor: extractors.Extractor, public: PublicPeople
) -> purifying.Purifier:
  """Trains a network that washes cloaks off; goes on after a stop.

  Args:
    chosen: its settings: `training`, `attacks`, and those of `puface.PuFace`.
    extractor: the network that pictures are purified for.
    public: the trainer's material.
  """
  made = puface_of(chosen)
  images, rows = made.training_set(public.faces.images, public.cloaked(chosen))
  recipe = puface.recipe(chosen['training'])
  training = made.training(recipe, extractor, images, rows)
  state, _ = _run('puface', chosen, extractor, public, training, images, rows)
  return puface.purifier(training, variables(state))


def puface_of(chosen: Mapping) -> puface.PuFace:
  """Reads what an adversary's settings say of the purifier."""
  names = [field.name for field in dataclasses.fields(puface.PuFace)]
  return puface.PuFace(**{k: chosen[k] for k in names if k in chosen})


def _run(
  kind,
  chosen,
  extractor,
  public,
  training,
  images,
  labels,
  *,
  tensorboard=False,
  **more,
):
  """The last state of a training, and its folder."""
  name = extractor.spec.name
  # Everything the result depends on: with another key it is another training.
  key = training_key(kind, chosen, extractor, images, labels)
  folder = public.folder / 'trained' / f'{kind}-{name}-{key[:12]}'
  state = training_run.run(
    training,
    training.sampler(images, labels),
    folder,
    description=more
    | {
      'adversary': kind,
      'attacks': list(chosen.get('attacks', ())),
      'surrogates': list(chosen.get('surrogates', public.surrogates)),
      'trained_on': trained_on(public.faces),
      'key': key,
    },
    label=f'{kind} {name}',
    tensorboard=tensorboard,
    progress=public.shown,
  )
  return state, folder


def retrainings(adversary: Mapping) -> dict[int, dict]:
  """Returns an adversary's settings by training seed, for `train`.

  They are `training_seeds` of them, 1 by default. The first one is the
  training as it is, so that its network is found done.
  """
  chosen = dict(adversary)
  number, training = chosen.pop('training_seeds', 1), chosen['training']
  first = training.get('seed', 0)
  more = {
    seed: chosen | {'training': dict(training) | {'seed': seed}}
    for seed in range(first + 1, first + number)
  }
  return {first: chosen} | more


def training_key(
  kind: str,
  chosen: Mapping,
  extractor: extractors.Extractor,
  images: Stored,
  labels: Labels,
) -> str:
  """Returns a key of everything that a network of `train` depends on."""
  stages = _STAGES + ('DETECTORS',) * (kind == 'puface')  # has their network
  return keys.key(
    stages,
    adversary=kind,
    # Of the networks that are trained this is one.
    settings={k: v for k, v in chosen.items() if k not in _NOT_LEARNT},
    network=keys.of_networks([extractor]),
    images=keys.of_array(images),
    labels=keys.of_array(labels),
  )


def trained_on(faces: FaceSet) -> dict:
  """Returns what a checkpoint says of its people; see `seen`."""
  return {
    'num_people': len(np.unique(faces.labels)),
    'pictures': sorted(_short_digests(faces)),
  }


def seen(known: Mapping | None, faces: FaceSet) -> list[str]:
  """Lists the pictures that a network was trained on, whatever their names.

  Args:
    known: `trained_on` of its checkpoint; None for a network from elsewhere.
    faces: the people evaluated.

  Raises:
    InputError: the checkpoint does not say.
  """
  if not known:
    return []
  if 'pictures' not in known:
    raise InputError(
      'does not say which pictures it was trained on; train it with this '
      'version'
    )
  digests = zip(faces.paths, _short_digests(faces), strict=True)
  pictures = set(known['pictures'])
  return [path for path, digest in digests if digest in pictures]


def _short_digests(faces):
  """Of each picture enough to know it again among millions."""
  return [digest[:12] for digest in keys.of_pictures(faces.images)]
