"""What tests call in blocks that must be refused, as far as imports say."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.laws.house import Sources


def module_of(path: str) -> str:
    """The name under which a file is imported."""
    return path.removesuffix(".py").replace("/", ".")


class Calls:
    """What each function of the tests calls, as far as imports say, followed to the end."""

    def __init__(self, tree: Sources) -> None:
        self.calls: dict[str, set[str]] = {}
        self.refused: set[str] = set()
        for path, text in tree.items():
            if "tests" in Path(path).parts:
                self._read(module_of(path), ast.parse(text))

    def _read(self, module: str, tree: ast.Module) -> None:
        names = dict(self._names(module, tree))
        for node in tree.body:
            for name in _defined(node):
                self.calls[f"{module}.{name}"] = self._said(node, names)
        for outer in tree.body:
            around = outer.decorator_list if isinstance(outer, ast.ClassDef) else []
            for function in ast.walk(outer):
                if isinstance(function, ast.FunctionDef):
                    self._read_blocks(function, [*around, *function.decorator_list], names)

    def _read_blocks(self, function: ast.FunctionDef, marks: list[ast.expr], names: Mapping[str, str]) -> None:
        given = {argument.arg for argument in function.args.args}
        for block in ast.walk(function):
            if isinstance(block, ast.With) and any(_is_refusal(item) for item in block.items):
                self.refused |= {name for line in block.body for name in self._said(line, names)}
                if any(isinstance(node, ast.Name) and node.id in given for node in ast.walk(block)):
                    # What is called comes from the test's parameters.
                    self.refused |= {name for mark in marks for name in self._said(mark, names)}

    @staticmethod
    def _names(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
            else:
                for name in _defined(node):
                    yield name, f"{module}.{name}"

    @staticmethod
    def _said(node: ast.AST, names: Mapping[str, str]) -> set[str]:
        found = set()
        for each in ast.walk(node):
            if isinstance(each, ast.Attribute | ast.Name):
                first, dot, rest = ast.unparse(each).partition(".")
                if first in names:
                    found.add(names[first] + dot + rest)
        return found

    def reached(self) -> set[str]:
        """Everything that is called inside a block that must be refused."""
        seen: set[str] = set()
        coming = set(self.refused)
        while coming:
            name = coming.pop()
            if name not in seen:
                seen.add(name)
                coming |= self.calls.get(name, set()) | self.calls.get(name.rpartition(".")[0], set())
        return seen


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement of a module gives: of a function, a class or a value."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_refusal(item: ast.withitem) -> bool:
    return ast.unparse(item.context_expr).startswith(("unmoved(", "refused_and_unmoved("))
