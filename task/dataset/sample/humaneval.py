# Tasks in the form of HumanEval, written for nanteos. A task begins with a line of three dashes: its function. The prompt goes up to the line
# "# solution", the solution up to "# check", below which are the tests.

# --- clamp_all
def clamp_all(numbers, low, high):
    """Return the numbers, each raised to low or cut to high where it is beyond.
    >>> clamp_all([1, 5, 9], 2, 6)
    [2, 5, 6]
    """
    # solution
    return [min(max(n, low), high) for n in numbers]

# check
def check(candidate):
    assert candidate([1, 5, 9], 2, 6) == [2, 5, 6]
    assert candidate([], 0, 1) == []
    assert candidate([-3, 3], 0, 0) == [0, 0]

# --- first_repeated
def first_repeated(items):
    """Return the first item that has occurred before, or None.
    >>> first_repeated([4, 2, 7, 2, 4])
    2
    """
    # solution
    seen = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None

# check
def check(candidate):
    assert candidate([4, 2, 7, 2, 4]) == 2
    assert candidate([1, 2, 3]) is None
    assert candidate("abca") == "a"

# --- alternating_sum
def alternating_sum(numbers):
    """Add the first number, subtract the second, add the third and so on.
    >>> alternating_sum([5, 2, 1])
    4
    """
    # solution
    return sum(n if i % 2 == 0 else -n for i, n in enumerate(numbers))

# check
def check(candidate):
    assert candidate([5, 2, 1]) == 4
    assert candidate([]) == 0
    assert candidate([1, 1, 1, 1]) == 0

# --- longest_word
def longest_word(text):
    """Return the longest word of a text, the first of them where several are longest, and '' where there is none.
    >>> longest_word("a quick brown fox")
    'quick'
    """
    # solution
    return max(text.split(), key=len, default="")

# check
def check(candidate):
    assert candidate("a quick brown fox") == "quick"
    assert candidate("") == ""
    assert candidate("bb aa") == "bb"

# --- digits_product
def digits_product(n):
    """Return the product of the digits of a number that isn't negative.
    >>> digits_product(234)
    24
    """
    # solution
    result = 1
    for digit in str(n):
        result *= int(digit)
    return result

# check
def check(candidate):
    assert candidate(234) == 24
    assert candidate(0) == 0
    assert candidate(111) == 1

# --- interleave
def interleave(a, b):
    """Take items of two lists in turn; what is left of the longer one comes last.
    >>> interleave([1, 3], [2, 4, 6])
    [1, 2, 3, 4, 6]
    """
    # solution
    out = [item for pair in zip(a, b) for item in pair]
    n = min(len(a), len(b))
    return out + a[n:] + b[n:]

# check
def check(candidate):
    assert candidate([1, 3], [2, 4, 6]) == [1, 2, 3, 4, 6]
    assert candidate([], []) == []
    assert candidate([1, 2], []) == [1, 2]

# --- is_sorted
def is_sorted(items):
    """Tell whether no item is less than the one before.
    >>> is_sorted([1, 1, 2])
    True
    """
    # solution
    return all(a <= b for a, b in zip(items, items[1:]))

# check
def check(candidate):
    assert candidate([1, 1, 2]) is True
    assert candidate([2, 1]) is False
    assert candidate([]) is True

# --- title_words
def title_words(text, small):
    """Write each word with a capital, except those of the list small, unless they come first.
    >>> title_words("the lord of the rings", ["of", "the"])
    'The Lord of the Rings'
    """
    # solution
    words = text.split()
    return " ".join(w if i and w in small else w.capitalize() for i, w in enumerate(words))

# check
def check(candidate):
    assert candidate("the lord of the rings", ["of", "the"]) == "The Lord of the Rings"
    assert candidate("", []) == ""
    assert candidate("a b", []) == "A B"

# --- binary_gap
def binary_gap(n):
    """Return the length of the longest run of zeros between two ones in the binary form of n.
    >>> binary_gap(9)
    2
    """
    # solution
    return max((len(run) for run in bin(n)[2:].strip("0").split("1")), default=0)

# check
def check(candidate):
    assert candidate(9) == 2
    assert candidate(8) == 0
    assert candidate(529) == 4

# --- group_by_first
def group_by_first(words):
    """Gather words by their first letter; words of a group keep their order.
    >>> group_by_first(["ant", "bee", "ape"])
    {'a': ['ant', 'ape'], 'b': ['bee']}
    """
    # solution
    groups = {}
    for word in words:
        groups.setdefault(word[0], []).append(word)
    return groups

# check
def check(candidate):
    assert candidate(["ant", "bee", "ape"]) == {"a": ["ant", "ape"], "b": ["bee"]}
    assert candidate([]) == {}
    assert candidate(["x"]) == {"x": ["x"]}

