"""The genome: content keys, sharing, the JSON form and what is wrong with a bad one, the networkx view."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.spaces.errors import GenomeError
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.space import Space

X, Y = Input(0), Input(1)
SORT = {"op": "call", "inputs": ["x0"], "genes": {"primitive": "sort", "temperature": 0.0}}


def file(*nodes: Any, output: Any = 0, **more: Any) -> dict[str, Any]:
    return {"undercut": 1, "nodes": list(nodes), "output": output, **more}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_key_does_not_depend_on_the_order_of_nodes(seed: int) -> None:
    from_json = Genome.from_dict(shuffled(GENOME.to_dict(), random.Random(seed)))
    assert (from_json.key, from_json.to_json()) == (GENOME.key, GENOME.to_json())


def shuffled(data: dict[str, Any], generator: random.Random) -> dict[str, Any]:
    """The same genome file with its nodes, and those of all bodies, in another order."""
    places = list(range(len(data["nodes"])))
    generator.shuffle(places)

    def moved(reference: int | str) -> int | str:
        return places[reference] if isinstance(reference, int) else reference

    nodes: list[Any] = [None] * len(places)
    for place, node in zip(places, data["nodes"], strict=True):
        bodies = {"bodies": [shuffled(body, generator) for body in node["bodies"]]} if "bodies" in node else {}
        nodes[place] = {**node, "inputs": [moved(source) for source in node["inputs"]], **bodies}
    return {**data, "nodes": nodes, "output": moved(data["output"])}


HALVES = Node("split", [X], {"parts": 2})
BODY = Genome(call("merge", call("sort", X), call("sort", X, prompt=1)))
GENOME = Genome(call("merge", Node("join", [Node("map", [HALVES], {}, [BODY])]), Node("join", [HALVES])))


def test_equal_content_is_one_genome() -> None:
    again = Genome.from_json(GENOME.to_json())
    assert again == GENOME and hash(again) == hash(GENOME) and len({again, GENOME}) == 1
    assert again != Genome(call("sort", X)) and again != "genome"


@pytest.mark.parametrize(
    "other",
    [
        call("merge", Y, X),
        call("merge", X, X),
        call("merge", X, Y, prompt=1),
        call("intersect", X, Y),
        Node("join", [X, Y]),
        Node("vote", [X, Y], {"rule": "majority", "votes": 3}, [Genome(call("merge", X, Y))]),
    ],
)
def test_different_content_is_another_genome(other: Node) -> None:
    assert Genome(other) != Genome(call("merge", X, Y))


def test_whole_floats_and_integers_are_one_value() -> None:
    assert call("sort", X, temperature=0) == call("sort", X, temperature=0.0)
    assert call("sort", X, temperature=1) != call("sort", X, temperature=0.7)


def test_true_is_not_one() -> None:
    assert call("sort", X, shuffle=True) != call("sort", X, shuffle=1)


def test_a_result_that_is_used_twice_is_one_node() -> None:
    twice = Genome(call("merge", call("sort", X), call("sort", X)))
    assert len(twice.nodes) == 2
    assert twice.size == 3
    assert len(twice.to_dict()["nodes"]) == 2
    written_twice = file(SORT, SORT, {"op": "call", "inputs": [0, 1], "genes": {"primitive": "merge"}}, output=2)
    assert len(Genome.from_dict(written_twice).nodes) == 2


def test_sharing_keeps_everything_small() -> None:
    tower: Any = X
    for _ in range(60):
        tower = call("merge", tower, tower)
    genome = Genome(tower)
    assert len(genome.nodes) == 60
    assert genome.size == 2**60 - 1
    assert Genome.from_json(genome.to_json()) == genome


def test_nodes_come_after_their_inputs() -> None:
    seen: set[str] = set()
    for node in GENOME.nodes:
        assert all(source.key in seen or isinstance(source, Input) for source in node.inputs)
        seen.add(node.key)


def test_a_line_of_text_reads_from_input_to_output() -> None:
    merge = Genome(call("merge", X, Y, shuffle=True, temperature=0.7))
    pieces = Node("map", [HALVES], {}, [Genome(call("sort", X))])
    genome = Genome(Node("reduce", [pieces], {"arity": 2, "shape": "tree"}, [merge]))
    assert str(genome) == "split into 2 → map(sort) → reduce 2 tree(merge (T 0.7, shuffled))"


def test_spelled_out_it_names_what_is_read_as_well() -> None:
    pieces = Node("map", [Node("split", [Y], {"parts": 3}), X], {}, [Genome(call("intersect", Y, X))])
    genome = Genome(Node("join", [pieces]))
    assert str(genome) == "split into 3 → map(intersect) → join"
    assert genome.spelled() == "split into 3 of x1 → map of it, x0(intersect of x1, x0) → join"
    left, right = (Genome(call("add", *order)) for order in ((call("sum", Y), X), (X, call("sum", Y))))
    assert (left.spelled(), right.spelled()) == ("sum of x1 → add of it, x0", "sum of x1 → add of x0, it")


BAD: dict[str, tuple[Any, str]] = {
    "not JSON": ("{", "must hold JSON"),
    "not an object": ("[1]", "found 'list'"),
    "no version": ('{"nodes": [], "output": "x0"}', "found None"),
    "another version": ('{"undercut": 99, "nodes": [], "output": "x0"}', "found 99"),
    "no nodes": ('{"undercut": 1, "output": "x0"}', '"nodes"'),
    "no output": ('{"undercut": 1, "nodes": []}', '"output"'),
    "unknown field": (file(SORT, colour=1), "unknown field 'colour'"),
    "unknown field of a node": (file({**SORT, "colour": 1}), "node 0 has the unknown field 'colour'"),
    "unknown field of a body": (
        file({"op": "map", "inputs": ["x0"], "bodies": [{"nodes": [SORT], "output": 0, "name": 1}]}), "field 'name'",
    ),
    "node is no object": (file("sort"), "node 0 must be an object"),
    "no operator": (file({"inputs": ["x0"]}), 'with "op"'),
    "operator is no name": (file({"op": 3}), 'with "op"'),
    "inputs are no list": (file({"op": "join", "inputs": "x0"}), "must be lists"),
    "bodies are no list": (file({"op": "map", "inputs": ["x0"], "bodies": {}}), "must be lists"),
    "body is no object": (file({"op": "map", "inputs": ["x0"], "bodies": [3]}), "each of its bodies"),
    "genes are no object": (file({"op": "split", "inputs": ["x0"], "genes": [3]}), "genes of node 0"),
    "a gene is a list": (file({"op": "split", "inputs": ["x0"], "genes": {"size": [3]}}), "genes of node 0"),
    "a gene is null": (file({"op": "split", "inputs": ["x0"], "genes": {"size": None}}), "genes of node 0"),
    "reference past the end": (file(SORT, output=1), "(0 to 0), not 1"),
    "negative reference": (file(SORT, output=-1), "not -1"),
    "reference is a truth": (file(SORT, output=False), "not False"),
    "reference is a float": (file(SORT, output=0.0), "not 0.0"),
    "reference without nodes": (file(output=0), "there are none"),
    "input without number": (file(output="x"), "not 'x'"),
    "input with an odd digit": (file(output="x²"), "not 'x²'"),
    "input past reason": (file(output="x" + "9" * 5000), "an input or output must be"),
    "cycle": (file({"op": "join", "inputs": [1]}, {"op": "join", "inputs": [0]}), "cycle, and node 0"),
    "loop": (file({"op": "join", "inputs": [0]}), "cycle"),
    "node that leads nowhere": (file(SORT, {"op": "join", "inputs": [0]}), "node 1 does not"),
    "nested past reason": (
        file(*({"op": "join", "inputs": [i + 1]} for i in range(5000)), {"op": "join"}), "nested so deep",
    ),
    "text nested past reason": ("[" * 100_000, "nested deeper"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_file_gets_one_sentence(name: str) -> None:
    data, reason = BAD[name]
    text = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(GenomeError) as error:
        Genome.from_json(text)
    message = str(error.value)
    assert reason in message
    assert "\n" not in message and len(message) < 300


def all_nodes(genome: Genome) -> int:
    return sum(1 + sum(all_nodes(body) for body in node.bodies) for node in genome.nodes)


def test_networkx_view_of_a_known_genome() -> None:
    graph = GENOME.to_networkx()
    assert nx.is_directed_acyclic_graph(graph)
    assert sorted(graph.nodes[node]["op"] for node in graph if not graph.nodes[node]["body"]) == [
        "call", "input", "join", "join", "map", "split",
    ]  # fmt: skip
    inner = [node for node in graph if graph.nodes[node]["body"]]
    assert sorted(graph.nodes[node]["op"] for node in inner) == ["call", "call", "call", "input"]
    assert [node for node in graph if graph.out_degree(node) == 0] == [GENOME.key]


def test_networkx_view_is_a_dag_with_a_node_per_distinct_node(make_space: Callable[..., Space]) -> None:
    space, generator = make_space("sort"), random.Random(3)
    for _ in range(60):
        genome = space.sample(generator)
        graph = genome.to_networkx()
        assert nx.is_directed_acyclic_graph(graph)
        operators = [data["op"] for _, data in graph.nodes(data=True)]
        assert len(operators) - operators.count("input") == all_nodes(genome)
        assert nx.ancestors(graph, genome.key) | {genome.key} == set(graph)
