"""The trainer: a network, and what is done with what was scraped."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fr_poison import extractors
from fr_poison.adversaries import purifying
from fr_poison.detectors.base import Detector
from fr_poison.recognizers import tracking
from fr_poison.recognizers.end_to_end import Public
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import InputError


def waiting_name(network: str, surrogate: Sequence[str]) -> str:
  """Names a trainer who waits, by what cloaks were made on.

  'baseline' where that is `network`, mirrored or not, else 'oblivious'
  (section 5.3 of the paper). Without a cloak (no surrogate) every trainer is
  the baseline.
  """
  is_own = network.removesuffix(extractors.MIRRORED) in surrogate
  return 'baseline' if not surrogate or is_own else 'oblivious'


@dataclasses.dataclass(frozen=True, eq=False)
class Trainer:
  """Embeds what was scraped with a network, after a filter and a detector.

  The default waits: no countermeasure at all. With a network that cloaks were
  made on that is the paper's baseline, with another one its oblivious trainer.

  Attributes:
    extractor: the network; a trained one for adaptive and adversarially
      training trainers.
    adversary: the trainer's name in records; '' for one who waits.
    network: its name in records; '' is the extractor's.
    filter: uint8 -> uint8 pictures [N, H, W, 3], on all that was scraped.
    filter_probes: whether probes go through the filter, too.
    detector: pictures that it scores above `threshold` are dropped.
    threshold: a score that equals it is kept.
    tracker: follows people from one clean picture each; see `following`.
    public: pictures that `end_to_end` learns from besides.
    kind: of trainer, as records have it; '' where their name begins with it.
  """

  extractor: extractors.Extractor
  adversary: str = ''
  network: str = ''
  filter: purifying.Purifier = purifying.nothing
  filter_probes: bool = True
  detector: Detector | None = None
  threshold: float = np.inf
  tracker: tracking.Tracker | None = None
  public: Public | None = None
  kind: str = ''

  def __post_init__(self):
    """Refuses two ways to make galleries.

    Raises:
      InputError: there are a detector and a tracker.
    """
    if self.tracker is not None and self.detector is not None:
      raise InputError('tracker: of a trainer without a detector')

  @property
  def name(self) -> str:
    """The network's name in records."""
    return self.network or self.extractor.name

  @property
  def makes_galleries(self) -> bool:
    """Whether galleries are others than what was scraped."""
    return self.detector is not None or self.tracker is not None

  @property
  def origins(self) -> list[str]:
    """What cloaks may call the network that they were made on."""
    name, who = self.extractor.spec.name, self.adversary
    return [name, f'{name} {who}'] if who else [name]

  @property
  def parts(self) -> tuple['Trainer', ...]:
    """The trainers with one network each: this one."""
    return (self,)

  def can_use(self, recognizer: str, recipe: str = '') -> bool:
    """Whether the recognizer fits: raw pixels have nothing to fine-tune.

    With any settings of it, which are called `recipe`. People are followed by
    some recognizers alone.
    """
    del recipe
    if self.tracker is not None:
      return recognizer in tracking.CLASSIFIERS
    is_pixels = self.extractor.spec.name == extractors.PIXELS
    return recognizer != 'end_to_end' or not is_pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Combination:
  """Takes an accurate and a robust trainer's rankings for one (`top2`, ...).

  Attributes:
    accurate: the trainer with the best network for clean pictures.
    robust: one whose network resists cloaks.
    combine: (ranking, ranking) -> ranking; see `adversaries.combining`.
    adversary: the trainer's name in records.
    recognizers: with which it can be used, or recipes of them by name.
    kind: of trainer, as records have it; '' where their name begins with it.
  """

  accurate: Trainer
  robust: Trainer
  combine: Callable[[Ranking, Ranking], Ranking]
  adversary: str
  recognizers: Sequence[str]
  kind: str = ''

  @property
  def name(self) -> str:
    """Both networks' names."""
    return ' + '.join(dict.fromkeys(part.name for part in self.parts))

  @property
  def parts(self) -> tuple[Trainer, ...]:
    """The trainers with one network each: both."""
    return self.accurate, self.robust

  def can_use(self, recognizer: str, recipe: str = '') -> bool:
    """Whether the rule makes sense of the recognizer's scores."""
    return (recipe or recognizer) in self.recognizers


@dataclasses.dataclass(frozen=True, eq=False)
class Retrained:
  """One trainer whose network was trained once or more, each by other chance.

  Rates are the means over these, whose range a record has as well.

  Attributes:
    members: training seed (None: not known) -> the trainer with that network;
      nothing else is different.
  """

  members: Mapping[int | None, Trainer | Combination]

  @property
  def first(self) -> Trainer | Combination:
    """One of them, for what they share."""
    return next(iter(self.members.values()))

  @property
  def adversary(self) -> str:
    """The trainer's name in records."""
    return self.first.adversary

  def can_use(self, recognizer: str, recipe: str = '') -> bool:
    """Whether the recognizer fits each of them."""
    return self.first.can_use(recognizer, recipe)


def members(
  trainer: Trainer | Combination | Retrained,
) -> Mapping[int | None, Trainer | Combination]:
  """Lists whom a trainer stands for, by training seed: maybe one alone."""
  return getattr(trainer, 'members', {None: trainer})


def weights(
  trainers: Mapping[int | None, Trainer | Combination],
) -> dict[str, str]:
  """Lists the SHA-256 of every network of `members` by a name for records."""
  found = {}
  for seed, trainer in trainers.items():
    for part in trainer.parts:
      name = part.name.removesuffix(extractors.MIRRORED)
      name += extractors.MIRRORED * part.extractor.mirrored
      if part.adversary:
        name += f' {part.adversary}' + f', seed {seed}' * (len(trainers) > 1)
      if part.extractor.sha256:
        found[name] = part.extractor.sha256
  return found
