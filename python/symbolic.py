"""Equality of expressions by sympy: rule 2 of MATH (specification grail-environments, section 9.1).

sympy's parse_expr evaluates the text that it is given, with all of Python in reach. So these functions run nowhere but in the process of one job inside the
sandbox (grader.py), which ends with the job; memory and time are bounded from outside.
"""

_names = None


def _load():
    """Import sympy, in the fork server once, so that jobs inherit it; and fill the caches that the first simplify would fill in every job again."""
    global _names
    if _names is None:
        import sympy
        from sympy.parsing.sympy_parser import parse_expr

        sympy.simplify(parse_expr("(x+1)**2-sqrt(8)/2") - parse_expr("x**2+2*x+1.5+sin(pi/6)"))
        _names = (sympy, parse_expr, sympy.simplify)
    return _names


def preload():
    """Load what jobs need before they fork. True where sympy is installed."""
    try:
        _load()
    except ImportError:
        return False
    return True


def op_equal(job):
    """{"pred", "gold"}, both normalised -> {"equal"}. Whatever goes wrong means that the two aren't equal by this rule, as in the reference."""
    _, parse, simplify = _load()
    try:
        equal = bool(simplify(parse(job["pred"]) - parse(job["gold"])) == 0)
    except BaseException:  # the text may raise anything, SystemExit and KeyboardInterrupt too
        equal = False
    return {"equal": equal}


def op_sympy(job):
    """{} -> {"version"}: sympy's, null where it isn't installed."""
    try:
        return {"version": _load()[0].__version__}
    except ImportError:
        return {"version": None}
