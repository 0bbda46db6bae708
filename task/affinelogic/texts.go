package affinelogic

// The texts of the puzzles, byte for byte those of AffineFoundation/affinetes (MIT, revision 5b30f90b) as the specification records them.

// dyckText stands around the prefix of a dyck_language puzzle.
var dyckText = [2]string{
	"Complete the following Dyck language sequence by adding the minimal necessary closing brackets.\n\nSequence: ",
	"\n\nRules:\n- Add only the closing brackets needed to match all unmatched opening brackets\n" +
		"- Do not add any extra bracket pairs beyond what is required\n\nProvide only the complete valid sequence.",
}

// reverseTexts are the wordings of dyck_language2: a name and what stands around the suffix.
var reverseTexts = [...]struct {
	name  string
	parts [2]string
}{
	{"direct", [2]string{
		"Complete the following Dyck language sequence by adding the minimal necessary opening brackets at the beginning.\n\n" +
			"Suffix: ",
		"\n\nRules:\n- Add only the opening brackets needed to match all unmatched closing brackets\n" +
			"- The opening brackets should be prepended to form a valid sequence\n" +
			"- Do not add any extra bracket pairs beyond what is required\n\n" +
			"Please provide your final answer (the complete valid sequence) in backticks like `answer`.",
	}},
	{"reverse_perspective", [2]string{
		"You are given the ending portion of a bracket sequence. Find the beginning.\n\nEnding: ",
		"\n\nYour task:\n- Determine what opening brackets must come before this ending\n" +
			"- The result must be a valid, balanced bracket sequence\n- Use the minimum number of opening brackets necessary\n\n" +
			"Please provide your final answer (the complete sequence) in backticks like `answer`.",
	}},
	{"puzzle", [2]string{
		"Bracket Puzzle: What's missing at the start?\n\nGiven suffix: ",
		"\n\nSolve:\n1. Each closing bracket needs a matching opening bracket\n2. Add the minimal opening brackets to the left\n" +
			"3. The final sequence must be properly nested\n\n" +
			"Please provide your final answer (the full balanced sequence) in backticks like `answer`.",
	}},
	{"technical", [2]string{
		"[DYCK LANGUAGE TASK]\n\nINPUT: ",
		"\nDIRECTION: reverse (prepend opening brackets)\n\nCONSTRAINTS:\n- Minimize added brackets\n- Result must be valid Dyck word\n" +
			"- Preserve input as suffix\n\nPlease provide your final answer in backticks like `answer`.",
	}},
	{"story", [2]string{
		"A sequence of brackets was cut, and only the end remains:\n\n\"",
		"\"\n\nRestore the missing beginning so that:\n- Every closing bracket has its opening partner\n- No extra brackets are added\n" +
			"- The sequence is properly nested\n\n" +
			"Please provide your final answer (the restored complete sequence) in backticks like `answer`.",
	}},
	{"mathematical", [2]string{
		"Let S = \"",
		"\" be a suffix of a Dyck word.\n\nFind the minimal prefix P such that P + S forms a valid Dyck word.\n\n" +
			"Please provide your final answer (P + S, the complete Dyck word) in backticks like `answer`.",
	}},
	{"qa", [2]string{
		"Q: What opening brackets should precede \"",
		"\" to form a valid bracket sequence?\n\nRequirements:\n- Use exactly the brackets needed (no more, no less)\n" +
			"- Maintain proper nesting order\n\n" +
			"Please provide your final answer (the entire resulting sequence) in backticks like `answer`.",
	}},
	{"fill_in", [2]string{
		"Fill in the blank:\n\n_____ + ",
		" = valid Dyck sequence\n\nRules:\n- The blank contains only opening brackets\n- Use the minimum required\n\n" +
			"Please provide your final answer (the complete filled sequence) in backticks like `answer`.",
	}},
}

