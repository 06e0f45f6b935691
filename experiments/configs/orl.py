r"""ORL faces, LowKey and Fawkes, baseline and oblivious trainers, 1-NN.

  python experiments/evaluate.py --config=experiments/configs/orl.py

Expect protection rates of 99-100% against the network that a cloak was made
for. What LowKey made for mobilefacenet_tf leaves before faceplugin and
dlib_resnet is 68 and 48%; what crosses otherwise is 19% at most, and the
controls give up to 2%, on raw pixels 4%. All numbers: docs/orl/table.md. They
hold for ORL, these networks and this budget (docs/results.md, "What it does not
show"). The run took 402 seconds on cpu x1 (Intel(R) Xeon(R) Processor), 2 cores
(docs/orl/records.jsonl).

The argument `saved` adds every cloak after JPEG, and after half the size.
`smoke` is the same in little: 8 people, 2 of them protected, two steps, one
surrogate; its numbers mean nothing.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args

# Of the networks that ship; the others are weak (docs/networks.md has what each
# gets on LFW), as a trainer's may well be.
_STRONG = 'mobilefacenet_tf', 'faceplugin', 'dlib_resnet'


# As sites keep pictures, of which each cloak is one more row.
SAVED = {
  'JPEG 75': ({'name': 'jpeg', 'quality': 75, 'subsampling': '4:2:0'},),
  'half size': ({'name': 'resize', 'scale': 0.5},),
}


def is_smoke(arg):
  return config_args.parse(arg, smoke=False)['smoke']


def on_one_network(arg):
  """Returns the same on the surrogate alone, without the controls."""
  config = get_config(arg)
  config.surrogates = config.surrogates[:1]
  config.networks = config.surrogates
  config.noise_control = False
  return config


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, saved=False)
  smoke = args['smoke']
  steps = 2 if smoke else 20

  config = ConfigDict()
  # A name that fr_poison.data.datasets knows: 'orl', 'lfw', 'folder', ...
  config.dataset = 'orl'
  # 'auto': ORL, casia_webface and ms1m are aligned already; faces of other data
  # sets are found (pip install 'fr_poison[align]') and put into the frame of
  # which each network is shown its part. 'none': pictures are crops, left so.
  config.align = 'auto'
  config.strict = False  # stop at pictures left out, or there twice
  # Of the data set 'folder': the 'first' folder on the way to a picture is the
  # person, or 'every' one that holds pictures.
  config.person_level = 'first'
  config.min_pictures = 2  # people with fewer usable ones are left out
  # So many people of the data set, in an order that the seed draws; None: all.
  config.num_people = placeholder(int)
  # The first of them are the trainer's own material, see configs/adaptive.py.
  config.num_public = 0
  # The next are the targets: cloaks may imitate them. None: a quarter of all,
  # 10 at most, where an attack needs them. Neither group is tested; where none
  # are set aside, the public people are the targets.
  config.num_targets = placeholder(int)
  # Of the others, one at a time; None: half of them, 10 at most.
  config.num_protected = placeholder(int)
  if smoke:
    config.num_people, config.num_targets, config.num_protected = 8, 2, 2
  config.test_fraction = 0.3  # of each person's pictures, rounded down
  config.num_splits = 1 if smoke else 20  # random train / test divisions
  # Whose embedding the recognizers use; 'pixels' is the control without one.
  # 'mobileface mirrored' is its mean over picture and mirror image.
  config.networks = (
    ('mobileface', 'faceres', 'pixels')
    if smoke
    else (*_STRONG, 'faceres', 'faceres_deep', 'mobileface', 'pixels')
  )
  # Of networks that take any; the others work at their own. Below
  # the published 224, for speed; it costs faceres 7 points: docs/networks.md.
  config.input_size = ConfigDict({'faceres': 128, 'faceres_deep': 128})
  # The networks that the cloaks are made on; 'a+b' attacks both together.
  config.surrogates = (
    ('mobileface',) if smoke else ('mobilefacenet_tf', 'dlib_resnet')
  )
  epsilon = 8 / 255  # in [0, 1] pixel units
  # Both ideas inside the same L-infinity ball, without LPIPS, mirror images
  # and tanh space, so that they can be compared, and in few steps. The
  # recipes as released: configs/orl_recipes.py.
  config.attacks = ConfigDict(
    {
      'lowkey': {
        'epsilon': epsilon,
        'num_steps': steps,
        'learning_rate': placeholder(float),  # 2.5 epsilon / num_steps
        'lpips_weight': 0.0,
        'mirrored': False,
      },
      'fawkes': {'version': 'plain', 'epsilon': epsilon, 'num_steps': steps},
    }
  )
  # Cloaks of several tools over the years: {name: {attack or 'clean': share}}.
  config.histories = ConfigDict()
  config.noise_control = True  # measure `controls` beside every cloak
  # What is as strong and not aimed: noise of a cloak's 'spectrum', noise of its
  # 'envelope' as well, and 'another' person's cloak.
  config.controls = ('spectrum', 'envelope', 'another')
  # Measure the cloaks as sites keep them, too: {label: filters}, see SAVED.
  config.saved = ConfigDict(SAVED if args['saved'] else {})
  # Whose pictures are cloaked: 1A the gallery's, 2B the probes, 2A both; 1B is
  # nobody's, which is always measured. See docs/cells.md.
  config.cells = ('1A',)
  # What other protected people have in the gallery: 'clean' or 'cloaked'.
  config.others = 'clean'
  config.retrieval = False  # search the gallery as well
  # What the trainer fits, with its settings; normalize=False compares raw
  # embeddings, as the paper's code does.
  config.recognizers = ConfigDict({'nearest_neighbor': {'normalize': True}})
  # What they do with what was scraped: here they only wait for other networks.
  config.adversaries = ConfigDict({'oblivious': {}})
  # A network trained by train_robust.py or train_extractor.py, to be tried too.
  config.extractor = ConfigDict({'checkpoint': placeholder(str)})
  config.batch_size = 20  # pictures embedded at a time, on an accelerator
  config.seed = 0  # of everything random: people, splits, cloaks
  return config
