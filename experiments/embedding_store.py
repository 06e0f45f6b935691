r"""Embeds a data set into a store on disk, once, whatever happens on the way.

  python experiments/embedding_store.py --dataset=orl --network=mobileface \
    --output=embeddings/orl

Started again it computes what is missing, damaged, or of other pictures.
`numpy.memmap` reads the file that it names, `fr_poison.search` searches it, and
`distractors.py --strangers` puts its faces into every gallery. On several hosts
(distributed.py) each takes its share of the blocks.
"""

import pathlib

import cli
import config_fields
import distributed
import people
import progress
from absl import flags

from fr_poison import extractors, locks
from fr_poison.data import datasets
from fr_poison.search import store
from fr_poison.text import show

_DATASET = flags.DEFINE_enum('dataset', 'orl', datasets.NAMES, 'The data set.')
_DATA_DIR = flags.DEFINE_string('data_dir', None, "The data set's own folder.")
_NETWORK = flags.DEFINE_string(
  'network',
  None,
  'A network that ships, or the path of a checkpoint.',
  required=True,
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'The folder of the store.', required=True
)
_ALIGN = flags.DEFINE_enum(
  'align', 'auto', config_fields.ALIGNMENTS, 'As --config.align of evaluate.py.'
)
_BATCH_SIZE = flags.DEFINE_integer(
  'batch_size', 20, 'Pictures on a device.', lower_bound=1
)


def _open(dataset, data_dir):
  """block_size -> its pictures block by block, their number and alignment."""
  if dataset == 'orl':
    faces = datasets.load(
      dataset, **({'source_dir': data_dir} if data_dir else {})
    )
    stream = lambda size: (
      faces.images[start : start + size] for start in range(0, len(faces), size)
    )
    return stream, len(faces), faces.alignment
  prepared = datasets.prepare(
    dataset,
    data_dir,
    placement=people.place(dataset, _ALIGN.value),
    progress=progress.over(f'reading {dataset}', delay=2),
  )
  return prepared.stream, len(prepared), prepared.alignment


def main(argv):
  """Fills --output and says what had to be computed."""
  del argv
  distributed.start()
  with config_fields.naming('--network'):
    extractor = extractors.load(_NETWORK.value)
  with config_fields.naming('--data_dir'):
    stream, count, alignment = _open(_DATASET.value, _DATA_DIR.value)
  extractor = extractors.on_frame(extractor, alignment)
  output = pathlib.Path(_OUTPUT.value)
  with locks.held(output, '--output'):
    found = store.fill(
      output,
      extractor,
      stream,
      count,
      batch_size=_BATCH_SIZE.value,
      progress=progress.over(f'embedding, {extractor.spec.name}'),
    )
  for block in found.damaged:
    show(f'block {block}: its bytes had changed, computed again')
  num_blocks = -(-count // store.BLOCK_SIZE)
  show(f'{found.num_computed} of {num_blocks} blocks computed')
  show(f'{found.embeddings.filename}: float32 {list(found.embeddings.shape)}')


if __name__ == '__main__':
  cli.run(main, kept='blocks that are finished stay in --output')
