from fr_poison.report import galleries
from fr_poison.report.sources import Sources


def test_it_has_the_largest_galleries(make_record):
  among = lambda number, kind, rate, **fields: make_record(
    rate=rate, num_distractors=number, distractors=kind, **fields
  )
  behind = {'not_enrolled_rate': 0.9} | make_record(
    rate=0.4, adversary='detecting: vgg16', num_gallery_people=5749
  )
  nobody = behind | {'protection_rate': None, 'protection_ci': None}
  found = Sources(
    distractors=[
      among(0, 'none', 0.05, adversary='baseline'),
      among(10, 'real', 0.1, adversary='baseline'),
      among(5709, 'real', 0.2, adversary='baseline'),
      among(10, 'model', 0.1, adversary='baseline'),
      among(10**6, 'model', 0.5, adversary='baseline'),
      among(10**6, 'model', 0.3, adversary='adaptive_tuned'),
      among(10**6, 'model', 0.6, network='faceres'),
      among(10**6, 'model', 0.7, adversary='squeezing bits'),
    ],
    trainers=[
      behind,
      behind | {'num_gallery_people': 40, 'protection_rate': 0.1},
      {k: v for k, v in behind.items() if k != 'num_gallery_people'},
      nobody | {'distractors': 'model', 'num_distractors': 10**6},
    ],
  )
  (table,) = galleries.by_trainer(found)
  assert table.head[1:3] == ['waits, 5,709 real', 'waits, 1,000,000 model']
  own, other = (row[1:] for row in table.rows)
  assert own == [
    *('20 (16-24)', '50 (46-54)', '30 (26-34)', '70 (66-74)'),
    *('40 (36-44); not enrolled 90', 'nobody; not enrolled 90'),
  ]
  assert other == ['', '60 (56-64)', '', '', '', '']
  assert not galleries.by_trainer(Sources(trainers=[behind]))
  found.distractors[:] = found.distractors[3:]
  assert 'real' not in ' '.join(galleries.by_trainer(found)[0].head)
