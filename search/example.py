"""The example that `undercut init` writes: long notes in which facts are scattered, and a question to each."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

from undercut.evaluators.tasks import facts
from undercut.search.files import write_whole
from undercut.spaces.errors import TaskError

SIZES, EACH = (100, 400, 1600), 60
"""Words of the example's documents, and how many there are of each length."""

TASK = '''# A task without code: where its problems are, what an answer looks like, and how it is scored.
#
#   undercut check task.toml                                     what will be asked, and what that will cost
#   undercut search task.toml -m openai/gpt-5-mini --max-usd 2   search (needs OPENAI_API_KEY)
#   undercut search task.toml -m NAME --api-base http://localhost:8000/v1    the same on a server of your own

name = "keepers"
summary = "find several facts in a long text"

# What is asked of every problem alike, where that does not stand among the inputs:
# about = "List the countries that are named in the text."

# What a model can be asked for. Without this line, all that suits the inputs and the output:
# answer (or classify, for a label), extract, conclude, compare, verify, doubt, combine; for documents also filter,
# summarise, update; for questions also rewrite. Fewer of them make the search faster.
primitives = ["answer", "extract", "conclude", "verify", "combine", "summarise", "update"]

[data]
file = "problems.jsonl"        # JSONL, JSON or CSV, beside this file; a list of files for several
# The inputs: a type for each column. document (can be cut into pieces), question, number, numbers, items, record.
inputs = {document = "document", question = "question"}
target = "target"              # the column with the right output
# target_pattern = "#### (.*)"    # the part of that column that is the target, as the group of a regular expression
pieces = "paragraph"           # where documents are cut: line, sentence, paragraph, word
size = "words"                 # what a problem's size is: items, words, tokens, or a column that holds it
sizes = [100, 400, 1600]       # each problem counts as of the nearest of these; without them, thirds are made

[output]
form = "numbers"               # answer (a short text), number, label, items, numbers, record (a JSON object)
# choices = ["yes", "no"]      # of a label
# instruction = "Write the codes only."    # what the model is told about the form
words = 3                      # about how long an answer is, in words or items

[scorer]
# exact, normalised, numeric (tolerance, relative), choice, set_f1, same_items, token_f1, regex (the target is the
# pattern), json_fields (fields), or judge (rubric, model), whose calls are on the bill like all others.
kind = "same_items"

# Your own words for a ready-made primitive, one prompt or a list of them. {document}, {question}, {notes} … stand for
# the inputs; columns that are called notes, answer, answers, first or second are {given_notes} and so on. The search
# tries each prompt, and exported code carries the one that it took.
[prompts]
extract = """
Write down, in whole sentences, the facts of the text that the question asks for, or none.

Text:
{document}

Question:
{question}"""

# A primitive of your own: the inputs by label or type, the type of the answer, and about how long that is.
# [define.shorten]
# inputs = ["notes"]
# output = "notes"
# prompts = "Say the same in fewer words: {notes}"
# words = 20
'''


def write_example(folder: Path) -> Path:
    """Write `task.toml` and `problems.jsonl` into a folder; gives the path of the first.

    Raises:
        TaskError: one of them is there already, or the folder cannot be written.
    """
    task, data = folder / "task.toml", folder / "problems.jsonl"
    for path in (task, data):
        if path.exists():
            raise TaskError(f"init overwrites nothing, and {path} is there already; name another folder")
    generator = random.Random("keepers")
    rows = [facts.make("several", size, generator) for size in SIZES for _ in range(EACH)]
    lines = [
        json.dumps({"document": document, "question": question, "target": target})
        for (document, question), target in rows
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(task, TASK)
        write_whole(data, "\n".join(lines) + "\n")
    except OSError as error:
        with suppress(OSError):
            task.unlink(missing_ok=True)  # alone it is of no use, and would be in the way of the next try
        raise TaskError(f"DIR must be a folder that can be written, and {folder} is not: {error.strerror}") from error
    return task
