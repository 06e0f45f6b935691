"""Angles between embeddings and class centres, with gradients that exist."""

import jax.numpy as jnp

from fr_poison.attacks.objectives import normalize


def matmul(a, b):
  """a @ b in full float32.

  Accelerators would round to three digits, and a margin head's scale makes
  the error 64 times as large.
  """
  return jnp.matmul(a, b, precision='highest')


def length(vectors):
  """Euclidean, [..., D] -> [...]; its gradient at zero is zero."""
  return jnp.sqrt(jnp.maximum(jnp.sum(vectors**2, -1), 1e-20))


def between(a, b):
  """Cosines and sines [B] of the angles between rows of a and b, [B, D].

  The sine is the length of what is left of `a` beside `b`: sqrt(1 - cos^2)
  loses its digits near 0 degrees, and its gradient is infinite there.
  """
  a, b = normalize(a), normalize(b)
  cosines = jnp.sum(a * b, -1)
  return cosines, length(a - cosines[:, None] * b)


def add(cosines, sines, margin):
  """cos(theta + margin); past pi cos(theta) - margin sin(margin).

  That goes on falling with theta where the cosine would rise again.
  """
  moved = cosines * jnp.cos(margin) - sines * jnp.sin(margin)
  beyond = cosines - margin * jnp.sin(margin)
  return jnp.where(cosines > -jnp.cos(margin), moved, beyond)
