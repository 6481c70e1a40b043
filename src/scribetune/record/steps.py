"""The steps of a build, read off the loaded workflow: which jobs a target needs, and what their rules say of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scribetune.core import layout

if TYPE_CHECKING:
    from snakemake.rules import Rule
    from snakemake.workflow import Workflow

    from scribetune.record.receipts import Receipt

CONFIGURATION = ("settings", "configuration")
"""Names of params that hold configuration keys, {section: {key: value}}."""


@dataclass(frozen=True)
class Steps:
    """The jobs that a target needs, all but those of one rule.

    What it says is known when the whole workflow has been read: its methods are input and params functions.
    """

    workflow: "Workflow"  # as Snakemake loads it
    target: str  # rule whose inputs are wanted
    without: str  # rule whose jobs, and what only they need, are left out

    def files(self, _wildcards: object) -> list[str]:
        """Everything that the jobs make, sorted, without replayed pages.

        A clone has none (DVC keeps them not); who asked for them there would have the adapter trained again.
        """
        return sorted(path for path in self._made if not path.startswith(f"{layout.REPLAY}/"))

    def descriptions(self, _wildcards: object) -> dict[str, str]:
        """{rule: first sentence of its docstring}."""
        return {rule.name: first_sentence(rule.docstring or "") for rule in self._rules}

    def codes(self, _wildcards: object) -> dict[str, str]:
        """{rule: digest of its code}."""
        return {rule.name: str(rule.params.get("code")) for rule in self._rules}

    def settings(self, _wildcards: object) -> dict[str, dict[str, Any]]:
        """The configuration keys that the rules read: {section: {key: value}}."""
        return merged([rule.params.get(name, {}) for rule in self._rules for name in CONFIGURATION])

    @property
    def _rules(self) -> list["Rule"]:
        return sorted(set(self._made.values()), key=lambda rule: str(rule.name))

    @cached_property
    def _made(self) -> dict[str, "Rule"]:
        """File → its rule, from the target's inputs to those of the jobs that make them, and so on."""
        makers = [(pattern, rule) for rule in self.workflow.rules for pattern in rule.output]
        made: dict[str, Rule] = {}
        waiting = [str(path) for path in self.workflow.get_rule(self.target).expand_input({})[0]]
        seen = set(waiting)
        while waiting:
            path = waiting.pop()
            rule, wildcards = next(
                ((rule, match.groupdict()) for pattern, rule in makers if (match := pattern.match(path))), (None, {})
            )
            if rule is None or rule.name == self.without:
                continue
            made |= dict.fromkeys(map(str, rule.expand_output(wildcards)[0]), rule)
            new = {str(each) for each in rule.expand_input(wildcards)[0]} - seen
            seen |= new | made.keys()
            waiting += new
        return made


def in_order(receipts: Iterable["Receipt"]) -> list["Receipt"]:
    """Return receipts in an order in which their jobs can run: first those that read no other's outputs."""
    known = list(receipts)
    makers = {path: receipt for receipt in known for path in receipt.outputs}
    depths: dict[str, int] = {}

    def depth(receipt: "Receipt") -> int:
        if receipt.job not in depths:
            depths[receipt.job] = 0  # a job that reads what it made itself comes after nothing
            before = [depth(makers[path]) for path in receipt.inputs if path in makers]
            depths[receipt.job] = 1 + max(before, default=0)
        return depths[receipt.job]

    return sorted(known, key=lambda receipt: (depth(receipt), receipt.job))


def first_sentence(text: str) -> str:
    """Return what stands before the first full stop, or colon, that ends a word."""
    line = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return line.split(". ")[0].rstrip(".")


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return configuration keys, {section: {key: value}} and groups in them, of several such mappings; sorted."""
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = merged([found.get(name, {}), value]) if isinstance(value, Mapping) else value
    return dict(sorted(found.items()))
