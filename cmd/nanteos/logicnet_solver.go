package main

import "github.com/nanteos/nanteos/internal/node/logicminer"

// exactSolver answers what needs no model.
var exactSolver logicminer.Solver
