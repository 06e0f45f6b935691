r"""Cloaks a folder of face crops with LowKey, as its authors released it.

  python experiments/poison.py --config=experiments/configs/lowkey.py \
    --input=photos/ --output=cloaked/

About 6 seconds a picture on 2 CPU cores, after half a minute of compiling.
On LFW pictures of 250x250 expect embeddings that have moved by .85 to 1.2
(`feature_displacement`, at most 4), by .75 to 1.2 after the JPEG compression
of a site, at a DSSIM of .03 to .05.

The argument `smoke` takes two steps on one network; such cloaks protect from
nothing.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']

  config = ConfigDict()
  # The networks whose embedding of a picture is pushed away, all together.
  config.surrogates = ('mobileface',) if smoke else ('mobileface', 'faceres')
  # Of networks that take any; the others work at their own.
  config.input_size = ConfigDict({'faceres': 128})
  config.attack = ConfigDict({'name': 'lowkey'})
  config.attack.num_steps = 2 if smoke else 50
  # None: LowKey has a price on LPIPS and no budget of DSSIM.
  config.max_dssim = placeholder(float)
  config.size = 112  # rows and columns at which pictures are attacked
  # format: 'png', or 'jpeg' with quality and subsampling ('4:4:4', '4:2:0').
  config.output = ConfigDict(
    {'format': 'png', 'quality': 95, 'subsampling': '4:4:4'}
  )
  config.batch_size = 8  # pictures at a time; results agree up to rounding
  config.seed = 0
  return config
