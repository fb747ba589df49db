"""The rules of the tree, as functions over source text: who may import whom, from where, and how long things may be.

``test_layers.py`` holds them against ``src``, and against made-up sources that break each rule.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LAYERS = (
    ("errors", "job", "screen"),
    ("config", "link", "catalog", "text", "evals", "replay"),
    ("models", "ledger", "engines"),
    ("devices",),
    ("worker", "api"),
    ("pages",),
    ("bench",),
    ("cli",),
    ("__main__",),
)
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
API_SIDE = frozenset({"api", "engines", "text", "ledger", "pages", "catalog", "config"})
WORKER_SIDE = frozenset({"devices", "models", "worker"})
CLOSED = ("reckon.api.asking", "reckon.api.answers")
"""Rooms within rooms that import nothing of the room around them but what is their own."""

PEERS = "reckon.bench.peers."
PEER_LIBRARIES = {
    "orders": frozenset[str](),
    "for_llama_cpp": frozenset({"llama_cpp", "orders"}),
    "for_openvino": frozenset({"openvino", "openvino_genai", "numpy", "orders"}),
    "for_transformers": frozenset({"torch", "transformers", "orders"}),
    "for_vllm": frozenset({"torch", "vllm", "orders"}),
    "to_gguf": frozenset({"gguf", "numpy"}),
}
"""Files that another interpreter runs, where nothing of ours is installed: each has the library of its peer, and ``orders``
beside it, which alone may be imported as ours too."""

LAZY = ("reckon.cli.", "reckon.devices.select")
"""Who may import inside functions: the command line answers --help at once, and a device's library comes when it is chosen."""

API_LIBRARIES = frozenset(
    {
        "alembic",
        "httpx",
        "huggingface_hub",
        "jinja2",
        "markupsafe",
        "msgspec",
        "prometheus_client",
        "pygments",
        "sqlalchemy",
        "starlette",
        "tokenizers",
    }
)
WORKER_LIBRARIES = frozenset({"llguidance", "llvmlite", "msgspec", "numba", "numpy"})
CUDA_LIBRARIES = frozenset({"torch", "triton"})
ROOM_LIBRARIES = {
    **dict.fromkeys(API_SIDE, API_LIBRARIES),
    **dict.fromkeys(WORKER_SIDE, WORKER_LIBRARIES),
    **dict.fromkeys(("errors", "job", "link"), frozenset({"msgspec"})),
    **dict.fromkeys(("evals", "replay"), frozenset({"httpx", "msgspec"})),
}
"""The command line may use what is declared, and imports it when a command needs it."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its dotted name, and whether the import stands in the module's own body."""

    target: str
    line: int
    at_top: bool


def package_of(module: str) -> str:
    """The room a module of ours belongs to: "api" of "reckon.api.app"; empty for ``reckon`` itself."""
    return module.split(".")[1] if "." in module else ""


def imports(module: str, tree: ast.Module, known: frozenset[str] = frozenset()) -> Iterator[Import]:
    """Every import; ``from package import module`` counts as the module when it is one of ``known``."""
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = f"{'.' * node.level}{node.module or ''}"
            targets = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        else:
            continue
        for target in dict.fromkeys(targets):
            yield Import(target, node.lineno, id(node) in top)


def breaches(module: str, source: str) -> list[str]:
    """What a module does against the rules of imports, one sentence each."""
    tree = ast.parse(source)
    found = [f"{module} names {word}" for word in _forbidden_names(tree)]
    for one in imports(module, tree):
        found += [f"{module}:{one.line} {complaint}" for complaint in _complaints(module, one)]
    return found


def _complaints(module: str, one: Import) -> Iterator[str]:
    if not one.at_top and not module.startswith(LAZY):
        yield f"imports {one.target} inside something"
    if module.startswith(PEERS):
        yield from _in_peers_venv(module.removeprefix(PEERS), one.target.split(".")[0])
        return
    if one.target.startswith("."):
        yield "imports relatively"
    elif one.target.split(".")[0] == "reckon":
        yield from _between_rooms(package_of(module), package_of(one.target))
        yield from _within_room(module, one.target)
    elif one.target.split(".")[0] not in sys.stdlib_module_names:
        yield from _library(module, one.target.split(".")[0])


def _between_rooms(here: str, there: str) -> Iterator[str]:
    if here == there or not there:
        return
    if here not in RANK or there not in RANK:
        yield f"imports {there} from {here or 'reckon'}: one of them has no layer"
        return
    if RANK[here] == RANK[there]:
        yield f"imports {there}, which is of the same rank as {here}"
    elif RANK[here] < RANK[there]:
        yield f"imports {there}, which is above {here}"
    if (here in API_SIDE and there in WORKER_SIDE) or (here in WORKER_SIDE and there in API_SIDE):
        yield f"imports {there}, which is on the other side of the link than {here}"


def _in_peers_venv(script: str, library: str) -> Iterator[str]:
    if library not in sys.stdlib_module_names and library not in PEER_LIBRARIES.get(script, frozenset()):
        yield f"imports {library or 'relatively'}, which {script} does without: it runs in its peer's venv"


def _within_room(module: str, target: str) -> Iterator[str]:
    if f"{target}.".startswith(PEERS) and target != f"{PEERS}orders":
        yield f"imports {target}, which is for another interpreter"
    for room in CLOSED:
        around = room.rpartition(".")[0]
        if module.startswith(f"{room}.") and target.startswith(around) and not target.startswith(room):
            yield f"imports {target}, which is outside {room}"


def _library(module: str, library: str) -> Iterator[str]:
    here = package_of(module)
    if library in CUDA_LIBRARIES:
        if not module.startswith("reckon.devices.cuda."):
            yield f"imports {library}, which only the cuda device may"
    elif library == "matplotlib":
        if module != "reckon.bench.plot":
            yield "imports matplotlib, which only reckon.bench.plot may"
    elif here in ROOM_LIBRARIES and library not in ROOM_LIBRARIES[here]:
        yield f"imports {library}, which {here} does without"


def _forbidden_names(tree: ast.Module) -> list[str]:
    """Ways around an import statement that this file could not see."""
    words = set()
    for node in ast.walk(tree):
        names = [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        words.update({"TYPE_CHECKING", "import_module", "__import__"}.intersection(names))
    return sorted(words)


def libraries(module: str, source: str) -> set[str]:
    """The top-level names of what is neither ours nor Python's."""
    roots = {one.target.split(".")[0] for one in imports(module, ast.parse(source))}
    return roots - {"reckon", ""} - sys.stdlib_module_names


def cycle(sources: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a circle, in order; empty if there is none."""
    known = frozenset(sources)
    edges = {
        module: sorted({one.target for one in imports(module, ast.parse(source), known)} & known)
        for module, source in sources.items()
    }
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            for target in edges[module]:
                if found := visit(target, [*path, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in edges if (found := visit(module, []))), [])


def long_functions(module: str, source: str) -> list[str]:
    """Dotted names of functions over the limit, decorators not counted."""
    found = []

    def visit(node: ast.AST, path: str) -> None:
        for child in ast.iter_child_nodes(node):
            here = path
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                here = f"{path}.{child.name}"
                if not isinstance(child, ast.ClassDef) and (child.end_lineno or 0) - child.lineno + 1 > MAX_FUNCTION_LINES:
                    found.append(here)
            visit(child, here)

    visit(ast.parse(source), module)
    return found
