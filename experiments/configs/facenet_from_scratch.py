r"""A FaceNet from random weights, by triplets.

  python experiments/train_extractor.py \
    --config=experiments/configs/facenet_from_scratch.py

As arcface_from_scratch.py, with the loss of Schroff et al. (2015): of the
people in a batch every triplet that breaks the margin counts. Expect a
verification AUC of 0.956 (EER 9.8%, accuracy 95.6%) on 10 people never seen.
The run took 37 seconds (docs/from_scratch/facenet.jsonl).

The network is arcface_small, too: a tiny FaceNet (facenet_small) averages over
the whole face before its last layer, and overfits to these 30 people earlier.

The argument `preset=casia` has the published settings for CASIA-WebFace, for
GPUs or TPUs: see arcface_from_scratch.py.
The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import arcface_from_scratch

from fr_poison import config_args


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, preset=('orl', 'casia'))
  config = arcface_from_scratch.get_config(arg)
  training, smoke = config.training, args['smoke']
  training.head = {'name': 'triplet', 'margin': 0.2, 'mining': 'all'}
  training.balanced = True  # what gives a batch positives
  if args['preset'] == 'casia':
    _set_published(config)
    return config
  config.held_out_fraction = 0.2  # two of each, or there are no positives
  training.num_epochs, training.batch_size = (2, 16) if smoke else (12, 64)
  training.per_person = 4
  training.optimizer.update(name='adam', learning_rate=1e-3, weight_decay=0.0)
  return config


def _set_published(config):
  """The defaults of train_tripletloss.py (github.com/davidsandberg/facenet).

  Its 500 epochs are of 1,000 batches of 90 pictures, in triplets chosen from
  1,800; here those are the batch, of which every device mines its own part.
  """
  config.network = 'facenet'
  config.training.update(
    num_epochs=92,  # 45 million pictures
    batch_size=1800,
    per_person=40,
    ema_decay=0.9999,
  )
  config.training.optimizer.update(
    name='adagrad',
    learning_rate=0.1,
    schedule='constant',
    drops=(),
    weight_decay=0.0,
  )
