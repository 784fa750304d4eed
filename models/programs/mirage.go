package programs

// mirage are the programs of Mirage's repository.
var mirage = []row{
	{name: "gated_mlp", formula: "gated_mlp", sizes: "M=8 K=4096 N=4096", dtype: "f16", summary: "silu(X W1) * (X W2), 8 rows: benchmark/gated_mlp.py."},
}
