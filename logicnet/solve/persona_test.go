package solve

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/logicnet/problems"
)

// rewrites are questions of the families as personas put them; {0} is the first of the generator's numbers, {*} all of them.
var rewrites = map[string][]string{
	"area_of_circle": {
		"As a curious data scientist, I'm wondering: what is the area of a circle with a radius of {0}?",
		"I'm really eager to figure this out! Could you help me calculate the area of a circle whose radius is {0} units?",
		"Hey there! Given a circle with radius $r = {0}$, how would you determine its area?"},
	"circumference": {
		"I've been thinking about circles... what would be the circumference of a circle with a radius of {0}?",
		"Could you please calculate the circumference of a circle that has a radius of {0} meters?"},
	"sector_area": {
		"Let's consider a sector of a circle with a radius of {0} and a central angle of {1} degrees. What is the area of this sector?",
		"I'm curious, how can I find the area of a sector with radius {0} and angle {1}°?"},
	"arc_length":    {"Given a radius of {0} and an angle of {1} degrees, can you determine the arc length?"},
	"degree_to_rad": {"I'm puzzled: how do I convert an angle of {0} degrees to radians?", "What is the measure of {0} degrees in radians?"},
	"celsius_to_fahrenheit": {"Could you help me convert {0} degrees Celsius to Fahrenheit?",
		"I'm curious, what is {0}°C in degrees Fahrenheit?", "What's the equivalent temperature in Fahrenheit of {0} degrees Celsius?"},
	"minutes_to_hours": {"How can I convert {0} minutes into hours and minutes?", "I'm excited to work this out: what is {0} minutes in hours and minutes?"},
	"curved_surface_area_cylinder": {
		"I'm analyzing a cylinder with a radius of {0} units and a height of {1} units. What is its curved surface area?",
		"What is the curved surface area of a cylinder with radius {0} and height {1}?"},
	"volume_cylinder": {"What is the volume of a cylinder that has a height of {0}m and a radius of {1}m?",
		"I'm trying to find the volume of a cylinder with a height of {0} meters and a radius of {1} meters. Could you help me?"},
	"surface_area_cylinder": {"Could you determine the surface area of a cylinder with a height of {0} meters and a radius of {1} meters?"},
	"volume_cone":           {"What would be the volume of a cone with a height of {0} m and a radius of {1} m?"},
	"surface_area_cone":     {"I'm curious about a cone: with a height of {0} meters and a radius of {1} meters, what is its surface area?"},
	"volume_cube":           {"I'm eager to determine the volume of a cube with a side length of {0} meters. Can you help me?"},
	"surface_area_cube":     {"What is the surface area of a cube with a side of {0} meters?"},
	"volume_sphere":         {"As a physicist, I wonder what the volume of a sphere with a radius of {0} meters is."},
	"surface_area_sphere":   {"Hello! What is the surface area of a sphere with a radius of {0} meters?"},
	"volume_hemisphere":     {"Please help me calculate the volume of a hemisphere with a radius of {0} meters."},
	"volume_pyramid":        {"What is the volume of a pyramid with a base length of {0} m, a base width of {1} m, and a height of {2} m?"},
	"area_of_trapezoid":     {"What is the area of a trapezoid with a height of {0} and base lengths of {1} and {2}?"},
	"third_angle_of_triangle": {
		"If two angles of a triangle measure {0} and {1} degrees, what is the measure of the third angle?"},
	"fourth_angle_of_quadrilateral": {"Given a quadrilateral with angles {0}, {1}, and {2} degrees, what is the fourth angle?"},
	"area_of_triangle":              {"What is the area of a triangle with side lengths {0}, {1}, and {2}?"},
	"pythagorean_theorem":           {"In a right triangle, the other two sides have lengths {0} and {1}. What is the length of the hypotenuse?"},
	"sum_of_polygon_angles":         {"What is the sum of the interior angles of a polygon with {0} sides?"},
	"perimeter_of_polygons":         {"I'm working with a {n} sided polygon with side lengths of {*} cm. What is its perimeter?"},
	"greatest_common_divisor": {"What is the greatest common divisor of {0} and {1}?", "I'm curious: how would you find the GCD of {0} and {1}?",
		"Consider the numbers {0} and {1}. Could you determine their greatest common divisor (GCD)?"},
	"lcm":                   {"Can you find the least common multiple of {0} and {1}?", "What is the LCM of {0} and {1}?"},
	"factors":               {"Could you list all the factors of {0}?", "What are the factors of the number {0}?"},
	"prime_factors":         {"What are the prime factors of {0}?"},
	"common_factors":        {"What are the common factors of {0} and {1}?"},
	"is_prime":              {"I'm wondering, is {0} a prime number?", "Can you determine whether {0} is prime?"},
	"is_composite":          {"Is the number {0} composite?"},
	"is_leap_year":          {"Is {0} a leap year?", "I'm curious, was the year {0} a leap year?"},
	"factorial":             {"What is the factorial of {0}?"},
	"percentage":            {"What is {0}% of {1}?", "I'm curious: how do I calculate {0} percent of {1}?"},
	"percentage_difference": {"How would you calculate the percentage difference between {0} and {1}?"},
	"percentage_error":      {"What is the percentage error if the observed value is {0} and the exact value is {1}?"},
	"simple_interest": {"What is the simple interest on a principal amount of {0} dollars at a {1}% rate of interest for a time period of {2} years?",
		"I want to calculate the simple interest for a principal of ${0} at an interest rate of {1}% per year over {2} years."},
	"combinations":                {"How would you find the number of combinations of {0} objects picked {1} at a time?"},
	"permutation":                 {"What is the number of permutations of {0} objects picked {1} at a time?"},
	"midpoint_of_two_points":      {"What is the midpoint between the points ({0}, {1}) and ({2}, {3})?"},
	"distance_two_points":         {"What is the distance between the points ({0}, {1}) and ({2}, {3})?"},
	"line_equation_from_2_points": {"What is the equation of the line that passes through the points ({0}, {1}) and ({2}, {3})?"},
	"decimal_to_binary":           {"What is the binary representation of {0}?", "How do I convert the decimal number {0} to binary?"},
	"decimal_to_octal":            {"How can the decimal number {0} be expressed in octal?", "What is the octal form of the decimal number {0}?"},
	"decimal_to_hexadeci":         {"What is the hexadecimal representation of {0}?"},
	"decimal_to_roman_numerals":   {"What is the number {0} in Roman numerals?", "How would you write {0} in Roman numerals?"},
	"velocity_of_object":          {"If an object travels at uniform velocity a distance of {0} m in {1} seconds, what is its velocity?"},
	"geometric_mean":              {"What is the geometric mean of the {n} numbers {*}?", "Could you help me find the geometric mean of the numbers [{*}]?"},
	"radian_to_deg":               {},
	"vector_dot": {"What is the dot product of the vectors [{0}, {1}, {2}] and [{3}, {4}, {5}]?",
		`I'm curious, can you calculate the dot product of $[{0}, {1}, {2}]$ and $[{3}, {4}, {5}]$?`},
	"vector_cross":                          {"Could you find the cross product of [{0}, {1}, {2}] and [{3}, {4}, {5}]?"},
	"orthogonal_projection":                 {"What is the orthogonal projection of [{0}, {1}] onto [{2}, {3}]?"},
	"int_matrix_22_determinant":             {`What is the determinant of the matrix $\begin{bmatrix} {0} & {1} \\\ {2} & {3} \end{bmatrix}$?`, "Could you calculate the determinant of the matrix [[{0}, {1}], [{2}, {3}]]?"},
	"invert_matrix":                         {`What is the inverse of the matrix $\begin{bmatrix} {0} & {1} & {2} \\ {3} & {4} & {5} \\ {6} & {7} & {8} \end{bmatrix}$?`},
	"basic_algebra":                         {"Could you solve the equation {0}x + {1} = {2} for x? I mean, what is x?", "I'm trying to solve for x in the equation {0}x + {1} = {2}."},
	"modulo_division":                       {"What is {0} modulo {1}?", "What is the remainder when {0} is divided by {1}?"},
	"absolute_difference":                   {"What is the absolute difference between {0} and {1}?"},
	"profit_loss_percent":                   {"If the cost price is {0} and the selling price is {1}, what is the profit percentage?", "What is the loss percentage when the cost price is {0} and the selling price is {1}?"},
	"complementary_and_supplementary_angle": {},
}

