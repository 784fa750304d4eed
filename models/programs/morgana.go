package programs

// morgana are the programs that Mirage does not have.
var morgana = []row{
	{name: "softmax_backward", formula: "softmax_backward", sizes: "M=512 N=4096", summary: "Softmax backward, 512 rows of 4096."},
	{name: "softmax_backward/odd", formula: "softmax_backward", sizes: "M=37 N=1009", summary: "Softmax backward, 37 rows of 1009."},
}
