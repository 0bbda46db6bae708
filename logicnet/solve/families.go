package solve

import "github.com/nanteos/nanteos/logicnet/problems"

// Where a size stands: "radius of 5", or "a 5 m radius".
func sized(what string) string {
	return what + ` ~#|# (?:(?:m|cm|mm|km|meter|meters|metre|metres|centimeter|centimeters|unit|units|inches|feet) )?` + what
}

const circleWords = "circle circles circle's circular radius r units "

// families are the generators that are recognised in free wording: those that say in words what they ask, and whose answer is what
// anybody would give to that.
var families = []family{
	{name: "area_of_circle", words: circleWords + "area", need: []string{"area", "circle|circular"}, args: []string{sized("radius")}},
	{name: "circumference", words: circleWords + "circumference around", need: []string{"circumference", "circle|circular"},
		args: []string{sized("radius")}},
	{name: "sector_area", words: circleWords + "sector angle central degrees degree area", need: []string{"area", "sector", "degrees?"},
		args: []string{sized("radius"), `angle ~#|# degrees? (?:central )?(?:angle|sector)`}},
	{name: "arc_length", words: "arc length radius angle central degrees degree circle circular units", need: []string{"arc length|length of (?:the |an |this )?arc"},
		args: []string{sized("radius"), `angle ~#|# degrees? (?:central )?angle`}, build: turned},
	{name: "degree_to_rad", goal: "-", words: "convert converting conversion converted angle degrees degree radians radian measure measurement measured express expressed unit units",
		need: []string{"(?:into|to|in) radians?|radians? (?:is|are|equivalent|measure|value)"}, args: []string{`# degrees?|# - degree`}},
	{name: "radian_to_deg", goal: "-", words: "convert converting conversion converted angle degrees degree radians radian measure measurement measured express expressed unit units",
		need: []string{"(?:into|to|in) degrees?|degrees? (?:is|are|equivalent|measure|value)"}, args: []string{`# radians?`}, scale: 100},
	{name: "celsius_to_fahrenheit", goal: "-", words: "convert converting conversion converted temperature degrees degree celsius fahrenheit scale",
		need: []string{"(?:into|to|in) (?:degrees? )?fahrenheit|fahrenheit (?:is|equivalent|value|scale)"}, args: []string{`# (?:degrees? )?celsius`}},
	{name: "minutes_to_hours", goal: "-", words: "convert converting conversion converted express expressed break down minutes hours time duration & both breaking",
		need: []string{"hours (?:and|&) (?:the )?minutes"}, args: []string{`# minutes`}},
	{name: "curved_surface_area_cylinder", words: "curved lateral surface area cylinder radius height units cylindrical",
		need: []string{"(?:curved|lateral) surface area", "cylinder|cylindrical"}, args: []string{sized("radius"), sized("height")}},
	{name: "volume_cylinder", words: "volume cylinder radius height units cylindrical", need: []string{"volume", "cylinder|cylindrical"},
		args: []string{sized("height"), sized("radius")}},
	{name: "surface_area_cylinder", words: "total surface area cylinder radius height units", need: []string{"surface area", "cylinder"},
		args: []string{sized("height"), sized("radius")}},
	{name: "volume_cone", words: "volume cone radius height units conical", need: []string{"volume", "cone|conical"},
		args: []string{sized("height"), sized("radius")}},
	{name: "surface_area_cone", words: "total surface area cone radius height units", need: []string{"surface area", "cone"},
		args: []string{sized("height"), sized("radius")}},
	{name: "volume_cube", words: "volume cube side sides length units edge", need: []string{"volume", "cube"},
		args: []string{`(?:side|edge) (?:length )?~#|sides (?:length )?~#`}},
	{name: "surface_area_cube", words: "total surface area cube side sides length units edge", need: []string{"surface area", "cube"},
		args: []string{`(?:side|edge) (?:length )?~#|sides (?:length )?~#`}},
	{name: "volume_sphere", words: "volume sphere radius units spherical", need: []string{"volume", "sphere"}, args: []string{sized("radius")}},
	{name: "surface_area_sphere", words: "total surface area sphere radius units", need: []string{"surface area", "sphere"},
		args: []string{sized("radius")}},
	{name: "volume_hemisphere", words: "volume hemisphere hemispherical radius units", need: []string{"volume", "hemisphere|hemispherical"},
		args: []string{sized("radius")}},
	{name: "volume_pyramid", words: "volume pyramid base length width height units rectangular", need: []string{"volume", "pyramid"},
		args: []string{`(?:base )?length ~#`, `(?:base )?width ~#`, sized("height")}},
	{name: "area_of_trapezoid", words: "area trapezoid trapezium height base bases lengths length parallel sides units", need: []string{"area", "trapezoid|trapezium"},
		args: []string{sized("height"), `bases?(?: lengths?)? ~# (?:(?:m|cm|units) )?(?:and|,) -?[0-9]+`, `bases?(?: lengths?)? ~-?[0-9]+ (?:(?:m|cm|units) )?(?:and|,) #`}},
	{name: "third_angle_of_triangle", words: "third remaining missing angle angles triangle degrees degree measure measuring two other interior measures measure", list: true,
		need: []string{"(?:third|remaining|missing) (?:interior )?angle", "triangle"}, build: angles(2)},
	{name: "fourth_angle_of_quadrilateral", words: "fourth remaining missing angle angles quadrilateral degrees degree other interior measures measure",
		list: true, need: []string{"(?:fourth|remaining|missing) (?:interior )?angle", "quadrilateral"}, build: angles(3)},
	{name: "area_of_triangle", words: "area triangle side sides length lengths units", list: true,
		need: []string{"area", "triangle", "side|sides"}, build: exactly(3)},
	{name: "pythagorean_theorem", words: "hypotenuse right triangle right-angled measure measures two other sides side length lengths legs units", list: true,
		need: []string{"hypotenuse", "right|right-angled"}, build: exactly(2)},
	{name: "sum_of_polygon_angles", words: "sum total interior angles polygon sides sided", need: []string{"(?:sum|total) (?:of )?(?:all )?(?:the )?interior angles", "polygon"},
		args: []string{`# (?:- )?(?:sides|sided)`}},
	{name: "perimeter_of_polygons", words: "perimeter polygon sided sides side length lengths units", list: true, count: true,
		need: []string{"perimeter", "polygon"}},
	{name: "greatest_common_divisor", words: "gcd greatest highest common divisor factor two pair of integers",
		need: []string{"gcd|(?:greatest|highest) common (?:divisor|factor)"}, list: true, build: exactly(2)},
	{name: "lcm", words: "lcm least lowest smallest common multiple two pair integers", need: []string{"lcm|(?:least|lowest|smallest) common multiple"}, list: true, build: exactly(2)},
	{name: "factors", words: "factors divisors factor all every integer positive list", need: []string{"(?:factors|divisors) of"}, args: []string{`(?:factors|divisors) ~(?:number |integer )?#|# : (?:factors|divisors)`}},
	{name: "prime_factors", words: "prime factors factorization integer list all", need: []string{"prime factors"}, args: []string{`(?:factors|of) (?:the )?(?:number |integer )?#`}},
	{name: "common_factors", words: "common factors divisors all two list pair integers", need: []string{"common (?:factors|divisors)"}, list: true, build: exactly(2)},
	{name: "is_prime", goal: "-", deny: "what|what's|which|how|find|when|where|who", words: "prime integer whether", need: []string{"prime"}, args: []string{`(?:is|if|whether|of) (?:the )?(?:number |integer )?#`}},
	{name: "is_composite", goal: "-", deny: "what|what's|which|how|find|when|where|who", words: "composite integer whether", need: []string{"composite"}, args: []string{`(?:is|if|whether|of) (?:the )?(?:number |integer )?#`}},
	{name: "is_leap_year", goal: "-", deny: "what|what's|which|how|find|when|where|who", words: "leap year whether", need: []string{"leap year"}, args: []string{`(?:is|if|whether|year) (?:the )?(?:year )?#`}},
	{name: "factorial", goal: "-", deny: "which", words: "factorial factorials", need: []string{"factorial", "factorial of|# factorial"}, args: []string{`# factorial|factorial ~(?:number )?#`}},
	{name: "percentage", goal: "-", words: "% percent percentage", need: []string{`# (?:%|percent) of (?:the )?(?:number |value )?#`}, args: []string{`# (?:%|percent) of`, `(?:%|percent) of (?:the )?(?:number |value )?#`}},
	{name: "percentage_difference", words: "percentage difference between", need: []string{"percentage difference"}, list: true, build: exactly(2)},
	{name: "percentage_error", words: "percentage error percent observed exact", need: []string{"(?:percentage|percent) error"},
		args: []string{`observed (?:value )?~#`, `exact (?:value )?~#`}},
	{name: "simple_interest", words: "number-of over simple interest principal principle amount sum dollars dollar rate % percent annual annually period time years year earned accrued",
		need: []string{"simple interest"}, args: []string{`(?:principal|principle|amount)(?: amount| sum)? ~#|# dollars`, `# (?:%|percent)`, `# years?|# - year`}},
	{name: "combinations", words: "number-of combinations combination objects items picked chosen selected choose pick select time once different ways distinct set group",
		need: []string{"combinations?"}, args: []string{`# (?:different |distinct )?(?:objects|items)`, `# (?:objects |items )?at (?:a|once)(?: time)?`}},
	{name: "permutation", words: "number-of permutations permutation objects items picked chosen selected choose pick select time once distinct different set group",
		need: []string{"permutations?"}, args: []string{`# (?:different |distinct )?(?:objects|items)`, `# (?:objects |items )?at (?:a|once)(?: time)?`}},
	{name: "midpoint_of_two_points", words: "midpoint middle between two points point coordinates segment line connecting joining ( )", need: []string{"midpoint"},
		args: coordinates},
	{name: "distance_two_points", words: "distance between two points point coordinates plane ( )", need: []string{"distance"}, args: coordinates},
	{name: "line_equation_from_2_points", words: "equation line straight passing passes pass that points point two coordinates ( )", need: []string{"equation", "line"},
		args: coordinates},
	{name: "decimal_to_binary", words: "convert converting decimal binary representation form base notation number expressed express written equivalent", goal: "-", deny: `binary (?:[a-z]+ )*(?:is|equals|to|=|:) (?:[a-z]+ )*#|binary (?:number|value|digits?|decimal|:|=|is|#)|(?:in|to|into|as) (?:a |the |its )?decimal|decimal (?:value|form|representation|equivalent|notation)|(?:number|value) (?:has|is|with)|base`,
		need: []string{"(?:to|in|into|as) (?:a |an |its )?binary|binary (?:representation|form|of|equivalent|notation)"},
		args: []string{`(?:decimal(?: number)?|of|number|convert|represent|is|value) (?:the )?(?:decimal )?(?:number )?#`}},
	{name: "decimal_to_octal", words: "convert converting decimal octal representation form notation expressed express written equivalent", goal: "-", deny: `octal (?:[a-z]+ )*(?:is|equals|to|=|:) (?:[a-z]+ )*#|octal (?:number|value|digits?|decimal|:|=|is|#)|(?:in|to|into|as) (?:a |the |its )?decimal|decimal (?:value|form|representation|equivalent|notation)|(?:number|value) (?:has|is|with)|base`,
		need: []string{"(?:to|in|into|as) (?:a |an |its )?octal|octal (?:representation|form|of|equivalent|notation)"},
		args: []string{`(?:decimal(?: number)?|of|number|convert|value) (?:the )?(?:decimal )?(?:number )?#`}},
	{name: "decimal_to_hexadeci", words: "convert converting decimal hexadecimal representation form notation expressed express written equivalent", goal: "-", deny: `hexadecimal (?:[a-z]+ )*(?:is|equals|to|=|:) (?:[a-z]+ )*#|hexadecimal (?:number|value|digits?|decimal|:|=|is|#)|(?:in|to|into|as) (?:a |the |its )?decimal|decimal (?:value|form|representation|equivalent|notation)|(?:number|value) (?:has|is|with)|base`,
		need: []string{"(?:to|in|into|as) (?:a |an |its )?hexadecimal|hexadecimal (?:representation|form|of|equivalent|notation)"},
		args: []string{`(?:decimal(?: number)?|of|number|convert|value) (?:the )?(?:decimal )?(?:number )?#`}},
	{name: "decimal_to_roman_numerals", goal: "-", words: "convert converting expressed express written write represented represent representation roman numeral numerals form",
		need: []string{"roman numerals?"}, args: []string{`(?:of|number|convert|express|write|represent|value|is) (?:the )?(?:number )?#`}},
	{name: "velocity_of_object", words: "covering object car velocity uniform travels traveling travelling travel moves moving covers distance seconds second constant speed m meters",
		need: []string{"(?:is|be|determine|calculate|find|compute) (?:the |its )velocity"}, goal: "-", args: []string{`# (?:m|meters|metres)`, `# (?:s|seconds)`}},
	{name: "geometric_mean", words: "geometric mean set [ ]", need: []string{"geometric mean"}, list: true, count: true},
	{name: "vector_dot", words: "dot scalar product vector vectors · [ ] |", list: true,
		need: []string{"(?:dot|scalar) product", `\[ # , # , # \] (?:and|·) (?:the )?(?:vector )?\[ # , # , # \]`}, build: exactly(6)},
	{name: "vector_cross", words: "cross vector product vectors × [ ] |", list: true,
		need: []string{"cross product", `\[ # , # , # \] (?:and|×) (?:the )?(?:vector )?\[ # , # , # \]`}, build: exactly(6)},
	{name: "orthogonal_projection", words: "orthogonal projection vector onto [ ] |", list: true,
		need: []string{"orthogonal projection|projection", `projection of (?:the )?(?:vector )?\[ # , # \] onto (?:the )?(?:vector )?\[ # , # \]`}, build: exactly(4)},
	{name: "int_matrix_22_determinant", words: "determinant matrix [ ] | &", list: true,
		need: []string{"determinant", `\[ # & # \| # & # \]|\[ \[ # , # \] , \[ # , # \] \]`}, build: exactly(4)},
	{name: "invert_matrix", words: "inverse matrix [ ] | &", list: true,
		need: []string{"inverse", `\[ # & # & # \| # & # & # \| # & # & # \]|\[ \[ # , # , # \] , \[ # , # , # \] , \[ # , # , # \] \]`}, build: exactly(9)},
	{name: "profit_loss_percent", words: "profit percent percentage cost price selling cp sp dollars", need: []string{"profit percent|profit percentage|percentage profit"},
		args: []string{`(?:cost price|cp) ~#`, `(?:selling price|sp) ~#`}, build: rising},
	{name: "profit_loss_percent", words: "loss percent percentage cost price selling cp sp dollars", need: []string{"loss percent|loss percentage|percentage loss"},
		args: []string{`(?:cost price|cp) ~#`, `(?:selling price|sp) ~#`}, build: falling},
	{name: "basic_algebra", goal: "-", words: "x + equation", need: []string{"[a-z']+ x", `# x \+ # = #`, "(?:solve|find|what is|value of|determine) (?:for )?(?:the value of )?x"},
		args: []string{`# x`, `\+ #`, `= #`}},
	{name: "combinations", goal: "-", words: "many ways combinations choose select objects items object distinct different set group total",
		need: []string{"how many (?:different |distinct |possible )?ways", "choose|select"},
		args: []string{`from (?:a |the |set |group |total |of )*#`, `(?:choose|select) # (?:distinct |different )?(?:objects|items)`}},
	{name: "modulo_division", goal: "-", words: "modulo mod", need: []string{"(?:what|calculate|compute|find|determine|evaluate|value|result) [a-z ]*# (?:modulo|mod) #"},
		args: []string{`# (?:modulo|mod)`, `(?:modulo|mod) #`}},
	{name: "modulo_division", goal: "-", words: "remainder divided dividing division", need: []string{"remainder (?:when|if|of) (?:you )?(?:# is divided by #|dividing # by #)"},
		args: []string{`# (?:is divided )?by`, `by #`}},
	{name: "absolute_difference", words: "absolute difference between", list: true, need: []string{"absolute difference"}, build: exactly(2)},
	{name: "complementary_and_supplementary_angle", words: "supplementary supplement angle degrees degree measure", list: true,
		need: []string{"supplementary angle|supplement", "angle|degrees"}, build: angle(180)},
	{name: "complementary_and_supplementary_angle", words: "complementary complement angle degrees degree measure", list: true,
		need: []string{"complementary angle|complement", "angle|degrees"}, build: angle(90)},
}

