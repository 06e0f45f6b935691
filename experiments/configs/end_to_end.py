r"""ORL faces as in orl.py; extractor and last layer are fine-tuned together.

  python experiments/evaluate.py --config=experiments/configs/end_to_end.py

NUMBERS
The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import adaptive, orl
from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']
  config = orl.get_config(arg)
  config.networks = config.surrogates = ('mobileface',)
  config.noise_control = False  # see orl.py for it
  config.recognizers = ConfigDict(
    # What it starts from, and where fine-tuning takes it.
    {'linear': {'num_splits': 1}, 'end_to_end': adaptive.end_to_end(smoke)}
  )
  return config
