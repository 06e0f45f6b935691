r"""ORL faces and the attacks as their authors released them; else as orl.py.

  python experiments/evaluate.py --config=experiments/configs/orl_recipes.py

LowKey with LPIPS and mirror images, 50 steps, no pixel limit; Fawkes 1.0 in
mode 'high', 150 steps, DSSIM .017. One surrogate, since they take their time.
In colour, among strangers: lfw.py, and study_lfw.py, docs/study. How long this
takes is not recorded.

The argument `smoke` is the same in little, as in orl.py.
"""

from configs import orl
from ml_collections import ConfigDict


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.get_config(arg)
  config.surrogates = config.surrogates[:1]
  config.attacks = ConfigDict(
    {
      'lowkey': {'num_steps': 2 if smoke else 50},
      'fawkes': {
        'version': '1.0',
        'mode': 'high',
        'num_steps': 2 if smoke else 150,
      },
    }
  )
  return config
