"""Which triplets of a batch count, and what they cost."""

import jax.numpy as jnp


def pairs(labels, mask=None):
  """The positives and the negatives [B, B] of every anchor, a row each.

  Args:
    labels: [B].
    mask: [B], False for padding, which is neither anchor nor partner.
  """
  used = jnp.ones_like(labels, bool) if mask is None else mask.astype(bool)
  used = used[:, None] & used
  same = labels[:, None] == labels
  itself = jnp.eye(len(labels), dtype=bool)
  return same & used & ~itself, ~same & used


def mean_of_all(distances, positives, negatives, margin):
  """The mean [B] of each anchor's triplets above 0 (batch all).

  Those that are met already would only dilute it (Hermans et al., 2017).

  Args:
    distances: [B, B], squared.
    positives: [B, B].
    negatives: [B, B].
    margin: by which a negative has to be farther than a positive.
  """
  excess = distances[:, :, None] - distances[:, None, :] + margin
  valid = positives[:, :, None] & negatives[:, None, :] & (excess > 0)
  count = jnp.maximum(jnp.sum(valid, (1, 2)), 1)
  return jnp.sum(jnp.where(valid, excess, 0), (1, 2)) / count


def hardest(distances, positives, negatives, margin):
  """[B]: the farthest positive against the nearest negative (batch hard)."""
  farthest = jnp.max(jnp.where(positives, distances, -jnp.inf), 1)
  nearest = jnp.min(jnp.where(negatives, distances, jnp.inf), 1)
  return jnp.maximum(farthest - nearest + margin, 0)


MINING = {'all': mean_of_all, 'hard': hardest}
