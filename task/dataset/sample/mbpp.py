# Tasks in the form of MBPP, written for nanteos. A task begins with a line of three dashes: its text. Below are the reference solution and, after the
# line "# tests", its tests. The whole file runs as a program.

# --- Write a function to return the sum of the squares of the first n natural numbers.
def sum_of_squares(n):
    return sum(i * i for i in range(1, n + 1))

# tests
assert sum_of_squares(3) == 14
assert sum_of_squares(0) == 0
assert sum_of_squares(10) == 385

# --- Write a function to count the vowels of a text, in upper and lower case.
def count_vowels(text):
    return sum(c in "aeiou" for c in text.lower())

# tests
assert count_vowels("Nanteos") == 3
assert count_vowels("xyz") == 0
assert count_vowels("AEIOU aeiou") == 10

# --- Write a function to find the second largest distinct value of a list, or None where there is none.
def second_largest(values):
    ordered = sorted(set(values))
    return ordered[-2] if len(ordered) > 1 else None

# tests
assert second_largest([4, 9, 9, 2]) == 4
assert second_largest([5, 5]) is None
assert second_largest([-1, -3, -2]) == -2

# --- Write a function to tell whether a text reads the same from both ends, letters alone and whatever their case.
def is_mirror_text(text):
    letters = [c.lower() for c in text if c.isalpha()]
    return letters == letters[::-1]

# tests
assert is_mirror_text("Never odd or even")
assert not is_mirror_text("nanteos")
assert is_mirror_text("")

# --- Write a function to merge two sorted lists into one sorted list.
def merge_sorted(a, b):
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i] <= b[j]:
            out.append(a[i])
            i += 1
        else:
            out.append(b[j])
            j += 1
    return out + a[i:] + b[j:]

# tests
assert merge_sorted([1, 4, 6], [2, 3, 7]) == [1, 2, 3, 4, 6, 7]
assert merge_sorted([], [1]) == [1]
assert merge_sorted([1, 1], [1]) == [1, 1, 1]

# --- Write a function to turn a number of seconds into hours, minutes and seconds.
def split_seconds(total):
    hours, rest = divmod(total, 3600)
    return (hours,) + divmod(rest, 60)

# tests
assert split_seconds(3661) == (1, 1, 1)
assert split_seconds(59) == (0, 0, 59)
assert split_seconds(7200) == (2, 0, 0)

# --- Write a function to count how often each word occurs in a text.
from collections import Counter

def word_counts(text):
    return dict(Counter(text.split()))

# tests
assert word_counts("a b a") == {"a": 2, "b": 1}
assert word_counts("") == {}
assert word_counts("one  two one") == {"one": 2, "two": 1}

# --- Write a function to compute the greatest common divisor of a list of numbers.
from functools import reduce
from math import gcd

def gcd_of(numbers):
    return reduce(gcd, numbers)

# tests
assert gcd_of([12, 18, 30]) == 6
assert gcd_of([7]) == 7
assert gcd_of([8, 9]) == 1

# --- Write a function to rotate a list to the left by k places.
def rotate_left(items, k):
    if not items:
        return []
    k %= len(items)
    return items[k:] + items[:k]

# tests
assert rotate_left([1, 2, 3, 4], 1) == [2, 3, 4, 1]
assert rotate_left([1, 2, 3], 5) == [3, 1, 2]
assert rotate_left([], 2) == []

# --- Write a function to list the prime numbers below n.
def primes_below(n):
    sieve = [True] * max(n, 2)
    sieve[0] = sieve[1] = False
    for i in range(2, int(n ** 0.5) + 1):
        if sieve[i]:
            for j in range(i * i, n, i):
                sieve[j] = False
    return [i for i in range(2, n) if sieve[i]]

# tests
assert primes_below(20) == [2, 3, 5, 7, 11, 13, 17, 19]
assert primes_below(2) == []
assert len(primes_below(1000)) == 168