# --- collatz_steps
def collatz_steps(n):
    """Count the steps until n becomes 1: an even number is halved, an odd one tripled and increased by one.
    >>> collatz_steps(6)
    8
    """
    # solution
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps

# check
def check(candidate):
    assert candidate(6) == 8
    assert candidate(1) == 0
    assert candidate(27) == 111

# --- sum_of_odd_squares
def sum_of_odd_squares(numbers):
    """Add the squares of the odd numbers of a list.
    >>> sum_of_odd_squares([1, 2, 3])
    10
    """
    # solution
    return sum(n * n for n in numbers if n % 2)

# check
def check(candidate):
    assert candidate([1, 2, 3]) == 10
    assert candidate([]) == 0
    assert candidate([-3, 4]) == 9

# --- strip_comments
def strip_comments(text, mark):
    """Cut each line of a text at the mark, and the blanks before it.
    >>> strip_comments("a = 1  # one", "#")
    'a = 1'
    """
    # solution
    return "\n".join(line.split(mark)[0].rstrip() for line in text.split("\n"))

# check
def check(candidate):
    assert candidate("a = 1  # one", "#") == "a = 1"
    assert candidate("x\n; y\nz ;", ";") == "x\n\nz"
    assert candidate("", "#") == ""

# --- is_triangle
def is_triangle(a, b, c):
    """Tell whether sides of these lengths make a triangle with an area.
    >>> is_triangle(3, 4, 5)
    True
    """
    # solution
    a, b, c = sorted((a, b, c))
    return a + b > c

# check
def check(candidate):
    assert candidate(3, 4, 5) is True
    assert candidate(1, 2, 3) is False
    assert candidate(10, 1, 1) is False

# --- peaks
def peaks(numbers):
    """Return the places of the numbers that are greater than both neighbours.
    >>> peaks([1, 3, 2, 4, 1])
    [1, 3]
    """
    # solution
    return [i for i in range(1, len(numbers) - 1) if numbers[i - 1] < numbers[i] > numbers[i + 1]]

# check
def check(candidate):
    assert candidate([1, 3, 2, 4, 1]) == [1, 3]
    assert candidate([1, 2]) == []
    assert candidate([2, 2, 2]) == []

# --- to_base
def to_base(n, base):
    """Write a number that isn't negative in a base of 2 to 10.
    >>> to_base(10, 2)
    '1010'
    """
    # solution
    digits = ""
    while True:
        n, digit = divmod(n, base)
        digits = str(digit) + digits
        if n == 0:
            return digits

# check
def check(candidate):
    assert candidate(10, 2) == "1010"
    assert candidate(0, 7) == "0"
    assert candidate(80, 9) == "88"

# --- missing_number
def missing_number(numbers):
    """A list has all numbers of 0 to n but one, in any order. Return that one.
    >>> missing_number([0, 3, 1])
    2
    """
    # solution
    n = len(numbers)
    return n * (n + 1) // 2 - sum(numbers)

# check
def check(candidate):
    assert candidate([0, 3, 1]) == 2
    assert candidate([]) == 0
    assert candidate([0]) == 1

# --- wrap_words
def wrap_words(text, width):
    """Break a text into lines of at most width characters between words; a longer word has a line of its own.
    >>> wrap_words("one two three", 7)
    ['one two', 'three']
    """
    # solution
    lines = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines

# check
def check(candidate):
    assert candidate("one two three", 7) == ["one two", "three"]
    assert candidate("", 5) == []
    assert candidate("incredible a b", 3) == ["incredible", "a b"]

# --- matrix_diagonals
def matrix_diagonals(matrix):
    """Return the sums of the two diagonals of a square matrix.
    >>> matrix_diagonals([[1, 2], [3, 4]])
    (5, 5)
    """
    # solution
    n = len(matrix)
    return sum(matrix[i][i] for i in range(n)), sum(matrix[i][n - 1 - i] for i in range(n))

# check
def check(candidate):
    assert candidate([[1, 2], [3, 4]]) == (5, 5)
    assert candidate([[7]]) == (7, 7)
    assert candidate([[1, 0, 2], [0, 3, 0], [4, 0, 5]]) == (9, 9)

# --- split_evenly
def split_evenly(total, n):
    """Divide a whole number into n parts that differ by at most one, the larger first.
    >>> split_evenly(10, 3)
    [4, 3, 3]
    """
    # solution
    part, more = divmod(total, n)
    return [part + 1] * more + [part] * (n - more)

# check
def check(candidate):
    assert candidate(10, 3) == [4, 3, 3]
    assert candidate(0, 2) == [0, 0]
    assert candidate(6, 3) == [2, 2, 2]

