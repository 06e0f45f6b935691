"""Optimisers and schedules by name, for configs."""

import collections

import optax

from fr_poison import checks
from fr_poison.types import InputError

_SCHEDULES = ('constant', 'cosine', 'step')
_OPTIMIZERS = ('adadelta', 'adagrad', 'adam', 'adamw', 'sgd')


@checks.checked
def make(
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
  """An optax optimiser; durations are shares of the training, in [0, 1].

  Args:
    name: 'adam', 'adamw', 'adagrad', 'sgd' with momentum, or 'adadelta', which
      is Keras's (rho .95, epsilon 1e-7) and so, at rate 1, the paper's.
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
  for field, value, known in (
    ('optimizer', name, _OPTIMIZERS),
    ('schedule', schedule, _SCHEDULES),
  ):
    if value not in known:
      raise InputError(f'{field}: {value!r} is unknown; known: {known}')
  rate = _rate(learning_rate, schedule, num_steps, warmup, drops, drop_factor)
  if name == 'adam':
    optimizer = optax.adam(rate)
  elif name == 'adamw':
    optimizer = optax.adamw(rate, weight_decay=weight_decay)
  elif name == 'adagrad':
    optimizer = optax.adagrad(rate)
  elif name == 'sgd':
    optimizer = optax.sgd(rate, momentum=momentum)
  else:
    optimizer = optax.adadelta(rate, rho=0.95, eps=1e-7)
  before = []
  if max_norm is not None:
    before.append(optax.clip_by_global_norm(max_norm))
  if weight_decay and name != 'adamw':
    before.append(optax.add_decayed_weights(weight_decay))
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
