// Package synapse reads and writes synapses, the typed messages of Bittensor's signed HTTP protocol (SDK 8 to 10).
//
// A synapse is a request and its answer in one object. Its class name is the route on which it travels, its fields are those of the class
// after seven base fields that every synapse has. Here a class is a Go struct:
//
//	type Sum struct {
//		Terms  []int64 `synapse:"terms,required,hash"`
//		Result int64   `synapse:"result,answer"`
//	}
//
// and [TypeOf] makes its [Type], which knows both forms in which a synapse goes over the wire: the JSON body ([Type.AppendJSON],
// [Type.ParseJSON]) and the HTTP headers ([Type.Headers], [Type.ParseHeaders]). What every synapse has besides is the [Envelope]: the
// timeout, and a [Terminal] for each end of the connection.
//
// # Struct tags
//
// The tag synapse:"name,options" names the JSON member; a field without a tag is not sent. A blank name stands for the field's own.
//
//	required   the class gives no default: a body without it is refused, and headers carry an empty value of its kind
//	hash       the body hash covers the field, and with it the caller's signature (see below)
//	answer     the field is for the server to fill; a client that knows answers copies no other field out of a reply
//
// A second tag, default:"JSON", gives the default value of a field; without it the default is the zero value of its kind ("", 0, [], {}).
// A field named timeout redeclares the base field, which is how LogicNet makes it an integer; it then must be an integer or a float.
//
// Field types are string, bool, integers, floats, slices, maps with string keys, structs tagged alike, pointers (null when nil), any, and
// [Value], which keeps any JSON value with the order of its members and the difference between 1 and 1.0.
//
// # Body hash
//
// The signature of a request covers a hash of the fields marked hash and nothing else of the body: a class without such fields has a
// body that anybody on the way can change. The hash is taken over what Python's str() gives for each value, so that 1.0 and 1 differ and a
// dict has single quotes; [PythonString] writes that form. The order is that of the fields, or what a method HashFields() []string says.
//
// Specification: bittensor-axon-dendrite sections 1, 2 and 4.
package synapse
