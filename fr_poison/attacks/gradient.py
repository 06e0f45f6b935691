"""Objective, constraint and optax optimiser become an attack.

A named attack chooses them, and which of its iterates comes back; everything
here is common to all.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float

from fr_poison import checks
from fr_poison.attacks import base
from fr_poison.attacks.base import Attack, AttackState, Info, Terms
from fr_poison.attacks.constraints import Constraint
from fr_poison.attacks.objectives import Objective
from fr_poison.types import Array, Images, InputError, Params, Rng, Rngs

# When a weak result is called saturated, or not converged.
_USED_UP = 0.9
_SECOND_HALF = 0.45
_STILL_RISING = 0.5


def by_objective(terms: Terms) -> Float[Array, ' B']:
  """Ranks an iterate by what the attack ascends, the default."""
  return terms['objective']


@base.by_value
def gradient_attack(
  objective: Objective,
  constraint: Constraint,
  optimizer: optax.GradientTransformation,
  *,
  num_steps: checks.Count,
  start_noise: checks.NotNegative = 0.0,
  start_value: checks.Number = 0.0,
  restarts: checks.Count = 1,
  rank: Callable[[Terms], Float[Array, ' B']] = by_objective,
  keep: tuple[str, ...] = ('best', 'last'),
  luminance_only: bool | None = None,
) -> Attack:
  """Makes the attack that ascends gain * distance - penalty.

  Args:
    objective: the distance that grows or shrinks, per picture.
    constraint: what it may cost.
    optimizer: an optax transformation of the *descent* direction.
    num_steps: updates per start; at least 1.
    start_noise: half-width of the uniform start, in units of the variable.
    start_value: its centre.
    restarts: starts; the best iterate of all comes back.
    rank: says of terms how good an iterate is; -inf is never taken.
    keep: which iterates may come back: 'best', the one of highest rank among
      those that a step has looked at; 'last', the one after the last update.
    luminance_only: one perturbation for the three channels. None: exactly for
      the grey pictures, where any colour would give the cloak away.

  Raises:
    InputError: a number out of range. `init` refuses pictures that are not
      RGB float32 in [0, 1], what is no key, and targets that do not fit.
  """
  ascent = Ascent(**locals())
  return Attack(
    *(ascent.init, ascent.step, ascent.finish),
    ascent.total_steps,
    objective.is_targeted,
    objective.from_set,
  )


def _float32(x):
  """In 64-bit mode, or of other functions, it may be something else."""
  return jnp.asarray(x, jnp.float32)


class Ascent(NamedTuple):
  """What `gradient_attack` was given, and its three functions.

  A recipe whose step is another one calls `advance` with what it found.
  """

  objective: Objective
  constraint: Constraint
  optimizer: optax.GradientTransformation
  num_steps: int
  start_noise: float = 0.0
  start_value: float = 0.0
  restarts: int = 1
  rank: Callable = by_objective
  keep: tuple[str, ...] = ('best', 'last')
  luminance_only: bool | None = None

  @property
  def total_steps(self):
    """Each start but the last spends one more step on its last iterate."""
    return self.restarts * (self.num_steps + 1) - 1

  @property
  def last_steps(self):
    """How many steps at the end are compared with all of them."""
    return max(1, round((self.total_steps - 1) / 10))

  def init(
    self,
    params: Sequence[Params],
    rng: Rng,
    images: Images,
    *,
    targets: Any = None,
    start: Float[Array, 'B H W 3'] | None = None,
  ) -> AttackState:
    """Everything before the first step."""
    is_targeted = self.objective.is_targeted
    base.check_inputs(is_targeted, rng, images, targets, start)
    images = _float32(images)
    rngs = base.picture_rngs(rng, images)
    one_channel = base.is_grey(images)
    if self.luminance_only is not None:
      one_channel = jnp.full_like(one_channel, self.luminance_only)
    if start is None:
      start = self.random_start(rngs, images)
    variable = self.variable(images, _float32(start), one_channel)
    # Like the pictures: a caller's shard_map counts on each device's own.
    zeros = base.zeros(images)
    lowest = zeros - jnp.inf
    state = AttackState(
      images=images,
      variable=variable,
      adv_images=self.pictures(variable, images),
      one_channel=one_channel,
      rngs=rngs,
      reference=self.objective.reference(params, images, targets),
      constraint=self.constraint.init(images),
      optimizer=self.optimizer.init(variable),
      best_images=images,
      # With dtypes: a weakly typed state would compile the first step twice.
      best_score=lowest,
      best_step=zeros.astype(jnp.int32),
      first_score=lowest,
      early_score=lowest,
      moved=zeros.astype(bool),
      terms={},
      step=jnp.zeros((), jnp.int32),
    )
    _, terms = jax.eval_shape(self.evaluate, params, state, images, rngs)
    state = state.replace(terms=dict.fromkeys(terms, zeros))
    return jax.tree.map(base.own, state)

  def random_start(self, rngs: Rngs, images: Images) -> Float[Array, 'B H W 3']:
    """Uniform noise, each picture's from its own key."""
    size = self.start_noise
    draw = lambda rng: jax.random.uniform(
      rng, images.shape[1:], images.dtype, -size, size
    )
    return jax.vmap(draw)(rngs) + self.start_value

  def variable(self, images, change, one_channel):
    """What stands for the pictures with this change."""
    change = base.mono(change, one_channel)
    variable = self.constraint.variable(images, change)
    return _float32(self.constraint.project(variable, images))

  def pictures(self, variable, images):
    """What the variable stands for, in [0, 1]."""
    return jnp.clip(self.constraint.pictures(variable, images), 0, 1)

  def evaluate(
    self,
    params: Sequence[Params],
    state: AttackState,
    adv_images: Images,
    rngs: Rngs,
  ) -> tuple[Float[Array, ' B'], Terms]:
    """What is ascended, and the terms it is made of, in float32."""
    distance = self.objective.distance(
      params, state.reference, adv_images, rngs
    )
    if np.shape(distance) != (len(adv_images),):
      raise InputError(
        f'objective.distance: gave {list(np.shape(distance))}; one number a '
        f'picture expected, [{len(adv_images)}]'
      )
    penalty, terms = self.constraint.measure(
      state.constraint, adv_images, state.images
    )
    distance, penalty = _float32(distance), _float32(penalty)
    gain = self.constraint.gain(state.constraint) * self.objective.sign
    score = _float32(gain * distance - penalty)
    found = {'objective': score, 'feature_distance': distance}
    return score, found | jax.tree.map(_float32, terms)

  def step(self, params: Sequence[Params], state: AttackState) -> AttackState:
    """One update along the gradient."""
    rngs = base.fold_in(state.rngs, state.step)

    def loss(variable):
      pictures = self.constraint.pictures(variable, state.images)
      score, terms = self.evaluate(params, state, pictures, rngs)
      return -jnp.sum(score), terms

    grads, terms = jax.grad(loss, has_aux=True)(state.variable)
    grads = base.mono(grads, state.one_channel)
    variable, optimizer = self.update(state, grads, rngs)
    return self.advance(state, terms, grads, variable, optimizer)

  def advance(self, state, terms, grads, variable, optimizer):
    """The state after a step, with the best of the iterates looked at."""
    rank = _float32(self.rank(terms))
    better = rank > state.best_score  # never for NaN
    is_early = state.step <= self.total_steps - self.last_steps
    keep = lambda flags, new, old: jnp.where(flags, new, old)
    return state.replace(
      variable=variable,
      adv_images=self.pictures(variable, state.images),
      constraint=self.constraint.update(state.constraint, terms),
      optimizer=optimizer,
      best_images=keep(
        base.per_picture(better), state.adv_images, state.best_images
      ),
      best_score=keep(better, rank, state.best_score),
      best_step=keep(better, state.step, state.best_step),
      first_score=keep(state.step == 1, state.best_score, state.first_score),
      early_score=keep(is_early, state.best_score, state.early_score),
      moved=state.moved | jnp.any(grads != 0, (1, 2, 3)),
      terms=terms,
      step=state.step + 1,
    )

  def update(self, state, grads, rngs):
    """The next variable and optimiser state: a step, or another start."""
    # optax raises decays to whole numbers, which strict promotion refuses.
    with jax.numpy_dtype_promotion('standard'):
      updates, optimizer = self.optimizer.update(
        grads, state.optimizer, state.variable
      )
    variable = _float32(
      self.constraint.project(state.variable + updates, state.images)
    )
    if self.restarts == 1:
      return variable, optimizer
    again = state.step % (self.num_steps + 1) == self.num_steps
    start = self.random_start(rngs, state.images)
    fresh = self.variable(state.images, start, state.one_channel)
    return jax.tree.map(
      functools.partial(jnp.where, again),
      (fresh, self.optimizer.init(fresh)),
      (variable, optimizer),
    )

  def finish(
    self, params: Sequence[Params], state: AttackState
  ) -> tuple[Images, Info]:
    """The original or the kept iterate, judged as it is saved."""
    kept = {'best': state.best_images, 'last': state.adv_images}
    save = self.constraint.project_codes
    saved = [save(kept[name] * 255, state.images) / 255 for name in self.keep]
    # And half the way to each, to see what the second half was worth.
    halves = [state.images + (x - state.images) / 2 for x in saved]
    candidates = jnp.stack([state.images, *saved, *halves])
    rngs = base.fold_in(state.rngs, self.total_steps)

    def judge(adv_images):
      _, terms = self.evaluate(params, state, adv_images, rngs)
      return _float32(self.rank(terms)), terms

    ranks, terms = jax.lax.map(judge, candidates)
    ranks = jnp.where(jnp.isnan(ranks), -jnp.inf, ranks)[: len(saved) + 1]
    best = jnp.argmax(ranks, 0)  # the original comes first, so it wins ties
    rows = jnp.arange(len(best))
    adv_images = candidates[best, rows]
    used = _float32(self.constraint.used(adv_images, state.images))
    distance = self.objective.sign * terms['feature_distance']
    way = distance[0], distance[best + len(saved), rows], distance[best, rows]
    del terms['objective']
    return adv_images, {
      'score': jnp.max(ranks, 0),
      'start_score': ranks[0],
      'improved': best > 0,
      'linf': jnp.max(jnp.abs(adv_images - state.images), (1, 2, 3)),
      'budget_used': used,
      'zero_gradient': ~state.moved,
      'not_converged': self.not_converged(state),
      'saturated': (best > 0) & saturated(used, *way),
      **{name: term[best, rows] for name, term in terms.items()},
    }

  def not_converged(self, state):
    """The last tenth of the steps still gained at half the mean rate or more.

    By the iterates that steps looked at: one or two do not show it.
    """
    last, count = self.last_steps, self.total_steps - 1
    gained = state.best_score - state.first_score
    late = state.best_score - state.early_score
    rising = late * count >= _STILL_RISING * gained * last
    return rising & (gained > 0) & (last < count)


def saturated(
  used: Float[Array, ' B'],
  start: Float[Array, ' B'],
  half: Float[Array, ' B'],
  end: Float[Array, ' B'],
) -> Bool[Array, ' B']:
  """Whether the budget is used up, and a larger one would give more.

  `start`, `half` and `end` are what grows, at the original, half the way to the
  result, and there. Small changes move an embedding in proportion, so the
  second half of a small budget brings half of the way, by the roots of squared
  distances. On mobileface it is half at 2/255, .42 at 8/255 and .2 at 32/255.
  """
  root = lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x))
  start, half, end = root(start), root(half), root(end)
  return (used >= _USED_UP) & (end - half >= _SECOND_HALF * (end - start))
