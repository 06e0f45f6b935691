"""The commands that README and docs/ show, and who runs each of them."""

import ast
import functools
import pathlib
import re
import shlex

from absl import flags
from ml_collections import config_flags

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]

# A command's script, config and flags, without values -> what is put in place
# of these values to run it in little. {folder} is empty.
RUN = {
  'evaluate orl:smoke --list_fields': (),
  'interval_coverage': ('--num_draws=2', '--workdir={folder}/coverage'),
}
_HOSTS = '--coordinator_address --num_processes --process_id'
# The test that runs them in little -> others.
TESTED = {
  'accelerator_test.test_everything_is_measured_in_little': (
    'benchmark --accelerator --output',
  ),
  'bit_rot_test.test_no_damage_is_silently_another_result': ('bit_rot',),
  'crash_test.test_killed_programs_end_with_the_same_bytes': ('crash --kills',),
  'at_writes_test.test_a_disturbed_program_ends_with_the_same_bytes': (
    'at_writes',
  ),
  'hosts_test.test_a_study_of_two_hosts_is_that_of_one': (
    'study study --distributed --workdir',
    f'study study {_HOSTS} --workdir',
  ),
  'hosts_test.test_poison_goes_on_from_what_two_hosts_made': (
    'poison fawkes_high --distributed --input --output',
  ),
  'fuzz_test.test_without_atheris_damage_is_by_chance': (
    'fuzz --seconds --target',
  ),
  'cells_test.test_every_cell_is_recorded_beside_the_control': (
    'evaluate cells',
  ),
  'cells_test.test_budgets_are_those_of_every_cloak': (
    'evaluate cells:budgets',
  ),
  'configs_test.test_every_reply_is_recorded': ('evaluate tracking',),
  'convert_weights_test.test_a_converted_file_is_loaded_by_its_name': (
    'convert_weights --network --source',
    'evaluate orl --config.networks',
  ),
  'detect_test.test_it_writes_everything_and_is_in_order': ('detect detect',),
  'distractors_test.test_smoke_run_records_every_number_of_strangers': (
    'distractors distractors',
  ),
  'distractors_test.test_stored_embeddings_are_strangers': (
    'distractors distractors --config.dataset --config.networks --data_dir '
    '--strangers',
  ),
  'distractors_test.test_the_search_finds_what_faiss_finds_in_the_benchmark': (
    'benchmark --search',
  ),
  'distributed_test.test_two_processes_train_like_one_with_two_devices': (
    f'train_robust adaptive {_HOSTS}',
  ),
  'embedding_store_test.test_a_data_set_is_embedded_block_by_block': (
    'embedding_store --network --output',
    'embedding_store --data_dir --dataset --network --output',
  ),
  'evaluate_test.test_a_data_set_of_ones_own_may_be_small': (
    'evaluate orl --config.dataset --data_dir',
  ),
  'evaluate_test.test_smoke_run_writes_everything_twice_the_same': (
    'evaluate orl',
  ),
  'evaluate_test.test_the_recipes_as_released_run_in_little': (
    'evaluate orl_recipes',
  ),
  'extractor_settings_test.test_published_trainings_can_be_run': (
    'train_extractor arcface_from_scratch:preset=casia --data_dir',
  ),
  'given_cloaks_test.test_from_folders_to_a_report': (
    'evaluate my_cloaks --config.cloaked --config.originals',
  ),
  'network_loader_test.test_only_the_flag_allows_a_download': (
    'evaluate orl --config.networks --download',
  ),
  'notebooks_test.test_cloak_and_break': ('cloak_and_break',),
  'notebooks_test.test_your_own_attack': ('your_own_attack',),
  'poison_test.test_jpeg_cloaks': (
    'poison lowkey --config.output.format --config.output.quality '
    '--input --output',
  ),
  'poison_test.test_shipped_configs_run_in_little': (
    'poison fawkes_high --input --output',
  ),
  'prepared_pictures_test.test_what_was_prepared_is_listed_and_deleted': (
    'prepared_pictures --delete',
  ),
  'remat_test.test_remat_needs_less_memory': ('benchmark --remat',),
  'rounds_test.test_each_move_answers_the_one_before': ('evaluate rounds',),
  'scripts_test.test_benchmark_prints_a_line_of_ratios_per_network': (
    'benchmark --networks',
  ),
  'scripts_test.test_poison_is_timed_against_its_device': (
    'benchmark --pipeline',
  ),
  'scripts_test.test_convolutions_are_timed_beside_those_of_xla': (
    'benchmark --convolutions --repeats',
  ),
  'scripts_test.test_layers_are_timed_beside_their_operations': (
    'benchmark --layers --networks',
  ),
  'scripts_test.test_recognizers_agree_with_scikit_learn_in_the_benchmark': (
    'benchmark --recognizers',
  ),
  'standard_cloaks_test.test_a_tools_row_is_measured_as_the_standards_own': (
    'evaluate my_cloaks:standard --config.cloaked --config.tool --data_dir',
  ),
  'standard_cloaks_test.test_the_standard_runs_in_little': (
    'evaluate lfw --data_dir',
  ),
  'study_test.test_every_run_can_be_run': (
    'study study_lfw --data_dir',
    'study study_lfw --data_dir --only',
  ),
  'scripts_test.test_report_makes_the_published_table_again': (
    'report --output --records',
  ),
  'study_test.test_the_command_prints_where_the_page_is': ('study study',),
  'train_extractor_test.test_each_config_trains_its_network': (
    'train_extractor arcface_from_scratch',
    'train_extractor facenet_from_scratch',
  ),
  'train_extractor_test.test_what_it_prints_is_what_evaluate_takes': (
    'evaluate orl --config.extractor.checkpoint --config.num_public',
  ),
  'train_robust_test.test_evaluate_finds_everything_done': (
    'evaluate adaptive',
    'train_robust adaptive',
  ),
  'tuning_test.test_on_lfw_it_is_the_studys_trainer_and_other_people': (
    'evaluate tuning:on=lfw --data_dir',
  ),
  'verify_test.test_parts_of_the_frame_are_compared_on_view_1': (
    'verify lfw_verification:crops --data_dir',
  ),
  'verify_test.test_smoke_run': (
    'verify lfw_verification --config.networks --data_dir',
    'verify lfw_verification --data_dir',
  ),
}
# The others, by their first words.
NOT_HERE = {
  'benchmark --peer --repeats': 'PyTorch comes with no extra',
  'cd fr_poison': 'to where one is',
  'gcloud compute tpus tpu-vm ssh': 'needs an account; its --command is tested',
  'pip-audit': 'asks a service for known faults',
  'pip install': 'tests download nothing; .ci/run does, on a bare machine',
  'pytest': 'these are the tests; .ci/run runs them',
  'ruff check .': '.ci/run runs it',
  'ruff format --check .': '.ci/run runs it',
}


