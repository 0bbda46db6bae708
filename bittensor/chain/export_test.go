package chain

// Columns is the chain's form of a metagraph, for benchmarks.
type Columns = columns

// Neurons makes rows of columns.
func Neurons(c *Columns) []Neuron {
	list := make([]Neuron, len(c.Hotkeys))
	c.fill(list)
	return list
}
