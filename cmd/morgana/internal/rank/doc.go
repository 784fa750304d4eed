// Package rank compares two orders of the same things: the predicted and the measured times of schedules.
//
//	measured ──bring pairs within noise into the predicted order──▶ ranks ──┐
//	predicted ──ranks, equal ones shared───────────────────────────────────┴─▶ Spearman
//
// # Rationale
//
// Why are pairs within the noise brought into order? Two schedules whose times differ by less than a repetition
// of one of them does cannot be ranked wrongly. Only pairs whose own times are that close change places, so that
// a chain of near equals lends nobody more than the noise.
package rank