# --- hamming
def hamming(a, b):
    """Count the places at which two texts of one length differ.
    >>> hamming("karolin", "kathrin")
    3
    """
    # solution
    return sum(x != y for x, y in zip(a, b))

# check
def check(candidate):
    assert candidate("karolin", "kathrin") == 3
    assert candidate("", "") == 0
    assert candidate("ab", "ba") == 2

# --- next_square
def next_square(n):
    """Return the least square of a whole number that is greater than n, for n of at least 0.
    >>> next_square(15)
    16
    """
    # solution
    root = 0
    while root * root <= n:
        root += 1
    return root * root

# check
def check(candidate):
    assert candidate(15) == 16
    assert candidate(16) == 25
    assert candidate(0) == 1

# --- most_common
def most_common(items):
    """Return the item that occurs most often, the one that comes first where several do.
    >>> most_common([2, 1, 1, 2, 3])
    2
    """
    # solution
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return max(counts, key=counts.get)

# check
def check(candidate):
    assert candidate([2, 1, 1, 2, 3]) == 2
    assert candidate(["x"]) == "x"
    assert candidate([1, 2, 2]) == 2

# --- parse_pairs
def parse_pairs(text):
    """Read a text such as "a=1;b=2" into a dictionary of texts and whole numbers.
    >>> parse_pairs("a=1;b=2")
    {'a': 1, 'b': 2}
    """
    # solution
    return {key: int(value) for key, value in (part.split("=") for part in text.split(";") if part)}

# check
def check(candidate):
    assert candidate("a=1;b=2") == {"a": 1, "b": 2}
    assert candidate("") == {}
    assert candidate("x=-7;") == {"x": -7}

# --- equilibrium
def equilibrium(numbers):
    """Return the first place at which the numbers before and those after have the same sum, or -1.
    >>> equilibrium([1, 7, 3, 6, 5, 6])
    3
    """
    # solution
    total, left = sum(numbers), 0
    for i, n in enumerate(numbers):
        if left == total - left - n:
            return i
        left += n
    return -1

# check
def check(candidate):
    assert candidate([1, 7, 3, 6, 5, 6]) == 3
    assert candidate([1, 2, 3]) == -1
    assert candidate([5]) == 0

# --- swap_case_of_vowels
def swap_case_of_vowels(text):
    """Swap the case of the vowels of a text and leave the rest.
    >>> swap_case_of_vowels("Apple")
    'applE'
    """
    # solution
    return "".join(c.swapcase() if c in "aeiouAEIOU" else c for c in text)

# check
def check(candidate):
    assert candidate("Apple") == "applE"
    assert candidate("xyz") == "xyz"
    assert candidate("oU") == "Ou"

# --- windows
def windows(items, n):
    """Return all stretches of n neighbours of a list.
    >>> windows([1, 2, 3], 2)
    [[1, 2], [2, 3]]
    """
    # solution
    return [items[i:i + n] for i in range(len(items) - n + 1)]

# check
def check(candidate):
    assert candidate([1, 2, 3], 2) == [[1, 2], [2, 3]]
    assert candidate([1], 2) == []
    assert candidate([4, 5], 1) == [[4], [5]]

# --- trailing_zeros
def trailing_zeros(n):
    """Count the zeros at the end of n factorial.
    >>> trailing_zeros(10)
    2
    """
    # solution
    count = 0
    while n:
        n //= 5
        count += n
    return count

# check
def check(candidate):
    assert candidate(10) == 2
    assert candidate(4) == 0
    assert candidate(100) == 24

# --- path_sum
def path_sum(grid):
    """Return the least sum along a way from the first to the last cell of a grid, going right or down.
    >>> path_sum([[1, 3], [2, 1]])
    4
    """
    # solution
    row = [0] + [float("inf")] * (len(grid[0]) - 1)
    for line in grid:
        for i, cell in enumerate(line):
            row[i] = cell + (row[i] if i == 0 else min(row[i], row[i - 1]))
    return row[-1]

# check
def check(candidate):
    assert candidate([[1, 3], [2, 1]]) == 4
    assert candidate([[5]]) == 5
    assert candidate([[1, 1, 1], [9, 9, 1], [1, 1, 1]]) == 5

# --- ordinal
def ordinal(n):
    """Write a positive number with its English ending.
    >>> ordinal(22)
    '22nd'
    """
    # solution
    if n % 100 in (11, 12, 13):
        return str(n) + "th"
    return str(n) + {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")

# check
def check(candidate):
    assert candidate(22) == "22nd"
    assert candidate(113) == "113th"
    assert candidate(1) == "1st"
