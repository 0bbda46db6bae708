package synapse_test

import (
	"fmt"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// Sum is a class: its route is /Sum, its signature covers the terms, and the server fills the result.
type Sum struct {
	Terms  []int64 `synapse:"terms,required,hash"`
	Result int64   `synapse:"result,answer"`
}

func ExampleTypeOf() {
	class, err := synapse.TypeOf[Sum]()
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &Sum{Terms: []int64{1, 2}}
	envelope := synapse.NewEnvelope()
	envelope.Dendrite, envelope.Axon = nil, nil

	body, _ := class.AppendJSON(nil, &envelope, s, synapse.Spaced)
	fmt.Println(string(body))
	headers, _ := class.Headers(&envelope, s, len(body))
	for _, h := range headers {
		fmt.Printf("%s: %.40s\n", h.Name, h.Value)
	}
	// Output:
	// {"name": "Sum", "timeout": 12.0, "total_size": 0, "header_size": 0, "dendrite": null, "axon": null, "computed_body_hash": "", "terms": [1, 2], "result": 0}
	// name: Sum
	// timeout: 12.0
	// bt_header_input_obj_terms: W10=
	// header_size: 59
	// total_size: 214
	// computed_body_hash: c9f4b4b609d30d45f66c4d08626d93f490958ec0
}

func ExampleType_ParseJSON() {
	class := synapse.MustTypeOf[Sum]()
	var s Sum
	envelope, fields, err := class.ParseJSON([]byte(`{"terms": [1, 2], "timeout": 5, "unknown": true}`), &s)
	fmt.Println(s.Terms, envelope.Timeout.Or(0), fields, err)

	_, _, err = class.ParseJSON([]byte(`{"result": 3}`), &s)
	fmt.Println(err)
	// Output:
	// [1 2] 5 [terms] <nil>
	// couldn't read synapse Sum: not a valid synapse: terms: it is required
}

func ExamplePythonString() {
	v, _ := synapse.ParseValue([]byte(`{"b": [1, 1.0, null], "a": "it's"}`))
	text, _ := synapse.PythonString(v)
	fmt.Println(text)
	// Output: {'b': [1, 1.0, None], 'a': "it's"}
}

func ExampleVersion() {
	n, _ := synapse.Version("10.2.0")
	fmt.Println(n)
	// Output: 10002000
}
