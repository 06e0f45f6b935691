"""Heads: what a face network's embeddings are trained against.

A head is a value, like an optax optimiser: `init` makes its parameters,
`losses` gives one loss per picture, so that padding is masked and devices are
averaged outside. The margin losses are the papers' written formulas, and so
are their gradients: nothing is held constant in them.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks.objectives import normalize
from fr_poison.types import Array, InputError, Params, Rng

Angle = Annotated[float, checks.Range(0, math.pi / 2)]  # in radians

# Accelerators would round to three digits, and a margin head's scale makes the
# error 64 times as large.
_matmul = functools.partial(jnp.matmul, precision='highest')


class Head(NamedTuple):
  """Classes, margins, triplets or targets over embeddings.

  `losses` takes `label_smoothing`, a number in [0, 1), and `mask` [B], 0 or
  False for padding: its losses are 0, and no other picture's depend on it.
  `logits` have no margin, the largest is the class; None without classes.
  """

  # (rng, embedding_size, num_classes) -> params
  init: Callable[[Rng, int, int], Params]
  # (params, embeddings, labels, label_smoothing=0., *, mask=None)
  losses: Callable[..., Float[Array, ' B']]
  # (params, embeddings), L classes
  logits: Callable[[Params, Float[Array, 'B D']], Float[Array, 'B L']] | None


def softmax() -> Head:
  """Makes a dense layer with cross entropy: the closed-set classifier."""

  def init(rng, embedding_size, num_classes):
    kernel = jax.nn.initializers.lecun_normal()
    return {
      'kernel': kernel(rng, (embedding_size, num_classes)),
      'bias': jnp.zeros(num_classes),
    }

  def logits(params, embeddings):
    return _matmul(embeddings, params['kernel']) + params['bias']

  def losses(params, embeddings, labels, label_smoothing=0.0, *, mask=None):
    scores = logits(params, embeddings)
    return _masked(_cross_entropy(scores, labels, label_smoothing), mask)

  return Head(init, losses, logits)


@checks.checked
def arcface(scale: checks.Positive = 64.0, margin: Angle = 0.5) -> Head:
  """Makes -log softmax of s cos(theta), with cos(theta + m) at the label.

  Deng et al. (2019), eq. 3. Where theta + m exceeds pi, cos(theta) - m sin(m)
  instead, which goes on falling with theta, as in the authors' code.

  Args:
    scale: s, above 0.
    margin: m in radians, in [0, pi / 2].

  Raises:
    InputError: either outside its range.
  """
  return _margin_head(scale, lambda _, *angle: _turned(*angle, margin))


@checks.checked
def cosface(
  scale: checks.Positive = 64.0,
  margin: Annotated[float, checks.Range(0, 2)] = 0.4,
) -> Head:
  """Makes -log softmax of s cos(theta), with cos(theta) - m at the label.

  Wang et al. (2018), eq. 4.

  Args:
    scale: s, above 0.
    margin: m, in [0, 2].

  Raises:
    InputError: either outside its range.
  """
  return _margin_head(scale, lambda embeddings, cosines, _: cosines - margin)


@checks.checked
def magface(
  scale: checks.Positive = 64.0,
  low_margin: Angle = 0.45,
  high_margin: Angle = 0.8,
  low_norm: checks.Positive = 10.0,
  high_norm: checks.Positive = 110.0,
  weight: checks.NotNegative = 35.0,
) -> Head:
  """Makes ArcFace with a margin that grows with the embedding's length.

  Meng et al. (2021), section 3.2: with a the length clipped to [low_norm,
  high_norm], the margin is linear from low_margin to high_margin, and
  weight * g(a), g(a) = a / high_norm^2 + 1 / a, rewards length. That this
  settles at one length for each angle is proven for a weight of at least
  scale * slope * u^2 l^2 / (u^2 - l^2), 22.6 here. Past pi as in `arcface`; the
  authors' code drops the margin at 90 degrees already.

  Args:
    scale: s, above 0.
    low_margin: in radians, in [0, pi / 2].
    high_margin: in radians, in [low_margin, pi / 2].
    low_norm: above 0.
    high_norm: above low_norm.
    weight: of g, at least 0.

  Raises:
    InputError: any outside its range.
  """
  checks.number('high_margin', high_margin, low_margin, math.pi / 2)
  checks.number('high_norm', high_norm, low_norm, ends='(]')
  slope = (high_margin - low_margin) / (high_norm - low_norm)
  lengths = lambda x: jnp.clip(_length(x), low_norm, high_norm)

  def move(embeddings, cosines, sines):
    margins = low_margin + slope * (lengths(embeddings) - low_norm)
    return _turned(cosines, sines, margins)

  def price(embeddings):
    a = lengths(embeddings)
    return weight * (a / high_norm**2 + 1 / a)

  return _margin_head(scale, move, price)


@checks.checked
def triplet(
  margin: Annotated[float, checks.Range(0, 4)] = 0.2, mining: str = 'all'
) -> Head:
  """Makes `max(|a - p|^2 - |a - n|^2 + m, 0)` of units (FaceNet, 3.1).

  Every picture is an anchor; its positives and negatives are the others of
  its batch, so under pmap those on the same device (and of its micro-batch):
  it has to hold several pictures of a person. An anchor without either has
  loss 0. There are no parameters and no label smoothing.

  Args:
    margin: m, in [0, 4], as squared distances are.
    mining: 'all' takes the mean over the anchor's triplets above 0, at B^3
      numbers a batch (those that are met already would only dilute it).
      'hard' takes only the farthest positive and the nearest negative
      (Hermans et al., 2017), which can make all embeddings equal early in
      training (FaceNet, section 3.2).

  Raises:
    InputError: margin outside its range, unknown mining; in `losses`, label
      smoothing.
  """
  checks.known('mining', mining, _MINING)

  def losses(params, embeddings, labels, label_smoothing=0.0, *, mask=None):
    del params
    if label_smoothing:
      raise InputError('label_smoothing: the triplet loss has no classes')
    units = normalize(embeddings)
    distances = 2 - 2 * _matmul(units, units.T)
    used = jnp.ones_like(labels, bool) if mask is None else mask.astype(bool)
    used, same = used[:, None] & used, labels[:, None] == labels
    others = ~jnp.eye(len(labels), dtype=bool)
    return _MINING[mining](
      distances, same & used & others, ~same & used, margin
    )

  return Head(lambda rng, embedding_size, num_classes: {}, losses, None)


def match() -> Head:
  """Makes 1 - cos(theta) to what the start network gave for the clean picture.

  A label is the clean picture that a picture is a version of, and `targets`
  [L, D], where it has to stay or to come back, are given (`Trainer`). Nobody
  is named, so that people who are not in the training lose least; in the
  manner of FARE (Schlarmann et al., 2024), with cosines.

  Raises:
    InputError: in `losses`, label smoothing.
  """

  def init(rng, embedding_size, num_classes):
    return {'targets': jax.random.normal(rng, (num_classes, embedding_size))}

  def losses(params, embeddings, labels, label_smoothing=0.0, *, mask=None):
    if label_smoothing:
      raise InputError('label_smoothing: matching has no classes')
    targets = jax.lax.stop_gradient(params['targets'])[labels]
    cosines = jnp.sum(normalize(embeddings) * normalize(targets), -1)
    return _masked(1 - cosines, mask)

  return Head(init, losses, None)


HEADS = {
  f.__name__: f for f in (softmax, arcface, cosface, magface, triplet, match)
}


def make(name: str, **settings) -> Head:
  """Makes a head by its name.

  Args:
    name: one of `HEADS`.
    **settings: the named function's arguments.

  Raises:
    InputError: unknown name or setting, or a setting outside its range.
  """
  checks.known('head', name, HEADS)
  known = inspect.signature(HEADS[name]).parameters
  if unknown := sorted(settings.keys() - known.keys()):
    raise InputError(f'{unknown[0]}: {name} only has {sorted(known)}')
  return HEADS[name](**settings)


def _masked(losses, mask):
  return losses if mask is None else jnp.where(mask, losses, 0)


def _cross_entropy(logits, labels, smoothing):
  """Of (1 - smoothing) at the label and smoothing shared by all classes."""
  checks.number('label_smoothing', smoothing, 0, 1, ends='[)')
  scores = jax.nn.log_softmax(logits)
  own = jnp.take_along_axis(scores, labels[:, None], 1)[:, 0]
  return -(1 - smoothing) * own - smoothing * jnp.mean(scores, 1)


def _margin_head(scale, move, price=lambda embeddings: 0.0):
  """A head on cosines to class centres, moved at the label.

  Args:
    scale: of the logits.
    move: (embeddings, cosines [B], sines [B] to the label's centre) -> [B].
    price: embeddings -> [B], added to the loss.
  """

  def init(rng, embedding_size, num_classes):
    # Only directions matter, but steps are relative to the length: about 1.
    centres = jax.random.normal(rng, (num_classes, embedding_size))
    return {'centres': centres / math.sqrt(embedding_size)}

  def logits(params, embeddings):
    centres = normalize(params['centres'])
    return scale * _matmul(normalize(embeddings), centres.T)

  def losses(params, embeddings, labels, label_smoothing=0.0, *, mask=None):
    scores = logits(params, embeddings)
    a, b = normalize(embeddings), normalize(params['centres'][labels])
    cosines = jnp.sum(a * b, -1)
    # The length of what is left of `a` beside `b`: sqrt(1 - cos^2) loses its
    # digits near 0 degrees, and its gradient is infinite there.
    moved = move(embeddings, cosines, _length(a - cosines[:, None] * b))
    own = jax.nn.one_hot(labels, scores.shape[1], dtype=bool)
    scores = jnp.where(own, scale * moved[:, None], scores)
    loss = _cross_entropy(scores, labels, label_smoothing) + price(embeddings)
    return _masked(loss, mask)

  return Head(init, losses, logits)


def _length(vectors):
  """Euclidean, [..., D] -> [...]; its gradient at zero is zero."""
  return jnp.sqrt(jnp.maximum(jnp.sum(vectors**2, -1), 1e-20))


def _turned(cosines, sines, margin):
  """cos(theta + margin); past pi cos(theta) - margin sin(margin).

  That goes on falling with theta where the cosine would rise again.
  """
  moved = cosines * jnp.cos(margin) - sines * jnp.sin(margin)
  beyond = cosines - margin * jnp.sin(margin)
  return jnp.where(cosines > -jnp.cos(margin), moved, beyond)


def _mean_of_all(distances, positives, negatives, margin):
  excess = distances[:, :, None] - distances[:, None, :] + margin
  valid = positives[:, :, None] & negatives[:, None, :] & (excess > 0)
  count = jnp.maximum(jnp.sum(valid, (1, 2)), 1)
  return jnp.sum(jnp.where(valid, excess, 0), (1, 2)) / count


def _hardest(distances, positives, negatives, margin):
  farthest = jnp.max(jnp.where(positives, distances, -jnp.inf), 1)
  nearest = jnp.min(jnp.where(negatives, distances, jnp.inf), 1)
  return jnp.maximum(farthest - nearest + margin, 0)


_MINING = {'all': _mean_of_all, 'hard': _hardest}