func rewrite(template string, a problems.Args) string {
	all := make([]string, len(a))
	for i, v := range a {
		all[i] = fmt.Sprint(v)
		template = strings.ReplaceAll(template, fmt.Sprintf("{%d}", i), all[i])
	}
	template = strings.ReplaceAll(template, "{n}", fmt.Sprint(len(a)))
	return strings.ReplaceAll(template, "{*}", strings.Join(all, ", "))
}

// posed calls f with many rewritten questions and their truth.
func posed(t *testing.T, each int, f func(name, template, question, truth string)) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range matchers() {
		if seen[m.name] {
			continue
		}
		seen[m.name] = true
		g, ok := problems.ByName(m.name)
		if !ok {
			t.Fatalf("there is no generator %q", m.name)
		}
		templates, ok := rewrites[m.name]
		if !ok {
			t.Errorf("no rewritten questions of %s", m.name)
		}
		r := cpython.NewRandFromUint64(uint64(g.ID))
		for _, template := range templates {
			for range each {
				if a := g.Draw(r, g.Defaults); a != nil {
					truth := problems.Truth(g.Answer(a))
					for _, unit := range []string{" m^2", " m^3", " m/s"} {
						truth = strings.TrimSuffix(truth, unit)
					}
					f(m.name, template, rewrite(template, a), truth)
				}
			}
		}
	}
}

