"""How large is the sum of the numbers that are at least 50? A task of one's own."""

from undercut import NUMBER, NUMBERS, Task
from undercut.evaluators.tasks.primitives import ADD, AT_LEAST, SUM


def make(size, generator):
    numbers = [generator.randrange(100) for _ in range(size)]
    return (numbers, 50), sum(number for number in numbers if number >= 50)


task = Task("large-sum", (NUMBERS, NUMBER), NUMBER, (AT_LEAST, SUM, ADD), make, sizes=(4, 8, 16))
