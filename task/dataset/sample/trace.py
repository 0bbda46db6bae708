# Programs in the form of rl-python, written for nanteos. A program begins with a line of three dashes; lines of the form "# < text" are what it reads.

# --- sum of the numbers on a line
numbers = [int(word) for word in input().split()]
total = 0
for n in numbers:
    total += n
print(total)
# < 3 1 4 1 5

# --- the larger of two
a = int(input())
b = int(input())
if a > b:
    larger = a
else:
    larger = b
print("larger:", larger)
# < 17
# < 42

# --- count letters
word = input()
counts = {}
for letter in word:
    counts[letter] = counts.get(letter, 0) + 1
for letter in sorted(counts):
    print(letter, counts[letter])
# < banana

# --- factorial
def factorial(n):
    result = 1
    for i in range(2, n + 1):
        result *= i
    return result

n = int(input())
print(factorial(n))
# < 7

# --- reverse words
line = input()
words = line.split()
turned = " ".join(reversed(words))
print(turned)
# < the quick brown fox

# --- table of squares
size = 4
for i in range(1, size + 1):
    square = i * i
    print(i, square)

# --- bubble sort
values = [5, 2, 9, 1]
n = len(values)
for i in range(n):
    for j in range(n - i - 1):
        if values[j] > values[j + 1]:
            values[j], values[j + 1] = values[j + 1], values[j]
print(values)

# --- greatest common divisor
a, b = 84, 36
while b:
    a, b = b, a % b
print(a)

# --- first primes
primes = []
candidate = 2
while len(primes) < 6:
    if all(candidate % p for p in primes):
        primes.append(candidate)
    candidate += 1
print(primes)

# --- fizz
for i in range(1, 16):
    text = ""
    if i % 3 == 0:
        text += "Fizz"
    if i % 5 == 0:
        text += "Buzz"
    print(text or i)

# --- running maximum
data = [3, 1, 4, 1, 5, 9, 2, 6]
best = data[0]
for x in data:
    if x > best:
        best = x
    print(best, end=" ")
print()

# --- matrix sum
rows = int(input())
total = 0
for _ in range(rows):
    row = list(map(int, input().split()))
    total += sum(row)
print("sum", total)
# < 2
# < 1 2 3
# < 4 5 6

# --- hours and minutes
minutes = int(input())
hours = minutes // 60
rest = minutes % 60
print(f"{hours}:{rest:02d}")
# < 125

# --- Fibonacci numbers
a, b = 0, 1
out = []
for _ in range(10):
    out.append(a)
    a, b = b, a + b
print(*out)

# --- vowels
text = "Interoperability"
count = 0
for c in text.lower():
    if c in "aeiou":
        count += 1
print(count)

# --- stack of brackets
source = input()
depth = 0
deepest = 0
for c in source:
    if c == "(":
        depth += 1
        deepest = max(deepest, depth)
    elif c == ")":
        depth -= 1
print(depth == 0, deepest)
# < (()(()))

# --- Celsius
fahrenheit = 212
celsius = (fahrenheit - 32) * 5 / 9
print(celsius)

# --- collatz
n = 11
steps = 0
while n != 1:
    if n % 2:
        n = 3 * n + 1
    else:
        n //= 2
    steps += 1
print(steps)

# --- unique values
seen = set()
order = []
for value in [1, 2, 1, 3, 2]:
    if value not in seen:
        seen.add(value)
        order.append(value)
print(order)

# --- nested function
def outer(x):
    y = x + 1

    def inner(z):
        w = z * y
        return w

    return inner(x)

print(outer(3))

# --- digits
n = 9475
total = 0
while n > 0:
    n, digit = divmod(n, 10)
    total = total + digit
print(total)

# --- dictionary of lengths
names = input().split(",")
lengths = {name: len(name) for name in names}
longest = max(lengths, key=lengths.get)
print(longest, lengths[longest])
# < ant,zebra,horse,ox

# --- else of a loop
n = 29
for d in range(2, n):
    if n % d == 0:
        kind = "composite"
        break
else:
    kind = "prime"
print(n, kind)

# --- binary
n = 19
bits = ""
while n:
    bits = str(n % 2) + bits
    n //= 2
print(bits)

# --- pairs
colours = ["red", "green"]
sizes = ["S", "M", "L"]
count = 0
for colour in colours:
    for size in sizes:
        count += 1
        print(count, colour, size)

# --- average
marks = [90, 72, 84]
mean = sum(marks) / len(marks)
if mean >= 80:
    verdict = "good"
else:
    verdict = "fair"
print(mean, verdict)

# --- string building
width = 5
line = "*" * width
hollow = "*" + " " * (width - 2) + "*"
print(line)
print(hollow)
print(line)

# --- error that is handled
text = "12x"
try:
    value = int(text)
except ValueError:
    value = -1
print(value)

# --- echo until the end
import sys
lines = [line.strip() for line in sys.stdin]
for number, line in enumerate(lines, 1):
    print(number, line)
# < first
# < second

# --- interest
money = 1000
for year in range(3):
    money += money * 10 // 100
    print(year, money)

# --- binary search
data = [1, 3, 5, 7, 9, 11]
low, high = 0, len(data) - 1
target = 7
place = -1
while low <= high:
    middle = (low + high) // 2
    if data[middle] == target:
        place = middle
        break
    if data[middle] < target:
        low = middle + 1
    else:
        high = middle - 1
print(place)

# --- shifted letters
message = "abcxyz"
shifted = ""
for c in message:
    code = (ord(c) - ord("a") + 3) % 26
    shifted += chr(code + ord("a"))
print(shifted)