# --- Write a function to transpose a matrix given as a list of rows.
def transpose(matrix):
    return [list(row) for row in zip(*matrix)]

# tests
assert transpose([[1, 2], [3, 4], [5, 6]]) == [[1, 3, 5], [2, 4, 6]]
assert transpose([[7]]) == [[7]]
assert transpose([]) == []

# --- Write a function to remove repeated items from a list, keeping the first of each in order.
def unique_in_order(items):
    seen, out = set(), []
    for item in items:
        if item not in seen:
            seen.add(item)
            out.append(item)
    return out

# tests
assert unique_in_order([3, 1, 3, 2, 1]) == [3, 1, 2]
assert unique_in_order([]) == []
assert unique_in_order(["a", "a"]) == ["a"]

# --- Write a function to find the length of the longest run of equal items in a list.
from itertools import groupby

def longest_run(items):
    return max((len(list(group)) for _, group in groupby(items)), default=0)

# tests
assert longest_run([1, 1, 2, 2, 2, 1]) == 3
assert longest_run([]) == 0
assert longest_run("abc") == 1

# --- Write a function to check whether the brackets ()[]{} of a text are balanced.
def balanced(text):
    pairs, stack = {")": "(", "]": "[", "}": "{"}, []
    for c in text:
        if c in "([{":
            stack.append(c)
        elif c in pairs and (not stack or stack.pop() != pairs[c]):
            return False
    return not stack

# tests
assert balanced("a(b[c]{d})")
assert not balanced("(]")
assert not balanced("((")

# --- Write a function to return the nth Fibonacci number, where the numbers 0 and 1 come first.
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a

# tests
assert fibonacci(0) == 0
assert fibonacci(10) == 55
assert fibonacci(50) == 12586269025

