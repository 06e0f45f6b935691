r"""Cloaks a folder of pictures with Fawkes 1.0, mode 'high'.

  python experiments/poison.py --config=experiments/configs/fawkes_high.py \
    --input=photos/ --output=cloaked/

On mobileface and faceres, the networks of version 0.1.0, the embeddings of ten
LFW pictures of 250x250 moved by 1.18 to 1.41 (`feature_displacement`, at most
4), by 1.00 to 1.28 after the JPEG compression of a site, at a DSSIM of .014 to
.017. These were attacked as a whole (--config.align=none) and saved as PNG. By
default photographs are attacked on the face, with the extra `align`, and keep
their format (docs/data.md). How long this takes is not recorded.

The argument `smoke` takes two steps on one network; such cloaks protect from
nothing.
"""

from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']

  config = ConfigDict()
  # The networks whose embedding of a picture is pushed away, all together.
  config.surrogates = ('mobilefacenet_tf', 'dlib_resnet')
  if smoke:
    config.surrogates = ('mobileface',)
  # Of networks that take any; the others work at their own.
  config.input_size = ConfigDict({'faceres': 128})
  # Its recipe: a name, see docs/attacks.md, and settings.
  config.attack = ConfigDict({'name': 'fawkes', 'version': '1.0'})
  config.attack.mode = 'high'  # a DSSIM budget of .017, 150 steps
  config.attack.num_steps = 2 if smoke else 150
  # Of the saved picture at its full size: the share above the budget that
  # Fawkes lets pass at the size it works at.
  config.max_dssim = 1.1 * 0.017
  config.size = 128  # rows and columns at which pictures are attacked
  # 'none': pictures are face crops, attacked as a whole. 'wide', 'dlib',
  # 'arcface': finds the face (extra `align`), attacks it there, puts it back.
  # 'auto': as it is for each, crop or photograph (docs/data.md).
  config.align = 'auto'
  # Of several faces in one picture: 'all', the 'largest', the 'most_central',
  # or none of them, 'skip'.
  config.several_faces = 'all'
  # format: 'png', or 'jpeg' with quality and subsampling ('4:4:4', '4:2:0');
  # 'source': JPEG for lossy pictures, PNG for the others.
  config.output = ConfigDict(
    {'format': 'source', 'quality': 95, 'subsampling': '4:4:4'}
  )
  config.batch_size = 8  # pictures a device at a time; on CPU two in all
  config.seed = 0  # of everything random
  return config
