"""Networks that a config's trainers train, for cloaks to be made on.

'mobileface adaptive' is what the adversary `adaptive` makes of mobileface, with
the first of its training seeds. Authors attack through it, and another trainer
may learn from what they made: that one comes after it.
"""

from collections.abc import Mapping, Sequence

from config_fields import entries

from fr_poison import extractors
from fr_poison.evaluation import learning
from fr_poison.types import InputError

Entry = tuple[str, str, dict]  # label, kind and settings


def name_of(network: str, adversary: str) -> str:
  """Returns how `surrogates` call an adversary's network."""
  return f'{network} {adversary}'


def of(
  network: str,
  adversary: str,
  trained: Mapping[int | None, extractors.Extractor],
) -> dict[str, extractors.Extractor]:
  """Returns the first training seed's network, as `surrogates` call it."""
  first = next(iter(trained.values()))
  own = first._replace(trained_by=adversary)
  return {name_of(network, adversary): own}


def names(adversaries: Mapping[str, dict]) -> list[str]:
  """Lists all that a config's adversaries train."""
  return [
    name_of(network, label)
    for label, _, chosen in entries(adversaries, learning.TRAINED)
    for network in chosen.get('networks', ())
  ]


def in_order(
  adversaries: Mapping[str, dict], surrogates: Sequence[str]
) -> list[Entry]:
  """Lists trained adversaries, each after those on whose networks it cloaks.

  Args:
    adversaries: settings by label.
    surrogates: of the config, 'a' or 'a+b'; an adversary's own may be fewer.

  Raises:
    InputError: one that would have to come before itself.
  """
  left, found = entries(adversaries, learning.TRAINED), []
  while left:
    ahead = {l: _needs(chosen, surrogates, left) for l, _, chosen in left}
    ready = [entry for entry in left if not ahead[entry[0]]]
    if not ready:
      label, needed = next(iter(ahead.items()))
      raise InputError(
        f'config.adversaries.{label}.surrogates: {needed[0]!r} is trained on '
        'cloaks that are made on what this one trains; name surrogates that '
        'come before it'
      )
    found.append(ready[0])
    left.remove(ready[0])
  return found


def _needs(chosen, surrogates, left):
  """The networks of those who are left that an adversary cloaks on."""
  named = '+'.join(chosen.get('surrogates', surrogates)).split('+')
  trained = {
    name_of(network, label): True
    for label, _, other in left
    for network in other.get('networks', ())
  }
  return [name for name in named if name in trained]
