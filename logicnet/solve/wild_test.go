package solve

import "testing"

// TestWild holds wordings that the families were not written for: whatever is answered must be right.
func TestWild(t *testing.T) {
	sure := 0
	all := []struct{ question, want string }{
		{"Hi there! I've been exploring some geometry lately, and I'm really curious about something. If I have a circle with a radius of 11, what would its area be?", "380.13"},
		{"As someone who is passionate about math, I find myself wondering: what is the area of a sector with a radius of 3 and an angle of 43 degrees?", "3.38"},
		{"I'm currently analyzing some data and I came across an interesting problem. Could you help me determine the greatest common divisor of 613 and 111?", "1"},
		{"I'm quite intrigued by the concept of percentages. Can you tell me what 26% of 94 is?", "24.44"},
		{"What would be the simple interest for a principal amount of $5538 at a 7% interest rate over a period of 7 years?", "2713.62"},
		{"I'm determined to figure out the volume of a sphere with a radius of 25 meters. How can I calculate it?", "65449.85"},
		{"Could you please help me find the least common multiple of the numbers 2 and 6?", "6"},
		{"I'm trying to understand this better: what is the result of adding 12 and 40?", "52"},
		{"Let's see if we can figure this out! What do you get when you add 12 and 40 together?", "52"},
		{"I'm curious, what is the product of 2 and 2?", "4"},
		{"I wonder, what is the value of 13 raised to the power of 10?", "137858491849"},
		{"Can you determine if the number 117 is composite?", "Yes"},
		{"Hmm, I'm puzzled by this: Is 72 a prime number?", "No"},
		{"How do we convert 929 minutes into hours and minutes?", "15 hours and 29 minutes"},
		{"What's the supplementary angle of 42 degrees?", "138"},
		{"Given the vectors [3, -20, -7] and [12, -13, 20], what is their dot product?", "156"},
		{"I've been pondering the geometric mean of two numbers, specifically 23 and 55. What would that be?", "35.57"},
		{"As a teacher, I'm eager to explore this with my students: what are the prime factors of 123?", "3, 41"},
		{"What is the decimal number 301 in hexadecimal?", "0x12d"},
		{"Can you help me find the 61st term of the arithmetic progression that starts with -76, -118, -160?", "-2596"},
		{"What is the sum of the interior angles of a polygon that has 7 sides?", "900"},
		{"Could you calculate the determinant of the matrix [[72, 100], [52, 90]]?", "1280"},
		{"I'm excited to find out: what is the hypotenuse of a right triangle when the other two sides measure 5 and 1?", "5.1"},
		{"I'm looking at a polygon with 7 sides, and the lengths are 78, 37, 79, 40, 89, 51, and 27 cm. What's the perimeter?", "401"},
		{"Hey, I'm trying to solve for x in the equation 8x + 1 = 7. What is x?", "3/4"},
		{"I'm wondering how to calculate the curved surface area of a cylinder with a radius of 8 and a height of 47. Can you help?", "2362.48"},
		{"If the cost price is 136 and the selling price is 938, what is the profit percentage?", "589.71"},
		{"What's the square root of 144?", "12"},
		{"I'm fascinated by factorials! What is the value of 5 factorial?", "120"},
		{"What is 5 factorial?", "120"},
		{"Two angles of a triangle are 76 and 28 degrees. What's the third angle?", "76"},
		{"What are the factors of 934?", "[1, 2, 467, 934]"},
		{"What is the distance between the points (7, 0) and (-6, 14)?", "\\sqrt{365}"},
		{"In how many ways can I choose 4 objects from 11?", "330"},
		{"What is 28 modulo 39?", "28"},
		{"An object moves at a uniform velocity, covering a distance of 289 meters in 79 seconds. What is its velocity?", "3.66"},
		{"What is the absolute difference between -99 and 20?", "119"},
	}
	for _, c := range all {
		answer, ok := Solve(c.question)
		if !ok {
			continue
		}
		sure++
		if !right(answer.Family, answer.Value, c.want) {
			t.Errorf("%q: %q, want %q", c.question, answer.Value, c.want)
		}
	}
	t.Logf("sure of %d of %d", sure, len(all))
	if sure < len(all)*3/4 {
		t.Errorf("sure of %d of %d only", sure, len(all))
	}
}
