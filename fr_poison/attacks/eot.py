"""PGD that expects the pictures to be transformed (Athalye et al., 2018)."""

from collections.abc import Sequence

from fr_poison import checks
from fr_poison.attacks import base, objectives, transforms
from fr_poison.attacks.pgd import signed_ascent
from fr_poison.types import EmbedFn


@checks.checked
@base.by_value
def eot_pgd(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
) -> base.Attack:
  """Steps away from the own embedding as blurred, compressed and mirrored.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    epsilon: L-infinity radius in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in [0, 1] pixel units; None is 2.5 epsilon / num_steps.

  Raises:
    InputError: a number out of range.
  """
  views = [transforms.blur(), transforms.jpeg(75, '4:2:0'), transforms.flip()]
  return signed_ascent(
    objectives.expectation(objectives.displacement(embed_fns), views),
    epsilon=epsilon,
    num_steps=num_steps,
    learning_rate=learning_rate,
  )
