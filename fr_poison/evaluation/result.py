"""What was measured: the rates of one trainer, and the record they make."""

from typing import Any, NamedTuple

from fr_poison import metrics


class Result(NamedTuple):
  """What one trainer with one recognizer makes of one scrape.

  Rates are over distinct probes, with 95% intervals; None where there is
  no probe to take a share of.
  """

  protection: metrics.Rate | None  # errors on protected people's probes
  error: metrics.Rate | None  # errors on everybody else's
  controls: dict[str, metrics.Rate | None]  # with these instead of the cloak
  not_enrolled: metrics.Rate | None  # protected people who lost all pictures
  others_not_enrolled: metrics.Rate | None  # others, to false alarms
  per_person: metrics.PerPerson  # of `protection`, the protected people
  fields: dict[str, Any]  # of its record, beside the rates
  retrieval: metrics.Rate | None = None  # recall of protected people's pictures

  @property
  def accuracy(self) -> metrics.Rate | None:
    """Returns the rate of right answers on everybody else's probes."""
    if self.error is None:
      return None
    value, low, high, count, icc = self.error
    return metrics.Rate(1 - value, 1 - high, 1 - low, count, icc)

  @property
  def noise_protection(self) -> metrics.Rate | None:
    """Returns the rate with noise of the cloak's spectrum instead."""
    return self.controls.get('spectrum')

  def record(self) -> dict[str, Any]:
    """Returns the fields of a record of `report`, the rates among them.

    A control that cannot be, as of somebody else's cloak, is None.
    """
    controls = {
      f'{"noise" if name == "spectrum" else name}_protection_rate': rate
      for name, rate in self.controls.items()
    }
    rates = {'protection_rate': self.protection, 'accuracy': self.accuracy}
    counts = [x.tolist() for x in self.per_person]
    found = self.fields | dict.fromkeys(controls)
    found['protection_counts'] = [
      list(own) for own in zip(*counts, strict=True)
    ]
    if self.protection:
      found['protection_icc'] = self.protection.icc
    rates['retrieval_recall'] = self.retrieval
    for name, rate in (rates | controls).items():
      if rate is not None:
        found[name] = rate.value
        found[name.removesuffix('_rate') + '_ci'] = [rate.low, rate.high]
    return found
