r"""The trainer filters every picture, gallery and probe: ORL, 1-NN.

  python experiments/evaluate.py --config=experiments/configs/squeezing.py

Expect blur to bring the protection of Fawkes from 100% to 1%, and that of
LowKey, which is made to survive blur, to 94%. Non-local means bring Fawkes to
30%, a median filter to 75%. Fewer grey levels and JPEG change little, and
nothing costs accuracy, on ORL. All numbers: docs/squeezing/table.md. How long
this takes is not recorded.

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
