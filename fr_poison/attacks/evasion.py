"""The cloak that does not want to be seen: PGD against network and detector."""

from collections.abc import Sequence

import jax

from fr_poison import checks
from fr_poison.attacks import base, objectives
from fr_poison.attacks import networks as networks_lib
from fr_poison.attacks.pgd import signed_ascent
from fr_poison.types import EmbedFn, InputError


@checks.checked
@base.by_value
def evading_pgd(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  weight: checks.Positive = 0.1,
) -> base.Attack:
  """Steps away from the own embedding and down a detector's score.

  What grows is the displacement, in [0, 4], minus weight * log(1 + odds) of
  the picture being cloaked, as the detector has them.

  Args:
    embed_fns: the networks; the last one is the detector, `(params, images)
      -> [B, 1]`, its natural log-odds. params come in the same order.
    epsilon: L-infinity radius in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in [0, 1] pixel units; None is 2.5 epsilon / num_steps.
    weight: of the detector, above 0.

  Raises:
    InputError: a number out of range.
  """
  networks_lib.check(embed_fns)
  *networks, detector = embed_fns or [None]
  displacement = objectives.displacement(networks)

  def reference(params, images, targets):
    networks_lib.check_params(embed_fns, params)
    return displacement.reference(params[:-1], images, targets)

  def distance(params, reference, adv_images, rngs):
    odds = networks_lib.embed(detector, params[-1], adv_images, len(networks))
    if odds.shape[1] != 1:
      raise InputError(
        f'embed_fns[{len(networks)}]: gave {list(odds.shape)}; it is the '
        f"detector's, so its log-odds [{len(adv_images)}, 1] are expected"
      )
    moved = displacement.distance(params[:-1], reference, adv_images, rngs)
    return moved - weight * jax.nn.softplus(odds[:, 0])

  return signed_ascent(
    objectives.Objective(reference, distance, is_targeted=False),
    epsilon=epsilon,
    num_steps=num_steps,
    learning_rate=learning_rate,
  )
