r"""Verification on LFW: 6,000 pairs in ten folds, every network that is there.

  python experiments/verify.py --data_dir=LFW \
    --config=experiments/configs/lfw_verification.py

LFW is a folder with the pictures (the official lfw or lfw-deepfunneled) and,
anywhere in it, the protocol's lists of pairs. Needs the extra `align`. Once,
13,233 pictures are prepared. How long this takes is not recorded.

The argument `crops` asks instead, on the 3,200 pairs of view 1, which part of
the frame suits a network, and at which size: their authors do not say. `smoke`
is the same with mobileface alone.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args

# Input size, and left, top, width and height in the frame of 128 pixels; first
# what the networks have now.
_FACERES = (
  (224, 8, 4, 112, 112),
  (224, 0, 0, 128, 128),
  (128, 8, 4, 112, 112),
  (128, 22, 21, 84, 84),
)
_CROPS = {
  'faceres': _FACERES,
  'faceres_deep': _FACERES,
  'dlib_resnet': (
    (150, 16.4, 30.4, 95.2, 95.2),
    (150, 13.6, 26.6, 100.8, 100.8),
  ),
}


def get_config(arg=None):
  found = config_args.parse(arg, smoke=False, crops=False)
  smoke, crops = found['smoke'], found['crops']
  config = ConfigDict()
  # None: all whose weights ship or are in the cache. With ' mirrored' after its
  # name a network gives the mean of picture and mirror image.
  config.networks = ('mobileface',) if smoke else placeholder(tuple)
  if crops:
    config.networks = tuple(_CROPS)
  # Of networks that take any; None here: the published one, at which they are
  # best. Other programs show faceres smaller pictures, which is faster.
  config.input_size = ConfigDict()
  config.align = 'auto'  # see configs/orl.py
  # view1: the lists for choices, pairsDevTrain.txt and pairsDevTest.txt; view2:
  # pairs.txt, for what is reported.
  config.view = 'view1' if crops else 'view2'
  config.pairs_dir = placeholder(str)  # None: they are in --data_dir
  # By network several parts of the frame and sizes to be compared, instead of
  # the network's own.
  config.crops = ConfigDict(_CROPS if crops else {})
  config.batch_size = 20  # pictures on a device, if that is an accelerator
  return config