// reasoningTexts are the wordings of dyck_language_reasoning_errors: before the sequence, between it and the thoughts, after them.
var reasoningTexts = [...][3]string{
	{
		"You are an expert in Dyck language, where you must complete bracket sequences (e.g., [], {}, <>). You need to analyze whether the bracket " +
			"matching steps are correct according to Dyck language rules.\n\n" +
			"Given an initial Dyck language sequence and steps for deriving the closing bracket sequence (given in the form of a thought process), your " +
			"task is to identify the positions with incorrect reasoning. There may be multiple errors.\n\n" +
			"Possible errors include: forgetting to close a bracket, using the wrong closing bracket, or incorrectly copying the stack state.\n" +
			"\nTask: Check the sequence and verify the bracket matching process.\nInput: ",
		"\n",
		"\n" +
			"Question: Are there any reasoning errors in this process? If no errors, output an empty string \"\"; if there are errors, output the step " +
			"numbers where errors occur.\n\nNote: If there are multiple errors, output in the format: 1,3,9",
	},
	{
		"As a Dyck language expert, you need to verify the correctness of bracket matching reasoning steps.\n\n" +
			"A Dyck sequence must have all brackets properly matched and nested. The reasoning process tracks a stack: opening brackets are pushed, and " +
			"closing brackets pop the matching opening bracket.\n\nSequence: ",
		"\n",
		"\nTask: Identify which thought steps contain errors in the stack state.\n\n" +
			"If no errors exist, output \"\". If errors exist, output the thought numbers separated by commas (e.g., 3,5,8).",
	},
}

// gameTexts are the wordings of game_of_24 with {numbers}, {operators} and {result} to fill in: 25 Chinese ones, then 25 English ones.
var gameTexts = [...]string{
	"用数字 {numbers} 和运算 {operators} 算出 {result}。",
	"给定数字 {numbers}，用 {operators} 得到 {result}。",
	"计算：{numbers} → {result}，运算符：{operators}。",
	"数字 {numbers}，目标 {result}，可用运算：{operators}。",
	"使用 {numbers} 通过 {operators} 计算 {result}。",
	"用 {numbers} 这几个数，通过 {operators} 运算得到 {result}。",
	"给定数字 {numbers}，使用算术运算 {operators} 得到 {result}。",
	"数字：{numbers}，运算符：{operators}，目标：{result}。",
	"请用 {numbers} 和 {operators} 计算出 {result}。",
	"用这些数字 {numbers} 通过 {operators} 算出 {result}。",
	"给你数字 {numbers}，用 {operators} 凑出 {result}。",
	"数字 {numbers}，想办法用 {operators} 得到 {result}。",
	"使用数字 {numbers}，运算符 {operators}，计算结果 {result}。",
	"用 {numbers}，通过 {operators} 运算，得到 {result}。",
	"给定 {numbers}，使用 {operators}，目标是 {result}。",
	"数字组合 {numbers}，运算 {operators}，目标值 {result}。",
	"利用 {numbers} 和 {operators} 计算 {result}。",
	"用这组数字 {numbers}，运算符 {operators}，算出 {result}。",
	"给定数字 {numbers}，通过 {operators} 得出 {result}。",
	"数字：{numbers}，可用运算：{operators}，目标：{result}。",
	"使用 {numbers}，运算符 {operators}，计算得到 {result}。",
	"用数字 {numbers}，通过算术运算 {operators}，得到 {result}。",
	"给你 {numbers}，用 {operators} 算出 {result}。",
	"数字 {numbers}，想办法通过 {operators} 计算出 {result}。",
	"用 {numbers} 这几个数字，运算 {operators}，目标 {result}。",
	"Use {numbers} with {operators} to get {result}.",
	"Given {numbers}, use {operators} to obtain {result}.",
	"Calculate: {numbers} → {result}, operators: {operators}.",
	"Numbers {numbers}, target {result}, available: {operators}.",
	"Use {numbers} and {operators} to compute {result}.",
	"Given the numbers {numbers}, apply {operators} to get {result}.",
	"Numbers: {numbers}, operators: {operators}, target: {result}.",
	"Use {numbers} with arithmetic operations {operators} to get {result}.",
	"Given {numbers}, use the operations {operators} to obtain {result}.",
	"Calculate {result} using {numbers} and {operators}.",
	"Using {numbers}, apply {operators} to reach {result}.",
	"Numbers {numbers}, find {result} using {operators}.",
	"Given the numbers {numbers}, apply the arithmetic operations {operators} to get the result of {result}.",
	"Use {numbers} and the operators {operators} to calculate {result}.",
	"With numbers {numbers} and operations {operators}, get {result}.",
	"Numbers: {numbers}, operations: {operators}, goal: {result}.",
	"Apply {operators} to {numbers} to obtain {result}.",
	"Using {numbers}, calculate {result} with {operators}.",
	"Given {numbers}, compute {result} using {operators}.",
	"Numbers {numbers}, target value {result}, operators {operators}.",
	"Use the numbers {numbers} with {operators} to reach {result}.",
	"Given {numbers}, use arithmetic {operators} to get {result}.",
	"Calculate {result} from {numbers} using {operators}.",
	"Numbers {numbers}, find a way to get {result} using {operators}.",
	"Using {numbers}, apply the operations {operators} to calculate {result}.",
}

