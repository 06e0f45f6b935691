"""The trainer who attacks their own network while it learns.

Adversarial training (Madry et al., 2018), one of the countermeasures that the
project's brief names; the paper's own adaptive trainer uses the public tools'
pictures instead (`adaptive`). It wraps any train step: what the step sees are
pictures that were attacked against the network as it is then.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks import objectives
from fr_poison.attacks.pgd import signed_ascent
from fr_poison.training.heads import Head
from fr_poison.training.step import StepFn, variables
from fr_poison.types import EmbedFn, InputError, calling

# (state, batch, rng) -> images [B, H, W, 3] in [0, 1]
AttackFn = Callable

# Beyond every row's position, which train_step folds in after the step.
_BRANCH = 2**31


@checks.checked
def wrap_with_attack(
  train_step: StepFn, attack_fn: AttackFn, share: checks.PositiveShare = 0.5
) -> StepFn:
  """Makes a step on pictures of which a share was attacked first.

  Args:
    train_step: (state, batch, rng) -> state, sums.
    attack_fn: (state, batch, rng) -> images.
    share: each picture's probability to be attacked; the others stay clean,
      which keeps the accuracy on clean pictures.

  Raises:
    InputError: share outside (0, 1].
  """

  def step(state, batch, rng):
    chosen = jax.random.fold_in(jax.random.fold_in(rng, state.step), _BRANCH)
    draw = lambda place: jax.random.bernoulli(
      jax.random.fold_in(chosen, place), share
    )
    attacked = jax.vmap(draw)(batch['position'])[:, None, None, None]
    with calling('attack_fn'):
      images = jax.lax.stop_gradient(attack_fn(state, batch, chosen))
    images = jnp.where(attacked, images, batch['images'])
    return train_step(state, batch | {'images': images}, rng)

  return step


@checks.checked
def make_attack(
  embed_fn: EmbedFn,
  head: Head,
  *,
  goal: str = 'features',
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 3,
  learning_rate: checks.Positive | None = None,
) -> AttackFn:
  """Makes K-step PGD against the state's own network; FGSM with one step.

  Args:
    embed_fn: the network that is trained.
    head: of the training.
    goal: 'features' runs from the picture's own embedding, as cloaks do;
      'loss' raises the training's loss.
    epsilon: L-infinity radius in [0, 1] pixel units.
    num_steps: K.
    learning_rate: None is epsilon for K = 1 (FGSM) and 2.5 epsilon / K else.

  Raises:
    InputError: unknown goal, 'loss' for a head without classes, epsilon,
      num_steps or learning_rate out of range.
  """
  checks.known('goal', goal, ('features', 'loss'))
  if goal == 'loss' and head.logits is None:
    # Its losses depend on the whole batch: no picture could be attacked alone.
    raise InputError("goal: 'loss' needs a head with classes")
  if learning_rate is None and num_steps == 1:
    learning_rate = epsilon
  embed = lambda params, images: embed_fn(params['network'], images)
  by_features = goal == 'features'  # and the loss needs the labels
  objective = objectives.displacement([embed])
  attack = signed_ascent(
    objective if by_features else _loss_objective(embed, head),
    epsilon=epsilon,
    num_steps=num_steps,
    learning_rate=learning_rate,
    # Displacement has no gradient at the picture itself; the loss has.
    start_noise=None if by_features else 0.0,
  )

  def attack_fn(state, batch, rng):
    network = variables(state.replace(ema={}))  # not the average
    params = [{'network': network, 'head': state.params['head']}]
    targets = None if by_features else batch['labels']
    attacked = attack.init(params, rng, batch['images'], targets=targets)
    # Without `finish`: the last iterate will do, in float.
    advance = lambda _, attacked: attack.step(params, attacked)
    return jax.lax.fori_loop(0, num_steps, advance, attacked).adv_images

  return attack_fn


def _loss_objective(embed, head):
  """The head's loss [B] for the labels, which come in as `targets`."""

  def distance(params, labels, adv_images, rngs):
    del rngs
    (params,) = params
    return head.losses(params['head'], embed(params, adv_images), labels)

  return objectives.Objective(lambda params, images, labels: labels, distance)
