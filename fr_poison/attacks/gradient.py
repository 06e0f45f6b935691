"""Objective, constraint and optax optimiser become an attack.

A named attack chooses them, and which of its iterates comes back; everything
here is common to all.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fr_poison.attacks import base, spaces
from fr_poison.attacks.base import Attack, AttackState
from fr_poison.attacks.constraints import Constraint
from fr_poison.attacks.objectives import Objective
from fr_poison.types import InputError, check_images


def by_objective(terms, best_score, is_last):
  """The default rank of an iterate: what the attack ascends."""
  del best_score, is_last
  return terms['objective']


class _Recipe(NamedTuple):
  """What `gradient_attack` was given."""

  objective: Objective
  constraint: Constraint
  optimizer: optax.GradientTransformation
  num_steps: int
  space: spaces.Space
  start_noise: float
  start_value: float
  restarts: int
  rank: Callable
  keep: tuple[str, ...]
  luminance_only: bool | None

  @property
  def total_steps(self):
    """Each start but the last spends one more step on its last iterate."""
    return self.restarts * (self.num_steps + 1) - 1


def gradient_attack(
  objective: Objective,
  constraint: Constraint,
  optimizer: optax.GradientTransformation,
  *,
  num_steps: int,
  space: spaces.Space = spaces.PIXELS,
  start_noise: float = 0.0,
  start_value: float = 0.0,
  restarts: int = 1,
  rank: Callable = by_objective,
  keep: tuple[str, ...] = ('best', 'last'),
  luminance_only: bool | None = None,
) -> Attack:
  """Ascends gain * distance - penalty of `objective` and `constraint`.

  Args:
    objective: the distance that grows or shrinks, per picture.
    constraint: what it may cost.
    optimizer: an optax transformation of the *descent* direction.
    num_steps: updates per start; at least 1.
    space: what the optimiser moves.
    start_noise: half-width of the uniform start, in units of the space.
    start_value: its centre.
    restarts: starts; the best iterate of all comes back.
    rank: (terms, best_score, is_last) -> [B], how good an iterate is; -inf is
      never taken.
    keep: which iterates may come back: 'best', the one of highest rank among
      those that a step has looked at; 'last', the one after the last update.
    luminance_only: one perturbation for the three channels. None: exactly for
      the grey pictures, where any colour would give the cloak away.

  Raises:
    InputError: num_steps or restarts below 1. `init` refuses pictures that
      are not RGB float32 in [0, 1].
  """
  for name, value in (('num_steps', num_steps), ('restarts', restarts)):
    if value < 1:
      raise InputError(f'{name}: {value} given, at least 1 expected')
  recipe = _Recipe(
    objective,
    constraint,
    optimizer,
    num_steps,
    space,
    start_noise,
    start_value,
    restarts,
    rank,
    keep,
    luminance_only,
  )
  triple = (functools.partial(f, recipe) for f in (_init, _step, _finish))
  return Attack(*triple, recipe.total_steps)


def _evaluate(recipe, params, state, adv_images, rngs):
  """What is ascended, [B], and the terms it is made of."""
  distance = recipe.objective.distance(
    params, state.reference, adv_images, rngs
  )
  penalty, terms = recipe.constraint.measure(
    state.constraint, adv_images, state.images
  )
  gain = recipe.constraint.gain(state.constraint) * recipe.objective.sign
  score = gain * distance - penalty
  return score, {'objective': score, 'feature_distance': distance} | terms


def _random_start(recipe, rngs, images):
  noise = base.uniform_noise(rngs, images, recipe.start_noise)
  return noise + recipe.start_value


def _variable(recipe, images, perturbation, one_channel):
  perturbation = base.mono(perturbation, one_channel)
  variable = recipe.space.start(images, perturbation)
  return recipe.constraint.project(variable, images)


def _pictures(recipe, variable, images):
  return jnp.clip(recipe.space.pictures(variable, images), 0, 1)


def _init(recipe, params, rng, images, *, targets=None, start=None):
  check_images(images)
  images = jnp.asarray(images, jnp.float32)
  rngs = base.picture_rngs(rng, images)
  one_channel = base.is_grey(images)
  if recipe.luminance_only is not None:
    one_channel = jnp.full(len(images), recipe.luminance_only)
  if start is None:
    start = _random_start(recipe, rngs, images)
  start = jnp.asarray(start, jnp.float32)
  variable = _variable(recipe, images, start, one_channel)
  count = len(images)
  state = AttackState(
    images=images,
    variable=variable,
    adv_images=_pictures(recipe, variable, images),
    one_channel=one_channel,
    rngs=rngs,
    reference=recipe.objective.reference(params, images, targets),
    constraint=recipe.constraint.init(images),
    optimizer=recipe.optimizer.init(variable),
    best_images=images,
    # With dtypes: a weakly typed state would compile the first step twice.
    best_score=jnp.full(count, -jnp.inf, jnp.float32),
    best_step=jnp.zeros(count, jnp.int32),
    moved=jnp.zeros(count, bool),
    terms={},
    step=jnp.zeros((), jnp.int32),
  )
  evaluate = functools.partial(_evaluate, recipe)
  _, terms = jax.eval_shape(evaluate, params, state, images, rngs)
  zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), terms)
  return state.replace(terms=zeros)


def _step(recipe, params, state):
  rngs = base.fold_in(state.rngs, state.step)

  def loss(variable):
    pictures = recipe.space.pictures(variable, state.images)
    score, terms = _evaluate(recipe, params, state, pictures, rngs)
    return -jnp.sum(score), terms

  grads, terms = jax.grad(loss, has_aux=True)(state.variable)
  grads = base.mono(grads, state.one_channel)
  is_last = state.step == recipe.total_steps - 1
  rank = recipe.rank(terms, state.best_score, is_last)
  better = rank > state.best_score  # never for NaN
  variable, optimizer = _update(recipe, state, grads, rngs)
  return state.replace(
    variable=variable,
    adv_images=_pictures(recipe, variable, state.images),
    constraint=recipe.constraint.update(state.constraint, terms),
    optimizer=optimizer,
    best_images=jnp.where(
      base.per_picture(better), state.adv_images, state.best_images
    ),
    best_score=jnp.where(better, rank, state.best_score),
    best_step=jnp.where(better, state.step, state.best_step),
    moved=state.moved | jnp.any(grads != 0, (1, 2, 3)),
    terms=terms,
    step=state.step + 1,
  )


def _update(recipe, state, grads, rngs):
  """The next variable and optimiser state: a step, or another start."""
  updates, optimizer = recipe.optimizer.update(
    grads, state.optimizer, state.variable
  )
  variable = recipe.constraint.project(state.variable + updates, state.images)
  if recipe.restarts == 1:
    return variable, optimizer
  again = state.step % (recipe.num_steps + 1) == recipe.num_steps
  start = _random_start(recipe, rngs, state.images)
  fresh = _variable(recipe, state.images, start, state.one_channel)
  choose = lambda a, b: jax.tree.map(functools.partial(jnp.where, again), a, b)
  restarted = fresh, recipe.optimizer.init(fresh)
  return choose(restarted, (variable, optimizer))


def _finish(recipe, params, state):
  """The original or the kept iterate, judged as it is saved."""
  kept = {'best': state.best_images, 'last': state.adv_images}
  save = lambda pictures: (
    recipe.constraint.project_codes(pictures * 255, state.images) / 255
  )
  saved = [save(kept[name]) for name in recipe.keep]
  candidates = jnp.stack([state.images, *saved])
  rngs = base.fold_in(state.rngs, recipe.total_steps)

  def judge(adv_images):
    _, terms = _evaluate(recipe, params, state, adv_images, rngs)
    return recipe.rank(terms, jnp.float32(-jnp.inf), True), terms

  ranks, terms = jax.lax.map(judge, candidates)
  ranks = jnp.where(jnp.isnan(ranks), -jnp.inf, ranks)
  best = jnp.argmax(ranks, 0)  # the original comes first, so it wins ties
  chosen = (best, jnp.arange(len(best)))
  adv_images = candidates[chosen]
  return adv_images, _info(recipe, state, ranks, best, adv_images) | {
    name: term[chosen] for name, term in terms.items() if name != 'objective'
  }


def _info(recipe, state, ranks, best, adv_images):
  used = recipe.constraint.used(adv_images, state.images)
  return {
    'score': jnp.max(ranks, 0),
    'start_score': ranks[0],
    'improved': best > 0,
    'linf': jnp.max(jnp.abs(adv_images - state.images), (1, 2, 3)),
    'budget_used': used,
    # What may be wrong with a weak result, as AutoAttack's flags tell.
    'zero_gradient': ~state.moved,
    'saturated': used >= 0.99,
    'not_converged': state.best_step >= 0.9 * (recipe.total_steps - 1),
  }