func right(name, value, truth string) bool {
	return value == truth || near(value, truth, 0.006) || close(name, value, truth)
}

func TestPersona(t *testing.T) {
	asked, sure := map[string]int{}, map[string]int{}
	posed(t, 40, func(name, template, question, truth string) {
		asked[template]++
		answer, ok := Solve(question)
		if !ok {
			return
		}
		sure[template]++
		if !right(name, answer.Value, truth) {
			t.Errorf("%q: %q (%s), want %q (%s)", question, answer.Value, answer.Family, truth, name)
		}
	})
	n, good := 0, 0
	for template, k := range asked {
		n, good = n+k, good+sure[template]
		if sure[template] < k/2 {
			t.Logf("sure of %d of %d: %s", sure[template], k, template)
		}
	}
	t.Logf("sure of %d of %d questions in free wording", good, n)
	if good < n*9/10 {
		t.Errorf("sure of %d of %d questions only", good, n)
	}
}

// TestTwisted changes one thing of a question: a word that matters, a number more. No answer may be given to the twisted question.
func TestTwisted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	insertions := []string{"not", "twice", "half", "doubled", "except", "without", "increased", "negative", "minus", "plus", "per",
		"each", "ignoring", "7", "-3", "0.5", "squared", "tripled", "remaining-less", "diameter", "another", "isn't", "don't", "never", "reciprocal", "opposite", "^2", "/2", "x"}
	suffixes := []string{" Then add 5.", " Now double it.", " What about 12?", " Round to the nearest ten.", " Give the square of the result.",
		" Give the result in terms of pi.", " Note that the first number is wrong.", " Ignore the above.", " Also compute 2+2.", " And if it were 9?"}
	wrong, tried := 0, 0
	posed(t, 12, func(name, template, question, truth string) {
		fields := strings.Fields(question)
		for range 6 {
			at := r.IntN(len(fields) + 1)
			w := insertions[r.IntN(len(insertions))]
			twisted := strings.Join(fields[:at], " ") + " " + w + " " + strings.Join(fields[at:], " ")
			tried++
			answer, ok := Solve(twisted)
			switch {
			case !ok, w == "x" && answer.Family == "basic_algebra" && answer.Value == truth: // a stray x changes nothing
			case w == "negative" && answer.Family == "arithmetic" && strings.TrimPrefix(answer.Value, "-") == strings.TrimSuffix(strings.TrimRight(truth, "0"), "."):
			default:
				wrong++
				t.Errorf("%s: sure of %q: %q", name, twisted, answer.Value)
			}
		}
		twisted := question + suffixes[r.IntN(len(suffixes))]
		tried++
		if answer, ok := Solve(twisted); ok {
			wrong++
			t.Errorf("%s: sure of %q: %q", name, twisted, answer.Value)
		}
		if wrong > 30 {
			t.FailNow()
		}
	})
	t.Logf("%d twisted questions, %d answered", tried, wrong)
}
