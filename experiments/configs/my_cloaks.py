r"""Your pictures, cloaked by any tool: are they protected?

  python experiments/evaluate.py --config=experiments/configs/my_cloaks.py \
    --config.originals=A/ --config.cloaked=B/

Needs pip install -e '.[orl,align]'. A/ has one folder per person, or the
pictures of one; B/ the same, cloaked. The answer stands above the table and in
report.html, which holds faces: think before you pass it on. Nothing leaves the
machine, and of the pictures' EXIF data nothing is kept. What came out for 100
photographs of 10 people is in docs/data.md. How long this takes is not
recorded.

The argument `adaptive` adds the trainer who has tools of their own, as in
adaptive.py; `saved` the cloaks as sites keep them, as in orl.py; `smoke` is the
same in little, and its numbers mean nothing.

The argument `standard` measures a tool by the people of lfw.py instead, so that
its row stands beside those of others: B/ has the cloaks of their 400 pictures,
which are listed in fr_poison/data/standards/fr_poison-lfw-1.csv (role `test`).

  python experiments/evaluate.py --data_dir=LFW \
    --config=experiments/configs/my_cloaks.py:standard \
    --config.cloaked=B/ --config.tool='Tool 1.0, mode high'
"""

from configs import adaptive, lfw, orl
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args
from fr_poison.data import pairs


def get_config(arg=None):
  args = config_args.parse(
    arg, adaptive=False, saved=False, smoke=False, standard=False
  )
  smoke = 'smoke' if args['smoke'] else None
  if args['standard']:
    return _of_standard(smoke)
  config = orl.get_config(smoke)
  # The folders say who there is.
  del config.dataset, config.num_people, config.num_protected
  del config.min_pictures
  config.num_targets = 0  # the adaptive trainer's tools take public people
  config.originals = placeholder(str)  # the folder A/ above
  # None: the cloaks lie beside the originals, and have the suffix.
  config.cloaked = placeholder(str)
  config.suffix = pairs.SUFFIX  # of the cloaks' names, a regular expression
  # Whose pictures are that lie in no folder: 'by_face' groups them by who seems
  # to be in them, 'one_person' takes all for one's.
  config.loose = 'by_face'
  # Who else is recognised: the ORL faces, or a folder with one per person.
  config.gallery = 'orl'
  # 'wide': find the faces, and put them where those of ORL are; 'already':
  # they are there; 'none': take all pictures, the gallery's too, as they are.
  config.align = 'wide'
  # Of several in one picture: 'skip' it, or take the 'largest' or the
  # 'most_central'.
  config.several_faces = 'skip'
  # Of our networks those that the cloaks were made on, if you know.
  config.made_for = ()
  config.strict = False  # stop if a picture is left out, or something is odd
  # Other cloaks are none of these people's, but the adaptive trainer's.
  config.attacks, config.surrogates = ConfigDict(), ()
  config.recognizers = ConfigDict({'nearest_neighbor': {'normalize': True}})
  if not smoke:
    config.recognizers.linear = ConfigDict({'num_splits': 5})
  config.adversaries = ConfigDict(
    {
      'oblivious': {},
      'squeezing': {
        'networks': config.networks[:1] if smoke else config.networks[:3],
        'filters': {'blur': ({'name': 'gaussian', 'sigma': 1.5},)},
      },
    }
  )
  if args['saved']:
    config.saved = ConfigDict(orl.SAVED)
  if args['adaptive']:
    public = adaptive.get_config(smoke)
    for field in ('num_public', 'attacks', 'surrogates'):
      config[field] = public[field]
    config.adversaries.adaptive = public.adversaries.adaptive_tuned
    config.adversaries.adaptive.training_seeds = 1
  return config


def _of_standard(smoke):
  config = lfw.get_config(smoke)
  config.cloaked = placeholder(str)
  config.suffix = pairs.SUFFIX  # of the cloaks' names, a regular expression
  config.made_for = ()  # of our networks those the tool attacked, if you know
  config.tool = ''  # its name, version and settings: what its row is called
  config.num_protected = 40  # all of them
  config.attacks, config.surrogates = ConfigDict(), ()
  return config
