"""The site: README, docs/ and the API reference, which is made of docstrings.

How to build it: CONTRIBUTING.md.
"""

import ast
import functools
import inspect
import pathlib
import re
import runpy
import sys
import types

from sphinx import addnodes

_ROOT = pathlib.Path(__file__).parents[1]

project = 'fr_poison'
version = runpy.run_path(str(_ROOT / 'fr_poison/version.py'))['__version__']
html_title = f'{project} {version}'
html_theme = 'furo'  # its fonts are the reader's own
html_copy_source = False
html_extra_path = ['index.html']  # leads to README.html

needs_sphinx = '8.2'  # the first with sphinx.ext.apidoc
extensions = [
  'myst_parser',
  'sphinx.ext.apidoc',
  'sphinx.ext.autodoc',
  'sphinx.ext.autosummary',
  'sphinx.ext.napoleon',
]

# Sources are read from the top level, so that links between README, docs/ and
# programs are right on GitHub and here; what is no page is a download.
root_doc = 'README'
include_patterns = ['*.md', 'docs/**']
exclude_patterns = ['docs/api/modules.rst']
myst_heading_anchors = 4
suppress_warnings = [
  'myst.header',  # tables made by programs start with a second level
  'toc.not_included',  # a page leads to its tables; the rest is below
]

apidoc_modules = [
  {'path': '../fr_poison', 'destination': 'docs/api', 'module_first': True}
]
apidoc_separate_modules = False  # one page a room
apidoc_automodule_options = {'members'}
add_module_names = False
autodoc_default_options = {'ignore-module-all': True}
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True
autodoc_typehints_format = 'short'
autosummary_generate = False
default_role = 'code'
smartquotes = False  # quotes are code's
napoleon_use_ivar = True

# Pages stand in the order in which docs/README.md lists them, others behind.
_INDEX = ''.join(path.read_text() for path in _ROOT.glob('docs/README.md'))
_PAGES = re.findall(r'\]\((\w+)\.md\)', _INDEX)
_NAVIGATION = """
```{toctree}
:hidden:
:caption: Guide
:glob:

PAGES
docs/*
```

```{toctree}
:hidden:
:caption: Reference

docs/api/fr_poison
CONTRIBUTING
CHANGELOG
```
""".replace('PAGES', '\n'.join(f'docs/{page}' for page in _PAGES))


def _add_navigation(app, name, source):
  if name == root_doc:
    source[0] += _NAVIGATION


def _list_exports(app, what, name, module, options, lines):
  """Lists what a room gives from its modules, where that is documented."""
  given = [getattr(module, it) for it in getattr(module, '__all__', ())]
  paths = [
    f'{it.__module__}.{it.__qualname__}'.removeprefix(f'{name}.')
    for it in given
    if isinstance(it, type | types.FunctionType)
  ]
  if what == 'module' and paths:
    lines += ['', '.. autosummary::', '', *(f'   ~{it}' for it in paths), '']


def _skip_field(app, what, name, member, skip, options):
  """Leaves out the fields of a class, which its signature has."""
  is_method = inspect.isroutine(member) or hasattr(member, '__get__')
  return True if what == 'class' and not is_method else None


@functools.cache
def _sources(module):
  """Parses a module: its functions, classes and methods by their paths."""
  nodes = {}
  for node in ast.parse(inspect.getsource(sys.modules[module])).body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      nodes[node.name] = node
      for member in node.body:
        if isinstance(member, ast.FunctionDef):
          nodes[f'{node.name}.{member.name}'] = member
  return nodes


def _fields(owner):
  """Finds the fields of a class and those above it: its arguments."""
  fields = {}
  for cls in reversed(owner.__mro__):
    if cls.__module__.startswith(project):
      for node in _sources(cls.__module__)[cls.__qualname__].body:
        if isinstance(node, ast.AnnAssign):
          fields[node.target.id] = ast.unparse(node)
  given = inspect.signature(owner).parameters if fields else ()
  return ', '.join(fields[name] for name in given if name in fields)


def _as_written(app, what, name, member, options, signature, returns):
  """Gives types by the names that sources have for them: `images: Images`."""
  if not signature or not (member.__module__ or '').startswith(project):
    return None
  is_class = isinstance(member, type)
  path = f'{member.__qualname__}.__init__' if is_class else member.__qualname__
  node = _sources(member.__module__).get(path)
  if node is None:
    fields = is_class and _fields(member)
    return (f'({fields})', None) if fields else None
  arguments = re.sub('^(?:self|cls)(?:, |$)', '', ast.unparse(node.args))
  return f'({arguments})', node.returns and ast.unparse(node.returns)


def _link_exactly(app, doctree):
  """Links a type's name within its module only, where it means that type."""
  for node in doctree.findall(addnodes.pending_xref):
    node.attributes.pop('refspecific', None)


def setup(app):
  """Connects the above to Sphinx's events."""
  app.connect('source-read', _add_navigation)
  app.connect('autodoc-process-docstring', _list_exports)
  app.connect('autodoc-process-signature', _as_written)
  app.connect('autodoc-skip-member', _skip_field)
  app.connect('doctree-read', _link_exactly)
