r"""Verification on LFW: 6,000 pairs in ten folds, every network that is there.

  python experiments/verify.py --data_dir=LFW \
    --config=experiments/configs/lfw_verification.py

LFW is a folder with the pictures (the official lfw or lfw-deepfunneled) and,
anywhere in it, the protocol's pairs.txt. Needs the extra `align`. Once, 13,233
pictures are prepared in less than 4 minutes of one CPU core; then a network
takes a fraction of a minute (mobileface) to a minute or two.

The argument `smoke` is the same with mobileface alone.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']
  config = ConfigDict()
  # None: all whose weights ship or are in the cache.
  config.networks = ('mobileface',) if smoke else placeholder(tuple)
  # For networks that take any: smaller is faster. Others have their own.
  config.input_size = ConfigDict({'faceres': 128, 'faceres_deep': 128})
  config.align = 'auto'  # see configs/orl.py
  config.pairs = placeholder(str)  # None: the pairs.txt in --data_dir
  config.batch_size = 20  # pictures on a device, if that is an accelerator
  return config
