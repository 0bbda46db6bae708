package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/model/chat"
	"github.com/nanteos/nanteos/task"
)

func newTaskShow(t terminal) *cobra.Command {
	p := problem{t: t}
	cmd := &cobra.Command{
		Use:   "show ENV",
		Short: "show the problem of a seed",
		Long: `show prints what a model is asked: the messages, the text that they are rendered to, and what else is known of the
problem, such as the right answer. The text is ChatML, as the trainer's template renders it in the instructed mode; in the native
mode a checkpoint brings a template of its own, which may say more.`,
		Example: "  nanteos task show sat --seed 7\n  nanteos task show gsm8k --seed 3 --mode native --split test --json",
		Args:    arguments("ENV", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.env = args[0]
			return p.show(cmd)
		},
	}
	p.flags(cmd)
	return cmd
}

// shown is the answer of task show.
type shown struct {
	posed
	// Messages are the chat, with the system message of the mode in front.
	Messages []task.Message `json:"messages"`
	// Text is what they are rendered to.
	Text     string         `json:"text"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

func (p *problem) show(cmd *cobra.Command) (err error) {
	k := kit(p.t, true)
	defer func() { err = errors.Join(err, k.Close()) }()
	one, err := p.pose(cmd.Context(), cmd, k)
	if err != nil {
		return err
	}
	out := shown{posed: one, Messages: one.mode.Prepare(one.task.Messages())}
	template, err := chat.Parse(chat.Instructed)
	if err != nil {
		return err
	}
	messages := make([]chat.Message, len(out.Messages))
	for i, m := range out.Messages {
		messages[i] = chat.Message(m)
	}
	if out.Text, err = template.Render(messages, chat.Options{AddGenerationPrompt: true}); err != nil {
		return err
	}
	if d, ok := one.task.(task.Described); ok {
		out.Metadata = d.Metadata()
	}
	if p.json {
		return printJSON(p.t, out)
	}
	if _, err := io.WriteString(p.t.out, out.text(p.t)); err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return nil
}

// head says which problem it is.
func (p posed) head() string {
	line := fmt.Sprintf("%s, seed %d, %s", p.Env, p.Seed, p.Mode)
	if p.Quirks {
		line += ", with the reference's defects"
	}
	if p.Dataset != nil {
		line += fmt.Sprintf("\ndataset %.16s…, %s, licence %s", p.Dataset.Digest, escape(p.Dataset.Source), escape(p.Dataset.Licence))
	}
	return line + "\n"
}

// text shows the problem to people. Rows of datasets are strangers' texts.
func (s shown) text(t terminal) string {
	var b strings.Builder
	b.WriteString(s.head() + s.note(t))
	for _, m := range s.Messages {
		fmt.Fprintf(&b, "\n%s:\n%s", escape(m.Role), block(m.Content))
	}
	fmt.Fprintf(&b, "\nrendered, %d characters:\n%s", len([]rune(s.Text)), block(s.Text))
	if len(s.Metadata) > 0 {
		b.WriteString("\nmetadata:\n")
		for _, name := range slices.Sorted(maps.Keys(s.Metadata)) {
			fmt.Fprintf(&b, "  %-18s %s\n", escape(name), escape(fmt.Sprint(s.Metadata[name])))
		}
	}
	return b.String()
}

// text shows the grade to people.
func (g graded) text(t terminal) string {
	var b strings.Builder
	b.WriteString(g.head() + g.note(t))
	fmt.Fprintf(&b, "\nreward   %s\nsuccess  %t\n\n%-16s %12s %8s %12s\n", shortest(g.Reward), g.Success, "component", "value", "weight", "adds")
	for _, c := range g.Components {
		fmt.Fprintf(&b, "%-16s %12s %8s %12s\n", escape(c.Name), shortest(c.Value), shortest(c.Weight), shortest(c.Value*c.Weight))
	}
	if len(g.Components) == 0 {
		b.WriteString("none: grading it broke down\n")
	}
	if len(g.Info) > 0 {
		b.WriteString("\ninfo:\n")
		for _, name := range slices.Sorted(maps.Keys(g.Info)) {
			fmt.Fprintf(&b, "  %-18s %s\n", escape(name), escape(fmt.Sprint(g.Info[name])))
		}
	}
	return b.String()
}

// shortest is a double in as few digits as tell it from all others.
func shortest(n number) string { return string(cpython.AppendFloat(nil, float64(n))) }
