"""The trainer: a network, and what is done with what was scraped."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from fr_poison import extractors
from fr_poison.adversaries import purifying
from fr_poison.detectors.base import Detector
from fr_poison.recognizers.end_to_end import Public
from fr_poison.recognizers.ranking import Ranking


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
    adversary: the kind of trainer as records name it; '' for one who waits.
    network: its name in records; '' is the extractor's.
    filter: uint8 -> uint8 pictures [N, H, W, 3], on all that was scraped.
    filter_probes: whether probes go through the filter, too.
    detector: pictures that it scores above `threshold` are dropped.
    threshold: a score that equals it is kept.
    public: pictures that `end_to_end` learns from besides.
  """

  extractor: extractors.Extractor
  adversary: str = ''
  network: str = ''
  filter: purifying.Purifier = purifying.nothing
  filter_probes: bool = True
  detector: Detector | None = None
  threshold: float = np.inf
  public: Public | None = None

  @property
  def name(self) -> str:
    """The network's name in records."""
    return self.network or self.extractor.name

  @property
  def parts(self) -> tuple['Trainer', ...]:
    """The trainers with one network each: this one."""
    return (self,)

  def can_use(self, recognizer: str) -> bool:
    """Whether the recognizer fits: raw pixels have nothing to fine-tune."""
    is_pixels = self.extractor.spec.name == extractors.PIXELS
    return recognizer != 'end_to_end' or not is_pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Combination:
  """Takes an accurate and a robust trainer's rankings for one (`top2`, ...).

  Attributes:
    accurate: the trainer with the best network for clean pictures.
    robust: one whose network resists cloaks.
    combine: (ranking, ranking) -> ranking; see `adversaries.combining`.
    adversary: the kind of trainer as records name it.
    recognizers: with which it can be used.
  """

  accurate: Trainer
  robust: Trainer
  combine: Callable[[Ranking, Ranking], Ranking]
  adversary: str
  recognizers: Sequence[str]

  @property
  def name(self) -> str:
    """Both networks' names."""
    return ' + '.join(dict.fromkeys(part.name for part in self.parts))

  @property
  def parts(self) -> tuple[Trainer, ...]:
    """The trainers with one network each: both."""
    return self.accurate, self.robust

  def can_use(self, recognizer: str) -> bool:
    """Whether the rule makes sense of the recognizer's scores."""
    return recognizer in self.recognizers
