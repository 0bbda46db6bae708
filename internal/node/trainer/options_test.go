package trainer

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/config"
)

// TestOptions reads what the reference reads, with its defaults.
func TestOptions(t *testing.T) {
	o, err := ReadOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.Settings, DefaultSettings()) {
		t.Errorf("defaults are %+v", o.Settings)
	}
	if o.Policy.EnvID != "triton_kernel" || !o.Patches || o.Interval != 10 || o.Format != patch.V31 || o.WeightDecay != 0.1 || o.Attempts != 3 || o.Pause != time.Minute ||
		o.Retention != (checkpoint.Retention{Full: 3, Delta: 15, Every: 10}) || o.KeepActivations || o.Processes != 1 {
		t.Errorf("defaults are %+v", o)
	}
	// The examples of .env.example are the defaults, but for the environment.
	examples := map[string]string{}
	for _, v := range config.Variables() {
		if strings.HasPrefix(v.Name, "GRAIL_") {
			examples[v.Name] = v.Example
		}
	}
	delete(examples, checkpoint.VarEnvID)
	delete(examples, checkpoint.VarGPUEval)
	from, err := ReadOptions(examples)
	if err != nil || !reflect.DeepEqual(from, o) {
		t.Errorf("examples give %+v, %v, want %+v", from, err, o)
	}
	full := map[string]string{
		"GRAIL_ENV_ID": "mbpp", "GRAIL_TRAINER_LR": "2e-6", "GRAIL_LR_SCHEDULER_TYPE": "Cosine", "GRAIL_SCHEDULER_ETA_MIN": "1e-9", "GRAIL_WARMUP_FRACTION": "0.1",
		"GRAIL_TRAINER_TOTAL_WINDOWS": "1_000", "GRAIL_TRAINER_MICRO_BATCH_SIZE": " 2 ", "GRAIL_TRAINER_GRAD_ACCUM_STEPS": "128", "GRAIL_TRAINER_USE_IS": "0",
		"GRAIL_GRPO_VARIANT": "GSPO", "GRAIL_IMPORTANCE_SAMPLING_LEVEL": "token", "GRAIL_ADV_ESTIMATOR": "dr_grpo", "GRAIL_GRPO_MAX_GROUPS": "8", "GRAIL_DELTA_FORMAT": "v2",
		"GRAIL_DELTA_CHECKPOINT_ENABLED": "0", "GRAIL_DELTA_BASE_INTERVAL": "-3", "GRAIL_UPLOAD_RETRY_BACKOFF_BASE": "0.5", "GRAIL_TRAINER_USE_GRADIENT_CHECKPOINTING": "false",
	}
	if o, err = ReadOptions(full); err != nil {
		t.Fatal(err)
	}
	s := o.Settings
	if o.Policy.EnvID != "mbpp" || s.Schedule.Peak != 2e-6 || !s.Schedule.Cosine || s.Schedule.Floor != 1e-9 || s.Schedule.Warmup != 0.1 || s.Schedule.Total != 1000 ||
		s.GRPO.MicroBatch != 2 || s.GRPO.Accumulation != 128 || !s.GRPO.NoRatio || s.GRPO.Variant != grpo.DrGRPO || s.GRPO.Level != grpo.TokenLevel ||
		s.GRPO.Estimator != grpo.EstimateDrGRPO || s.Filters.MaxGroups != 8 || o.Format != patch.V2 || o.Patches || o.Interval != 1 || o.Pause != time.Second/2 || !o.KeepActivations {
		t.Errorf("%+v", o)
	}
	if line := o.String(); strings.Contains(line, "\n") || !strings.Contains(line, "learning rate 2e-06 (cosine to 1e-09") || !strings.Contains(line, "mbpp") {
		t.Errorf("told as %q", line)
	}
	if text := string(o.TrainingConfig().AppendDefault(nil)); !strings.Contains(text, `"lr": 2e-06`) || !strings.Contains(text, `"micro_batch_size": 2`) {
		t.Errorf("metadata say %s", text)
	}
}

func TestOptionsRefused(t *testing.T) {
	for name, values := range map[string][]string{
		"GRAIL_TRAINER_LR": {"hunter2", "0", "-1", "nan", "inf", "2"}, "GRAIL_TRAINER_MICRO_BATCH_SIZE": {"0", "1.5", "hunter2", "99999999999999999999"},
		"GRAIL_TRAINER_KL_COEF": {"-0.1", "nan", "inf"}, "GRAIL_WARMUP_FRACTION": {"1.1"}, "GRAIL_LR_SCHEDULER_TYPE": {"hunter2"}, "GRAIL_GRPO_VARIANT": {"hunter2"},
		"GRAIL_IMPORTANCE_SAMPLING_LEVEL": {"hunter2"}, "GRAIL_ADV_ESTIMATOR": {"hunter2"}, "GRAIL_TRAINER_USE_IS": {"hunter2"}, "GRAIL_DELTA_CHECKPOINT_RETENTION_LIMIT": {"9"},
		"GRAIL_TRAINER_MAX_LENGTH": {"1"}, "GRAIL_UPLOAD_RETRY_BACKOFF_BASE": {"0"}, "GRAIL_THINKING_MODE": {"loud"}, "GRAIL_TRAINER_ADV_CLIP_PERCENTILE": {"101"},
	} {
		for _, v := range values {
			_, err := ReadOptions(map[string]string{name: v})
			if err == nil || !errors.Is(err, ErrOption) && !errors.Is(err, checkpoint.ErrSetting) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s=%s: %v", name, v, err)
			}
		}
	}
	if _, err := ReadOptions(map[string]string{"GRAIL_ENV_ID": ""}); !errors.Is(err, checkpoint.ErrSetting) {
		t.Errorf("without an environment: %v", err)
	}
}
