"""The loop over steps: everything about a training but its files."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from jaxtyping import Float

from fr_poison import checks, extractors
from fr_poison.training import heads, parallel, step
from fr_poison.training.recipe import Recipe
from fr_poison.training.sampling import Sampler, Stored
from fr_poison.training.step import StepFn, TrainState
from fr_poison.types import Array, InputError, Labels


class Trainer:
  """A recipe applied to a network: compiled once, good for many trainings.

  Attributes:
    recipe: how.
    extractor: what is trained; its own weights are the start.
    num_classes: people to be known apart.
    num_steps: of a whole training.
    has_classes: whether the head names people, and so has an accuracy.
  """

  @checks.checked
  def __init__(
    self,
    recipe: Recipe,
    extractor: extractors.Extractor,
    *,
    num_classes: checks.Count,
    num_images: checks.Count,
    targets: Float[Array, 'C D'] | None = None,
    wrap: Callable[[StepFn], StepFn] = lambda step: step,
    train_fn: step.TrainFn | None = None,
    head: heads.Head | None = None,
  ):
    """Builds the pmapped steps; nothing is computed yet.

    Args:
      recipe: the settings.
      extractor: the network to start from.
      num_classes: people.
      num_images: of an epoch.
      targets: of the head `match`, a row a person.
      wrap: turns a train step into another, for instance one that attacks
        the batch first (`adversaries.adversarial_training`).
      train_fn: what the network is asked in a step, see `make_train_step`;
        None: its embeddings.
      head: of what `train_fn` gives, instead of the recipe's.

    Raises:
      InputError: targets for another head than `match`, or none for it.
    """
    is_match = head is None and recipe.head['name'] == heads.match.__name__
    if (targets is None) == is_match:
      raise InputError('targets: the head match needs them, and no other one')
    self.recipe, self.extractor = recipe, extractor
    self.num_classes, self._targets = num_classes, targets
    epoch = recipe.steps_per_epoch or -(-num_images // recipe.batch_size)
    self.num_steps = recipe.num_epochs * epoch
    self._head = head or recipe.make_head()
    self.has_classes = self._head.logits is not None
    self._optimizer = recipe.make_optimizer(self.num_steps)
    train_step = step.make_train_step(
      train_fn
      or extractors.train_fn(
        extractor, dtype=recipe.dtype, axis_name=parallel.AXIS
      ),
      self._head,
      self._optimizer,
      label_smoothing=recipe.label_smoothing,
      flip=recipe.flip,
      jitter=recipe.jitter,
      num_micro_batches=recipe.num_micro_batches,
      ema_decay=recipe.ema_decay,
      axis_name=parallel.AXIS,
    )
    eval_step = step.make_eval_step(
      extractor.embed_fn, self._head, axis_name=parallel.AXIS
    )
    self._step = parallel.train_step(wrap(train_step))
    self._eval_step = parallel.eval_step(eval_step)

  def init(self) -> TrainState:
    """Makes the first state: the network as it is, a new head."""
    rng = jax.random.key(self.recipe.seed)
    size = self.extractor.spec.embedding_size
    head = self._head.init(rng, size, self.num_classes)
    if self._targets is not None:
      head = {'targets': self._targets}
    ema = self.recipe.ema_decay is not None
    return step.create(self.extractor.params, head, self._optimizer, ema=ema)

  def sampler(self, images: Stored, labels: Labels) -> Sampler:
    """Makes batches of pictures of people 0, 1, ...

    Raises:
      InputError: a person without a picture, another number of people.
    """
    recipe = self.recipe
    sampler = Sampler(
      images,
      labels,
      recipe.batch_size,
      seed=recipe.seed,
      balanced=recipe.balanced,
      per_person=recipe.per_person,
      steps_per_epoch=recipe.steps_per_epoch,
    )
    if sampler.num_classes != self.num_classes:
      raise InputError(
        f'training: pictures of {sampler.num_classes} people, '
        f'{self.num_classes} expected'
      )
    return sampler

  def steps(
    self, state: TrainState, sampler: Sampler
  ) -> Iterator[tuple[TrainState, dict]]:
    """Yields the remaining steps, one by one: each state and its sums.

    A state is used up by the next step: copy what should outlive it.
    """
    state = parallel.replicate(state)
    rng = parallel.replicate(jax.random.key(self.recipe.seed))
    for number in range(int(state.step), self.num_steps):
      batch = parallel.shard(sampler.batch(number))
      state, sums = self._step(state, batch, rng)
      yield state, sums

  def fit(
    self,
    images: Stored,
    labels: Labels,
    start: TrainState | None = None,
  ) -> TrainState:
    """Trains in memory, to the end; `run` does so with files.

    Args:
      images: as stored.
      labels: whose, from 0.
      start: another state than that of `init`; it is used up.

    Raises:
      InputError: as `sampler`; or the loss is no longer finite.
    """
    sampler, means = self.sampler(images, labels), Means()
    steps = self.steps(start or self.init(), sampler)
    for number, (after, sums) in enumerate(steps, 1):
      state = after
      means.add(sums)
      if number % sampler.steps_per_epoch == 0 or number == self.num_steps:
        means.take(number)
    return state

  def evaluate(
    self, state: TrainState, images: Stored, labels: Labels
  ) -> dict[str, float]:
    """Measures loss and accuracy on other pictures of the people trained on.

    Heads without classes have no accuracy.

    Args:
      state: any; it is not used up.
      images: as stored.
      labels: whose, as in the training.
    """
    # Every picture once, also where the training draws people evenly.
    sampler = Sampler(images, labels, self.recipe.batch_size)
    sums = [
      self._eval_step(state, parallel.shard(sampler.batch(number)))
      for number in range(sampler.steps_per_epoch)
    ]
    return _means(_added(_NONE, sums), self.has_classes)


_NONE = dict.fromkeys(('loss', 'correct', 'count'), 0.0)


class Means:
  """Sums over steps, divided once; refuses a loss that is not finite."""

  def __init__(self, step: int = 0, sums: dict[str, float] | None = None):
    """Starts after `step`, or goes on from what `sums` gave later than that."""
    self._since, self._sums = step, sums or _NONE
    self._waiting = []

  def add(self, sums: dict) -> None:
    """Adds those of one more step; nothing is waited for."""
    self._waiting.append(sums)

  def sums(self, step: int) -> dict[str, float]:
    """Adds up the pictures since the last `take`, up to `step`.

    Raises:
      InputError: a loss in between was not finite; names the steps.
    """
    self._sums = _added(self._sums, self._waiting)
    self._waiting = []
    if not np.isfinite(self._sums['loss']):
      raise InputError(
        f'training: the loss is not finite between steps {self._since + 1} and '
        f'{step}; a lower learning_rate may help'
      )
    return self._sums

  def take(self, step: int, *, has_classes: bool = True) -> dict[str, float]:
    """Returns mean loss and, with classes, accuracy since the last call.

    Raises:
      InputError: as `sums`.
    """
    sums = self.sums(step)
    self._since, self._sums = step, _NONE
    return _means(sums, has_classes)


def _added(total, waiting):
  # One by one, so that a stop on the way does not change the last digit.
  for sums in jax.device_get(waiting):
    total = {name: x + float(sums[name]) for name, x in total.items()}
  return total


def _means(sums, has_classes):
  if not sums['count']:
    return {}
  means = {'loss': sums['loss'] / sums['count']}
  if has_classes:
    means['accuracy'] = sums['correct'] / sums['count']
  return means