var coordinates = []string{
	`\( # , -?[0-9.]+ \) and (?:the point )?\( -?[0-9.]+ , -?[0-9.]+ \)`, `\( -?[0-9.]+ , # \) and (?:the point )?\( -?[0-9.]+ , -?[0-9.]+ \)`,
	`\( -?[0-9.]+ , -?[0-9.]+ \) and (?:the point )?\( # , -?[0-9.]+ \)`, `\( -?[0-9.]+ , -?[0-9.]+ \) and (?:the point )?\( -?[0-9.]+ , # \)`,
}

// exactly wants n numbers.
func exactly(n int) func(problems.Args) problems.Args {
	return func(a problems.Args) problems.Args {
		if len(a) != n {
			return nil
		}
		return a
	}
}

// rising wants a selling price above the cost price, falling one below: a loss is no profit.
func rising(a problems.Args) problems.Args {
	if a[1] <= a[0] {
		return nil
	}
	return a
}

func falling(a problems.Args) problems.Args {
	if a[1] >= a[0] {
		return nil
	}
	return a
}

// leastAngle is the least angle that can only be meant in degrees: a turn has 6.28 radians.
const leastAngle = 7

// angles wants n angles in degrees.
func angles(n int) func(problems.Args) problems.Args {
	return func(a problems.Args) problems.Args {
		sum := 0
		for _, v := range a {
			sum += v
		}
		if len(a) != n || sum < leastAngle {
			return nil
		}
		return a
	}
}

// turned wants an angle in degrees after the radius.
func turned(a problems.Args) problems.Args {
	if a[1] < leastAngle {
		return nil
	}
	return a
}

// angle wants one angle, which another completes to the given sum.
func angle(sum int) func(problems.Args) problems.Args {
	return func(a problems.Args) problems.Args {
		if len(a) != 1 || a[0] < leastAngle {
			return nil
		}
		return problems.Args{sum, a[0]}
	}
}
