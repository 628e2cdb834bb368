"""Merging of weights: two voices that grew from one become one again. numpy only, and the same bytes everywhere.

```python
bases = merge_bases(parents, ours, theirs)          # the version graph: ids to their parents
plan = plan_base(parents, ours, theirs)             # with criss-cross histories: which virtual base to make
base = build(plan, load, recipe)                    # `load(version id) -> Voice`
problems = check(base, ours, theirs, recipe)        # everything that stands against it, in words
merged = merge(base, ours, theirs, Recipe("ties", choices={"decoder": "theirs"}))
merged.voice.tensors, merged.voice.lexicons, merged.report
```
Fast-forwards are the caller's: where `merge_bases` answers one of both sides there is nothing to merge.
"""

from gptsovits.merging.checking import check
from gptsovits.merging.conflicts import Conflict, NotMergeable
from gptsovits.merging.history import Known, Plan, Virtual, merge_bases, plan_base
from gptsovits.merging.lexicons import merge_lexicons
from gptsovits.merging.merge import Merged, build, merge
from gptsovits.merging.modules import module_of
from gptsovits.merging.recipe import STRATEGIES, Recipe, Strategy
from gptsovits.merging.report import ModuleReport
from gptsovits.merging.voice import Voice

__all__ = [
    "STRATEGIES",
    "Conflict",
    "Known",
    "Merged",
    "ModuleReport",
    "NotMergeable",
    "Plan",
    "Recipe",
    "Strategy",
    "Virtual",
    "Voice",
    "build",
    "check",
    "merge",
    "merge_bases",
    "merge_lexicons",
    "module_of",
    "plan_base",
]
