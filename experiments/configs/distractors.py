r"""Protection among up to a million strangers, on ORL faces, 1-NN.

  python experiments/distractors.py --config=experiments/configs/distractors.py

Half of the people are the real strangers, and what the model of the others is
fitted to. Beyond ORL's 200 pictures of public people the strangers are draws of
a model, not faces. Among 5,709 real ones: the run `distractors` of
study_lfw.py, docs/study. How long this takes is not recorded.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import orl


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  config.num_public = 4 if smoke else 20
  config.num_targets = 0  # the public people, see orl.py
  if not smoke:
    config.networks += ('faceplugin', 'dlib_resnet')
  # Strangers in the gallery beside the people that are evaluated: as many of
  # the real ones as there are, all of them of the model.
  config.num_distractors = (10, 1000)
  if not smoke:
    config.num_distractors = (10, 100, 1000, 10_000, 100_000, 1_000_000)
  return config
