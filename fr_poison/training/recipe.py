"""How a network is trained: the `training` part of a config."""

import dataclasses
from typing import Any

import optax

from fr_poison import checks
from fr_poison.training import augmentation, heads, optimizers
from fr_poison.types import InputError

_DTYPES = ('float32', 'bfloat16')


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
  """Plain settings of a training; durations are in epochs.

  Attributes:
    num_epochs: how often every picture is seen.
    batch_size: pictures a step, of all devices together.
    optimizer: settings of `optimizers.make`.
    head: `name` and settings of `heads.make`.
    label_smoothing: in [0, 1); 0 for heads without classes.
    flip: probability of a mirror image.
    jitter: in [0, 0.5], how far pictures are moved, scaled and lit at random.
    balanced: draw people, then pictures, instead of a permutation an epoch.
    per_person: pictures drawn of each person that `balanced` draws.
    num_micro_batches: parts of a batch that are computed one by one.
    ema_decay: in [0, 1), of the averaged parameters, which then are the
      result; None keeps none.
    dtype: of the network's computation; parameters stay float32.
    seed: of everything random.

  Raises:
    InputError: a number that cannot be meant, an unknown name.
  """

  num_epochs: checks.Count = 10
  batch_size: checks.Count = 32
  optimizer: dict[str, Any] = dataclasses.field(default_factory=dict)
  head: dict[str, Any] = dataclasses.field(
    default_factory=lambda: {'name': 'softmax'}
  )
  label_smoothing: checks.ShareBelowOne = 0.0
  flip: checks.Share = 0.5
  jitter: augmentation.Amount = 0.0
  balanced: bool = False
  per_person: checks.Count = 1
  num_micro_batches: checks.Count = 1
  ema_decay: checks.ShareBelowOne | None = None
  dtype: str = 'float32'
  seed: checks.Seed = 0

  @classmethod
  def from_config(cls, settings: dict, field: str = 'training') -> 'Recipe':
    """From a config's field; a setting that nobody reads is an error."""
    known = {f.name for f in dataclasses.fields(cls)}
    if unknown := sorted(settings.keys() - known):
      raise InputError(
        f'config.{field}.{unknown[0]}: unknown; known: {sorted(known)}'
      )
    try:
      return cls(**settings)
    except InputError as error:
      raise InputError(f'config.{field}.{error}') from error

  def __post_init__(self):
    """Checks every value."""
    checks.check_fields(self)
    if self.dtype not in _DTYPES:
      raise InputError(f'dtype: {self.dtype!r} is unknown; known: {_DTYPES}')
    self.make_optimizer(1)
    if self.make_head().logits is None and self.label_smoothing:
      raise InputError(
        f'label_smoothing: the {self.head["name"]} head has no classes'
      )

  def make_optimizer(self, num_steps: int) -> optax.GradientTransformation:
    """The optax optimiser of a training of that many steps."""
    return _call(
      'optimizer', optimizers.make, self.optimizer, num_steps=num_steps
    )

  def make_head(self) -> heads.Head:
    """The head's functions."""
    return _call('head', heads.make, self.head)


def _call(field, function, settings, **own):
  """function(**settings, **own), any complaint with the field's name."""
  try:
    return function(**settings, **own)
  except (InputError, TypeError) as error:
    message = str(error).removeprefix(f'{field}: ')
    raise InputError(f'{field}: {message}') from error
