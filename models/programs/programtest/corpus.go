package programtest

// Corpus has the programs that Mirage's saved graphs claim to compute, by the file that holds them; Right
// says whether they do.
var Corpus = []struct {
	File, Source string
	Right        bool
}{
	{"rmsnorm_bs1", `program p(X: f16[2, 4096], W: f16[4096, 6144]) -> (Y) { Y = rms_norm(X) @ W }`, true},
	{"gqa_bs1", `program p(Q: f16[2, 256, 64], K: f16[2, 64, 4096], V: f16[2, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"mqa_bs1", `program p(Q: f16[1, 1024, 64], K: f16[1, 64, 4096], V: f16[1, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"mha_bs1", `program p(Q: f16[32, 16, 64], K: f16[32, 64, 4096], V: f16[32, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"lora", `program p(X: f16[16, 256], W: f16[256, 4096], A: f16[256, 16], B: f16[16, 4096]) -> (O) { O = X @ W + X @ A @ B }`, true},
	{"gated_mlp", `program p(X: f16[8, 4096], W1: f16[4096, 4096], W2: f16[4096, 4096]) -> (O) { O = silu(X @ W1) * (X @ W2) }`, true},
	{"ntrans_bs1", `program p(H: f16[8, 4096], X: f16[8, 4096], alpha: f16[8, 4096]) -> (O) { O = rms_norm(X + alpha * (rms_norm(H) + X)) }`, true},
	{"qknorm_gqa_bs1", `program p(Q: f16[2, 256, 64], K: f16[2, 64, 4096], V: f16[2, 4096, 64]) -> (O) {
		E = exp(rms_norm(Q) @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ rms_norm(V) }`, false},
}