// gameInstructions end the question of game_of_24.
var gameInstructions = map[string]string{
	"zh": "在回答的最后，请输出一个 ```python 代码块。代码块中仅包含一个代表答案的表达式，并且该表达式可以直接被 Python 中的 eval() 函数求值。如果无解，请输出 ```python\\nNone\\n```。",
	"en": "At the end of your response, please output a ```python code block. The code block should contain only a single expression representing the " +
		"answer, which can be directly evaluated using Python's eval() function. If there is no solution, please output ```python\\nNone\\n```.",
}

// sudokuTexts are the wordings of sudoku, by language: what stands around the grid.
var sudokuTexts = map[string][3][2]string{
	"en": {
		{
			"Solve the following Sudoku puzzle. Fill in the empty cells (marked with '.') with digits 1-9.\n\nRules:\n" +
				"- Each row must contain digits 1-9 with no repetition\n- Each column must contain digits 1-9 with no repetition\n" +
				"- Each 3x3 box must contain digits 1-9 with no repetition\n\nPuzzle:\n```\n",
			"\n```\n\nProvide your answer as the complete 9x9 grid (9 lines, 9 digits each) wrapped in triple backticks.",
		},
		{
			"Complete this Sudoku puzzle. Replace each '.' with a digit from 1 to 9.\n\n```\n",
			"\n```\n\nRules: Each row, column, and 3x3 box must contain all digits 1-9 exactly once.\n\n" +
				"Output the solved grid in the same format, wrapped in triple backticks.",
		},
		{
			"Sudoku Challenge:\n\n```\n",
			"\n```\n\nFill in the blanks ('.') following standard Sudoku rules. Output the complete solution grid wrapped in ``` marks.",
		},
	},
	"zh": {
		{
			"请解决以下数独谜题。用数字1-9填充空格（用'.'标记）。\n\n规则：\n- 每行必须包含数字1-9，不能重复\n- 每列必须包含数字1-9，不能重复\n- 每个3x3宫格必须包含数字1-9，不能重复\n\n谜题：\n```\n",
			"\n```\n\n请将完整的9x9网格（9行，每行9个数字）用三个反引号包裹后输出。",
		},
		{
			"完成这道数独题目。将每个'.'替换为1到9之间的数字。\n\n```\n",
			"\n```\n\n规则：每行、每列、每个3x3宫格都必须恰好包含数字1-9各一次。\n\n以相同格式输出解答，用三个反引号包裹。",
		},
		{
			"数独挑战：\n\n```\n",
			"\n```\n\n按照标准数独规则填充空格（'.'）。请输出完整的解答网格，用```包裹。",
		},
	},
}

// operationSymbols are what operation puzzles define.
var operationSymbols = [...]string{"△", "▽", "◇", "○", "☆", "◎", "□", "♡", "♢", "⊕", "⊗", "⊙"}
