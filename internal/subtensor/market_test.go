package subtensor

import "testing"

// TestMarket holds that a subnet has a market on which one side is worth the other: clients divide by what it holds, and read its price.
func TestMarket(t *testing.T) {
	n := busy(t)
	s := stateOf(n)
	if tao, alpha := s.u64(subnetTAO.net(1), 0), s.u64(subnetAlphaIn.net(1), 0); tao == 0 || tao != alpha {
		t.Errorf("the market holds %d and %d", tao, alpha)
	}
	if got, want := hexText(s.get(sqrtPrice.twox(1))), "0x00000000000000000100000000000000"; got != want {
		t.Errorf("the root of the price is %s, want %s", got, want)
	}
	entries := must[[]string](t, n, "state_getKeys", hexText([]byte(sqrtPrice)))
	if len(entries) != 1 || entries[0] != hexText([]byte(sqrtPrice.twox(1))) {
		t.Errorf("prices are under %v", entries)
	}
}
