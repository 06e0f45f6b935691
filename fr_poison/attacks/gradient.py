"""Objective, constraint and optax optimiser become an attack.

A named attack chooses them, and which of its iterates comes back; everything
here is common to all.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fr_poison import checks
from fr_poison.attacks import base, flags, spaces
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


@checks.checked
@base.by_value
def gradient_attack(
  objective: Objective,
  constraint: Constraint,
  optimizer: optax.GradientTransformation,
  *,
  num_steps: checks.Count,
  space: spaces.Space = spaces.PIXELS,
  start_noise: checks.NotNegative = 0.0,
  start_value: checks.Number = 0.0,
  restarts: checks.Count = 1,
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
    InputError: a number out of range. `init` refuses pictures that are not
      RGB float32 in [0, 1], what is no key, and targets that do not fit.
  """
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
  return Attack(*triple, recipe.total_steps, objective.is_targeted)


def _evaluate(recipe, params, state, adv_images, rngs):
  """What is ascended, [B], and the terms it is made of, in float32."""
  distance = recipe.objective.distance(
    params, state.reference, adv_images, rngs
  )
  if np.shape(distance) != (len(adv_images),):
    raise InputError(
      f'objective.distance: gave {list(np.shape(distance))}; one number a '
      f'picture expected, [{len(adv_images)}]'
    )
  penalty, terms = recipe.constraint.measure(
    state.constraint, adv_images, state.images
  )
  distance, penalty = _float32(distance), _float32(penalty)
  gain = recipe.constraint.gain(state.constraint) * recipe.objective.sign
  score = _float32(gain * distance - penalty)
  found = {'objective': score, 'feature_distance': distance}
  return score, found | jax.tree.map(_float32, terms)


def _float32(x):
  """In 64-bit mode, or of other functions, it may be something else."""
  return jnp.asarray(x, jnp.float32)


def _random_start(recipe, rngs, images):
  noise = base.uniform_noise(rngs, images, recipe.start_noise)
  return noise + recipe.start_value


def _variable(recipe, images, perturbation, one_channel):
  perturbation = base.mono(perturbation, one_channel)
  variable = recipe.space.start(images, perturbation)
  return _float32(recipe.constraint.project(variable, images))


def _pictures(recipe, variable, images):
  return jnp.clip(recipe.space.pictures(variable, images), 0, 1)


def _init(recipe, params, rng, images, *, targets=None, start=None):
  check_images(images)
  base.check_rng(rng)
  base.check_extra(recipe.objective.is_targeted, images, targets, start)
  images = _float32(images)
  rngs = base.picture_rngs(rng, images)
  one_channel = base.is_grey(images)
  if recipe.luminance_only is not None:
    one_channel = jnp.full(len(images), recipe.luminance_only, bool)
  if start is None:
    start = _random_start(recipe, rngs, images)
  start = _float32(start)
  variable = _variable(recipe, images, start, one_channel)
  lowest = jnp.full(len(images), -jnp.inf, jnp.float32)
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
    best_score=lowest,
    best_step=jnp.zeros(len(images), jnp.int32),
    first_score=lowest,
    early_score=lowest,
    moved=jnp.zeros(len(images), bool),
    terms={},
    step=jnp.zeros((), jnp.int32),
  )
  evaluate = functools.partial(_evaluate, recipe)
  _, terms = jax.eval_shape(evaluate, params, state, images, rngs)
  zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), terms)
  return jax.tree.map(_own, state.replace(terms=zeros))


def _own(leaf):
  """A leaf that is no other one and not the caller's: it can be donated.

  Within jit the results are that already.
  """
  return leaf if isinstance(leaf, jax.core.Tracer) else jnp.copy(leaf)


def _step(recipe, params, state):
  rngs = base.fold_in(state.rngs, state.step)

  def loss(variable):
    pictures = recipe.space.pictures(variable, state.images)
    score, terms = _evaluate(recipe, params, state, pictures, rngs)
    return -jnp.sum(score), terms

  grads, terms = jax.grad(loss, has_aux=True)(state.variable)
  grads = base.mono(grads, state.one_channel)
  is_last = state.step == recipe.total_steps - 1
  rank = _float32(recipe.rank(terms, state.best_score, is_last))
  better = rank > state.best_score  # never for NaN
  last = flags.last_tenth(recipe.total_steps)
  is_early = state.step <= recipe.total_steps - last
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
    first_score=jnp.where(state.step == 1, state.best_score, state.first_score),
    early_score=jnp.where(is_early, state.best_score, state.early_score),
    best_step=jnp.where(better, state.step, state.best_step),
    moved=state.moved | jnp.any(grads != 0, (1, 2, 3)),
    terms=terms,
    step=state.step + 1,
  )


def _update(recipe, state, grads, rngs):
  """The next variable and optimiser state: a step, or another start."""
  # optax raises decays to whole numbers, which strict promotion refuses.
  with jax.numpy_dtype_promotion('standard'):
    updates, optimizer = recipe.optimizer.update(
      grads, state.optimizer, state.variable
    )
  variable = recipe.constraint.project(state.variable + updates, state.images)
  variable = _float32(variable)
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
  # And half the way to each, to see what the second half was worth.
  halves = [state.images + (x - state.images) / 2 for x in saved]
  candidates = jnp.stack([state.images, *saved, *halves])
  rngs = base.fold_in(state.rngs, recipe.total_steps)

  def judge(adv_images):
    _, terms = _evaluate(recipe, params, state, adv_images, rngs)
    rank = recipe.rank(terms, jnp.float32(-jnp.inf), jnp.bool_(True))
    return _float32(rank), terms

  ranks, terms = jax.lax.map(judge, candidates)
  ranks = jnp.where(jnp.isnan(ranks), -jnp.inf, ranks)
  ranks = ranks[: len(saved) + 1]
  best = jnp.argmax(ranks, 0)  # the original comes first, so it wins ties
  rows = jnp.arange(len(best))
  adv_images = candidates[best, rows]
  distance = recipe.objective.sign * terms['feature_distance']
  half = distance[best + len(saved), rows]
  info = _info(recipe, state, ranks, best, adv_images)
  info['saturated'] = info['improved'] & flags.saturated(
    info['budget_used'], distance[0], half, distance[best, rows]
  )
  return adv_images, info | {
    name: term[best, rows]
    for name, term in terms.items()
    if name != 'objective'
  }


def _info(recipe, state, ranks, best, adv_images):
  used = _float32(recipe.constraint.used(adv_images, state.images))
  return {
    'score': jnp.max(ranks, 0),
    'start_score': ranks[0],
    'improved': best > 0,
    'linf': jnp.max(jnp.abs(adv_images - state.images), (1, 2, 3)),
    'budget_used': used,
    # What may be wrong with a weak result, as AutoAttack's flags tell.
    'zero_gradient': ~state.moved,
    'not_converged': flags.not_converged(state, recipe.total_steps),
  }
