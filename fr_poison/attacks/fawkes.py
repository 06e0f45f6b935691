"""Fawkes (Shan et al., USENIX Security 2020), its plain form.

Moves the embedding towards a dissimilar person's, under a price on visible
change (DSSIM). Plain: Adam on the pixels inside an L-infinity ball, without
the tanh space, schedules and per-image weights of the released versions.
"""

from collections.abc import Sequence

import numpy as np
import optax

from fr_poison.attacks import base, constraints, objectives
from fr_poison.types import Embeddings, EmbedFn, Labels


def fawkes(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: float = 8 / 255,
  num_steps: int = 40,
  learning_rate: float | None = None,
  dssim_budget: float = 0.05,
  dssim_weight: float = 1e3,
  targeted: bool = True,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Adam towards `targets` with a penalty on DSSIM above its budget.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    epsilon: L-infinity budget in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: Adam's, in pixel units; None is 2.5 epsilon / num_steps.
    dssim_budget: DSSIM up to which change is free.
    dssim_weight: price of the squared excess.
    targeted: needs `targets`, see `farthest_target`; False runs away from the
      own embedding instead, as Fawkes 1.0 does.
    luminance_only: see `base.gradient_attack`.

  Raises:
    InputError: a budget out of range, num_steps below 1.
  """
  make = objectives.approach if targeted else objectives.displacement
  return base.gradient_attack(
    make(embed_fns),
    constraints.dssim_penalty(
      constraints.linf_ball(epsilon), budget=dssim_budget, weight=dssim_weight
    ),
    optax.adam(learning_rate or 2.5 * epsilon / max(num_steps, 1)),
    num_steps=num_steps,
    start_noise=0.0 if targeted else min(0.005, epsilon),
    luminance_only=luminance_only,
  )


def farthest_target(
  embeddings: Embeddings, others: Embeddings, other_labels: Labels
) -> np.ndarray:
  """The centroid [D] of the person least like the user (Fawkes sect. 4.1).

  Args:
    embeddings: [B, D] of the user's pictures.
    others: [N, D] of other people's pictures.
    other_labels: [N].

  Returns:
    Of the normalised centroids of the others, the one whose smallest distance
    to any of the user's pictures is largest.
  """
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  own, others = unit(np.asarray(embeddings)), unit(np.asarray(others))
  centroids = np.stack(
    [others[other_labels == label].mean(0) for label in np.unique(other_labels)]
  )
  distances = np.linalg.norm(own[:, None] - centroids[None], axis=-1)
  return centroids[distances.min(0).argmax()]
