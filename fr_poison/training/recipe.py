"""How a network is trained: the `training` part of a config."""

import collections
import dataclasses
from typing import Any

import optax

from fr_poison import checks
from fr_poison.training import augmentation, heads
from fr_poison.types import InputError

_DTYPES = ('float32', 'bfloat16')
_SCHEDULES = ('constant', 'cosine', 'step')
# Adadelta is Keras's and so, at rate 1, the paper's.
_OPTIMIZERS = {
  'adadelta': lambda rate, **_: optax.adadelta(rate, rho=0.95, eps=1e-7),
  'adagrad': lambda rate, **_: optax.adagrad(rate),
  'adam': lambda rate, **_: optax.adam(rate),
  'adamw': lambda rate, weight_decay, **_: optax.adamw(
    rate, weight_decay=weight_decay
  ),
  'sgd': lambda rate, momentum, **_: optax.sgd(rate, momentum=momentum),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
  """Plain settings of a training; durations are in epochs.

  Attributes:
    num_epochs: how often every picture is seen.
    batch_size: pictures a step, of all devices together.
    optimizer: settings of `make_optimizer`.
    head: `name` and settings of `heads.make`.
    label_smoothing: in [0, 1); 0 for heads without classes.
    flip: probability of a mirror image.
    jitter: in [0, 0.5], how far pictures are moved, scaled and lit at random.
    balanced: draw people, then pictures, instead of a permutation an epoch.
    per_person: pictures drawn of each person that `balanced` draws.
    steps_per_epoch: batches that an epoch of `balanced` has; None: of as many
      pictures as there are.
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
  steps_per_epoch: checks.Count | None = None
  num_micro_batches: checks.Count = 1
  ema_decay: checks.ShareBelowOne | None = None
  dtype: str = 'float32'
  seed: checks.Seed = 0

  @classmethod
  def from_config(cls, settings: dict, field: str = 'training') -> 'Recipe':
    """Reads a config's field; a setting that nobody reads is an error."""
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
    checks.known('dtype', self.dtype, _DTYPES)
    if self.steps_per_epoch and not self.balanced:
      raise InputError(
        'balanced: False, but steps_per_epoch is given; such an epoch shows '
        'every picture once'
      )
    self.make_optimizer(1)
    if self.make_head().logits is None and self.label_smoothing:
      raise InputError(
        f'label_smoothing: the {self.head["name"]} head has no classes'
      )

  def make_optimizer(self, num_steps: int) -> optax.GradientTransformation:
    """Makes the optax optimiser of a training of that many steps."""
    return _call(
      'optimizer', make_optimizer, self.optimizer, num_steps=num_steps
    )

  def make_head(self) -> heads.Head:
    """Makes the head's functions."""
    return _call('head', heads.make, self.head)


def _call(field, function, settings, **own):
  """function(**settings, **own), any complaint with the field's name."""
  try:
    return function(**settings, **own)
  except (InputError, TypeError) as error:
    message = str(error).removeprefix(f'{field}: ')
    raise InputError(f'{field}: {message}') from error


@checks.checked
def make_optimizer(
  name: str = 'adam',
  *,
  learning_rate: checks.Positive = 1e-3,
  schedule: str = 'constant',
  num_steps: checks.Count = 1,
  warmup: checks.Share = 0.0,
  drops: tuple[checks.Share, ...] = (),
  drop_factor: checks.Positive = 0.1,
  momentum: checks.Share = 0.9,
  weight_decay: checks.NotNegative = 0.0,
  max_norm: checks.Positive | None = None,
) -> optax.GradientTransformation:
  """Makes an optax optimiser; durations are shares of the training.

  Args:
    name: 'adam', 'adamw', 'adagrad', 'sgd' with momentum, or 'adadelta'.
    learning_rate: the highest one.
    schedule: 'constant', 'cosine' down to 0, or 'step'.
    num_steps: of the whole training.
    warmup: the first part, in which the rate grows from 0.
    drops: for 'step', when the rate is multiplied by drop_factor.
    drop_factor: see there.
    momentum: of sgd.
    weight_decay: decoupled for adamw, else added to the gradient.
    max_norm: the gradient's global norm is cut down to it.

  Raises:
    InputError: an unknown name, or a number that cannot be meant.
  """
  checks.known('optimizer', name, _OPTIMIZERS)
  checks.known('schedule', schedule, _SCHEDULES)
  rate = _rate(learning_rate, schedule, num_steps, warmup, drops, drop_factor)
  before = []
  if max_norm is not None:
    before.append(optax.clip_by_global_norm(max_norm))
  if weight_decay and name != 'adamw':
    before.append(optax.add_decayed_weights(weight_decay))
  optimizer = _OPTIMIZERS[name](
    rate, momentum=momentum, weight_decay=weight_decay
  )
  return optax.chain(*before, optimizer)


def _rate(learning_rate, schedule, num_steps, warmup, drops, drop_factor):
  first = round(warmup * num_steps)
  rest = max(num_steps - first, 1)
  if schedule == 'cosine':
    rate = optax.cosine_decay_schedule(learning_rate, rest)
  elif schedule == 'step':
    at = collections.Counter(round(s * num_steps) - first for s in drops)
    rate = optax.piecewise_constant_schedule(
      learning_rate, {step: drop_factor**times for step, times in at.items()}
    )
  else:
    rate = optax.constant_schedule(learning_rate)
  if not first:
    return rate
  grow = optax.linear_schedule(0.0, learning_rate, first)
  return optax.join_schedules([grow, rate], [first])
