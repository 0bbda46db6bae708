package trainer

import (
	"fmt"

	"github.com/nanteos/nanteos/grail/grpo"
)

// Settings are what the operator of a trainer chooses. They change what is learnt, not what the network agrees on.
type Settings struct {
	// Quirks takes the reference's manner in whom to trust and how to count; see the package comment.
	Quirks bool
	// GRPO is the loss, Filters choose groups, Schedule gives learning rates by epoch.
	GRPO     grpo.Config
	Filters  grpo.Filters
	Schedule grpo.Schedule
	// ReplayWindows are kept for further epochs, Recent is the part of an epoch that comes from the newest, Decay what an older one counts for less.
	ReplayWindows int
	Recent, Decay float64
	// GroupsPerEpoch bounds an epoch, EpochsPerWindow says how many are made.
	GroupsPerEpoch, EpochsPerWindow int
	// Adaptive moves GRPO.KL so that the divergence stays near the controller's target.
	Adaptive *grpo.AdaptiveKL
	// MinTrusted is how many miners are taken by incentive where no trust list is there, MaxStale how many windows old a list may be.
	MinTrusted, MaxStale int
	// JudgedOnly leaves out miners whose file of the window no validator has judged, where the lists name files at all; otherwise the trainer judges those
	// files itself, as it does all files where the lists name none.
	JudgedOnly bool
	// Patience is the part of a window that is waited for the trust list of the window before, from 0 to 1.
	Patience float64
}

// DefaultSettings returns the reference's settings (B11), without its defects.
func DefaultSettings() Settings {
	r := grpo.DefaultReplay()
	return Settings{
		GRPO: grpo.DefaultConfig(), Filters: grpo.DefaultFilters(),
		Schedule:      grpo.Schedule{Peak: 1e-6, Floor: 1e-7, Total: 100, Warmup: 0.05},
		ReplayWindows: r.Windows, Recent: r.Recent, Decay: r.Decay, GroupsPerEpoch: 64, EpochsPerWindow: 1,
		MinTrusted: 1, MaxStale: 5, Patience: 0.7,
	}
}

// Validate says what is wrong with the settings.
func (s Settings) Validate() error {
	for _, c := range []struct {
		bad  bool
		what string
	}{
		{s.ReplayWindows < 1 || s.ReplayWindows > 64, "the replay buffer has 1 to 64 windows"},
		{s.Recent < 0 || s.Recent > 1 || s.Decay <= 0 || s.Decay > 1, "the replay buffer's recent part is 0 to 1 and its decay above 0 to 1"},
		{s.GroupsPerEpoch < 1 || s.EpochsPerWindow < 1 || s.EpochsPerWindow > 64, "an epoch has at least one group, a window 1 to 64 epochs"},
		{s.Patience < 0 || s.Patience > 1, "patience is a part of a window, 0 to 1"},
		{s.MaxStale < 0 || s.MinTrusted < 0, "counts of windows and miners are not negative"},
		{!(s.Schedule.Peak > 0) || s.Schedule.Peak > 1, "the learning rate is above 0 and at most 1"},
		{s.Schedule.Total < 1 || s.Schedule.Warmup < 0 || s.Schedule.Warmup > 1, "the schedule has at least one window, and a warm-up that is a part of it"},
		{s.GRPO.MaxLength < 2 || s.GRPO.MicroBatch < 1 && s.GRPO.MicroTokens < 1, "sequences have two tokens or more, micro-batches a sequence or more"},
	} {
		if c.bad {
			return fmt.Errorf("couldn't use training settings: %s", c.what)
		}
	}
	if _, err := grpo.ParseVariant(string(s.GRPO.Variant)); err != nil {
		return err
	}
	if _, err := grpo.ParseLevel(string(s.GRPO.Level)); err != nil {
		return err
	}
	_, err := s.GRPO.Advantages(nil)
	return err
}
