package windowfile

import (
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// physical is the type in which a column is written.
func (c *column) physical() format.Type {
	switch {
	case c.kind == kindBool:
		return format.Boolean
	case c.kind == kindText:
		return format.ByteArray
	case c.kind == kindReal && c.bits == 32:
		return format.Float
	case c.kind == kindReal:
		return format.Double
	case c.bits == 32:
		return format.Int32
	}
	return format.Int64
}

// leafPath is the path of a column's leaf, with the levels of a list.
func (c *column) leafPath() []string {
	p := strings.Split(c.path, ".")
	if c.list {
		p = append(p, "list", "element")
	}
	return p
}

// schema is the Parquet schema of section 6.3, flattened depth first. Every node is optional but for the repeated level of lists.
func schema() []format.SchemaElement {
	children := map[string]int32{}
	var order []string // structs and columns in the order of their appearance
	at := map[string]*column{}
	for i := range columns {
		c := &columns[i]
		parent := ""
		for j := range c.path {
			if c.path[j] == '.' {
				if s := c.path[:j]; children[s] == 0 {
					children[parent]++
					order = append(order, s)
					parent = s
				} else {
					parent = s
				}
			}
		}
		children[parent]++
		order = append(order, c.path)
		at[c.path] = c
	}
	out := []format.SchemaElement{{
		Name: "schema", RepetitionType: thrift.New(format.Required), NumChildren: thrift.New(children[""]),
	}}
	for _, path := range order {
		name := path[strings.LastIndexByte(path, '.')+1:]
		c := at[path]
		switch {
		case c == nil:
			out = append(out, format.SchemaElement{
				Name: name, RepetitionType: thrift.New(format.Optional), NumChildren: thrift.New(children[path]),
			})
		case c.list:
			out = append(out, format.SchemaElement{
				Name: name, RepetitionType: thrift.New(format.Optional), NumChildren: thrift.New(int32(1)),
				ConvertedType: thrift.New(deprecated.List), LogicalType: format.LogicalType{Value: &format.ListType{}},
			}, format.SchemaElement{
				Name: "list", RepetitionType: thrift.New(format.Repeated), NumChildren: thrift.New(int32(1)),
			}, format.SchemaElement{
				Name: "element", RepetitionType: thrift.New(format.Optional), Type: thrift.New(c.physical()),
			})
		default:
			e := format.SchemaElement{Name: name, RepetitionType: thrift.New(format.Optional), Type: thrift.New(c.physical())}
			if c.kind == kindText {
				e.ConvertedType = thrift.New(deprecated.UTF8)
				e.LogicalType = format.LogicalType{Value: &format.StringType{}}
			}
			out = append(out, e)
		}
	}
	return out
}
