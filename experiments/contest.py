"""Moves of authors and trainers, by turns: which of them a record is of.

Adversaries with a `round` answer the cloaks that they learn from: one of round
1 those of round 0, which the tools make; one of round 3 those of round 2, the
authors' answers to round 1. Nobody has answered cloaks that none learns from.
Who waits stays at round 0.
"""

from collections.abc import Mapping

from settings import Settings

from fr_poison.evaluation.trainer import members


def of_cloak(settings: Settings, attack: str, surrogate: str) -> dict[str, int]:
  """Returns a record's field: after which move a cloak was made.

  Args:
    settings: of the run.
    attack: its label.
    surrogate: 'a', or 'a+b'.
  """
  rounds = _rounds(settings)
  if not rounds:
    return {}
  answered = [
    number - 1
    for label, number in rounds.items()
    if attack in settings.adversaries[label].get('attacks', ())
    and surrogate
    in settings.adversaries[label].get('surrogates', settings.surrogates)
  ]
  return {'cloak_round': min(answered, default=max(rounds.values()) + 1)}


def of_trainer(settings: Settings, trainer) -> dict[str, int]:
  """Returns a record's field: after which move the trainer was trained."""
  rounds = _rounds(settings)
  adversary = next(iter(members(trainer).values())).adversary
  if not rounds or adversary and adversary not in rounds:
    return {}
  return {'round': rounds.get(adversary, 0)}


def _rounds(settings) -> Mapping[str, int]:
  """Of the adversaries that have one."""
  return {
    label: chosen['round']
    for label, chosen in settings.adversaries.items()
    if 'round' in chosen
  }
