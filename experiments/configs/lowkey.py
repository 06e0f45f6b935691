r"""Cloaks a folder of pictures with LowKey; else as fawkes_high.py.

  python experiments/poison.py --config=experiments/configs/lowkey.py \
    --input=photos/ --output=cloaked/

As its authors released it: 50 steps, a price on LPIPS, no pixel limit. On the
networks of version 0.1.0, mobileface and faceres, the embeddings of ten LFW
pictures of 250x250 moved by .85 to 1.23 (`feature_displacement`, at most 4),
and by .70 to 1.16 after the JPEG compression of a site. The DSSIM was .026 to
.048 (attacked as a whole and saved as PNG, as there). How long this takes is
not recorded.

The argument `smoke` takes two steps on one network; such cloaks protect from
nothing.
"""

from configs import fawkes_high
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']
  config = fawkes_high.get_config(arg)
  steps = 2 if smoke else 50
  config.attack = ConfigDict({'name': 'lowkey', 'num_steps': steps})
  # None: LowKey has a price on LPIPS and no budget of DSSIM.
  config.max_dssim = placeholder(float)
  return config