def _commands(text):
  """The commands of a shell text as lists of words, those within others, too.

  They end at a newline or && outside double quotes.
  """
  text = re.sub(r'\s#\s.*', '', text.replace('\\\n', ' '))
  for line in re.split(r'(?:\n|&&)(?=(?:[^"]*"[^"]*")*[^"]*$)', text):
    if words := shlex.split(line):
      yield words
      for word in words:
        if word.startswith('--command='):
          yield from _commands(word.partition('=')[2])


def _of_page(page):
  """Those in fenced blocks, and those in the middle of a sentence."""
  text = page.read_text(encoding='utf-8')
  for block in re.findall(r'```(?:sh|bash)\n(.*?)```', text, re.S):
    yield from _commands(block)
  text = re.sub(r'```.*?```', '', text, flags=re.S)
  for code in re.findall(r'`([^`]+)`', text):
    if re.match(r'(\w+=\S+ )?(python|pip|pytest|ruff|gcloud)\b', code):
      yield from _commands(' '.join(code.split()))


ALL = [words for page in PAGES for words in _of_page(page)]


def script(words):
  """The program of ours, as a path, or None."""
  paths = [word for word in words if re.fullmatch(r'[\w/]+\.py', word)]
  return ROOT / paths[0] if paths else None


def shape(words):
  """'evaluate orl --config.seed': what is looked up in the tables."""
  if script(words) is None:
    return ' '.join(words)
  given = dict(w.partition('=')[::2] for w in words if w.startswith('--'))
  path, colon, argument = given.pop('--config', '').partition(':')
  config = pathlib.Path(path).stem + colon + argument
  return ' '.join(filter(None, [script(words).stem, config, *sorted(given)]))


def is_elsewhere(shape):
  """Whether no test runs it, for a reason."""
  return any(f'{shape} '.startswith(f'{start} ') for start in NOT_HERE)


def is_experiment(words):
  """Whether it is a program with flags and fields to be checked."""
  path = script(words)
  return path is not None and path.parent.name == 'experiments'


@functools.cache
def _defined(path):
  """(function, flag, help) of each that a program and its imports define."""
  found, tree = set(), ast.parse(path.read_text())
  for node in ast.walk(tree):
    if isinstance(node, ast.Call):
      function = getattr(node.func, 'attr', '')
      if function.startswith('DEFINE_'):
        words = [getattr(word, 'value', '') for word in node.args]
        found.add((function, words[0], words[-1]))
    modules = []
    if isinstance(node, ast.Import):
      modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      modules = [node.module]
    for module in modules:
      other = path.with_name(f'{module}.py')
      if other.is_file():
        found |= _defined(other)
  return frozenset(found)


def flags_of(path, args=()):
  """Defines the flags of a program, for itself: two may have the same one."""
  values = flags.FlagValues()
  for function, name, text in sorted(_defined(path)):
    own = {'flag_values': values}
    if function == 'DEFINE_config_file':
      config_flags.DEFINE_config_file(name, None, text, sys_argv=args, **own)
    elif 'enum' in function:
      flags.DEFINE_string(name, None, text, **own)
    else:
      getattr(flags, function)(name, None, text, **own)
  return values


def parse(words):
  """Reads a command's flags and its config's fields as its program does."""
  args = ['program', *(word for word in words if word.startswith('-'))]
  assert flags_of(script(words), args)(args) == ['program']
