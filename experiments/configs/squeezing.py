r"""The trainer filters every picture, gallery and probe: ORL, 1-NN.

  python experiments/evaluate.py --config=experiments/configs/squeezing.py

A bit more than a minute on 2 CPU cores. Expect blur to bring the protection of
both attacks from 100% to 2% (Fawkes) and 16% (LowKey) at no cost in accuracy,
and fewer grey levels to change next to nothing; on ORL, of cloaks that were not
made to survive blur. All numbers: docs/squeezing/table.md.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import orl
from ml_collections import ConfigDict


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  filters = {
    'bits': ({'name': 'bit_depth', 'bits': 4},),
    'median': ({'name': 'median', 'size': 3},),
    'blur': ({'name': 'gaussian', 'sigma': 1.5},),
    'jpeg': ({'name': 'jpeg', 'quality': 50, 'subsampling': '4:2:0'},),
    'means': ({'name': 'non_local_means', 'strength': 10.0},),
    'grey': ({'name': 'grayscale'},),  # ORL is grey: changes nothing here
  }
  config.adversaries = ConfigDict(
    {
      'oblivious': {},
      'squeezing': {
        'networks': config.networks,
        'filters': {'bits': filters['bits']} if smoke else filters,
      },
    }
  )
  return config