# --- Write a function to write a positive whole number in Roman numerals.
def to_roman(n):
    values = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
              (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
    out = ""
    for value, numeral in values:
        out += numeral * (n // value)
        n %= value
    return out

# tests
assert to_roman(2026) == "MMXXVI"
assert to_roman(4) == "IV"
assert to_roman(999) == "CMXCIX"

# --- Write a function to add the digits of a number until a single digit is left.
def digital_root(n):
    while n > 9:
        n = sum(int(d) for d in str(n))
    return n

# tests
assert digital_root(9875) == 2
assert digital_root(0) == 0
assert digital_root(38) == 2

# --- Write a function to cut a list into pieces of n items; the last one may be shorter.
def pieces(items, n):
    return [items[i:i + n] for i in range(0, len(items), n)]

# tests
assert pieces([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
assert pieces([], 3) == []
assert pieces([1, 2], 9) == [[1, 2]]

# --- Write a function to find all pairs of numbers of a list that add up to a target, each pair in order and once.
def pairs_with_sum(numbers, target):
    have = set(numbers)
    return sorted({(a, target - a) for a in have if a < target - a and target - a in have})

# tests
assert pairs_with_sum([1, 5, 3, 7, 4], 8) == [(1, 7), (3, 5)]
assert pairs_with_sum([4, 4], 8) == []
assert pairs_with_sum([], 0) == []

# --- Write a function to shift each letter of a text by k places in the alphabet, leaving everything else.
def shift_letters(text, k):
    out = []
    for c in text:
        if c.isascii() and c.isalpha():
            first = ord("a") if c.islower() else ord("A")
            c = chr((ord(c) - first + k) % 26 + first)
        out.append(c)
    return "".join(out)

# tests
assert shift_letters("Hello, z!", 1) == "Ifmmp, a!"
assert shift_letters("abc", -1) == "zab"
assert shift_letters("", 5) == ""

# --- Write a function to find where a value belongs in a sorted list, by bisection.
from bisect import bisect_left

def place_of(values, value):
    return bisect_left(values, value)

# tests
assert place_of([1, 3, 5], 4) == 2
assert place_of([1, 3, 5], 3) == 1
assert place_of([], 9) == 0

# --- Write a function to flatten a list of lists of any depth.
def flatten(items):
    out = []
    for item in items:
        if isinstance(item, list):
            out.extend(flatten(item))
        else:
            out.append(item)
    return out

# tests
assert flatten([1, [2, [3, []], 4]]) == [1, 2, 3, 4]
assert flatten([]) == []
assert flatten([[["x"]]]) == ["x"]

# --- Write a function to find the k smallest numbers of a list, in order.
import heapq

def k_smallest(numbers, k):
    return heapq.nsmallest(k, numbers)

# tests
assert k_smallest([5, 1, 4, 2], 2) == [1, 2]
assert k_smallest([3], 5) == [3]
assert k_smallest([2, 2, 1], 2) == [1, 2]

# --- Write a function to check whether two words have the same letters in another order.
def are_anagrams(a, b):
    return sorted(a.lower()) == sorted(b.lower())

# tests
assert are_anagrams("Listen", "Silent")
assert not are_anagrams("abc", "abd")
assert are_anagrams("", "")

# --- Write a function to compute the edit distance of two texts.
def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]

# tests
assert edit_distance("kitten", "sitting") == 3
assert edit_distance("", "abc") == 3
assert edit_distance("same", "same") == 0

# --- Write a function to find the largest sum of neighbouring items of a list that isn't empty.
def best_stretch(numbers):
    best = here = numbers[0]
    for n in numbers[1:]:
        here = max(n, here + n)
        best = max(best, here)
    return best

# tests
assert best_stretch([1, -2, 3, 4, -1]) == 7
assert best_stretch([-5, -2, -9]) == -2
assert best_stretch([6]) == 6

# --- Write a function to count the ways to climb n steps by one or two at a time.
def ways_to_climb(n):
    a, b = 1, 1
    for _ in range(n):
        a, b = b, a + b
    return a

# tests
assert ways_to_climb(1) == 1
assert ways_to_climb(4) == 5
assert ways_to_climb(0) == 1

# --- Write a function to return the numbers that are in both lists, sorted and each once.
def common(a, b):
    return sorted(set(a) & set(b))

# tests
assert common([1, 2, 2, 3], [2, 3, 4]) == [2, 3]
assert common([1], [2]) == []
assert common([9, 8], [8, 9]) == [8, 9]

# --- Write a function to turn a text such as some_short_name into someShortName.
def to_camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)

# tests
assert to_camel("some_short_name") == "someShortName"
assert to_camel("word") == "word"
assert to_camel("a_b") == "aB"

# --- Write a function to find all numbers in a text, as whole numbers.
import re

def numbers_in(text):
    return [int(n) for n in re.findall(r"-?\d+", text)]

# tests
assert numbers_in("3 cats, -2 dogs and 15 birds") == [3, -2, 15]
assert numbers_in("none") == []
assert numbers_in("007") == [7]

# --- Write a function to compute the number of ways to choose k of n things.
def choose(n, k):
    if k < 0 or k > n:
        return 0
    result = 1
    for i in range(k):
        result = result * (n - i) // (i + 1)
    return result

# tests
assert choose(5, 2) == 10
assert choose(4, 7) == 0
assert choose(30, 15) == 155117520

# --- Write a function to check whether a year is a leap year.
def is_leap_year(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

# tests
assert is_leap_year(2024)
assert not is_leap_year(1900)
assert is_leap_year(2000)

# --- Write a function to multiply two matrices given as lists of rows.
def multiply(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]

# tests
assert multiply([[1, 2], [3, 4]], [[0, 1], [1, 0]]) == [[2, 1], [4, 3]]
assert multiply([[2]], [[3]]) == [[6]]
assert multiply([[1, 0, 2]], [[1], [5], [3]]) == [[7]]

# --- Write a function to sort words by their length, those of one length by the alphabet.
def by_length(words):
    return sorted(words, key=lambda word: (len(word), word))

# tests
assert by_length(["pear", "fig", "apple", "kiwi"]) == ["fig", "kiwi", "pear", "apple"]
assert by_length([]) == []
assert by_length(["b", "a"]) == ["a", "b"]

# --- Write a function to compress a text by writing each run of a letter as the letter and its length.
from itertools import groupby

def run_lengths(text):
    return "".join(c + str(len(list(group))) for c, group in groupby(text))

# tests
assert run_lengths("aaabcc") == "a3b1c2"
assert run_lengths("") == ""
assert run_lengths("zz") == "z2"

# --- Write a function to return the powers of two that add up to a number, from the least.
def powers_of_two(n):
    return [1 << i for i in range(n.bit_length()) if n >> i & 1]

# tests
assert powers_of_two(13) == [1, 4, 8]
assert powers_of_two(0) == []
assert powers_of_two(64) == [64]

# --- Write a function to find the median of a list of numbers.
def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2

# tests
assert median([3, 1, 2]) == 2
assert median([4, 1, 3, 2]) == 2.5
assert median([7]) == 7

# --- Write a function to find the least number of coins for an amount, or -1 where the coins can't make it.
def fewest_coins(coins, amount):
    best = [0] + [None] * amount
    for total in range(1, amount + 1):
        ways = [best[total - c] for c in coins if c <= total and best[total - c] is not None]
        if ways:
            best[total] = min(ways) + 1
    return -1 if best[amount] is None else best[amount]

# tests
assert fewest_coins([1, 5, 12], 15) == 3
assert fewest_coins([4, 6], 9) == -1
assert fewest_coins([2], 0) == 0

# --- Write a function to turn a dictionary around, so that each value leads to the sorted list of its keys.
def turn_around(mapping):
    out = {}
    for key, value in mapping.items():
        out.setdefault(value, []).append(key)
    return {value: sorted(keys) for value, keys in out.items()}

# tests
assert turn_around({"a": 1, "b": 2, "c": 1}) == {1: ["a", "c"], 2: ["b"]}
assert turn_around({}) == {}
assert turn_around({"x": "y"}) == {"y": ["x"]}

# --- Write a function to check whether a number is perfect: the sum of its smaller divisors.
def is_perfect(n):
    return n > 1 and sum(d for d in range(1, n // 2 + 1) if n % d == 0) == n

# tests
assert is_perfect(28)
assert not is_perfect(27)
assert not is_perfect(1)

# --- Write a function to find the length of the longest common subsequence of two texts.
def common_length(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]

# tests
assert common_length("ABCBDAB", "BDCABA") == 4
assert common_length("", "x") == 0
assert common_length("abc", "abc") == 3

# --- Write a function to list a square matrix's items along a spiral, clockwise from the first.
def spiral(matrix):
    out = []
    while matrix:
        out.extend(matrix[0])
        matrix = [list(row) for row in zip(*matrix[1:])][::-1]
    return out

# tests
assert spiral([[1, 2, 3], [4, 5, 6], [7, 8, 9]]) == [1, 2, 3, 6, 9, 8, 7, 4, 5]
assert spiral([[1]]) == [1]
assert spiral([]) == []

# --- Write a function to compute the running sums of a list.
from itertools import accumulate

def running_sums(numbers):
    return list(accumulate(numbers))

# tests
assert running_sums([1, 2, 3]) == [1, 3, 6]
assert running_sums([]) == []
assert running_sums([5, -5]) == [5, 0]

# --- Write a function to check whether a list of intervals, given as pairs, has two that overlap.
def any_overlap(intervals):
    ordered = sorted(intervals)
    return any(a[1] > b[0] for a, b in zip(ordered, ordered[1:]))

# tests
assert any_overlap([(1, 4), (3, 6)])
assert not any_overlap([(5, 6), (1, 5)])
assert not any_overlap([])
